//! `larder::explain`: why a call would hit or miss now, as a value and in words.

#[path = "../common/mod.rs"]
mod common;
#[cfg(all(feature = "memcached", feature = "redis", feature = "files"))]
mod far;
#[path = "../../cache-clients/tests/common/remote.rs"]
mod remote;
mod tiers;

use common::{Gate, limited_wide, on_one_thread};
use larder::{Explanation, Pause, Reason, TierState, Verdict, cached, explain};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The words without the name of the function, which is a path of this test.
fn words(told: &Explanation) -> String {
    let said = told.to_string();
    said.strip_prefix(&format!("{} ", told.function)).expect("the function comes first").to_owned()
}

#[test]
fn a_value_is_followed_through_its_life() {
    clocked!(TIME, HERE);
    #[cached(client = HERE, ttl = "60s", async_ttl = "30s")]
    fn price(id: u64) -> u64 {
        id
    }
    let told = || explain(price::entry(7));
    assert_eq!(told().verdict, Verdict::Miss(Reason::Never));
    assert_eq!(words(&told()), "would miss: in process: has never heard of it, or forgot");
    price(7);
    assert_eq!(told().verdict, Verdict::Hit);
    TIME.advance(10 * SECOND);
    assert_eq!(words(&told()), "would hit: in process: fresh, 50 s left, refresh due in 20 s");
    TIME.advance(25 * SECOND);
    assert_eq!(told().verdict, Verdict::StaleHit);
    assert_eq!(
        words(&told()),
        "would hit, and is due for a refresh: in process: refresh due, 25 s left"
    );
    TIME.advance(37 * SECOND);
    assert_eq!(told().verdict, Verdict::Miss(Reason::Expired));
    assert_eq!(words(&told()), "would miss: in process: expired 12 s ago");
    price::put(7, 1);
    price::invalidate(7);
    assert_eq!(words(&told()), "would miss: in process: removed by a call");
    assert!(told().function.ends_with("price") && !told().to_string().contains('7'));
}

#[test]
fn a_value_that_was_made_to_expire_is_served_only_where_a_refresh_will_come() {
    clocked!(TIME, HERE);
    #[cached(client = HERE, ttl = "60s", async_ttl = "30s")]
    fn renewed(id: u64) -> u64 {
        id
    }
    #[cached(client = HERE, ttl = "60s")]
    fn ended(id: u64) -> u64 {
        id
    }
    renewed(1);
    ended(1);
    renewed::expire(1);
    ended::expire(1);
    TIME.advance(3 * SECOND);
    assert_eq!(explain(renewed::entry(1)).verdict, Verdict::StaleHit);
    let told = explain(ended::entry(1));
    assert_eq!(told.verdict, Verdict::Miss(Reason::Expired));
    assert_eq!(words(&told), "would miss: in process: made to expire by a call 3 s ago");
}

#[test]
fn what_was_pushed_out_or_dropped_is_remembered() {
    #[cached(capacity = 1)]
    fn small(x: u16) -> u16 {
        x
    }
    for x in [1, 2, 1, 2] {
        small(x);
    }
    let told = explain(small::entry(1));
    assert_eq!(told.verdict, Verdict::Miss(Reason::Evicted));
    assert_eq!(words(&told), "would miss: in process: evicted, others needed its room");
}

#[test]
fn a_result_that_the_fence_turned_away_is_a_reason() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn slow(x: u64) -> u64 {
        GATE.pass();
        x
    }
    limited_wide(|| {
        let computing = thread::spawn(|| slow(1));
        GATE.await_arrivals(1);
        let told = explain(slow::entry(1));
        assert!(told.in_flight && told.verdict == Verdict::Miss(Reason::Never), "{told}");
        assert_eq!(
            words(&told),
            "would miss, and wait for who computes it now: in process: has never heard of it, or \
             forgot"
        );
        slow::invalidate(1);
        assert!(!explain(slow::entry(1)).in_flight, "nobody can join what is outdated");
        GATE.open();
        computing.join().unwrap();
        let told = explain(slow::entry(1));
        assert_eq!(told.verdict, Verdict::Miss(Reason::Fenced));
        let before = slow::stats();
        assert_eq!((before.fenced, before.misses.fenced), (1, 0));
        slow(1);
        assert_eq!(slow::stats().misses.fenced, 1, "the statistics give the same reason");
        assert_eq!(explain(slow::entry(1)).verdict, Verdict::Hit);
    });
}

#[test]
fn failures_pauses_and_grace_are_told() {
    clocked!(TIME, HERE);
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cached(client = HERE, ttl = "60s", grace = "1h")]
    fn shaky(x: u64) -> Result<u64, String> {
        if FAILS.load(Ordering::Relaxed) { Err("away".to_owned()) } else { Ok(x) }
    }
    shaky(1).unwrap();
    TIME.advance(72 * SECOND);
    let told = explain(shaky::entry(1));
    assert_eq!(told.verdict, Verdict::Miss(Reason::Expired));
    assert!(told.pause.is_none() && told.grace.is_some(), "{told:?}");
    assert_eq!(
        words(&told),
        "would miss: in process: expired 12 s ago; if it fails, the expired value will do for \
         59 min 48 s"
    );
    FAILS.store(true, Ordering::Relaxed);
    assert_eq!(shaky(1), Ok(1));
    let told = explain(shaky::entry(1));
    assert_eq!(told.verdict, Verdict::GraceHit);
    assert!(matches!(told.pause, Some(Pause { failures: 1, .. })), "{told:?}");
    assert!(words(&told).starts_with("would get an expired value: in process: expired 12 s ago"));
    let computed = shaky::stats().computations;
    assert_eq!(shaky(1), Ok(1));
    assert_eq!(shaky::stats().computations, computed, "as it was told, nobody tried");
}

#[test]
fn an_async_function_is_explained_by_a_future_in_any_thread() {
    clocked!(TIME, HERE);
    #[cached(client = HERE, ttl = "60s")]
    async fn price(id: u64) -> u64 {
        id
    }
    on_one_thread(async {
        assert_eq!(explain(price::entry(7)).await.verdict, Verdict::Miss(Reason::Never));
        price(7).await;
        assert_eq!(explain(price::entry(7)).await.verdict, Verdict::Hit);
        TIME.advance(61 * SECOND);
    });
    let told = larder::wait(explain(price::entry(7)));
    assert_eq!(words(&told), "would miss: in process: expired 1 s ago");
}

#[test]
fn methods_are_explained_by_their_handles() {
    struct Shop {
        tenant: u64,
    }
    impl Shop {
        #[cached(key = (self.tenant, sku))]
        fn price(&self, sku: &str) -> usize {
            sku.len()
        }
        #[cached(key = (self.tenant, sku))]
        async fn stock(&self, sku: u32) -> u32 {
            sku
        }
    }
    let (one, other) = (Shop { tenant: 1 }, Shop { tenant: 2 });
    one.price("tea");
    assert!(explain(one.price_entry("tea")).would_hit());
    assert!(!explain(other.price_entry("tea")).would_hit());
    larder::wait(one.stock(7));
    assert!(larder::wait(explain(one.stock_entry(7))).would_hit());
    assert!(!larder::wait(explain(other.stock_entry(7))).would_hit());
}

#[test]
fn an_explanation_counts_nothing_and_is_no_use_of_the_value() {
    #[cached(capacity = 100)]
    fn run(x: u64) -> u64 {
        x
    }
    run(1);
    let before = run::stats();
    for x in 0..10 {
        explain(run::entry(x));
    }
    assert_eq!(run::stats(), before);
    let TierState::Fresh { left, refresh_in, age } = explain(run::entry(1)).tiers[0].state else {
        panic!("it is there")
    };
    assert_eq!((left, refresh_in, age), (None, None, None));
}
