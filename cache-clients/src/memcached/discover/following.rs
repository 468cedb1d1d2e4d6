//! Keeps the list of servers up to date on larder's I/O thread.

use super::ask::{Dial, ask};
use super::learned::{Found, Learned};
use super::membership::Membership;
use super::servers::{Servers, Source};
use crate::io;
#[cfg(feature = "tls")]
use crate::memcached::Tls;
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

    /// The same with ElastiCache's configuration endpoints over TLS, as clusters with encryption in
    /// transit want it. A client [with TLS](crate::memcached::MemcachedOptions::with_tls) does so by
    /// itself.
    ///
    /// ```no_run
    /// use cache_clients::memcached::{Tls, discover::Servers};
    ///
    /// let servers: Servers = "elasticache:mine.cfg.use1.cache.amazonaws.com".parse()?;
    /// let following = servers.follow_over(&Tls::roots_file("/etc/ssl/caches.pem")?);
    /// assert_eq!(following.troubles(), [] as [String; 0]);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn follow_over(&self, tls: &Tls) -> Following {
        let tls = tls.clone();
        self.follow_by(&Dial::by(move |endpoint| {
            let tls = tls.clone();
            async move { tls.connect(endpoint).await }
        }))
    }

    /// The same, with the connections that the servers want.
    fn follow_by(&self, dial: &Dial) -> Following {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memcached::ring::Node;
    use std::sync::atomic::AtomicUsize;
    use tokio::time::advance;

    const MINUTE: Duration = Duration::from_secs(60);

    fn shared(servers: &str) -> Arc<Shared> {
        let servers: Servers = servers.parse().unwrap();
        Arc::new(Shared {
            version: AtomicU64::new(0),
            latest: RwLock::default(),
            learned: Mutex::new(Learned::new(&servers.sources)),
            changes: watch::Sender::new(0),
        })
    }

    /// Follows one source, whose n-th answer is given; counts the questions.
    fn scripted<F: Future<Output = Result<Found, String>> + Send + 'static>(
        shared: &Arc<Shared>,
        answer: impl Fn(usize) -> F + Send + 'static,
    ) -> Arc<AtomicUsize> {
        let asked = Arc::<AtomicUsize>::default();
        let count = asked.clone();
        let question = move || answer(count.fetch_add(1, Ordering::Relaxed));
        tokio::spawn(follow(shared.clone(), 0, MINUTE, Duration::from_secs(3), question));
        asked
    }

    async fn pass(time: Duration) {
        for _ in 0..time.as_millis() / 100 {
            advance(Duration::from_millis(100)).await;
            // The loop and its question take a turn each.
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn found(name: String, valid: Option<Duration>) -> Result<Found, String> {
        Ok(Found { nodes: vec![Node::new(name)], valid })
    }

    #[tokio::test(start_paused = true)]
    async fn c80_a_source_without_a_ttl_is_asked_again_every_30_to_60_seconds() {
        let shared = shared("elasticache:e");
        let asked = scripted(&shared, |n| async move { found(format!("n{n}:1"), None) });
        pass(10 * MINUTE).await;
        let asked = asked.load(Ordering::Relaxed);
        assert!((10..=21).contains(&asked), "{asked}");
        assert_eq!(shared.latest.read().nodes[0].name, format!("n{}:1", asked - 1));
        assert_eq!(shared.version.load(Ordering::Relaxed), asked as u64);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ttl_is_waited_for_and_not_more_than_a_tenth_longer() {
        let shared = shared("dns:n");
        let ttl = Duration::from_secs(100);
        let asked = scripted(&shared, move |_| async move { found("a:1".into(), Some(ttl)) });
        pass(Duration::from_secs(99)).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        pass(Duration::from_secs(13)).await;
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert_eq!(shared.version.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_hangs_or_panics_is_a_failure_and_asked_again() {
        let shared = shared("dns:n");
        let asked = scripted(&shared, |n| async move {
            match n {
                0 => std::future::pending().await,
                1 => panic!("a question that panics, on purpose"),
                _ => found("a:1".into(), Some(MINUTE)),
            }
        });
        let trouble = || shared.learned.lock().troubles().concat();
        pass(Duration::from_millis(3400)).await;
        assert_eq!(trouble(), "dns:n:11211: no answer within 3s");
        assert_eq!(shared.latest.read().nodes[0].name, "n:11211");
        pass(Duration::from_millis(800)).await;
        assert_eq!(trouble(), "dns:n:11211: the question panicked");
        pass(Duration::from_secs(3)).await;
        assert_eq!(trouble(), "");
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        assert_eq!(shared.latest.read().nodes[0].name, "a:1");
    }

    #[test]
    fn dropping_it_ends_the_task() {
        let following = "elasticache:127.0.0.1:1".parse::<Servers>().unwrap().follow();
        let shared = Arc::downgrade(&following.shared);
        drop(following);
        let start = std::time::Instant::now();
        while shared.upgrade().is_some() {
            assert!(start.elapsed() < Duration::from_secs(20), "the task goes on");
            std::thread::yield_now();
        }
    }
}
