//! Which server a key goes to, and what is done at all servers at once.

use super::OVERHEAD;
use super::former::Former;
use super::list::List;
use crate::gather::gathering;
use crate::memcached::discover::{Following, Membership, Servers};
use crate::memcached::host::{Host, Kind, Session};
use crate::memcached::options::{MemcachedOptions, Settings};
use crate::memcached::ring::Placement;
use cache_core::{Error, Result};
use parking_lot::RwLock;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The servers, as they are at any moment.
#[derive(Debug)]
pub(super) struct Router {
    following: Following,
    cluster: RwLock<Arc<Cluster>>,
    pub(super) former: Arc<Former>,
    pub(super) settings: Arc<Settings>,
    placement: Placement,
}

/// The servers of one moment.
#[derive(Debug)]
pub(super) struct Cluster {
    version: u64,
    list: Arc<List>,
}

/// Where a key goes.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) host: Arc<Host>,
    /// The server that is away, for which this one stands in.
    pub(super) home: Option<Arc<Host>>,
}

/// What goes to one server, over one connection.
#[derive(Debug)]
pub(super) struct Group<T> {
    pub(super) host: Arc<Host>,
    pub(super) kind: Kind,
    /// With their places among all.
    pub(super) items: Vec<(usize, T)>,
}

impl Router {
    pub(super) fn new(servers: &Servers, options: MemcachedOptions) -> Result<Self> {
        let MemcachedOptions { settings, placement } = options;
        let settings = Arc::new(settings);
        #[cfg(feature = "tls")]
        let following = match &settings.tls {
            Some(tls) => servers.follow_over(tls),
            None => servers.follow(),
        };
        #[cfg(not(feature = "tls"))]
        let following = servers.follow();
        let former = Arc::default();
        let cluster = Cluster::new(&following.now(), &former, placement, &settings)?;
        let cluster = RwLock::new(Arc::new(cluster));
        Ok(Router { following, cluster, former, settings, placement })
    }

    /// Takes the place of another one.
    pub(super) fn take_over(&self, earlier: &Router) {
        let _latest = (self.now(), earlier.now());
        self.former.take_over(&earlier.former, &self.settings);
    }

    /// When a call that begins now must be over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.settings.deadline
    }

    /// The connection for a key by a call that begins now, if nothing is to be waited for. `plain`: it
    /// changes nothing. Errors and all else are found on the long way.
    pub(super) fn session_now(&self, key: &str, plain: bool, now: Instant) -> Option<Session> {
        let cluster = self.cluster.read();
        if cluster.version == 0 || cluster.version != self.following.version() {
            return None;
        }
        let (host, _) = cluster.place(key).ok()?;
        let (kind, deadline) = (host.kind_of(key), now + self.settings.deadline);
        if plain { host.reading_now(kind, deadline) } else { host.session_now(kind, deadline) }
    }

    /// The servers of this moment, after the first answers of those who know them.
    pub(super) async fn cluster(&self) -> Arc<Cluster> {
        if self.following.version() == 0 {
            self.following.settled().await;
        }
        self.now()
    }

    /// The servers, as far as they are known.
    pub(super) fn now(&self) -> Arc<Cluster> {
        let cluster = self.cluster.read().clone();
        if cluster.version == self.following.version() {
            return cluster;
        }
        let mut latest = self.cluster.write();
        let membership = self.following.now();
        if latest.version < membership.version {
            // A name that no server can have stays out: the list before is better than none.
            let next = Cluster::new(&membership, &self.former, self.placement, &self.settings);
            if let Ok(next) = next {
                *latest = Arc::new(next);
            }
        }
        latest.clone()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.now().hosts().iter().map(|host| host.name.clone()).collect()
    }

    /// The largest value that all servers take.
    pub(super) fn largest(&self) -> usize {
        let cluster = self.cluster.read();
        let least = cluster.hosts().iter().map(|host| host.item()).min().unwrap_or(usize::MAX);
        least.min(self.settings.value).saturating_sub(OVERHEAD)
    }
}

impl Cluster {
    fn new(
        membership: &Membership,
        former: &Arc<Former>,
        placement: Placement,
        settings: &Arc<Settings>,
    ) -> Result<Self> {
        let hosts = membership.nodes.iter().map(|node| former.host(&node.name, settings));
        let hosts = hosts.collect::<Result<Vec<_>>>()?;
        let list = Arc::new(List::new(hosts, &membership.nodes, placement));
        former.follow(&list);
        Ok(Cluster { version: membership.version, list })
    }

    pub(super) fn hosts(&self) -> &[Arc<Host>] {
        &self.list.hosts
    }

    /// Names for copies of a key, on different servers.
    pub(super) fn copies(&self, key: &str) -> Vec<String> {
        self.list.copies(key)
    }

    /// Where a key goes.
    pub(super) fn route(&self, key: &str) -> Result<Route> {
        let (host, home) = self.place(key)?;
        Ok(Route { host: host.clone(), home: home.cloned() })
    }

    /// Where a key goes, and the server that is away, for which that one stands in.
    pub(super) fn place(&self, key: &str) -> Result<(&Arc<Host>, Option<&Arc<Host>>)> {
        let Some(home) = self.list.home(key) else {
            return Err(Error::unreachable("memcached", "the list of servers is empty"));
        };
        if !home.is_away() {
            return Ok((home, None));
        }
        if let Some(left) = home.foreign() {
            return Err(home.error(format_args!(
                "it is away again too soon: for {left:.1?} others may hold outdated values of it"
            )));
        }
        match self.list.present(key) {
            Some(host) => Ok((host, Some(home))),
            None => Err(home.why_away()),
        }
    }
}

impl Route {
    /// How long a value may stay there.
    pub(super) fn keep(&self, keep: Option<Duration>) -> Option<Duration> {
        let Some(home) = &self.home else { return keep };
        let longest = home.settings.stand_in;
        home.lend(longest + Duration::from_secs(1));
        Some(keep.map_or(longest, |keep| keep.min(longest)))
    }

    /// A key is changed: the server that is away must hear of it before it is trusted again, and so
    /// must those that had the key in lists before.
    pub(super) fn changed(&self, former: &Former, key: &str) {
        if let Some(home) = &self.home {
            home.owe(key);
        }
        former.tell(key, self.home.as_ref().unwrap_or(&self.host));
    }
}

/// Sorts what goes where. What has no place has its error already.
pub(super) fn group<T>(
    items: impl IntoIterator<Item = T>,
    place: impl Fn(&T) -> Result<(Route, Kind)>,
    mut refuse: impl FnMut(usize, Error),
) -> Vec<Group<(T, Route)>> {
    let mut groups: Vec<Group<(T, Route)>> = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let (route, kind) = match place(&item) {
            Ok(place) => place,
            Err(error) => {
                refuse(at, error);
                continue;
            }
        };
        let same =
            |group: &&mut Group<_>| Arc::ptr_eq(&group.host, &route.host) && group.kind == kind;
        match groups.iter_mut().find(same) {
            Some(group) => group.items.push((at, (item, route))),
            None => {
                let host = route.host.clone();
                groups.push(Group { host, kind, items: vec![(at, (item, route))] });
            }
        }
    }
    groups
}

/// All at once: all ask before one waits for its answer.
pub(super) async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    if let [only] = futures.as_mut_slice() {
        return vec![only.await];
    }
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    let mut asked = false;
    std::future::poll_fn(|context| {
        let mut poll = || {
            for (future, output) in futures.iter_mut().zip(&mut outputs) {
                if output.is_none()
                    && let Poll::Ready(ready) = future.as_mut().poll(context)
                {
                    *output = Some(ready);
                }
            }
        };
        if std::mem::replace(&mut asked, true) {
            poll()
        } else {
            gathering(poll)
        }
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

/// The results in the order of the items.
pub(super) struct Results<T>(Vec<Option<Result<T>>>);

impl<T> Default for Results<T> {
    fn default() -> Self {
        Results(Vec::new())
    }
}

impl<T> Results<T> {
    pub(super) fn set(&mut self, at: usize, result: Result<T>) {
        if self.0.len() <= at {
            self.0.resize_with(at + 1, || None);
        }
        self.0[at] = Some(result);
    }

    /// Of so many items.
    pub(super) fn done(mut self, items: usize) -> Vec<Result<T>> {
        let lost = || Err(Error::unreachable("memcached", "no answer"));
        self.0.resize_with(items, || None);
        self.0.into_iter().map(|result| result.unwrap_or_else(lost)).collect()
    }
}
