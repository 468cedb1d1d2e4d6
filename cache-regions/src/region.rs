//! The handle of a region: a name in the program, known before anybody has configured it.

use crate::cache::RegionCache;
use crate::mirror::Mirror;
use crate::plan::{RegionPlan, Replace};
use crate::state::RegionState;
use cache_core::{Client, Error, Invalidation, Namespace, Result};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, LazyLock, OnceLock};

/// A cache that is named in the program and configured when it runs: where its values live, for how
/// long, and in what form, is said by a file or by a [`RegionPlan`], and may change while the program
/// runs.
///
/// As a client of decorated functions it is a `static`; all regions of one name are one. Using it
/// before it is configured is an error that names it; a decorated function panics with that error.
/// Its own methods, from [`get`](Region::get) to [`metadata`](Region::metadata), keep values of any
/// serialisable type under keys of any such type, each with the time of its creation.
///
/// ```
/// use cache_core::wait;
/// use cache_regions::{Region, RegionPlan, Replace, configure_plans};
///
/// static USERS: Region = Region::new("users");
///
/// let error = wait(USERS.get::<u64, String>(&7)).unwrap_err();
/// assert!(error.is_unconfigured());
///
/// let plan = RegionPlan::new("users").with_memory(10_000).with_expiration(300);
/// configure_plans(vec![plan], Replace::Refuse)?;
/// wait(USERS.put(&7_u64, "Ann".to_owned()))?;
/// assert_eq!(wait(USERS.get::<u64, String>(&7))?.as_deref(), Some("Ann"));
/// # Ok::<(), cache_core::Error>(())
/// ```
pub struct Region {
    name: &'static str,
    state: OnceLock<Arc<RegionState>>,
}

impl Region {
    /// The region of this name.
    ///
    /// ```
    /// use cache_regions::Region;
    /// static USERS: Region = Region::new("users");
    /// assert_eq!(USERS.name(), "users");
    /// ```
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Region { name, state: OnceLock::new() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn state(&self) -> &Arc<RegionState> {
        self.state.get_or_init(|| state(self.name))
    }

    /// Whether it can be used.
    ///
    /// ```
    /// use cache_regions::Region;
    /// assert!(!Region::new("nobody's").is_configured());
    /// ```
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.state().is_configured()
    }

    /// The typed cache of a namespace in this region, for those who want the client contract. The
    /// empty name is the region's own namespace.
    ///
    /// ```
    /// use cache_core::{CacheExt, wait};
    /// use cache_regions::{Region, RegionPlan, Replace, configure_plans};
    ///
    /// static SCORES: Region = Region::new("scores");
    /// configure_plans(vec![RegionPlan::new("scores").with_memory(100)], Replace::Refuse)?;
    /// let scores = SCORES.open::<u64, f64>("by user");
    /// wait(scores.put_for(&7, 0.5, 60))?;
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    pub fn open<K, V>(&self, namespace: &str) -> RegionCache<K, V>
    where
        K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
        V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        RegionCache::open(self.state(), &Namespace::new(namespace))
    }

    /// Forgets all values of the region, its functions' too, in a time that does not depend on how
    /// many there are (a soft invalidation passes over what lies in this process).
    ///
    /// With the scope `shared` other processes follow within the region's lag, and this one cannot
    /// be overtaken: what was being computed is not stored.
    ///
    /// # Errors
    /// When the region is not configured; when a soft invalidation is asked of one without an
    /// expiration; when the server that keeps its record cannot be reached: then the values are
    /// forgotten here, and for others as soon as it can.
    ///
    /// ```
    /// use cache_core::{Invalidation, wait};
    /// use cache_regions::{Region, RegionPlan, Replace, configure_plans};
    ///
    /// static MENU: Region = Region::new("menu");
    /// configure_plans(vec![RegionPlan::new("menu").with_memory(100)], Replace::Refuse)?;
    /// wait(MENU.put(&1_u8, "soup".to_owned()))?;
    /// wait(MENU.invalidate(Invalidation::Hard))?;
    /// assert_eq!(wait(MENU.get::<u8, String>(&1))?, None);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    pub async fn invalidate(&self, how: Invalidation) -> Result<()> {
        self.state().invalidate(how).await
    }

    /// Another client whose values count as long as this region's do: when the region is
    /// invalidated, so are they.
    ///
    /// ```
    /// use cache_clients::Inproc;
    /// use cache_core::{CacheExt, Client, Invalidation, Namespace, wait};
    /// use cache_regions::{Region, RegionPlan, Replace, configure_plans};
    ///
    /// static PRICES: Region = Region::new("prices");
    /// configure_plans(vec![RegionPlan::new("prices").with_memory(100)], Replace::Refuse)?;
    /// let totals = PRICES.mirror(Inproc::new(100));
    /// let totals = Client::<u64, u64>::open(&totals, &Namespace::new("totals"));
    /// wait(totals.put_for(&7, 49, 60))?;
    /// wait(PRICES.invalidate(Invalidation::Hard))?;
    /// assert_eq!(wait(totals.get(&7))?, None);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    pub fn mirror<C>(&self, client: C) -> Mirror<C> {
        Mirror::new(self.state().clone(), client)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<K, V> Client<K, V> for Region
where
    K: Serialize + Hash + Eq + Clone + Send + Sync + 'static,
    V: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    type Cache = RegionCache<K, V>;
    fn open(&self, namespace: &Namespace) -> RegionCache<K, V> {
        RegionCache::open(self.state(), namespace)
    }
}

/// All regions of the program by name, for its whole life.
type All = Mutex<HashMap<Box<str>, Arc<RegionState>>>;

static ALL: LazyLock<All> = LazyLock::new(All::default);

pub(crate) fn state(name: &str) -> Arc<RegionState> {
    let mut all = ALL.lock();
    if let Some(state) = all.get(name) {
        return state.clone();
    }
    let state = Arc::new(RegionState::new(name));
    all.insert(name.into(), state.clone());
    state
}

/// Whether there is a region of this name that can be used; unlike the handle it leaves no trace.
#[cfg(feature = "templates")]
pub(crate) fn is_configured(name: &str) -> bool {
    ALL.lock().get(name).is_some_and(|state| state.is_configured())
}

/// Configures regions by plans made in code: all of them, or none.
///
/// What is in flight finishes on the old settings. A plan whose tiers are made from the same as
/// before only changes the rules; otherwise the region begins with what the new tiers hold.
///
/// # Errors
/// When a plan cannot be followed, a region is planned twice, or one is configured already and is
/// not to be replaced. Then nothing has changed.
///
/// ```
/// use cache_regions::{RegionPlan, Replace, configure_plans};
///
/// let plan = || RegionPlan::new("colours").with_memory(100);
/// configure_plans(vec![plan()], Replace::Refuse)?;
/// let error = configure_plans(vec![plan()], Replace::Refuse).unwrap_err();
/// assert!(error.to_string().starts_with("region `colours` is configured already"));
/// configure_plans(vec![plan()], Replace::Existing)?;
/// # Ok::<(), cache_core::Error>(())
/// ```
pub fn configure_plans(plans: Vec<RegionPlan>, replace: Replace) -> Result<()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let turn = ONE_AT_A_TIME.lock();
    let mut checked: Vec<(Arc<RegionState>, RegionPlan)> = Vec::with_capacity(plans.len());
    for plan in plans {
        plan.check()?;
        let state = state(&plan.name);
        if replace == Replace::Refuse && state.is_configured() {
            return Err(Error::invalid(format!(
                "region `{}` is configured already: ask for its replacement, or configure it once",
                plan.name
            )));
        }
        if checked.iter().any(|(other, _)| Arc::ptr_eq(other, &state)) {
            return Err(Error::invalid(format!("region `{}` is planned twice", plan.name)));
        }
        checked.push((state, plan));
    }
    let rest: Vec<_> = checked.into_iter().map(|(state, plan)| state.configure(plan)).collect();
    drop(turn);
    rest.into_iter().for_each(|finish| finish());
    Ok(())
}
