//! The client: keys go to their servers, and answers come back in the order of the keys.

mod copy;
mod former;
mod get;
mod list;
mod put;
mod remove;
mod route;
mod seen;

use super::host::ServerStats;
use super::options::{IntoServers, MemcachedOptions};
use crate::server::{Answer, Claim, Limits, Put, Server};
use cache_core::{Error, Result};
use route::Router;
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The part of an item that is not the value: the key, the server's own bytes, and some to spare.
const OVERHEAD: usize = 1024;
/// Client flag of a value without bytes, which otherwise is a lease in progress.
const EMPTY: u32 = 1 << 16;
/// Client flag of a value that was made stale: the server's own mark is not told by `gets`.
const STALE: u32 = 1 << 17;
/// Client flag of a value that was renewed: behind it stands the number that it had before.
const RENEWED: u32 = 1 << 18;
/// The longest key that the contract knows; ours beside it are longer.
const KEY: usize = 200;

/// One or many memcached servers, as one [`Server`].
///
/// Cheap to clone; nothing is connected before the first call. Each server has one connection for
/// most requests of all threads and tasks, and one for large values, both owned by larder's I/O
/// thread: futures may be awaited, or waited for, anywhere. Memory: about 70 KiB a connection.
///
/// A server that fails too often is given up for a while: its keys are with the others meanwhile,
/// and changes that it has missed are made before it is trusted again.
///
/// ```no_run
/// use cache_clients::memcached::{Memcached, MemcachedOptions};
/// use std::time::Duration;
///
/// let one = Memcached::new("10.0.0.7")?;
/// let many = Memcached::new(["10.0.0.7:11211", "10.0.0.8:11211*2", "unix:/run/memcached.sock"])?;
/// let options = MemcachedOptions::default()
///     .with_deadline(Duration::from_millis(100))
///     .with_login("app", "secret");
/// let careful = Memcached::with("10.0.0.7, 10.0.0.8", options)?;
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Memcached {
    router: Arc<Router>,
}

impl Memcached {
    /// With the default options. Errors name the part of the list that is wrong, and what is right.
    ///
    /// ```
    /// use cache_clients::memcached::Memcached;
    ///
    /// let error = Memcached::new("10.0.0.7:eleven").unwrap_err();
    /// assert!(error.to_string().contains("port `eleven` of `10.0.0.7:eleven` is no number"));
    /// ```
    pub fn new(servers: impl IntoServers) -> Result<Self> {
        Memcached::with(servers, MemcachedOptions::default())
    }

    /// With options.
    pub fn with(servers: impl IntoServers, options: MemcachedOptions) -> Result<Self> {
        let router = Router::new(&servers.into_servers()?, options)?;
        Ok(Memcached { router: Arc::new(router) })
    }

    /// What has happened with each server so far.
    ///
    /// ```
    /// use cache_clients::memcached::{Memcached, ServerState};
    ///
    /// let memcached = Memcached::new("10.0.0.7, 10.0.0.8").unwrap();
    /// let stats = memcached.stats();
    /// assert_eq!(stats[1].name, "10.0.0.8:11211");
    /// assert_eq!(stats[1].state, ServerState::Idle);
    /// ```
    #[must_use]
    pub fn stats(&self) -> Vec<ServerStats> {
        self.router.now().hosts().iter().map(|host| host.stats()).collect()
    }

    /// For a client that takes the place of an earlier one under other options: what servers have missed there, they get
    /// here.
    pub(crate) fn take_over(&self, earlier: &Memcached) {
        if !Arc::ptr_eq(&self.router, &earlier.router) {
            self.router.take_over(&earlier.router);
        }
    }
}

impl fmt::Debug for Memcached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Memcached").field(&self.router.names()).finish()
    }
}

impl Server for Memcached {
    fn name(&self) -> String {
        format!("memcached {}", self.router.names().join(", "))
    }

    fn limits(&self) -> Limits {
        Limits::max_value(self.router.largest())
    }

    fn core(&self) -> &dyn Any {
        self
    }

    async fn copies(&self, key: &str) -> Vec<String> {
        self.router.cluster().await.copies(key)
    }

    async fn get_many(&self, keys: &[String], claim: Claim) -> Vec<Result<Answer>> {
        get::get_many(&self.router, keys, claim).await
    }

    async fn put_many(&self, puts: Vec<Put>) -> Vec<Result<bool>> {
        put::put_many(&self.router, puts).await
    }

    async fn delete_many(&self, keys: &[String]) -> Vec<Result<bool>> {
        remove::delete_many(&self.router, keys).await
    }

    async fn discard(&self, key: &str, token: u64) -> Result<bool> {
        remove::discard(&self.router, key, token).await
    }

    async fn expire(&self, key: &str, keep: Duration) -> Result<bool> {
        remove::expire(&self.router, key, keep).await
    }

    async fn release(&self, key: &str, token: u64) -> Result<()> {
        remove::release(&self.router, key, token).await
    }

    async fn purge(&self) -> Result<usize> {
        // Servers do so by themselves.
        Ok(0)
    }
}

/// Where the lease over a value is kept: beside it, for this number only, so that every change of the
/// value but a renewal ends it. No key of the contract looks like this one.
fn lease_key(key: &str, cas: u64) -> String {
    format!("{key}·{cas}")
}

/// Keys are what every memcached takes.
fn check(key: &str) -> Result<()> {
    if key.is_empty() || key.len() > KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let shown: String = key.chars().take(40).collect();
        return Err(Error::invalid(format!(
            "the key `{}` of {} bytes: right is printable ascii without spaces, 1 to {KEY} bytes",
            shown.escape_debug(),
            key.len()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memcached::wire::LONGEST_KEY;

    #[test]
    fn c71_keys_that_no_server_takes_are_refused() {
        let long = "k".repeat(KEY);
        for key in ["k", "!~", long.as_str()] {
            check(key).unwrap();
        }
        let longer = "k".repeat(KEY + 1);
        for key in ["", "a b", "a\r\nb", "a\0", "\u{e9}", "\u{7f}", longer.as_str()] {
            let error = check(key).unwrap_err();
            assert!(error.is_invalid());
            assert!(error.to_string().contains(&format!("of {} bytes", key.len())), "{error}");
        }
    }

    #[test]
    fn the_key_of_a_lease_is_none_of_the_contract_and_not_too_long() {
        let key = lease_key(&"k".repeat(KEY), u64::MAX);
        assert!(check(&key).is_err() && key.len() <= LONGEST_KEY);
    }
}
