//! One server: its connections, what it is owed, and whether it is away.

mod debts;
mod lanes;
mod large;
mod session;
mod state;
mod stats;

pub(crate) use session::{Kind, Session};
pub use stats::{ServerState, ServerStats};

use crate::io;
use crate::memcached::breaker;
use crate::memcached::connection::{Cause, Link};
use crate::memcached::discover::Address;
use crate::memcached::heirs::Heirs;
use crate::memcached::options::Settings;
use cache_core::{Error, Result};
use large::Large;
use parking_lot::Mutex;
use state::State;
use stats::Counters;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// After so many answers the breaker is told of them.
const MANY: u32 = 64;

/// One server.
pub(crate) struct Host {
    /// Its name in the list, which the ring hashes.
    pub(crate) name: String,
    address: Address,
    pub(crate) settings: Arc<Settings>,
    state: Mutex<State>,
    /// Its keys are with the others.
    away: AtomicBool,
    /// Tells those who wait that the state is another.
    changes: watch::Sender<()>,
    counters: Counters,
    /// Answers that the breaker has not been told of: it is told of many at once.
    answered: AtomicU32,
    /// The largest item it takes, as far as is known.
    item: AtomicUsize,
    large: Large,
    /// The same server in clients that have taken this one's place.
    heirs: Heirs<Host>,
    itself: Weak<Host>,
}

impl Host {
    /// Nothing is connected yet.
    pub(crate) fn new(name: &str, settings: &Arc<Settings>) -> Result<Arc<Self>> {
        let address = Address::parse(name).map_err(Error::invalid)?;
        Ok(Arc::new_cyclic(|itself| Host {
            name: name.to_owned(),
            address,
            settings: settings.clone(),
            state: Mutex::new(State::new(settings)),
            away: AtomicBool::new(false),
            changes: watch::Sender::new(()),
            counters: Counters::default(),
            answered: AtomicU32::new(0),
            item: AtomicUsize::new(usize::MAX),
            large: Large::default(),
            heirs: Heirs::default(),
            itself: itself.clone(),
        }))
    }

    /// An error of this server.
    pub(crate) fn error(&self, cause: impl fmt::Display) -> Error {
        Error::unreachable(format!("memcached {}", self.name), cause)
    }

    /// Whether its keys are with the others.
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }

    /// Why it is away.
    pub(crate) fn why_away(&self) -> Error {
        let state = self.state.lock();
        let pause = state.breaker.pause().unwrap_or_default();
        self.error(format_args!("{}; it is tried again in {pause:.1?}", state.cause()))
    }

    /// The largest item it takes, as far as is known.
    pub(crate) fn item(&self) -> usize {
        self.item.load(Ordering::Relaxed)
    }

    /// Another server keeps a value of this one, for so long.
    pub(crate) fn lend(&self, keep: Duration) {
        let until = Instant::now() + keep;
        {
            let mut state = self.state.lock();
            state.lent = state.lent.max(Some(until));
        }
        self.heirs.each(|heir| heir.was_lent(until));
    }

    /// Over a client before this one another server keeps a value, as this one knows of no absence.
    fn was_lent(&self, until: Instant) {
        {
            let mut state = self.state.lock();
            state.foreign = state.foreign.max(Some(until));
        }
        self.heirs.each(|heir| heir.was_lent(until));
    }

    /// How long others may still hold values of an absence that is over: as long as that, they may
    /// hold ones that have been removed here since.
    pub(crate) fn foreign(&self) -> Option<Duration> {
        let foreign = self.state.lock().foreign?;
        let left = foreign.saturating_duration_since(Instant::now());
        (left > Duration::ZERO).then_some(left)
    }

    /// A change that it has missed, to be made before it is trusted again.
    pub(crate) fn owe(&self, key: &str) {
        self.state.lock().debts.add(key);
        self.heirs.each(|heir| heir.owe(key));
    }

    /// From now on this one is owed what the same server is in an earlier client, also by what is still
    /// changed over that.
    pub(crate) fn take_over(self: &Arc<Self>, earlier: &Host) {
        self.heirs.clear();
        // First, so that nothing is changed between the two.
        earlier.heirs.add(self);
        let (dues, foreign) = {
            let state = earlier.state.lock();
            (state.debts.all(), state.foreign.max(state.lent))
        };
        let mut state = self.state.lock();
        state.debts.add_all(&dues);
        state.foreign = state.foreign.max(foreign);
    }

    /// It has missed nobody knows what: all of it is removed before it is trusted.
    pub(crate) fn owe_everything(&self) {
        self.state.lock().debts.add_everything();
    }

    #[cfg(test)]
    pub(crate) fn owes_everything(&self) -> bool {
        self.state.lock().debts.are_everything()
    }

    /// The connection for a key of which no size is given.
    pub(crate) fn kind_of(&self, key: &str) -> Kind {
        if self.large.contains(key) { Kind::Large } else { Kind::Small }
    }

    /// The connection for a value.
    pub(crate) fn kind_for(&self, bytes: usize) -> Kind {
        if bytes > self.settings.large { Kind::Large } else { Kind::Small }
    }

    /// The connection for a change of a key, which would go over this one: the other one while an earlier
    /// change of the key is not answered there, so that neither overtakes the other.
    pub(crate) fn in_order(&self, kind: Kind, key: &str) -> Kind {
        let other = kind.other();
        let link = self.state.lock().link(other);
        if link.is_some_and(|link| link.is_changing(key)) { other } else { kind }
    }

    /// Remembers how large the value of a key is.
    pub(crate) fn sized(&self, key: &str, bytes: usize) {
        self.large.note(key, bytes > self.settings.large);
    }

    pub(crate) fn stats(&self) -> ServerStats {
        let state = self.state.lock();
        let shown = match state.breaker.state() {
            breaker::State::Closed if state.is_open() => ServerState::Connected,
            breaker::State::Closed => ServerState::Idle,
            breaker::State::Open { .. } | breaker::State::HalfOpen { .. } => ServerState::Away,
        };
        self.counters.stats(&self.name, shown, &state)
    }

    /// A call was answered.
    fn answered(&self) {
        let answered = self.answered.fetch_add(1, Ordering::Relaxed) + 1;
        if answered >= MANY || self.is_away() {
            let mut state = self.state.lock();
            state.breaker.succeeded_often(self.answered.swap(0, Ordering::Relaxed));
        }
    }

    /// A connection has ended, or was not to be had.
    fn lost(&self, cause: &Cause, changes: &[Arc<[String]>], failed: bool) {
        changes.iter().flat_map(|keys| keys.iter()).for_each(|key| self.owe(key));
        let opened = {
            let mut state = self.state.lock();
            state.last = Some(cause.clone());
            state.breaker.succeeded_often(self.answered.swap(0, Ordering::Relaxed));
            failed && state.breaker.failed(chance())
        };
        if opened {
            self.give_up();
        }
    }

    /// Gives its keys to the others, and tries again later.
    fn give_up(&self) {
        let links = {
            let mut state = self.state.lock();
            self.away.store(true, Ordering::Release);
            if std::mem::replace(&mut state.reviving, true) { None } else { Some(state.links()) }
        };
        if let Some(links) = links {
            links.iter().for_each(|link| link.close(&"the server is given up for a while".into()));
            io::handle().spawn(revive(self.itself.clone()));
        }
    }

    /// It answers again: its keys come back.
    fn back(&self) -> bool {
        let mut state = self.state.lock();
        if state.breaker.pause().is_some() {
            return false;
        }
        state.reviving = false;
        state.foreign = state.foreign.max(state.lent.take());
        self.away.store(false, Ordering::Release);
        true
    }
}

/// Tries a server that is away until it is back.
async fn revive(host: Weak<Host>) {
    loop {
        let Some(strong) = host.upgrade() else { return };
        if strong.back() {
            return;
        }
        let pause = {
            let mut state = strong.state.lock();
            if state.breaker.try_now() { None } else { state.breaker.pause() }
        };
        match pause {
            None => strong.trial().await,
            Some(pause) => {
                drop(strong);
                tokio::time::sleep(pause.max(Duration::from_millis(1))).await;
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for link in self.state.get_mut().links() {
            link.close(&"the client is gone".into());
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("name", &self.name).field("away", &self.away).finish()
    }
}

/// Between 0 and 1.
fn chance() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0_u8) >> 32;
    f64::from(u32::try_from(bits).unwrap_or(0)) / f64::from(u32::MAX)
}

/// A connection, and the run of the server that it leads to.
#[derive(Debug, Clone)]
struct Open {
    link: Arc<Link>,
    run: u16,
}
