//! Many values, one computation: what is missing of a batch is fetched together, and a cached
//! function of the same namespace finds it.

use larder::{Inproc, cached};
use std::sync::atomic::{AtomicUsize, Ordering};

static CACHES: Inproc = Inproc::new(10_000);
static QUERIES: AtomicUsize = AtomicUsize::new(0);

/// Imagine `select .. where id in (..)`: one trip, however many rows.
fn query(ids: &[u64]) -> Vec<String> {
    QUERIES.fetch_add(1, Ordering::Relaxed);
    println!("query for {ids:?}");
    ids.iter().map(|id| format!("user {id}")).collect()
}

/// One at a time.
#[cached(client = CACHES, namespace = "users")]
fn user(id: u64) -> String {
    query(&[id]).remove(0)
}

/// Many at a time, in their order; each missing one is asked for once.
fn users(ids: &[u64]) -> Vec<String> {
    // The same name and types: the same cache.
    CACHES.open::<u64, String>("users").get_or_compute_many(ids, query)
}

fn main() {
    println!("{}", user(3));
    println!("{}", users(&[1, 2, 3, 2, 4]).join(", "));
    println!("{}", users(&[4, 3, 2, 1]).join(", "));
    user::invalidate(2);
    println!("{}", users(&[1, 2, 5]).join(", "));
    println!("{}", user(5));
    assert_eq!(QUERIES.load(Ordering::Relaxed), 3);

    // Two threads with overlapping batches: each key is computed by one of them.
    std::thread::scope(|scope| {
        scope.spawn(|| users(&[10, 11, 12]));
        scope.spawn(|| users(&[12, 11, 13]));
    });
    println!("{} values in the cache", CACHES.used());
}
