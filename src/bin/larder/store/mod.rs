//! `larder store`: objects of stores, by the names that a configuration gives them or by URLs.

mod arguments;
mod failure;
mod get;
mod json;
mod ls;
mod progress;
mod put;
mod rm;
mod stat;
mod status;
mod target;
mod warm;

use super::{NOT_UNDERSTOOD, say};
use arguments::{Arguments, Command};
use failure::Failure;
use std::ffi::OsString;
use std::process::ExitCode;

const HELP: &str = "\
larder store get    STORE PATH [FILE]       reads an object into FILE, or to standard output (`-`)
larder store put    STORE PATH [FILE]       writes an object from FILE, or from standard input (`-`)
larder store ls     STORE [PREFIX]          lists what is directly below PREFIX
larder store stat   STORE PATH              tells what is known of an object
larder store rm     STORE PATH...           deletes objects
larder store warm   STORE [PREFIX...]       reads objects once, so that there are copies of them
larder store status STORE                   tells what is kept, in the order in which it would go

STORE is the name of a store in a configuration, [store.NAME], or a URL: s3://bucket/prefix, gs://bucket/prefix,
az://container/prefix, https://host/path, or a directory (/path or ./path). A URL is read and written past any cache,
with the keys of the environment (AWS_.., GOOGLE_.., AZURE_..).

  --config FILE     the configuration; otherwise $LARDER_CONFIG, otherwise larder.toml here
  --remote          get, put, ls, stat, rm: past the local copies, straight to the remote. A program that has the store open
                    has its directory for itself: this works beside it
  --json            ls, stat, status: a JSON object on each line
  -r, --recursive   ls: all that is below PREFIX; rm: all below each PATH, everything below `/`
  --all             status: every object, not just the first 20
  --jobs N          warm: so many objects at a time (4)
  -q, --quiet       no progress on the terminal

`get` writes FILE whole or not at all; a link stays a link, and a device or a pipe gets the bytes as they come. `put` makes the object visible when all of it is there.

Exit codes: 0 done, 1 it failed, 2 not understood, 3 there is no such object.
";

/// Runs one of the commands.
pub(super) fn run(arguments: &[OsString]) -> ExitCode {
    let outcome = Arguments::parse(arguments).and_then(|parsed| match parsed {
        None => Ok(say(HELP, 0)),
        Some(arguments) => execute(&arguments).map(|()| ExitCode::SUCCESS),
    });
    outcome.unwrap_or_else(|failure| {
        let (message, code) = match failure {
            // Whoever reads from us has had enough.
            Failure::Closed => return ExitCode::SUCCESS,
            Failure::Usage(message) => (message, NOT_UNDERSTOOD),
            Failure::Failed(message) => (message, 1),
            Failure::Missing(message) => (message, 3),
        };
        eprintln!("larder: {message}");
        ExitCode::from(code)
    })
}

fn execute(arguments: &Arguments) -> Result<(), Failure> {
    // Parts are sent by its thread while this one waits for more to be read.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("no runtime: {error}")))?;
    let target = target::open(arguments)?;
    runtime.block_on(async {
        let outcome = match arguments.command {
            Command::Get => get::run(arguments, &target).await,
            Command::Put => put::run(arguments, &target).await,
            Command::Ls => ls::run(arguments, &target).await,
            Command::Stat => stat::run(arguments, &target).await,
            Command::Rm => rm::run(arguments, &target).await,
            Command::Warm => warm::run(arguments, &target).await,
            Command::Status => status::run(arguments, &target),
        };
        let sent = match arguments.command {
            Command::Put | Command::Rm => target.send().await,
            _ => Ok(()),
        };
        target.close().await;
        outcome.and(sent)
    })
}
