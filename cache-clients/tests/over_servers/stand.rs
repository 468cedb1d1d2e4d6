//! What a test holds: a real server, and clients of it, each as in a process of its own.

use bytes::Bytes;
use cache_clients::encoded::{Encoded, EncodedOptions};
use cache_clients::memcached::{Memcached, MemcachedOptions};
use cache_clients::redis::{Redis, RedisOptions};
use cache_clients::server::{Answer, Claim, Limits, Put, Server, When};
use cache_clients::{Files, Inproc, Tiered};
use cache_core::{ManualClock, Result, wait};
use larder_test_servers as servers;
use std::any::Any;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer than a busy machine takes.
const LIMIT: Duration = Duration::from_secs(30);

/// A server, and the names that were put there.
pub(crate) struct Stand<S> {
    pub(crate) time: ManualClock,
    pub(crate) server: Seen<S>,
    _process: Box<dyn Any>,
}

pub(crate) fn memcached() -> Stand<Memcached> {
    let process = servers::Memcached::start();
    let options = MemcachedOptions::default()
        .with_connect_timeout(LIMIT)
        .with_answer_timeout(LIMIT)
        .with_deadline(LIMIT);
    Stand::over(Memcached::with(process.address(), options).unwrap(), process)
}

pub(crate) fn redis() -> Stand<Redis> {
    let process = servers::Redis::start();
    let options = RedisOptions::new(process.url())
        .with_connect_timeout(LIMIT)
        .with_response_timeout(LIMIT)
        .with_deadline(LIMIT);
    Stand::over(Redis::new(options).unwrap(), process)
}

pub(crate) fn files() -> Stand<Files> {
    let folder = tempfile::tempdir().unwrap();
    Stand::over(Files::open(folder.path()).unwrap(), folder)
}

impl<S: Server> Stand<S> {
    fn over(server: S, process: impl Any) -> Self {
        let server = Seen {
            server: Arc::new(server),
            names: Arc::default(),
            questions: Arc::default(),
            most: usize::MAX,
        };
        Stand { time: ManualClock::new(), server, _process: Box::new(process) }
    }

    /// The same server, which takes values of so many bytes only.
    pub(crate) fn with_most(&self, most: usize) -> Seen<S> {
        Seen { most, ..self.server.clone() }
    }

    pub(crate) fn options(&self) -> EncodedOptions {
        EncodedOptions::new().with_clock(self.time.clock())
    }

    /// As another process.
    pub(crate) fn client(&self) -> Encoded<Seen<S>> {
        self.client_with(self.options())
    }

    pub(crate) fn client_with(&self, options: EncodedOptions) -> Encoded<Seen<S>> {
        Encoded::with_options(self.server.clone(), options).unwrap()
    }

    /// An in-process tier in front of it.
    pub(crate) fn tiers(&self) -> Tiered<Inproc, Encoded<Seen<S>>> {
        let near = Inproc::new(1000).with_clock(self.time.clock());
        Tiered::new(near, self.client()).with_clock(self.time.clock())
    }
}

/// Shows which names are on the server.
#[derive(Debug)]
pub(crate) struct Seen<S> {
    server: Arc<S>,
    names: Arc<Mutex<BTreeSet<String>>>,
    questions: Arc<AtomicUsize>,
    most: usize,
}

impl<S> Clone for Seen<S> {
    fn clone(&self) -> Self {
        Seen {
            server: self.server.clone(),
            names: self.names.clone(),
            questions: self.questions.clone(),
            most: self.most,
        }
    }
}

impl<S: Server> Seen<S> {
    /// Of values and pages; the shortest, which is a manifest's, first.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.names.lock().unwrap().iter().cloned().collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        names
    }

    /// How often somebody has read, one key or many.
    pub(crate) fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<Bytes> {
        let answer = wait(self.server.get_many(&[name.to_owned()], Claim::Nothing)).remove(0);
        answer.unwrap().stored.map(|stored| stored.bytes)
    }

    /// Behind larder's back.
    pub(crate) fn set(&self, name: &str, bytes: impl Into<Bytes>, keep: Duration) {
        let put =
            Put { key: name.to_owned(), bytes: bytes.into(), keep: Some(keep), when: When::Always };
        assert!(wait(self.server.put_many(vec![put])).remove(0).unwrap());
    }

    /// Behind larder's back.
    pub(crate) fn remove(&self, name: &str) {
        assert!(wait(self.server.delete_many(&[name.to_owned()])).remove(0).unwrap(), "{name}");
    }
}

fn is_generation(key: &str) -> bool {
    key.ends_with(":gen") || key.contains(":gen@")
}

#[deny(clippy::missing_trait_methods)]
impl<S: Server> Server for Seen<S> {
    fn name(&self) -> String {
        self.server.name()
    }
    fn limits(&self) -> Limits {
        Limits::max_value(self.server.limits().max_value.min(self.most))
    }
    fn core(&self) -> &dyn std::any::Any {
        self.server.core()
    }
    async fn copies(&self, key: &str) -> Vec<String> {
        self.server.copies(key).await
    }
    async fn get_many(&self, keys: &[String], claim: Claim) -> Vec<Result<Answer>> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        self.server.get_many(keys, claim).await
    }
    async fn put_many(&self, puts: Vec<Put>) -> Vec<Result<bool>> {
        let keys: Vec<String> = puts.iter().map(|put| put.key.clone()).collect();
        let answers = self.server.put_many(puts).await;
        let stored =
            keys.into_iter().zip(&answers).filter(|(_, answer)| matches!(answer, Ok(true)));
        let values = stored.map(|(key, _)| key).filter(|key| !is_generation(key));
        self.names.lock().unwrap().extend(values);
        answers
    }
    async fn delete_many(&self, keys: &[String]) -> Vec<Result<bool>> {
        self.names.lock().unwrap().retain(|name| !keys.contains(name));
        self.server.delete_many(keys).await
    }
    async fn discard(&self, key: &str, token: u64) -> Result<bool> {
        self.server.discard(key, token).await
    }
    async fn expire(&self, key: &str, keep: Duration) -> Result<bool> {
        self.server.expire(key, keep).await
    }
    async fn release(&self, key: &str, token: u64) -> Result<()> {
        self.server.release(key, token).await
    }
    async fn purge(&self) -> Result<usize> {
        self.server.purge().await
    }
}
