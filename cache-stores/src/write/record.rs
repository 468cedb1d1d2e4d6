//! One write of the journal as bytes: a frame with length, checksum, and a mark that is flipped when it was sent.

use crate::attributes;
use crate::object::{CopyId, Object};
use chrono::DateTime;
use object_store::path::Path;
use object_store::{AttributeValue, Attributes, TagSet};
use twox_hash::XxHash3_64;

/// What begins every frame: after damage, the next whole one is found by it.
const MARK: [u8; 4] = [0xa7, b'l', b'w', 1];
/// Where the state lies in a frame. It is not under the checksum, so that one byte can be overwritten in place:
/// that needs no room on a full disk.
pub(super) const STATE: usize = MARK.len();
pub(super) const WAITS: u8 = b'P';
pub(super) const DONE: u8 = b'D';
/// Mark, state, length and checksum.
pub(super) const HEAD: usize = MARK.len() + 1 + 4 + 8;
/// Far above any record: paths are at most a few thousand bytes long, and attributes are headers of HTTP.
pub(super) const LONGEST: usize = 16 << 20;

/// What is to be done at the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    Put(Box<Unsent>),
    Delete,
}

/// An object that was written here and lies in the local store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsent {
    pub(crate) object: Object,
    pub(crate) copy: CopyId,
    pub(crate) chunk_size: u32,
    pub(crate) tags: TagSet,
}

/// A record of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Counts the writes of this journal: of two for one path the higher one holds.
    pub(crate) seq: u64,
    pub(crate) path: Path,
    pub(crate) op: Op,
}

/// What lies at a place of the file.
pub(super) enum Found {
    Whole {
        record: Box<Record>,
        done: bool,
        bytes: usize,
    },
    /// The file ends within the frame.
    Cut,
    Damaged {
        why: String,
        /// So many bytes the frame has, if its head is right.
        bytes: usize,
    },
}

/// The frame of a record that waits.
pub(super) fn frame(record: &Record) -> Vec<u8> {
    let mut frame = vec![0; HEAD];
    encode(record, &mut frame);
    let (head, body) = frame.split_at_mut(HEAD);
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    head[..STATE].copy_from_slice(&MARK);
    head[STATE] = WAITS;
    head[STATE + 1..STATE + 5].copy_from_slice(&length.to_le_bytes());
    head[STATE + 5..].copy_from_slice(&XxHash3_64::oneshot(body).to_le_bytes());
    frame
}

/// Reads the frame that begins here.
pub(super) fn read(bytes: &[u8]) -> Found {
    let Some((sum, length)) = head(bytes) else { return Found::Cut };
    let damaged = |why: String| Found::Damaged { why, bytes: HEAD + length };
    if bytes[..STATE] != MARK {
        return Found::Damaged { why: "no record begins here".into(), bytes: HEAD };
    }
    if length > LONGEST {
        return Found::Damaged {
            why: format!("a record says that it has {length} bytes"),
            bytes: HEAD,
        };
    }
    let Some(body) = bytes.get(HEAD..HEAD + length) else { return Found::Cut };
    if XxHash3_64::oneshot(body) != sum {
        return damaged("the checksum is wrong".into());
    }
    let done = match bytes[STATE] {
        WAITS => false,
        DONE => true,
        state => return damaged(format!("its state is {state:#04x}")),
    };
    match decode(body) {
        Some(record) => Found::Whole { record: Box::new(record), done, bytes: HEAD + length },
        None => damaged("its content cannot be read".into()),
    }
}

/// The checksum and the length of the frame that begins here.
fn head(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut head = Reader(bytes.get(STATE + 1..HEAD)?);
    let length = head.u32()?;
    Some((head.u64()?, length as usize))
}

/// Whether all that follows is the body of the frame that begins here, whatever length that says it has.
pub(super) fn is_whole_to_the_end(bytes: &[u8]) -> bool {
    head(bytes).is_some_and(|(sum, _)| XxHash3_64::oneshot(&bytes[HEAD..]) == sum)
}

/// Where the next whole frame begins, if there is one.
pub(super) fn next_whole(bytes: &[u8]) -> Option<usize> {
    memmem(bytes, &MARK).find(|&at| matches!(read(&bytes[at..]), Found::Whole { .. }))
}

fn memmem<'a>(bytes: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(wanted.len()).enumerate().filter(move |(_, w)| *w == wanted).map(|(at, _)| at)
}

fn encode(record: &Record, out: &mut Vec<u8>) {
    out.extend_from_slice(&record.seq.to_le_bytes());
    let kind = match &record.op {
        Op::Put(_) => 1,
        Op::Delete => 2,
    };
    out.push(kind);
    text(record.path.as_ref(), out);
    let Op::Put(unsent) = &record.op else { return };
    let object = &unsent.object;
    out.extend_from_slice(&unsent.copy.0.to_le_bytes());
    out.extend_from_slice(&unsent.chunk_size.to_le_bytes());
    out.extend_from_slice(&object.size.to_le_bytes());
    out.extend_from_slice(&object.modified.timestamp().to_le_bytes());
    out.extend_from_slice(&object.modified.timestamp_subsec_nanos().to_le_bytes());
    text(unsent.tags.encoded(), out);
    out.extend_from_slice(&u32::try_from(object.attributes.len()).unwrap_or(0).to_le_bytes());
    for (name, value) in &object.attributes {
        // None is without one here: see `is_writable`.
        text(&attributes::name(name).unwrap_or_default(), out);
        text(value, out);
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn decode(body: &[u8]) -> Option<Record> {
    let mut body = Reader(body);
    let (seq, kind) = (body.u64()?, body.u8()?);
    let path = Path::parse(body.text()?).ok()?;
    let op = match kind {
        1 => Op::Put(Box::new(decode_put(&mut body, &path)?)),
        2 => Op::Delete,
        _ => return None,
    };
    body.0.is_empty().then_some(Record { seq, path, op })
}

fn decode_put(body: &mut Reader<'_>, path: &Path) -> Option<Unsent> {
    let (copy, chunk_size, size) = (CopyId(body.u64()?), body.u32()?, body.u64()?);
    let modified = DateTime::from_timestamp(body.u64()?.cast_signed(), body.u32()?)?;
    let tags = tags(body.text()?);
    let mut attributes = Attributes::new();
    for _ in 0..body.u32()? {
        let name = attributes::named(body.text()?)?;
        attributes.insert(name, AttributeValue::from(body.text()?.to_owned()));
    }
    let path = path.clone();
    let object = Object { path, size, e_tag: None, version: None, modified, attributes };
    Some(Unsent { object, copy, chunk_size, tags })
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.u32()?;
        std::str::from_utf8(self.take(length as usize)?).ok()
    }
}

/// Whether a journal can say everything that there is to say about such a write. One with what is not known here goes
/// through to the remote at once.
pub(super) fn is_writable(attributes: &Attributes) -> bool {
    attributes.iter().all(|(name, _)| attributes::name(name).is_some())
}

/// Tags from their encoded form: pairs of a URL's form.
fn tags(encoded: &str) -> TagSet {
    let mut tags = TagSet::default();
    for pair in encoded.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        tags.push(&unescaped(key), &unescaped(value));
    }
    tags
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        (rest, _) = match (first, code) {
            (b'%', Some(byte)) => (&after[2..], bytes.push(byte)),
            (b'+', _) => (after, bytes.push(b' ')),
            _ => (after, bytes.push(first)),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use object_store::Attribute;
    use proptest::prelude::*;

    pub(crate) fn put(path: &str, copy: u64, size: u64) -> Op {
        let object = Object {
            path: Path::from(path),
            size,
            e_tag: None,
            version: None,
            modified: DateTime::UNIX_EPOCH,
            attributes: Attributes::new(),
        };
        Op::Put(Box::new(Unsent {
            object,
            copy: CopyId(copy),
            chunk_size: 4096,
            tags: TagSet::default(),
        }))
    }

    fn records() -> impl Strategy<Value = Record> {
        let attributes = proptest::collection::vec(("[a-z-]{0,12}", ".{0,20}"), 0..4);
        let tags = proptest::collection::vec((".{0,8}", ".{0,8}"), 0..3);
        let times = (any::<i32>(), 0..1_000_000_000_u32);
        (
            "[a-zäß ]{1,20}(/[a-z0-9%+]{1,9}){0,3}",
            any::<(u64, u64, u64, u32)>(),
            attributes,
            tags,
            times,
        )
            .prop_map(|(path, (seq, copy, size, chunk_size), attributes, tags, time)| {
                let path = Path::from(path);
                if seq % 5 == 0 {
                    return Record { seq, path, op: Op::Delete };
                }
                let mut set = TagSet::default();
                tags.iter().for_each(|(key, value)| set.push(key, value));
                let attributes = attributes.into_iter().map(|(name, value)| match name.len() {
                    0 => (Attribute::ContentType, value),
                    1 => (Attribute::StorageClass, value),
                    _ => (Attribute::Metadata(name.into()), value),
                });
                let object = Object {
                    path: path.clone(),
                    size,
                    e_tag: None,
                    version: None,
                    modified: DateTime::from_timestamp(time.0.into(), time.1).unwrap(),
                    attributes: attributes.collect(),
                };
                let unsent = Unsent { object, copy: CopyId(copy), chunk_size, tags: set };
                Record { seq, path, op: Op::Put(Box::new(unsent)) }
            })
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_was(record in records(), behind in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut bytes = frame(&record);
            let length = bytes.len();
            bytes.extend(behind);
            match read(&bytes) {
                Found::Whole { record: found, done, bytes } => {
                    prop_assert_eq!((*found, done, bytes), (record, false, length));
                }
                _ => prop_assert!(false, "not whole"),
            }
        }

        #[test]
        fn no_changed_byte_goes_unseen(record in records(), at: prop::sample::Index, to: u8) {
            let mut bytes = frame(&record);
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != to && !(at == STATE && to == DONE));
            bytes[at] = to;
            let whole = matches!(read(&bytes), Found::Whole { .. });
            prop_assert!(!whole);
        }

        #[test]
        fn a_cut_record_is_known_as_cut(record in records(), at: prop::sample::Index) {
            let bytes = frame(&record);
            let cut = matches!(read(&bytes[..at.index(bytes.len())]), Found::Cut);
            prop_assert!(cut);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = next_whole(&bytes);
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn the_bytes_of_a_frame_do_not_change_between_versions() {
        let bytes = frame(&Record { seq: 7, path: Path::from("a/b"), op: Op::Delete });
        let body = [7, 0, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, b'a', b'/', b'b'];
        assert_eq!(&bytes[..9], [0xa7, b'l', b'w', 1, b'P', 16, 0, 0, 0]);
        assert_eq!(bytes[9..17], XxHash3_64::oneshot(&body).to_le_bytes());
        assert_eq!(bytes[17..], body);
    }
}
