//! Tests of a file's end: what a kill or a power cut leaves is cut, and what was damaged is told.

use super::super::record::tests::put;
use super::super::record::{HEAD, Op};
use super::*;
use object_store::path::Path;
use proptest::prelude::*;

/// A file with two records, and where the second one begins. Their paths have these lengths.
fn file(first: usize, last: usize) -> (Vec<u8>, usize) {
    let mut bytes = MAGIC.to_vec();
    let mut at = 0;
    for (seq, length) in [(0, first), (1, last)] {
        at = bytes.len();
        let path = "p".repeat(length);
        let mut op = put(&path, 7 + seq, 5000);
        if let Op::Put(unsent) = &mut op {
            unsent.object.modified = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        }
        bytes.extend(record::frame(&Record { seq, path: Path::from(path), op }));
    }
    (bytes, at)
}

/// The numbers of what waits, and how long the file is then.
fn read(bytes: &[u8]) -> std::result::Result<(Vec<u64>, u64), String> {
    let scanned = scan(FilePath::new("writes"), bytes).map_err(|error| error.to_string())?;
    Ok((scanned.waiting.iter().map(|(_, _, record)| record.seq).collect(), scanned.whole))
}

#[test]
fn a_last_record_that_is_cut_at_any_byte_was_not_acknowledged() {
    let (bytes, at) = file(3, 400);
    for end in at..bytes.len() {
        assert_eq!(read(&bytes[..end]), Ok((vec![0], at as u64)), "cut at {end}");
    }
    assert_eq!(read(&bytes), Ok((vec![0, 1], bytes.len() as u64)));
}

#[test]
fn a_bit_that_flips_anywhere_in_the_last_record_is_damage_and_told_with_its_place() {
    for length in [1, 40, 400, 401] {
        let (bytes, at) = file(3, length);
        for bit in at * 8..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = read(&flipped).unwrap_err();
            assert!(error.contains(&format!("damaged at byte {at} (")), "bit {bit}: {error}");
        }
    }
}

#[test]
fn a_length_that_reaches_over_the_end_is_told_as_such() {
    let (mut bytes, at) = file(3, 40);
    bytes[at + 7] ^= 1;
    let error = read(&bytes).unwrap_err();
    assert!(error.contains("the length of the last record is wrong"), "{error}");
}

#[test]
fn blocks_that_a_power_cut_left_empty_are_no_damage() {
    let (bytes, at) = file(3, 3000);
    let blocks = (at.next_multiple_of(BLOCK)..bytes.len() - ZEROS).step_by(BLOCK);
    for from in blocks.chain([at]) {
        for more in [0, 1, 5000] {
            let mut torn = bytes.clone();
            torn[from..].fill(0);
            torn.resize(bytes.len() + more, 0);
            assert_eq!(read(&torn), Ok((vec![0], at as u64)), "zeros from {from}, {more} more");
        }
    }
    // The head, too, may be in two blocks.
    for first in 400..512 {
        let (mut bytes, at) = file(first, 600);
        let from = at.next_multiple_of(BLOCK);
        if from < at + HEAD {
            bytes[from..].fill(0);
            assert_eq!(read(&bytes), Ok((vec![0], at as u64)));
        }
    }
}

#[test]
fn zeros_in_a_record_or_behind_a_damaged_one_are_no_excuse() {
    let (bytes, at) = file(3, 3000);
    let mut damaged = bytes.clone();
    damaged[at + 600..at + 900].fill(0);
    assert!(read(&damaged).unwrap_err().contains("checksum"));
    let mut damaged = bytes;
    damaged[at + 600] ^= 1;
    damaged.resize(10_000, 0);
    assert!(read(&damaged).unwrap_err().contains("checksum"));
}

/// None of the two may have been acknowledged; but if they were, to cut them would lose them.
#[test]
fn a_lost_block_with_a_whole_record_behind_it_is_damage_and_told_with_its_place() {
    let (mut bytes, at) = file(3 * BLOCK, 3);
    bytes[BLOCK..2 * BLOCK].fill(0);
    let error = read(&bytes).unwrap_err();
    assert!(error.contains(&format!("damaged at byte {} (the checksum is wrong)", MAGIC.len())));
    assert!(error.contains("it is left as it is; restore it, or move it away"), "{error}");
    bytes[MAGIC.len()..at].fill(0);
    let error = read(&bytes).unwrap_err();
    assert!(error.contains(&format!("damaged at byte {} (no record", MAGIC.len())), "{error}");
}

#[test]
fn of_a_write_that_has_replaced_others_it_is_known_which_was_the_first() {
    let mut bytes = MAGIC.to_vec();
    for (seq, path, done) in
        [(1, "a", true), (2, "a", false), (3, "b", false), (4, "a", false), (5, "a", false)]
    {
        let mut frame = record::frame(&Record { seq, path: Path::from(path), op: Op::Delete });
        if done {
            frame[record::STATE] = record::DONE;
        }
        bytes.extend(frame);
    }
    let scanned = scan(FilePath::new("writes"), &bytes).unwrap();
    assert_eq!(scanned.replaced, HashMap::from([(5, 2)]));
    assert_eq!(scanned.former.len(), 2);
}

proptest! {
    #[test]
    fn no_flipped_bit_costs_a_record_in_silence(
        first in 1..1200_usize,
        last in 1..1200_usize,
        at: prop::sample::Index,
        bit in 0..8_u8,
    ) {
        let (mut bytes, _) = file(first, last);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(read(&bytes).is_err(), "byte {at}");
    }
}
