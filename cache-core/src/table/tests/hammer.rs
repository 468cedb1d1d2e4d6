//! Many threads at once, with user code that panics and calls back.

use super::*;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

/// Tables that values can reach from within.
static TABLES: OnceLock<[Arc<Table<Shy, Moody>>; 2]> = OnceLock::new();

thread_local! { static DEPTH: Cell<u32> = const { Cell::new(0) }; }

/// Does something bad once in a while: a panic, or a call back into either table.
fn mood(may_panic: bool) {
    let dice = here::random() % 400;
    if dice < 4 && may_panic && !std::thread::panicking() {
        std::panic::resume_unwind(Box::new("as planned"));
    }
    if dice >= 20 || DEPTH.get() > 3 || std::thread::panicking() {
        return;
    }
    let Some(tables) = TABLES.get() else { return };
    struct Deeper;
    impl Drop for Deeper {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    DEPTH.set(DEPTH.get() + 1);
    let _deeper = Deeper;
    act(&tables[dice as usize % 2], here::random());
}

fn act(table: &Table<Shy, Moody>, dice: u64) {
    let key = Shy(dice >> 8 & 127);
    match dice % 16 {
        0..=3 => {
            table.put(&key, Moody(key.0), ttl(60));
        }
        4..=5 => {
            table.delete(&key);
        }
        6 => {
            table.expire(table.hash(&key), |k| *k == key);
        }
        7 if dice & 0xff00_0000 == 0 => drop(table.clear()),
        8 if dice & 0xf00_0000 == 0 => {
            table.purge(Duration::ZERO);
        }
        _ => {
            if let Some(value) = table.get(&key) {
                assert_eq!(value.0, key.0);
            }
        }
    }
}

#[derive(Clone)]
struct Shy(u64);
impl PartialEq for Shy {
    fn eq(&self, other: &Self) -> bool {
        mood(true);
        self.0 == other.0
    }
}
impl Eq for Shy {}
impl Hash for Shy {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        mood(true);
        self.0.hash(state);
    }
}

struct Moody(u64);
impl Clone for Moody {
    fn clone(&self) -> Self {
        mood(true);
        Moody(self.0)
    }
}
impl Drop for Moody {
    fn drop(&mut self) {
        mood(!std::thread::panicking());
    }
}

#[test]
fn threads_with_panicking_and_reentrant_user_code_corrupt_nothing() {
    let budget = Budget::weight(300);
    let make = |eviction| {
        let options = TableOptions::new(budget.clone(), ManualClock::new().clock())
            .with_eviction(eviction)
            .with_weigher(Arc::new(|key: &Shy, _: &Moody| key.0 as u32 % 5));
        Table::new(options)
    };
    let tables = TABLES.get_or_init(|| [make(Eviction::S3Fifo), make(Eviction::Lru)]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for turn in 0..20_000 {
                    let _ =
                        catch_unwind(AssertUnwindSafe(|| act(&tables[turn % 2], here::random())));
                }
                assert!(!here::is_inside());
            });
        }
    });
    assert_eq!(budget.used(), tables[0].used() + tables[1].used());
    assert!(budget.used() <= 300);
}

#[test]
fn readers_never_see_half_a_write() {
    let (table, _time) = table::<u64, [u64; 8]>(64, Eviction::S3Fifo);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for key in 0..100 {
                        if let Some(value) = table.get(&key) {
                            assert!(value.iter().all(|part| *part == value[0]));
                        }
                    }
                }
            });
        }
        for round in 0..20_000_u64 {
            table.put(&(round % 100), [round; 8], ttl(60));
            // Long enough for the bias to come back.
            if round % 16 == 0 {
                for key in 0..200 {
                    table.get(&(key % 100));
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    table.validate();
}

#[test]
fn many_threads_in_one_full_budget_never_exceed_it() {
    let budget = Budget::entries(2000);
    let make = || Counts::new(TableOptions::new(budget.clone(), ManualClock::new().clock()));
    let tables = [make(), make(), make()];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for turn in 0..30_000 {
                    let dice = here::random();
                    let table = &tables[(dice % 7) as usize % 3];
                    let key = dice >> 8 & 0xfff;
                    if turn % 5 == 0 {
                        table.delete(&key);
                    } else {
                        table.put(&key, key, ttl(60));
                    }
                    assert!(budget.used() <= 2000);
                }
            });
        }
    });
    assert_eq!(tables.iter().map(|table| table.used()).sum::<u64>(), budget.used());
    tables.iter().for_each(|table| table.validate());
}
