//! Values that are longer than the server takes, or is said to take.

use crate::stand::{Seen, Stand};
use cache_clients::encoded::{Compression, Encoded, EncodedCache};
use cache_clients::server::Server;
use cache_core::{Aim, Cache, CacheExt, Lookup, Reason, wait};
use std::time::{Duration, Instant};

/// What the server is said to take in one value, and what of that a page carries.
const MOST: usize = 4000;
const ROOM: usize = MOST - 88 - 12 - 32;

type Texts<S> = EncodedCache<Seen<S>, u64, String>;

fn texts<S: Server>(stand: &Stand<S>) -> Texts<S> {
    let options = stand.options().with_compression(Compression::Off);
    Encoded::with_options(stand.with_most(MOST), options).unwrap().open("texts")
}

/// Text of so many bytes in MessagePack, which puts three in front.
fn text(length: usize) -> String {
    (0..length - 3).map(|n| char::from(b'a' + (n * 7 % 26) as u8)).collect()
}

pub(crate) fn c72_a_value_of_5_6_mb_is_found_again_and_its_pages_are_freed<S: Server>(
    stand: &Stand<S>,
) {
    // As large pages as memcached takes, and no more than that of the others.
    let server = stand.with_most((1 << 20) - 1024);
    let client = Encoded::with_options(server, stand.options()).unwrap();
    let cache = client.open::<u64, Vec<u64>>("noise");
    // Nine bytes each in MessagePack: 5.6 MB.
    let noise = |seed: u64| -> Vec<u64> {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.rotate_right(29)
        };
        (0..622_000).map(next).collect()
    };
    assert!(wait(cache.put_for(&1, noise(1), 60)).unwrap());
    let before = stand.server.names();
    assert!(before.len() > 5, "{}", before.len());
    assert!(wait(cache.get(&1)).unwrap() == Some(noise(1)));
    assert!(wait(cache.contains(&1)).unwrap());
    assert!(wait(cache.put_for(&1, noise(2), 60)).unwrap());
    assert!(wait(cache.get(&1)).unwrap() == Some(noise(2)));
    let after = stand.server.names();
    assert_eq!(after.len(), before.len(), "the old pages are gone");
    for old in before.iter().filter(|name| !after.contains(name)) {
        assert!(stand.server.bytes(old).is_none(), "{old}");
    }
    let (_, left) = wait(cache.get_ttl(&1)).unwrap().unwrap();
    assert!(left <= Duration::from_secs(60) && left > Duration::from_secs(59), "{left:?}");
    stand.time.advance(Duration::from_secs(60));
    assert!(!wait(cache.contains(&1)).unwrap());
}

pub(crate) fn c85_damaged_pages_are_removed_with_what_names_them<S: Server>(stand: &Stand<S>) {
    let cache = texts(stand);
    wait(cache.put_for(&1, text(2 * ROOM), 60)).unwrap();
    let names = stand.server.names();
    let last = names.last().unwrap();
    let mut bytes = stand.server.bytes(last).unwrap().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    stand.server.set(last, bytes, Duration::from_secs(60));
    let found = wait(cache.lookup(&1, Aim::Read)).unwrap();
    assert!(matches!(found, Lookup::Missing { reason: Reason::Damaged, .. }), "{found:?}");
    assert!(names.len() == 3 && names.iter().all(|name| stand.server.bytes(name).is_none()));
}

pub(crate) fn c72_a_lost_page_is_a_miss_whichever_it_is<S: Server>(stand: &Stand<S>) {
    let cache = texts(stand);
    for lost in 0..4 {
        let key = lost as u64;
        let before = stand.server.names();
        assert!(wait(cache.put_for(&key, text(3 * ROOM), 600)).unwrap());
        let mut new = stand.server.names();
        new.retain(|name| !before.contains(name));
        assert_eq!(new.len(), 4);
        assert!(wait(cache.contains(&key)).unwrap());
        stand.server.remove(&new[lost]);
        let Lookup::Missing { reason, .. } = wait(cache.lookup(&key, Aim::Read)).unwrap() else {
            panic!("page {lost} is gone")
        };
        // The manifest too: this process knows that it was there.
        assert_eq!(reason, Reason::Evicted);
        let computed = wait(cache.get_or_compute_for(&key, 600, || async { "new".to_owned() }));
        assert_eq!(computed, "new");
        assert_eq!(wait(cache.get(&key)).unwrap().as_deref(), Some("new"));
    }
}

pub(crate) fn c73_values_of_one_two_and_three_pages_are_found_again<S: Server>(stand: &Stand<S>) {
    let (cache, other) = (texts(stand), texts(stand));
    for pages in 1..=3 {
        for length in [pages * ROOM - 1, pages * ROOM, pages * ROOM + 1] {
            assert!(wait(cache.put_for(&1, text(length), 60)).unwrap());
            assert!(wait(other.get(&1)).unwrap() == Some(text(length)), "{length}");
        }
    }
}

pub(crate) fn c73_a_renewed_value_of_many_pages_outlives_its_first_ttl<S: Server>(
    stand: &Stand<S>,
) {
    let cache = texts(stand);
    let (first, longer) = (Duration::from_secs(2), Duration::from_secs(600));
    assert!(wait(cache.put_for(&1, text(3 * ROOM), first)).unwrap());
    let renewed = wait(cache.renew(&1, Some(longer))).unwrap();
    // Put later and for as long: when it is over, whatever was not renewed is over too.
    stand.server.set("later", "v", first);
    assert!(renewed, "the machine is too slow for two seconds");
    let began = Instant::now();
    while stand.server.bytes("later").is_some() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(wait(cache.get(&1)).unwrap() == Some(text(3 * ROOM)));
    stand.time.advance(longer - Duration::from_secs(1));
    assert!(wait(cache.contains(&1)).unwrap());
    stand.time.advance(Duration::from_secs(1));
    assert!(!wait(cache.contains(&1)).unwrap());
}
