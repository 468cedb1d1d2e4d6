//! `larder store`: objects of stores, by the names that a configuration gives them or by URLs.

mod arguments;
mod failure;
mod get;
mod input;
mod json;
mod ls;
mod output;
mod progress;
mod put;
mod rm;
mod stat;
mod status;
mod stop;
mod target;
mod trouble;
mod warm;

use super::{NOT_UNDERSTOOD, say};
use arguments::{Arguments, Command};
use failure::Failure;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;
use stop::Stop;
use target::Target;

const HELP: &str = "\
larder store get    STORE PATH [FILE]       reads an object into FILE, or to standard output (`-`)
larder store put    STORE PATH [FILE]       writes an object from FILE, or from standard input (`-`)
larder store ls     STORE [PREFIX]          lists what is directly below PREFIX
larder store stat   STORE PATH              tells what is known of an object
larder store rm     STORE PATH...           deletes objects
larder store warm   STORE [PREFIX...]       reads objects once, so that there are copies of them
larder store status STORE                   tells what is kept, in the order in which it would go, and what waits to be
                                            sent, with what the remote said to it; also while a program has it open

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

Exit codes: 0 done, 1 it failed, 2 not understood, 3 there is no such object, 130 and 143 stopped by SIGINT (Ctrl-C) and
SIGTERM. Stopped, `get` leaves no part of FILE, and `put` no part of the object.
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
            Failure::Stopped(signal, what) => {
                (format!("stopped by {}: {what}", signal.name()), signal.code())
            }
        };
        eprintln!("larder: {message}");
        ExitCode::from(code)
    })
}

/// A store comes to rest in so much time after the command was asked to end.
const REST: Duration = Duration::from_secs(5);

fn execute(arguments: &Arguments) -> Result<(), Failure> {
    // Parts are sent by its thread, too.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("no runtime: {error}")))?;
    let target = match target::open(arguments) {
        Err(failure) if arguments.command == Command::Status => match status::owner(arguments) {
            Some(owner) => return status::elsewhere(arguments, owner),
            None => return Err(failure),
        },
        target => target?,
    };
    let outcome = runtime.block_on(async {
        let stop = Stop::listen(arguments.at_once());
        let stop = stop.map_err(|error| Failure::Failed(format!("no signals: {error}")))?;
        let outcome = command(arguments, &target, &stop).await;
        rest(arguments, target, &stop, outcome).await
    });
    if let Err(Failure::Stopped(..)) = outcome {
        // What a thread is writing to a disk is ended by it.
        runtime.shutdown_timeout(REST);
    }
    outcome
}

async fn command(arguments: &Arguments, target: &Target, stop: &Stop) -> Result<(), Failure> {
    let work = async {
        match arguments.command {
            Command::Get => get::run(arguments, target).await,
            Command::Ls => ls::run(arguments, target).await,
            Command::Stat => stat::run(arguments, target).await,
            Command::Rm => rm::run(arguments, target).await,
            Command::Warm => warm::run(arguments, target).await,
            Command::Status => status::run(arguments, target).await,
            // What it has begun it takes back by itself.
            Command::Put => put::run(arguments, target, stop).await,
        }
    };
    let outcome = match arguments.command {
        Command::Put => work.await,
        _ => stop.or(work).await.unwrap_or_else(|signal| {
            Err(Failure::Stopped(signal, arguments.stopped(&target.name)))
        }),
    };
    let Err(Failure::Missing(text)) = outcome else { return outcome };
    let home = stop.or(target.without_home()).await;
    Err(match (home, arguments.command) {
        (Ok(Some(failure)), _) => failure,
        (_, Command::Put | Command::Ls) => Failure::Failed(text),
        _ => Failure::Missing(text),
    })
}

/// What was written is sent, and the store is closed.
async fn rest(
    arguments: &Arguments,
    target: Target,
    stop: &Stop,
    outcome: Result<(), Failure>,
) -> Result<(), Failure> {
    if let Err(Failure::Stopped(..)) = outcome {
        // What is not kept in time is fetched again.
        let _ = tokio::time::timeout(REST, target.close()).await;
        return outcome;
    }
    let stopped = |what: &str| {
        let what = format!("`{}` of {} is done, {what}", arguments.command.name(), target.name);
        move |signal| Failure::Stopped(signal, what)
    };
    let unsent = stopped("but its remote may not know yet: whoever opens the store next sends it");
    let unkept = stopped("but what was fetched last may not be kept");
    let sent = match arguments.command {
        Command::Put | Command::Rm => stop.or(target.send()).await.map_err(unsent).flatten(),
        _ => Ok(()),
    };
    let closed = stop.or(target.close()).await.map_err(unkept);
    outcome.and(sent).and(closed)
}
