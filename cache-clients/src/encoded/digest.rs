//! Keys of any type as short printable names.

use super::tail;
use cache_core::{Error, Result};
use serde::Serialize;
use std::fmt::Write;

/// 128 bits that stand for a key, in one namespace, with values of one shape.
///
/// A key of up to 7 bytes stands there itself, behind its length and before the print of the shape: most numbers, and
/// no two of them alike. Any other is the first half of a BLAKE3, whose highest bit is set, which no length has.
pub(super) type Digest = [u8; 16];

/// The longest namespace that is kept as it is.
const LONGEST: usize = 64;
/// How much of a longer one is kept, before 32 digits and what separates them.
const KEPT: usize = LONGEST - 33;
const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// The longest prefix.
pub(super) const PREFIX: usize = 32;

/// In front of each key that is hashed.
const MARK: &[u8; 12] = b"larder key 2";
/// Where the key begins, behind the mark and the print.
const KEY: usize = MARK.len() + 8;
/// The longest key that is its own digest.
const OWN: usize = 7;
const HASHED: u8 = 0x80;

/// The digest of a key, from its canonical encoding and the print of the values' shape.
///
/// A version of the function is part of its namespace, and so of the remote key.
pub(super) fn digest<K: Serialize>(key: &K, print: u64) -> Result<Digest> {
    // Most keys are short, and need no memory.
    let mut short = [0; 128];
    short[..MARK.len()].copy_from_slice(MARK);
    short[MARK.len()..KEY].copy_from_slice(&print.to_le_bytes());
    if let Ok(bytes) = postcard::to_slice(key, &mut short[KEY..]) {
        let length = bytes.len();
        return Ok(if length <= OWN { own(bytes, print) } else { hashed(&short[..KEY + length]) });
    }
    let mut bytes = short[..KEY].to_vec();
    tail::encode(key, &mut bytes).map_err(|error| {
        Error::invalid(format!(
            "a key of type {} cannot be encoded: {error}",
            std::any::type_name::<K>()
        ))
    })?;
    Ok(hashed(&bytes))
}

fn own(key: &[u8], print: u64) -> Digest {
    let mut front = key.len() as u64;
    for (at, byte) in (1..).zip(key) {
        front |= u64::from(*byte) << (8 * at);
    }
    (u128::from(front) | u128::from(print) << 64).to_le_bytes()
}

fn hashed(bytes: &[u8]) -> Digest {
    let mut digest = half(bytes);
    digest[0] |= HASHED;
    digest
}

fn half(bytes: &[u8]) -> [u8; 16] {
    let mut digest = [0; 16];
    digest.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    digest
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    // In pieces: each push checks for room.
    for piece in bytes.chunks(16) {
        let mut digits = [0; 32];
        for (two, byte) in digits.chunks_exact_mut(2).zip(piece) {
            two[0] = DIGITS[usize::from(byte >> 4)];
            two[1] = DIGITS[usize::from(byte & 15)];
        }
        text.push_str(std::str::from_utf8(&digits[..2 * piece.len()]).unwrap_or_default());
    }
}

/// The names of one namespace on a server.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// `{prefix}:{namespace}:`
    front: String,
}

impl Names {
    pub(super) fn new(prefix: &str, namespace: &str) -> Self {
        let mut front = format!("{prefix}:");
        if is_plain(namespace) {
            front.push_str(namespace);
        } else {
            let kept = |c: &char| c.is_ascii_graphic() && !matches!(c, '~' | '{' | '}');
            front.extend(namespace.chars().filter(kept).take(KEPT));
            front.push('~');
            push_hex(&mut front, &half(namespace.as_bytes()));
        }
        front.push(':');
        Names { front }
    }

    /// Where the generation of the namespace lies.
    pub(super) fn generation(&self) -> String {
        format!("{}gen", self.front)
    }

    /// Where a value lies.
    pub(super) fn value(&self, generation: u64, digest: &Digest) -> String {
        // Room for the name of a page.
        let mut name = String::with_capacity(self.front.len() + 80);
        name.push_str(&self.front);
        push_hex(&mut name, &generation.to_be_bytes());
        name.push(':');
        push_hex(&mut name, digest);
        name
    }
}

/// Where a page of the value under `name` lies.
pub(super) fn page(name: &str, generation: u64, index: u32) -> String {
    let mut page = String::with_capacity(name.len() + 28);
    let _ = write!(page, "{name}:{generation:016x}:{index}");
    page
}

/// Braces are left out since they choose the slot in a Redis cluster.
fn is_plain(namespace: &str) -> bool {
    namespace.len() <= LONGEST
        && namespace.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'~' | b'{' | b'}'))
}

/// Refuses what would make one prefix look like another, or the names too long.
pub(super) fn check_prefix(prefix: &str) -> Result<()> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if prefix.is_empty() || prefix.len() > PREFIX || !prefix.bytes().all(fits) {
        return Err(Error::invalid(format!(
            "the key prefix {prefix:?} should be 1 to {PREFIX} characters out of a-z, A-Z, 0-9, `.`, `_` and `-`"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn hex_of(key: &impl Serialize) -> String {
        let mut text = String::new();
        push_hex(&mut text, &digest(key, 0x1122).unwrap());
        text
    }

    #[test]
    fn the_digest_of_a_key_never_changes() {
        assert_eq!(hex_of(&("user", 7_u64)), "06047573657207002211000000000000");
        assert_eq!(hex_of(&u64::MAX), "87ac4222f562d77c9eff34f0011be996");
        assert_eq!(hex_of(&("customer", 7_u64)), "fecadb756134555616466aac6f60c4cd");
    }

    #[test]
    fn keys_of_all_lengths_differ_in_their_digests_and_those_of_other_shapes() {
        let mut seen = HashSet::new();
        for length in (0..300).chain([5000]) {
            let key = "\0".repeat(length);
            // A text has its length before it.
            for print in [0, 1, 1 << 63] {
                let digest = digest(&key, print).unwrap();
                assert!(seen.insert(digest), "a key of {length} with the print {print}");
                assert_eq!(digest[0] < HASHED, length < OWN, "a key of {length}");
            }
        }
    }

    #[test]
    fn a_digest_is_the_same_in_any_memory() {
        for length in 20..300 {
            let key = "k".repeat(length);
            let mut bytes = [&MARK[..], &7_u64.to_le_bytes()].concat();
            tail::encode(&key, &mut bytes).unwrap();
            assert_eq!(digest(&key, 7).unwrap(), hashed(&bytes), "a key of {length}");
        }
    }

    #[test]
    fn names_are_readable_where_they_can_be() {
        let names = Names::new("larder", "shop::price#2");
        assert_eq!(names.generation(), "larder:shop::price#2:gen");
        let name = names.value(0x0a, &[0xff; 16]);
        assert_eq!(name, format!("larder:shop::price#2:000000000000000a:{}", "ff".repeat(16)));
        assert_eq!(page(&name, 1, 12), format!("{name}:0000000000000001:12"));
    }

    #[test]
    fn c71_every_kind_of_key_has_a_digest_of_its_own() {
        let long = "x".repeat(3500);
        let texts = ["", " ", "a b", "\u{0}", "\n", "clé", "鍵", "🔑", "a", "A", &long, &long[1..]];
        let mut seen: HashSet<Digest> = texts.iter().map(|text| digest(text, 0).unwrap()).collect();
        assert_eq!(seen.len(), texts.len());
        let others = [
            digest(&("a", "b"), 0),
            digest(&("a", "b"), 1),
            digest(&("ab", ""), 0),
            digest(&(1, 2), 0),
            digest(&[Some("a"), None], 0),
            digest(&vec![vec![1_u8], vec![]], 0),
            digest(&vec![vec![], vec![1_u8]], 0),
        ];
        assert!(others.into_iter().all(|digest| seen.insert(digest.unwrap())));
    }

    #[test]
    fn prefixes_that_could_be_mistaken_are_refused() {
        for wrong in ["", "a:b", "a b", "é", "{a}", &"x".repeat(33)] {
            assert!(check_prefix(wrong).unwrap_err().is_invalid(), "{wrong:?}");
        }
        assert!(check_prefix("shop-2.prod_eu").is_ok());
    }

    proptest! {
        #[test]
        fn names_fit_every_server(namespace in ".{0,200}", generation: u64, index: u32) {
            let names = Names::new(&"p".repeat(PREFIX), &namespace);
            let name = page(&names.value(generation, &[1; 16]), generation, index);
            prop_assert!(name.len() <= 200 && name.bytes().all(|b| b.is_ascii_graphic()), "{name}");
            prop_assert!(names.generation().len() <= 200);
        }

        #[test]
        fn different_namespaces_have_different_names(one in ".{0,90}", other in ".{0,90}") {
            prop_assume!(one != other);
            prop_assert_ne!(Names::new("p", &one).front, Names::new("p", &other).front);
        }
    }
}
