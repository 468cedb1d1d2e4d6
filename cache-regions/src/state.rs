//! What stands behind a region: its settings of the moment, the revision that holds, and the caches
//! that were opened from it.

use crate::known::{Known, Said};
use crate::plan::{RegionPlan, TierPlan};
use crate::revisions::{InProcess, InvalidationStrategy, OnServer, RECORDS, Revisions, Unsent};
use cache_clients::server::Server as _;
use cache_core::{Budget, Error, Invalidation, Policy, Result, in_background};
use parking_lot::{Mutex, RwLock};
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// Fronts that are opened before anybody knows how many entries there will be are cut for so many.
const ENTRIES: usize = 100_000;

/// How often a change looks again which revision holds, while others find other ones.
const TURNS: usize = 4;

/// A region of which nothing but the name is known without a configuration.
pub(crate) struct RegionState {
    pub(crate) name: Arc<str>,
    settings: RwLock<Option<Arc<Settings>>>,
    known: Mutex<Known>,
    /// Of the near tables in front of all its caches.
    front: OnceLock<Arc<Budget>>,
    rooms: Mutex<Rooms>,
    /// Kept over configurations, so that what was forgotten stays so.
    process: OnceLock<Arc<InProcess>>,
    unsent: Arc<Unsent>,
}

/// One configuration of a region.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) plan: RegionPlan,
    /// Goes on when the stack of tiers is another one.
    pub(crate) epoch: u64,
    strategy: Arc<dyn InvalidationStrategy>,
    /// Of each memory tier, for all caches of the region.
    pub(crate) budgets: Vec<Option<Arc<Budget>>>,
}

#[derive(Default)]
struct Rooms {
    all: Vec<Weak<dyn Room>>,
    named: HashMap<(TypeId, Box<str>), Arc<dyn Any + Send + Sync>>,
}

/// A cache of the region without its types.
pub(crate) trait Room: Send + Sync {
    /// Applies an invalidation to the table in front.
    fn forget(&self, how: Invalidation);
    /// Empties the table in front, since the tiers behind are others.
    fn start_anew(&self);
    /// For how long what is read of tags is believed.
    fn believe(&self, lag: Duration);
}

impl RegionState {
    pub(crate) fn new(name: &str) -> Self {
        RegionState {
            name: name.into(),
            settings: RwLock::default(),
            known: Mutex::default(),
            front: OnceLock::new(),
            rooms: Mutex::default(),
            process: OnceLock::new(),
            unsent: Arc::default(),
        }
    }

    pub(crate) fn settings(&self) -> Result<Arc<Settings>> {
        self.settings.read().clone().ok_or_else(|| Error::unconfigured(&*self.name))
    }

    pub(crate) fn is_configured(&self) -> bool {
        self.settings.read().is_some()
    }

    pub(crate) fn policy(&self) -> Result<Policy> {
        Ok(self.settings()?.plan.policy.now())
    }

    /// Room for the tables in front; nothing before a memory tier says how much.
    pub(crate) fn front(&self) -> &Arc<Budget> {
        self.front.get_or_init(|| Budget::entries(ENTRIES))
    }

    /// Takes a checked plan; what is in flight goes on with the one before. Gives what is left to be
    /// done when no lock is held: values are dropped there.
    #[must_use = "the rest has to be done outside of the lock"]
    pub(crate) fn configure(self: &Arc<Self>, plan: RegionPlan) -> impl FnOnce() + use<> {
        let old = self.settings.read().clone();
        let (settings, is_new) = match old {
            Some(old) if old.plan.print == plan.print => (old.with(plan), false),
            old => {
                old.iter().for_each(|old| plan.take_debts(&old.plan));
                (self.settle(plan), true)
            }
        };
        let settings = Arc::new(settings);
        let entries = settings.plan.front().map_or(0, |memory| memory.entries as u64);
        let old = self.settings.write().replace(settings.clone());
        if is_new {
            let mut known = self.known.lock();
            (known.revisions, known.until) = (None, 0);
            known.changes += 1;
        }
        let region = self.clone();
        move || {
            drop(old);
            region.front().resize(entries);
            settings.fit();
            region.each_room(|room| room.believe(settings.plan.belief()));
            if is_new {
                region.each_room(|room| room.start_anew());
                region.follow(&settings);
            }
        }
    }

    fn settle(self: &Arc<Self>, plan: RegionPlan) -> Settings {
        let epoch = self.settings.read().as_ref().map_or(1, |old| old.epoch + 1);
        let strategy = match (&plan.strategy, plan.record()) {
            (Some(strategy), _) => strategy.clone(),
            (None, Some(client)) => {
                let (records, server) = (client.open(RECORDS), client.server().name());
                let (clock, unsent) = (plan.clock.clone(), self.unsent.clone());
                Arc::new(OnServer::new(records, server, &self.name, clock, unsent)) as _
            }
            (None, None) => {
                let make = || Arc::new(InProcess::new(plan.clock.clone()));
                self.process.get_or_init(make).clone() as Arc<dyn InvalidationStrategy>
            }
        };
        let budget = |tier: &TierPlan| match tier {
            TierPlan::Memory(memory) => Some(Budget::entries(memory.entries)),
            TierPlan::Bytes(_) | TierPlan::Null => None,
        };
        let budgets = plan.tiers.iter().map(budget).collect();
        Settings { plan, epoch, strategy, budgets }
    }

    /// Looks after the revision that others change, while nobody asks for anything: hits of the
    /// tables in front do not.
    fn follow(self: &Arc<Self>, settings: &Settings) {
        if !settings.strategy.is_shared() {
            return;
        }
        let (region, epoch) = (Arc::downgrade(self), settings.epoch);
        let (mut clock, mut pause) = settings.pause();
        in_background(async move {
            loop {
                clock.sleep(pause).await;
                let Some(region) = region.upgrade() else { return };
                let Ok(now) = region.settings() else { return };
                if now.epoch != epoch {
                    return;
                }
                (clock, pause) = now.pause();
                if !region.rooms.lock().all.is_empty() {
                    region.ask(&now).await;
                }
            }
        });
    }

    /// The revision that holds, as far as it is known within the region's lag.
    pub(crate) async fn revisions(&self, settings: &Settings) -> Arc<Revisions> {
        let now = settings.plan.clock.nanos();
        {
            let mut known = self.known.lock();
            if let Some(revisions) = &known.revisions {
                if now < known.until {
                    return revisions.clone();
                }
                if known.until != 0 {
                    // While one asks, the others go on with what they know.
                    known.until = now.saturating_add(settings.lag());
                }
            }
        }
        self.ask(settings).await
    }

    /// The revision that values are stored under, without asking anybody.
    pub(crate) fn revision(&self) -> u64 {
        self.known.lock().revisions.as_ref().map_or(Revisions::FIRST.now(), |known| known.now())
    }

    /// The revision that its keeper has, beside a change of keys under `last`: that must reach what
    /// others have stored since they invalidated the region. `None`: nobody but this process changes it.
    pub(crate) async fn beside(&self, settings: &Settings, last: u64) -> Option<Arc<Revisions>> {
        if !settings.strategy.is_shared() {
            return None;
        }
        for _ in 0..TURNS {
            match self.look(settings).await {
                (holds, Said::This) => return Some(holds),
                (_, Said::Another) => {}
                (_, Said::Nothing) => break,
            }
        }
        self.known.lock().doubts.add(last);
        None
    }

    /// What the keeper says. Where keys were changed under a revision that it does not have any more,
    /// nobody knows which other values they were to reach: then the region is invalidated.
    async fn keeper_says(&self, settings: &Settings) -> Result<Revisions> {
        let found = settings.strategy.current().await?;
        let is_wrong = self.known.lock().doubts.are_about_others_than(found.now());
        if is_wrong { settings.strategy.invalidate(Invalidation::Hard).await } else { Ok(found) }
    }

    async fn ask(&self, settings: &Settings) -> Arc<Revisions> {
        self.look(settings).await.0
    }

    async fn look(&self, settings: &Settings) -> (Arc<Revisions>, Said) {
        let asked = settings.plan.clock.nanos();
        let (changes, doubts) = {
            let known = self.known.lock();
            (known.changes, known.doubts.count())
        };
        let found = self.keeper_says(settings).await;
        let mut said = Said::Nothing;
        let (revisions, step) = {
            let mut known = self.known.lock();
            if let Ok(found) = &found {
                known.doubts.settle(doubts);
                said = Said::of(
                    found,
                    known.revisions.as_deref().filter(|_| known.changes != changes),
                );
            }
            let newer = known.changes != changes;
            let found = match (found, &known.revisions) {
                (_, Some(old)) if newer => return (old.clone(), said),
                (Ok(found), _) => Arc::new(found),
                (Err(_), Some(old)) => old.clone(),
                // Nothing is stored under it, so nothing old can come of it.
                (Err(_), None) => Arc::new(Revisions::begin(&settings.plan.clock)),
            };
            known.until = asked.saturating_add(settings.lag());
            (found.clone(), known.learn(found))
        };
        if let Some(how) = step {
            self.each_room(|room| room.forget(how));
        }
        (revisions, said)
    }

    /// Forgets all values of the region.
    pub(crate) async fn invalidate(&self, mut how: Invalidation) -> Result<()> {
        let mut settings = self.settings()?;
        if how == Invalidation::Soft && settings.plan.policy.expiration.now().is_none() {
            return Err(Error::invalid(format!(
                "region `{}` has no expiration, and what never expires is never served as stale: \
                 give it one, or invalidate it hard",
                self.name
            )));
        }
        loop {
            let done = self.invalidate_under(&settings, how).await;
            let now = self.settings()?;
            if now.epoch == settings.epoch {
                return done;
            }
            // Another configuration was taken meanwhile, whose keeper has not heard of it.
            settings = now;
            if settings.plan.policy.expiration.now().is_none() {
                how = Invalidation::Hard;
            }
        }
    }

    async fn invalidate_under(&self, settings: &Settings, how: Invalidation) -> Result<()> {
        let clock = &settings.plan.clock;
        let (asked, changes) = (clock.nanos(), self.known.lock().changes);
        let done = settings.strategy.invalidate(how).await;
        {
            let mut known = self.known.lock();
            let (next, is_sure) = match (&done, &known.revisions) {
                (Ok(next), _) if known.changes == changes => (Arc::new(next.clone()), true),
                // Others were answered meanwhile: the latest counts.
                (Ok(next), Some(old)) if next.follows(old) => (Arc::new(next.clone()), true),
                (Ok(next), Some(old)) if old.now() == next.now() || old.follows(next) => {
                    (old.clone(), true)
                }
                (_, Some(old)) => (Arc::new(old.after(how, clock)), false),
                (_, None) => (Arc::new(Revisions::begin(clock)), false),
            };
            known.changes += 1;
            known.until = if is_sure { asked.saturating_add(settings.lag()) } else { 0 };
            known.learn(next);
        }
        self.each_room(|room| room.forget(how));
        done.map(drop)
    }

    fn each_room(&self, act: impl Fn(&dyn Room)) {
        let rooms: Vec<_> = {
            let mut rooms = self.rooms.lock();
            rooms.all.retain(|room| room.strong_count() > 0);
            rooms.all.iter().filter_map(Weak::upgrade).collect()
        };
        rooms.iter().for_each(|room| act(&**room));
    }

    /// What was opened first under this name for these types. Made outside of the lock.
    pub(crate) fn named<T: Clone + Send + Sync + 'static>(
        &self,
        name: &str,
        make: impl FnOnce() -> T,
    ) -> T {
        let id = (TypeId::of::<T>(), Box::from(name));
        let found = self.rooms.lock().named.get(&id).cloned();
        let found = found.unwrap_or_else(|| {
            let made: Arc<dyn Any + Send + Sync> = Arc::new(make());
            self.rooms.lock().named.entry(id).or_insert(made).clone()
        });
        match found.downcast_ref::<T>() {
            Some(found) => found.clone(),
            None => unreachable!("the key of a room holds its type"),
        }
    }

    pub(crate) fn enter(&self, room: Weak<dyn Room>) {
        let mut rooms = self.rooms.lock();
        if rooms.all.len() == rooms.all.capacity() {
            rooms.all.retain(|room| room.strong_count() > 0);
        }
        rooms.all.push(room);
    }
}

impl Settings {
    /// With other rules over the same tiers.
    fn with(&self, mut plan: RegionPlan) -> Settings {
        for (tier, old) in plan.tiers.iter_mut().zip(&self.plan.tiers) {
            if !matches!(tier, TierPlan::Memory(_)) {
                *tier = old.clone();
            }
        }
        plan.wrappers.clone_from(&self.plan.wrappers);
        let (strategy, budgets) = (self.strategy.clone(), self.budgets.clone());
        Settings { plan, epoch: self.epoch, strategy, budgets }
    }

    /// Gives each memory tier the room that it is to have.
    fn fit(&self) {
        for (tier, budget) in self.plan.tiers.iter().zip(&self.budgets) {
            if let (TierPlan::Memory(memory), Some(budget)) = (tier, budget) {
                budget.resize(memory.entries as u64);
            }
        }
    }

    fn lag(&self) -> u64 {
        match self.strategy.is_shared() {
            true => u64::try_from(self.plan.tag_lag.as_nanos()).unwrap_or(u64::MAX),
            false => u64::MAX,
        }
    }

    fn pause(&self) -> (cache_core::Clock, Duration) {
        (self.plan.clock.clone(), self.plan.tag_lag.max(Duration::from_millis(10)))
    }
}

impl fmt::Debug for RegionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegionState").field("name", &self.name).finish_non_exhaustive()
    }
}
