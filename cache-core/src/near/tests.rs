//! What a removal must not leave to those who come after it.

use super::*;
use crate::clock::ManualClock;
use crate::flight::Joined;
use crate::table::Budget;
use std::cell::RefCell;

fn near() -> Near<u64, u64> {
    Near::new(TableOptions::new(Budget::entries(100), ManualClock::new().clock()))
}

/// Begins a computation while the table is about to make the change: it may have found what goes.
fn begin_within(change: impl FnOnce(&Near<u64, u64>, u64, &dyn Fn(&u64) -> bool)) {
    let near = near();
    near.put(7, 1);
    let hash = near.table.hash(&7);
    let begun = RefCell::new(None);
    change(&near, hash, &|key| {
        let mut begun = begun.borrow_mut();
        begun.get_or_insert_with(|| near.flights.join(hash, 7));
        *key == 7
    });
    assert!(matches!(*begun.borrow(), Some(Joined::Lead(_))));
    assert!(matches!(near.flights.join(hash, 7), Joined::Lead(_)), "it is joined");
}

#[test]
fn who_comes_after_a_removal_does_not_join_what_began_before_it_was_made() {
    begin_within(|near, hash, eq| assert!(near.remove_where(hash, eq)));
}

#[test]
fn who_comes_after_an_expiry_does_not_join_what_began_before_it_was_made() {
    begin_within(|near, hash, eq| assert!(near.expire_where(hash, eq)));
}
