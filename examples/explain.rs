//! Why did that miss? A price over two tiers, followed through its life, each time told in words.

use larder::{Encoded, EncodedOptions, Files, Inproc, ManualClock, Tiered, Verdict};
use larder::{cached, explain};
use std::sync::LazyLock;
use std::time::Duration;

/// The example sets the time by hand, where a program has the system's.
static TIME: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("there is a place for temporary files"));
static TIERS: LazyLock<Tiered<Inproc, Encoded<Files>>> = LazyLock::new(|| {
    let files = Files::open(FOLDER.path()).expect("the folder is ours");
    let options = EncodedOptions::new().with_clock(TIME.clock());
    let far = Encoded::with_options(files, options).expect("the defaults fit together");
    Tiered::new(Inproc::new(1000).with_clock(TIME.clock()), far)
        .with_near_ttl(Duration::from_secs(10))
});

/// Imagine a slow supplier.
#[cached(client = TIERS, namespace = "prices", ttl = "5m", async_ttl = "-4m")]
fn price(sku: &str) -> u64 {
    sku.len() as u64
}

fn tell(when: &str) {
    let told = explain(price::entry("tea"));
    println!("{when}:");
    // The same as a value: what a dashboard or a test would look at.
    let mark = match told.verdict {
        Verdict::Hit => "hit",
        Verdict::StaleHit => "stale",
        Verdict::Miss(reason) => reason.name(),
        _ => "other",
    };
    println!("  [{mark}] {told}");
}

fn after(seconds: u64) {
    TIME.advance(Duration::from_secs(seconds));
}

fn main() {
    tell("before the first call");
    price("tea");
    tell("after it");
    after(20);
    tell("20 s later, near copies live for 10 s");
    price("tea");
    tell("after another call, which brought it near again");
    after(225);
    tell("when a refresh is due");
    after(72);
    tell("past the TTL");
    price("tea");
    price::invalidate("tea");
    tell("after an invalidation");
    assert_eq!(price::stats().misses.expired, 1, "one call missed; explaining counts nothing");
    println!("{}", larder::report());
    std::fs::remove_dir_all(FOLDER.path()).expect("the folder is ours");
}
