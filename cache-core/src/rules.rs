//! Freshness rules that a client has for the functions that use it, and may change while they do.

use crate::error::Result;
use crate::memo::Memo;
use crate::policy::Policy;
use std::fmt;
use std::sync::{Arc, OnceLock};

type Rules = Arc<dyn Fn() -> Result<Policy> + Send + Sync>;

/// Where a client tells a cached function which rules it has for it.
///
/// The function puts a cell into the [`Namespace`](crate::Namespace) that it opens. A client with
/// rules of its own [sets](PolicyCell::follow) them there; the function asks for them whenever it
/// does not find a fresh value near, and what its attribute says itself wins.
///
/// ```
/// use cache_core::{Namespace, Policy, PolicyCell};
///
/// let cell = PolicyCell::default();
/// let space = Namespace::new("scores").with(cell.clone());
/// let found = space.get::<PolicyCell>().unwrap(); // in the client
/// found.follow("scores", || Ok(Policy::new().with_ttl(60)));
/// assert!(cell.is_followed());
/// ```
#[derive(Clone, Default)]
pub struct PolicyCell(Arc<OnceLock<Followed>>);

/// Whose rules are followed, and these.
#[derive(Clone)]
pub(crate) struct Followed {
    region: Arc<str>,
    rules: Rules,
}

impl PolicyCell {
    /// Lets the function follow these rules of the region of this name. They are asked for often, and
    /// never under a lock; an error says that the client is not set up, and is the panic of the
    /// caller. The first who says anything wins.
    pub fn follow(
        &self,
        region: impl Into<Arc<str>>,
        rules: impl Fn() -> Result<Policy> + Send + Sync + 'static,
    ) {
        let _ = self.0.set(Followed { region: region.into(), rules: Arc::new(rules) });
    }

    /// Whether the client has rules.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.0.get().is_some()
    }

    pub(crate) fn followed(&self) -> Option<Followed> {
        self.0.get().cloned()
    }
}

impl fmt::Debug for PolicyCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyCell").field("followed", &self.is_followed()).finish()
    }
}

/// What the attribute says, over what the client says.
pub(crate) struct Live {
    own: Policy,
    followed: Option<Followed>,
}

impl Live {
    pub(crate) fn new(own: Policy, followed: Option<Followed>) -> Self {
        Live { own, followed }
    }

    /// The region whose rules these are.
    pub(crate) fn region(&self) -> Option<&Arc<str>> {
        self.followed.as_ref().map(|followed| &followed.region)
    }

    /// Whether the client may change the rules.
    pub(crate) fn is_followed(&self) -> bool {
        self.followed.is_some()
    }

    /// The rules of now.
    ///
    /// # Panics
    /// When the client is not set up.
    pub(crate) fn now(&self) -> Policy {
        match &self.followed {
            None => self.own,
            Some(followed) => match (followed.rules)() {
                Ok(rules) => self.own.over(&rules),
                Err(error) => panic!("{error}"),
            },
        }
    }

    /// The same, unless the client is not set up.
    pub(crate) fn known(&self) -> Option<Policy> {
        match &self.followed {
            None => Some(self.own),
            Some(followed) => (followed.rules)().ok().map(|rules| self.own.over(&rules)),
        }
    }

    /// # Panics
    /// When the client is not set up.
    pub(crate) fn require(&self) {
        if self.is_followed() {
            self.now();
        }
    }
}

impl<K, V> Memo<K, V> {
    /// The freshness rules of now.
    ///
    /// # Panics
    /// When the client is not set up.
    pub(crate) fn policy(&self) -> Policy {
        self.rules.now()
    }

    /// Whether a value that is due is served while it is computed anew in the background.
    pub(crate) fn refreshes(&self) -> bool {
        self.rules.is_followed() || self.policy().async_ttl().is_some()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("own", &self.own)
            .field("followed", &self.is_followed())
            .finish()
    }
}
