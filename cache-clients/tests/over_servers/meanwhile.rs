//! Computations that begin while a change of their key is on its way to the server, and have found there what it does away
//! with.

use crate::between::{Between, nobody_joins, nobody_joins_after};
use crate::stand::{Seen, Stand};
use cache_clients::encoded::{Encoded, EncodedCache};
use cache_clients::server::Server;
use cache_clients::{Inproc, Tiered};
use cache_core::{Cache, wait};
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
