//! The words of a command.

use super::failure::Failure;
use lexopt::prelude::*;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Get,
    Put,
    Ls,
    Stat,
    Rm,
    Warm,
    Status,
}

const COMMANDS: [(&str, Command); 7] = [
    ("get", Command::Get),
    ("put", Command::Put),
    ("ls", Command::Ls),
    ("stat", Command::Stat),
    ("rm", Command::Rm),
    ("warm", Command::Warm),
    ("status", Command::Status),
];

impl Command {
    pub(super) fn name(self) -> &'static str {
        COMMANDS.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| *name)
    }

    /// The switches that it has beside `--config` and `--quiet`.
    fn switches(self) -> &'static [&'static str] {
        match self {
            Command::Get | Command::Put => &["remote"],
            Command::Ls => &["remote", "json", "recursive"],
            Command::Stat => &["remote", "json"],
            Command::Rm => &["remote", "recursive"],
            Command::Warm => &["jobs"],
            Command::Status => &["json", "all"],
        }
    }

    /// How many words may follow the store.
    fn paths(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Command::Get | Command::Put => 1..=2,
            Command::Ls => 0..=1,
            Command::Stat => 1..=1,
            Command::Rm => 1..=usize::MAX,
            Command::Warm => 0..=usize::MAX,
            Command::Status => 0..=0,
        }
    }
}

/// A command, understood.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) command: Command,
    /// A name or a URL.
    pub(super) store: String,
    pub(super) paths: Vec<OsString>,
    pub(super) config: Option<PathBuf>,
    pub(super) jobs: usize,
    given: Vec<&'static str>,
}

impl Arguments {
    /// `None`: help is asked for.
    pub(super) fn parse(words: &[OsString]) -> Result<Option<Self>, Failure> {
        let mut parser = lexopt::Parser::from_args(words.iter().cloned());
        let (mut values, mut config, mut given, mut jobs) = (Vec::new(), None, Vec::new(), 4);
        let wrong = |error: lexopt::Error| not_understood(&error.to_string());
        while let Some(word) = parser.next().map_err(wrong)? {
            match word {
                Short('h') | Long("help") => return Ok(None),
                Long("config") => config = Some(parser.value().map_err(wrong)?.into()),
                Long("jobs") => {
                    jobs = parser.value().and_then(|text| text.parse()).map_err(wrong)?;
                    given.push("jobs");
                }
                Long("remote") => given.push("remote"),
                Long("json") => given.push("json"),
                Long("all") => given.push("all"),
                Short('r') | Long("recursive") => given.push("recursive"),
                Short('q') | Long("quiet") => given.push("quiet"),
                Value(value) => values.push(value),
                other => return Err(wrong(other.unexpected())),
            }
        }
        let mut values = values.into_iter();
        let command = values.next().map(|text| text.to_string_lossy().into_owned());
        let Some(command) = command else { return Err(not_understood("which command?")) };
        let found = COMMANDS.iter().find(|(name, _)| *name == command);
        let Some((_, command)) = found else {
            return Err(not_understood(&format!("there is no command `{command}`")));
        };
        let Some(store) = values.next() else {
            return Err(not_understood(&format!("`{}` of which store?", command.name())));
        };
        let store = text(&store)?;
        let paths = values.collect();
        let arguments = Arguments { command: *command, store, paths, config, jobs, given };
        arguments.check()?;
        Ok(Some(arguments))
    }

    fn check(&self) -> Result<(), Failure> {
        let name = self.command.name();
        let known = self.command.switches();
        if let Some(other) = self.given.iter().find(|one| **one != "quiet" && !known.contains(one))
        {
            return Err(not_understood(&format!("`{name}` has no option `--{other}`")));
        }
        if self.jobs == 0 {
            return Err(not_understood("`--jobs` is 1 at least"));
        }
        let paths = self.paths.len();
        match self.command.paths() {
            range if range.contains(&paths) => Ok(()),
            range if paths < *range.start() => {
                Err(not_understood(&format!("`{name}` wants the path of an object")))
            }
            _ => Err(not_understood(&format!("`{name}` does not take as many words"))),
        }
    }

    /// Whether this switch was given.
    pub(super) fn has(&self, switch: &str) -> bool {
        self.given.contains(&switch)
    }

    /// What a command does that can end at any time.
    pub(super) fn at_once(&self) -> Option<String> {
        let ends = matches!(self.command, Command::Ls | Command::Stat | Command::Status);
        ends.then(|| format!("`{}` of {}", self.command.name(), self.store))
    }

    /// What became of the others when they were stopped.
    pub(super) fn stopped(&self, store: &str) -> String {
        let name = self.command.name();
        let path = self.paths.first().map(|path| path.to_string_lossy()).unwrap_or_default();
        match (self.command, self.paths.get(1).filter(|file| *file != "-")) {
            (Command::Get, Some(file)) => {
                let file = file.to_string_lossy();
                format!("`{path}` of {store} was not read to its end, and {file} is as it was")
            }
            (Command::Get, None) => format!("`{path}` of {store} was not read to its end"),
            (Command::Rm, _) => {
                format!("`{name}` of {store}: what was deleted until now stays deleted")
            }
            (Command::Warm, _) => {
                format!("`{name}` of {store}: what was fetched until now is kept")
            }
            _ => format!("`{name}` of {store}"),
        }
    }

    /// The path of an object, by its number.
    pub(super) fn path(&self, at: usize) -> Result<String, Failure> {
        let word = self.paths.get(at);
        word.map_or_else(|| Err(not_understood("a path is missing")), |word| text(word))
    }
}

fn text(word: &OsStr) -> Result<String, Failure> {
    let text = word.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::Usage(format!("`{}` is no UTF-8", word.to_string_lossy())))
}

fn not_understood(why: &str) -> Failure {
    Failure::Usage(format!("{why}; see `larder store --help`"))
}
