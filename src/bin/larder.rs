//! The command `larder`: what can be said of a configuration before a program runs with it.

use larder::Configuration;
use std::process::ExitCode;

const HELP: &str = "\
larder check FILE...

Reads configurations of regions (.toml, .yaml, .yml, .json) as a program would, with the variables
LARDER__REGION__OPTION of the environment, without opening or changing anything. Prints for each region
how stale a value can be, how often a key is computed, and what memory is taken; then each mistake, each
contradiction, and each declared limit that does not hold, with its line and column.

Backends, wrappers and manglers that a program registers are unknown here; it can call
`larder::Configuration::advise` after it has registered them.

Exit codes: 0 when there is nothing to change, 1 when there is, 2 when the command was not understood.
";

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        _ if words.iter().any(|word| ["--help", "-h", "help"].contains(word)) => say(HELP, 0),
        ["--version" | "-V"] => say(concat!("larder ", env!("CARGO_PKG_VERSION"), "\n"), 0),
        ["check", files @ ..]
            if !files.is_empty() && !files.iter().any(|file| file.starts_with('-')) =>
        {
            check(files)
        }
        _ => {
            eprintln!(
                "larder: not understood; right is `larder check FILE...`, or `larder --help`"
            );
            ExitCode::from(2)
        }
    }
}

/// Whoever closed the pipe has read enough: no error.
fn say(text: &str, code: u8) -> ExitCode {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::from(code)
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
