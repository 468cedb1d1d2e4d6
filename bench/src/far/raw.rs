//! memcached by hand: a blocking socket, answers whose length is known. Nothing can be faster over one connection.

use bytes::Bytes;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

/// Bytes of a value.
pub const LENGTH: usize = 100;
/// Keys that are asked for.
pub const KEYS: usize = 64;

/// The n-th key.
pub fn key(nth: usize) -> String {
    format!("far:{:02}", nth % KEYS)
}

/// All of them.
pub fn keys() -> Vec<String> {
    (0..KEYS).map(key).collect()
}

/// The value of all keys.
pub fn value() -> String {
    "v".repeat(LENGTH)
}

/// Whether it is what was put.
pub fn check(bytes: &[u8]) {
    assert!(bytes.len() == LENGTH && bytes[0] == b'v', "another value came back");
}

pub struct Raw {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Raw {
    pub fn connect(address: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|e| format!("{address}: {e}"))?;
        stream.set_nodelay(true).map_err(|e| format!("{address}: {e}"))?;
        Ok(Raw { stream, answer: vec![0; 64 << 10] })
    }

    /// Puts the value under all keys.
    pub fn fill(&mut self) {
        for nth in 0..KEYS {
            let request = format!("set {} 0 0 {LENGTH}\r\n{}\r\n", key(nth), value());
            self.ask(request.as_bytes(), b"STORED\r\n".len());
        }
    }

    /// Writes once, and reads an answer of so many bytes.
    pub fn ask(&mut self, request: &[u8], length: usize) -> &[u8] {
        self.stream.write_all(request).expect("memcached takes a request");
        let mut read = 0;
        while read < length {
            match self.stream.read(&mut self.answer[read..]).expect("memcached answers") {
                0 => panic!("memcached closed the connection"),
                more => read += more,
            }
        }
        assert_eq!(read, length, "memcached answered something else");
        &self.answer[..length]
    }

    /// Asks for one value.
    pub fn get(&mut self, request: &[u8]) {
        check_answer(self.ask(request, ANSWERED));
    }

    /// Asks for all values, in the form of `all_pipelined`.
    pub fn get_pipelined(&mut self, requests: &[u8]) {
        let answers = self.ask(requests, KEYS * ANSWERED);
        answers.chunks(ANSWERED).for_each(check_answer);
    }

    /// Asks for all values, in the form of `all_in_one`.
    pub fn get_all(&mut self, request: &[u8]) {
        let head = format!("VALUE {} 0 {LENGTH}\r\n", key(0)).len();
        let each = head + LENGTH + 2;
        let answer = self.ask(request, KEYS * each + b"END\r\n".len());
        for answer in answer.chunks_exact(each) {
            check(&answer[head..head + LENGTH]);
        }
    }
}

/// Bytes of an answer with its value.
pub const ANSWERED: usize = ANSWER.len() + LENGTH;

/// Whether an answer is the one of a value that was put.
pub fn check_answer(answer: &[u8]) {
    check(&answer[ANSWER.len() - 2..][..LENGTH]);
}

/// What is around a value in an answer.
const ANSWER: &[u8] = b"VA 100\r\n\r\n";

/// A request for one value.
pub fn request(nth: usize) -> Vec<u8> {
    format!("mg {} v\r\n", key(nth)).into_bytes()
}

/// A request for each value.
pub fn requests() -> Arc<[Bytes]> {
    (0..KEYS).map(|nth| request(nth).into()).collect()
}

/// A request for each value, to be written at once.
pub fn all_pipelined() -> Vec<u8> {
    (0..KEYS).flat_map(request).collect()
}

/// One request for all values.
pub fn all_in_one() -> Vec<u8> {
    format!("get {}\r\n", keys().join(" ")).into_bytes()
}
