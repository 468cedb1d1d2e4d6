//! What a value was made from: tags and the remaining TTL go upward through calls of every kind,
//! unless they are cut.

mod common;

use common::{Count, Gate, limited_wide, on_one_thread, until};
use larder::{MAX_TAGS, cached, invalidate_tag, isolate, isolate_async, wait};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn forget(tag: &str) {
    wait(invalidate_tag(tag)).unwrap();
}

/// An outer function of each kind, over an inner one that is a hit or a miss.
mod chain {
    use super::{Count, cached, wait};

    static INNER: Count = Count::new();
    #[cached(tags = ["upward:{n}"])]
    pub(super) fn inner(n: u8) -> usize {
        let _ = n;
        INNER.next()
    }
    #[cached(tags = ["upward:{n}"])]
    pub(super) async fn inner_async(n: u8) -> usize {
        let _ = n;
        tokio::task::yield_now().await;
        INNER.next()
    }
    #[cached]
    pub(super) fn plain(n: u8) -> usize {
        inner(n)
    }
    #[cached]
    pub(super) fn ahead(n: u8) -> usize {
        inner::entry(n).async_()
    }
    #[cached]
    pub(super) fn waits(n: u8) -> usize {
        wait(inner_async(n))
    }
    #[cached]
    pub(super) fn refreshes(n: u8) -> usize {
        inner::future_refresh(n).wait()
    }
    #[cached]
    pub(super) fn peeks(n: u8) -> usize {
        inner::peek(n).unwrap_or_else(|| inner(n))
    }
    #[cached]
    pub(super) async fn awaits(n: u8) -> usize {
        tokio::task::yield_now().await;
        inner_async(n).await
    }
    #[cached]
    pub(super) async fn calls(n: u8) -> usize {
        let first = inner(n);
        tokio::task::yield_now().await;
        first
    }
    #[cached]
    pub(super) async fn refreshes_async(n: u8) -> usize {
        inner_async::future_refresh(n).await
    }
    #[cached(skip(extra))]
    pub(super) async fn in_line(n: u8, extra: &u8) -> usize {
        tokio::task::yield_now().await;
        inner_async(n).await + usize::from(*extra)
    }
    #[cached]
    pub(super) fn twice_removed(n: u8) -> usize {
        plain(n)
    }
}

#[test]
fn tags_go_upward_through_calls_of_every_kind() {
    use chain::*;
    let outer: [fn(u8) -> usize; 10] = [
        plain,
        ahead,
        waits,
        refreshes,
        peeks,
        |n| on_one_thread(awaits(n)),
        |n| on_one_thread(calls(n)),
        |n| on_one_thread(refreshes_async(n)),
        |n| on_one_thread(in_line(n, &0)),
        twice_removed,
    ];
    limited_wide(move || {
        for (n, outer) in (0..).zip(outer) {
            // With the inner value missing, then there.
            for warm in [false, true] {
                forget(&format!("upward:{n}"));
                if warm {
                    inner(n);
                    on_one_thread(inner_async(n));
                }
                let first = outer(n);
                assert_eq!(outer(n), first, "function {n}, {warm}: it is stored");
                forget("upward:99");
                assert_eq!(outer(n), first, "function {n}, {warm}: that was another tag");
                forget(&format!("upward:{n}"));
                assert!(outer(n) > first, "function {n}, {warm}: the tag has gone upward");
            }
        }
    });
}

#[test]
fn tags_go_upward_in_a_future_that_changes_threads() {
    static INNER: Count = Count::new();
    #[cached(tags = ["threads:{n}"])]
    async fn inner(n: u8) -> usize {
        tokio::task::yield_now().await;
        usize::from(n) + INNER.next()
    }
    #[cached]
    async fn outer() -> usize {
        let mut sum = 0;
        for n in 0..8 {
            sum += inner(n).await;
            // Often enough that other threads take it over.
            for _ in 0..32 {
                tokio::task::yield_now().await;
            }
        }
        sum
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        for n in 0..8 {
            let mut all = tokio::task::JoinSet::new();
            (0..8).for_each(|_| drop(all.spawn(outer())));
            let values = all.join_all().await;
            let runs = INNER.get();
            invalidate_tag(format!("threads:{n}")).await.unwrap();
            assert_ne!(outer().await, values[0], "tag {n}");
            assert_eq!(INNER.get(), runs + 1, "only what has the tag is computed anew");
        }
    });
}

#[test]
fn a_follower_inherits_what_the_flight_was_made_from() {
    static GATE: Gate = Gate::new();
    static RUNS: Count = Count::new();
    #[cached(tags = ["follower"])]
    fn shared() -> usize {
        GATE.pass();
        RUNS.next()
    }
    #[cached]
    fn one() -> usize {
        shared()
    }
    #[cached]
    async fn other() -> usize {
        shared::future().await
    }
    limited_wide(|| {
        let leader = thread::spawn(one);
        GATE.await_arrivals(1);
        let follower = thread::spawn(|| on_one_thread(other()));
        until("one follows", || shared::stats().waiters == 1);
        GATE.open();
        assert_eq!((leader.join().unwrap(), follower.join().unwrap()), (1, 1));
        assert_eq!((one(), wait(other())), (1, 1));
        forget("follower");
        assert_eq!((one(), wait(other())), (2, 2));
    });
}

#[test]
fn the_remaining_ttl_goes_upward() {
    clocked!(TIME, HERE);
    static INNER: Count = Count::new();
    static OUTER: Count = Count::new();
    #[cached(client = HERE, ttl = 10)]
    fn inner() -> usize {
        INNER.next()
    }
    #[cached(client = HERE, ttl = 1000)]
    fn outer() -> usize {
        inner();
        OUTER.next()
    }
    #[cached(client = HERE)]
    async fn for_ever() -> usize {
        inner() + OUTER.next() - OUTER.get()
    }
    limited_wide(|| {
        assert_eq!((inner(), on_one_thread(for_ever())), (1, 1));
        TIME.advance(6 * SECOND);
        let runs = OUTER.get();
        assert_eq!(outer(), runs + 1);
        let (_, left) = outer::get_ttl().unwrap();
        assert!(left <= 4 * SECOND && left > 3 * SECOND, "{left:?}");
        TIME.advance(4 * SECOND);
        assert_eq!((outer::peek(), wait(for_ever::peek())), (None, None));
        assert_eq!(outer(), runs + 2);
        assert!(outer::get_ttl().unwrap().1 > 9 * SECOND);
    });
}

#[test]
fn what_is_isolated_neither_dies_nor_is_invalidated_with_what_it_was_made_from() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = 10, tags = ["isolated"])]
    fn inner() -> usize {
        RUNS.next()
    }
    #[cached(client = HERE, ttl = 1000, isolate)]
    fn cut() -> usize {
        inner()
    }
    #[cached(client = HERE, ttl = 1000)]
    fn around() -> usize {
        isolate(inner)
    }
    #[cached(client = HERE, ttl = 1000)]
    async fn around_async() -> usize {
        isolate_async(async {
            tokio::task::yield_now().await;
            inner()
        })
        .await
    }
    #[cached(client = HERE, ttl = 1000)]
    fn partly() -> usize {
        isolate(inner) + inner()
    }
    #[cached(client = HERE, ttl = 1000)]
    fn over_the_cut() -> usize {
        cut()
    }
    let all = || (cut(), around(), on_one_thread(around_async()), over_the_cut());
    assert_eq!(all(), (1, 1, 1, 1));
    assert_eq!(partly(), 2);
    forget("isolated");
    TIME.advance(50 * SECOND);
    assert_eq!(all(), (1, 1, 1, 1));
    assert_eq!(partly(), 4, "the call that is not isolated counts");
}

#[test]
fn what_depends_on_more_tags_than_an_entry_can_have_is_not_stored() {
    #[cached(tags = ["many:{n}"])]
    fn inner(n: usize) -> usize {
        n
    }
    #[cached]
    fn outer(tags: usize) -> usize {
        (0..tags).map(inner).sum()
    }
    assert_eq!((outer(MAX_TAGS), outer(MAX_TAGS)), (120, 120));
    assert_eq!((outer::stats().hits, outer::stats().unstored), (1, 0));
    assert_eq!((outer(MAX_TAGS + 1), outer(MAX_TAGS + 1)), (136, 136));
    assert_eq!((outer::stats().hits, outer::stats().unstored), (1, 2));
}

#[test]
fn what_a_near_cache_computes_inherits_too() {
    clocked!(TIME, HERE);
    static RUNS: Count = Count::new();
    #[cached(client = HERE, ttl = 10, tags = ["near"])]
    fn inner() -> usize {
        RUNS.next()
    }
    #[cached(client = HERE)]
    fn outer() -> usize {
        HERE.open::<u8, usize>("inherits").get(&1).unwrap_or(0)
    }
    let near = HERE.open::<u8, usize>("inherits");
    assert_eq!(near.get_or_compute(&1, inner), 1);
    assert_eq!(outer(), 1);
    forget("near");
    assert_eq!((near.get(&1), outer()), (None, 0));
    assert_eq!(near.get_or_compute(&1, inner), 2);
    TIME.advance(10 * SECOND);
    assert_eq!(near.get(&1), None);
}

/// Twelve functions of which each calls some of those after it.
mod graph {
    use super::{Count, cached};

    pub(super) const NODES: usize = 12;
    pub(super) static RUNS: [Count; NODES] = [const { Count::new() }; NODES];

    pub(super) fn calls(graph: u64, node: usize, other: usize) -> bool {
        let mixed = graph.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (node * NODES + other) as u64;
        node < other && mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 62 == 0
    }

    #[cached(tags = ["graph:{graph}:{node}"])]
    pub(super) fn value(graph: u64, node: usize) -> u64 {
        RUNS[node].add();
        (0..NODES).filter(|other| calls(graph, node, *other)).map(|n| value(graph, n)).sum::<u64>()
            + 1
    }

    /// Those that call `node`, however far away, and itself.
    pub(super) fn above(graph: u64, node: usize) -> Vec<bool> {
        let mut above = vec![false; NODES];
        above[node] = true;
        for one in (0..NODES).rev() {
            above[one] |= (0..NODES).any(|other| above[other] && calls(graph, one, other));
        }
        above
    }
}

#[test]
fn an_invalidation_reaches_exactly_what_was_made_from_the_value() {
    use graph::{NODES, RUNS, above, value};
    let all = |graph| {
        for node in 0..NODES {
            value(graph, node);
        }
    };
    for graph in 0..30 {
        all(graph);
        for node in 0..NODES {
            let before: Vec<_> = RUNS.iter().map(Count::get).collect();
            forget(&format!("graph:{graph}:{node}"));
            all(graph);
            let ran: Vec<_> =
                RUNS.iter().zip(before).map(|(runs, before)| runs.get() - before).collect();
            let expected: Vec<_> = above(graph, node).into_iter().map(usize::from).collect();
            assert_eq!(ran, expected, "graph {graph}, node {node}");
        }
    }
}
