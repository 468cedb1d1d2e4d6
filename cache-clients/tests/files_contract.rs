//! Files keep the contract of servers, sentence by sentence, however they read.

#![cfg(feature = "files")]

#[path = "common/server_suite.rs"]
mod server_suite;

use cache_clients::server::{Claim, Leased, When};
use cache_clients::{Files, FilesOptions, Mapping, Reads};
use cache_core::{ManualClock, wait};
use server_suite::{expire, get, put, put_for, text, won};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A cache whose time stands still.
fn still() -> (tempfile::TempDir, ManualClock, Files) {
    let folder = tempfile::tempdir().unwrap();
    let time = ManualClock::new();
    let options = FilesOptions::new().with_clock(time.clock());
    let files = Files::open_with(folder.path(), options).unwrap();
    (folder, time, files)
}

#[test]
fn files_keep_the_contract_of_servers() {
    let folder = tempfile::tempdir().unwrap();
    server_suite::run(&Files::open(folder.path()).unwrap());
}

#[test]
fn files_that_copy_and_read_on_their_own_threads_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let options = FilesOptions::new().with_reads(Reads::Threads).with_mapping(Mapping::Off);
    server_suite::run(&Files::open_with(folder.path(), options).unwrap());
}

#[test]
fn files_that_map_everything_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let options = FilesOptions::new().with_mapping(Mapping::Above(0));
    server_suite::run(&Files::open_with(folder.path(), options).unwrap());
}

#[test]
fn two_handles_of_one_directory_are_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (Files::open(folder.path()).unwrap(), Files::open(folder.path()).unwrap());
    let lease = won(&get(&a, "k", Claim::Missing(SECOND * 60)));
    assert_eq!(get(&b, "k", Claim::Missing(SECOND)).leased, Leased::Taken);
    wait(cache_clients::server::Server::delete_many(&b, &["k".to_owned()]));
    assert!(!put(&a, "k", "late", When::Token(lease)), "the fence is in the directory");
    assert!(put(&b, "k", "v", When::Always));
    assert_eq!(text(&a, "k").as_deref(), Some("v"));
    assert_eq!(a.usage().unwrap(), b.usage().unwrap());
}

#[test]
fn a_value_is_kept_to_the_last_millisecond_and_no_longer() {
    let (_folder, time, files) = still();
    put_for(&files, "k", "v".into(), Some(SECOND), When::Always);
    time.advance(SECOND - Duration::from_millis(1));
    assert_eq!(text(&files, "k").as_deref(), Some("v"));
    assert!(!put(&files, "k", "w", When::Absent));
    time.advance(Duration::from_millis(1));
    assert_eq!(text(&files, "k"), None);
    assert!(!expire(&files, "k"));
    assert!(put(&files, "k", "w", When::Absent));
}

#[test]
fn a_lease_lasts_to_the_last_millisecond_and_a_late_owner_loses_to_the_next() {
    let (_folder, time, files) = still();
    let late = won(&get(&files, "k", Claim::Missing(SECOND)));
    time.advance(SECOND - Duration::from_millis(1));
    assert_eq!(get(&files, "k", Claim::Missing(SECOND)).leased, Leased::Taken);
    time.advance(Duration::from_millis(1));
    let next = won(&get(&files, "k", Claim::Missing(SECOND)));
    assert!(!put(&files, "k", "late", When::Token(late)));
    assert!(put(&files, "k", "next", When::Token(next)));
}

#[test]
fn a_lease_outlives_the_value_it_was_taken_over() {
    let (_folder, time, files) = still();
    put_for(&files, "k", "old".into(), Some(SECOND), When::Always);
    let lease = won(&get(&files, "k", Claim::Refresh(SECOND * 10)));
    time.advance(SECOND * 2);
    assert_eq!(get(&files, "k", Claim::Missing(SECOND)).leased, Leased::Taken);
    assert!(put(&files, "k", "new", When::Token(lease)));
}

#[test]
fn a_key_that_is_none_is_an_error_that_names_it() {
    let (_folder, _time, files) = still();
    for key in ["with space", "ümlaut", &"k".repeat(201)] {
        let asked = [key.to_owned()];
        let answer =
            wait(cache_clients::server::Server::get_many(&files, &asked, Claim::Nothing)).remove(0);
        let error = answer.unwrap_err();
        assert!(error.is_invalid());
        assert!(error.to_string().contains(&format!("{key:.60?}")), "{error}");
    }
}

#[test]
fn futures_are_awaited_with_and_without_a_runtime() {
    let (_folder, _time, files) = still();
    assert!(put(&files, "k", "v", When::Always));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let keys: Vec<String> = (0..40).map(|_| "k".to_owned()).collect();
        let answers = cache_clients::server::Server::get_many(&files, &keys, Claim::Nothing).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap().stored.is_some()));
    });
}
