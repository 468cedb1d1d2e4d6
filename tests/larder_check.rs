//! The command `larder`, as it is run: what it prints, and how it ends.
#![cfg(feature = "regions")]

use std::process::{Command, Output};

fn larder(arguments: &[&str], variables: &[(&str, &str)]) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(arguments).envs(variables.iter().copied());
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.code().unwrap())
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("larder.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

const GOOD: &str = "
[regions.users]
expiration = '5m'
async_ttl = '-100s'
max_staleness = '5m'
backend = 'memory'
arguments = { entries = 1000, ttl = '5m' }
";

#[test]
fn a_good_file_is_told_its_bounds_and_ends_with_0() {
    let (_folder, path) = file(GOOD);
    let (out, err, code) = larder(&["check", &path], &[]);
    assert_eq!((err.as_str(), code), ("", 0));
    assert_eq!(
        out,
        format!(
            "region `users`: memory (1000 entries, 5m)\n  \
             staleness: at most 5m\n  \
             after a change in another process: of a key at most 5m; of the region or a tag at most 5m\n  \
             load: a key in use is computed at most once in 1m40s in each process, 3 times as often as its expiration alone asks for\n  \
             memory: 1000 entries\n\n\
             {path}: nothing to change\n"
        )
    );
}

#[test]
fn mistakes_are_told_with_their_places_and_end_with_1() {
    let (_folder, path) =
        file(&GOOD.replace("entries = 1000", "entrys = 1000").replace("'5m'", "'5 m.'"));
    let (out, _, code) = larder(&["check", &path], &[]);
    assert_eq!(code, 1);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 6, "{out}");
    assert!(
        lines[0].starts_with(&format!("{path}:3:14: mistake: `expiration` is \"5 m.\": ")),
        "{out}"
    );
    let unknown =
        "mistake: the backend of region `users` has no option `entrys`: did you mean `entries`?";
    assert!(lines.contains(&format!("{path}:7:15: {unknown}").as_str()), "{out}");
    assert_eq!(lines[5], format!("{path}: 5 things to change"));
}

#[test]
fn contradictions_and_broken_limits_end_with_1() {
    let (_folder, path) = file(&GOOD.replace("max_staleness = '5m'", "max_staleness = '5s'"));
    let (out, _, code) = larder(&["check", &path], &[]);
    assert_eq!(code, 1);
    let broken =
        "broken limit: region `users`: `max_staleness` of 5s is declared, and values get 5m old";
    assert!(out.contains(&format!("{path}:5:1: {broken}\n{path}: 1 thing to change\n")), "{out}");
    let (_folder, path) = file(&GOOD.replace("backend =", "codec = 'auto'\nbackend ="));
    let (out, _, code) = larder(&["check", &path], &[]);
    assert_eq!(code, 1);
    assert!(out.contains("contradiction: region `users`: `codec` is for tiers of bytes"), "{out}");
}

#[test]
fn one_bad_file_of_several_is_enough_and_all_are_read() {
    let ((_one, good), (_other, bad)) = (file(GOOD), file("[regions.users]\n"));
    let (out, _, code) = larder(&["check", &bad, &good, "/no/such.yaml"], &[]);
    assert_eq!(code, 1);
    for line in [
        format!("{bad}:1:10: mistake: region `users` needs `tiers`, or `backend`"),
        format!("{good}: nothing to change"),
        "/no/such.yaml: 1 thing to change".to_owned(),
    ] {
        assert!(out.lines().any(|found| found == line), "{line}: {out}");
    }
}

#[test]
fn the_environment_counts() {
    let (_folder, path) = file(GOOD);
    let (out, _, code) = larder(&["check", &path], &[("LARDER__USERS__EXPIRATION", "10m")]);
    assert_eq!(code, 1);
    assert!(out.contains("`max_staleness` of 5m is declared, and values get 10m old"), "{out}");
}

#[test]
fn nothing_is_opened_by_a_check() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let (_folder, path) = file(&format!(
        "[regions.a]\nexpiration = 5\nbackend = 'files'\narguments.path = {cache:?}\n"
    ));
    let (out, _, code) = larder(&["check", &path], &[]);
    // Without the feature `files` that is what it says.
    let known = !out.contains("needs larder's feature `files`");
    assert_eq!(code, i32::from(!known), "{out}");
    assert!(!cache.exists());
}

#[cfg(all(feature = "stores", feature = "redis"))]
#[test]
fn the_name_of_a_store_that_cannot_be_one_on_its_server_is_told_before_it_is_opened() {
    let (_folder, path) = file(
        "[store.good]\nremote = 'memory:'\nlocal = { backend = 'redis', url = 'redis://10.0.0.3/0' }\n\n\
         [store.'visits/größe']\nremote = 'memory:'\nlocal = { backend = 'redis', url = 'redis://10.0.0.3/0' }\n\
         [store.'größe']\nremote = 'memory:'\nlocal = 'memory'\n",
    );
    let (out, _, code) = larder(&["check", &path], &[]);
    assert_eq!(code, 1, "{out}");
    let told = "mistake: store `visits/größe` has its name on the server, too: the space `visits/größe` of a store: \
                right are 1 to 40 ASCII letters, digits, `-`, `_` and `.`";
    assert!(out.contains(&format!("{path}:5:8: {told}\n{path}: 1 thing to change\n")), "{out}");
}

#[cfg(feature = "stores")]
#[test]
fn a_wrong_encoding_in_a_file_url_is_told_with_its_place() {
    let (_folder, path) = file(
        "[store.good]\nremote = 'file:///mnt/with%20space'\nlocal = 'memory'\n\
         [store.bad]\nremote = 'file:///mnt/100%'\nlocal = 'memory'\n",
    );
    let (out, _, code) = larder(&["check", &path], &[]);
    assert_eq!(code, 1, "{out}");
    let good = file("[store.good]\nremote = 'file:///mnt/with%20space'\nlocal = 'memory'\n");
    let (told, _, code) = larder(&["check", &good.1], &[]);
    assert!(
        code == 0 && told.starts_with("store `good`: memory: over /mnt/with space\n"),
        "{told}"
    );
    let told = "mistake: `remote` is \"file:///mnt/100%\": `%` encodes nothing: right is `%` and two hexadecimal digits";
    assert!(out.contains(&format!("{path}:5:10: {told}")), "{out}");
}

#[test]
fn what_is_not_understood_ends_with_2_and_help_with_0() {
    let all = "right is `larder check FILE...`, `larder store ..`, or `larder --help`";
    let check = "right is `larder check FILE...`, or `larder check --help`";
    for (arguments, right) in [
        (&[][..], all),
        (&["chek", "x"], all),
        (&["check"], check),
        (&["check", "--fast", "x"], check),
    ] {
        let (out, err, code) = larder(arguments, &[]);
        assert_eq!((out.as_str(), code), ("", 2), "{arguments:?}");
        assert_eq!(err, format!("larder: not understood; {right}\n"));
    }
    for arguments in [&["--help"][..], &["check", "--help"], &["-h"]] {
        let (out, err, code) = larder(arguments, &[]);
        assert_eq!((err.as_str(), code), ("", 0), "{arguments:?}");
        assert!(out.starts_with("larder check FILE...\n") && out.contains("Exit codes"), "{out}");
    }
    let (out, _, code) = larder(&["--version"], &[]);
    assert_eq!((out, code), (format!("larder {}\n", env!("CARGO_PKG_VERSION")), 0));
}
