//! Tags of functions over regions: X1, X9, X10, X19, two functions of one region, and a server that is
//! away when a tag is invalidated.

use crate::common::{Count, Gate, Stage, limited_wide, until};
use crate::stand::{Kind, Stand};
use larder::{CacheExt, Invalidation, TagSource, Timeout, cached, explain, wait};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

/// What makes old: the tag, or the whole region.
#[derive(Debug, Clone, Copy)]
enum By {
    Tag,
    Region,
}

fn forget(stand: &Stand, by: By) {
    match by {
        By::Tag => stand.forget("tag"),
        By::Region => wait(stand.region.invalidate(Invalidation::Hard)).unwrap(),
    }
}

/// Each of these over each kind of tiers, in a region of its own.
macro_rules! everywhere {
    ($($kind:ident: $of:expr;)*) => {$(
        mod $kind {
            use super::*;

            macro_rules! stand {
                ($name:ident) => {
                    static $name: LazyLock<Arc<Stand>> = LazyLock::new(|| {
                        Stand::new(concat!("tags ", stringify!($kind), " ", line!(), " ", stringify!($name)), $of)
                    });
                };
            }

            #[test]
            fn x1_a_load_that_a_tag_has_made_old_is_never_served() {
                stand!(X1_TAG);
                static STAGE: Stage = Stage::new();
                #[cached(client = &X1_TAG.region, tags = ["tag"])]
                fn run() -> usize {
                    STAGE.run()
                }
                limited_wide(|| made_old(&X1_TAG, By::Tag, &STAGE, run, run::peek));
            }

            #[test]
            fn x1_a_load_that_the_region_has_made_old_is_never_served() {
                stand!(X1_REGION);
                static STAGE: Stage = Stage::new();
                #[cached(client = &X1_REGION.region, tags = ["tag"])]
                fn run() -> usize {
                    STAGE.run()
                }
                limited_wide(|| made_old(&X1_REGION, By::Region, &STAGE, run, run::peek));
            }

            #[test]
            fn x1_a_background_refresh_that_was_made_old_is_never_served() {
                stand!(X1_REFRESH);
                static STAGE: Stage = Stage::new();
                #[cached(client = &X1_REFRESH.region, ttl = 100, async_ttl = 50, tags = ["tag"])]
                fn run() -> usize {
                    STAGE.run()
                }
                limited_wide(|| {
                    STAGE.end_run(1);
                    assert_eq!(run(), 1);
                    X1_REFRESH.time.advance(Duration::from_secs(60));
                    assert_eq!(run(), 1);
                    STAGE.await_run(2);
                    X1_REFRESH.forget("tag");
                    STAGE.end_run(2);
                    until("the refresh is over", || !explain(run::entry()).in_flight);
                    assert_eq!(run::peek(), None);
                    STAGE.end_run(3);
                    assert_eq!(run(), 3);
                });
            }

            #[test]
            fn x1_a_load_that_nobody_waits_for_any_more_is_never_served() {
                stand!(X1_TIMEOUT);
                static STAGE: Stage = Stage::new();
                #[cached(client = &X1_TIMEOUT.region, tags = ["tag"])]
                fn run() -> usize {
                    STAGE.run()
                }
                limited_wide(|| {
                    let second = Duration::from_secs(1);
                    let waiting = thread::spawn(move || run::entry().get_within(second));
                    STAGE.await_run(1);
                    until("the second is over", || {
                        X1_TIMEOUT.time.advance(second);
                        waiting.is_finished()
                    });
                    assert_eq!(waiting.join().unwrap(), Err(Timeout));
                    X1_TIMEOUT.forget("tag");
                    STAGE.end_run(1);
                    until("the load is over", || !explain(run::entry()).in_flight);
                    assert_eq!(run::peek(), None);
                    STAGE.end_run(2);
                    assert_eq!(run(), 2);
                });
            }

            #[test]
            fn x9_a_value_whose_tag_s_record_was_evicted_does_not_count() {
                stand!(X9);
                static RUNS: Count = Count::new();
                #[cached(client = &X9.region, tags = ["tag"])]
                fn run() -> usize {
                    RUNS.next()
                }
                limited_wide(|| {
                    assert_eq!((run(), run()), (1, 1));
                    X9.lose_records_of("tag");
                    // In one process nobody but this one knows versions: it need not look at records.
                    let again = run();
                    assert!(again == 2 || stringify!($kind) == "memory", "{again}");
                    assert_eq!(run(), again);
                    X9.forget("tag");
                    assert_eq!(run(), again + 1);
                });
            }

            #[test]
            fn x10_a_value_that_lives_longer_than_its_tag_s_record_does_not_outlive_an_invalidation() {
                stand!(X10);
                static RUNS: Count = Count::new();
                #[cached(client = &X10.region, tags = ["tag"])]
                fn run() -> usize {
                    RUNS.next()
                }
                limited_wide(|| {
                    assert_eq!(run(), 1);
                    X10.forget("tag");
                    X10.lose_records_of("tag");
                    assert_eq!(run::peek(), None);
                    assert_eq!((run(), run()), (2, 2));
                });
            }

            #[test]
            fn x19_no_fill_survives_an_invalidation_that_came_after_it_began() {
                stand!(X19);
                static NOW: AtomicU64 = AtomicU64::new(0);
                #[cached(client = &X19.region, tags = ["tag"])]
                fn run(key: u64) -> u64 {
                    let _ = key;
                    NOW.load(Ordering::SeqCst)
                }
                limited_wide(|| against_fillers(&X19, &NOW, run));
            }

            #[test]
            fn two_functions_of_a_region_share_a_tag_and_keep_what_does_not_have_it() {
                stand!(TWO);
                static RUNS: Count = Count::new();
                #[cached(client = &TWO.region, tags = ["team:{id}"])]
                fn one(id: u64) -> usize {
                    let _ = id;
                    RUNS.next()
                }
                #[cached(client = &TWO.region, tags = ["team:{id}", "all"])]
                async fn other(id: u64) -> usize {
                    let _ = id;
                    RUNS.next()
                }
                limited_wide(|| {
                    assert_eq!((one(1), wait(other(1)), one(2), wait(other(2))), (1, 2, 3, 4));
                    TWO.forget("team:1");
                    assert_eq!((one(1), wait(other(1)), one(2), wait(other(2))), (5, 6, 3, 4));
                    TWO.forget("all");
                    assert_eq!((one(1), wait(other(1)), one(2), wait(other(2))), (5, 7, 3, 8));
                });
            }
        }
    )*};
}

everywhere! {
    memory: Kind::Memory;
    tiers: Kind::Tiers;
    files: Kind::Files;
    memcached: Kind::Memcached;
    redis: Kind::Redis;
}

fn made_old(
    stand: &Stand,
    by: By,
    stage: &'static Stage,
    run: fn() -> usize,
    peek: fn() -> Option<usize>,
) {
    let leader = thread::spawn(run);
    stage.await_run(1);
    forget(stand, by);
    stage.end_run(1);
    assert_eq!(leader.join().unwrap(), 1, "{by:?}");
    assert_eq!(peek(), None, "{by:?}");
    stage.end_run(2);
    assert_eq!((run(), run()), (2, 2), "{by:?}");
}

fn against_fillers(stand: &Stand, now: &'static AtomicU64, run: fn(u64) -> u64) {
    let (done, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let fillers: Vec<_> = (0..3)
        .map(|_| {
            let (done, over) = (done.clone(), over.clone());
            thread::spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    for key in 0..4 {
                        let done = done.load(Ordering::SeqCst);
                        let got = run(key);
                        assert!(got >= done, "got {got} after {done} was invalidated");
                    }
                }
            })
        })
        .collect();
    for turn in 1..=40 {
        now.store(turn, Ordering::SeqCst);
        forget(stand, if turn % 2 == 0 { By::Tag } else { By::Region });
        done.store(turn, Ordering::SeqCst);
    }
    over.store(true, Ordering::SeqCst);
    fillers.into_iter().for_each(|filler| filler.join().unwrap());
}

macro_rules! away {
    ($($name:ident: $kind:expr;)*) => {$(
        #[test]
        fn $name() {
            static STAND: LazyLock<Arc<Stand>> =
                LazyLock::new(|| Stand::new(concat!("away ", stringify!($name)), $kind));
            static RUNS: Count = Count::new();
            #[cached(client = &STAND.region, tags = ["away"])]
            fn run() -> usize {
                RUNS.next()
            }
            limited_wide(|| {
                assert_eq!((run(), run()), (1, 1));
                STAND.away();
                let source = TagSource::of(&STAND.region);
                let told = wait(source.invalidate(&["away".to_owned()], Invalidation::Hard));
                let error = told.expect_err("nobody has heard of it");
                assert!(error.is_unreachable() && error.to_string().contains("`away`"), "{error}");
                assert!(run() > 1, "computed, and not taken from before");
                STAND.back();
                until("values are stored again", || {
                    assert!(run() > 1, "delivered before anything is trusted");
                    run::peek().is_some()
                });
                assert_eq!(run(), run());
            });
        }
    )*};
}

away! {
    a_tag_invalidated_while_memcached_is_away_is_delivered_on_its_return: Kind::Memcached;
    a_tag_invalidated_while_memcached_is_away_behind_memory_is_delivered_on_its_return: Kind::Tiers;
    a_tag_invalidated_while_redis_is_away_is_delivered_on_its_return: Kind::Redis;
}

#[test]
fn x1_a_batch_that_has_used_what_a_tag_made_old_is_never_served() {
    static STAND: LazyLock<Arc<Stand>> = LazyLock::new(|| Stand::new("tags batch", Kind::Tiers));
    static GATE: Gate = Gate::new();
    #[cached(client = &STAND.region, tags = ["tag"])]
    fn rate() -> u64 {
        2
    }
    limited_wide(|| {
        let cache = larder::Client::<u64, u64>::open(
            &STAND.region,
            &larder::Namespace::new("products").with(TagSource::of(&STAND.region)),
        );
        let products = cache.clone();
        let batch = thread::spawn(move || {
            wait(products.get_or_compute_many(&[1, 2], |keys: Vec<u64>| async move {
                let rate = rate();
                GATE.pass_async().await;
                keys.iter().map(|key| rate * key).collect()
            }))
        });
        GATE.await_arrivals(1);
        STAND.forget("tag");
        GATE.open();
        assert_eq!(batch.join().unwrap(), [2, 4]);
        assert_eq!(wait(cache.get_many(&[1, 2])).unwrap(), [None, None]);
    });
}
