//! Values that are longer than the server takes.
#![cfg(feature = "encoded")]

mod shelf;

use cache_clients::encoded::{
    Compression, Encoded, EncodedCache, EncodedOptions, SigningKey, Solo,
};
use cache_core::{Aim, Cache, CacheExt, Entry, Lookup, ManualClock, PutWhen, Reason, wait};
use shelf::Shelf;
use std::time::Duration;

type Texts = EncodedCache<Solo<Shelf>, u64, String>;

/// What the server takes in one value, and what of that a page carries.
const MOST: usize = 1000;
const ROOM: usize = MOST - 88 - 12 - 32;
/// MessagePack's mark and length in front of a longer text.
const FRONT: usize = 3;

struct Test {
    shelf: Shelf,
    time: ManualClock,
    cache: Texts,
}

fn test(configure: impl FnOnce(EncodedOptions) -> EncodedOptions) -> Test {
    let (shelf, time) = (Shelf::default(), ManualClock::new());
    let server = Solo::new(shelf.clone()).with_clock(time.clock()).with_max_value(MOST);
    let options = EncodedOptions::new().with_clock(time.clock()).with_compression(Compression::Off);
    let cache = Encoded::with_options(server, configure(options)).unwrap().open("texts");
    Test { shelf, time, cache }
}

/// Text of so many bytes in MessagePack.
fn text(length: usize) -> String {
    (0..length - FRONT).map(|n| char::from(b'a' + (n * 7 % 26) as u8)).collect()
}

fn reason(test: &Test) -> Reason {
    match wait(test.cache.lookup(&1, Aim::Read)).unwrap() {
        Lookup::Missing { reason, .. } => reason,
        found => panic!("not missing: {found:?}"),
    }
}

#[test]
fn c73_values_of_exactly_one_two_and_three_pages_are_found_again() {
    for pages in 1..=3 {
        for (length, more) in [(pages * ROOM, 0), (pages * ROOM - 1, 0), (pages * ROOM + 1, 1)] {
            let test = test(|options| options);
            assert!(wait(test.cache.put_for(&1, text(length), 60)).unwrap());
            assert_eq!(wait(test.cache.get(&1)).unwrap(), Some(text(length)), "{length}");
            // What fits with its envelope alone needs no page, and so no manifest.
            let whole = length + 88 <= MOST;
            assert_eq!(test.shelf.keys().len(), if whole { 1 } else { pages + more + 1 });
            assert!(
                test.shelf.keys().iter().all(|key| test.shelf.bytes(key).unwrap().len() <= MOST)
            );
        }
    }
}

#[test]
fn c72_a_long_incompressible_value_is_found_again_and_its_pages_are_freed() {
    let shelf = Shelf::default();
    let server = Solo::new(shelf.clone()).with_max_value(1 << 20);
    let cache = Encoded::new(server).unwrap().open::<u64, Vec<u64>>("noise");
    // Nine bytes each in MessagePack: 5.6 MB.
    let noise = |seed: u64| -> Vec<u64> {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.rotate_right(29)
        };
        (0..622_000).map(next).collect()
    };
    wait(cache.put_for(&1, noise(1), 60)).unwrap();
    let before = shelf.keys();
    assert!(before.len() > 5, "{}", before.len());
    assert!(wait(cache.get(&1)).unwrap() == Some(noise(1)));
    wait(cache.put_for(&1, noise(2), 60)).unwrap();
    let after = shelf.keys();
    assert!(wait(cache.get(&1)).unwrap() == Some(noise(2)));
    assert_eq!(after.len(), before.len());
    // The manifest alone has kept its name.
    assert_eq!(after.iter().filter(|key| before.contains(key)).count(), 1);
    wait(cache.put_for(&1, vec![1], 60)).unwrap();
    assert_eq!(shelf.keys().len(), 1);
}

#[test]
fn c72_a_lost_page_is_a_miss_whichever_it_is() {
    for lost in 0..4 {
        let test = test(|options| options);
        wait(test.cache.put_for(&1, text(3 * ROOM), 60)).unwrap();
        let keys = test.shelf.keys();
        test.shelf.remove(&keys[lost]);
        // The manifest too: this process knows that it was there.
        assert_eq!(reason(&test), Reason::Evicted);
        let computed = wait(test.cache.get_or_compute(&1, || async { "new".to_owned() }));
        assert_eq!(
            (computed.as_str(), wait(test.cache.get(&1)).unwrap().as_deref()),
            ("new", Some("new"))
        );
    }
}

#[test]
fn c72_pages_of_two_writings_never_mix() {
    let test = test(|options| options);
    wait(test.cache.put_for(&1, text(2 * ROOM), 60)).unwrap();
    let old = test.shelf.keys();
    let page = test.shelf.bytes(&old[1]).unwrap();
    wait(test.cache.put_for(&1, "z".repeat(2 * ROOM - FRONT), 60)).unwrap();
    let new = test.shelf.keys();
    // As if a server had brought an old page back under a new name.
    test.shelf.set(&new[1], page);
    assert_eq!(reason(&test), Reason::Damaged);
}

#[test]
fn x16_an_altered_page_is_damaged() {
    for key in [None, Some(SigningKey::new([3; 32]))] {
        let test = test(|options| match key {
            Some(key) => options.with_signing(Ok(key)),
            None => options,
        });
        wait(test.cache.put_for(&1, text(2 * ROOM), 60)).unwrap();
        let page = test.shelf.keys().remove(2);
        let mut bytes = test.shelf.bytes(&page).unwrap().to_vec();
        bytes[500] ^= 4;
        test.shelf.set(&page, bytes);
        assert_eq!(reason(&test), Reason::Damaged);
    }
}

#[test]
fn c73_renewing_renews_all_pages() {
    let test = test(|options| options);
    wait(test.cache.put_for(&1, text(3 * ROOM), 10)).unwrap();
    let renewed = wait(test.cache.renew(&1, Some(Duration::from_secs(100)))).unwrap();
    assert!(renewed);
    for key in test.shelf.keys() {
        assert_eq!(test.shelf.keep(&key), Some(Duration::from_secs(100)), "{key}");
    }
    test.time.advance(Duration::from_secs(50));
    let (value, left) = wait(test.cache.get_ttl(&1)).unwrap().unwrap();
    assert_eq!((value, left), (text(3 * ROOM), Duration::from_secs(50)));
}

#[test]
fn c72_times_of_a_paged_value_are_told() {
    let test = test(|options| options);
    let entry = Entry::new(text(2 * ROOM)).with_ttl(10).with_refresh_after(Duration::from_secs(5));
    wait(test.cache.put(&1, entry, PutWhen::Always)).unwrap();
    test.time.advance(Duration::from_secs(6));
    assert!(matches!(wait(test.cache.lookup(&1, Aim::Read)).unwrap(), Lookup::Stale { .. }));
    test.time.advance(Duration::from_secs(5));
    assert!(!wait(test.cache.contains(&1)).unwrap());
}

#[test]
fn the_time_that_pages_take_is_part_of_a_ttl() {
    // The manifest and three pages, whatever else is looked at.
    let get_ttl = |each| {
        let test = test(|options| options);
        wait(test.cache.put_for(&1, text(3 * ROOM), 60)).unwrap();
        let before = test.time.elapsed();
        test.shelf.set_slow(&test.time, Duration::from_secs(each));
        let found = wait(test.cache.get_ttl(&1)).unwrap();
        (found, test.time.elapsed() - before)
    };
    let (found, took) = get_ttl(5);
    let (_, left) = found.unwrap();
    assert_eq!(left + took, Duration::from_secs(60), "what is left is left when it is found");
    assert_eq!(get_ttl(20).0, None, "it was over before its last page came");
}

#[test]
fn a_deleted_value_takes_its_pages_along() {
    let test = test(|options| options);
    wait(test.cache.put_for(&1, text(3 * ROOM), 60)).unwrap();
    assert!(wait(test.cache.delete(&1)).unwrap());
    assert_eq!(test.shelf.keys(), [""; 0]);
}

#[test]
fn an_add_that_loses_leaves_no_pages() {
    let test = test(|options| options);
    wait(test.cache.put_for(&1, "first".to_owned(), 60)).unwrap();
    assert!(!wait(test.cache.add(&1, text(3 * ROOM), 60)).unwrap());
    assert_eq!(test.shelf.keys().len(), 1);
}
