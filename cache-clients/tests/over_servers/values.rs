//! Keys, times, signatures, codecs, damage and other schemas.

use crate::stand::{Seen, Stand};
use cache_clients::encoded::{
    Codec, Compression, Encoded, EncodedCache, EncodedOptions, SigningKey,
};
use cache_clients::server::Server;
use cache_core::conformance::{Ability, Harness};
use cache_core::{
    Aim, Cache, CacheExt, CacheShape, Client, Entry, Filled, Lookup, Namespace, Reason, TagSource,
    wait,
};
use std::time::{Duration, Instant};

const DAY: Duration = Duration::from_secs(86_400);

type Texts<S> = EncodedCache<Seen<S>, u64, String>;

fn reason<S: Server>(cache: &Texts<S>, key: u64) -> Reason {
    match wait(cache.lookup(&key, Aim::Read)).unwrap() {
        Lookup::Missing { reason, .. } => reason,
        found => panic!("not missing: {found:?}"),
    }
}

pub(crate) fn c71_keys_of_any_kind_are_found_again<S: Server>(stand: &Stand<S>) {
    let (writer, reader) = (stand.client(), stand.client());
    let long = "k".repeat(3500);
    let keys = ["", " ", "a b", "tab\t", "new\r\nline", "\0", "clé", "鍵", "🔑", &long, "x", "X"];
    let (write, read) = (writer.open::<String, u64>("texts"), reader.open::<String, u64>("texts"));
    for (n, key) in (0..).zip(keys) {
        assert!(wait(write.put_for(&key.to_owned(), n, 60)).unwrap(), "{key:?}");
    }
    for (n, key) in (0..).zip(keys) {
        assert_eq!(wait(read.get(&key.to_owned())).unwrap(), Some(n), "{key:?}");
    }
    type Tuple = (Option<u8>, Vec<String>, [bool; 2], char);
    let tuple: Tuple = (None, vec!["a".to_owned(), String::new()], [true, false], 'é');
    wait(writer.open::<Tuple, u64>("tuples").put_for(&tuple, 1, 60)).unwrap();
    assert_eq!(wait(reader.open::<Tuple, u64>("tuples").get(&tuple)).unwrap(), Some(1));
    let name = "namespace of great length and with spaces, é ".repeat(9);
    wait(writer.open::<(), u64>(&name).put_for(&(), 2, 60)).unwrap();
    assert_eq!(wait(reader.open::<(), u64>(&name).get(&())).unwrap(), Some(2));
}

pub(crate) fn c74_times_of_every_size_are_kept_and_told_within_a_second<S: Server>(
    stand: &Stand<S>,
) {
    let (one, other) = (stand.client().open::<u64, u64>("n"), stand.client().open::<u64, u64>("n"));
    // Around the 30 days from which memcached takes a number for a date, and beyond 2038.
    let ttls = [29 * DAY, 30 * DAY, 30 * DAY + Duration::from_secs(1), 31 * DAY, 3650 * DAY];
    let ttls = ttls.into_iter().chain([40 * 365 * DAY, 100 * 365 * DAY, Duration::MAX]);
    for (key, ttl) in (0..).zip(ttls) {
        assert!(wait(one.put_for(&key, key, ttl)).unwrap(), "{ttl:?}");
        let (value, left) = wait(other.get_ttl(&key)).unwrap().unwrap_or_else(|| panic!("{ttl:?}"));
        assert!(
            value == key && left <= ttl && left.saturating_add(Duration::from_secs(1)) >= ttl,
            "{left:?}"
        );
    }
    // Below a second the server's own clock counts too, and it may have gone on.
    let short = Duration::from_millis(700);
    let began = Instant::now();
    assert!(wait(one.put_for(&99, 99, short)).unwrap());
    let left = wait(other.get_ttl(&99)).unwrap().map(|(_, left)| left);
    assert!(left.is_some_and(|left| left <= short) || began.elapsed() >= short, "{left:?}");
    stand.time.advance(short);
    assert_eq!(wait(other.get(&99)).unwrap(), None);
    stand.time.advance(29 * DAY - short);
    assert_eq!((wait(other.get(&0)).unwrap(), wait(other.get(&1)).unwrap()), (None, Some(1)));
}

pub(crate) fn c75_values_of_another_key_unsigned_or_tampered_are_a_miss<S: Server>(
    stand: &Stand<S>,
) {
    let signed = |key: u8| -> Texts<S> {
        let options = stand.options().with_signing(Ok(SigningKey::new([key; 32])));
        stand.client_with(options).open("texts")
    };
    let cache = signed(1);
    wait(signed(2).put_for(&1, "foreign".to_owned(), 60)).unwrap();
    assert_eq!(reason(&cache, 1), Reason::Damaged);
    let unsigned: Texts<S> = stand.client().open("texts");
    wait(unsigned.put_for(&1, "unsigned".to_owned(), 60)).unwrap();
    assert_eq!(reason(&cache, 1), Reason::Damaged);
    wait(cache.put_for(&1, "own".to_owned(), 60)).unwrap();
    assert_eq!(wait(signed(1).get(&1)).unwrap().as_deref(), Some("own"));
    let name = stand.server.names().remove(0);
    let mut bytes = stand.server.bytes(&name).unwrap().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    stand.server.set(&name, bytes, DAY);
    assert_eq!(reason(&cache, 1), Reason::Damaged);
    assert_eq!(wait(cache.get_or_compute_for(&1, 60, || async { "new".to_owned() })), "new");
    assert_eq!(wait(cache.get(&1)).unwrap().as_deref(), Some("new"), "it was replaced");
    let without = stand.options().with_signing(SigningKey::from_env("LARDER_TEST_NO_KEY"));
    assert!(Encoded::with_options(stand.server.clone(), without).unwrap_err().is_invalid());
}

pub(crate) fn c85_what_is_damaged_is_removed_by_a_plain_read_and_nothing_else_is<S: Server>(
    stand: &Stand<S>,
) {
    let cache: Texts<S> = stand.client().open("texts");
    for aim in [Aim::Read, Aim::Peek, Aim::Least(Duration::from_secs(1))] {
        wait(cache.put_for(&1, "good".repeat(100), 600)).unwrap();
        let name = stand.server.names().remove(0);
        let good = stand.server.bytes(&name).unwrap();
        let mut bytes = good.to_vec();
        bytes[100] ^= 1;
        stand.server.set(&name, bytes.clone(), DAY);
        let found = wait(cache.lookup(&1, aim)).unwrap();
        let damaged = matches!(found, Lookup::Missing { reason: Reason::Damaged, .. });
        assert!(damaged, "{aim:?}: {found:?}");
        assert!(stand.server.bytes(&name).is_none(), "{aim:?} leaves it there");
        assert_eq!(reason(&cache, 1), Reason::Never);
        // Whoever computes has the lease, and puts something better over it.
        stand.server.set(&name, bytes, DAY);
        let lease = wait(cache.lookup(&1, Aim::Compute)).unwrap().into_lease();
        assert_eq!(reason(&cache, 1), Reason::Damaged);
        let new = Entry::new("new".to_owned()).with_ttl(600);
        assert_eq!(wait(cache.fill(&1, new, lease)).unwrap(), Filled::Stored);
        // What a later larder, or a program with other types, has put is none of ours.
        let mut later = good.to_vec();
        later[4] = 99;
        stand.server.set(&name, later, DAY);
        assert_eq!(reason(&cache, 1), Reason::Schema);
        assert!(stand.server.bytes(&name).is_some());
    }
}

pub(crate) fn c78_other_codecs_and_compressions_keep_the_same_contract<S: Server>(
    stand: &Stand<S>,
) {
    let usual = || stand.options().with_grace(DAY);
    let mut all: Vec<(&str, EncodedOptions)> = vec![
        ("uncompressed", usual().with_compression(Compression::Off)),
        ("lz4", usual().with_compression(Compression::Lz4 { from: 0 })),
        ("messagepack", usual().with_codec(Codec::MessagePack)),
        ("signed", usual().with_signing(Ok(SigningKey::new([7; 32])))),
    ];
    #[cfg(feature = "json")]
    all.push(("json", usual().with_codec(Codec::Json)));
    #[cfg(feature = "zstd")]
    all.push(("zstd", usual().with_compression(Compression::Zstd { from: 0, level: 3 })));
    for (name, options) in all {
        let client = stand.client_with(options.with_prefix(name));
        let (open, time) = (client.clone(), stand.time.clone());
        let open = move |space: &str| -> EncodedCache<Seen<S>, String, String> {
            Client::open(&open, &Namespace::new(space).with(TagSource::local()))
        };
        let harness = Harness::new(open, move |by| time.advance(by)).without(Ability::Usage);
        cache_core::conformance::run(&harness);
        assert_eq!((client.stats().damaged, client.stats().schema), (0, 0), "{name}");
    }
}

pub(crate) fn x16_altered_truncated_and_foreign_bytes_are_a_miss_with_a_reason<S: Server>(
    stand: &Stand<S>,
) {
    let client = stand.client();
    let cache: Texts<S> = client.open("texts");
    wait(cache.put_for(&1, "one".repeat(400), 600)).unwrap();
    let name = stand.server.names().remove(0);
    wait(cache.put_for(&2, "two".repeat(400), 600)).unwrap();
    let other = stand.server.names().into_iter().find(|found| *found != name).unwrap();
    let good = stand.server.bytes(&name).unwrap();
    let flipped = (0..good.len()).map(|at| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 1 << (at % 8);
        bytes
    });
    let cut = [0, 1, 40, 87, 88, good.len() - 1].map(|length| good[..length].to_vec());
    let foreign = [stand.server.bytes(&other).unwrap().to_vec(), b"not larder's".to_vec()];
    for bytes in flipped.chain(cut).chain(foreign) {
        stand.server.set(&name, bytes, DAY);
        let reason = reason(&cache, 1);
        assert!(matches!(reason, Reason::Damaged | Reason::Schema), "{reason:?}");
    }
    assert_eq!(wait(cache.get_or_compute_for(&1, 60, || async { "new".to_owned() })), "new");
    assert_eq!(wait(cache.get(&1)).unwrap().as_deref(), Some("new"), "it was replaced");
    assert!(client.stats().damaged > 50, "{:?}", client.stats());
    let numbers = stand.client().open::<u64, Vec<u64>>("texts");
    assert!(matches!(
        wait(numbers.lookup(&2, Aim::Read)).unwrap(),
        Lookup::Missing { reason: Reason::Schema, .. }
    ));
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

pub(crate) fn x17_old_and_new_programs_share_a_server<S: Server>(stand: &Stand<S>) {
    let (before, after) = (stand.client(), stand.client());
    let olds = before.open_shaped::<u64, old::Score>("scores");
    let news = after.open_shaped::<u64, new::Score>("scores");
    // Program by program: each computes for itself, neither ever reads the other's.
    for turn in 0..3 {
        let of_old = old::Score { low: turn, high: 10 };
        let of_new = new::Score { high: 11, low: turn };
        let key = u64::from(turn);
        let (stored, other) = (of_old.clone(), of_new.clone());
        let first = wait(olds.get_or_compute_for(&key, 60, move || async move { stored }));
        let second = wait(news.get_or_compute_for(&key, 60, move || async move { other }));
        assert_eq!((first, second), (of_old.clone(), of_new.clone()));
        assert_eq!(wait(olds.get(&key)).unwrap(), Some(of_old));
        assert_eq!(wait(news.get(&key)).unwrap(), Some(of_new));
    }
    for client in [before, after] {
        assert_eq!((client.stats().damaged, client.stats().stored), (0, 3));
    }
    assert_ne!(old::Score::PRINT, new::Score::PRINT);
}
