//! What a read shows of a key.

use super::{EMPTY, STALE};
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
        let (cas, left) = (flags.cas, flags.left);
        Seen::Value { bytes, cas, stale, flags: flags.client, left }
    }
}
