//! Requests, many in one buffer, each with how many answers it gets.

use bytes::{BufMut, BytesMut};
use std::time::Duration;

/// What memcached takes.
#[cfg(test)]
pub(crate) const LONGEST_KEY: usize = 250;

/// From here on a number of seconds is a date.
const RELATIVE: u64 = 30 * 24 * 60 * 60;
/// The last date that servers can count: in 2038.
const LAST: u64 = i32::MAX as u64;

/// Requests that are sent together.
#[derive(Debug, Default)]
pub(crate) struct Request {
    bytes: BytesMut,
    answers: usize,
    /// Parts of answers, at most.
    parts: usize,
}

/// How something is stored.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Set {
    /// Seconds as the server counts them, see [`expiry`]; 0 for no end.
    pub(crate) ends: u64,
    /// Client flags.
    pub(crate) flags: u32,
    /// Only over this token.
    pub(crate) cas: Option<u64>,
    /// Only where there is nothing.
    pub(crate) absent: bool,
}

impl Request {
    /// With room for so many bytes.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Request { bytes: BytesMut::with_capacity(bytes), ..Request::default() }
    }

    /// The bytes to send.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many answers will come.
    pub(crate) fn answers(&self) -> usize {
        self.answers
    }

    /// How many answers will come, and parts of answers, if all keys have values.
    pub(crate) fn room(&self) -> usize {
        self.answers + self.parts
    }

    /// Reads the value, its token and flags; for a lease, also makes a stub where there is nothing.
    pub(crate) fn get(&mut self, key: &[u8], lease: Option<u64>) {
        self.start(b"mg ", key);
        self.bytes.put_slice(b" v c f");
        if let Some(seconds) = lease {
            self.bytes.put_slice(b" N");
            self.number(seconds);
        }
        self.end();
    }

    /// Reads the values of many keys, with their tokens and flags; the answers are `Found`, and one
    /// `End`. Servers answer this in one piece and with less work than as many single reads, but do
    /// not say what they hold to be stale.
    pub(crate) fn get_all<'a>(&mut self, keys: impl Iterator<Item = &'a [u8]>) {
        self.start(b"gets", b"");
        for key in keys {
            self.start(b" ", key);
            self.parts += 1;
        }
        self.end();
    }

    /// The same, and how many seconds are left.
    pub(crate) fn get_with_end(&mut self, key: &[u8], lease: u64) {
        self.start(b"mg ", key);
        self.bytes.put_slice(b" v c f t N");
        self.number(lease);
        self.end();
    }

    /// Reads the token, flags and size, not the value.
    pub(crate) fn look(&mut self, key: &[u8]) {
        self.start(b"mg ", key);
        self.bytes.put_slice(b" s c f");
        self.end();
    }

    /// Stores.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], how: Set) {
        self.bytes.reserve(key.len() + value.len() + 80);
        self.start(b"ms ", key);
        self.flag(b" ", value.len() as u64);
        if how.ends > 0 {
            self.flag(b" T", how.ends);
        }
        if how.flags > 0 {
            self.flag(b" F", u64::from(how.flags));
        }
        if let Some(cas) = how.cas {
            self.flag(b" C", cas);
        }
        if how.absent {
            self.bytes.put_slice(b" ME");
        }
        self.bytes.put_slice(b"\r\n");
        self.bytes.put_slice(value);
        self.end();
    }

    /// Removes, if `cas` is given only over this token.
    pub(crate) fn delete(&mut self, key: &[u8], cas: Option<u64>) {
        self.start(b"md ", key);
        if let Some(cas) = cas {
            self.flag(b" C", cas);
        }
        self.end();
    }

    /// The server's version.
    pub(crate) fn version(&mut self) {
        self.start(b"version", b"");
        self.end();
    }

    /// The server's settings; the answers are `Stat`, and one `End`.
    pub(crate) fn settings(&mut self) {
        self.start(b"stats settings", b"");
        self.end();
    }

    /// What the server knows of itself; the answers are `Stat`, and one `End`.
    pub(crate) fn stats(&mut self) {
        self.start(b"stats", b"");
        self.end();
    }

    /// Removes everything.
    pub(crate) fn flush(&mut self) {
        self.start(b"flush_all", b"");
        self.end();
    }

    /// Names the user, the way a server started with a password file wants it.
    pub(crate) fn login(&mut self, user: &str, password: &str) {
        self.start(b"set ", b"login");
        self.flag(b" 0 0 ", (user.len() + 1 + password.len()) as u64);
        self.bytes.put_slice(b"\r\n");
        self.bytes.put_slice(user.as_bytes());
        self.bytes.put_u8(b' ');
        self.bytes.put_slice(password.as_bytes());
        self.end();
    }

    fn start(&mut self, command: &[u8], key: &[u8]) {
        self.bytes.put_slice(command);
        self.bytes.put_slice(key);
    }

    fn flag(&mut self, name: &[u8], value: u64) {
        self.bytes.put_slice(name);
        self.number(value);
    }

    fn end(&mut self) {
        self.bytes.put_slice(b"\r\n");
        self.answers += 1;
    }

    fn number(&mut self, mut number: u64) {
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.bytes.put_slice(&digits[at..]);
    }
}

/// A duration as the server counts it, never shorter: seconds up to 30 days, a date beyond, 0 (no
/// end) for what lies beyond the last date.
pub(crate) fn expiry(keep: Option<Duration>, now: Duration) -> u64 {
    let Some(keep) = keep else { return 0 };
    let seconds = ceil(keep).max(1);
    if seconds <= RELATIVE {
        return seconds;
    }
    match ceil(now).checked_add(seconds) {
        Some(date) if date <= LAST => date,
        _ => 0,
    }
}

/// How long a lease is: whole seconds, never an end that is none.
pub(crate) fn lease_seconds(lease: Duration) -> u64 {
    ceil(lease).clamp(1, RELATIVE)
}

fn ceil(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_795_000_000);

    fn seconds(seconds: u64) -> u64 {
        expiry(Some(Duration::from_secs(seconds)), NOW)
    }

    #[test]
    fn c74_times_are_counted_as_the_server_does_and_never_become_shorter() {
        assert_eq!(expiry(None, NOW), 0);
        assert_eq!(expiry(Some(Duration::ZERO), NOW), 1);
        assert_eq!(expiry(Some(Duration::from_nanos(1)), NOW), 1);
        assert_eq!(expiry(Some(Duration::from_millis(1001)), NOW), 2);
        assert_eq!(seconds(RELATIVE), 2_592_000);
        assert_eq!(seconds(RELATIVE + 1), NOW.as_secs() + 2_592_001);
        assert_eq!(seconds(LAST - NOW.as_secs()), LAST);
        assert_eq!(seconds(LAST - NOW.as_secs() + 1), 0, "beyond the last date: no end");
        assert_eq!(expiry(Some(Duration::MAX), NOW), 0);
        let later = Duration::from_secs(LAST + 5);
        assert_eq!(expiry(Some(Duration::from_secs(RELATIVE + 1)), later), 0);
        assert_eq!(expiry(Some(Duration::from_secs(60)), later), 60);
        assert_eq!(lease_seconds(Duration::from_millis(1)), 1);
        assert_eq!(lease_seconds(Duration::MAX), RELATIVE);
    }

    #[test]
    fn requests_are_written_as_the_server_wants_them() {
        let mut request = Request::default();
        request.get(b"k", None);
        request.get(b"k", Some(30));
        request.get_with_end(b"k", 1);
        request.look(b"k");
        request.set(b"k", b"abc", Set { ends: 60, flags: 7, cas: Some(u64::MAX), absent: false });
        request.set(b"k", b"", Set { absent: true, ..Set::default() });
        request.delete(b"k", None);
        request.delete(b"k", Some(10));
        request.get_all([&b"k"[..], b"l"].into_iter());
        request.version();
        request.login("user", "pass");
        let bytes = "mg k v c f\r\nmg k v c f N30\r\nmg k v c f t N1\r\nmg k s c f\r\n\
             ms k 3 T60 F7 C18446744073709551615\r\nabc\r\nms k 0 ME\r\n\r\nmd k\r\nmd k C10\r\n\
             gets k l\r\nversion\r\nset login 0 0 9\r\nuser pass\r\n";
        assert_eq!(
            request.bytes().escape_ascii().to_string(),
            bytes.as_bytes().escape_ascii().to_string()
        );
        assert_eq!(request.answers(), 11);
    }
}
