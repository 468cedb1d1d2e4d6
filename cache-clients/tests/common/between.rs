//! A server with something between it and its client: what a test does before a change arrives, and after an answer has left.
#![allow(dead_code, reason = "not every test file needs all of it")]

use cache_clients::server::{Answer, Claim, Limits, Put, Server};
use cache_core::{Cache, CacheExt, Entry, Result, wait};
use std::any::Any;
use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

type Act = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Acts {
    before_change: Option<Act>,
    after_answer: Option<Act>,
}

/// Clones share everything.
#[derive(Clone)]
pub(crate) struct Between<S> {
    server: S,
    acts: Arc<Mutex<Acts>>,
}

impl<S: Server + Clone> Between<S> {
    pub(crate) fn new(server: S) -> Self {
        Between { server, acts: Arc::default() }
    }

    /// Does this when the next change has been asked for, and before the server has made it.
    pub(crate) fn before_next_change(&self, act: impl FnOnce() + Send + 'static) {
        self.acts.lock().unwrap().before_change = Some(Box::new(act));
    }

    /// Does this after the server has answered the next question about a value, before its asker sees it.
    pub(crate) fn after_next_answer(&self, act: impl FnOnce() + Send + 'static) {
        self.acts.lock().unwrap().after_answer = Some(Box::new(act));
    }

    /// While the next change is on its way somebody else runs `begin`, whose first question the server answers, and who sees the
    /// answer only when the result is opened.
    pub(crate) fn meanwhile<T: Send + 'static>(
        &self,
        begin: impl FnOnce() -> T + Send + 'static,
    ) -> Meanwhile<T> {
        let own = self.clone();
        self.held_meanwhile(move |hold| {
            own.after_next_answer(move || hold.wait());
            begin()
        })
    }

    /// While the next change is on its way somebody else runs `begin` as far as to the hold.
    pub(crate) fn held_meanwhile<T: Send + 'static>(
        &self,
        begin: impl FnOnce(Hold) -> T + Send + 'static,
    ) -> Meanwhile<T> {
        let ((open, opened), (reached, is_reached)) = (channel(), channel());
        let (begun, running) = channel();
        self.before_next_change(move || {
            begun.send(thread::spawn(move || begin(Hold { reached, opened }))).unwrap();
            is_reached.recv_timeout(Duration::from_secs(30)).unwrap();
        });
        Meanwhile { open, running }
    }

    fn change(&self) {
        let act = self.acts.lock().unwrap().before_change.take();
        act.into_iter().for_each(|act| act());
    }

    fn answered(&self, keys: &[String]) {
        if keys.iter().any(|key| key.contains(":gen")) {
            return;
        }
        let act = self.acts.lock().unwrap().after_answer.take();
        act.into_iter().for_each(|act| act());
    }
}

/// A place where somebody waits until he may go on.
pub(crate) struct Hold {
    reached: Sender<()>,
    opened: Receiver<()>,
}

impl Hold {
    pub(crate) fn wait(self) {
        self.reached.send(()).unwrap();
        self.opened.recv().unwrap();
    }
}

/// Somebody who has begun and waits.
pub(crate) struct Meanwhile<T> {
    open: Sender<()>,
    running: Receiver<JoinHandle<T>>,
}

impl<T> Meanwhile<T> {
    /// What comes of `later` while he still waits, and then of him.
    pub(crate) fn and_then<U: Send + 'static>(
        self,
        later: impl FnOnce() -> U + Send + 'static,
    ) -> (T, U) {
        let first = self.running.recv().unwrap();
        let (later, start) = (thread::spawn(later), Instant::now());
        while !later.is_finished() && start.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(1));
        }
        // One that has joined him would wait for ever.
        self.open.send(()).unwrap();
        (first.join().unwrap(), later.join().unwrap())
    }
}

impl<S: fmt::Debug> fmt::Debug for Between<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Between").field("server", &self.server).finish_non_exhaustive()
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Server + Clone> Server for Between<S> {
    fn name(&self) -> String {
        self.server.name()
    }
    fn limits(&self) -> Limits {
        self.server.limits()
    }
    fn core(&self) -> &dyn Any {
        self.server.core()
    }
    async fn copies(&self, key: &str) -> Vec<String> {
        self.server.copies(key).await
    }
    async fn get_many(&self, keys: &[String], claim: Claim) -> Vec<Result<Answer>> {
        let answers = self.server.get_many(keys, claim).await;
        self.answered(keys);
        answers
    }
    async fn put_many(&self, puts: Vec<Put>) -> Vec<Result<bool>> {
        self.change();
        self.server.put_many(puts).await
    }
    async fn delete_many(&self, keys: &[String]) -> Vec<Result<bool>> {
        self.change();
        self.server.delete_many(keys).await
    }
    async fn discard(&self, key: &str, token: u64) -> Result<bool> {
        self.server.discard(key, token).await
    }
    async fn expire(&self, key: &str, keep: Duration) -> Result<bool> {
        self.change();
        self.server.expire(key, keep).await
    }
    async fn release(&self, key: &str, token: u64) -> Result<()> {
        self.server.release(key, token).await
    }
    async fn purge(&self) -> Result<usize> {
        self.server.purge().await
    }
}

/// A change of key 1, and what is there then.
type Change<C> = (fn(&C), Option<u64>);

/// A clear is not among them: while one is on its way nobody reads.
fn changes<C: Cache<u64, u64>>() -> [Change<C>; 5] {
    [
        (|cache| assert!(wait(cache.delete(&1)).unwrap()), None),
        (|cache| wait(cache.delete_many(&[2, 1])).unwrap(), None),
        (|cache| assert!(wait(cache.expire(&1)).unwrap()), None),
        (|cache| assert!(wait(cache.put_for(&1, 11, 60)).unwrap()), Some(11)),
        (|cache| wait(cache.put_many(vec![(1, Entry::new(11).with_ttl(60))])).unwrap(), Some(11)),
    ]
}

/// Who asks a cache over this server after a change has returned does not join what has begun while it was on its way.
pub(crate) fn nobody_joins<S: Server + Clone>(
    between: &Between<S>,
    cache: &(impl Cache<u64, u64> + Clone),
) {
    nobody_joins_after(between, cache, || {});
}

/// The same, when something was done to what is there.
pub(crate) fn nobody_joins_after<S: Server + Clone, C: Cache<u64, u64> + Clone>(
    between: &Between<S>,
    cache: &C,
    first: impl Fn(),
) {
    for (n, (change, then)) in changes::<C>().into_iter().enumerate() {
        assert!(wait(cache.put_for(&1, 10, 60)).unwrap());
        first();
        let compute = |value: u64| {
            let cache = cache.clone();
            move || wait(cache.get_or_compute_for(&1, 60, move || async move { value }))
        };
        let meanwhile = between.meanwhile(compute(20));
        change(cache);
        let (_, later) = meanwhile.and_then(compute(30));
        assert_eq!(later, then.unwrap_or(30), "change {n}");
        assert_eq!(wait(cache.get(&1)).unwrap(), Some(later), "change {n}");
    }
}
