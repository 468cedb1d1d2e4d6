//! The command line.

use crate::report::Report;
use std::path::PathBuf;

pub const USAGE: &str = "\
usage: cargo run --release -- BENCH [--quick] [--json] [--rounds N] [--only SYSTEM[,SYSTEM..]] [--trace FILE]

  hit      decorated hits: u64 and string keys, 1 and 2 threads, a million entries, async, refresh-ahead
  miss     every call is a miss and evicts
  mix      Zipf requests at about 75 % hits
  memory   bytes of resident memory per entry
  ratio    hit ratio on a trace (--trace FILE or $LARDER_TRACE; without one, on synthetic requests)
  herd     100 callers on one cold key
  torture  single flight with panicking, aborted and abandoned leaders, and with recursion
  build    time to compile a crate with 300 cached functions
  far      memcached, redis, files, tiered, codec; --only takes these names; starts its own servers
  tags     decorated hits with 1, 2 and 4 tags; invalidations of 10 and of 100 000 entries
  reload   reading 200 regions again and following them, while another thread calls
  stores   object stores behind local copies: hits, first reads, many readers, a large index; --only takes hit,
           first, herd, index; starts its own S3 server
  all      all of these

  --quick  fewer rounds: each bench ends within 40 seconds
  --json   one JSON object per row";

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    pub quick: bool,
    pub report: Report,
    pub trace: Option<PathBuf>,
    rounds: Option<usize>,
    only: Vec<String>,
}

impl Options {
    /// Reads the arguments after the bench's name.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options {
            quick: false,
            report: Report { json: false },
            trace: None,
            rounds: None,
            only: Vec::new(),
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--json" => options.report.json = true,
                "--trace" => options.trace = Some(value()?.into()),
                "--rounds" => {
                    options.rounds = Some(value()?.parse().map_err(|_| "--rounds needs a number")?)
                }
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                _ => return Err(format!("unknown argument {arg}")),
            }
        }
        Ok(options)
    }

    /// Rounds to run: as asked, else by the mode.
    pub fn rounds(&self, full: usize, quick: usize) -> usize {
        self.rounds.unwrap_or(if self.quick { quick } else { full }).max(1)
    }

    /// Does the system take part?
    pub fn takes(&self, system: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == system)
    }
}
