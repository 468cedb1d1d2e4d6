//! Words that a new user tries.

use super::Stand;
use std::fs;

#[test]
fn a_file_url_is_decoded_and_a_wrong_one_is_told() {
    let stand = Stand::new();
    fs::create_dir(stand.path("with space")).unwrap();
    fs::write(stand.path("with space/été.csv"), "1\n").unwrap();
    let folder = stand.folder.path().to_str().unwrap();
    let url = format!("file://{folder}/with%20space");
    assert_eq!(stand.good(&["get", &url, "été.csv"]), b"1\n");
    let text = format!("[store.odd]\nlocal = 'memory'\nremote = '{url}'\n");
    fs::write(stand.path("odd.toml"), text).unwrap();
    assert_eq!(stand.good(&["get", "--config", "odd.toml", "odd", "été.csv"]), b"1\n");
    let (_, err, code) = stand.run(&["ls", "file:///tmp/a%zz"]);
    assert_eq!(code, 1);
    assert!(
        err.starts_with(
            "larder: \"file:///tmp/a%zz\" is no store: `%zz` encodes nothing: right is "
        ),
        "{err}"
    );
}

#[test]
fn names_with_spaces_and_letters_of_all_kinds_are_names() {
    let stand = Stand::new();
    for name in ["a b/c d.csv", "größe/日本 語.csv", "100%", "a&b=c?d#e", "it's", "-dash"] {
        fs::write(stand.path("file"), name).unwrap();
        stand.good(&["put", "reports", "--", name, "file"]);
        assert_eq!(stand.good(&["get", "reports", "--", name]), name.as_bytes());
        fs::remove_file(stand.path("file")).unwrap();
        stand.good(&["get", "--remote", "reports", "--", name, "file"]);
        assert_eq!(fs::read(stand.path("file")).unwrap(), name.as_bytes());
        let told = stand.text(&["stat", "--json", "reports", "--", name]);
        assert!(told.contains(&format!("{{\"path\":\"{name}\"")), "{told}");
        stand.good(&["rm", "reports", "--", name]);
        assert_eq!(stand.run(&["stat", "reports", "--", name]).2, 3);
    }
}

#[test]
fn a_directory_that_is_not_there_is_told_by_its_path() {
    let stand = Stand::new();
    let lost = stand.path("lost");
    let (_, err, code) = stand.run(&["ls", lost.to_str().unwrap()]);
    let right = "does not exist: make it, or correct the path";
    let told = format!("larder: {lost:?} is no store: the directory {} {right}\n", lost.display());
    assert_eq!((err, code), (told, 1));
    let file = stand.path("archive/top");
    let (_, err, code) = stand.run(&["ls", file.to_str().unwrap()]);
    let told = format!("larder: {file:?} is no store: {} is no directory\n", file.display());
    assert_eq!((err, code), (told, 1));
    fs::rename(stand.path("archive"), stand.path("moved")).unwrap();
    let (_, err, code) = stand.run(&["put", "reports", "a", "larder.toml"]);
    let archive = stand.path("archive");
    let told = format!("larder: larder.toml:2:10: the directory {} {right}\n", archive.display());
    assert_eq!((err, code), (told, 1));
}

#[test]
fn what_is_almost_a_name_a_url_or_a_directory_is_told_what_it_should_be() {
    let stand = Stand::new();
    let usage = |told: &str| (format!("larder: {told}\n"), 2);
    for (name, told) in [
        ("archive", "larder.toml has no store `archive`: a directory is written ./archive"),
        (
            "s3:/reports",
            "larder.toml has no store `s3:/reports`: a URL has `://` behind its scheme, as in s3://bucket",
        ),
    ] {
        let (_, err, code) = stand.run(&["ls", name]);
        assert_eq!((err, code), usage(told));
    }
    let (_, err, code) = stand.run(&["get", "reports", "./top"]);
    let told =
        "the path `./top`: `.` and `..` are no names; right is the path from the store's root on";
    assert_eq!((err, code), usage(told));
    let (_, err, code) = stand.run(&["ls", "reprots"]);
    let told = "larder: the file has no store `reprots`: did you mean `reports`?\n";
    assert_eq!((err.as_str(), code), (told, 1));
}
