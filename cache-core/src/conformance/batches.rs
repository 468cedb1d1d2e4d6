//! Batches: one computation for what is missing, keys in other flights awaited, no circles.

use super::gate::{Gate, begin, begin_until};
use super::harness::{Harness, Subject, key, text};
use crate::ext::CacheExt;
use crate::task::BoxFuture;
use crate::wait;
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What each call of a batch's computation was asked for.
type Calls = Arc<Mutex<Vec<Vec<String>>>>;

/// A batch whose values are `of` and the key, behind a gate.
fn batch<'a, C: Subject>(
    cache: &'a C,
    keys: &'a [String],
    of: &'static str,
    gate: &Gate,
    calls: &Calls,
) -> BoxFuture<'a, Vec<String>> {
    let (gate, calls) = (gate.clone(), calls.clone());
    Box::pin(cache.get_or_compute_many(keys, move |missing| {
        let gate = gate.clone();
        calls.lock().push(missing.clone());
        async move {
            gate.passed().await;
            missing.iter().map(|key| format!("{of} {key}")).collect()
        }
    }))
}

fn open() -> Gate {
    let gate = Gate::default();
    gate.open();
    gate
}

fn keys<const N: usize>(numbers: [u32; N]) -> [String; N] {
    numbers.map(key)
}

/// Acceptance X20: hits among the keys.
pub fn x20_a_batch_computes_only_what_is_missing<C: Subject>(harness: &Harness<C>) {
    let (cache, calls, asked) = (harness.fresh(), Calls::default(), keys([1, 2, 3]));
    wait(cache.put_for(&key(2), text("put"), 100)).unwrap();
    let values = wait(batch(&cache, &asked, "a", &open(), &calls));
    assert_eq!(values, [format!("a {}", key(1)), text("put"), format!("a {}", key(3))]);
    assert_eq!(*calls.lock(), [keys([1, 3])]);
    assert_eq!(wait(batch(&cache, &asked, "b", &open(), &calls)), values);
    assert_eq!(wait(batch(&cache, &[], "c", &open(), &calls)), [""; 0]);
    assert_eq!(calls.lock().len(), 1);
}

/// Acceptance X20: duplicates.
pub fn x20_a_batch_computes_duplicates_once<C: Subject>(harness: &Harness<C>) {
    let (cache, calls, asked) = (harness.fresh(), Calls::default(), keys([1, 2, 1, 1]));
    let values = wait(batch(&cache, &asked, "a", &open(), &calls));
    assert_eq!(values, [1, 2, 1, 1].map(|n| format!("a {}", key(n))));
    assert_eq!(*calls.lock(), [keys([1, 2])]);
}

/// Acceptance X20: keys in other flights.
pub fn x20_a_batch_waits_for_keys_that_others_compute<C: Subject>(harness: &Harness<C>) {
    let (cache, calls, asked, single) =
        (harness.fresh(), Calls::default(), keys([1, 2, 3]), key(2));
    let gate = Gate::default();
    let passed = gate.clone();
    let mut other = Box::pin(cache.get_or_compute(&single, move || async move {
        passed.passed().await;
        text("other's")
    }));
    begin(&mut other);
    let mut many = batch(&cache, &asked, "a", &open(), &calls);
    // What it leads itself is stored while it waits.
    begin_until(&mut many, || wait(cache.get(&key(3))).unwrap() == Some(format!("a {}", key(3))));
    gate.open();
    assert_eq!(wait(many)[1], "other's");
    assert_eq!(wait(other), "other's");
    assert_eq!(*calls.lock(), [keys([1, 3])]);
}

/// Acceptance X20: partial failure.
pub fn x20_a_failed_key_of_a_batch_is_free_again<C: Subject>(harness: &Harness<C>) {
    let (cache, asked, failing) = (harness.fresh(), keys([1, 2]), key(1));
    let gate = Gate::default();
    let passed = gate.clone();
    let mut many = Box::pin(cache.try_get_or_compute_many(&asked, move |missing: Vec<String>| {
        let passed = passed.clone();
        async move {
            passed.passed().await;
            missing.into_iter().map(|name| (name != key(1)).then_some(name)).collect()
        }
    }));
    begin(&mut many);
    let mut waiter = Box::pin(cache.get_or_compute(&failing, || async { text("waiter's") }));
    begin(&mut waiter);
    gate.open();
    assert_eq!(wait(many), [None, Some(key(2))]);
    assert_eq!(wait(waiter), "waiter's");
    let found = wait(cache.get_many(&asked)).unwrap();
    assert_eq!(found, [Some(text("waiter's")), Some(key(2))]);
}

/// Acceptance X20 and X4.
pub fn x20_a_panic_in_a_batch_frees_all_its_keys<C: Subject>(harness: &Harness<C>) {
    let (cache, calls, asked, reversed) =
        (harness.fresh(), Calls::default(), keys([1, 2]), keys([2, 1]));
    let gate = Gate::default();
    let passed = gate.clone();
    let mut many = Box::pin(cache.get_or_compute_many(&asked, move |_| {
        let passed = passed.clone();
        async move {
            passed.passed().await;
            panic!("the batch's own words")
        }
    }));
    begin(&mut many);
    let mut next = batch(&cache, &reversed, "next", &open(), &calls);
    begin(&mut next);
    gate.open();
    let panic = catch_unwind(AssertUnwindSafe(|| wait(many))).expect_err("no panic");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the batch's own words"));
    assert_eq!(wait(next), [2, 1].map(|n| format!("next {}", key(n))));
    assert_eq!(*calls.lock(), [keys([2, 1])]);
}

/// Acceptance X20: each wants a key that the other one leads.
pub fn x20_crossed_batches_do_not_wait_in_a_circle<C: Subject>(harness: &Harness<C>) {
    let (cache, calls) = (harness.fresh(), Calls::default());
    let (first, second, third) = (keys([1, 2]), keys([3, 2, 1]), keys([2, 3]));
    let (one, other) = (Gate::default(), Gate::default());
    let mut a = batch(&cache, &first, "a", &one, &calls);
    begin_until(&mut a, || calls.lock().len() == 1);
    let mut b = batch(&cache, &second, "b", &other, &calls);
    begin_until(&mut b, || calls.lock().len() == 2);
    let mut c = batch(&cache, &third, "c", &open(), &calls);
    begin(&mut c);
    other.open();
    one.open();
    assert_eq!(wait(c), [format!("a {}", key(2)), format!("b {}", key(3))]);
    let expected = [format!("b {}", key(3)), format!("a {}", key(2)), format!("a {}", key(1))];
    assert_eq!(wait(b), expected);
    assert_eq!(wait(a), [1, 2].map(|n| format!("a {}", key(n))));
    assert_eq!(*calls.lock(), [keys([1, 2]).to_vec(), keys([3]).to_vec()]);
}

/// Acceptance X1, for batches. What was not changed is stored; leases may share a mark with a few
/// other keys, so that one in some hundred is not: hence more than one try.
pub fn x1_changes_during_a_batch_win<C: Subject>(harness: &Harness<C>) {
    let stored = (0..5).any(|turn| changes_win(harness, 10 * turn));
    assert!(stored, "what was not changed is never stored");
}

/// Whether the key that nobody changed is stored.
fn changes_win<C: Subject>(harness: &Harness<C>, first: u32) -> bool {
    let (cache, calls) = (harness.fresh(), Calls::default());
    let [deleted, put, expired, left] = [1, 2, 3, 4].map(|n| key(first + n));
    let asked = [deleted.clone(), put.clone(), expired.clone(), left.clone()];
    let gate = Gate::default();
    let mut many = batch(&cache, &asked, "old", &gate, &calls);
    begin_until(&mut many, || calls.lock().len() == 1);
    wait(cache.delete(&deleted)).unwrap();
    wait(cache.put_for(&put, text("put"), 100)).unwrap();
    wait(cache.expire(&expired)).unwrap();
    gate.open();
    assert_eq!(wait(many), asked.clone().map(|key| format!("old {key}")));
    let found = wait(cache.get_many(&asked)).unwrap();
    assert_eq!(found[..3], [None, Some(text("put")), None]);
    assert!(found[3].is_none() || found[3] == Some(format!("old {left}")), "{found:?}");
    found[3].is_some()
}
