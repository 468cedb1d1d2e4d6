//! Values in postcard, behind what a buffer has already.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

/// A piece up to here, the longest number of 64 bits, goes byte by byte.
const SHORT: usize = 10;

/// Appends a value. After an error the buffer is good for nothing.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), String> {
    let end = out.len();
    // All the room there is: pieces are written into it, none of which has to make its own.
    out.resize(out.capacity(), 0);
    postcard::serialize_with_flavor(value, Tail { out, end }).map_err(|error| error.to_string())
}

struct Tail<'a> {
    out: &'a mut Vec<u8>,
    /// Where the next piece goes.
    end: usize,
}

impl Tail<'_> {
    /// Room for so many bytes more.
    #[inline]
    fn room(&mut self, length: usize) -> &mut [u8] {
        if self.out.len() - self.end < length {
            self.grow(length);
        }
        let at = self.end;
        self.end += length;
        &mut self.out[at..][..length]
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, length: usize) {
        let most = (self.end + length).max(2 * self.out.len());
        self.out.resize(most, 0);
    }
}

impl Flavor for Tail<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.room(1)[0] = byte;
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        let room = self.room(bytes.len());
        if bytes.len() > SHORT {
            room.copy_from_slice(bytes);
            return Ok(());
        }
        // A number has just been written byte by byte, and a processor waits where it reads in one go what it wrote in
        // several: so it is copied as it was written. Nothing but the hint keeps the compiler from making one go of it.
        for (to, byte) in room.iter_mut().zip(bytes) {
            *to = *byte;
            std::hint::black_box(());
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        self.out.truncate(self.end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_writes_what_postcard_writes(
            front in prop::collection::vec(any::<u8>(), 0..20), room in 0_usize..300,
            numbers in prop::collection::vec(any::<u64>(), 0..20), text in ".{0,40}", pairs: Vec<(u16, bool, f64)>
        ) {
            let value = (&numbers, &text, pairs, i128::MAX);
            let mut out = Vec::with_capacity(front.len() + room);
            out.extend_from_slice(&front);
            encode(&value, &mut out).unwrap();
            prop_assert_eq!(out, [front, postcard::to_stdvec(&value).unwrap()].concat());
        }
    }
}
