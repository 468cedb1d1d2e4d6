//! What is done to keys on their way to a server.

use cache_clients::server::{Answer, AnyServer, Claim, Limits, Put, Server};
use cache_core::{Error, Result};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The longest key that the contract of servers knows.
const LONGEST: usize = 200;

type Mangle = dyn Fn(&str) -> String + Send + Sync;

/// A function of keys. Two keys that become one take each other's room, and nothing worse: values know
/// their own key.
///
/// ```
/// use cache_regions::Mangler;
///
/// assert_eq!(Mangler::sha1().apply("some_key"), "53def077a4264bd3183d4eb21b1f56f883e1b572");
/// let long = Mangler::sha1().from_length(10);
/// assert_eq!(long.apply("some_key"), "some_key");
/// assert_eq!(long.apply("some_other_key").len(), 40);
/// ```
#[derive(Clone)]
pub struct Mangler {
    name: String,
    mangle: Arc<Mangle>,
}

impl Mangler {
    /// One's own. What it gives must be 1 to 200 characters of printable ASCII without spaces.
    pub fn new(
        name: impl Into<String>,
        mangle: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        Mangler { name: name.into(), mangle: Arc::new(mangle) }
    }

    /// The SHA-1 of the key, as 40 hexadecimal digits.
    #[must_use]
    pub fn sha1() -> Self {
        Mangler::new("sha1", |key| sha1_smol::Sha1::from(key).digest().to_string())
    }

    /// Only for keys of so many characters and more; shorter ones stay as they are.
    #[must_use]
    pub fn from_length(self, length: usize) -> Self {
        let name = format!("length:{length}:{}", self.name);
        Mangler::new(name, move |key| match key.chars().count() >= length {
            true => self.apply(key),
            false => key.to_owned(),
        })
    }

    /// What becomes of a key.
    #[must_use]
    pub fn apply(&self, key: &str) -> String {
        (self.mangle)(key)
    }

    /// What becomes of a key, if a server may have it.
    fn checked(&self, key: &str) -> Result<String> {
        let mangled = self.apply(key);
        let printable = mangled.bytes().all(|byte| byte.is_ascii_graphic());
        if printable && (1..=LONGEST).contains(&mangled.len()) {
            return Ok(mangled);
        }
        Err(Error::invalid(format!(
            "the mangler `{}` made {mangled:?} of the key `{key}`: right are 1 to {LONGEST} characters of printable ASCII without spaces",
            self.name
        )))
    }
}

impl fmt::Debug for Mangler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mangler({})", self.name)
    }
}

static OWN: Mutex<BTreeMap<String, Mangler>> = Mutex::new(BTreeMap::new());

/// Registers a mangler, for `mangler = "name"` in configurations that are read from now on.
///
/// ```
/// use cache_regions::{Configuration, Format, register_mangler};
///
/// register_mangler("backwards", |key| key.chars().rev().collect())?;
/// let text = "[regions.toys]\nbackend = 'memory_bytes'\narguments.capacity = '1MiB'\nmangler = 'length:100:backwards'\n";
/// assert!(Configuration::new().plans_str(text, Format::Toml).is_ok());
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// When the name is taken, or has a colon.
pub fn register_mangler(
    name: impl Into<String>,
    mangle: impl Fn(&str) -> String + Send + Sync + 'static,
) -> Result<()> {
    let name = name.into();
    if name.contains(':') {
        return Err(Error::invalid(format!(
            "`{name}` is no name for a mangler: leave out the colon"
        )));
    }
    let mut own = OWN.lock();
    if own.contains_key(&name) || ["none", "sha1", "length"].contains(&name.as_str()) {
        return Err(Error::invalid(format!(
            "there is a mangler `{name}` already: give yours another name"
        )));
    }
    own.insert(name.clone(), Mangler::new(name, mangle));
    Ok(())
}

/// Reads the option.
pub(crate) fn parse(text: &str) -> Result<Option<Mangler>, String> {
    const FORM: &str = "right is \"length:N\" or \"length:N:NAME\"";
    match text {
        "none" => return Ok(None),
        "sha1" => return Ok(Some(Mangler::sha1())),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix("length:") {
        let (length, name) = rest.split_once(':').unwrap_or((rest, "sha1"));
        let length = length.parse().map_err(|_| format!("`{length}` is no length: {FORM}"))?;
        let mangler = parse(name)?;
        return Ok(mangler.map(|mangler| mangler.from_length(length)));
    }
    let own = OWN.lock();
    if let Some(mangler) = own.get(text) {
        return Ok(Some(mangler.clone()));
    }
    let names: Vec<&str> =
        ["none", "sha1", "length:N"].into_iter().chain(own.keys().map(String::as_str)).collect();
    Err(crate::config::nearest::suggestion(text, &names))
}

/// A server whose keys are mangled in every operation, leases among them.
///
/// ```
/// use cache_clients::encoded::{Encoded, Solo};
/// use cache_clients::server::AnyServer;
/// use cache_core::{CacheExt, Clock, wait};
/// use cache_regions::{Mangled, Mangler, MemoryBytes};
///
/// let server = Solo::new(MemoryBytes::new(1 << 20, Clock::system()));
/// let client = Encoded::new(Mangled::new(AnyServer::new(server), Mangler::sha1()))?;
/// let names = client.open::<u64, String>("names");
/// wait(names.put_for(&7, "Ann".to_owned(), 60))?;
/// assert_eq!(wait(names.get(&7))?.as_deref(), Some("Ann"));
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Mangled {
    inner: AnyServer,
    mangler: Mangler,
}

impl Mangled {
    /// A server behind a mangler.
    #[must_use]
    pub fn new(inner: AnyServer, mangler: Mangler) -> Self {
        Mangled { inner, mangler }
    }

    /// The keys as the server gets them; an error where one of them cannot be.
    fn all(&self, keys: &[String]) -> Result<Vec<String>> {
        keys.iter().map(|key| self.mangler.checked(key)).collect()
    }
}

fn each<T>(error: &Error, count: usize) -> Vec<Result<T>> {
    (0..count).map(|_| Err(error.clone())).collect()
}

#[deny(clippy::missing_trait_methods)]
impl Server for Mangled {
    fn name(&self) -> String {
        self.inner.name()
    }
    fn limits(&self) -> Limits {
        self.inner.limits()
    }
    fn core(&self) -> &dyn std::any::Any {
        self.inner.core()
    }
    async fn copies(&self, key: &str) -> Vec<String> {
        self.inner.copies(key).await
    }
    async fn discard(&self, key: &str, token: u64) -> Result<bool> {
        self.inner.discard(&self.mangler.checked(key)?, token).await
    }
    async fn get_many(&self, keys: &[String], claim: Claim) -> Vec<Result<Answer>> {
        match self.all(keys) {
            Ok(keys) => self.inner.get_many(&keys, claim).await,
            Err(error) => each(&error, keys.len()),
        }
    }
    async fn put_many(&self, mut puts: Vec<Put>) -> Vec<Result<bool>> {
        for at in 0..puts.len() {
            match self.mangler.checked(&puts[at].key) {
                Ok(key) => puts[at].key = key,
                Err(error) => return each(&error, puts.len()),
            }
        }
        self.inner.put_many(puts).await
    }
    async fn delete_many(&self, keys: &[String]) -> Vec<Result<bool>> {
        match self.all(keys) {
            Ok(keys) => self.inner.delete_many(&keys).await,
            Err(error) => each(&error, keys.len()),
        }
    }
    async fn expire(&self, key: &str, keep: Duration) -> Result<bool> {
        self.inner.expire(&self.mangler.checked(key)?, keep).await
    }
    async fn release(&self, key: &str, token: u64) -> Result<()> {
        self.inner.release(&self.mangler.checked(key)?, token).await
    }
    async fn purge(&self) -> Result<usize> {
        self.inner.purge().await
    }
}
