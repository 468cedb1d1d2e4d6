//! The hash functions that other clients chose, bit for bit.

use md5::{Digest as _, Md5};

/// Jenkins' one-at-a-time, libmemcached's default. Bytes above 127 count as negative, as in C on x86.
pub(super) fn one_at_a_time(bytes: &[u8]) -> u32 {
    let mut hash = 0_u32;
    for &byte in bytes {
        hash = hash.wrapping_add(i32::from(byte.cast_signed()).cast_unsigned());
        hash = hash.wrapping_add(hash << 10);
        hash ^= hash >> 6;
    }
    hash = hash.wrapping_add(hash << 3);
    hash ^= hash >> 11;
    hash.wrapping_add(hash << 15)
}

/// The four little-endian words of an MD5 digest.
pub(super) fn md5_words(bytes: &[u8]) -> [u32; 4] {
    let digest = Md5::digest(bytes);
    let mut words = [0; 4];
    for (word, four) in words.iter_mut().zip(digest.chunks_exact(4)) {
        *word = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
    }
    words
}

/// MurmurHash3, 32 bits, seed 0, fed in parts: a server's part is hashed once, not with every key.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Murmur3 {
    hash: u32,
    tail: [u8; 4],
    length: u32,
}

impl Murmur3 {
    /// The state after these bytes.
    pub(super) fn then(mut self, bytes: &[u8]) -> Self {
        for &byte in bytes {
            let at = (self.length % 4) as usize;
            self.tail[at] = byte;
            self.length = self.length.wrapping_add(1);
            if at == 3 {
                self.hash ^= scramble(u32::from_le_bytes(self.tail));
                self.hash = self.hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
                self.tail = [0; 4];
            }
        }
        self
    }

    /// The hash of all bytes so far.
    pub(super) fn finish(self) -> u32 {
        let mut hash = self.hash;
        if !self.length.is_multiple_of(4) {
            hash ^= scramble(u32::from_le_bytes(self.tail));
        }
        hash ^= self.length;
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
        hash ^ (hash >> 16)
    }
}

fn scramble(word: u32) -> u32 {
    word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

/// Mixes 64 bits so that each of them moves half of the others (the finalizer of SplitMix64).
pub(super) fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values_come_out() {
        assert_eq!(one_at_a_time(b"a"), 0xca2e_9442);
        assert_eq!(one_at_a_time(b"The quick brown fox jumps over the lazy dog"), 0x519e_91f5);
        assert_eq!(md5_words(b"")[0].to_le_bytes(), [0xd4, 0x1d, 0x8c, 0xd9]);
        assert_eq!(Murmur3::default().then(b"").finish(), 0);
        assert_eq!(Murmur3::default().then(b"test").finish(), 0xba6b_d213);
        assert_eq!(Murmur3::default().then(b"Hello, world!").finish(), 0xc036_3e43);
    }

    #[test]
    fn parts_hash_like_the_whole() {
        let text = b"10.0.0.7:11211-user:42:profile";
        for cut in 0..=text.len() {
            let parts = Murmur3::default().then(&text[..cut]).then(&text[cut..]).finish();
            assert_eq!(parts, Murmur3::default().then(text).finish());
        }
    }
}
