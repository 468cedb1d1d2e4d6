//! The command `larder store`, as it is run: what it reads, writes and prints, and how it ends.
#![cfg(feature = "cli")]

#[cfg(feature = "s3")]
mod bucket;
#[cfg(feature = "s3")]
mod buckets;
mod files;
mod odd;
#[cfg(feature = "s3")]
mod pipes;
#[cfg(all(feature = "s3", target_os = "linux"))]
mod stopped;
#[cfg(target_os = "linux")]
mod terminal;
mod waits;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A directory with an archive, and a configuration of a store before it.
struct Stand {
    folder: tempfile::TempDir,
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("archive/2026")).unwrap();
        fs::write(folder.path().join("archive/2026/may.csv"), "day,visits\n").unwrap();
        fs::write(folder.path().join("archive/2026/june.csv"), "").unwrap();
        fs::write(folder.path().join("archive/top"), b"\0\xff\n").unwrap();
        let text = format!(
            "[store.reports]\nremote = {:?}\nlocal = {:?}\nttl = '1h'\nchunk = '64KiB'\n",
            folder.path().join("archive"),
            folder.path().join("cache")
        );
        fs::write(folder.path().join("larder.toml"), text).unwrap();
        Stand { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn archive(&self) -> String {
        self.path("archive").to_str().unwrap().to_owned()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
        command
            .arg("store")
            .args(words)
            .current_dir(self.folder.path())
            .env_remove("LARDER_CONFIG");
        command
    }

    fn run(&self, words: &[&str]) -> (Vec<u8>, String, i32) {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        (stdout, String::from_utf8(stderr).unwrap(), status.code().unwrap())
    }

    /// Runs what goes well without a word on standard error.
    fn good(&self, words: &[&str]) -> Vec<u8> {
        let (out, err, code) = self.run(words);
        assert_eq!((err.as_str(), code), ("", 0), "{words:?}");
        out
    }

    fn text(&self, words: &[&str]) -> String {
        String::from_utf8(self.good(words)).unwrap()
    }

    fn with_input(&self, words: &[&str], input: &[u8]) -> i32 {
        let mut command = self.command(words);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait().unwrap().code().unwrap()
    }

    /// What lies in the directory, but for what was there before.
    fn others(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names
            .filter(|name| !["archive", "cache", "larder.toml"].contains(&name.as_str()))
            .collect();
        names.sort();
        names
    }
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(next).collect()
}

#[test]
fn objects_are_read_to_standard_output_and_into_files_byte_by_byte() {
    let stand = Stand::new();
    assert_eq!(stand.good(&["get", "reports", "2026/may.csv"]), b"day,visits\n");
    assert_eq!(stand.good(&["get", "reports", "2026/june.csv", "-"]), b"", "empty is no error");
    assert_eq!(stand.good(&["get", "reports", "top", "copy"]), b"");
    assert_eq!(fs::read(stand.path("copy")).unwrap(), b"\0\xff\n");
    assert_eq!(stand.good(&["get", &stand.archive(), "top"]), b"\0\xff\n", "by a URL");
    assert_eq!(stand.others(), ["copy"], "no other file is left");
}

#[test]
fn f1_what_was_read_is_read_from_the_copy_and_past_it_on_demand() {
    let stand = Stand::new();
    let big = noise(1_000_000);
    fs::write(stand.path("archive/big"), &big).unwrap();
    assert_eq!(stand.good(&["get", "reports", "big"]), big);
    fs::remove_file(stand.path("archive/big")).unwrap();
    assert_eq!(
        stand.good(&["get", "reports", "big"]),
        big,
        "all of it was kept before the command ended"
    );
    let (out, err, code) = stand.run(&["get", "--remote", "reports", "big"]);
    assert_eq!((out.len(), err.as_str(), code), (0, "larder: reports has no object `big`\n", 3));
}

#[test]
fn objects_are_written_from_files_and_from_standard_input() {
    let stand = Stand::new();
    let big = noise(17 << 20);
    fs::write(stand.path("big"), &big).unwrap();
    stand.good(&["put", "reports", "from/file", "big"]);
    assert!(fs::read(stand.path("archive/from/file")).unwrap() == big);
    assert_eq!(stand.with_input(&["put", "reports", "from/input"], &big), 0);
    assert!(fs::read(stand.path("archive/from/input")).unwrap() == big, "in several parts");
    assert_eq!(stand.with_input(&["put", "reports", "from/nothing", "-"], b""), 0);
    assert_eq!(fs::read(stand.path("archive/from/nothing")).unwrap(), b"");
    fs::remove_dir_all(stand.path("archive/from")).unwrap();
    assert!(stand.good(&["get", "reports", "from/input"]) == big, "what was written is a copy");
    let (_, err, code) = stand.run(&["put", "reports", "x", "no-such-file"]);
    assert!(code == 1 && err.starts_with("larder: no-such-file: "), "{err}");
    let (_, err, code) = stand.run(&["put", "reports", "x", "archive"]);
    assert_eq!((err.as_str(), code), ("larder: archive is a directory\n", 1));
    assert!(!stand.path("archive/x").exists());
}

#[test]
fn lists_tell_folders_and_objects_in_words_and_in_json() {
    let stand = Stand::new();
    let names = |text: &str| -> Vec<String> {
        let last = |line: &str| line.split_whitespace().last().unwrap().to_owned();
        text.lines().map(last).collect()
    };
    assert_eq!(names(&stand.text(&["ls", "reports"])), ["2026/", "top"]);
    let mut below = names(&stand.text(&["ls", "reports", "2026/"]));
    below.sort();
    assert_eq!(below, ["2026/june.csv", "2026/may.csv"]);
    let mut all = names(&stand.text(&["ls", "-r", &stand.archive()]));
    all.sort();
    assert_eq!(all, ["2026/june.csv", "2026/may.csv", "top"]);
    let json = stand.text(&["ls", "reports", "--json"]);
    let lines: Vec<&str> = json.lines().collect();
    assert_eq!(lines[0], "{\"folder\":\"2026\"}");
    assert!(lines[1].starts_with("{\"path\":\"top\",\"size\":3,\"modified\":\"20"), "{json}");
    assert_eq!(stand.text(&["ls", "reports", "nothing/here"]), "");
}

#[test]
fn an_object_is_told_with_its_copy() {
    let stand = Stand::new();
    let before = stand.text(&["stat", "--json", "reports", "2026/may.csv"]);
    assert!(
        before.starts_with("{\"path\":\"2026/may.csv\",\"size\":11,\"modified\":\"20"),
        "{before}"
    );
    assert!(before.contains("\"kept\":0,"), "{before}");
    stand.good(&["get", "reports", "2026/may.csv"]);
    let after = stand.text(&["stat", "reports", "2026/may.csv"]);
    assert!(after.contains("size      11\n") && after.contains("copy      complete, "), "{after}");
    let (_, err, code) = stand.run(&["stat", "reports", "2026"]);
    assert_eq!((err.as_str(), code), ("larder: reports has no object `2026`\n", 3));
}

#[test]
fn f7_objects_are_deleted_there_and_here() {
    let stand = Stand::new();
    stand.good(&["get", "reports", "top"]);
    stand.good(&["rm", "reports", "top"]);
    assert!(!stand.path("archive/top").exists());
    assert_eq!(stand.run(&["get", "reports", "top"]).2, 3);
    let (_, err, code) = stand.run(&["rm", "reports", "top", "2026/may.csv"]);
    assert_eq!((err.as_str(), code), ("larder: reports has no object `top`\n", 3));
    assert!(!stand.path("archive/2026/may.csv").exists(), "the others are deleted all the same");
    let (_, _, code) = stand.run(&["rm", "reports", "2026/june.csv", "../archive/x"]);
    assert_eq!(code, 2, "a wrong word deletes nothing");
    assert!(stand.path("archive/2026/june.csv").exists());
    let (_, err, code) = stand.run(&["rm", "-r", "reports", ""]);
    assert_eq!(code, 2, "a variable that is not set is not everything: {err}");
    assert!(err.contains("`/` is all of it"), "{err}");
    assert!(stand.path("archive/2026/june.csv").exists());
    stand.good(&["rm", "-r", "reports", "2026/"]);
    assert!(!stand.path("archive/2026/june.csv").exists());
    assert_eq!(stand.run(&["rm", "-r", "reports", "2026"]).2, 3);
    fs::write(stand.path("archive/last"), "").unwrap();
    stand.good(&["rm", "-r", "reports", "/"]);
    assert!(!stand.path("archive/last").exists());
}

#[test]
fn f20_warming_fetches_once_and_the_status_tells_what_is_kept() {
    let stand = Stand::new();
    let text = stand.text(&["warm", "reports"]);
    assert_eq!(text, "3 objects, 14 bytes, 14 of them fetched\n");
    assert_eq!(
        stand.text(&["warm", "reports", "--jobs", "1"]),
        "3 objects, 14 bytes, 0 of them fetched\n"
    );
    assert_eq!(
        stand.text(&["warm", "reports", "2026", "top"]),
        "3 objects, 14 bytes, 0 of them fetched\n"
    );
    let (_, err, code) = stand.run(&["warm", "reports", "2027"]);
    assert_eq!((err.as_str(), code), ("larder: reports has nothing below `2027`\n", 3));

    let status = stand.text(&["status", "reports"]);
    assert!(
        status.contains("\n3 objects, ") && status.contains(" bytes kept, 0 unsent\n"),
        "{status}"
    );
    assert!(status.lines().any(|line| line.ends_with("fresh     2026/may.csv")), "{status}");
    let json = stand.text(&["status", "reports", "--json"]);
    assert_eq!(json.lines().count(), 4);
    assert!(json.starts_with("{\"store\":\"reports\",\"objects\":3,\"bytes\":"), "{json}");
    assert!(json.contains("\"standing\":\"fresh\",\"complete\":true}"), "{json}");
}

#[test]
fn f18_stores_over_stores_are_both_at_rest_when_the_command_ends() {
    let stand = Stand::new();
    let text = fs::read_to_string(stand.path("larder.toml")).unwrap();
    let near = stand.path("near");
    let text = format!("[store.near]\nremote = 'store:reports'\nlocal = {near:?}\n{text}");
    fs::write(stand.path("larder.toml"), text).unwrap();
    let big = noise(700_000);
    fs::write(stand.path("archive/big"), &big).unwrap();
    assert!(stand.good(&["get", "near", "big"]) == big);
    fs::remove_file(stand.path("archive/big")).unwrap();
    for store in ["reports", "near"] {
        assert!(stand.good(&["get", store, "big"]) == big, "{store}");
    }
}

#[test]
fn a_store_that_a_program_has_open_can_be_read_past_its_copies() {
    let stand = Stand::new();
    let remote = larder::stores::remote(&stand.archive()).unwrap();
    let open = larder::CachedStore::on_disk(stand.path("cache"), remote).build().unwrap();
    let (_, err, code) = stand.run(&["get", "reports", "top"]);
    assert_eq!(code, 1, "{err}");
    assert!(err.starts_with("larder: larder.toml:3:9: ") && err.contains("cache/index"), "{err}");
    assert_eq!(stand.good(&["get", "--remote", "reports", "top"]), b"\0\xff\n");
    larder::wait(open.close());
    assert_eq!(stand.good(&["get", "reports", "top"]), b"\0\xff\n");
}

#[test]
fn whoever_has_read_enough_may_go() {
    let stand = Stand::new();
    fs::write(stand.path("archive/big"), noise(4 << 20)).unwrap();
    let mut command = stand.command(&["get", "reports", "big"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut some = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert_eq!((String::from_utf8(stderr).unwrap().as_str(), status.code()), ("", Some(0)));
}

/// The most memory that a process had, in bytes, looked at until it ends.
#[cfg(target_os = "linux")]
fn peak(child: &mut Child) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes =
            line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        most = most.max(kilobytes.unwrap_or(0) << 10);
        // The process's own event is waited for: its end.
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    most
}

#[cfg(target_os = "linux")]
#[test]
fn large_objects_pass_with_bounded_memory() {
    let stand = Stand::new();
    let length = 128 << 20;
    let file = fs::File::create(stand.path("archive/huge")).unwrap();
    file.set_len(length).unwrap();
    let mut get = stand.command(&["get", "reports", "huge", "huge"]).spawn().unwrap();
    let most = peak(&mut get);
    assert!(get.wait().unwrap().success());
    assert_eq!(fs::metadata(stand.path("huge")).unwrap().len(), length);
    assert!(0 < most && most < 80 << 20, "get took {most} bytes");
    let mut put = stand.command(&["put", "reports", "again", "huge"]).spawn().unwrap();
    let most = peak(&mut put);
    assert!(put.wait().unwrap().success());
    assert_eq!(fs::metadata(stand.path("archive/again")).unwrap().len(), length);
    assert!(0 < most && most < 100 << 20, "put took {most} bytes");
}

#[test]
fn the_configuration_is_found_and_its_mistakes_are_told() {
    let stand = Stand::new();
    let other = stand.path("other.toml");
    fs::rename(stand.path("larder.toml"), &other).unwrap();
    let (_, err, code) = stand.run(&["ls", "reports"]);
    assert_eq!(
        (err.as_str(), code),
        (
            "larder: `reports` is the name of a store of which configuration? give --config FILE, or write a directory as ./reports\n",
            2
        )
    );
    stand.good(&["ls", "reports", "--config", "other.toml"]);
    let output = stand.command(&["ls", "reports"]).env("LARDER_CONFIG", &other).output().unwrap();
    assert!(output.status.success());
    let (_, err, code) = stand.run(&["ls", "report", "--config", "other.toml"]);
    assert_eq!(
        (err.as_str(), code),
        ("larder: the file has no store `report`: did you mean `reports`?\n", 1)
    );
    // What a program registers is unknown here, and does not matter.
    let text = fs::read_to_string(&other).unwrap();
    let foreign = format!("{text}[regions.a]\nbackend = 'of the program'\n");
    fs::write(&other, foreign).unwrap();
    stand.good(&["ls", "reports", "--config", "other.toml"]);
    fs::write(&other, text.replace("ttl", "tll")).unwrap();
    let (_, err, code) = stand.run(&["ls", "reports", "--config", "other.toml"]);
    assert_eq!(
        (err.as_str(), code),
        ("larder: other.toml:4:1: store `reports` has no option `tll`: did you mean `ttl`?\n", 1)
    );
}

#[test]
fn what_is_not_understood_ends_with_2_and_help_with_0() {
    let stand = Stand::new();
    for (words, why) in [
        (&[][..], "which command?"),
        (&["frob"], "there is no command `frob`"),
        (&["get"], "`get` of which store?"),
        (&["get", "reports"], "`get` wants the path of an object"),
        (&["stat", "reports", "a", "b"], "`stat` does not take as many words"),
        (&["get", "--json", "reports", "a"], "`get` has no option `--json`"),
        (&["warm", "--jobs", "0", "reports"], "`--jobs` is 1 at least"),
        (&["ls", "--frob", "reports"], "invalid option '--frob'"),
    ] {
        let (out, err, code) = stand.run(words);
        assert_eq!((out.len(), code), (0, 2), "{words:?}");
        assert_eq!(err, format!("larder: {why}; see `larder store --help`\n"));
    }
    for path in ["../secret", "/etc/passwd", "a//b", ""] {
        let (_, err, code) = stand.run(&["get", "reports", path]);
        assert!(code == 2 && err.starts_with(&format!("larder: the path `{path}`: ")), "{err}");
    }
    let (_, err, code) = stand.run(&["status", &stand.archive()]);
    assert!(
        code == 2
            && err.ends_with("has no copies: right is the name of a store of the configuration\n"),
        "{err}"
    );
    let help = stand.text(&["--help"]);
    assert!(help.starts_with("larder store get ") && help.contains("Exit codes"), "{help}");
    assert!(Path::new(&stand.path("archive/top")).exists());
}
