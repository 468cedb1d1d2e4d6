//! What `Read`, `BufRead` and `Seek` promise: a handle is a `std::io::Cursor` over the object.

use crate::bytes;
use crate::odd::Odd;
use cache_stores::{Handle, OpenExt, Temporary};
use proptest::prelude::*;
use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};

#[derive(Debug, Clone)]
enum Step {
    Read(usize),
    Fill(prop::sample::Index),
    Seek(SeekFrom),
    ToEnd,
}

fn steps(size: i64) -> impl Strategy<Value = Vec<Step>> {
    let by = -(size + 10)..size + 10;
    let seek = prop_oneof![
        (0..size as u64 + 10).prop_map(SeekFrom::Start),
        by.clone().prop_map(SeekFrom::Current),
        by.prop_map(SeekFrom::End),
        Just(SeekFrom::Current(0)),
        Just(SeekFrom::Start(u64::MAX)),
        Just(SeekFrom::Current(i64::MIN)),
    ];
    let step = prop_oneof![
        4 => (0..size as usize / 2 + 2).prop_map(Step::Read),
        2 => any::<prop::sample::Index>().prop_map(Step::Fill),
        4 => seek.prop_map(Step::Seek),
        1 => Just(Step::ToEnd),
    ];
    prop::collection::vec(step, 1..25)
}

fn check(mut handle: Handle, whole: &[u8], steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut cursor = Cursor::new(whole);
    for step in steps {
        match step {
            Step::Read(length) => {
                let mut ours = vec![0; length];
                // Fewer bytes than asked for are allowed, none only at the end.
                let read = handle.read(&mut ours).unwrap();
                let mut theirs = vec![0; read];
                cursor.read_exact(&mut theirs).unwrap();
                prop_assert_eq!(&ours[..read], &theirs[..]);
                prop_assert!(read > 0 || length == 0 || cursor.fill_buf().unwrap().is_empty());
            }
            Step::Fill(part) => {
                let ours = handle.fill_buf().unwrap();
                let theirs = cursor.fill_buf().unwrap();
                prop_assert_eq!(ours.is_empty(), theirs.is_empty());
                prop_assert_eq!(ours, &theirs[..ours.len()]);
                let eaten = if ours.is_empty() { 0 } else { part.index(ours.len() + 1) };
                handle.consume(eaten);
                cursor.consume(eaten);
            }
            Step::Seek(to) => match (handle.seek(to), cursor.seek(to)) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
                (Err(ours), Err(theirs)) => prop_assert_eq!(ours.kind(), theirs.kind()),
                (ours, theirs) => prop_assert!(false, "{to:?}: {ours:?}, {theirs:?}"),
            },
            Step::ToEnd => {
                let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                handle.read_to_end(&mut ours).unwrap();
                cursor.read_to_end(&mut theirs).unwrap();
                prop_assert_eq!(ours, theirs);
            }
        }
        prop_assert_eq!(handle.stream_position().unwrap(), cursor.position());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_handle_over_a_stream_in_any_pieces_is_a_cursor(
        size in 0..400_usize,
        cuts in prop::collection::vec(0..50_usize, 0..4),
        steps in steps(400),
    ) {
        let (store, whole) = (Odd::default(), bytes(size));
        store.open("a").unwrap().put(whole.clone()).unwrap();
        // Some of them may be empty, not all.
        *store.seen.cuts.lock() = cuts.into_iter().chain([7]).collect();
        check(store.open("a").unwrap(), &whole, steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn a_handle_over_a_file_that_is_longer_than_what_is_read_ahead_is_a_cursor(
        steps in steps(5 << 20),
    ) {
        let (store, whole) = (Temporary::new().unwrap(), bytes((5 << 20) + 17));
        store.open("a/b").unwrap().put(whole.clone()).unwrap();
        check(store.open("a/b").unwrap(), &whole, steps)?;
    }
}
