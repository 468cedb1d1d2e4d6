//! A backend of bytes in a map, which tests can look into, damage and take away.
#![allow(dead_code, reason = "each test file uses another part")]

use bytes::Bytes;
use cache_clients::encoded::Backend;
use cache_core::{Error, ManualClock, Result};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Clones share the bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf(Arc<Content>);

#[derive(Debug, Default)]
struct Content {
    bytes: Mutex<BTreeMap<String, (Bytes, Option<Duration>)>>,
    away: AtomicBool,
    calls: AtomicUsize,
    slow: Mutex<Option<(ManualClock, Duration)>>,
}

impl Shelf {
    /// From now on nothing reaches it, or everything does again.
    pub(crate) fn set_away(&self, away: bool) {
        self.0.away.store(away, Ordering::SeqCst);
    }

    /// From now on every look takes so long, by this clock.
    pub(crate) fn set_slow(&self, time: &ManualClock, each: Duration) {
        *self.0.slow.lock().unwrap() = Some((time.clone(), each));
    }

    /// How often it was asked for anything.
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// All keys but those of generations.
    pub(crate) fn keys(&self) -> Vec<String> {
        let bytes = self.0.bytes.lock().unwrap();
        bytes.keys().filter(|key| !key.ends_with(":gen")).cloned().collect()
    }

    /// The keys of generations.
    pub(crate) fn generations(&self) -> Vec<String> {
        let bytes = self.0.bytes.lock().unwrap();
        bytes.keys().filter(|key| key.ends_with(":gen")).cloned().collect()
    }

    pub(crate) fn bytes(&self, key: &str) -> Option<Bytes> {
        self.0.bytes.lock().unwrap().get(key).map(|(bytes, _)| bytes.clone())
    }

    pub(crate) fn keep(&self, key: &str) -> Option<Duration> {
        self.0.bytes.lock().unwrap().get(key).and_then(|(_, keep)| *keep)
    }

    pub(crate) fn set(&self, key: &str, bytes: impl Into<Bytes>) {
        self.0.bytes.lock().unwrap().insert(key.to_owned(), (bytes.into(), None));
    }

    pub(crate) fn remove(&self, key: &str) {
        self.0.bytes.lock().unwrap().remove(key);
    }

    /// Alters the only value there is.
    pub(crate) fn alter(&self, alter: impl FnOnce(&mut Vec<u8>)) {
        let keys = self.keys();
        assert_eq!(keys.len(), 1, "{keys:?}");
        let mut bytes = self.bytes(&keys[0]).unwrap().to_vec();
        alter(&mut bytes);
        self.set(&keys[0], bytes);
    }

    fn reached(&self) -> Result<()> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        match self.0.away.load(Ordering::SeqCst) {
            true => Err(Error::unreachable("the shelf", "it is away")),
            false => Ok(()),
        }
    }
}

impl Backend for Shelf {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.reached()?;
        if let Some((time, each)) = &*self.0.slow.lock().unwrap() {
            time.advance(*each);
        }
        Ok(self.bytes(key))
    }
    async fn put(&self, key: &str, bytes: Bytes, keep: Option<Duration>) -> Result<()> {
        self.reached()?;
        self.0.bytes.lock().unwrap().insert(key.to_owned(), (bytes, keep));
        Ok(())
    }
    async fn delete(&self, key: &str) -> Result<bool> {
        self.reached()?;
        Ok(self.0.bytes.lock().unwrap().remove(key).is_some())
    }
}
