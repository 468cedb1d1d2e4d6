//! Where the chunks of copies lie in the local store.

use crate::object::CopyId;
use object_store::path::Path;
use std::ops::Range;

/// The least and the most bytes of a chunk: below, footers outweigh; above, memory is not bounded any more.
pub(crate) const CHUNKS: std::ops::RangeInclusive<u64> = 1024..=(256 << 20);

/// The folder of the local store in which the chunks lie.
const FOLDER: &str = "larder";

/// How local objects are named: `larder/{2 hex}/{16 hex}.{n}`, the digits being the copy's.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Layout;

impl Layout {
    /// Everything under it is larder's.
    pub(crate) fn root(self) -> Path {
        Path::from(FOLDER)
    }

    /// Where chunks may lie.
    pub(crate) fn folders(self) -> impl Iterator<Item = Path> {
        (0..=u8::MAX).map(folder)
    }

    /// Where the chunks of a copy lie.
    pub(crate) fn folder(self, copy: CopyId) -> Path {
        let [first, ..] = copy.0.to_be_bytes();
        folder(first)
    }

    pub(crate) fn chunk(self, copy: CopyId, chunk: u32) -> Path {
        let CopyId(id) = copy;
        // Digits and dots need no encoding.
        Path::from_iter([FOLDER, &format!("{:02x}", id >> 56), &format!("{id:016x}.{chunk}")])
    }

    /// The chunk that lies there. `None`: not a name of ours.
    pub(crate) fn parse(self, path: &Path) -> Option<(CopyId, u32)> {
        let mut parts = path.parts();
        let name = parts.nth(2)?;
        let (id, chunk) = name.as_ref().split_once('.')?;
        let (copy, chunk) = (CopyId(u64::from_str_radix(id, 16).ok()?), chunk.parse().ok()?);
        // Only as we write it: `+1` and `01` are numbers, too. The last number is no chunk's.
        (self.chunk(copy, chunk) == *path && chunk < u32::MAX).then_some((copy, chunk))
    }
}

/// That of the copies whose names begin with these digits.
fn folder(digits: u8) -> Path {
    Path::from_iter([FOLDER, &format!("{digits:02x}")])
}

/// How an object is cut into chunks. An empty object has one chunk of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) size: u64,
    pub(crate) chunk_size: u32,
}

impl Cut {
    pub(crate) fn new(size: u64, chunk_size: u32) -> Self {
        Cut { size, chunk_size }
    }

    /// How many chunks there are. `None`: more than can be counted.
    pub(crate) fn count(self) -> Option<u32> {
        u32::try_from(self.size.div_ceil(u64::from(self.chunk_size)).max(1)).ok()
    }

    /// The chunk of a byte.
    pub(crate) fn chunk_of(self, at: u64) -> u32 {
        u32::try_from(at / u64::from(self.chunk_size)).unwrap_or(u32::MAX)
    }

    /// The bytes of a chunk.
    pub(crate) fn bytes_of(self, chunk: u32) -> Range<u64> {
        let start = u64::from(chunk) * u64::from(self.chunk_size);
        start.min(self.size)..(start + u64::from(self.chunk_size)).min(self.size)
    }

    /// The chunks that these bytes touch. No bytes: the chunk in which they would begin.
    pub(crate) fn chunks_of(self, bytes: &Range<u64>) -> Range<u32> {
        let first = self.chunk_of(bytes.start);
        let last = self.chunk_of(bytes.end.max(bytes.start + 1) - 1);
        first..last.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_lies_under_its_copys_digits() {
        let path = Layout.chunk(CopyId(0x0123_4567_89ab_cdef), 12);
        assert_eq!(path.as_ref(), "larder/01/0123456789abcdef.12");
        assert_eq!(Layout.parse(&path), Some((CopyId(0x0123_4567_89ab_cdef), 12)));
        let folders: Vec<Path> = Layout.folders().collect();
        assert_eq!((folders.len(), folders[1].as_ref()), (256, "larder/01"));
    }

    #[test]
    fn other_names_are_not_ours() {
        for other in [
            "larder/01/0123456789abcdef",
            "larder/01/0123456789abcdef.+1",
            "larder/01/0123456789abcdef.01",
            "larder/01/0123456789abcdef.4294967295",
            "larder/02/0123456789abcdef.1",
            "larder/01/123456789abcdef.1",
            "elsewhere/01/0123456789abcdef.1",
            "larder/01/more/0123456789abcdef.1",
            "larder/index",
        ] {
            assert_eq!(Layout.parse(&Path::from(other)), None, "{other}");
        }
    }

    #[test]
    fn chunks_cover_an_object_without_gap() {
        for (size, chunk) in [(0, 10), (1, 10), (9, 10), (10, 10), (11, 10), (100, 7)] {
            let cut = Cut::new(size, chunk);
            let mut at = 0;
            for n in 0..cut.count().unwrap() {
                let bytes = cut.bytes_of(n);
                assert_eq!(bytes.start, at);
                at = bytes.end;
            }
            assert_eq!(at, size);
        }
        assert_eq!(Cut::new(0, 10).count(), Some(1));
        assert_eq!(Cut::new(u64::MAX, 1024).count(), None);
    }

    #[test]
    fn a_range_touches_the_chunks_of_its_bytes() {
        let cut = Cut::new(100, 10);
        assert_eq!(cut.chunks_of(&(0..10)), 0..1);
        assert_eq!(cut.chunks_of(&(9..11)), 0..2);
        assert_eq!(cut.chunks_of(&(95..100)), 9..10);
        assert_eq!(Cut::new(0, 10).chunks_of(&(0..0)), 0..1);
    }
}
