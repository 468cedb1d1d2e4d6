//! What calls of both kinds do without waiting, given how to make the job that computes them.

use super::work::Sought;
use crate::compute::Want;
use crate::detached::{Body, Order, Urgency};
use crate::entry::Reason;
use crate::fly::Fly;
use crate::memo::Found;
use crate::outcome::Rules;
use crate::pending::Pending;
use crate::stats::Event;
use crate::table::Touch;

/// Makes the job: blocking or not, as the function is.
pub(super) type Again<W> = fn(W) -> Body<<W as Sought>::Key, <W as Sought>::Out>;

/// The computation that is on its way.
pub(super) type Flight<W> = Fly<<W as Sought>::Key, <W as Sought>::Value, <W as Sought>::Out>;

pub(super) fn rules<W: Sought>(work: &W) -> Rules<W::Value, W::Out> {
    work.rules().0
}

#[inline]
pub(super) fn fresh<W: Sought>(work: &W) -> Option<W::Value> {
    work.memo().fresh(work.hash(), |key| work.matches(key))
}

pub(super) fn look<W: Sought>(work: &W, touch: Touch) -> Found<W::Value> {
    work.memo().look(work.hash(), |key| work.matches(key), touch)
}

/// A fresh value that is not due for a refresh, also where no async TTL was given.
fn fresh_enough<W: Sought>(work: &W) -> Option<W::Value> {
    let memo = work.memo();
    let policy = memo.policy();
    if policy.async_ttl().is_some() || policy.ttl().is_none() {
        return fresh(work);
    }
    match look(work, Touch::Visit) {
        Found::Live { value, soft_passed, left, .. } if !policy.is_due(soft_passed, left) => {
            memo.stats.count(Event::Hit);
            Some(value)
        }
        _ => None,
    }
}

/// Starts one refresh; for some time nobody else will.
pub(super) fn refresh_once<W: Sought<Out: Send>>(work: W, again: Again<W>) {
    let memo = work.memo();
    let hold = memo.policy().pause(1);
    // Held, it counts as fresh, also what has been expired just now: for those who asked for that.
    let held = memo.refreshes()
        && memo
            .table
            .as_ref()
            .is_some_and(|table| table.hold_refresh(work.hash(), |key| work.matches(key), hold));
    if held {
        // Meanwhile it looks young: only a newer one will do.
        launch(work, again, Want::Newer);
    } else if memo.policy().async_ttl().is_none() {
        launch(work, again, memo.want_of_refresh());
    }
}

pub(super) fn launch<W: Sought<Out: Send>>(work: W, again: Again<W>, want: Want) {
    let (memo, hash, key, rules) = (work.memo(), work.hash(), work.own(), rules(&work));
    let order = Order { urgency: Urgency::Refresh, want, counted: true };
    drop(memo.launch(hash, key, &again(work), rules, order));
}

/// Starts the computation, unless it fails all the time and an old value is good enough.
pub(super) fn take_off<W: Sought<Out: Send>>(
    work: W,
    again: Again<W>,
    reason: Reason,
    urgency: Urgency,
) -> Result<Flight<W>, W::Value> {
    let (memo, hash, key, rules) = (work.memo(), work.hash(), work.own(), rules(&work));
    if let Some(value) = memo.pausing(hash, &key) {
        memo.stats.count(Event::GraceHit);
        return Err(value);
    }
    memo.count_near_miss(reason);
    Ok(Fly::start(memo, hash, key, again(work), rules, urgency, Want::Value))
}

pub(super) fn lazy<W: Sought<Out: Send>>(work: W, again: Again<W>) -> Option<W::Value> {
    if let Some(value) = fresh_enough(&work) {
        return Some(value);
    }
    let memo = work.memo();
    match look(&work, Touch::Visit) {
        Found::Live { value, .. } | Found::Expiring(value) => {
            memo.stats.count(Event::StaleHit);
            refresh_once(work, again);
            Some(value)
        }
        Found::Missing(reason) => {
            memo.count_miss(reason);
            launch(work, again, Want::Value);
            None
        }
    }
}

pub(super) fn future<W: Sought<Out: Send>>(work: W, again: Again<W>) -> Pending<W::Out> {
    let memo = work.memo();
    if let Some(value) = fresh_enough(&work) {
        return Pending::ready(W::wrap(value));
    }
    match look(&work, Touch::Visit) {
        Found::Live { value, .. } | Found::Expiring(value) => {
            memo.stats.count(Event::StaleHit);
            refresh_once(work, again);
            Pending::ready(W::wrap(value))
        }
        Found::Missing(reason) => match take_off(work, again, reason, Urgency::Demand) {
            Ok(fly) => Pending::coming(&memo.clock, Box::pin(fly)),
            Err(value) => Pending::ready(W::wrap(value)),
        },
    }
}
