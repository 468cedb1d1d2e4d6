//! Keeps the list of servers up to date on larder's I/O thread.

use super::ask::{Dial, ask};
use super::learned::{Found, Learned};
use super::membership::Membership;
use super::servers::{Servers, Source};
use crate::io;
use parking_lot::{Mutex, RwLock};
use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The servers as they are now, followed until this is dropped.
///
/// ```
/// use cache_clients::memcached::discover::Servers;
///
/// let following = "10.0.0.7:11211, 10.0.0.8:11211".parse::<Servers>().unwrap().follow();
/// assert_eq!(following.version(), 1);
/// assert_eq!(following.now().nodes[1].name, "10.0.0.8:11211");
/// ```
#[derive(Debug)]
pub struct Following {
    shared: Arc<Shared>,
    tasks: Vec<AbortHandle>,
}

#[derive(Debug)]
struct Shared {
    /// The version of `latest`, to be looked at in every call.
    version: AtomicU64,
    latest: RwLock<Arc<Membership>>,
    learned: Mutex<Learned>,
    changes: watch::Sender<u64>,
}

impl Servers {
    /// Looks for the servers, and goes on looking until the result is dropped. This returns at once;
    /// until the first answers are there, no servers are known (see [`Following::settled`]).
    #[must_use]
    pub fn follow(&self) -> Following {
        self.follow_by(&Dial::tcp())
    }

    /// The same, with the connections that the servers want.
    pub(crate) fn follow_by(&self, dial: &Dial) -> Following {
        let shared = Arc::new(Shared {
            version: AtomicU64::new(0),
            latest: RwLock::default(),
            learned: Mutex::new(Learned::new(&self.sources)),
            changes: watch::Sender::new(0),
        });
        // A fixed list is known now.
        shared.publish(&shared.learned.lock());
        let sources = self.sources.iter().enumerate();
        let moving = sources.filter(|(_, source)| !matches!(source, Source::Fixed(_)));
        let tasks = moving.map(|(at, source)| {
            let (source, pace, dial) = (source.clone(), self.pace, dial.clone());
            let question = move || ask(source.clone(), pace, dial.clone());
            let task = follow(shared.clone(), at, pace.every, pace.deadline, question);
            io::handle().spawn(task).abort_handle()
        });
        let tasks = tasks.collect();
        Following { shared, tasks }
    }
}

impl Following {
    /// The version of the list of the moment: whoever has that one already need not ask for it. One
    /// atomic load.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    /// The list of the moment. Version 0, with no servers, until the first answers are there.
    #[must_use]
    pub fn now(&self) -> Arc<Membership> {
        self.shared.latest.read().clone()
    }

    /// The list, as soon as every source has answered or failed; takes no longer than their deadline.
    pub async fn settled(&self) -> Arc<Membership> {
        self.changed(0).await
    }

    /// The list, as soon as it has another version than `seen`.
    pub async fn changed(&self, seen: u64) -> Arc<Membership> {
        let mut changes = self.shared.changes.subscribe();
        // The sender lives as long as `self`.
        let _ = changes.wait_for(|&version| version != seen).await;
        self.now()
    }

    /// Why the list may be outdated: what sources answered when they gave no list, a line for each.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        self.shared.learned.lock().troubles()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Shared {
    /// Takes an answer and says when to ask again.
    fn learn(&self, at: usize, answer: Result<Found, String>, every: Duration) -> Duration {
        let mut learned = self.learned.lock();
        let pause = learned.learn(at, answer, every, chance());
        self.publish(&learned);
        pause
    }

    /// Only under the lock of `learned`: versions rise in the order of what was learned.
    fn publish(&self, learned: &Learned) {
        let Some(nodes) = learned.nodes() else { return };
        let before = self.latest.read().clone();
        if before.version > 0 && before.nodes == nodes {
            return;
        }
        let version = before.version + 1;
        *self.latest.write() = Arc::new(Membership { version, nodes });
        self.version.store(version, Ordering::Release);
        self.changes.send_replace(version);
    }
}

/// Asks a source for ever.
async fn follow<F>(
    shared: Arc<Shared>,
    at: usize,
    every: Duration,
    deadline: Duration,
    question: impl Fn() -> F,
) where
    F: Future<Output = Result<Found, String>> + Send + 'static,
{
    loop {
        // A task of its own: a panic is one failed answer, not the end of the following.
        let answer = tokio::spawn(tokio::time::timeout(deadline, question())).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(format!("no answer within {deadline:?}")),
            Err(_) => Err("the question panicked".to_owned()),
        };
        let pause = shared.learn(at, answer, every);
        tokio::time::sleep(pause).await;
    }
}

/// From 0 to 1.
fn chance() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 32;
    f64::from(u32::try_from(bits).unwrap_or(0)) / f64::from(u32::MAX)
}
