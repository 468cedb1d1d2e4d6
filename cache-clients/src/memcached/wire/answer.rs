//! What a server says.

use bytes::{Buf, Bytes};

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// `HD`: it is done, or it is there.
    Done(Flags),
    /// `VA`: a value.
    Value(Bytes, Flags),
    /// `VALUE`: a key and its value; others follow until `End`, none for keys without a value.
    Found(Pair, Flags),
    /// `EN`: a read found nothing.
    Nothing,
    /// `NF`: a change found nothing.
    NotFound,
    /// `NS`: not stored, since the mode does not allow it.
    NotStored,
    /// `EX`: another token is there.
    Exists,
    /// `MN`: all before this are answered.
    Noop,
    /// `ME`: what the server knows of an item.
    Debug(Bytes),
    /// `OK`, and `STORED` of a login.
    Okay,
    /// `VERSION`.
    Version(String),
    /// `STAT`: a name and what it is; others follow until `End`.
    Stat(String, String),
    /// `END`.
    End,
    /// `SERVER_ERROR`: the server could not; the next answers are sound.
    Failed(String),
    /// `ERROR`, `CLIENT_ERROR`: the server did not understand; nobody knows what comes next.
    Refused(String),
}

/// A key and its value, in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(super) bytes: Bytes,
    pub(super) key: usize,
    /// Where the value begins.
    pub(super) value: usize,
}

impl Pair {
    pub(crate) fn key(&self) -> &[u8] {
        &self.bytes[..self.key]
    }

    pub(crate) fn into_value(mut self) -> Bytes {
        self.bytes.advance(self.value);
        self.bytes
    }
}

impl Answer {
    /// Whether it is but a part of what a request gets.
    pub(crate) fn is_part(&self) -> bool {
        matches!(self, Answer::Found(..) | Answer::Stat(..))
    }
}

/// What a server says of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags {
    /// `c`: the token; 0 if it was not asked for.
    pub(crate) cas: u64,
    /// `f`: the client's flags.
    pub(crate) client: u32,
    /// `s`: how many bytes.
    pub(crate) size: usize,
    /// `t`: seconds that are left; -1 for no end.
    pub(crate) left: i64,
    /// `W`: this caller is to compute.
    pub(crate) won: bool,
    /// `Z`: somebody else has been told to compute.
    pub(crate) taken: bool,
    /// `X`: made stale.
    pub(crate) stale: bool,
}

impl Flags {
    /// Reads the flags of an answer; those that are unknown are of newer servers.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let mut flags = Flags::default();
        let mut rest = line;
        while let Some((&name, after)) = rest.split_first() {
            if name == b' ' {
                rest = after;
                continue;
            }
            let end = after.iter().position(|&byte| byte == b' ').unwrap_or(after.len());
            let (value, next) = after.split_at(end);
            match name {
                b'c' => flags.cas = number(value)?,
                b'f' => flags.client = u32::try_from(number(value)?).ok()?,
                b's' => flags.size = usize::try_from(number(value)?).ok()?,
                b't' if value == b"-1" => flags.left = -1,
                b't' => flags.left = i64::try_from(number(value)?).ok()?,
                b'W' => flags.won = true,
                b'Z' => flags.taken = true,
                b'X' => flags.stale = true,
                _ => {}
            }
            rest = next;
        }
        Some(flags)
    }
}

/// A decimal number, nothing else.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}
