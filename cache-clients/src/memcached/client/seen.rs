//! What a read shows of a key.

use super::{EMPTY, RENEWED, STALE};
use crate::memcached::wire;
use bytes::Bytes;

/// What is under a key.
#[derive(Debug)]
pub(super) enum Seen {
    Nothing,
    /// A lease in progress over nothing.
    Stub {
        cas: u64,
        won: bool,
    },
    Value {
        bytes: Bytes,
        cas: u64,
        /// What its leases go by: the number that it had before it was renewed.
        root: u64,
        stale: bool,
        flags: u32,
        left: i64,
    },
    /// The server could not say.
    Failed(String),
}

impl Seen {
    pub(super) fn of(answer: wire::Answer) -> Self {
        let (bytes, size, flags) = match answer {
            wire::Answer::Nothing => return Seen::Nothing,
            wire::Answer::Value(bytes, flags) => {
                let size = bytes.len();
                (bytes, size, flags)
            }
            wire::Answer::Found(pair, flags) => {
                let bytes = pair.into_value();
                let size = bytes.len();
                (bytes, size, flags)
            }
            wire::Answer::Done(flags) => (Bytes::new(), flags.size, flags),
            wire::Answer::Failed(what) => return Seen::Failed(what),
            other => return Seen::Failed(format!("a read was answered by {other:?}")),
        };
        if size == 0 && flags.client & EMPTY == 0 {
            return Seen::Stub { cas: flags.cas, won: flags.won };
        }
        let stale = flags.stale || flags.client & STALE != 0;
        let (cas, left, client) = (flags.cas, flags.left, flags.client & !RENEWED);
        let (bytes, root) = match flags.client & RENEWED {
            0 => (bytes, cas),
            _ => without_root(bytes, cas),
        };
        Seen::Value { bytes, cas, root, stale, flags: client, left }
    }
}

/// A value with the number behind it.
pub(super) fn with_root(bytes: &[u8], root: u64) -> Vec<u8> {
    [bytes, &root.to_be_bytes()[..]].concat()
}

/// A renewed value, and the number behind it; without bytes where only the flags were asked for.
fn without_root(mut bytes: Bytes, cas: u64) -> (Bytes, u64) {
    match bytes.last_chunk() {
        Some(root) => {
            let root = u64::from_be_bytes(*root);
            bytes.truncate(bytes.len() - size_of_val(&root));
            (bytes, root)
        }
        None => (bytes, cas),
    }
}
