//! larder: every function is decorated, has a TTL that is checked, counts its statistics and flies single.

use super::{Callers, Filled, Flight, Herd, Memory, Policy, Size, TTL};
use crate::count::{compute, compute_str};
use crate::drive::{drive, sum_async};
use crate::harness::{Entrant, sum};
use crate::script::{Answer, body, body_async};
use crate::zipf::mix as key_of;
use larder::{CachedFn, Inproc, Region, RegionPlan, Replace};
use std::sync::LazyLock;

const NAME: &str = "larder";

/// Configured when it is first used.
static REGION: LazyLock<Region> = LazyLock::new(|| {
    let plan = RegionPlan::new("bench").with_memory(12_500).with_expiration(3600);
    larder::configure_plans(vec![plan], Replace::Refuse).expect("nobody else configures it");
    Region::new("bench")
});

mod functions {
    //! One function per race, since each has a cache of its own.
    use super::*;
    use ::larder::cached;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[cached(capacity = 12_500, ttl = "1h")]
    pub fn small(key: u64) -> u64 {
        compute(key)
    }

    /// The same over a region with a memory tier.
    #[cached(client = REGION)]
    pub fn in_region(key: u64) -> u64 {
        compute(key)
    }

    /// The same without a region: what other races have called often has its visits counted already.
    #[cached(capacity = 12_500, ttl = "1h")]
    pub fn in_no_region(key: u64) -> u64 {
        compute(key)
    }

    #[cached(capacity = 1_250_000, ttl = "1h")]
    pub fn large(key: u64) -> u64 {
        compute(key)
    }

    #[cached(capacity = 12_500, ttl = "1h")]
    pub fn text(key: &str) -> u64 {
        compute_str(key)
    }

    #[cached(capacity = 12_500, ttl = "1h")]
    pub async fn small_async(key: u64) -> u64 {
        compute(key)
    }

    #[cached(capacity = 100_000, ttl = "1h")]
    pub fn evict(key: u64) -> u64 {
        compute(key)
    }

    #[cached(capacity = 50_000, ttl = "1h")]
    pub fn mixed(key: u64) -> u64 {
        compute(key)
    }

    #[cached(capacity = 1_250_000, ttl = "1h")]
    pub fn keep(key: u64) -> u64 {
        key
    }

    pub static REFRESHED: AtomicUsize = AtomicUsize::new(0);

    /// Wants to be renewed at the age of 50 ms; a computation takes a while.
    #[cached(capacity = 12_500, ttl = "1h", async_ttl = "-50ms")]
    pub fn renewed(key: u64) -> u64 {
        std::thread::sleep(Duration::from_micros(100));
        REFRESHED.fetch_add(1, Ordering::SeqCst);
        key
    }

    #[cached(capacity = 1_000, ttl = "1h")]
    pub fn flight(key: u64) -> u64 {
        body(key)
    }

    #[cached(capacity = 1_000, ttl = "1h")]
    pub async fn flight_async(key: u64) -> u64 {
        body_async(key).await
    }
}

pub use functions::{REFRESHED, renewed};

pub fn hit(size: Size) -> Vec<Entrant<u64>> {
    vec![match size {
        Size::TenThousand => Entrant::decorated(NAME, "ttl", |keys| sum(keys, functions::small)),
        Size::Million => Entrant::decorated(NAME, "ttl", |keys| sum(keys, functions::large)),
    }]
}

pub fn hit_region() -> Vec<Entrant<u64>> {
    vec![
        Entrant::decorated(NAME, "ttl,region", |keys| sum(keys, functions::in_region)),
        Entrant::decorated(NAME, "ttl", |keys| sum(keys, functions::in_no_region)),
    ]
}

pub fn hit_str() -> Vec<Entrant<&'static str>> {
    vec![Entrant::decorated(NAME, "ttl", |keys| sum(keys, functions::text))]
}

pub fn hit_async() -> Vec<Entrant<u64>> {
    vec![
        Entrant::decorated(NAME, "ttl,async", |keys| {
            drive(sum_async(keys, functions::small_async))
        }),
        // The sync function, to compare with.
        Entrant::decorated(NAME, "ttl", |keys| sum(keys, functions::small)),
    ]
}

pub fn miss() -> Vec<Entrant<u64>> {
    vec![Entrant::decorated(NAME, "ttl", |keys| sum(keys, functions::evict))]
}

pub fn mix() -> Vec<Entrant<u64>> {
    vec![Entrant::decorated(NAME, "ttl", |keys| sum(keys, functions::mixed))]
}

pub fn memory() -> Vec<Memory> {
    fn fill(n: u64) -> Filled {
        (0..n).for_each(|id| _ = functions::keep(key_of(id)));
        Filled { entries: functions::keep::memo().len(), keep: Box::new(()) }
    }
    vec![Memory { system: NAME, variant: "ttl", fill }]
}

pub fn ratio() -> Vec<Policy> {
    fn build(capacity: usize) -> Box<dyn FnMut(u64) -> bool> {
        let cache = Inproc::new(capacity).with_ttl(TTL).open::<u64, u64>("ratio");
        Box::new(move |key| {
            let mut hit = true;
            cache.get_or_compute(&key, || {
                hit = false;
                key
            });
            hit
        })
    }
    vec![Policy { system: NAME, variant: "ttl", build }]
}

fn future(key: u64) -> Answer {
    Box::pin(functions::flight::future(key))
}

fn call_async(key: u64) -> Answer {
    Box::pin(functions::flight_async(key))
}

pub fn herd() -> Vec<Herd> {
    vec![
        Herd { system: NAME, variant: "ttl", call: Callers::Threads(functions::flight) },
        Herd { system: NAME, variant: "ttl,future", call: Callers::Tasks(future) },
        Herd { system: NAME, variant: "ttl,async", call: Callers::Tasks(call_async) },
    ]
}

pub fn flights() -> Vec<Flight> {
    let thread: fn(u64) -> u64 = functions::flight;
    vec![
        Flight {
            system: NAME,
            variant: "ttl",
            thread: Some(thread),
            task: Some(future),
            shared: true,
        },
        Flight {
            system: NAME,
            variant: "ttl,async",
            thread: None,
            task: Some(call_async),
            shared: false,
        },
    ]
}
