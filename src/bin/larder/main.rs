//! The command `larder`: what can be said of a configuration before a program runs with it, and the objects of stores.

mod check;
#[cfg(feature = "cli")]
mod store;

use std::process::ExitCode;

const HELP: &str = "\
larder check FILE...
larder store get | put | ls | stat | rm | warm | status

`larder check --help` and `larder store --help` tell more.

Exit codes: 0 when all went well, 1 when it did not, 2 when the command was not understood, 3 when there is no such
object.
";

/// How the command ends when it was not understood.
const NOT_UNDERSTOOD: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<String> =
        arguments.iter().map(|text| text.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--help" | "-h" | "help"] => say(HELP, 0),
        ["--version" | "-V"] => say(concat!("larder ", env!("CARGO_PKG_VERSION"), "\n"), 0),
        ["check", rest @ ..] => check::run(rest),
        #[cfg(feature = "cli")]
        ["store", ..] => store::run(&arguments[1..]),
        #[cfg(not(feature = "cli"))]
        ["store", ..] => not_understood("`larder store` needs larder's feature `cli`"),
        _ => not_understood(
            "not understood; right is `larder check FILE...`, `larder store ..`, or `larder --help`",
        ),
    }
}

fn not_understood(why: &str) -> ExitCode {
    eprintln!("larder: {why}");
    ExitCode::from(NOT_UNDERSTOOD)
}

/// Whoever closed the pipe has read enough: no error.
fn say(text: &str, code: u8) -> ExitCode {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::from(code)
}
