//! Reads of a server that is slow, silent, cut off, garbled or gone (C35, X15).

use crate::stand::*;
use larder::encoded::EncodedOptions;
use larder::{Cache, CacheExt, Inproc, Lookup, Reason, Shared, Tiered, wait};
use larder_test_servers::Fault;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) fn under_every_fault_callers_get_what_they_compute_and_nobody_waits_beyond_the_deadline(
    stand: &Stand,
) {
    let (client, cache) = connected(stand, EncodedOptions::new());
    let faults = [
        Fault::Refuse,
        Fault::Hang,
        Fault::CloseAfter(0),
        Fault::CloseAfter(7),
        Fault::Truncate(0),
        Fault::Truncate(7),
        Fault::Delay(LIMIT),
        Fault::Corrupt { every: 1 },
    ];
    for (round, fault) in faults.into_iter().enumerate() {
        let before = client.stats();
        stand.proxy.set(fault);
        if fault == Fault::Refuse {
            stand.proxy.cut();
        }
        for n in 0..3 {
            let name = format!("{round}-{n}");
            assert_eq!(compute(&cache, &name, &name), name, "{fault:?}");
        }
        let lost = client.stats().unreachable + client.stats().damaged;
        assert!(lost > before.unreachable + before.damaged, "{fault:?}: {:?}", client.stats());
        // Many callers of one key wait once, together.
        within("a crowd", 3 * DEADLINE, || {
            thread::scope(|scope| {
                for _ in 0..20 {
                    scope.spawn(|| assert_eq!(compute(&cache, "crowd", "crowd"), "crowd"));
                }
            });
        });
        stand.back();
        until_stored(&cache, "again", "yes");
        assert_eq!(first_trusted(&cache, "again").as_deref(), Some("yes"), "after {fault:?}");
        assert!(wait(cache.delete(&key("crowd"))).is_ok());
    }
}

pub(crate) fn x15_a_slow_server_is_used_and_one_too_slow_is_a_miss_in_time(stand: &Stand) {
    let (client, cache) = connected(stand, EncodedOptions::new());
    until_stored(&cache, "slow", "value");
    stand.proxy.set(Fault::Delay(DEADLINE / 8));
    let began = Instant::now();
    assert_eq!(get(&cache, "slow").as_deref(), Some("value"));
    assert!(began.elapsed() >= DEADLINE / 8, "the answer came through the proxy");
    stand.proxy.set(Fault::Delay(LIMIT));
    let answer = lookup(&cache, "slow");
    assert!(matches!(answer, Lookup::Missing { reason: Reason::Unreachable, .. }), "{answer:?}");
    assert_eq!(client.stats().unreachable, 1);
    stand.back();
    assert_eq!(first_trusted(&cache, "slow").as_deref(), Some("value"));
}

pub(crate) fn x15_a_tier_waits_no_longer_for_its_far_side_than_it_was_told(stand: &Stand) {
    let (client, far) = connected(stand, EncodedOptions::new());
    until_stored(&far, "slow", "far");
    let soft = Duration::from_millis(20);
    let tiers = Tiered::new(Inproc::new(100), client).with_far_deadline(soft);
    let cache = Shared::new(tiers.open::<String, String>("far-away"));
    stand.proxy.set(Fault::Delay(DEADLINE / 2));
    let began = Instant::now();
    assert_eq!(get(&cache, "slow"), None);
    assert!(began.elapsed() < DEADLINE / 2, "{:?}", began.elapsed());
    stand.back();
    until("the far side answers in time", || get(&cache, "slow").as_deref() == Some("far"));
}

pub(crate) fn c35_what_the_near_tier_has_is_answered_at_once_whatever_the_far_one_does(
    stand: &Stand,
) {
    let (client, _) = connected(stand, EncodedOptions::new());
    let tiers = Tiered::new(Inproc::new(100), client.clone());
    let cache = Shared::new(tiers.open::<String, String>("far-away"));
    until_stored(&cache, "both", "value");
    for fault in [Fault::Refuse, Fault::Hang, Fault::CloseAfter(0), Fault::Corrupt { every: 1 }] {
        stand.proxy.set(fault);
        let before = client.stats();
        for _ in 0..1000 {
            assert_eq!(wait(cache.get(&key("both"))).unwrap().as_deref(), Some("value"));
        }
        assert_eq!(compute(&cache, "both", "computed"), "value");
        assert_eq!(client.stats(), before, "the far side was not even asked");
        stand.proxy.cut();
        assert_eq!(get(&cache, "neither"), None);
        stand.back();
    }
    let stats = client.stats();
    assert!(stats.unreachable + stats.damaged >= 4, "the failures can be seen: {stats:?}");
}

pub(crate) fn wrong_bytes_are_never_a_wrong_value(stand: &Stand) {
    let (_, cache) = connected(stand, EncodedOptions::new());
    let long = "long ".repeat(2000);
    until_stored(&cache, "short", "short");
    until_stored(&cache, "long", &long);
    for every in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 1000] {
        stand.proxy.set(Fault::Corrupt { every });
        for _ in 0..5 {
            for (name, right) in [("short", "short"), ("long", long.as_str())] {
                let found = get(&cache, name);
                assert!(found.is_none() || found.as_deref() == Some(right), "every {every}");
            }
        }
    }
    stand.back();
    // A value that was garbled on its way looked damaged, and those are removed (C85).
    until_stored(&cache, "short", "short");
    until_stored(&cache, "long", &long);
    until("all is well again", || {
        get(&cache, "short").as_deref() == Some("short")
            && get(&cache, "long") == Some(long.clone())
    });
}

pub(crate) fn an_answer_that_ends_early_is_a_miss_at_whatever_byte(stand: &Stand) {
    let (_, cache) = connected(stand, EncodedOptions::new());
    until_stored(&cache, "short", "short");
    for bytes in (0..150).step_by(3) {
        stand.proxy.set(Fault::CloseAfter(bytes));
        let found = get(&cache, "short");
        assert!(found.is_none() || found.as_deref() == Some("short"), "{bytes}: {found:?}");
    }
    for bytes in [0, 1, 2, 3, 10, 40] {
        stand.proxy.set(Fault::Truncate(bytes));
        let found = get(&cache, "short");
        assert!(found.is_none() || found.as_deref() == Some("short"), "{bytes}: {found:?}");
    }
    stand.back();
    assert_eq!(first_trusted(&cache, "short").as_deref(), Some("short"));
}

pub(crate) fn a_server_that_was_stopped_is_used_again_by_itself(stand: &Stand) {
    let (client, cache) = connected(stand, EncodedOptions::new());
    until_stored(&cache, "kept", "value");
    stand.stop();
    assert_eq!(get(&cache, "kept"), None);
    assert!(client.stats().unreachable >= 1);
    stand.start_again();
    assert_eq!(first_trusted(&cache, "kept"), None, "it came back empty");
    assert_eq!(compute(&cache, "kept", "new"), "new");
    until_stored(&cache, "kept", "new");
    assert_eq!(first_trusted(&cache, "kept").as_deref(), Some("new"));
}

pub(crate) fn a_frozen_server_holds_up_nobody_beyond_the_deadline(stand: &Stand) {
    let (_, cache) = connected(stand, EncodedOptions::new());
    until_stored(&cache, "frozen", "value");
    stand.freeze();
    within("a crowd", 3 * DEADLINE, || {
        thread::scope(|scope| {
            for n in 0..50 {
                let cache = &cache;
                let name = format!("frozen-{}", n % 10);
                scope.spawn(move || assert_eq!(compute(cache, &name, &name), name));
            }
        });
    });
    stand.thaw();
    assert_eq!(first_trusted(&cache, "frozen").as_deref(), Some("value"));
}

pub(crate) fn cuts_under_load_are_misses_and_nothing_else(stand: &Stand) {
    let (_, cache) = connected(stand, EncodedOptions::new());
    let names: Vec<_> = (0..20).map(|n| format!("load-{n}")).collect();
    for name in &names {
        until_stored(&cache, name, name);
    }
    thread::scope(|scope| {
        let readers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    for round in 0..300 {
                        let name = &names[round % names.len()];
                        let found = get(&cache, name);
                        assert!(found.is_none() || found.as_ref() == Some(name), "{found:?}");
                    }
                })
            })
            .collect();
        while readers.iter().any(|reader| !reader.is_finished()) {
            stand.proxy.cut();
            // Real connections need a moment to be made again before the next cut.
            thread::sleep(Duration::from_millis(1));
        }
    });
    for name in &names {
        assert_eq!(first_trusted(&cache, name).as_ref(), Some(name));
    }
}
