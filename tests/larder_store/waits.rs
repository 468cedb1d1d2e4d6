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

/// A store with a write and a deletion that its remote cannot take, since a file lies where it would need a directory.
fn refusing() -> Stand {
    let stand = Stand::new();
    let mut text = fs::read_to_string(stand.path("larder.toml")).unwrap();
    text.push_str(&format!("write_back = {:?}\n", stand.path("journal")));
    fs::write(stand.path("larder.toml"), text).unwrap();
    fs::write(stand.path("july"), "1,17\n").unwrap();
    for year in ["2027", "2028"] {
        fs::write(stand.path("archive").join(year), "").unwrap();
        let words = ["put", "reports", &format!("{year}/may.csv"), "july"];
        assert_eq!(stand.run(&words).2, 1);
    }
    stand
}

#[test]
fn the_status_lists_all_that_the_remote_refused_with_what_it_said() {
    let stand = refusing();
    let status = stand.text(&["status", "reports"]);
    assert!(status.contains(" bytes kept, 2 unsent\n"), "{status}");
    for path in ["2027/may.csv", "2028/may.csv"] {
        let front = format!("unsent  {path}: what was written has been waiting to be sent for ");
        let line = status.lines().find(|line| line.starts_with(&front));
        let line = line.unwrap_or_else(|| panic!("{status}"));
        assert!(
            line.contains("larder-") || line.contains("archive/") || line.contains("exists"),
            "why: {line}"
        );
    }
    let json = stand.text(&["status", "reports", "--json"]);
    let lines: Vec<&str> = json.lines().collect();
    assert!(lines[0].ends_with(",\"unsent\":2,\"open_in\":null}"), "{json}");
    assert!(
        lines[1].starts_with("{\"unsent\":\"2027/may.csv\",\"kind\":\"write\",\"waits\":"),
        "{json}"
    );
    assert!(lines[1].contains(",\"trouble\":\""), "{json}");
    assert!(lines[2].starts_with("{\"unsent\":\"2028/may.csv\","), "{json}");
    // What can be sent is sent, and not listed any more.
    fs::remove_file(stand.path("archive/2027")).unwrap();
    let status = stand.text(&["status", "reports"]);
    assert!(status.contains("1 unsent\n") && !status.contains("unsent  2027"), "{status}");
    assert_eq!(fs::read(stand.path("archive/2027/may.csv")).unwrap(), b"1,17\n");
}

#[test]
fn the_status_of_a_store_that_a_program_has_open_is_what_its_files_say() {
    let stand = refusing();
    stand.good(&["get", "reports", "top"]);
    let remote = larder::stores::remote(&stand.archive()).unwrap();
    let open = larder::CachedStore::on_disk(stand.path("cache"), remote)
        .write_back(stand.path("journal"))
        .build()
        .unwrap();
    let us = std::process::id();
    let status = stand.text(&["status", "reports"]);
    assert!(
        status.starts_with(&format!(
            "reports is open in process {us}: this is what its files say meanwhile\n3 objects, "
        )),
        "{status}"
    );
    assert!(
        status.contains("2 unsent\nunsent  2027/may.csv: a write waits for the remote\n"),
        "{status}"
    );
    assert!(status.lines().any(|line| line.ends_with("fresh     top")), "{status}");
    assert!(status.lines().any(|line| line.ends_with("unsent    2028/may.csv")), "{status}");
    let json = stand.text(&["status", "reports", "--json"]);
    assert!(json.contains(&format!(",\"unsent\":2,\"open_in\":\"process {us}\"}}\n")), "{json}");
    assert!(
        json.contains("{\"unsent\":\"2027/may.csv\",\"kind\":\"write\",\"waits\":null,"),
        "{json}"
    );
    larder::wait(open.close());
}
