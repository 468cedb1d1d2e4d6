//! Decorated functions over regions: sync and async, before and after these are configured, after a
//! reload, with rules of their own and with the region's; D16, D17, D18, D21, D9, X23.
#![cfg(feature = "regions")]

use larder::{
    Invalidation, ManualClock, Region, RegionPlan, Replace, cached, configure_plans, wait,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often a body ran, and what it gave then.
fn run(runs: &AtomicU64) -> u64 {
    runs.fetch_add(1, Ordering::SeqCst) + 1
}

/// Longer than anything takes.
const LIMIT: Duration = Duration::from_secs(20);

/// Waits for something that a background computation will do.
fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < LIMIT, "{what}");
        thread::yield_now();
    }
}

fn plan(region: &Region, time: &ManualClock) -> RegionPlan {
    RegionPlan::new(region.name()).with_clock(time.clock()).with_memory(100)
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map_or("", String::as_str)
}

static EARLY: Region = Region::new("early");

#[cached(client = EARLY)]
fn early(key: u64) -> u64 {
    key * key
}

#[cached(client = EARLY, ttl = "5m")]
async fn early_async(key: u64) -> u64 {
    key * key
}

#[test]
fn d21_a_function_of_an_unconfigured_region_panics_with_its_name_and_works_once_it_is_configured() {
    fn refused(what: &str, act: impl FnOnce()) {
        let panic = catch_unwind(AssertUnwindSafe(act)).unwrap_err();
        assert!(message(&*panic).contains("region `early` is not configured"), "{what}");
    }
    for _ in 0..2 {
        refused("call", || {
            early(7);
        });
        refused("peek", || {
            early::peek(7);
        });
        refused("put", || early::put(7, 1));
        refused("invalidate", || {
            early::invalidate(7);
        });
        refused("expire", || {
            early::expire(7);
        });
        refused("refresh", || {
            early::refresh(7);
        });
        refused("lazy", || {
            early::lazy(7);
        });
        refused("clear", early::clear);
        refused("async call", || {
            wait(early_async(7));
        });
        refused("async peek", || {
            wait(early_async::peek(7));
        });
    }
    configure_plans(vec![RegionPlan::new("early").with_memory(100)], Replace::Refuse).unwrap();
    assert_eq!((early(7), early::peek(7)), (49, Some(49)));
    assert_eq!((wait(early_async(7)), wait(early_async::peek(7))), (49, Some(49)));
    assert_eq!(early::stats().hits, 1, "read from the table in front");
}

static WORKS: Region = Region::new("works");
static WORKS_RUNS: AtomicU64 = AtomicU64::new(0);

#[cached(client = WORKS)]
fn works(key: &str) -> u64 {
    run(&WORKS_RUNS) + key.len() as u64
}

#[test]
fn d16_a_memoised_function_has_put_peek_invalidate_refresh_and_its_plain_body() {
    let time = ManualClock::new();
    configure_plans(vec![plan(&WORKS, &time)], Replace::Refuse).unwrap();
    assert_eq!((works("a"), works("a")), (2, 2));
    assert_eq!(works::peek("a"), Some(2));
    works::put("a", 100);
    assert_eq!(works("a"), 100);
    assert!(works::invalidate("a"));
    assert_eq!((works::peek("a"), works("a")), (None, 3));
    assert_eq!((works::refresh("a"), works("a")), (4, 4));
    assert_eq!((works::uncached("a"), works("a")), (5, 4));
}

static RULES: LazyLock<(Region, ManualClock)> = LazyLock::new(|| {
    let (region, time) = (Region::new("rules"), ManualClock::new());
    configure_plans(vec![plan(&region, &time).with_expiration(100)], Replace::Refuse).unwrap();
    (region, time)
});
static OF_REGION_RUNS: AtomicU64 = AtomicU64::new(0);
static OWN_RUNS: AtomicU64 = AtomicU64::new(0);

#[cached(client = &RULES.0)]
fn of_region(_key: u64) -> u64 {
    run(&OF_REGION_RUNS)
}

#[cached(client = &RULES.0, ttl = "10s")]
fn own(_key: u64) -> u64 {
    run(&OWN_RUNS)
}

#[test]
fn the_attribute_s_ttl_wins_over_the_region_s_and_a_reload_reaches_functions_that_are_in_use() {
    let time = &RULES.1;
    assert_eq!((of_region(1), own(1)), (1, 1));
    time.advance(Duration::from_secs(11));
    assert_eq!((of_region(1), own(1)), (1, 2));
    time.advance(Duration::from_secs(90));
    assert_eq!((of_region(1), own(1)), (2, 3));
    // From now on values live half a minute.
    let mut shorter = plan(&RULES.0, time).with_expiration(30);
    shorter.print = 7;
    configure_plans(vec![shorter.clone()], Replace::Existing).unwrap();
    assert_eq!((of_region(1), own(1)), (3, 4), "other tiers, other values");
    time.advance(Duration::from_secs(31));
    assert_eq!((of_region(1), own(1)), (4, 5));
    // The same tiers with longer lives: what is there stays.
    let mut longer = plan(&RULES.0, time).with_expiration(300);
    longer.print = 7;
    configure_plans(vec![longer], Replace::Existing).unwrap();
    assert_eq!((of_region(1), own(1)), (4, 5));
    assert_eq!(of_region::refresh(1), 5);
    time.advance(Duration::from_secs(299));
    assert_eq!(of_region(1), 5);
    time.advance(Duration::from_secs(2));
    assert_eq!(of_region(1), 6);
}

static AHEAD: Region = Region::new("ahead");
static AHEAD_RUNS: AtomicU64 = AtomicU64::new(0);
static AHEAD_ASYNC_RUNS: AtomicU64 = AtomicU64::new(0);

#[cached(client = AHEAD)]
fn ahead(_key: u64) -> u64 {
    run(&AHEAD_RUNS)
}

#[cached(client = AHEAD)]
async fn ahead_async(_key: u64) -> u64 {
    run(&AHEAD_ASYNC_RUNS)
}

#[test]
fn an_async_ttl_of_the_region_refreshes_functions_without_one_of_their_own() {
    let time = ManualClock::new();
    let plan = plan(&AHEAD, &time).with_expiration(300).with_async_ttl(-60);
    configure_plans(vec![plan], Replace::Refuse).unwrap();
    assert_eq!((ahead(1), wait(ahead_async(1))), (1, 1));
    time.advance(Duration::from_secs(61));
    assert_eq!((ahead(1), wait(ahead_async(1))), (1, 1), "the old value, at once");
    until("refreshed", || ahead::peek(1) == Some(2) && wait(ahead_async::peek(1)) == Some(2));
    assert_eq!((ahead(1), wait(ahead_async(1))), (2, 2));
}

/// Near and far: a map of bytes stands in for a server.
fn far_plan(region: &Region, time: &ManualClock) -> RegionPlan {
    use larder::encoded::{Encoded, EncodedOptions, Solo};
    let store = larder::MemoryBytes::new(1 << 20, time.clock());
    let server = larder::server::AnyServer::new(Solo::new(store).with_clock(time.clock()));
    let options = EncodedOptions::new().with_clock(time.clock());
    let client = Encoded::with_options(server, options).unwrap();
    RegionPlan::new(region.name()).with_clock(time.clock()).with_encoded(client)
}

static SOFT: Region = Region::new("soft");
static SOFT_FAR: Region = Region::new("soft far");
static SOFT_RUNS: AtomicU64 = AtomicU64::new(0);
static SOFT_FAR_RUNS: AtomicU64 = AtomicU64::new(0);
static SOFT_ASYNC_RUNS: AtomicU64 = AtomicU64::new(0);
static SOFT_SKIPPING_RUNS: AtomicU64 = AtomicU64::new(0);

#[cached(client = SOFT)]
fn soft(_key: u64) -> u64 {
    run(&SOFT_RUNS)
}

#[cached(client = SOFT_FAR)]
fn soft_far(_key: u64) -> u64 {
    run(&SOFT_FAR_RUNS)
}

#[cached(client = SOFT_FAR)]
async fn soft_async(_key: u64) -> u64 {
    run(&SOFT_ASYNC_RUNS)
}

#[cached(client = SOFT_FAR, skip(runs))]
fn soft_skipping(_key: u64, runs: &AtomicU64) -> u64 {
    run(runs)
}

#[test]
fn d9_functions_serve_what_was_soft_invalidated_until_it_is_computed_anew() {
    let time = ManualClock::new();
    let near = plan(&SOFT, &time).with_expiration(300);
    let far = far_plan(&SOFT_FAR, &time).with_expiration(300);
    configure_plans(vec![near, far], Replace::Refuse).unwrap();
    let skipping = || soft_skipping(1, &SOFT_SKIPPING_RUNS);
    assert_eq!((soft(1), soft_far(1), wait(soft_async(1)), skipping()), (1, 1, 1, 1));
    wait(SOFT.invalidate(Invalidation::Soft)).unwrap();
    wait(SOFT_FAR.invalidate(Invalidation::Soft)).unwrap();
    assert_eq!((soft(1), soft_far(1), wait(soft_async(1)), skipping()), (1, 1, 1, 1));
    until("near", || soft::peek(1) == Some(2));
    until("far", || soft_far::peek(1) == Some(2));
    until("async", || wait(soft_async::peek(1)) == Some(2));
    assert_eq!(skipping(), 2, "its caller has computed it");
    assert_eq!((soft(1), soft_far(1), wait(soft_async(1))), (2, 2, 2));
    wait(SOFT.invalidate(Invalidation::Hard)).unwrap();
    wait(SOFT_FAR.invalidate(Invalidation::Hard)).unwrap();
    assert_eq!((soft(1), soft_far(1), wait(soft_async(1)), skipping()), (3, 3, 3, 3));
}

static RELOADED: Region = Region::new("reloaded");

#[cached(client = RELOADED)]
fn reloaded(key: u64) -> u64 {
    key
}

#[test]
fn x23_a_reload_under_load_fails_no_call_and_an_invalid_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("larder.toml");
    let write = |entries: &str| {
        let text = format!(
            "[regions.reloaded]\nexpiration = '5m'\n[[regions.reloaded.tiers]]\nbackend = 'memory'\nentries = {entries}\n"
        );
        std::fs::write(&file, text).unwrap();
    };
    let reader = larder::Configuration::new().with_environment::<&str, &str>([]);
    write("100");
    reader.configure(&file).unwrap();
    thread::scope(|scope| {
        let calls = |seed: u64| {
            move || (0..20_000).for_each(|n| assert_eq!(reloaded(n * seed % 200), n * seed % 200))
        };
        let callers = [scope.spawn(calls(1)), scope.spawn(calls(7))];
        for round in 0..50 {
            write(if round % 2 == 0 { "10" } else { "100" });
            larder::reload().unwrap();
        }
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    });
    write("'many'");
    let mistakes = larder::reload().unwrap_err().to_string();
    assert!(mistakes.contains("entries"), "{mistakes}");
    assert_eq!((reloaded(1), reloaded::peek(1)), (1, Some(1)));
}

static KEYS: Region = Region::new("keys");

mod left {
    #[larder::cached(client = super::KEYS)]
    pub(super) fn joined(a: &str, b: &str) -> String {
        format!("left {a}|{b}")
    }
}

mod right {
    #[larder::cached(client = super::KEYS)]
    pub(super) fn joined(a: &str, b: &str) -> String {
        format!("right {a}|{b}")
    }
}

static PAGES: AtomicU64 = AtomicU64::new(0);

#[cached(client = KEYS, key = (name, limit.unwrap_or(10)))]
fn page(name: &str, limit: Option<u64>) -> u64 {
    assert!(!name.is_empty() && limit != Some(0));
    run(&PAGES)
}

/// In memory and as bytes, where a key is a name.
fn configure_keys() {
    static ONCE: LazyLock<()> = LazyLock::new(|| {
        let bytes = larder::MemoryBytes::new(1 << 20, larder::Clock::system());
        let plan = RegionPlan::new(KEYS.name()).with_memory(100);
        let plan = plan.with_server(larder::encoded::Solo::new(bytes)).unwrap();
        configure_plans(vec![plan], Replace::Refuse).unwrap();
    });
    LazyLock::force(&ONCE);
}

#[test]
fn d17_keys_are_unambiguous_and_functions_of_one_name_are_apart() {
    configure_keys();
    assert_eq!(left::joined("x y", "z"), "left x y|z");
    assert_eq!(left::joined::peek("x", "y z"), None);
    assert_eq!(left::joined("x", "y z"), "left x|y z");
    assert_eq!(right::joined::peek("x y", "z"), None);
    assert_eq!(right::joined("x y", "z"), "right x y|z");
    wait(KEYS.put(&1_u64, "a number".to_owned())).unwrap();
    assert_eq!(wait(KEYS.get::<String, String>(&"1".to_owned())).unwrap(), None);
    wait(KEYS.put(&"1".to_owned(), "a text".to_owned())).unwrap();
    assert_eq!(wait(KEYS.get::<u64, String>(&1)).unwrap().as_deref(), Some("a number"));
}

/// There are no keywords here; what a call leaves to a default is said by `key`.
#[test]
fn d18_calls_that_mean_the_same_share_one_key() {
    configure_keys();
    let name = String::from("news");
    assert_eq!((page("news", None), page(&name, Some(10))), (1, 1));
    assert_eq!(page::entry("news", Some(10)).peek(), Some(1));
    assert_eq!(page("news", Some(20)), 2);
}
