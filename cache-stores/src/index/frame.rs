//! Frames: what is written at once, with its length and checksums, so that a torn end can be told from damage.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use twox_hash::XxHash3_64;

/// Length, checksum of the length, checksum of the payload; four bytes each.
pub(super) const HEAD: usize = 12;

/// What distinguishes the checksum of a length from that of a payload of four bytes.
const OF_LENGTH: u64 = 0x6c61_7264_6572;

/// Begins a frame: payload is then appended, and [`seal`] ends it.
pub(super) fn begin(out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&[0; HEAD]);
}

/// Writes the head of a frame over its first bytes.
pub(super) fn seal(frame: &mut [u8]) {
    let (head, payload) = frame.split_at_mut(HEAD);
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    head[..4].copy_from_slice(&length);
    head[4..8].copy_from_slice(&sum_of_length(length));
    head[8..].copy_from_slice(&sum(payload));
}

fn sum_of_length(length: [u8; 4]) -> [u8; 4] {
    (XxHash3_64::oneshot_with_seed(OF_LENGTH, &length) as u32).to_le_bytes()
}

fn sum(payload: &[u8]) -> [u8; 4] {
    (XxHash3_64::oneshot(payload) as u32).to_le_bytes()
}

/// What comes next in a file of frames.
#[derive(Debug)]
pub(super) enum Next {
    Frame,
    End,
    /// The file ends within a frame: whoever wrote it was killed.
    Torn,
    /// These bytes were not written so.
    Damaged,
}

/// Reads a file of frames after its magic.
#[derive(Debug)]
pub(super) struct Frames {
    file: BufReader<File>,
    /// Where the next frame begins.
    at: u64,
    length: u64,
    payload: Vec<u8>,
}

impl Frames {
    /// `Ok(None)`: the file begins with something else, or with less.
    pub(super) fn open(path: &Path, magic: &[u8; 8]) -> io::Result<Option<Frames>> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut file = BufReader::with_capacity(1 << 18, file);
        let mut begins = [0; 8];
        if length < 8 {
            return Ok(None);
        }
        file.read_exact(&mut begins)?;
        Ok((begins == *magic).then_some(Frames { file, at: 8, length, payload: Vec::new() }))
    }

    /// Where the last frame ended.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(super) fn next(&mut self) -> io::Result<Next> {
        let rest = self.length - self.at;
        if rest == 0 {
            return Ok(Next::End);
        }
        if rest < HEAD as u64 {
            return Ok(Next::Torn);
        }
        let mut head = [0; HEAD];
        self.file.read_exact(&mut head)?;
        let [l0, l1, l2, l3, checks @ ..] = head;
        let length = [l0, l1, l2, l3];
        if sum_of_length(length) != checks[..4] {
            return Ok(Next::Damaged);
        }
        let size = u32::from_le_bytes(length);
        if rest - (HEAD as u64) < u64::from(size) {
            return Ok(Next::Torn);
        }
        self.payload.resize(size as usize, 0);
        self.file.read_exact(&mut self.payload)?;
        if sum(&self.payload) != checks[4..] {
            return Ok(Next::Damaged);
        }
        self.at += HEAD as u64 + u64::from(size);
        Ok(Next::Frame)
    }
}
