//! The errors of larder's own: few, since a cache that fails is a miss that is counted.

use std::fmt;
use std::sync::Arc;

/// Why an operation of a cache failed. Misses are not errors.
#[derive(Debug, Clone)]
pub struct Error(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Unreachable { client: String, cause: String },
    Recursion { name: String },
    Stopped { what: &'static str },
    Invalid { what: String },
    Unconfigured { region: String },
}

/// What larder's operations give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The client could not be reached or did not answer in time.
    ///
    /// ```
    /// let error = cache_core::Error::unreachable("memcached 10.0.0.7:11211", "connection refused");
    /// assert!(error.is_unreachable());
    /// assert_eq!(error.to_string(), "memcached 10.0.0.7:11211 is unreachable: connection refused");
    /// ```
    pub fn unreachable(client: impl Into<String>, cause: impl fmt::Display) -> Self {
        Error(Arc::new(Kind::Unreachable { client: client.into(), cause: cause.to_string() }))
    }

    /// A setting that cannot be; the message names it, its value, and what would be right.
    ///
    /// ```
    /// let error = cache_core::Error::invalid("the port of `cache:eleven` is no number");
    /// assert!(error.is_invalid());
    /// assert_eq!(error.to_string(), "the port of `cache:eleven` is no number");
    /// ```
    pub fn invalid(what: impl Into<String>) -> Self {
        Error(Arc::new(Kind::Invalid { what: what.into() }))
    }

    /// A region is used before it is configured.
    ///
    /// ```
    /// let error = cache_core::Error::unconfigured("users");
    /// assert!(error.is_unconfigured());
    /// assert_eq!(error.to_string(), "region `users` is not configured: call `larder::configure` before it is used");
    /// ```
    pub fn unconfigured(region: impl Into<String>) -> Self {
        Error(Arc::new(Kind::Unconfigured { region: region.into() }))
    }

    /// A computation that asked for the very key that it computes.
    pub fn recursion(name: &str) -> Self {
        Error(Arc::new(Kind::Recursion { name: name.to_owned() }))
    }

    pub(crate) fn stopped(what: &'static str) -> Self {
        Error(Arc::new(Kind::Stopped { what }))
    }

    /// Whether a client could not be reached.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(*self.0, Kind::Unreachable { .. })
    }

    /// Whether a setting was wrong.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(*self.0, Kind::Invalid { .. })
    }

    /// Whether a region was used before it was configured.
    #[must_use]
    pub fn is_unconfigured(&self) -> bool {
        matches!(*self.0, Kind::Unconfigured { .. })
    }

    /// Whether a computation asked for the very key that it computes.
    #[must_use]
    pub fn is_recursion(&self) -> bool {
        matches!(*self.0, Kind::Recursion { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Unreachable { client, cause } => write!(f, "{client} is unreachable: {cause}"),
            Kind::Recursion { name } => write!(
                f,
                "the computation of `{name}` waits for itself: it asked for the key that it is computing"
            ),
            Kind::Unconfigured { region } => write!(
                f,
                "region `{region}` is not configured: call `larder::configure` before it is used"
            ),
            Kind::Invalid { what } => f.write_str(what),
            Kind::Stopped { what } => write!(f, "{what} has been shut down or started already"),
        }
    }
}

impl std::error::Error for Error {}

/// A deadline passed before the value was there. The computation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout;

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was not there before the deadline; its computation goes on")
    }
}

impl std::error::Error for Timeout {}
