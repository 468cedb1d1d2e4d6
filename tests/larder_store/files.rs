//! Files that `larder store get` writes: whole or not at all, and in the place of nothing that is no file.

use super::Stand;
use std::fs;
#[cfg(unix)]
use std::path::Path;

#[test]
fn a_file_that_cannot_be_had_whole_stays_as_it_was() {
    let stand = Stand::new();
    fs::write(stand.path("mine"), "mine").unwrap();
    let (_, err, code) = stand.run(&["get", "reports", "2026/july.csv", "mine"]);
    assert_eq!((err.as_str(), code), ("larder: reports has no object `2026/july.csv`\n", 3));
    assert_eq!(fs::read(stand.path("mine")).unwrap(), b"mine");
    let (_, err, code) = stand.run(&["get", "reports", "top", "no/such/folder/file"]);
    let told = "larder: no/such/folder/file: there is no folder no/such/folder\n";
    assert_eq!((err.as_str(), code), (told, 1));
    let (_, err, code) = stand.run(&["get", "reports", "top", "archive"]);
    assert_eq!((err.as_str(), code), ("larder: archive is a directory\n", 1));
    assert_eq!(stand.others(), ["mine"], "no part of a file is left");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_there_gets_the_bytes_and_stays_what_it_is() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let stand = Stand::new();
    fs::write(stand.path("mine"), "mine").unwrap();
    fs::set_permissions(stand.path("mine"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("mine", stand.path("link")).unwrap();
    stand.good(&["get", "reports", "top", "link"]);
    assert!(stand.path("link").is_symlink(), "it leads where it led");
    assert_eq!(fs::read(stand.path("mine")).unwrap(), b"\0\xff\n");
    let mode = fs::metadata(stand.path("mine")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "who could not read it cannot now");
    // A device, a pipe: nothing takes its place.
    symlink("/dev/null", stand.path("null")).unwrap();
    stand.good(&["get", "reports", "top", "null"]);
    assert_eq!(fs::read_link(stand.path("null")).unwrap(), Path::new("/dev/null"));
    assert_eq!(stand.others(), ["link", "mine", "null"]);
}
