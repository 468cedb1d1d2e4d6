//! The bytes of a chunk while they arrive: as they came, without a copy.

use bytes::Bytes;

/// What has arrived of one chunk, from its beginning on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pieces {
    list: Vec<Bytes>,
    /// Where each piece ends, from the chunk's beginning.
    ends: Vec<usize>,
}

impl Pieces {
    pub(crate) fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    pub(crate) fn list(&self) -> &[Bytes] {
        &self.list
    }

    pub(crate) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.ends.push(self.len() + piece.len());
            self.list.push(piece);
        }
    }

    /// What is there from a place on, up to the end of the piece that has it. `None`: nothing yet.
    pub(crate) fn from(&self, at: usize) -> Option<Bytes> {
        let piece = self.ends.partition_point(|end| *end <= at);
        let (bytes, end) = (self.list.get(piece)?, self.ends[piece]);
        Some(bytes.slice(at - (end - bytes.len())..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_place_is_found() {
        let mut pieces = Pieces::default();
        ["ab", "", "c", "defg"].into_iter().for_each(|piece| pieces.push(piece.into()));
        assert_eq!((pieces.len(), pieces.list().len()), (7, 3));
        let all = b"abcdefg";
        for at in 0..7 {
            let piece = pieces.from(at).unwrap();
            assert!(!piece.is_empty() && all[at..].starts_with(&piece), "{at}");
        }
        assert_eq!(pieces.from(7), None);
        assert_eq!(Pieces::default().from(0), None);
    }
}
