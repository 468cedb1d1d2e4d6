//! The tags of a cached function: captured before each computation, put on whatever is stored.

use crate::entry::{Entry, Lease, Lookup, Reason};
use crate::flight::Flight;
use crate::gather::Note;
use crate::memo::Memo;
use crate::tags::{TagSource, Tags, Verdict};
use crate::wait;
use std::hash::Hash;

/// Which tags a function's values have.
pub(crate) struct TagRule<K> {
    pub(crate) source: TagSource,
    pub(crate) names: fn(&K) -> Vec<String>,
}

impl<K, V> Memo<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The versions of this key's tags, to be read before its computation begins. What cannot be
    /// read leaves the value without a way to be invalidated: it is not stored then.
    pub(crate) async fn capture(&self, key: &K) -> Note {
        let Some(rule) = &self.tags else { return Note::default() };
        match rule.source.capture(&(rule.names)(key)).await {
            Ok(tags) => Note::of_tags(tags),
            Err(_) => Note::unknown(),
        }
    }

    /// The same for a flight, which is joined by nobody any more once they are outdated.
    pub(crate) async fn capture_for(&self, flight: &Flight<K, V>) -> Note {
        let captured = self.capture(&flight.key).await;
        flight.begin_under(&captured.tags);
        captured
    }

    /// The same in a thread that may wait.
    #[inline]
    pub(crate) fn capture_now(&self, flight: &Flight<K, V>) -> Note {
        if self.tags.is_none() {
            return Note::default();
        }
        wait(self.capture_for(flight))
    }

    /// All that a value depends on: the function's own tags, and what its body has used.
    #[inline]
    pub(crate) fn noted(&self, captured: Note, used: &Note) -> Note {
        if self.isolated { captured } else { captured.and(used) }
    }

    /// An entry of this value, made from what is noted.
    pub(crate) fn entry(&self, value: V, note: &Note) -> Entry<V> {
        let life = self.life_of(&value, note.left(&self.clock));
        let tags = note.tags.clone();
        Entry { value, ttl: life.ttl, refresh_after: life.refresh_after, tags }
    }

    /// What a computation that gets this entry's value is to know.
    pub(crate) fn note_of<T>(&self, entry: &Entry<T>, made_from: &Note) -> Note {
        let left = entry.ttl.unwrap_or(std::time::Duration::MAX);
        Note::of(entry.tags.clone(), left, &self.clock).made_from(made_from)
    }

    /// An answer of the tiers behind as far as this process knows better: none, where a tag has been
    /// invalidated.
    pub(crate) fn validate(&self, found: Lookup<V>) -> Lookup<V> {
        let dead = |tags: &Tags| !tags.is_empty() && tags.verdict(&self.clock) == Verdict::Hard;
        let lease = match found {
            Lookup::Fresh { ref tags, .. } if dead(tags) => Lease::none(),
            Lookup::Stale { tags, lease, .. } | Lookup::Expired { tags, lease, .. }
                if dead(&tags) =>
            {
                lease
            }
            found => return found,
        };
        Lookup::Missing { reason: Reason::Tag, lease }
    }
}
