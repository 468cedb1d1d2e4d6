//! What one call may want otherwise than its region.

use super::runner::Runner;
use cache_core::IntoTtl;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How old a value may be for one call. Nothing of this is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expiration {
    /// As old as the region says.
    #[default]
    OfRegion,
    /// Up to this age.
    After(Duration),
    /// Any age, as long as the value is there.
    Never,
}

impl Expiration {
    pub(crate) fn or(self, region: Option<Duration>) -> Option<Duration> {
        match self {
            Expiration::OfRegion => region,
            Expiration::After(age) => Some(age),
            Expiration::Never => None,
        }
    }

    fn of(ttl: impl IntoTtl) -> Self {
        ttl.into_ttl().map_or(Expiration::Never, Expiration::After)
    }
}

/// How one call reads.
///
/// ```
/// use cache_regions::ReadOptions;
/// let young = ReadOptions::new().with_expiration(5); // seconds
/// let any = ReadOptions::new().ignoring_expiration();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions {
    pub(crate) expiration: Expiration,
    pub(crate) ignores: bool,
}

impl ReadOptions {
    /// As the region says.
    #[must_use]
    pub fn new() -> Self {
        ReadOptions::default()
    }

    /// With another limit of the age, for this call; `None` is no limit.
    #[must_use]
    pub fn with_expiration(mut self, ttl: impl IntoTtl) -> Self {
        self.expiration = Expiration::of(ttl);
        self
    }

    /// With whatever is still there, also what has expired or was soft invalidated.
    #[must_use]
    pub fn ignoring_expiration(mut self) -> Self {
        self.ignores = true;
        self
    }
}

/// How one call computes what is missing.
///
/// ```
/// use cache_regions::ComputeOptions;
/// let options = ComputeOptions::<String>::new()
///     .with_expiration(60)
///     .with_should_cache(|page: &String| !page.is_empty());
/// ```
pub struct ComputeOptions<V> {
    pub(crate) expiration: Expiration,
    pub(crate) wanted: Option<Wanted<V>>,
    pub(crate) runner: Option<Arc<dyn Runner>>,
}

pub(crate) type Wanted<V> = Arc<dyn Fn(&V) -> bool + Send + Sync>;

impl<V> ComputeOptions<V> {
    /// As the region says.
    #[must_use]
    pub fn new() -> Self {
        ComputeOptions { expiration: Expiration::OfRegion, wanted: None, runner: None }
    }

    /// With another limit of the age, for this call; `None` is no limit.
    #[must_use]
    pub fn with_expiration(mut self, ttl: impl IntoTtl) -> Self {
        self.expiration = Expiration::of(ttl);
        self
    }

    /// With a say in which computed values are stored. Those that are not reach everybody who waits
    /// for them.
    #[must_use]
    pub fn with_should_cache(
        mut self,
        wanted: impl Fn(&V) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.wanted = Some(Arc::new(wanted));
        self
    }

    /// With somebody who computes anew what is stale, while its caller gets the old value. What is
    /// missing is computed by its caller all the same.
    #[must_use]
    pub fn with_runner(mut self, runner: impl Runner) -> Self {
        self.runner = Some(Arc::new(runner));
        self
    }
}

impl<V> Default for ComputeOptions<V> {
    fn default() -> Self {
        ComputeOptions::new()
    }
}

impl<V> Clone for ComputeOptions<V> {
    fn clone(&self) -> Self {
        let (wanted, runner) = (self.wanted.clone(), self.runner.clone());
        ComputeOptions { expiration: self.expiration, wanted, runner }
    }
}

impl<V> fmt::Debug for ComputeOptions<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComputeOptions")
            .field("expiration", &self.expiration)
            .field("wanted", &self.wanted.is_some())
            .field("runner", &self.runner)
            .finish()
    }
}
