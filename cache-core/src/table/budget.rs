//! One capacity for all the tables of a client, and who gives when it is used up.

use super::here;
use super::lock::{Bias, Lock};
use crate::sync::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::fmt;
use std::sync::{Arc, Weak};

/// A capacity, shared by the tables that are made with it.
///
/// What the tables hold together never exceeds it. While it is used up, each newcomer takes the
/// room of an entry of a table drawn by lot, where a table has as many lots as it holds entries: so
/// the shares follow the rates of insertion, and a table that nobody uses gives its room away.
///
/// ```
/// use cache_core::table::Budget;
///
/// let budget = Budget::entries(10_000);
/// assert_eq!((budget.capacity(), budget.used()), (10_000, 0));
/// ```
pub struct Budget {
    capacity: AtomicU64,
    used: Line<AtomicU64>,
    /// How many tables have joined; one is the common case and draws no lots.
    members: AtomicUsize,
    draws: AtomicU32,
    lots: Lock<Lots>,
}

/// A line of its own: while there is no free room, nobody writes it.
#[repr(align(128))]
struct Line<T>(T);

/// A table seen from its budget.
pub(super) trait Member: Send + Sync {
    /// What it holds at the moment.
    fn holds(&self) -> u64;
    /// Evicts until `room` has `want` units or nothing is left.
    fn give(&self, room: &mut Room<'_>, want: u64);
}

#[derive(Default)]
struct Lots {
    members: Vec<Weak<dyn Member>>,
    /// Places in `members`.
    tickets: Vec<usize>,
}

/// Lots are written anew after as many draws.
const TICKETS: u32 = 256;

impl Budget {
    /// Room for so many entries.
    #[must_use]
    pub fn entries(count: usize) -> Arc<Self> {
        Budget::weight(count as u64)
    }

    /// Room for entries of this weight in all; an entry of a table without a weigher weighs one.
    #[must_use]
    pub fn weight(capacity: u64) -> Arc<Self> {
        Arc::new(Budget {
            capacity: AtomicU64::new(capacity),
            used: Line(AtomicU64::new(0)),
            members: AtomicUsize::new(0),
            draws: AtomicU32::new(0),
            lots: Lock::new(Lots::default(), Bias::Readers),
        })
    }

    /// What fits in all.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::Relaxed)
    }

    /// What is taken at the moment, by all tables.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.0.load(Ordering::Relaxed)
    }

    /// Changes what fits; what does not fit any more is evicted at once. Each table keeps the
    /// number of shards that its budget asked for when it was made.
    ///
    /// ```
    /// use cache_core::{Budget, Clock, Near, TableOptions};
    ///
    /// let budget = Budget::entries(100);
    /// let near = Near::<u64, u64>::new(TableOptions::new(budget.clone(), Clock::system()));
    /// near.put_many((0..100).map(|n| (n, n)));
    /// budget.resize(10);
    /// assert_eq!((near.capacity(), near.len()), (10, 10));
    /// ```
    pub fn resize(&self, capacity: u64) {
        self.capacity.store(capacity, Ordering::Relaxed);
        while let Some(excess) = self.used().checked_sub(capacity).filter(|excess| *excess > 0) {
            let mut room = Room::new(self);
            let members = self.members();
            for member in &members {
                if room.units() < excess {
                    member.give(&mut room, excess);
                }
            }
            here::outside(move |_| drop(members));
            if room.units() == 0 {
                return;
            }
        }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.members.load(Ordering::Relaxed) > 1
    }

    fn reserve(&self, units: u64) -> bool {
        let fits = |used: u64| used.checked_add(units).filter(|sum| *sum <= self.capacity());
        // The plain look first: a full budget must stay in everybody's cache.
        fits(self.used()).is_some()
            && self.used.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, fits).is_ok()
    }

    pub(super) fn release(&self, units: u64) {
        if units > 0 {
            self.used.0.fetch_sub(units, Ordering::AcqRel);
        }
    }

    /// Called while this thread holds no lock, and so never refused.
    pub(super) fn join(&self, member: Weak<dyn Member>) {
        self.lots.write(|lots| {
            lots.members.retain(|member| member.strong_count() > 0);
            lots.members.push(member);
            lots.tickets.clear();
            self.members.store(lots.members.len(), Ordering::Relaxed);
        });
        // The next draw writes lots.
        self.draws.store(0, Ordering::Relaxed);
    }

    /// A member drawn by lot, with as many lots for each as it holds; `None` while nothing is held.
    pub(super) fn draw(&self) -> Option<Arc<dyn Member>> {
        let draws = self.draws.load(Ordering::Relaxed).wrapping_add(1);
        self.draws.store(draws, Ordering::Relaxed);
        if draws % TICKETS == 1 {
            self.write_lots();
        }
        self.lots.read(|lots| {
            let ticket = lots.tickets.get(here::random() as usize % lots.tickets.len().max(1))?;
            lots.members.get(*ticket)?.upgrade()
        })?
    }

    pub(super) fn members(&self) -> Vec<Arc<dyn Member>> {
        self.lots
            .read(|lots| lots.members.iter().filter_map(Weak::upgrade).collect())
            .unwrap_or_default()
    }

    /// Systematic sampling: a random start and even steps over what all hold, so that also those
    /// who hold less than one lot have their chance.
    fn write_lots(&self) {
        let Some(members) = self.lots.read(|lots| lots.members.clone()) else { return };
        let strong: Vec<_> = members.iter().map(Weak::upgrade).collect();
        let shares: Vec<u64> =
            strong.iter().map(|member| member.as_ref().map_or(0, |m| m.holds())).collect();
        let step = (shares.iter().sum::<u64>() as f64 / f64::from(TICKETS)).max(f64::MIN_POSITIVE);
        let mut next = step * (here::random() % 1024) as f64 / 1024.0;
        let mut tickets = Vec::with_capacity(TICKETS as usize);
        let mut end = 0.0;
        for (place, share) in shares.iter().enumerate() {
            end += *share as f64;
            while next < end {
                tickets.push(place);
                next += step;
            }
        }
        self.lots.write(|lots| {
            let same = lots.members.len() == members.len()
                && lots.members.iter().zip(&members).all(|(a, b)| Weak::ptr_eq(a, b));
            if same {
                lots.tickets = tickets;
            }
        });
        // One of them may be the last owner of its table by now.
        here::outside(move |_| drop(strong));
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("capacity", &self.capacity())
            .field("used", &self.used())
            .finish()
    }
}

/// Units taken from the budget and not yet used by an entry; what is left goes back.
pub(super) struct Room<'a> {
    budget: &'a Budget,
    units: u64,
}

impl<'a> Room<'a> {
    pub(super) fn new(budget: &'a Budget) -> Self {
        Room { budget, units: 0 }
    }

    pub(super) fn units(&self) -> u64 {
        self.units
    }

    /// Takes free room, if there is as much.
    pub(super) fn reserve(&mut self, units: u64) -> bool {
        let fits = self.budget.reserve(units);
        if fits {
            self.units += units;
        }
        fits
    }

    pub(super) fn add(&mut self, units: u64) {
        self.units += units;
    }

    pub(super) fn spend(&mut self, units: u64) {
        self.units -= units;
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.budget.release(self.units);
    }
}
