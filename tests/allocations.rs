//! A hit allocates nothing, whatever the arguments are.

#![expect(unsafe_code, reason = "an allocator that counts is an unsafe trait")]

use larder::cached;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;

thread_local! { static ALLOCATIONS: Cell<usize> = const { Cell::new(0) }; }

/// The system's allocator, with a count for each thread.
struct Counting;

// SAFETY: everything is left to the system's allocator; the count is a plain thread-local number,
// which neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `alloc`, which is the system's.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Makes the value known, then counts what ten hits allocate.
fn of_hits<T>(mut call: impl FnMut() -> T) -> usize {
    (0..3).for_each(|_| drop(black_box(call())));
    let before = ALLOCATIONS.get();
    (0..10).for_each(|_| drop(black_box(call())));
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(of_hits(|| Box::new(1)), 10);
}

#[test]
fn plain_and_borrowed_arguments() {
    #[cached]
    fn number(x: u64) -> u64 {
        x
    }
    #[cached]
    fn text(x: &str) -> usize {
        x.len()
    }
    #[cached]
    fn slice(x: &[u32]) -> usize {
        x.len()
    }
    #[cached]
    fn owned(x: &u128) -> u32 {
        x.count_ones()
    }
    #[cached]
    fn nothing() -> u8 {
        7
    }
    let (long, wide) = ([7; 100], 7_u128);
    assert_eq!(of_hits(|| number(1)), 0);
    assert_eq!(of_hits(|| text("a text that is not short")), 0);
    assert_eq!(of_hits(|| slice(&long)), 0);
    assert_eq!(of_hits(|| owned(&wide)), 0);
    assert_eq!(of_hits(nothing), 0);
}

#[test]
fn several_and_optional_arguments() {
    #[cached]
    fn several(user: u64, name: &str, tags: &[u8], flag: bool) -> usize {
        user as usize + name.len() + tags.len() + usize::from(flag)
    }
    #[cached]
    fn optional(name: Option<&str>) -> usize {
        name.map_or(0, str::len)
    }
    #[cached]
    fn tuple(pair: (u32, u32)) -> u32 {
        pair.0 + pair.1
    }
    assert_eq!(of_hits(|| several(1, "a text that is not short", &[1, 2, 3], true)), 0);
    assert_eq!(of_hits(|| optional(Some("a text that is not short"))), 0);
    assert_eq!(of_hits(|| optional(None)), 0);
    assert_eq!(of_hits(|| tuple((1, 2))), 0);
}

#[test]
fn arguments_by_value_cost_what_the_caller_pays() {
    #[cached]
    fn text(x: String) -> usize {
        x.into_bytes().len()
    }
    assert_eq!(of_hits(|| text("a text that is not short".to_owned())), 10, "the caller's own");
}

#[test]
fn keys_that_are_chosen_and_arguments_that_are_skipped() {
    struct Database;
    #[cached(skip(database))]
    fn skipped(database: &Database, x: u64) -> u64 {
        let _ = database;
        x
    }
    #[cached(skip(database = clone))]
    fn kept(database: Arc<Database>, x: u64) -> u64 {
        drop(database);
        x
    }
    #[cached(key = x / 2, skip(x = clone))]
    fn halved(x: u64) -> u64 {
        x
    }
    let database = Arc::new(Database);
    assert_eq!(of_hits(|| skipped(&database, 1)), 0);
    assert_eq!(of_hits(|| kept(database.clone(), 1)), 0);
    assert_eq!(of_hits(|| halved(5)), 0);
}

struct Shop {
    tenant: u64,
}

impl Shop {
    #[cached(key = (self.tenant, sku))]
    fn price(&self, sku: &str) -> u64 {
        self.tenant + sku.len() as u64
    }
}

#[test]
fn methods_and_generic_functions() {
    #[cached]
    fn generic<T: Clone + Eq + std::hash::Hash + Send + Sync + 'static>(x: T) -> bool {
        drop(x);
        true
    }
    let shop = Shop { tenant: 7 };
    assert_eq!(of_hits(|| shop.price("a text that is not short")), 0);
    assert_eq!(of_hits(|| generic(7_u8)), 0);
    assert_eq!(of_hits(|| generic('x')), 0);
}

#[test]
fn results_and_shared_values() {
    #[cached]
    fn result(x: u64) -> Result<u64, String> {
        Ok(x)
    }
    #[cached]
    fn option(x: u64) -> Option<u64> {
        Some(x)
    }
    #[cached]
    fn shared(x: u64) -> Arc<str> {
        x.to_string().into()
    }
    assert_eq!(of_hits(|| result(1)), 0);
    assert_eq!(of_hits(|| option(1)), 0);
    assert_eq!(of_hits(|| shared(1)), 0);
}

#[test]
fn async_functions() {
    #[cached]
    async fn number(x: u64) -> u64 {
        x
    }
    #[cached(ttl = "1h", async_ttl)]
    async fn text(x: &str) -> usize {
        x.len()
    }
    #[cached(skip(database))]
    async fn skipped(database: &str, x: u64) -> u64 {
        let _ = database;
        x
    }
    assert_eq!(of_hits(|| larder::wait(number(1))), 0);
    assert_eq!(of_hits(|| larder::wait(text("a text that is not short"))), 0);
    assert_eq!(of_hits(|| larder::wait(skipped("a text that is not short", 1))), 0);
    assert_eq!(of_hits(|| larder::wait(number::peek(1))), 0);
}

#[test]
fn companions() {
    #[cached(ttl = "1h", async_ttl)]
    fn text(x: &str) -> usize {
        x.len()
    }
    let x = "a text that is not short";
    text(x);
    assert_eq!(of_hits(|| text::peek(x)), 0);
    assert_eq!(of_hits(|| text::lazy(x)), 0);
    assert_eq!(of_hits(|| text::get_ttl(x)), 0);
    assert_eq!(of_hits(|| text::async_(x)), 0);
    assert_eq!(of_hits(|| text::future(x).wait()), 0);
    assert_eq!(of_hits(|| text::entry(x).get_within(std::time::Duration::ZERO)), 0);
    assert_eq!(of_hits(text::stats), 0);
}

#[test]
fn hits_with_tags() {
    #[cached(tags = ["one"])]
    fn one(x: u64) -> u64 {
        x
    }
    #[cached(tags = ["user:{x}", "team", "third", "fourth"], ttl = "1h", async_ttl)]
    fn four(x: &str) -> usize {
        x.len()
    }
    #[cached(tags = ["user:{x}"])]
    async fn later(x: u64) -> u64 {
        x
    }
    #[cached]
    fn inherits(x: u64) -> u64 {
        one(x)
    }
    assert_eq!(of_hits(|| one(1)), 0);
    assert_eq!(of_hits(|| four("a text that is not short")), 0);
    assert_eq!(of_hits(|| larder::wait(later(1))), 0);
    assert_eq!(of_hits(|| inherits(1)), 0);
}
