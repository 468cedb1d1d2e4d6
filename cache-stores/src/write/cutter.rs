//! Bytes as they come, cut into the chunks of a copy, without copying them.

use bytes::Bytes;

/// A chunk of a copy, in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) chunk: u32,
    pub(super) pieces: Vec<Bytes>,
}

/// Holds what is less than a chunk.
#[derive(Debug)]
pub(super) struct Cutter {
    chunk_size: usize,
    next: u32,
    filling: Vec<Bytes>,
    filled: usize,
    size: u64,
}

impl Cutter {
    pub(super) fn new(chunk_size: u32) -> Self {
        Cutter { chunk_size: chunk_size as usize, next: 0, filling: Vec::new(), filled: 0, size: 0 }
    }

    /// Takes bytes; gives the chunks that they complete.
    pub(super) fn push(&mut self, bytes: impl IntoIterator<Item = Bytes>) -> Vec<Cut> {
        let mut full = Vec::new();
        for mut bytes in bytes {
            self.size += bytes.len() as u64;
            while !bytes.is_empty() {
                let piece = bytes.split_to(bytes.len().min(self.chunk_size - self.filled));
                self.filled += piece.len();
                self.filling.push(piece);
                if self.filled == self.chunk_size {
                    full.push(self.cut());
                }
            }
        }
        full
    }

    /// The rest: nothing, if the last chunk was full; an empty chunk, if there was never a byte.
    pub(super) fn finish(&mut self) -> Option<Cut> {
        (self.filled > 0 || self.next == 0).then(|| self.cut())
    }

    /// The bytes that came so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    fn cut(&mut self) -> Cut {
        let cut = Cut { chunk: self.next, pieces: std::mem::take(&mut self.filling) };
        (self.filled, self.next) = (0, self.next.saturating_add(1));
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunks_are_full_but_for_the_last_and_nothing_is_lost(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..10),
            chunk_size in 1..20_u32,
        ) {
            let whole = parts.concat();
            let mut cutter = Cutter::new(chunk_size);
            let mut cuts: Vec<_> = parts.into_iter().flat_map(|part| cutter.push([part.into()])).collect();
            prop_assert!(cutter.filled < chunk_size as usize);
            cuts.extend(cutter.finish());
            prop_assert_eq!(cutter.size(), whole.len() as u64);
            let found = Vec::from_iter(cuts.iter().map(|cut| cut.pieces.concat()));
            let expected = match whole.is_empty() {
                true => vec![vec![]],
                false => Vec::from_iter(whole.chunks(chunk_size as usize).map(<[u8]>::to_vec)),
            };
            prop_assert_eq!(found, expected);
            prop_assert!(cuts.iter().map(|cut| cut.chunk).eq(0..cuts.len() as u32));
        }
    }
}
