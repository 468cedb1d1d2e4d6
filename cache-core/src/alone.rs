//! The miss of a body that blocks and whose values live near: mostly nobody else is concerned.

use crate::compute::{Miss, Tally, Want, cause_of};
use crate::entry::Entry;
use crate::flight::{JoinedLone, Landing, Lone};
use crate::gather::{self, Gather, Note};
use crate::memo::{Found, Memo};
use crate::near::Near;
use crate::observe::{Ending, Watch};
use crate::outcome::Rules;
use crate::stats::Event;
use crate::table::{Inserted, Touch};
use crate::tags::epoch;
use std::hash::Hash;

impl<K, V> Memo<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// [`compute`](Memo::compute) without far tiers and without tags of the function's own.
    pub(crate) fn compute_near<R: 'static>(
        &self,
        near: &Near<K, V>,
        (hash, mut key): (u64, K),
        (want, miss): (Want, Miss),
        rules: Rules<V, R>,
        run: &mut dyn FnMut() -> R,
    ) -> R {
        let mut too_old = want == Want::Newer;
        let called = epoch();
        loop {
            match self.flights.join_lone(hash, key) {
                JoinedLone::Lead(mut lone) => {
                    if want == Want::Value
                        && miss != Miss::Marked(lone.mark())
                        && let Some(value) = self.landed_before_lone(&lone)
                    {
                        return (rules.wrap)(value);
                    }
                    return self.lead_lone(near, &mut lone, want, rules, run);
                }
                JoinedLone::Follow(flight, again) => {
                    self.count_waiter(&mut true);
                    match self.follow((flight, called), again, &mut too_old, rules) {
                        Ok(result) => return result,
                        Err(again) => key = again,
                    }
                }
            }
        }
    }

    /// What a flight that ended between the look and the join has left.
    fn landed_before_lone(&self, lone: &Lone<'_, K, V>) -> Option<V> {
        let key = lone.key()?;
        match self.look(lone.hash(), |k| k == key, Touch::Visit) {
            Found::Live { value, .. } => Some(value),
            Found::Expiring(_) | Found::Missing(_) => None,
        }
    }

    fn lead_lone<R>(
        &self,
        near: &Near<K, V>,
        lone: &mut Lone<'_, K, V>,
        want: Want,
        rules: Rules<V, R>,
        run: &mut dyn FnMut() -> R,
    ) -> R {
        let hash = lone.hash();
        let watch = Watch::begin(self, (hash, lone.key()), None, cause_of(want));
        let (result, note) = {
            let _tally = Tally::of(self, hash);
            let _inside = lone.enter();
            let _span = watch.enter();
            let gather = Gather::begin(Note::default());
            let result = run();
            (result, self.noted(Note::default(), &gather.end()))
        };
        let Some(value) = (rules.value)(&result) else {
            gather::hand(&note);
            let landing = self.failed(hash, &result, rules);
            watch.end(Ending::of_none(rules.fails));
            let key = lone.give_key();
            lone.land_noted(|| note.clone(), || landing.unwrap_or_else(Landing::gone));
            return match key {
                Some(key) => self.graced(hash, &key, result, rules),
                None => result,
            };
        };
        let told = self.has_hooks().then(|| lone.key().cloned()).flatten();
        let entry = self.entry(value.clone(), &note);
        // Mostly nobody wants to know, and the time is not for nothing.
        let shell = entry.shell();
        if gather::is_gathering() {
            gather::hand(&self.note_of(&shell, &note));
        }
        watch.end(self.store_lone(near, lone, entry, &note));
        lone.land_noted(|| self.note_of(&shell, &note), || Landing::Value(value.clone()));
        if let Some(key) = told {
            self.tell(&key, value);
        }
        result
    }

    fn store_lone(
        &self,
        near: &Near<K, V>,
        lone: &mut Lone<'_, K, V>,
        entry: Entry<V>,
        note: &Note,
    ) -> Ending {
        if note.unknown || !self.is_wanted(&entry.value) {
            self.stats.count(Event::Unstored);
            return Ending::Unstored;
        }
        self.backoff.forget(lone.hash());
        self.count_stored(near.commit_lone(lone, entry))
    }

    pub(crate) fn count_stored(&self, inserted: Inserted) -> Ending {
        match inserted {
            Inserted::Stored | Inserted::Present => Ending::Stored,
            Inserted::Fenced => {
                self.stats.count(Event::Fenced);
                Ending::Fenced
            }
            Inserted::TooHeavy | Inserted::Busy => {
                self.stats.count(Event::Unstored);
                Ending::Unstored
            }
        }
    }
}
