//! The typed client over a server of bytes.

use super::cache::EncodedCache;
use super::codec::Format;
use super::digest::Names;
use super::ghost::Ghost;
use super::options::{Absence, EncodedOptions};
use super::page;
use super::pending::Pending;
use super::shaped::Shaped;
use super::space::Space;
use super::stats::{Counters, EncodedStats, Event};
use crate::server::{Answer, Claim, Put, Server, take_over};
use cache_core::observe::{self, TierFigure, TierSource};
use cache_core::{CacheShape, Client, Clock, Error, Flights, Namespace, Result};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Weak};

/// Values of any type on a server of bytes: memcached, Redis, files, or one of your own.
///
/// Keys and values need serde, and nothing else. Each value carries what is needed to tell that it is
/// the one that was asked for, whole, young enough, and of the type that is asked for; whatever does
/// not fit is a miss with a reason. Longer values than the server takes are cut into pages. Clones
/// share everything. It remembers each namespace that was opened, some hundred bytes.
///
/// ```
/// use cache_clients::encoded::{Backend, Encoded, Solo};
/// use cache_core::{CacheExt, Result, wait};
/// use bytes::Bytes;
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use std::time::Duration;
///
/// #[derive(Debug, Default)]
/// struct Shelf(Mutex<HashMap<String, Bytes>>);
///
/// impl Backend for Shelf {
///     async fn get(&self, key: &str) -> Result<Option<Bytes>> {
///         Ok(self.0.lock().unwrap().get(key).cloned())
///     }
///     async fn put(&self, key: &str, bytes: Bytes, _keep: Option<Duration>) -> Result<()> {
///         self.0.lock().unwrap().insert(key.to_owned(), bytes);
///         Ok(())
///     }
///     async fn delete(&self, key: &str) -> Result<bool> {
///         Ok(self.0.lock().unwrap().remove(key).is_some())
///     }
/// }
///
/// let client = Encoded::new(Solo::new(Shelf::default())).unwrap();
/// let prices = client.open::<(String, u32), f64>("prices");
/// wait(prices.put_for(&("bread".to_owned(), 2), 2.5, 60)).unwrap();
/// assert_eq!(wait(prices.get(&("bread".to_owned(), 2))).unwrap(), Some(2.5));
/// ```
pub struct Encoded<S>(Arc<Link<S>>);

/// A server, and what is known of it.
pub(super) struct Link<S> {
    pub(super) server: S,
    pub(super) options: EncodedOptions,
    pub(super) ghost: Ghost,
    counters: Counters,
    doors: Mutex<Doors>,
}

#[derive(Default)]
struct Doors {
    /// Kept for as long as the client lives: what the server has not heard must not be forgotten.
    spaces: HashMap<Box<str>, Arc<Space>>,
    /// The computations of caches, for as long as anybody has one of them.
    flights: HashMap<(TypeId, Box<str>), Weak<dyn Any + Send + Sync>>,
}

impl<S: Server> Encoded<S> {
    /// A client with the default settings.
    ///
    /// # Errors
    /// When the server takes too little in one value.
    pub fn new(server: S) -> Result<Self> {
        Encoded::with_options(server, EncodedOptions::new())
    }

    /// A client with settings of one's own.
    ///
    /// # Errors
    /// When a setting cannot be: a prefix with colons, signing without a key.
    pub fn with_options(server: S, options: EncodedOptions) -> Result<Self> {
        options.check()?;
        let most = server.limits().max_value;
        if most < page::LEAST {
            return Err(Error::invalid(format!(
                "{} takes values of {most} bytes, and pages need at least {}",
                server.name(),
                page::LEAST
            )));
        }
        let link = Arc::new(Link {
            ghost: Ghost::new(options.ghost),
            server,
            options,
            counters: Counters::default(),
            doors: Mutex::default(),
        });
        let source: Weak<Link<S>> = Arc::downgrade(&link);
        observe::add_tier(source);
        Ok(Encoded(link))
    }

    /// The cache of this name for values without a shape, stored in MessagePack with field names.
    /// The empty name is the raw client.
    pub fn open<K, V>(&self, name: &str) -> EncodedCache<S, K, V>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        Client::open(self, &Namespace::new(name))
    }

    /// The cache of this name for values with a shape: stored without field names, and never read as
    /// values of another shape.
    ///
    /// ```no_run
    /// # use cache_clients::encoded::Encoded;
    /// # fn shelf<S: cache_clients::server::Server>(client: Encoded<S>) {
    /// let scores = client.open_shaped::<u64, Vec<f32>>("scores");
    /// # }
    /// ```
    pub fn open_shaped<K, V>(&self, name: &str) -> EncodedCache<S, K, V>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: CacheShape + Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        Client::open(self, &Namespace::new(name).with(Shaped::<V>::of()))
    }

    /// What has happened so far, in all caches of this client.
    #[must_use]
    pub fn stats(&self) -> EncodedStats {
        self.0.stats()
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &S {
        &self.0.server
    }

    fn space(&self, name: &str) -> Arc<Space> {
        let options = &self.0.options;
        let make = || {
            let pending = Arc::new(Pending::new(options.pending));
            Arc::new(Space::new(Names::new(&options.prefix, name), pending))
        };
        self.0.doors.lock().spaces.entry(name.into()).or_insert_with(make).clone()
    }

    /// From now on this client owes what `earlier` owes its server, also by changes that are on their
    /// way there: for a client that takes another one's place at a server, under other options. So does a client of memcached
    /// what single servers of the fleet have missed. Of a namespace that is open here already only what is owed by now. A client that has another prefix
    /// has other values, and owes nothing for those.
    ///
    /// ```
    /// # use cache_clients::encoded::Encoded;
    /// # fn exchange<S: cache_clients::server::Server>(earlier: &Encoded<S>, later: &Encoded<S>) {
    /// later.take_debts(earlier); // before anybody uses it
    /// # }
    /// ```
    pub fn take_debts(&self, earlier: &Encoded<S>) {
        let options = &self.0.options;
        if Arc::ptr_eq(&self.0, &earlier.0) || options.prefix != earlier.0.options.prefix {
            return;
        }
        take_over(&self.0.server, &earlier.0.server);
        let spaces: Vec<_> = {
            let doors = earlier.0.doors.lock();
            doors.spaces.iter().map(|(name, space)| (name.clone(), space.pending.clone())).collect()
        };
        for (name, pending) in spaces {
            match self.0.doors.lock().spaces.entry(name) {
                Entry::Occupied(own) => own.get().pending.copy(&pending),
                Entry::Vacant(place) => {
                    pending.set_bound(options.pending);
                    let names = Names::new(&options.prefix, place.key());
                    place.insert(Arc::new(Space::new(names, pending)));
                }
            }
        }
    }

    /// Two handles of one namespace join each other's computations.
    fn flights<K: Eq + Send + Sync + 'static, V: Send + Sync + 'static>(
        &self,
        namespace: &Namespace,
    ) -> Arc<Flights<K, V>> {
        let made = Arc::new(Flights::<K, V>::new());
        if namespace.is_private() {
            return made;
        }
        let id = (TypeId::of::<(K, V)>(), Box::from(namespace.name()));
        let mut doors = self.0.doors.lock();
        let found = doors.flights.get(&id).and_then(Weak::upgrade);
        if let Some(Ok(flights)) = found.map(Arc::downcast) {
            return flights;
        }
        if doors.flights.len() == doors.flights.capacity() {
            doors.flights.retain(|_, flights| flights.strong_count() > 0);
        }
        let kept: Arc<dyn Any + Send + Sync> = made.clone();
        doors.flights.insert(id, Arc::downgrade(&kept));
        made
    }
}

impl<S: Server> TierSource for Link<S> {
    fn tier(&self) -> String {
        self.server.name()
    }
    fn figures(&self) -> Vec<TierFigure> {
        self.stats().figures()
    }
}

impl<S> Link<S> {
    fn stats(&self) -> EncodedStats {
        let doors = self.doors.lock();
        let pending = doors.spaces.values().map(|space| space.pending.len() as u64).sum();
        self.counters.read(pending)
    }
}

impl<S: Server> Link<S> {
    pub(super) fn clock(&self) -> &Clock {
        &self.options.clock
    }

    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.clock().unix().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn count(&self, event: Event) {
        self.counters.count(event);
    }

    /// What an error of the server means to the caller.
    pub(super) fn absent<T>(&self, error: Error, otherwise: T) -> Result<T> {
        match self.options.absence {
            Absence::Miss if error.is_unreachable() => Ok(otherwise),
            Absence::Miss | Absence::Fail => Err(error),
        }
    }

    pub(super) fn silent(&self) -> Error {
        Error::unreachable(self.server.name(), "it gave fewer answers than it was asked for")
    }

    pub(super) async fn get_one(&self, name: &str, claim: Claim) -> Result<Answer> {
        let answers = self.server.get_many(std::slice::from_ref(&name.to_owned()), claim).await;
        answers.into_iter().next().unwrap_or_else(|| Err(self.silent()))
    }

    pub(super) async fn put_one(&self, put: Put) -> Result<bool> {
        let answers = self.server.put_many(vec![put]).await;
        answers.into_iter().next().unwrap_or_else(|| Err(self.silent()))
    }

    pub(super) async fn delete_one(&self, name: &str) -> Result<bool> {
        let answers = self.server.delete_many(std::slice::from_ref(&name.to_owned())).await;
        answers.into_iter().next().unwrap_or_else(|| Err(self.silent()))
    }
}

impl<S> Clone for Encoded<S> {
    fn clone(&self) -> Self {
        Encoded(self.0.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for Encoded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded").field("server", &self.0.server).finish_non_exhaustive()
    }
}

impl<S: Server, K, V> Client<K, V> for Encoded<S>
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    type Cache = EncodedCache<S, K, V>;

    fn open(&self, namespace: &Namespace) -> EncodedCache<S, K, V> {
        let shaped = namespace.get::<Shaped<V>>().copied();
        let format = Format::new(self.0.options.codec, shaped);
        EncodedCache::new(
            self.0.clone(),
            self.space(namespace.name()),
            format,
            self.flights(namespace),
            namespace,
        )
    }
}
