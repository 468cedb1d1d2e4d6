//! Many values at once, what is missing from one call of the caller's closure.
//!
//! Two batches that want each other's keys do not wait in a circle: each first computes and lands
//! all that it leads, and holds nothing while it waits for the rest.

use super::Near;
use crate::flight::{Flight, Follow, Joined, Landed, Landing, Lead};
use crate::gather::{self, Gather, Note};
use crate::tags::epoch;
use crate::trail::Inside;
use crate::wait;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// The different keys of a batch, and what has become of them.
pub(crate) struct Distinct<'a, K, V> {
    keys: Vec<&'a K>,
    states: Vec<State<V>>,
    /// For each key that was asked for, its place in `keys`.
    places: Vec<usize>,
}

enum State<V> {
    Open,
    Value(V),
    Failed,
}

impl<'a, K: Hash + Eq, V: Clone> Distinct<'a, K, V> {
    pub(crate) fn new(asked: &'a [K]) -> Self {
        let (mut keys, mut seen) = (Vec::new(), HashMap::new());
        let places = asked
            .iter()
            .map(|key| {
                *seen.entry(key).or_insert_with(|| {
                    keys.push(key);
                    keys.len() - 1
                })
            })
            .collect();
        let states = keys.iter().map(|_| State::Open).collect();
        Distinct { keys, states, places }
    }

    pub(crate) fn key(&self, at: usize) -> &'a K {
        self.keys[at]
    }

    /// The places of keys that are neither computed nor given up.
    pub(crate) fn open(&self) -> Vec<usize> {
        let open = |at: &usize| matches!(self.states[*at], State::Open);
        (0..self.keys.len()).filter(open).collect()
    }

    pub(crate) fn settle(&mut self, at: usize, value: Option<V>) {
        self.states[at] = value.map_or(State::Failed, State::Value);
    }

    /// A value for each key that was asked for, in that order.
    pub(crate) fn into_values(self) -> Vec<Option<V>> {
        let value = |at: &usize| match &self.states[*at] {
            State::Value(value) => Some(value.clone()),
            State::Open | State::Failed => None,
        };
        self.places.iter().map(value).collect()
    }
}

/// Places and leads of one round, and the flights of others.
type Round<'a, K, V> = (Vec<(usize, Lead<'a, K, V>)>, Vec<(usize, Arc<Flight<K, V>>)>);

impl<K, V> Near<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The values of all keys, in their order. What is missing is computed by one call, which gets
    /// the missing keys, each once, and gives their values in the same order.
    ///
    /// Keys that somebody else is computing are waited for, after the own ones are stored; only if
    /// that computation fails is `compute` called again, for those.
    ///
    /// # Panics
    /// As [`get_or_compute`](Near::get_or_compute); and when `compute` gives another number of
    /// values than it got keys.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// near.put(2, 4);
    /// let squares = near.get_or_compute_many(&[1, 2, 3, 1], |missing| {
    ///     assert_eq!(missing, [1, 3]);
    ///     missing.iter().map(|n| n * n).collect()
    /// });
    /// assert_eq!(squares, [1, 4, 9, 1]);
    /// ```
    pub fn get_or_compute_many(
        &self,
        keys: &[K],
        mut compute: impl FnMut(&[K]) -> Vec<V>,
    ) -> Vec<V> {
        let values = self.try_get_or_compute_many(keys, |missing| {
            compute(missing).into_iter().map(Some).collect()
        });
        values.into_iter().flatten().collect()
    }

    /// [`get_or_compute_many`](Near::get_or_compute_many) where single keys may fail: their value is
    /// `None`, which is not stored, and others who wait for such a key compute it themselves.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    /// let near = Near::<u64, u64>::new(TableOptions::new(Budget::entries(100), Clock::system()));
    /// let halves = near.try_get_or_compute_many(&[1, 2], |missing| {
    ///     missing.iter().map(|n| (n % 2 == 0).then_some(n / 2)).collect()
    /// });
    /// assert_eq!(halves, [None, Some(1)]);
    /// assert!(!near.contains(&1));
    /// ```
    ///
    /// # Panics
    /// As [`get_or_compute_many`](Near::get_or_compute_many).
    pub fn try_get_or_compute_many(
        &self,
        keys: &[K],
        mut compute: impl FnMut(&[K]) -> Vec<Option<V>>,
    ) -> Vec<Option<V>> {
        let mut batch = Distinct::new(keys);
        for at in batch.open() {
            if let Some(value) = self.get(batch.key(at)) {
                batch.settle(at, Some(value));
            }
        }
        let called = epoch();
        loop {
            let open = batch.open();
            if open.is_empty() {
                return batch.into_values();
            }
            let (leads, follows) = self.join_all(&mut batch, open);
            if !leads.is_empty() {
                self.lead_all(&mut batch, leads, &mut compute);
            }
            for (at, flight) in follows {
                flight.run_job();
                match wait(Follow::new(flight, called)) {
                    Landed::Value(value) => batch.settle(at, Some(value)),
                    Landed::Circle => self.panic_in_circle(),
                    // Stays open: the next round computes it.
                    Landed::Sole(_) | Landed::Shared(_) | Landed::Gone => {}
                }
            }
        }
    }

    fn join_all(&self, batch: &mut Distinct<'_, K, V>, open: Vec<usize>) -> Round<'_, K, V> {
        let (mut leads, mut follows) = (Vec::new(), Vec::new());
        for at in open {
            let key = batch.key(at);
            match self.flights.join(self.table.hash(key), key.clone()) {
                Joined::Follow(flight, _) => follows.push((at, flight)),
                Joined::Lead(lead) => match self.left_behind(lead.flight().hash, key) {
                    Some((value, note)) => {
                        lead.flight().annotate(&note);
                        batch.settle(at, Some(value.clone()));
                        lead.land(|| Landing::Value(value));
                    }
                    None => leads.push((at, lead)),
                },
            }
        }
        (leads, follows)
    }

    /// Whatever stops this, a panic or a value that is missing, drops the leads that are left, and
    /// so lets others try.
    fn lead_all(
        &self,
        batch: &mut Distinct<'_, K, V>,
        leads: Vec<(usize, Lead<'_, K, V>)>,
        compute: &mut impl FnMut(&[K]) -> Vec<Option<V>>,
    ) {
        let missing: Vec<K> = leads.iter().map(|(at, _)| batch.key(*at).clone()).collect();
        let (values, note) = {
            let flights: Vec<u64> = leads.iter().map(|(_, lead)| lead.flight().id).collect();
            let _inside = flights.split_last().map(|(last, rest)| Inside::enter(rest, *last));
            let gather = Gather::begin(Note::default());
            let values = compute(&missing);
            (values, gather.end())
        };
        gather::hand(&note);
        let (given, wanted) = (values.len(), missing.len());
        for ((at, lead), value) in leads.into_iter().zip(values) {
            if let Some(value) = &value {
                let entry = self.entry(value.clone(), self.ttl, &note);
                lead.flight().annotate(&self.note_of(&entry).made_from(&note));
                if !note.unknown {
                    self.commit(lead.flight(), entry);
                }
                lead.land(|| Landing::Value(value.clone()));
            }
            batch.settle(at, value);
        }
        if given != wanted {
            wrong_count(given, wanted);
        }
    }
}

/// The closure of a batch broke its promise.
pub(crate) fn wrong_count(given: usize, wanted: usize) -> ! {
    panic!("the computation of a batch gave {given} values for {wanted} keys")
}
