//! Tests of the journal: what it took comes back, whatever happens to the end of its file.

use super::super::record::tests::put;
use super::super::scan::waiting;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn open(dir: &FilePath) -> (Journal, Vec<(String, u64)>) {
    let (journal, replayed) = Journal::open(dir).unwrap();
    let waiting = replayed.into_iter();
    (journal, waiting.map(|record| (record.path.to_string(), copy(&record.op))).collect())
}

fn copy(op: &Op) -> u64 {
    match op {
        Op::Put(unsent) => unsent.copy.0,
        Op::Delete => 0,
    }
}

#[test]
fn what_was_taken_and_not_sent_comes_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("new/journal");
    let (journal, waiting) = open(&dir);
    assert!(waiting.is_empty());
    let a = journal.append(&Path::from("a"), &put("a", 1, 10)).unwrap();
    journal.append(&Path::from("b"), &put("b", 2, 10)).unwrap();
    journal.append(&Path::from("c"), &put("c", 3, 10)).unwrap();
    journal.append(&Path::from("b"), &Op::Delete).unwrap();
    journal.done(a).unwrap();
    drop(journal);
    let (journal, waiting) = open(&dir);
    assert_eq!(waiting, [("c".into(), 3), ("b".into(), 0)]);
    // Numbers go on: they order the writes over restarts.
    assert_eq!(journal.append(&Path::from("c"), &put("c", 4, 1)).unwrap(), 4);
}

#[test]
fn an_older_write_does_not_come_back_when_a_newer_one_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    journal.append(&Path::from("a"), &put("a", 1, 10)).unwrap();
    let newer = journal.append(&Path::from("a"), &put("a", 2, 10)).unwrap();
    journal.done(newer).unwrap();
    drop(journal);
    assert_eq!(open(dir.path()).1, []);
}

#[test]
fn one_at_a_time_has_the_directory_and_the_other_is_told_who() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let error = Journal::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    assert!(error.contains(&dir.path().display().to_string()), "{error}");
    drop(journal);
    open(dir.path());
}

#[test]
fn a_damaged_middle_is_an_error_that_names_the_file_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    for copy in 1..=3 {
        journal.append(&Path::from("a"), &put("a", copy, 10)).unwrap();
    }
    drop(journal);
    let path = dir.path().join("writes");
    let mut bytes = fs::read(&path).unwrap();
    // In the body of the first record; then in its length, so that it seems to reach over the end.
    for (at, value) in
        [(MAGIC.len() + record::HEAD + 3, 0xff), (MAGIC.len() + record::STATE + 2, 0x0f)]
    {
        let was = std::mem::replace(&mut bytes[at], value);
        fs::write(&path, &bytes).unwrap();
        let error = Journal::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert!(error.contains(&format!("byte {}", MAGIC.len())), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        bytes[at] = was;
    }
    fs::write(&path, &bytes).unwrap();
    assert_eq!(open(dir.path()).1, [("a".into(), 3)]);
}

#[test]
fn a_file_of_someone_else_and_one_of_another_version_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("writes");
    fs::write(&path, "a letter to my grandmother").unwrap();
    let error = Journal::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("is not a journal of writes"), "{error}");
    let mut newer = MAGIC;
    newer[15] = 9;
    fs::write(&path, newer).unwrap();
    let error = Journal::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("version 9") && error.contains("reads 1"), "{error}");
    // Killed while its first line was written.
    fs::write(&path, &MAGIC[..7]).unwrap();
    assert_eq!(open(dir.path()).1, []);
}

#[test]
fn the_file_shrinks_when_most_of_it_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let mut seqs = Vec::new();
    for copy in 0..300 {
        let path = Path::from(format!("{}/{copy}", "long".repeat(1000)));
        seqs.push(journal.append(&path, &Op::Delete).unwrap());
    }
    assert!(journal.bytes() > SMALL);
    let last = journal.append(&Path::from("last"), &put("last", 77, 1)).unwrap();
    seqs.iter().for_each(|&seq| journal.done(seq).unwrap());
    assert!(journal.bytes() < SMALL, "{}", journal.bytes());
    journal.append(&Path::from("after"), &put("after", 78, 1)).unwrap();
    assert_eq!(waiting(&dir.path().join("writes")).len(), 2);
    drop(journal);
    let (journal, waiting) = open(dir.path());
    assert_eq!(waiting, [("last".into(), 77), ("after".into(), 78)]);
    journal.done(last).unwrap();
    drop(journal);
    assert_eq!(open(dir.path()).1, [("after".into(), 78)]);
}

#[test]
fn what_is_taken_when_the_exchange_of_the_file_went_wrong_is_not_lost() {
    for fails in 1..=2 {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = open(dir.path());
        journal.append(&Path::from("a"), &put("a", 1, 10)).unwrap();
        let mut syncs = 0;
        let sync = |_: &FilePath| {
            syncs += 1;
            match syncs == fails {
                true => Err(io::Error::other("too many open files")),
                false => Ok(()),
            }
        };
        // Whether it is worth telling: everything is in one of the files.
        let _ = journal.tail.lock().compact(dir.path(), sync);
        let taken = journal.append(&Path::from("b"), &put("b", 2, 10)).is_ok();
        drop(journal);
        let mut expected = vec![("a".to_owned(), 1)];
        expected.extend(taken.then(|| ("b".to_owned(), 2)));
        assert_eq!(open(dir.path()).1, expected, "the sync {fails} failed");
    }
}

#[test]
fn a_record_that_could_not_be_read_again_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let long = Path::from("x".repeat(17 << 20));
    let error = journal.append(&long, &Op::Delete).unwrap_err().to_string();
    assert!(error.contains("17825"), "it says how long it is: {error}");
    journal.append(&Path::from("a"), &put("a", 1, 10)).unwrap();
    drop(journal);
    assert_eq!(open(dir.path()).1, [("a".to_owned(), 1)]);
}

#[test]
fn many_at_once_are_all_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let journal = &journal;
            scope.spawn(move || {
                for n in 0..20 {
                    let path = Path::from(format!("{thread}/{n}"));
                    let seq = journal.append(&path, &put(path.as_ref(), n + 1, 1)).unwrap();
                    if n % 2 == 0 {
                        journal.done(seq).unwrap();
                    }
                }
            });
        }
    });
    drop(journal);
    assert_eq!(open(dir.path()).1.len(), 80);
}

/// What a run of random calls did.
#[derive(Debug, Clone)]
enum Step {
    Put(u8),
    Delete(u8),
    Done(u8),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..5_u8).prop_map(Step::Put),
        2 => (0..5_u8).prop_map(Step::Delete),
        3 => (0..5_u8).prop_map(Step::Done),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_torn_end_costs_only_what_was_not_acknowledged(steps in steps(), cut in 1..30_usize) {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path());
        let mut model: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for (copy, step) in (1_u64..).zip(steps) {
            match step {
                Step::Put(path) => {
                    let path = format!("p{path}");
                    let seq = journal.append(&Path::from(&*path), &put(&path, copy, 1)).unwrap();
                    model.insert(path, (seq, copy));
                }
                Step::Delete(path) => {
                    let path = format!("p{path}");
                    let seq = journal.append(&Path::from(&*path), &Op::Delete).unwrap();
                    model.insert(path, (seq, 0));
                }
                Step::Done(path) => {
                    if let Some((seq, _)) = model.remove(&format!("p{path}")) {
                        journal.done(seq).unwrap();
                    }
                }
                Step::Restart => {
                    drop(journal);
                    // A record that a kill cut short.
                    let record = Record { seq: 999, path: Path::from("p0"), op: put("p0", 999, 1) };
                    let torn = record::frame(&record);
                    let mut file = OpenOptions::new().append(true).open(dir.path().join("writes")).unwrap();
                    file.write_all(&torn[..torn.len() - cut.min(torn.len() - 1)]).unwrap();
                    drop(file);
                    journal = open(dir.path()).0;
                }
            }
            let mut expected = Vec::from_iter(model.iter().map(|(path, (seq, copy))| (*seq, path.clone(), *copy)));
            expected.sort();
            let found = waiting(&dir.path().join("writes"));
            let found = found.into_iter().map(|r| (r.seq, r.path.to_string(), self::copy(&r.op)));
            prop_assert_eq!(found.collect::<Vec<_>>(), expected);
        }
    }
}
