//! The client contract, against the in-process client in each of its configurations.

use cache_clients::Inproc;
use cache_core::conformance::{Harness, Subject};
use cache_core::{Eviction, ManualClock, Near, Shared};

type Plain = Near<String, String>;

/// The least capacity that holds what a behaviour puts.
const SMALL: usize = 24;
const LARGE: usize = 100_000;

fn harness<C: Subject>(
    capacity: usize,
    eviction: Eviction,
    wrap: impl Fn(Plain) -> C + Send + Sync + 'static,
) -> Harness<C> {
    let time = ManualClock::new();
    let client = Inproc::new(capacity).with_clock(time.clock()).with_eviction(eviction);
    let open = move |name: &str| wrap(client.open::<String, String>(name));
    Harness::new(open, move |by| time.advance(by))
}

macro_rules! configurations {
    ($($name:ident: $capacity:expr, $eviction:ident, $wrap:expr;)*) => {$(
        mod $name {
            use super::*;
            cache_core::conformance_tests!(harness($capacity, Eviction::$eviction, $wrap));
        }
    )*};
}

configurations! {
    s3fifo_small: SMALL, S3Fifo, |cache| cache;
    s3fifo_large: LARGE, S3Fifo, |cache| cache;
    lru_small: SMALL, Lru, |cache| cache;
    lru_large: LARGE, Lru, |cache| cache;
    shared_s3fifo: LARGE, S3Fifo, Shared::new;
    shared_lru: SMALL, Lru, Shared::new;
    shared_twice: LARGE, S3Fifo, |cache| Shared::new(Shared::new(cache));
}

#[test]
fn all_behaviours_hold_one_after_the_other_in_one_client() {
    cache_core::conformance::run(&harness(SMALL, Eviction::S3Fifo, |cache| cache));
    cache_core::conformance::run(&harness(LARGE, Eviction::Lru, Shared::new));
}
