//! What a server says.

use bytes::Bytes;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// `HD`: it is done, or it is there.
    Done(Flags),
    /// `VA`: a value.
    Value(Bytes, Flags),
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
        for token in line.split(|&byte| byte == b' ').filter(|token| !token.is_empty()) {
            let rest = &token[1..];
            match token[0] {
                b'c' => flags.cas = number(rest)?,
                b'f' => flags.client = u32::try_from(number(rest)?).ok()?,
                b's' => flags.size = usize::try_from(number(rest)?).ok()?,
                b't' if rest == b"-1" => flags.left = -1,
                b't' => flags.left = i64::try_from(number(rest)?).ok()?,
                b'W' => flags.won = true,
                b'Z' => flags.taken = true,
                b'X' => flags.stale = true,
                _ => {}
            }
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
