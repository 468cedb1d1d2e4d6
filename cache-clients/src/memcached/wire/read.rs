//! Reads answers out of whatever has come so far.

use super::answer::{Answer, Flags, Pair, number};
use bytes::{Buf, Bytes, BytesMut};
use std::fmt;

/// The length of `VALUE `.
const WORD: usize = 6;
/// No line of a server is longer; values are no lines.
const LONGEST_LINE: usize = 4096;
/// Values up to so many bytes are copied out: a slice of the buffer would keep all of it.
const COPIED: usize = 8192;

/// The stream is not what a memcached says: nobody knows where the next answer begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not the answer of a memcached: {}", self.0)
    }
}

/// Reads answers from a buffer, as far as they have come.
#[derive(Debug)]
pub(crate) struct Reader {
    /// The longest value that is taken.
    longest: usize,
}

impl Reader {
    /// Takes values up to so many bytes.
    pub(crate) fn new(longest: usize) -> Self {
        Reader { longest }
    }

    /// The next answer, taken out of the buffer; `None`: more bytes are needed, and there is room
    /// for them.
    pub(crate) fn next(&self, buffer: &mut BytesMut) -> Result<Option<Answer>, Broken> {
        let Some(end) = memchr::memchr(b'\n', &buffer[..buffer.len().min(LONGEST_LINE)]) else {
            return match buffer.len() {
                ..LONGEST_LINE => Ok(None),
                LONGEST_LINE.. => Err(broken("a line without an end", buffer)),
            };
        };
        let line = match buffer[..end].split_last() {
            Some((b'\r', line)) => line,
            _ => return Err(broken("a line that does not end in \\r\\n", buffer)),
        };
        if let Some(head) = line.strip_prefix(b"VA ") {
            return self.value(head.len() + 5, buffer);
        }
        if line.starts_with(b"VALUE ") {
            return self.found(end + 1, buffer);
        }
        let answer = answer(line).ok_or_else(|| broken("an unknown line", line))?;
        buffer.advance(end + 1);
        Ok(Some(answer))
    }

    /// `VA size flags\r\n` is `line` bytes long, the value and another `\r\n` follow.
    fn value(&self, line: usize, buffer: &mut BytesMut) -> Result<Option<Answer>, Broken> {
        let head = &buffer[3..line - 2];
        let size = head.split(|&byte| byte == b' ').next().unwrap_or_default();
        let flags = Flags::read(&head[size.len()..]);
        let known = number(size).and_then(|size| usize::try_from(size).ok());
        let (Some(size), Some(flags)) = (known, flags) else {
            return Err(broken("a value of unknown size", buffer));
        };
        let value = self.take((line, line), size, buffer)?;
        Ok(value.map(|value| Answer::Value(value, flags)))
    }

    /// `VALUE key flags size token\r\n` is `line` bytes long, the value and another `\r\n` follow.
    fn found(&self, line: usize, buffer: &mut BytesMut) -> Result<Option<Answer>, Broken> {
        let mut words = buffer[WORD..line - 2].split(|&byte| byte == b' ');
        let key = words.next().unwrap_or_default();
        let mut next = || words.next().and_then(number);
        let client = next().and_then(|client| u32::try_from(client).ok());
        let size = next().and_then(|size| usize::try_from(size).ok());
        let (Some(client), Some(size), Some(cas), None) = (client, size, next(), words.next())
        else {
            return Err(broken("a value of unknown size", buffer));
        };
        let (key, value) = (key.len(), line - WORD);
        let flags = Flags { cas, client, ..Flags::default() };
        // The line goes with the value, so that the key needs no place of its own.
        let pair = self.take((WORD, line), size, buffer)?;
        Ok(pair.map(|bytes| Answer::Found(Pair { bytes, key, value }, flags)))
    }

    /// Takes a value behind a line of so many bytes, from a place in that line on.
    fn take(
        &self,
        (start, line): (usize, usize),
        size: usize,
        buffer: &mut BytesMut,
    ) -> Result<Option<Bytes>, Broken> {
        if size > self.longest {
            return Err(Broken(format!("a value of {size} bytes, above {}", self.longest)));
        }
        let whole = line + size + 2;
        if buffer.len() < whole {
            buffer.reserve(whole - buffer.len());
            return Ok(None);
        }
        if &buffer[line + size..whole] != b"\r\n" {
            return Err(broken("a value that is longer than it says", buffer));
        }
        let value = if size <= COPIED {
            let value = Bytes::copy_from_slice(&buffer[start..line + size]);
            buffer.advance(whole);
            value
        } else {
            let mut value = buffer.split_to(whole);
            value.truncate(line + size);
            value.advance(start);
            value.freeze()
        };
        Ok(Some(value))
    }
}

/// A line that is an answer by itself.
fn answer(line: &[u8]) -> Option<Answer> {
    let (word, rest) = match memchr::memchr(b' ', line) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &line[line.len()..]),
    };
    Some(match word {
        b"HD" => Answer::Done(Flags::read(rest)?),
        b"EN" => Answer::Nothing,
        b"NF" => Answer::NotFound,
        b"NS" => Answer::NotStored,
        b"EX" => Answer::Exists,
        b"MN" => Answer::Noop,
        b"ME" => Answer::Debug(Bytes::copy_from_slice(rest)),
        b"OK" | b"STORED" => Answer::Okay,
        b"VERSION" => Answer::Version(text(rest)),
        b"STAT" => {
            let text = text(rest);
            let (name, value) = text.split_once(' ').unwrap_or((&text, ""));
            Answer::Stat(name.to_owned(), value.to_owned())
        }
        b"END" => Answer::End,
        b"SERVER_ERROR" => Answer::Failed(text(rest)),
        b"CLIENT_ERROR" => Answer::Refused(text(rest)),
        b"ERROR" => Answer::Refused("unknown command".to_owned()),
        _ => return None,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn broken(what: &str, bytes: &[u8]) -> Broken {
    let start = &bytes[..bytes.len().min(40)];
    Broken(format!("{what}: `{}`", start.escape_ascii()))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
