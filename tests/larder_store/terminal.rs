//! The bars of progress, on a terminal.

use super::Stand;
use std::fs;
use std::process::{Command, Stdio};

/// A terminal, as `script` makes one: what is written to it, and how the command ended.
fn on_a_terminal(stand: &Stand, words: &str) -> (String, i32) {
    let larder = env!("CARGO_BIN_EXE_larder");
    let mut script = Command::new("script");
    script
        .args(["-qec", &format!("stty columns 100 && {larder} store {words}"), "/dev/null"])
        .current_dir(stand.folder.path())
        .env_remove("LARDER_CONFIG")
        .env("TERM", "xterm")
        .stdin(Stdio::null());
    let output = script.output().expect("`script` makes the terminal: apt-get install bsdutils");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().unwrap())
}

#[test]
fn a_bar_is_drawn_on_a_terminal_and_cleared_when_the_command_ends() {
    let stand = Stand::new();
    let length = 64 << 20;
    fs::File::create(stand.path("archive/huge")).unwrap().set_len(length).unwrap();
    let (shown, code) = on_a_terminal(&stand, "get reports huge huge");
    assert_eq!(code, 0, "{shown:?}");
    assert_eq!(fs::metadata(stand.path("huge")).unwrap().len(), length);
    assert!(shown.contains("huge") && shown.contains("/64.00 MiB"), "a bar: {shown:?}");
    // The line is cleared, and the cursor stands at its beginning.
    assert!(shown.ends_with("\r\u{1b}[2K") || shown.ends_with("\u{1b}[2K\r"), "{shown:?}");
    let quiet = on_a_terminal(&stand, "get -q reports huge huge");
    assert_eq!(quiet, (String::new(), 0), "nobody wants a bar");
    // What failed stands on a line of its own.
    let (shown, code) = on_a_terminal(&stand, "get reports nothing nothing");
    assert_eq!((shown.as_str(), code), ("larder: reports has no object `nothing`\r\n", 3));
}
