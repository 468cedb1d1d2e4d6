//! The lock under loom: all interleavings of readers, writers, revocation and returning bias.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p cache-core --release --lib loom_lock`.
//! Overlapping access is found by loom's cell; here a fence stands for the membarrier of the real
//! thing.

use super::here;
use super::lock::{Bias, Lock, Locked};
use loom::thread;
use std::sync::Arc;

fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(f);
}

fn lock(bias: Bias) -> Arc<Lock<[u32; 2]>> {
    Arc::new(Lock::new([0; 2], bias))
}

/// Both halves, which no reader may see apart.
fn read(lock: &Lock<[u32; 2]>) -> u32 {
    let pair = lock.read(|pair| *pair).expect("this thread holds nothing");
    assert_eq!(pair[0], pair[1]);
    pair[0]
}

fn bump(lock: &Lock<[u32; 2]>) {
    let done = lock.write(|pair| {
        pair[0] += 1;
        pair[1] += 1;
    });
    assert!(done.is_some());
}

#[test]
fn readers_and_a_writer_exclude_each_other() {
    for bias in [Bias::Readers, Bias::Never] {
        model(move || {
            let lock = lock(bias);
            let writer = {
                let lock = lock.clone();
                thread::spawn(move || bump(&lock))
            };
            let (first, second) = (read(&lock), read(&lock));
            assert!(first <= second && second <= 1);
            writer.join().unwrap();
            assert_eq!(read(&lock), 1);
        });
    }
}

#[test]
fn two_writers_and_a_reader_lose_nothing() {
    model(|| {
        let lock = lock(Bias::Readers);
        let other = {
            let lock = lock.clone();
            thread::spawn(move || bump(&lock))
        };
        let reader = {
            let lock = lock.clone();
            thread::spawn(move || read(&lock))
        };
        bump(&lock);
        assert!(reader.join().unwrap() <= 2);
        other.join().unwrap();
        assert_eq!(read(&lock), 2);
    });
}

#[test]
fn the_bias_comes_back_and_is_revoked_again() {
    model(|| {
        let lock = lock(Bias::Readers);
        bump(&lock);
        assert!(!lock.is_biased());
        // One slow read brings the bias back (see `REBIAS`), here or there; the next write takes it
        // again.
        let reader = {
            let lock = lock.clone();
            thread::spawn(move || (read(&lock), read(&lock)))
        };
        bump(&lock);
        let (first, second) = reader.join().unwrap();
        assert!(1 <= first && first <= second && second <= 2);
        read(&lock);
        assert!(lock.is_biased());
        assert_eq!(read(&lock), 2);
    });
}

#[test]
fn a_nested_writer_gives_up_instead_of_waiting_and_the_next_one_still_waits() {
    model(|| {
        let (outer, inner) = (lock(Bias::Readers), lock(Bias::Readers));
        let (there_outer, there_inner) = (outer.clone(), inner.clone());
        // Both threads read one lock and write the other: with waiting this is a deadlock.
        let other = thread::spawn(move || {
            there_inner
                .read(|_| there_outer.write(|pair| *pair = [7; 2]).is_some())
                .expect("held nothing")
        });
        let mine =
            outer.read(|_| inner.write(|pair| *pair = [9; 2]).is_some()).expect("held nothing");
        let theirs = other.join().unwrap();
        assert_eq!(read(&inner), if mine { 9 } else { 0 });
        assert_eq!(read(&outer), if theirs { 7 } else { 0 });
        bump(&inner);
        bump(&outer);
    });
}

#[test]
fn within_itself_a_lock_reads_again_and_refuses_writes() {
    model(|| {
        let lock = lock(Bias::Readers);
        let writer = {
            let lock = lock.clone();
            thread::spawn(move || bump(&lock))
        };
        lock.read(|pair| {
            assert_eq!(lock.read(|again| *again), Some(*pair));
            assert!(lock.write(|_| ()).is_none());
        });
        lock.write(|_| assert!(lock.read(|_| ()).is_none()));
        assert!(!here::is_inside());
        writer.join().unwrap();
    });
}

#[test]
fn a_record_passes_from_an_ended_thread_to_the_next() {
    model(|| {
        let lock = lock(Bias::Readers);
        for _ in 0..2 {
            let lock = lock.clone();
            thread::spawn(move || read(&lock)).join().unwrap();
        }
        bump(&lock);
    });
}

#[test]
fn a_reader_that_finds_the_bias_back_sees_what_was_written_before() {
    model(|| {
        let lock = lock(Bias::Readers);
        let writer = {
            let lock = lock.clone();
            thread::spawn(move || bump(&lock))
        };
        // Brings the bias back, if it comes after the writer.
        let reader = {
            let lock = lock.clone();
            thread::spawn(move || read(&lock))
        };
        let (first, second) = (read(&lock), read(&lock));
        assert!(first <= second);
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn a_slot_that_already_announces_another_lock_still_says_that_the_first_was_left() {
    model(|| {
        let (first, second) = (lock(Bias::Readers), lock(Bias::Readers));
        let reader = {
            let (first, second) = (first.clone(), second.clone());
            thread::spawn(move || read(&first) + read(&second))
        };
        bump(&first);
        assert!(reader.join().unwrap() <= 1);
    });
}

#[test]
fn writers_nested_in_opposite_order_do_not_wait_for_each_other() {
    model(|| {
        let (outer, inner) = (lock(Bias::Never), lock(Bias::Never));
        let (there_outer, there_inner) = (outer.clone(), inner.clone());
        let other =
            thread::spawn(move || there_inner.write(|_| there_outer.write(|_| ()).is_some()));
        outer.write(|_| inner.write(|_| ()).is_some());
        other.join().unwrap();
    });
}

#[test]
fn a_nested_writer_that_gave_up_has_opened_nothing() {
    for bias in [Bias::Readers, Bias::Never] {
        model(move || {
            let (outer, inner) = (lock(bias), lock(bias));
            let there = inner.clone();
            let other = thread::spawn(move || bump(&there));
            let mine = outer.write(|_| {
                inner
                    .write(|pair| {
                        pair[0] += 1;
                        pair[1] += 1;
                    })
                    .is_some()
            });
            // Were the gate open now, this would be inside together with the other one.
            bump(&inner);
            other.join().unwrap();
            assert_eq!(read(&inner), if mine == Some(true) { 3 } else { 2 });
        });
    }
}

#[test]
fn a_gate_lets_one_in_at_a_time_and_nobody_sleeps_for_ever() {
    model(|| {
        let locked = Arc::new(Locked::new(0));
        let others: Vec<_> = (0..2)
            .map(|_| {
                let locked = locked.clone();
                thread::spawn(move || locked.with(|count| *count += 1))
            })
            .collect();
        locked.with(|count| *count += 1);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(locked.with(|count| *count), 3);
    });
}
