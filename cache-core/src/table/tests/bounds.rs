//! Bounds: the capacity, alone and shared, counted and weighed.

use super::*;
use crate::table::budget::Room;
use std::sync::atomic::AtomicUsize;

fn listening(budget: Arc<Budget>, eviction: Eviction) -> (Arc<Counts>, Arc<AtomicUsize>) {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    let options = TableOptions::new(budget, ManualClock::new().clock())
        .with_eviction(eviction)
        .with_listener(Arc::new(move |_: &u64, _: &u64, _| {
            count.fetch_add(1, Ordering::Relaxed);
        }));
    (Table::new(options), heard)
}

#[test]
fn after_twice_as_many_keys_exactly_the_capacity_is_there() {
    for eviction in [Eviction::S3Fifo, Eviction::Lru] {
        for capacity in [1, 2, 3, 7, 100, 1023, 1024, 1500, 5000] {
            let (table, heard) = listening(Budget::entries(capacity), eviction);
            for key in 0..2 * capacity as u64 {
                assert_eq!(table.put(&key, key, ttl(60)), Inserted::Stored);
                assert!(table.used() <= table.capacity());
            }
            assert_eq!((table.len(), table.used()), (capacity, capacity as u64));
            assert_eq!(heard.load(Ordering::Relaxed), capacity);
            table.validate();
        }
    }
}

#[test]
fn without_capacity_nothing_is_stored_and_everything_answers() {
    for eviction in [Eviction::S3Fifo, Eviction::Lru] {
        let (table, _time) = table::<u64, u64>(0, eviction);
        assert_eq!(table.put(&1, 10, ttl(60)), Inserted::TooHeavy);
        assert_eq!((table.get(&1), table.delete(&1), table.len()), (None, false, 0));
        drop(table.clear());
    }
}

#[test]
fn strict_lru_evicts_exactly_the_least_recently_used() {
    let (table, _time) = table::<u64, u64>(3, Eviction::Lru);
    for key in [1, 2, 3] {
        table.put(&key, key, ttl(60));
    }
    table.get(&1);
    table.put(&4, 4, ttl(60));
    table.look(table.hash(&3), |key| *key == 3, Touch::Visit);
    table.look(table.hash(&1), |key| *key == 1, Touch::Leave);
    table.put(&5, 5, ttl(60));
    let there: Vec<u64> = (1..=5).filter(|key| table.get(key).is_some()).collect();
    assert_eq!(there, [3, 4, 5]);
}

#[test]
fn what_was_hit_outlives_a_scan() {
    let (table, _time) = table::<u64, u64>(1000, Eviction::S3Fifo);
    for key in 0..500 {
        table.put(&key, key, ttl(60));
        table.get(&key);
    }
    for key in 10_000..30_000 {
        table.put(&key, key, ttl(60));
    }
    let kept = (0..500).filter(|key| table.get(key).is_some()).count();
    assert!(kept >= 490, "{kept} of 500");
    table.validate();
}

#[test]
fn the_dead_go_before_the_popular() {
    let (table, time) = table::<u64, u64>(10, Eviction::S3Fifo);
    table.put(&1, 1, ttl(1));
    for _ in 0..3 {
        table.get(&1);
    }
    time.advance(secs(2));
    for key in 2..=11 {
        table.put(&key, key, ttl(60));
    }
    assert_eq!(table.see(&1), Look::Missing(Missing::Expired));
}

#[test]
fn weights_are_counted_as_they_were_told_and_never_exceed_the_capacity() {
    let mood = Arc::new(AtomicUsize::new(1));
    let weigher = {
        let mood = mood.clone();
        move |_: &u64, value: &u64| (*value as usize * mood.load(Ordering::Relaxed)) as u32
    };
    for eviction in [Eviction::S3Fifo, Eviction::Lru] {
        mood.store(1, Ordering::Relaxed);
        let options = TableOptions::new(Budget::weight(100), ManualClock::new().clock())
            .with_eviction(eviction)
            .with_weigher(Arc::new(weigher.clone()));
        let table = Counts::new(options);
        for key in 0..50 {
            assert_eq!(table.put(&key, key % 40, ttl(60)), Inserted::Stored);
            assert!(table.used() <= 100);
        }
        table.validate();
        mood.store(3, Ordering::Relaxed);
        let there: Vec<u64> = (0..50).filter(|key| table.delete(key)).collect();
        assert!(!there.is_empty());
        assert_eq!((table.len(), table.used(), table.budget.used()), (0, 0, 0));
        table.put(&1, 30, ttl(60));
        assert_eq!(table.used(), 90);
        assert_eq!(table.put(&1, 40, ttl(60)), Inserted::TooHeavy);
        assert_eq!((table.get(&1), table.used()), (None, 0));
    }
}

#[test]
fn replacing_changes_the_weight_not_the_number() {
    let options = TableOptions::new(Budget::weight(100), ManualClock::new().clock())
        .with_weigher(Arc::new(|_: &u64, value: &u64| *value as u32));
    let table = Counts::new(options);
    for value in [10, 90, 5, 100, 1] {
        assert_eq!(table.put(&1, value, ttl(60)), Inserted::Stored);
        assert_eq!((table.used(), table.len()), (value, 1));
        assert_eq!(table.budget.used(), value);
    }
}

#[test]
fn heavy_values_push_out_many_light_ones_from_all_shards() {
    let options = TableOptions::new(Budget::weight(4000), ManualClock::new().clock())
        .with_weigher(Arc::new(|_: &u64, value: &u64| *value as u32));
    let table = Counts::new(options);
    for key in 0..4000 {
        table.put(&key, 1, ttl(60));
    }
    assert_eq!(table.put(&9999, 3000, ttl(60)), Inserted::Stored);
    assert_eq!(table.get(&9999), Some(3000));
    assert!(table.used() <= 4000 && table.len() >= 500, "{} in {}", table.len(), table.used());
    table.validate();
}

#[test]
fn a_busy_table_takes_the_room_of_an_idle_one() {
    for capacity in [100, 3000] {
        let budget = Budget::entries(capacity);
        let (idle, _) = listening(budget.clone(), Eviction::S3Fifo);
        let (busy, _) = listening(budget.clone(), Eviction::Lru);
        for key in 0..capacity as u64 {
            idle.put(&key, key, ttl(60));
        }
        for key in 0..20 * capacity as u64 {
            assert_eq!(busy.put(&key, key, ttl(60)), Inserted::Stored);
            assert!(budget.used() <= budget.capacity());
        }
        assert_eq!((idle.used() + busy.used()) as usize, capacity);
        assert!(busy.len() >= capacity * 9 / 10, "{} of {capacity}", busy.len());
        idle.validate();
        busy.validate();
    }
}

#[test]
fn shares_follow_the_rates_of_insertion() {
    let budget = Budget::entries(4000);
    let (fast, _) = listening(budget.clone(), Eviction::S3Fifo);
    let (slow, _) = listening(budget, Eviction::S3Fifo);
    for key in 0..80_000 {
        fast.put(&key, key, ttl(60));
        if key % 3 == 0 {
            slow.put(&key, key, ttl(60));
        }
    }
    let share = fast.len() as f64 / 4000.0;
    assert!((0.65..0.85).contains(&share), "{share}");
}

#[test]
fn many_tables_with_less_than_a_lot_each_give_room_too() {
    let budget = Budget::entries(1000);
    let idle: Vec<_> = (0..500).map(|_| listening(budget.clone(), Eviction::S3Fifo).0).collect();
    for table in &idle {
        table.put(&1, 1, ttl(60));
        table.put(&2, 2, ttl(60));
    }
    let (busy, _) = listening(budget.clone(), Eviction::S3Fifo);
    for key in 0..20_000 {
        busy.put(&key, key, ttl(60));
    }
    assert!(busy.len() > 900, "{}", busy.len());
    assert_eq!(budget.used(), 1000);
}

#[test]
fn a_dropped_table_gives_its_room_back() {
    let budget = Budget::entries(100);
    let (first, _) = listening(budget.clone(), Eviction::S3Fifo);
    let (second, _) = listening(budget.clone(), Eviction::S3Fifo);
    for key in 0..100 {
        first.put(&key, key, ttl(60));
    }
    drop(first);
    assert_eq!(budget.used(), 0);
    for key in 0..200 {
        second.put(&key, key, ttl(60));
    }
    assert_eq!(second.len(), 100);
}

#[test]
fn removing_and_storing_again_leaves_the_queues_short() {
    let (table, _time) = table::<u64, u64>(1000, Eviction::S3Fifo);
    for round in 0..100_000_u64 {
        let key = round % 300;
        table.put(&key, key, ttl(60));
        table.delete(&key);
    }
    table.validate();
}

/// Hashes everything to one number.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Same(u64);

impl Hash for Same {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(7);
    }
}

#[test]
fn a_hash_that_is_no_hash_costs_time_but_no_bound() {
    let options = TableOptions::new(Budget::weight(100), ManualClock::new().clock())
        .with_weigher(Arc::new(|key: &Same, _: &u64| key.0 as u32 % 5));
    let table = Table::<Same, u64>::new(options);
    for key in 0..500 {
        assert_eq!(table.put(&Same(key), key, ttl(60)), Inserted::Stored);
        assert!(table.used() <= 100);
        if key % 7 == 0 {
            assert!(table.delete(&Same(key)));
        }
    }
    for key in 0..500 {
        table.delete(&Same(key));
    }
    assert_eq!((table.used(), table.budget.used(), table.len()), (0, 0, 0));
}

#[test]
fn an_entry_of_two_words_takes_three() {
    assert_eq!(size_of::<super::super::entry::Entry<u64, u64>>(), 24);
}

#[test]
fn what_finds_no_room_is_admitted_all_the_same_before_what_is_there_goes() {
    let budget = Budget::weight(10);
    let (table, _) = listening(budget.clone(), Eviction::S3Fifo);
    let mut taken = Room::new(&budget);
    assert!(taken.reserve(10));
    let mut asked = 0;
    let admit = || {
        asked += 1;
        true
    };
    let hash = table.hash(&1);
    assert_eq!(table.insert(hash, 1, 1, ttl(60), PutWhen::Always, admit), Inserted::Busy);
    assert_eq!(asked, 1, "a put that is not stored has not fenced");
}
