//! The client contract over regions: plain and boxed, over each kind of tiers, with and without
//! wrappers, opened before and after they are configured.

mod stand;

use cache_core::conformance::{Ability, Harness, Subject};
use cache_core::{BoxFuture, Client, Eviction, ManualClock, Namespace, Result, Shared, TagSource};
use cache_regions::{
    Done, MemoryPlan, Next, Operation, Region, RegionCache, RegionPlan, Replace, TierPlan, Wrapper,
    configure_plans,
};
use stand::{bytes, shelf};
use std::sync::atomic::{AtomicUsize, Ordering};

type Plain = RegionCache<String, String>;

/// A region of its own for each test: one that is never forgotten, as in a program.
fn region() -> &'static Region {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("conformance-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Box::leak(Box::new(Region::new(Box::leak(name.into_boxed_str()))))
}

/// A cache that checks the tags of this process.
fn tagged(region: &Region, name: &str) -> Plain {
    Client::open(region, &Namespace::new(name).with(TagSource::local()))
}

fn harness<C: Subject>(
    plan: impl FnOnce(RegionPlan, &ManualClock) -> RegionPlan,
    wrap: impl Fn(Plain) -> C + Send + Sync + 'static,
) -> Harness<C> {
    let (time, region) = (ManualClock::new(), region());
    let plan = plan(RegionPlan::new(region.name()).with_clock(time.clock()), &time);
    configure_plans(vec![plan], Replace::Refuse).unwrap();
    let open = move |name: &str| wrap(tagged(region, name));
    Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
}

macro_rules! configurations {
    ($($name:ident: $plan:expr, $wrap:expr;)*) => {$(
        mod $name {
            use super::*;
            cache_core::conformance_tests!(harness($plan, $wrap));
        }
    )*};
}

const ENTRIES: usize = 1000;

configurations! {
    memory: |plan, _| plan.with_memory(ENTRIES), |cache| cache;
    boxed: |plan, _| plan.with_memory(ENTRIES), Shared::new;
    lru: |plan, _| plan.with_tier(lru()), |cache| cache;
    over_bytes: |plan, time| plan.with_encoded(bytes(&shelf(time), time)), |cache| cache;
    tiers: |plan, time| plan.with_memory(ENTRIES).with_encoded(bytes(&shelf(time), time)), |cache| cache;
    tiers_boxed: |plan, time| plan.with_memory(ENTRIES).with_encoded(bytes(&shelf(time), time)), Shared::new;
    three_tiers: |plan, time| plan
        .with_memory(ENTRIES)
        .with_memory(ENTRIES)
        .with_encoded(bytes(&shelf(time), time)), |cache| cache;
    d23_wrapped: |plan, _| plan.with_memory(ENTRIES).with_wrapper("through", Through), |cache| cache;
    d23_wrapped_tiers: |plan, time| plan
        .with_memory(ENTRIES)
        .with_encoded(bytes(&shelf(time), time))
        .with_wrapper("through", Through)
        .with_wrapper("through", Through), |cache| cache;
}

fn lru() -> TierPlan {
    let mut plan = MemoryPlan::new(ENTRIES);
    plan.eviction = Eviction::Lru;
    TierPlan::Memory(plan)
}

/// Passes everything on.
#[derive(Debug)]
struct Through;

impl Wrapper for Through {
    fn around<'a>(
        &'a self,
        operation: Operation<'a>,
        next: Next<'a>,
    ) -> BoxFuture<'a, Result<Done>> {
        next.run(operation)
    }
}

/// The table in front was made by the system's clock, before anybody knew of another.
mod opened_before_it_is_configured {
    use super::*;
    use std::sync::Mutex;
    fn early() -> Harness<Plain> {
        let (time, region) = (ManualClock::new(), region());
        // Names that the harness will ask for.
        let known: Mutex<Vec<(String, Plain)>> = Mutex::new(
            (0..3)
                .map(|n| format!("conformance-{n}"))
                .map(|n| (n.clone(), tagged(region, &n)))
                .collect(),
        );
        let plan = RegionPlan::new(region.name()).with_clock(time.clock()).with_memory(ENTRIES);
        configure_plans(vec![plan], Replace::Refuse).unwrap();
        let open = move |name: &str| {
            let known = known.lock().unwrap();
            let found = known.iter().find(|(one, _)| one == name);
            found.map_or_else(|| tagged(region, name), |(_, cache)| cache.clone())
        };
        Harness::new(open, move |by| time.advance(by)).without(Ability::Usage)
    }
    cache_core::conformance_tests!(early());
}
