//! User code under a lock that calls the cache again.

use super::*;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

type Act = Arc<dyn Fn() + Send + Sync>;

thread_local! { static ACTING: Cell<bool> = const { Cell::new(false) }; }

/// Runs what it was told to, not within itself.
#[derive(Default)]
struct Script(Mutex<Option<Act>>);

impl Script {
    fn on(&self, act: impl Fn() + Send + Sync + 'static) {
        *self.0.lock().unwrap() = Some(Arc::new(act));
    }

    fn run(&self) {
        let act = self.0.lock().unwrap().clone();
        if let Some(act) = act
            && !ACTING.replace(true)
        {
            struct Done;
            impl Drop for Done {
                fn drop(&mut self) {
                    ACTING.set(false);
                }
            }
            let _done = Done;
            act();
        }
    }
}

static ON_EQ: Script = Script(Mutex::new(None));
static ON_HASH: Script = Script(Mutex::new(None));

/// The scripts of keys are global, so these tests take turns.
static TURN: Mutex<()> = Mutex::new(());

#[derive(Clone, Debug)]
struct Key(u64);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        ON_EQ.run();
        self.0 == other.0
    }
}
impl Eq for Key {}
impl Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        ON_HASH.run();
        self.0.hash(state);
    }
}

/// A value that does something when it is cloned.
#[derive(Default)]
struct Wild(u64, Arc<Script>);

impl Clone for Wild {
    fn clone(&self) -> Self {
        self.1.run();
        Wild(self.0, self.1.clone())
    }
}

type Tame = Arc<Table<u64, Wild>>;

fn wild(eviction: Eviction) -> (Tame, Arc<Script>) {
    let (table, _time) = table(100, eviction);
    let script = Arc::new(Script::default());
    table.put(&1, Wild(10, script.clone()), ttl(60));
    table.put(&2, Wild(20, Arc::default()), ttl(60));
    (table, script)
}

fn numbers(table: &Tame, keys: &[u64]) -> Vec<Option<u64>> {
    keys.iter().map(|key| table.get(key).map(|wild| wild.0)).collect()
}

fn both() -> [(Tame, Arc<Script>); 2] {
    [wild(Eviction::S3Fifo), wild(Eviction::Lru)]
}

#[test]
fn a_clone_that_reads_the_same_shard_gets_its_answer() {
    let (table, script) = wild(Eviction::S3Fifo);
    let (inner, seen) = (table.clone(), Arc::new(Mutex::new(Vec::new())));
    let list = seen.clone();
    script.on(move || list.lock().unwrap().extend(numbers(&inner, &[1, 2, 3])));
    assert_eq!(numbers(&table, &[1]), [Some(10)]);
    assert_eq!(*seen.lock().unwrap(), [Some(10), Some(20), None]);
}

#[test]
fn under_strict_lru_the_same_clone_finds_nothing() {
    let (table, script) = wild(Eviction::Lru);
    let inner = table.clone();
    script.on(move || assert_eq!(numbers(&inner, &[1, 2]), [None, None]));
    assert_eq!(numbers(&table, &[1, 2]), [Some(10), Some(20)]);
}

#[test]
fn removals_inside_a_clone_happen_when_the_thread_leaves() {
    for (table, script) in both() {
        let inner = table.clone();
        script.on(move || assert!(!inner.delete(&1) && !inner.delete(&2)));
        assert_eq!(numbers(&table, &[1]), [Some(10)]);
        assert_eq!(numbers(&table, &[1, 2]), [None, None]);
        assert_eq!(table.see_missing(2), Some(Missing::Invalidated));
        table.validate();
    }
}

#[test]
fn expiring_and_clearing_inside_a_clone_happen_when_the_thread_leaves() {
    for (table, script) in both() {
        let inner = table.clone();
        script.on(move || assert!(!inner.expire(inner.hash(&2), |key| *key == 2)));
        assert_eq!(numbers(&table, &[1]), [Some(10)]);
        assert_eq!(numbers(&table, &[2]), [None]);
        assert_eq!(table.len(), 2);
        let inner = table.clone();
        script.on(move || drop(inner.clear()));
        assert_eq!(numbers(&table, &[1]), [Some(10)]);
        assert_eq!((table.len(), table.epoch()), (0, 1));
        table.validate();
    }
}

#[test]
fn a_put_inside_a_clone_is_refused_and_the_older_value_goes() {
    for (table, script) in both() {
        let inner = table.clone();
        script.on(move || assert_eq!(inner.put(&2, Wild::default(), ttl(60)), Inserted::Busy));
        assert_eq!(numbers(&table, &[1]), [Some(10)]);
        assert_eq!(numbers(&table, &[2]), [None]);
        table.validate();
    }
}

#[test]
fn a_put_into_another_table_inside_a_clone_is_stored() {
    let ((table, script), (other, _)) = (wild(Eviction::S3Fifo), wild(Eviction::S3Fifo));
    let inner = other.clone();
    script
        .on(move || assert_eq!(inner.put(&7, Wild(70, Arc::default()), ttl(60)), Inserted::Stored));
    assert_eq!(numbers(&table, &[1]), [Some(10)]);
    assert_eq!(numbers(&other, &[7]), [Some(70)]);
}

#[test]
fn comparing_and_hashing_keys_may_call_the_same_table() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (table, _time) = table::<Key, u64>(50, Eviction::S3Fifo);
    let inner = table.clone();
    let act = move || {
        inner.put(&Key(3), 3, ttl(60));
        inner.get(&Key(4));
        inner.delete(&Key(5));
    };
    ON_EQ.on(act.clone());
    ON_HASH.on(act);
    for key in 0..500 {
        table.put(&Key(key), key, ttl(60));
        table.get(&Key(key / 2));
        table.delete(&Key(key / 3));
    }
    *ON_EQ.0.lock().unwrap() = None;
    *ON_HASH.0.lock().unwrap() = None;
    table.validate();
    assert!(table.used() <= 50);
}

#[test]
fn a_nested_read_goes_in_while_a_writer_waits() {
    if !record::is_asymmetric() {
        return;
    }
    let (table, script) = wild(Eviction::S3Fifo);
    // Brings the bias back after the writes.
    numbers(&table, &[2; 300]);
    assert!(table.slots[0].lock.is_biased());
    let inner = table.clone();
    let started = Arc::new(AtomicBool::new(false));
    let start = started.clone();
    script.on(move || {
        start.store(true, Ordering::Release);
        while inner.slots[0].lock.is_biased() {
            std::thread::yield_now();
        }
        assert_eq!(numbers(&inner, &[2]), [Some(20)]);
        assert!(!inner.delete(&2));
    });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !started.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            table.put(&3, Wild(30, Arc::default()), ttl(60));
        });
        assert_eq!(numbers(&table, &[1]), [Some(10)]);
    });
    assert_eq!(numbers(&table, &[2, 3]), [None, Some(30)]);
}

#[test]
fn a_panic_under_the_lock_leaves_it_free_and_the_account_right() {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for eviction in [Eviction::S3Fifo, Eviction::Lru] {
        let options = TableOptions::new(Budget::weight(300), ManualClock::new().clock())
            .with_eviction(eviction)
            .with_weigher(Arc::new(|key: &Key, _: &u64| key.0 as u32 % 3 + 1));
        let table = Table::<Key, u64>::new(options);
        let count = Arc::new(AtomicU64::new(0));
        for key in 0..2000 {
            let hash = table.hash(&Key(key));
            let bomb = count.clone();
            let act =
                move || assert!(bomb.fetch_add(1, Ordering::Relaxed) % 13 != 12, "as planned");
            if key % 2 == 0 {
                ON_EQ.on(act)
            } else {
                ON_HASH.on(act)
            }
            let _ = catch_unwind(AssertUnwindSafe(|| {
                table.insert(hash, Key(key), key, ttl(60), PutWhen::Always, || true);
                table.fresh(hash, |k| *k == Key(key));
                table.remove(hash, |k| *k == Key(key) && key % 5 == 0);
            }));
            *ON_EQ.0.lock().unwrap() = None;
            *ON_HASH.0.lock().unwrap() = None;
            assert!(table.used() <= 300);
            assert_eq!(table.budget.used(), table.used());
        }
        for slot in &table.slots {
            assert!(slot.lock.write(|_| ()).is_some());
        }
    }
}

#[test]
fn a_panicking_clone_does_not_keep_a_deferred_removal_from_happening() {
    for (table, script) in both() {
        let inner = table.clone();
        script.on(move || {
            inner.delete(&2);
            panic!("as planned");
        });
        assert!(catch_unwind(AssertUnwindSafe(|| numbers(&table, &[1]))).is_err());
        assert_eq!(numbers(&table, &[2]), [None]);
    }
}

#[test]
fn listeners_and_drops_run_outside_and_may_call_the_table() {
    struct Loud(Option<Arc<Table<u64, Arc<Loud>>>>);
    impl Drop for Loud {
        fn drop(&mut self) {
            assert!(!here::is_inside(), "dropped under a lock");
            if let Some(table) = self.0.take() {
                table.put(&1000, Arc::new(Loud(None)), ttl(60));
            }
        }
    }
    for eviction in [Eviction::S3Fifo, Eviction::Lru] {
        let options = TableOptions::new(Budget::entries(10), ManualClock::new().clock())
            .with_eviction(eviction)
            .with_listener(Arc::new(|_: &u64, _: &Arc<Loud>, _| assert!(!here::is_inside())));
        let table = Table::<u64, Arc<Loud>>::new(options);
        for key in 0..100 {
            let loud = Arc::new(Loud(Some(table.clone())));
            table.put(&(key % 15), loud, ttl(60));
            table.delete(&(key % 7));
        }
        assert!(table.used() <= 10);
        table.validate();
        drop(table.clear());
    }
}

#[test]
fn a_thread_that_is_ending_can_still_use_the_table() {
    struct Late(Arc<Counts>);
    impl Drop for Late {
        fn drop(&mut self) {
            assert_eq!(self.0.get(&1), Some(10));
            self.0.put(&2, 20, ttl(60));
        }
    }
    thread_local! { static LATE: Cell<Option<Late>> = const { Cell::new(None) }; }
    let (table, _time) = table::<u64, u64>(100, Eviction::S3Fifo);
    table.put(&1, 10, ttl(60));
    for first in [true, false] {
        let table = table.clone();
        // Destructors run in either order of first use.
        std::thread::spawn(move || {
            if first {
                table.get(&1);
            }
            LATE.set(Some(Late(table.clone())));
            table.get(&1);
        })
        .join()
        .unwrap();
    }
    assert_eq!(table.get(&2), Some(20));
}

#[test]
fn records_are_taken_over_by_later_threads() {
    let (table, _time) = table::<u64, u64>(100, Eviction::S3Fifo);
    for _ in 0..200 {
        let table = table.clone();
        std::thread::spawn(move || table.get(&1)).join().unwrap();
    }
    assert!(record::all().count() < 100, "{} records", record::all().count());
}

impl Table<u64, Wild> {
    fn see_missing(&self, key: u64) -> Option<Missing> {
        match self.see(&key) {
            Look::Missing(missing) => Some(missing),
            Look::Live { .. } | Look::Expired { .. } => None,
        }
    }
}
