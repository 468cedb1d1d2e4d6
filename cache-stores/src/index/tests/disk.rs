//! What is on disk: restarts, damage, compaction, full disks.

use super::crash::{accounted, fresh};
use super::{add, kill, limits, object, order};
use crate::index::{Index, Limits, Opened};
use crate::object::{CopyId, Standing};
use crate::policy::{Fifo, Lru, Policy, Size};
use cache_core::ManualClock;
use object_store::path::Path;
use std::fs;
use std::path::Path as File;
use std::time::Duration;
use tempfile::TempDir;

pub(super) fn open(directory: &File, limits: Limits) -> (Index, Opened) {
    Index::open(directory, limits, ManualClock::new().clock()).unwrap()
}

fn ready(directory: &File, limits: Limits) -> Index {
    let (index, opened) = open(directory, limits);
    assert_eq!(opened, Opened::Ready { unsure: Vec::new() });
    index
}

fn why(directory: &File) -> String {
    match open(directory, limits(Policy::default())) {
        (index, Opened::Damaged(why)) => {
            assert_eq!(index.totals().objects, 0);
            why
        }
        (_, opened) => panic!("{opened:?}"),
    }
}

/// An index of three objects, closed or not.
fn three(closed: bool) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let index = fresh(directory.path(), limits(Policy::default()), &ManualClock::new());
    ["a", "b", "c"].into_iter().for_each(|path| drop(add(&index, path, 1)));
    if !closed {
        kill(index);
    }
    directory
}

fn copy_of(directory: &File) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(directory).unwrap().flatten() {
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

#[test]
fn f22_an_index_on_disk_still_serves_and_still_evicts_after_a_restart() {
    for closed in [true, false] {
        let limits = limits(Lru | Size(90_u64));
        let directory = tempfile::tempdir().unwrap();
        let index = fresh(directory.path(), limits, &ManualClock::new());
        let (copy, _) = add(&index, "a", 1);
        add(&index, "b", 1);
        add(&index, "c", 1);
        // A use that was not written yet is lost in a kill, and matters for the order alone.
        index.find(&Path::from("a")).unwrap();
        match closed {
            true => drop(index),
            false => kill(index),
        }
        let index = ready(directory.path(), limits);
        let found = index.look(&Path::from("a")).unwrap();
        assert_eq!((found.copy, found.standing, found.present.len()), (copy, Standing::Fresh, 3));
        assert_eq!(order(&index), if closed { ["b", "c", "a"] } else { ["a", "b", "c"] });
        let (_, victims) = add(&index, "d", 1);
        assert_eq!((victims.len(), index.totals().bytes), (1, 90));
    }
}

#[test]
fn limits_that_were_lowered_hold_when_the_index_is_opened() {
    let directory = three(true);
    let (index, opened) = open(directory.path(), limits(Fifo(1)));
    let Opened::Ready { unsure } = opened else { panic!("{opened:?}") };
    assert_eq!((unsure.len(), order(&index)), (2, vec!["c".to_owned()]));
}

#[test]
fn an_open_index_is_open_once() {
    let directory = three(true);
    let index = ready(directory.path(), limits(Policy::default()));
    let time = ManualClock::new();
    let error = Index::open(directory.path(), limits(Policy::default()), time.clock());
    let error = error.unwrap_err().to_string();
    assert!(error.contains(&format!("process {} has it open", std::process::id())), "{error}");
    drop(index);
    ready(directory.path(), limits(Policy::default()));
}

#[test]
fn a_directory_that_cannot_be_is_an_error_that_names_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inside = file.path().join("index");
    let time = ManualClock::new();
    let error = Index::open(&inside, limits(Policy::default()), time.clock()).unwrap_err();
    assert!(error.is_unreachable());
    assert!(error.to_string().contains(&inside.display().to_string()), "{error}");
}

#[test]
fn a_change_of_any_byte_is_damage() {
    let directory = three(false);
    for name in ["log.1", "snapshot"] {
        let file = fs::read(directory.path().join(name)).unwrap();
        for at in 0..file.len() {
            let copy = copy_of(directory.path());
            let mut bytes = file.clone();
            bytes[at] ^= 0x10;
            fs::write(copy.path().join(name), bytes).unwrap();
            let why = why(copy.path());
            assert!(why.contains(name.split('.').next().unwrap()), "{why}");
        }
    }
}

#[test]
fn what_is_missing_is_damage_and_the_next_index_begins_anew() {
    for (name, expected) in [("log.1", "log 1 is missing"), ("snapshot", "it was never finished")] {
        let directory = three(true);
        fs::remove_file(directory.path().join(name)).unwrap();
        assert_eq!(why(directory.path()), expected);
        // The rebuild did not come to its end.
        let index = open(directory.path(), limits(Policy::default())).0;
        add(&index, "d", 1);
        assert_eq!(index.found_all(), []);
        add(&index, "e", 1);
        kill(index);
        let index = ready(directory.path(), limits(Policy::default()));
        assert_eq!(order(&index), ["d", "e"]);
    }
}

#[test]
fn a_snapshot_that_ends_early_is_damage() {
    let directory = three(true);
    drop(ready(directory.path(), limits(Policy::default())));
    let snapshot = fs::read(directory.path().join("snapshot")).unwrap();
    for length in 0..snapshot.len() {
        let copy = copy_of(directory.path());
        fs::write(copy.path().join("snapshot"), &snapshot[..length]).unwrap();
        assert!(why(copy.path()).contains("snapshot"));
    }
}

#[test]
fn after_the_machine_went_down_an_index_that_was_open_is_not_believed() {
    for closed in [false, true] {
        let directory = three(true);
        let index = ready(directory.path(), limits(Policy::default()));
        index.look_at(|state| state.log.as_mut().unwrap().boot_was("before the outage"));
        match closed {
            true => {
                drop(index);
                ready(directory.path(), limits(Policy::default()));
            }
            false => {
                kill(index);
                assert_eq!(why(directory.path()), "the machine went down while it was open");
            }
        }
    }
}

#[test]
fn a_doubt_outlives_the_process() {
    let directory = three(true);
    let index = ready(directory.path(), limits(Policy::default()));
    let ticket = index.doubt(&Path::from("b"));
    kill(index.clone());
    drop((ticket, index));
    let index = ready(directory.path(), limits(Policy::default()));
    let standing = |path: &str| index.look(&Path::from(path)).unwrap().standing;
    assert_eq!((standing("a"), standing("b")), (Standing::Fresh, Standing::Doubtful));
}

#[test]
fn what_waits_for_the_remote_waits_after_a_restart_too() {
    let directory = three(true);
    let index = ready(directory.path(), limits(Policy::default()));
    let copy = index.stage(&Path::from("w"), 10);
    index.unsent(copy, &object("w", 1)).unwrap();
    index.stage(&Path::from("x"), 10);
    kill(index);
    let index = ready(directory.path(), limits(Policy::default()));
    assert_eq!(index.unsent_copies(), [(Path::from("w"), copy)]);
    assert!(index.hold(copy) && !index.hold(CopyId(1)));
    assert!(!index.hold(index.stage(&Path::from("y"), 10)), "nobody has acknowledged it");
    assert_eq!(index.look(&Path::from("x")), None);
}

#[test]
fn a_kill_at_any_step_of_a_compaction_loses_nothing() {
    let directory = three(false);
    let files = |name: &str| directory.path().join(name);
    let (snapshot, kept) = (fs::read(files("snapshot")).unwrap(), files("kept"));
    fs::hard_link(files("log.1"), &kept).unwrap();
    let index = ready(directory.path(), limits(Policy::default()));
    index.look_at(|state| state.log.as_mut().unwrap().compact_from(1));
    // Whatever is asked begins one; a second one would take the log of the first away.
    drop(index.begin(&Path::from("d")));
    index.look_at(|state| state.log.as_mut().unwrap().compact_from(1 << 20));
    add(&index, "d", 1);
    let expected = accounted(&index);
    kill(index);
    let log = fs::read(&kept).unwrap();
    let (new, next) = (fs::read(files("snapshot")).unwrap(), fs::read(files("log.2")).unwrap());
    assert!(!files("log.1").exists() && new != snapshot);
    let check = |parts: &[(&str, &[u8])], all: bool| {
        let copy = tempfile::tempdir().unwrap();
        for (name, bytes) in parts {
            fs::write(copy.path().join(name), bytes).unwrap();
        }
        let (index, opened) = open(copy.path(), limits(Policy::default()));
        assert!(matches!(opened, Opened::Ready { .. }), "{opened:?}");
        assert!(!all || accounted(&index) == expected);
        let before = accounted(&index);
        kill(index);
        let (index, opened) = open(copy.path(), limits(Policy::default()));
        assert!(matches!(opened, Opened::Ready { .. }), "{opened:?}");
        assert_eq!(accounted(&index), before);
    };
    for cut in 0..=next.len() {
        check(
            &[("snapshot", &snapshot), ("log.1", &log), ("log.2", &next[..cut])],
            cut == next.len(),
        );
    }
    for cut in 0..=new.len() {
        let half = &new[..cut];
        check(
            &[("snapshot", &snapshot), ("snapshot.new", half), ("log.1", &log), ("log.2", &next)],
            true,
        );
    }
    check(&[("snapshot", &new), ("log.1", &log), ("log.2", &next)], true);
    check(&[("snapshot", &new), ("log.2", &next)], true);
    // A log that another one follows was written to its end.
    fs::write(files("snapshot"), &snapshot).unwrap();
    fs::write(files("log.1"), &log[..log.len() - 1]).unwrap();
    assert_eq!(why(directory.path()), "log 1 ends early");
}

#[test]
fn a_log_does_not_outgrow_its_snapshot_for_long() {
    let directory = three(true);
    let index = ready(directory.path(), limits(Fifo(10)));
    index.look_at(|state| state.log.as_mut().unwrap().compact_from(4096));
    for version in 0..500 {
        add(&index, &format!("p/{}", version % 20), version);
    }
    let (totals, names) = (index.totals(), order(&index));
    drop(index);
    let size: u64 = fs::read_dir(directory.path())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(size < 200 * 1024, "{size} bytes");
    let index = ready(directory.path(), limits(Fifo(10)));
    assert_eq!((index.totals().bytes, order(&index)), (totals.bytes, names));
}

/// A device that is always full.
#[cfg(target_os = "linux")]
#[test]
fn f12_a_full_disk_is_no_trouble_for_callers_and_its_index_is_not_believed() {
    let directory = three(true);
    let index = ready(directory.path(), limits(Policy::default()));
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    index.look_at(|state| state.log.as_mut().unwrap().write_to(full()));
    assert_eq!(index.news(), None);
    let victims = index.forget(&Path::from("a"));
    index.removed(&victims);
    let trouble = index.news().unwrap();
    assert_eq!(index.news(), None);
    assert!(trouble.contains(&directory.path().display().to_string()), "{trouble}");
    assert_eq!(order(&index), ["b", "c"]);
    let copy = copy_of(directory.path());
    fs::remove_file(copy.path().join("lock")).unwrap();
    let (_, opened) = open(copy.path(), limits(Policy::default()));
    assert_eq!(opened, Opened::New, "nothing is left that could be believed");
    // There is room again.
    for version in 0..200 {
        add(&index, "b", 2 + version);
    }
    index.look_at(|state| assert_eq!(state.log.as_ref().unwrap().trouble(), None));
    // Full again, which is news again.
    index.look_at(|state| state.log.as_mut().unwrap().write_to(full()));
    index.removed(&index.forget(&Path::from("c")));
    assert!(index.news().is_some() && index.news().is_none());
    for version in 300..500 {
        add(&index, "b", version);
    }
    kill(index);
    assert_eq!(order(&ready(directory.path(), limits(Policy::default()))), ["b"]);
}

#[test]
fn a_compaction_that_finds_its_files_damaged_leaves_what_is_in_memory() {
    let directory = three(true);
    let index = ready(directory.path(), limits(Policy::default()));
    let snapshot = directory.path().join("snapshot");
    fs::write(&snapshot, "damaged").unwrap();
    index.look_at(|state| state.log.as_mut().unwrap().compact_from(1));
    let began = std::time::Instant::now();
    while fs::read(&snapshot).unwrap() == b"damaged" {
        assert!(began.elapsed().as_secs() < 20, "nobody has noticed");
        add(&index, "d", 1 + began.elapsed().as_nanos() as u64);
    }
    kill(index);
    assert_eq!(order(&ready(directory.path(), limits(Policy::default()))), ["a", "b", "c", "d"]);
}

#[test]
fn that_an_index_was_opened_is_in_its_log_before_anything_else_is() {
    let directory = three(true);
    let length = || fs::metadata(directory.path().join("log.1")).unwrap().len();
    let closed = length();
    let index = ready(directory.path(), limits(Policy::default()));
    // Else the mark of having been closed would hold for what this process writes.
    assert!(length() > closed);
    drop(index);
}

#[test]
fn f20_status_lists_objects_in_the_order_in_which_they_go() {
    let time = ManualClock::new();
    let index = Index::in_memory(limits(Lru), time.clock());
    add(&index, "a", 1);
    time.advance(Duration::from_secs(5));
    add(&index, "b", 1);
    index.find(&Path::from("a")).unwrap();
    let waiting = index.stage(&Path::from("w"), 10);
    index.unsent(waiting, &object("w", 1)).unwrap();
    time.advance(Duration::from_secs(1));
    let status = index.status();
    let told: Vec<_> = status
        .iter()
        .map(|one| (one.path().as_ref(), one.age().as_secs(), one.kept(), one.is_complete()))
        .collect();
    assert_eq!(told, [("b", 1, 30, true), ("a", 6, 30, true), ("w", 1, 0, false)]);
    assert_eq!((status[0].size(), status[2].standing()), (30, Standing::Unsent));
}
