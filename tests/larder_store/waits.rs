//! Writes that wait for their remote.

use super::Stand;
use std::fs;

#[test]
fn what_is_written_back_is_at_the_remote_when_the_command_ends_or_it_says_that_it_is_not() {
    let stand = Stand::new();
    let mut text = fs::read_to_string(stand.path("larder.toml")).unwrap();
    text.push_str(&format!("write_back = {:?}\n", stand.path("journal")));
    fs::write(stand.path("larder.toml"), text).unwrap();
    fs::write(stand.path("july"), "1,17\n").unwrap();
    stand.good(&["put", "reports", "2026/july.csv", "july"]);
    assert_eq!(fs::read(stand.path("archive/2026/july.csv")).unwrap(), b"1,17\n");
    stand.good(&["rm", "reports", "2026/july.csv"]);
    assert!(!stand.path("archive/2026/july.csv").exists());

    // A file where the remote would want a directory: it cannot take the object.
    fs::write(stand.path("archive/2027"), "").unwrap();
    let (_, err, code) = stand.run(&["put", "reports", "2027/may.csv", "july"]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("written to reports is kept here and not at its remote"), "{err}");
    assert_eq!(stand.text(&["get", "reports", "2027/may.csv"]), "1,17\n");
    fs::remove_file(stand.path("archive/2027")).unwrap();
    stand.good(&["put", "reports", "2026/july.csv", "july"]);
    assert_eq!(fs::read(stand.path("archive/2027/may.csv")).unwrap(), b"1,17\n");
}

#[test]
fn what_the_remote_has_not_got_yet_is_told_of_an_object_with_what_the_remote_said() {
    let stand = Stand::new();
    let mut text = fs::read_to_string(stand.path("larder.toml")).unwrap();
    text.push_str(&format!("write_back = {:?}\n", stand.path("journal")));
    fs::write(stand.path("larder.toml"), text).unwrap();
    fs::write(stand.path("july"), "1,17\n").unwrap();
    fs::write(stand.path("archive/2027"), "").unwrap();
    assert_eq!(stand.run(&["put", "reports", "2027/may.csv", "july"]).2, 1);
    let told = stand.text(&["stat", "reports", "2027/may.csv"]);
    let start = "unsent    what was written has been waiting to be sent for ";
    let line = told.lines().find(|line| line.starts_with(start));
    assert!(line.is_some_and(|line| line.contains("2027/may.csv")), "why: {told}");
    assert!(told.contains("size      5\n"), "{told}");
    let json = stand.text(&["stat", "--json", "reports", "2027/may.csv"]);
    assert!(json.contains(",\"unsent\":\"what was written has been waiting"), "{json}");
    // Of others nothing waits.
    assert!(!stand.text(&["stat", "reports", "top"]).contains("unsent"));
    assert!(stand.text(&["stat", "--json", "reports", "top"]).contains(",\"unsent\":null}"));
    // Now it can be sent, and is.
    fs::remove_file(stand.path("archive/2027")).unwrap();
    assert!(!stand.text(&["stat", "reports", "2027/may.csv"]).contains("unsent"));
    assert_eq!(fs::read(stand.path("archive/2027/may.csv")).unwrap(), b"1,17\n");
}
