//! Invalidations that meet each other, a server that is away, another configuration, or another
//! process: none of them is forgotten.

mod stand;

use bytes::Bytes;
use cache_clients::Inproc;
use cache_clients::encoded::{Backend, Encoded, Solo};
use cache_clients::server::AnyServer;
use cache_core::{
    BoxFuture, Cache, CacheExt, Client, Clock, Invalidation, ManualClock, Namespace, Result, wait,
};
use cache_regions::{
    InvalidationStrategy, ReadOptions, Region, RegionCache, RegionPlan, Replace, Revisions,
    configure_plans,
};
use stand::shelf_of_bytes::Shelf;
use stand::{Record, Stand, bytes, fresh_name, fresh_region, options, shelf};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

fn get(region: &Region, key: u64) -> Option<String> {
    wait(region.get(&key)).unwrap()
}

fn put(region: &Region, key: u64, value: &str) {
    wait(region.put(&key, value.to_owned())).unwrap();
}

/// Lets a future begin.
fn begin<F: Future>(future: std::pin::Pin<&mut F>) {
    assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// Waits until it is open.
#[derive(Debug, Clone, Default)]
struct Gate(Arc<AtomicBool>);

impl Gate {
    fn set_shut(&self, shut: bool) {
        self.0.store(shut, Ordering::SeqCst);
    }

    async fn pass(&self) {
        poll_fn(|context| match self.0.load(Ordering::SeqCst) {
            true => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            false => Poll::Ready(()),
        })
        .await;
    }
}

/// What is put there is there at once; the answer comes through the gate.
#[derive(Debug, Clone, Default)]
struct Late {
    shelf: Shelf,
    gate: Gate,
}

impl Backend for Late {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.shelf.get(key).await
    }
    async fn put(&self, key: &str, bytes: Bytes, keep: Option<Duration>) -> Result<()> {
        self.shelf.put(key, bytes, keep).await?;
        self.gate.pass().await;
        Ok(())
    }
    async fn delete(&self, key: &str) -> Result<bool> {
        self.shelf.delete(key).await
    }
}

#[test]
fn an_invalidation_that_fails_while_an_earlier_one_is_being_answered_is_delivered() {
    let time = ManualClock::new();
    let late = Late::default();
    // A server for each client, as there are two processes: one does not wait for the other's locks.
    let client = || {
        let server = Solo::new(late.clone()).with_clock(time.clock());
        Encoded::with_options(AnyServer::new(server), options(&time)).unwrap()
    };
    let region = fresh_region();
    let plan = RegionPlan::new(region.name()).with_clock(time.clock()).with_encoded(client());
    configure_plans(vec![plan], Replace::Refuse).unwrap();
    put(region, 1, "old");
    let records = client().open::<String, Revisions>("~regions");
    let record = || wait(records.get(&region.name().to_owned())).unwrap().unwrap().now();

    let before = record();
    late.gate.set_shut(true);
    let mut first = pin!(region.invalidate(Invalidation::Hard));
    // Other threads have a part in it.
    let began = Instant::now();
    while record() == before {
        assert!(began.elapsed() < Duration::from_secs(30), "it does not reach the server");
        begin(first.as_mut());
    }
    let between = record();
    late.shelf.set_away(true);
    {
        let mut second = pin!(region.invalidate(Invalidation::Hard));
        let end = second.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        // It may wait for the first one at the server: then it is given up.
        assert!(!matches!(end, Poll::Ready(Ok(()))), "{end:?}");
    }
    late.shelf.set_away(false);
    late.gate.set_shut(false);
    wait(first).unwrap();
    time.advance(Duration::from_secs(6));
    assert_eq!(get(region, 1), None);
    assert_ne!(record(), between, "others would never hear of the second one");
}

#[test]
fn what_a_server_has_not_heard_is_still_owed_to_it_under_another_configuration() {
    let time = ManualClock::new();
    let store = Shelf::default();
    let server = Solo::new(store.clone()).with_clock(time.clock());
    for how in [Invalidation::Hard, Invalidation::Soft] {
        let region = fresh_region();
        let plan = || {
            RegionPlan::new(region.name())
                .with_clock(time.clock())
                .with_encoded(bytes(&server, &time))
                .with_expiration(1000)
        };
        configure_plans(vec![plan()], Replace::Refuse).unwrap();
        put(region, 1, "old");
        store.set_away(true);
        assert!(wait(region.invalidate(how)).unwrap_err().is_unreachable());
        configure_plans(vec![plan()], Replace::Existing).unwrap();
        store.set_away(false);
        assert_eq!(get(region, 1), None, "{how:?}");
    }
}

#[test]
fn a_deletion_that_a_server_has_not_heard_of_is_still_owed_to_it_under_another_configuration() {
    let time = ManualClock::new();
    let store = Shelf::default();
    let server = Solo::new(store.clone()).with_clock(time.clock());
    let region = fresh_region();
    let plan = || {
        RegionPlan::new(region.name())
            .with_clock(time.clock())
            .with_memory(100)
            .with_encoded(bytes(&server, &time))
    };
    configure_plans(vec![plan()], Replace::Refuse).unwrap();
    let cache = region.open::<u64, String>("f");
    for key in [1, 2] {
        wait(cache.put_for(&key, "old".to_owned(), 600)).unwrap();
    }
    store.set_away(true);
    wait(cache.delete(&1)).unwrap();
    configure_plans(vec![plan()], Replace::Existing).unwrap();
    store.set_away(false);
    assert_eq!(wait(cache.get(&1)).unwrap(), None);
    assert_eq!(wait(cache.get(&2)).unwrap().as_deref(), Some("old"));
    // And a clear, which is owed in its own way.
    store.set_away(true);
    wait(cache.clear()).unwrap();
    configure_plans(vec![plan()], Replace::Existing).unwrap();
    store.set_away(false);
    assert_eq!(wait(cache.get(&2)).unwrap(), None);
}

/// Revisions of this process; soft ones are answered through the gate.
#[derive(Debug)]
struct Slow {
    kept: Mutex<Revisions>,
    gate: Gate,
    time: Clock,
}

impl InvalidationStrategy for Slow {
    fn current(&self) -> BoxFuture<'_, Result<Revisions>> {
        Box::pin(async { Ok(self.kept.lock().unwrap().clone()) })
    }
    fn invalidate(&self, how: Invalidation) -> BoxFuture<'_, Result<Revisions>> {
        Box::pin(async move {
            let next = {
                let mut kept = self.kept.lock().unwrap();
                *kept = kept.after(how, &self.time);
                kept.clone()
            };
            if how == Invalidation::Soft {
                self.gate.pass().await;
            }
            Ok(next)
        })
    }
    fn is_shared(&self) -> bool {
        false
    }
}

fn slow() -> (ManualClock, Gate, &'static Region) {
    let (time, gate) = (ManualClock::new(), Gate::default());
    let kept = Mutex::new(Revisions::begin(&time.clock()));
    let strategy = Slow { kept, gate: gate.clone(), time: time.clock() };
    let region = fresh_region();
    let plan = RegionPlan::new(region.name())
        .with_clock(time.clock())
        .with_encoded(bytes(&shelf(&time), &time))
        .with_expiration(1000)
        .with_strategy(strategy);
    configure_plans(vec![plan], Replace::Refuse).unwrap();
    (time, gate, region)
}

fn stale(region: &Region) -> Option<String> {
    let any = ReadOptions::new().ignoring_expiration();
    wait(region.get_with::<u64, String>(&1, any)).unwrap()
}

#[test]
fn a_soft_invalidation_that_is_answered_late_does_not_undo_a_hard_one() {
    let (_time, gate, region) = slow();
    put(region, 1, "old");
    gate.set_shut(true);
    let mut soft = pin!(region.invalidate(Invalidation::Soft));
    begin(soft.as_mut());
    wait(region.invalidate(Invalidation::Hard)).unwrap();
    gate.set_shut(false);
    wait(soft).unwrap();
    assert_eq!(stale(region), None, "nobody gets an old value after a hard one");
    put(region, 1, "new");
    assert_eq!(get(region, 1).as_deref(), Some("new"));
}

#[test]
fn two_soft_invalidations_at_a_time_are_soft() {
    let (_time, gate, region) = slow();
    put(region, 1, "old");
    gate.set_shut(true);
    let (mut one, mut other) =
        (pin!(region.invalidate(Invalidation::Soft)), pin!(region.invalidate(Invalidation::Soft)));
    begin(one.as_mut());
    begin(other.as_mut());
    gate.set_shut(false);
    wait(other).unwrap();
    wait(one).unwrap();
    assert_eq!(get(region, 1), None);
    assert_eq!(stale(region).as_deref(), Some("old"));
}

#[test]
fn an_invalidation_that_is_answered_under_another_configuration_holds_there_too() {
    let (time, gate, region) = slow();
    gate.set_shut(true);
    let mut soft = pin!(region.invalidate(Invalidation::Soft));
    begin(soft.as_mut());
    let kept = Arc::new(Mutex::new(Revisions::begin(&time.clock())));
    let plan = RegionPlan::new(region.name())
        .with_clock(time.clock())
        .with_encoded(bytes(&shelf(&time), &time))
        .with_expiration(1000)
        .with_strategy(Record { kept, away: Arc::default() });
    configure_plans(vec![plan], Replace::Existing).unwrap();
    put(region, 1, "old");
    gate.set_shut(false);
    wait(soft).unwrap();
    assert_eq!(get(region, 1), None);
    time.advance(Duration::from_secs(6));
    assert_eq!(get(region, 1), None, "its keeper has heard of it");
}

#[test]
fn who_asks_a_mirror_after_an_invalidation_does_not_join_what_began_before() {
    for how in [Invalidation::Hard, Invalidation::Soft] {
        let stand = Stand::memory();
        let region = stand.region(|plan| plan.with_expiration(1000));
        let mirror = region.mirror(Inproc::new(100));
        let totals = Client::<u64, String>::open(&mirror, &Namespace::new("totals"));
        let gate = Gate::default();
        gate.set_shut(true);
        let before = {
            let gate = gate.clone();
            move || async move {
                gate.pass().await;
                "begun before".to_owned()
            }
        };
        let mut first = pin!(totals.get_or_compute(&1, before));
        begin(first.as_mut());
        wait(region.invalidate(how)).unwrap();
        gate.set_shut(false);
        let second = wait(totals.get_or_compute(&1, || async { "begun after".to_owned() }));
        assert_eq!(second, "begun after", "{how:?}");
        assert_eq!(wait(first), "begun before");
        assert_eq!(wait(totals.get(&1)).unwrap().as_deref(), Some("begun after"));
    }
}

/// Two processes with the same values, and a region in each; of one the server can be out of reach.
struct Two {
    time: ManualClock,
    there: &'static Region,
    away: Arc<AtomicBool>,
    store: Shelf,
    caches: (RegionCache<u64, String>, RegionCache<u64, String>),
}

fn two() -> Two {
    let (time, store) = (ManualClock::new(), Shelf::default());
    let server = Solo::new(store.clone()).with_clock(time.clock());
    let kept = Arc::new(Mutex::new(Revisions::begin(&time.clock())));
    let (name, away) = (fresh_name(), Arc::new(AtomicBool::new(false)));
    let region = |name: &'static str, away: Arc<AtomicBool>| {
        let region: &'static Region = Box::leak(Box::new(Region::new(name)));
        let plan = RegionPlan::new(name)
            .with_clock(time.clock())
            .with_memory(100)
            .with_encoded(bytes(&server, &time))
            .with_expiration(1000)
            .with_tag_lag(Duration::from_secs(5))
            .with_strategy(Record { kept: kept.clone(), away });
        configure_plans(vec![plan], Replace::Refuse).unwrap();
        region
    };
    let here = region(name, away.clone());
    let there = region(Box::leak(format!("{name}.other").into_boxed_str()), Arc::default());
    // Of the same name on the server.
    let caches = (here.open::<u64, String>("other.f"), there.open::<u64, String>("f"));
    Two { time, there, away, store, caches }
}

type Change = fn(&RegionCache<u64, String>);

const CHANGES: [(Change, Option<&str>); 6] = [
    (|cache| assert!(wait(cache.delete(&1)).unwrap()), None),
    (|cache| wait(cache.delete_many(&[1])).unwrap(), None),
    (|cache| assert!(wait(cache.expire(&1)).unwrap()), None),
    (|cache| assert!(wait(cache.put_for(&1, "new".to_owned(), 60)).unwrap()), Some("new")),
    (
        |cache| {
            let entry = cache_core::Entry::new("new".to_owned()).with_ttl(60);
            wait(cache.put_many(vec![(1, entry)])).unwrap();
        },
        Some("new"),
    ),
    (|cache| wait(cache.clear()).unwrap(), None),
];

#[test]
fn a_change_reaches_what_another_process_has_stored_since_it_invalidated_the_region() {
    for (change, then) in CHANGES {
        let Two { time, there, caches: (here, others), .. } = two();
        wait(here.put_for(&1, "first".to_owned(), 600)).unwrap();
        assert_eq!(wait(others.get(&1)).unwrap().as_deref(), Some("first"));
        wait(there.invalidate(Invalidation::Hard)).unwrap();
        wait(others.put_for(&1, "old".to_owned(), 600)).unwrap();
        // Which it will hear of within five seconds.
        change(&here);
        assert_eq!(wait(here.get(&1)).unwrap().as_deref(), then);
        time.advance(Duration::from_secs(6));
        assert_eq!(wait(here.get(&1)).unwrap().as_deref(), then);
        let behind = wait(others.lookup(&1, cache_core::Aim::Farthest)).unwrap().live();
        assert_eq!(behind.map(|(value, _)| value).as_deref(), then);
    }
}

#[test]
fn a_change_that_could_not_ask_for_the_revision_is_not_forgotten_if_it_was_another_one() {
    let Two { time, there, away, store, caches: (here, others) } = two();
    for key in [1, 2] {
        wait(here.put_for(&key, "first".to_owned(), 600)).unwrap();
    }
    // The same revision: what was deleted is, and nothing else.
    away.store(true, Ordering::SeqCst);
    store.set_away(true);
    wait(here.delete(&1)).unwrap();
    store.set_away(false);
    away.store(false, Ordering::SeqCst);
    time.advance(Duration::from_secs(6));
    assert_eq!(wait(here.get(&1)).unwrap(), None);
    assert_eq!(wait(here.get(&2)).unwrap().as_deref(), Some("first"));
    // Another one.
    away.store(true, Ordering::SeqCst);
    wait(there.invalidate(Invalidation::Hard)).unwrap();
    wait(others.put_for(&1, "old".to_owned(), 600)).unwrap();
    wait(here.delete(&1)).unwrap();
    away.store(false, Ordering::SeqCst);
    time.advance(Duration::from_secs(6));
    assert_eq!(wait(here.get(&1)).unwrap(), None);
}
