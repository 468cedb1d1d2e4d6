//! `larder check`: what follows from a configuration, and what is wrong with it.

use super::{not_understood, say};
use larder::Configuration;
use std::process::ExitCode;

const HELP: &str = "\
larder check FILE...

Reads configurations of regions and stores (.toml, .yaml, .yml, .json) as a program would, with the variables
LARDER__REGION__OPTION and LARDER__STORE__NAME__OPTION of the environment, without opening or changing anything. Prints
for each region how stale a value can be, how often a key is computed, and what memory is taken, and for each store
how stale a copy can be and what room it takes; then each mistake, each contradiction, and each declared limit that does
not hold, with its line and column.

Backends, wrappers and manglers that a program registers are unknown here; it can call
`larder::Configuration::advise` after it has registered them.

Exit codes: 0 when there is nothing to change, 1 when there is, 2 when the command was not understood.
";

pub(crate) fn run(words: &[&str]) -> ExitCode {
    if words.iter().any(|word| ["--help", "-h"].contains(word)) {
        return say(HELP, 0);
    }
    if words.is_empty() || words.iter().any(|file| file.starts_with('-')) {
        return not_understood(
            "not understood; right is `larder check FILE...`, or `larder check --help`",
        );
    }
    #[cfg(feature = "stores")]
    if let Err(error) = larder::stores::register() {
        eprintln!("larder: {error}");
        return ExitCode::from(1);
    }
    check(words)
}

fn check(files: &[&str]) -> ExitCode {
    let configuration = Configuration::new();
    let (mut text, mut good) = (String::new(), true);
    for file in files {
        let advice = configuration.advise(file);
        good &= advice.is_good();
        text.push_str(&advice.to_string());
        let verdict = match advice.findings.len() {
            0 => "nothing to change".to_owned(),
            1 => "1 thing to change".to_owned(),
            many => format!("{many} things to change"),
        };
        text.push_str(&format!("{file}: {verdict}\n"));
    }
    say(&text, u8::from(!good))
}
