//! Computations that begin while a change of their key is on its way to the server, and have found there what it does away
//! with.

use crate::between::{Between, nobody_joins, nobody_joins_after};
use crate::stand::{Seen, Stand};
use cache_clients::encoded::{Encoded, EncodedCache};
use cache_clients::server::Server;
use cache_clients::{Inproc, Tiered};
use cache_core::{Cache, CacheExt, wait};
use std::time::Duration;

fn with_grace<S: Server>(
    stand: &Stand<S>,
    test: impl Fn(&Between<Seen<S>>, Encoded<Between<Seen<S>>>),
) {
    for grace in [0, 60].map(Duration::from_secs) {
        let between = Between::new(stand.server.clone());
        let options = stand.options().with_grace(grace);
        test(&between, Encoded::with_options(between.clone(), options).unwrap());
    }
}

pub(crate) fn who_comes_after_a_change_does_not_join_what_began_meanwhile<S: Server>(
    stand: &Stand<S>,
) {
    with_grace(stand, |between, client| {
        let cache: EncodedCache<_, u64, u64> = client.open("numbers");
        nobody_joins(between, &cache);
    });
}

/// In front of the server lies a tier that is no table, or one without room.
pub(crate) fn who_comes_after_a_change_of_tiers_does_not_join_what_began_meanwhile<S: Server>(
    stand: &Stand<S>,
) {
    with_grace(stand, |between, client| {
        let near = Encoded::with_options(stand.server.clone(), stand.options().with_prefix("near"));
        let cache = Tiered::new(near.unwrap(), client.clone()).open::<u64, u64>("numbers");
        // As if it had been evicted there.
        let evict = || assert!(wait(cache.near_tier().delete(&1)).unwrap());
        nobody_joins_after(between, &cache, evict);
        let near = Inproc::new(0).with_clock(stand.time.clock());
        nobody_joins(between, &Tiered::new(near, client).open::<u64, u64>("without room"));
    });
}

pub(crate) fn whatever_many_threads_do_at_once_what_is_in_front_is_what_is_behind<S: Server>(
    stand: &Stand<S>,
) {
    for grace in [0, 60].map(Duration::from_secs) {
        let far = stand.client_with(stand.options().with_grace(grace));
        let near = Inproc::new(100).with_clock(stand.time.clock());
        let cache = Tiered::new(near, far).open::<u32, u64>("numbers");
        crate::steps::many(&cache, (100, false), |key| {
            let (near, far) = (cache.near_tier().get(&key), wait(cache.far_tier().get(&key)));
            assert!(near.is_none() || near == far.unwrap(), "{key}: {near:?}");
        });
    }
}

pub(crate) fn what_is_put_after_a_clear_outlives_others_who_deliver_that_clear<S: Server>(
    stand: &Stand<S>,
) {
    with_grace(stand, |between, client| {
        let cache: EncodedCache<_, u64, u64> = client.open("numbers");
        assert!(wait(cache.put_for(&1, 10, 60)).unwrap());
        let (own, reader) = (between.clone(), cache.clone());
        // He has found that a clear waits, and is about to deliver it when that has been done.
        let meanwhile = between.held_meanwhile(move |hold| {
            own.before_next_change(move || hold.wait());
            wait(reader.get(&1)).unwrap()
        });
        wait(cache.clear()).unwrap();
        let writer = cache.clone();
        let put = move || wait(writer.put_for(&1, 11, 60)).unwrap();
        let (found, put) = meanwhile.and_then(put);
        assert!(put && found != Some(10), "{found:?}");
        assert_eq!(wait(cache.get(&1)).unwrap(), Some(11));
    });
}
