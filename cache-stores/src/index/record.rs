//! Changes as bytes. A number that is new to this version of larder is damage: the header of each file
//! has the version, and another version's index is rebuilt.

use super::bytes::{Reader, put_number};
use super::change::Change;
use super::slot::{Marks, is_packed};
use crate::object::CopyId;

const ADMIT: u8 = 1;
const DESCRIBE: u8 = 2;
const RENEW: u8 = 3;
const MARK: u8 = 4;
const USE: u8 = 5;
const INTEND: u8 = 6;
const KEEP: u8 = 7;
const SHED: u8 = 8;
const LEAVE: u8 = 9;
const REMOVED: u8 = 10;

/// Appends a change.
pub(super) fn put(out: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Admit { copy, chunk_size, fetched, marks, text } => {
            head(out, ADMIT, *copy);
            put_number(out, u64::from(*chunk_size));
            put_object(out, *fetched, *marks, text);
        }
        Change::Describe { copy, fetched, marks, text } => {
            head(out, DESCRIBE, *copy);
            put_object(out, *fetched, *marks, text);
        }
        Change::Renew { copy, fetched } => {
            head(out, RENEW, *copy);
            out.extend_from_slice(&fetched.to_le_bytes());
        }
        Change::Mark { copy, marks } => {
            head(out, MARK, *copy);
            out.push(marks.0);
        }
        Change::Use { copy } => head(out, USE, *copy),
        Change::Intend { copy, chunk } => numbers(out, INTEND, *copy, &[*chunk]),
        Change::Keep { copy, first, count, bytes } => {
            numbers(out, KEEP, *copy, &[*first, *count, *bytes]);
        }
        Change::Shed { copy, first, count } => numbers(out, SHED, *copy, &[*first, *count]),
        Change::Leave { copy } => head(out, LEAVE, *copy),
        Change::Removed { copy, first, count } => numbers(out, REMOVED, *copy, &[*first, *count]),
    }
}

/// Takes the next change. `None`: these bytes are none.
pub(super) fn take(from: &mut Reader<'_>) -> Option<Change> {
    let kind = from.byte()?;
    let copy = CopyId(u64::from_le_bytes(from.array()?));
    let number = |from: &mut Reader<'_>| from.number()?.try_into().ok();
    Some(match kind {
        ADMIT => {
            let chunk_size = number(from)?;
            let (fetched, marks, text) = object(from)?;
            Change::Admit { copy, chunk_size, fetched, marks, text }
        }
        DESCRIBE => {
            let (fetched, marks, text) = object(from)?;
            Change::Describe { copy, fetched, marks, text }
        }
        RENEW => Change::Renew { copy, fetched: u64::from_le_bytes(from.array()?) },
        MARK => Change::Mark { copy, marks: marks(from)? },
        USE => Change::Use { copy },
        INTEND => Change::Intend { copy, chunk: number(from)? },
        KEEP => {
            let (first, count) = run(from)?;
            Change::Keep { copy, first, count, bytes: number(from)? }
        }
        SHED => {
            let (first, count) = run(from)?;
            Change::Shed { copy, first, count }
        }
        LEAVE => Change::Leave { copy },
        REMOVED => {
            let (first, count) = run(from)?;
            Change::Removed { copy, first, count }
        }
        _ => return None,
    })
}

fn head(out: &mut Vec<u8>, kind: u8, copy: CopyId) {
    out.push(kind);
    out.extend_from_slice(&copy.0.to_le_bytes());
}

fn numbers(out: &mut Vec<u8>, kind: u8, copy: CopyId, numbers: &[u32]) {
    head(out, kind, copy);
    numbers.iter().for_each(|number| put_number(out, u64::from(*number)));
}

fn put_object(out: &mut Vec<u8>, fetched: u64, marks: Marks, text: &[u8]) {
    out.extend_from_slice(&fetched.to_le_bytes());
    out.push(marks.0);
    put_number(out, text.len() as u64);
    out.extend_from_slice(text);
}

fn object(from: &mut Reader<'_>) -> Option<(u64, Marks, Box<[u8]>)> {
    let fetched = u64::from_le_bytes(from.array()?);
    let marks = marks(from)?;
    let length = from.number()?.try_into().ok()?;
    let text = from.slice(length)?;
    is_packed(text).then(|| (fetched, marks, text.into()))
}

fn marks(from: &mut Reader<'_>) -> Option<Marks> {
    let marks = from.byte()?;
    (marks & !Marks::ALL == 0).then_some(Marks(marks))
}

/// Chunks `first..first + count`, which end within what can be numbered.
fn run(from: &mut Reader<'_>) -> Option<(u32, u32)> {
    let first: u32 = from.number()?.try_into().ok()?;
    let count: u32 = from.number()?.try_into().ok()?;
    first.checked_add(count)?;
    Some((first, count))
}
