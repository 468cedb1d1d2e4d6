//! What is stored and cannot be trusted, or not be read: a miss with its reason, and nothing worse.
#![cfg(feature = "encoded")]

mod shelf;

use cache_clients::encoded::{
    Codec, Compression, Encoded, EncodedCache, EncodedOptions, SigningKey, Solo,
};
use cache_core::{
    Aim, Cache, CacheExt, Entry, Filled, Lease, Lookup, PutWhen, Reason, Result, wait,
};
use serde::{Deserialize, Serialize};
use shelf::Shelf;
use std::time::Duration;

type Client = Encoded<Solo<Shelf>>;
type Texts = EncodedCache<Solo<Shelf>, u64, String>;

fn client(shelf: &Shelf, options: EncodedOptions) -> Client {
    Encoded::with_options(Solo::new(shelf.clone()), options).unwrap()
}

fn texts(shelf: &Shelf) -> Texts {
    client(shelf, EncodedOptions::new()).open("texts")
}

fn reason<V: std::fmt::Debug>(found: Lookup<V>) -> (Reason, Lease) {
    match found {
        Lookup::Missing { reason, lease } => (reason, lease),
        found => panic!("not missing: {found:?}"),
    }
}

/// Puts a text, alters its bytes, and tells why it is a miss now.
fn after(alter: impl FnOnce(&mut Vec<u8>)) -> Reason {
    let shelf = Shelf::default();
    let cache = texts(&shelf);
    wait(cache.put_for(&1, "x".repeat(100), 60)).unwrap();
    shelf.alter(alter);
    let (read, none) = reason(wait(cache.lookup(&1, Aim::Read)).unwrap());
    assert!(!none.is_some());
    // What is of another program, or of a later one, stays for it.
    let removed = read == Reason::Damaged;
    assert_eq!(shelf.keys().is_empty(), removed);
    // Whoever computes may put something good in its place.
    let (compute, lease) = reason(wait(cache.lookup(&1, Aim::Compute)).unwrap());
    assert_eq!(compute, if removed { Reason::Never } else { read });
    let filled = wait(cache.fill(&1, Entry::new("new".to_owned()).with_ttl(60), lease)).unwrap();
    assert_eq!(filled, Filled::Stored);
    assert_eq!(wait(cache.get(&1)).unwrap().as_deref(), Some("new"));
    read
}

#[test]
fn x16_whoever_computes_gets_the_lease_over_what_is_damaged() {
    let shelf = Shelf::default();
    let cache = texts(&shelf);
    wait(cache.put_for(&1, "x".repeat(100), 60)).unwrap();
    shelf.alter(|bytes| bytes[100] ^= 1);
    let (compute, lease) = reason(wait(cache.lookup(&1, Aim::Compute)).unwrap());
    assert_eq!(compute, Reason::Damaged);
    // Who only reads meanwhile does not take the lease's ground away.
    assert_eq!(reason(wait(cache.lookup(&1, Aim::Read)).unwrap()).0, Reason::Damaged);
    let filled = wait(cache.fill(&1, Entry::new("new".to_owned()).with_ttl(60), lease)).unwrap();
    assert_eq!(filled, Filled::Stored);
}

#[test]
fn x16_altered_bytes_are_damaged() {
    assert_eq!(after(|bytes| bytes[100] ^= 1), Reason::Damaged);
    assert_eq!(after(|bytes| bytes[30] ^= 1), Reason::Damaged);
    assert_eq!(after(|bytes| bytes.truncate(95)), Reason::Damaged);
    assert_eq!(after(|bytes| bytes.truncate(3)), Reason::Damaged);
    assert_eq!(after(Vec::clear), Reason::Damaged);
    assert_eq!(after(|bytes| *bytes = b"of another program".to_vec()), Reason::Damaged);
}

#[test]
fn x16_a_later_envelope_is_another_schema() {
    assert_eq!(after(|bytes| bytes[4] = 99), Reason::Schema);
}

#[test]
fn x16_the_value_of_another_key_is_damaged() {
    let shelf = Shelf::default();
    let cache = texts(&shelf);
    wait(cache.put_for(&1, "one".to_owned(), 60)).unwrap();
    let one = shelf.keys().remove(0);
    wait(cache.put_for(&2, "two".to_owned(), 60)).unwrap();
    let two = shelf.keys().into_iter().find(|key| *key != one).unwrap();
    shelf.set(&two, shelf.bytes(&one).unwrap());
    assert_eq!(reason(wait(cache.lookup(&2, Aim::Read)).unwrap()).0, Reason::Damaged);
    assert_eq!(wait(cache.get(&1)).unwrap().as_deref(), Some("one"));
}

#[test]
fn x16_what_does_not_decode_is_of_another_schema() {
    let shelf = Shelf::default();
    let client = client(&shelf, EncodedOptions::new());
    // Without shapes both look the same from outside.
    wait(client.open::<u64, String>("same").put_for(&1, "text".to_owned(), 60)).unwrap();
    let numbers = client.open::<u64, Vec<u64>>("same");
    assert_eq!(reason(wait(numbers.lookup(&1, Aim::Read)).unwrap()).0, Reason::Schema);
    let computed = wait(numbers.get_or_compute(&1, || async { vec![1] }));
    assert_eq!((computed, wait(numbers.get(&1)).unwrap()), (vec![1], Some(vec![1])));
    assert!(client.stats().schema >= 1 && client.stats().damaged == 0);
}

#[test]
fn x16_values_of_another_codec_and_compression_are_read() {
    let shelf = Shelf::default();
    let text = "larder ".repeat(1000);
    wait(texts(&shelf).put_for(&1, text.clone(), 60)).unwrap();
    let other =
        EncodedOptions::new().with_codec(Codec::MessagePack).with_compression(Compression::Off);
    let other = client(&shelf, other).open::<u64, String>("texts");
    assert_eq!(wait(other.get(&1)).unwrap(), Some(text));
}

mod old {
    #[derive(
        Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, cache_macros::CacheShape,
    )]
    #[shape(crate = cache_core::shape)]
    pub(super) struct Score {
        pub(super) low: u32,
        pub(super) high: u32,
    }
}

mod new {
    #[derive(
        Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, cache_macros::CacheShape,
    )]
    #[shape(crate = cache_core::shape)]
    pub(super) struct Score {
        pub(super) high: u32,
        pub(super) low: u32,
    }
}

/// Without a print, postcard would read one as the other without an error.
#[test]
fn x17_two_programs_of_different_shapes_share_a_server() {
    let shelf = Shelf::default();
    let (before, after) =
        (client(&shelf, EncodedOptions::new()), client(&shelf, EncodedOptions::new()));
    let before = before.open_shaped::<u64, old::Score>("scores");
    let after_cache = after.open_shaped::<u64, new::Score>("scores");
    for turn in 0..3 {
        let score = old::Score { low: turn, high: 10 };
        wait(before.put_for(&7, score.clone(), 60)).unwrap();
        assert_eq!(wait(before.get(&7)).unwrap(), Some(score));
        let found = wait(after_cache.get(&7)).unwrap();
        assert!(found.is_none_or(|score| score.high == 11), "what the old program wrote was read");
        wait(after_cache.put_for(&7, new::Score { high: 11, low: turn }, 60)).unwrap();
    }
    assert_eq!((after.stats().damaged, after.stats().schema), (0, 0));
}

#[test]
fn x17_bytes_of_another_shape_under_the_own_key_are_another_schema() {
    let shelf = Shelf::default();
    let client = client(&shelf, EncodedOptions::new());
    let shaped = client.open_shaped::<u64, u32>("numbers");
    wait(shaped.put_for(&7, 1, 60)).unwrap();
    let name = shelf.keys().remove(0);
    let good = shelf.bytes(&name).unwrap();
    // The print in the envelope, with a checksum that fits.
    let mut bytes = good.to_vec();
    bytes[56] ^= 1;
    let end = bytes.len() - 8;
    let sum = twox_hash::XxHash3_64::oneshot(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum.to_le_bytes());
    shelf.set(&name, bytes);
    assert_eq!(reason(wait(shaped.lookup(&7, Aim::Read)).unwrap()).0, Reason::Schema);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Before {
    name: String,
    size: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct After {
    #[serde(default)]
    color: String,
    size: u32,
    name: String,
}

#[test]
fn x17_without_a_shape_fields_may_be_added_and_reordered() {
    let shelf = Shelf::default();
    let client = client(&shelf, EncodedOptions::new());
    let before = Before { name: "chair".to_owned(), size: 7 };
    wait(client.open::<u64, Before>("things").put_for(&1, before, 60)).unwrap();
    let after = wait(client.open::<u64, After>("things").get(&1)).unwrap().unwrap();
    assert_eq!(after, After { color: String::new(), size: 7, name: "chair".to_owned() });
}

fn signed(shelf: &Shelf, key: u8) -> Texts {
    let options = EncodedOptions::new().with_signing(Ok(SigningKey::new([key; 32])));
    client(shelf, options).open("texts")
}

#[test]
fn c75_values_of_another_key_unsigned_or_tampered_are_a_miss() {
    let shelf = Shelf::default();
    let cache = signed(&shelf, 1);
    let look = || reason(wait(cache.lookup(&1, Aim::Read)).unwrap()).0;
    wait(signed(&shelf, 2).put_for(&1, "foreign".to_owned(), 60)).unwrap();
    assert_eq!(look(), Reason::Damaged);
    wait(texts(&shelf).put_for(&1, "unsigned".to_owned(), 60)).unwrap();
    assert_eq!(look(), Reason::Damaged);
    wait(cache.put_for(&1, "own".to_owned(), 60)).unwrap();
    assert_eq!(wait(cache.get(&1)).unwrap().as_deref(), Some("own"));
    shelf.alter(|bytes| *bytes.last_mut().unwrap() ^= 1);
    assert_eq!(look(), Reason::Damaged);
}

/// Decoding it would panic.
#[derive(Debug, Clone)]
struct Trap;

impl Serialize for Trap {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Trap {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("decoded")
    }
}

#[test]
fn c75_what_is_not_signed_is_never_decoded() {
    let shelf = Shelf::default();
    let unsigned = client(&shelf, EncodedOptions::new()).open::<u64, Trap>("traps");
    wait(unsigned.put_for(&1, Trap, 60)).unwrap();
    let options = EncodedOptions::new().with_signing(Ok(SigningKey::new([1; 32])));
    let cache = client(&shelf, options).open::<u64, Trap>("traps");
    assert_eq!(reason(wait(cache.lookup(&1, Aim::Read)).unwrap()).0, Reason::Damaged);
}

#[test]
fn c75_signing_without_a_key_is_refused() {
    let options = EncodedOptions::new().with_signing(SigningKey::from_env("LARDER_TEST_NO_KEY"));
    let error = Encoded::with_options(Solo::new(Shelf::default()), options).unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("LARDER_TEST_NO_KEY"), "{error}");
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let refused = |options| {
        let error = Encoded::with_options(Solo::new(Shelf::default()), options).unwrap_err();
        assert!(error.is_invalid());
        error.to_string()
    };
    assert!(refused(EncodedOptions::new().with_prefix("a:b")).contains("\"a:b\""));
    assert!(refused(EncodedOptions::new().with_lease(Duration::ZERO)).contains("lease"));
    let tiny = Encoded::new(Solo::new(Shelf::default()).with_max_value(50)).unwrap_err();
    assert!(tiny.is_invalid() && tiny.to_string().contains("Shelf"), "{tiny}");
}

#[test]
fn a_value_that_cannot_be_encoded_is_an_error_that_names_its_cache() {
    #[derive(Debug, Clone, Deserialize)]
    struct Stubborn;
    impl Serialize for Stubborn {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it does not want to"))
        }
    }
    let cache = client(&Shelf::default(), EncodedOptions::new()).open::<u64, Stubborn>("stubborn");
    let put = cache.put(&1, Entry::new(Stubborn), PutWhen::Always);
    let error = wait(put).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    assert!(error.to_string().contains("`stubborn`") && error.to_string().contains("want to"));
    // Whoever computes gets his value all the same.
    wait(cache.get_or_compute(&1, || async { Stubborn }));
}

#[test]
fn c71_keys_of_any_kind_are_found_again() {
    let shelf = Shelf::default();
    let client = client(&shelf, EncodedOptions::new());
    let texts = client.open::<String, u64>("texts");
    let long = "k".repeat(3500);
    let keys = ["", " ", "a b", "tab\t", "new\nline", "\0", "clé", "鍵", "🔑", &long, "x", "X"];
    for (n, key) in (0..).zip(keys) {
        wait(texts.put_for(&key.to_owned(), n, 60)).unwrap();
    }
    for (n, key) in (0..).zip(keys) {
        assert_eq!(wait(texts.get(&key.to_owned())).unwrap(), Some(n), "{key:?}");
    }
    let tuples = client.open::<(Option<u8>, Vec<String>, [bool; 2], char), u64>("tuples");
    let tuple = (None, vec!["a".to_owned(), String::new()], [true, false], 'é');
    wait(tuples.put_for(&tuple, 1, 60)).unwrap();
    assert_eq!(wait(tuples.get(&tuple)).unwrap(), Some(1));
    let odd = client.open::<(), u64>(&"namespace of great length and with spaces, é ".repeat(9));
    wait(odd.put_for(&(), 2, 60)).unwrap();
    assert_eq!(wait(odd.get(&())).unwrap(), Some(2));
    for key in shelf.keys().iter().chain(&shelf.generations()) {
        assert!(key.len() <= 200 && key.bytes().all(|b| b.is_ascii_graphic()), "{key}");
    }
}
