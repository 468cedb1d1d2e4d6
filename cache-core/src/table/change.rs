//! Everything that changes a table, each under one shard's lock at a time.

use super::Table;
use super::budget::{Member, Room};
use super::entry::Entry;
use super::ghost::Gone;
use super::here::{self, Effort};
use super::shard::{Inserted, Offer, PutWhen, Shard, Slot, Step};
use super::stamp::{self, Life, Stamp};
use super::trash::Trash;
use crate::sync::{Ordering, yield_now};
use crate::tags::Tags;
use std::fmt;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// How often an insertion looks for room which others are just filling before it gives up.
const TRIES: u32 = 100;

/// What a cleared table held; dropped wherever and whenever its owner likes.
#[must_use = "dropping it takes time in proportion to what was there"]
pub struct Garbage(#[expect(dead_code, reason = "only kept to be dropped")] Vec<Box<dyn Send>>);

impl fmt::Debug for Garbage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Garbage")
    }
}

impl<K, V> Table<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Stores a value, evicting others where there is no room.
    ///
    /// `admit` is asked under the shard's lock, right before the change.
    ///
    /// ```
    /// use cache_core::table::{Budget, Inserted, Life, PutWhen, Table, TableOptions};
    ///
    /// let options = TableOptions::new(Budget::entries(100), cache_core::Clock::system());
    /// let table = Table::<u32, u32>::new(options);
    /// let hash = table.hash(&1);
    /// let add = |value, admitted: bool| {
    ///     table.insert(hash, 1, value, Life::FOREVER, PutWhen::Absent, || admitted)
    /// };
    /// assert_eq!(add(10, false), Inserted::Fenced);
    /// assert_eq!(add(10, true), Inserted::Stored);
    /// assert_eq!(add(11, true), Inserted::Present);
    /// ```
    pub fn insert(
        &self,
        hash: u64,
        key: K,
        value: V,
        life: Life,
        when: PutWhen,
        admit: impl FnOnce() -> bool,
    ) -> Inserted {
        self.insert_tagged(hash, key, value, life, Tags::none(), when, admit)
    }

    /// [`insert`](Table::insert) of a value with tags. Of keys with equal hashes, one at a time is
    /// kept with tags.
    #[expect(clippy::too_many_arguments, reason = "an insertion is all of them")]
    pub fn insert_tagged(
        &self,
        hash: u64,
        key: K,
        value: V,
        life: Life,
        tags: Tags,
        when: PutWhen,
        admit: impl FnOnce() -> bool,
    ) -> Inserted {
        let weight =
            self.weigher.as_ref().map_or(1, |weigher| u64::from(weigher(&key, &value).max(1)));
        let (stamp, tick) = stamp::stamp(&self.clock, life);
        let stamp = stamp.with_tags(!tags.is_empty());
        let mut offer = Offer { hash, pair: Some((key, value)), weight, stamp, tags, when, tick };
        let mut trash = Trash::new(self.listener.as_ref());
        let mut admit = Some(admit);
        let mut ask = || admit.take().is_some_and(|admit| admit());
        let inserted = if weight > self.budget.capacity() {
            self.refuse(&offer, &mut trash, &mut ask)
        } else {
            self.store(&mut offer, &mut trash, &mut ask)
        };
        if let Some((key, value)) = offer.pair {
            trash.silent(key, value);
        }
        trash.empty(self.listener.as_ref());
        inserted
    }

    fn store(
        &self,
        offer: &mut Offer<K, V>,
        trash: &mut Trash<K, V>,
        admit: &mut impl FnMut() -> bool,
    ) -> Inserted {
        let mut room = Room::new(&self.budget);
        let alone = self.slots.len() == 1 && !self.budget.is_shared();
        if self.budget.is_shared() {
            self.draw(&mut room, offer.weight);
        }
        for _ in 0..TRIES {
            let step = self
                .slot(offer.hash)
                .write(&self.budget, |shard| shard.insert(offer, &mut room, trash, alone, admit));
            match step {
                None => break,
                Some(Step::Done(inserted)) => return inserted,
                Some(Step::NeedRoom(missing)) => {
                    let want = room.units() + missing;
                    if !self.make_room(&mut room, want) {
                        yield_now();
                    }
                }
            }
        }
        // What is there now is older than what could not be stored; whoever fences does so before it goes.
        let _either = admit();
        self.remove_later(offer.hash);
        Inserted::Busy
    }

    /// Too heavy: the older value goes, the new one does not come.
    #[cold]
    fn refuse(
        &self,
        offer: &Offer<K, V>,
        trash: &mut Trash<K, V>,
        admit: &mut impl FnMut() -> bool,
    ) -> Inserted {
        let Some((key, _)) = &offer.pair else { return Inserted::TooHeavy };
        let done = self.slot(offer.hash).write(&self.budget, |shard| {
            let live = shard
                .store
                .get(offer.hash, |k| k == key)
                .is_some_and(|entry| shard.is_live(offer.hash, entry.stamp(), offer.tick));
            if offer.when == PutWhen::Absent && live {
                return Inserted::Present;
            }
            if !admit() {
                return Inserted::Fenced;
            }
            shard.take(offer.hash, |k| k == key, Gone::Invalidated, trash);
            Inserted::TooHeavy
        });
        done.unwrap_or_else(|| {
            self.remove_later(offer.hash);
            Inserted::TooHeavy
        })
    }

    /// In a full budget of several tables, lets the one drawn by lot make room. If that is this
    /// one, the shard will see to it.
    fn draw(&self, room: &mut Room<'_>, want: u64) {
        if room.reserve(want) {
            return;
        }
        let Some(member) = self.budget.draw() else { return };
        if !std::ptr::addr_eq(Arc::as_ptr(&member), std::ptr::from_ref(self)) {
            member.give(room, want);
        }
        // It may be the last owner by now.
        here::outside(move |_| drop(member));
    }

    #[cold]
    fn make_room(&self, room: &mut Room<'_>, want: u64) -> bool {
        self.give(room, want);
        if room.units() < want && self.budget.is_shared() {
            let members = self.budget.members();
            for member in &members {
                if room.units() < want {
                    member.give(room, want);
                }
            }
            here::outside(move |_| drop(members));
        }
        room.units() >= want || room.reserve(want - room.units())
    }

    /// Removes a key. True if a live value was there.
    ///
    /// Called inside of the same shard (by an `Eq` or a `Clone`) it answers false, and the key is
    /// removed as soon as the thread leaves.
    pub fn remove(&self, hash: u64, eq: impl Fn(&K) -> bool) -> bool {
        let tick = self.clock.tick();
        let mut trash = Trash::new(self.listener.as_ref());
        let taken = self.slot(hash).write(&self.budget, |shard| {
            let stamp = shard.store.get(hash, &eq).map(Entry::stamp);
            let live = stamp.is_some_and(|stamp| shard.is_live(hash, stamp, tick));
            shard.take(hash, eq, Gone::Invalidated, &mut trash);
            live
        });
        trash.empty(self.listener.as_ref());
        match taken {
            Some(live) => live,
            None => {
                self.remove_later(hash);
                false
            }
        }
    }

    /// By hash alone, since a comparison cannot be kept: another key with this hash goes too.
    #[cold]
    fn remove_later(&self, hash: u64) {
        self.later(hash, move |table| {
            let mut trash = Trash::new(table.listener.as_ref());
            table
                .slot(hash)
                .write(&table.budget, |shard| shard.take_hash(hash, Gone::Invalidated, &mut trash));
            trash.empty(table.listener.as_ref());
        });
    }

    /// Makes a change when this thread holds no lock any more. If user code does not let it happen,
    /// the shard is emptied: a cache may lose entries, but no invalidation.
    #[cold]
    fn later(&self, hash: u64, change: impl FnOnce(&Self) + 'static) {
        let this = self.this.clone();
        here::outside(move |effort| {
            let Some(table) = this.upgrade() else { return };
            let done = effort == Effort::Exact
                && catch_unwind(AssertUnwindSafe(|| change(&table))).is_ok();
            if !done {
                drop(table.slot(hash).write(&table.budget, Shard::clear));
            }
        });
    }

    /// Changes the stamp of an entry with `change`, which says what to answer; put off as a removal.
    fn restamp(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        change: impl Fn(Stamp) -> Option<Stamp> + Clone + 'static,
    ) -> bool {
        let tick = self.clock.tick();
        let done = self.slot(hash).lock.write(|shard| apply(shard, hash, eq, &change, tick));
        done.unwrap_or_else(|| {
            self.later(hash, move |table| {
                let same = |key: &K| table.hash(key) == hash;
                table.slot(hash).lock.write(|shard| apply(shard, hash, same, &change, tick));
            });
            false
        })
    }

    /// Lengthens a live value's life to `ttl` from now, and its refresh point; true if there was one.
    pub fn renew(&self, hash: u64, eq: impl Fn(&K) -> bool, ttl: Option<Duration>) -> bool {
        let (asked, tick) = stamp::stamp(&self.clock, Life { ttl, refresh_after: None });
        self.restamp(hash, eq, move |stamp| {
            let live = stamp.is_live(tick) && !stamp.is_expired_by_call();
            live.then(|| stamp.lengthen(asked.hard()))
        })
    }

    /// Makes a value dead from now on, also one that is so of its age; [`look`](Table::look) still finds
    /// it. True if a live one was there.
    pub fn expire(&self, hash: u64, eq: impl Fn(&K) -> bool) -> bool {
        let tick = self.clock.tick();
        let live = move |stamp: Stamp| stamp.is_live(tick).then(|| stamp.expire(tick));
        let old = move |stamp: Stamp| (!stamp.is_live(tick)).then(|| stamp.expire(tick));
        let was_live = self.restamp(hash, &eq, live);
        let _was_there = was_live || self.restamp(hash, eq, old);
        was_live
    }

    /// [`expire`](Table::expire) of everything. Passes over all entries, one shard at a time; a shard
    /// that this thread is inside of is emptied when it leaves.
    pub fn expire_all(&self) {
        let tick = self.clock.tick();
        let expire = |stamp: Stamp| stamp.is_live(tick).then(|| stamp.expire(tick));
        for (at, slot) in self.slots.iter().enumerate() {
            let done = slot.lock.write(|shard| {
                drop(shard.store.hashes(|entry| {
                    entry.try_change(expire);
                    false
                }));
            });
            if done.is_none() {
                self.clear_later(at);
            }
        }
    }

    /// Claims the refresh of a value that wants one, for `hold`: true for one caller until then.
    ///
    /// Meanwhile the value counts as fresh, also when it was expired by call; never beyond its TTL.
    /// Done among the readers, so that their bias stays. A visit that is counted at the same moment
    /// may undo the claim; then a second caller is let in, and finds the first one's flight.
    pub fn hold_refresh(&self, hash: u64, eq: impl Fn(&K) -> bool, hold: Duration) -> bool {
        let tick = self.clock.tick();
        let until = tick.saturating_add(stamp::ticks(hold).max(1));
        let claim =
            |stamp: Stamp| (stamp.soft() <= tick && stamp.hard() > tick).then(|| stamp.hold(until));
        let held = self.slot(hash).lock.read(|shard| {
            let Some(entry) = shard.store.get(hash, eq) else { return false };
            let stamp = entry.stamp();
            let softened = stamp.is_tagged()
                && stamp.is_live(tick)
                && shard.side.hold(hash, tick, until.min(stamp.hard()));
            softened || entry.try_change(claim)
        });
        held.unwrap_or(false)
    }

    /// Forgets everything, in a time that does not depend on how much there is.
    ///
    /// ```
    /// use cache_core::table::{Budget, Life, PutWhen, Table, TableOptions};
    ///
    /// let options = TableOptions::new(Budget::entries(100), cache_core::Clock::system());
    /// let table = Table::<u32, u32>::new(options);
    /// table.insert(table.hash(&1), 1, 10, Life::FOREVER, PutWhen::Always, || true);
    /// let garbage = table.clear();
    /// assert!(table.is_empty());
    /// std::thread::spawn(move || drop(garbage));
    /// ```
    pub fn clear(&self) -> Garbage {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        let mut garbage: Vec<Box<dyn Send>> = Vec::with_capacity(self.slots.len());
        for (at, slot) in self.slots.iter().enumerate() {
            match slot.write(&self.budget, Shard::clear) {
                Some(store) => garbage.push(Box::new(store)),
                None => self.clear_later(at),
            }
        }
        Garbage(garbage)
    }

    #[cold]
    fn clear_later(&self, at: usize) {
        let this = self.this.clone();
        here::outside(move |_| {
            if let Some(table) = this.upgrade() {
                drop(table.slots[at].write(&table.budget, Shard::clear));
            }
        });
    }

    /// Drops what has been dead for longer than `stale_for`, or is invalid by its tags; says how
    /// much that was. Passes over
    /// all entries, one shard at a time.
    pub fn purge(&self, stale_for: Duration) -> usize {
        let now = self.clock.tick();
        let limit = now.checked_sub(stamp::ticks(stale_for));
        self.slots.iter().map(|slot| self.purge_slot(slot, limit, now)).sum()
    }

    fn purge_slot(&self, slot: &Slot<K, V>, limit: Option<u64>, now: u64) -> usize {
        let mut trash = Trash::new(self.listener.as_ref());
        let purged = slot.write(&self.budget, |shard| {
            let invalid = shard.take_invalid(now, &mut trash);
            let Some(limit) = limit else { return invalid };
            let dead = shard.store.hashes(|entry| !entry.is_live(limit));
            invalid
                + dead.into_iter().filter(|hash| shard.take_dead(*hash, limit, &mut trash)).count()
        });
        trash.empty(self.listener.as_ref());
        purged.unwrap_or(0)
    }
}

fn apply<K: Hash + Eq, V>(
    shard: &mut Shard<K, V>,
    hash: u64,
    eq: impl Fn(&K) -> bool,
    change: &impl Fn(Stamp) -> Option<Stamp>,
    tick: u64,
) -> bool {
    // Changed all the same: a tag that is not believed now may turn out to be as it was.
    let stamp = shard.store.get(hash, &eq).map(Entry::stamp);
    let allowed = stamp.is_none_or(|stamp| !stamp.is_tagged() || shard.side.allows(hash, tick));
    let Some(entry) = shard.store.get_mut(hash, eq) else { return false };
    let Some(stamp) = change(entry.stamp()) else { return false };
    entry.set_stamp(stamp);
    allowed
}

impl<K, V> Member for Table<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn holds(&self) -> u64 {
        self.used()
    }

    /// A quarter of a shard at a time, from a random shard on.
    fn give(&self, room: &mut Room<'_>, want: u64) {
        let tick = self.clock.tick();
        let start = here::random() as usize;
        let mut trash = Trash::new(self.listener.as_ref());
        let mut progress = true;
        while room.units() < want && progress {
            progress = false;
            for turn in 0..self.slots.len() {
                let slot = &self.slots[start.wrapping_add(turn) & (self.slots.len() - 1)];
                if room.units() >= want {
                    break;
                }
                if slot.used() > 0 {
                    let given =
                        slot.write(&self.budget, |shard| shard.give(tick, room, want, &mut trash));
                    progress |= given.unwrap_or(false);
                }
            }
        }
        trash.empty(self.listener.as_ref());
    }
}
