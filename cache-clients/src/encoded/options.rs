//! How values are encoded, and how a cache behaves towards its server.

use super::codec::Codec;
use super::compress::Compression;
use super::digest::check_prefix;
use super::sign::SigningKey;
use cache_core::{Clock, Error, Result};
use std::time::Duration;

/// What to do when somebody else has the lease to compute what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Contention {
    /// Look again, after 2 ms, 4 ms and so on up to 250 ms, until the value is there or the lease is
    /// over. A batch that got a lease for one of its keys does not wait for the others.
    #[default]
    Wait,
    /// Compute too, and store nothing.
    Compute,
}

/// What to do when the server cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Absence {
    /// Reads are misses of the reason [`Unreachable`](cache_core::Reason::Unreachable), writes are
    /// dropped and counted.
    #[default]
    Miss,
    /// Everything is an error that says so.
    Fail,
}

/// Whether values are signed.
#[derive(Debug, Clone, Default)]
pub(super) enum Signing {
    #[default]
    Off,
    /// Asked for, and there was no key.
    Missing(Error),
    Key(SigningKey),
}

/// Settings of an [`Encoded`](super::Encoded) client.
///
/// ```
/// use cache_clients::encoded::{Compression, Contention, EncodedOptions};
/// use std::time::Duration;
///
/// let options = EncodedOptions::new()
///     .with_prefix("shop")
///     .with_compression(Compression::Lz4 { from: 2048 })
///     .with_contention(Contention::Compute)
///     .with_grace(Duration::from_secs(3600));
/// ```
#[derive(Debug, Clone)]
pub struct EncodedOptions {
    pub(super) prefix: String,
    pub(super) codec: Codec,
    pub(super) compression: Compression,
    pub(super) signing: Signing,
    pub(super) lease: Duration,
    pub(super) contention: Contention,
    pub(super) grace: Duration,
    pub(super) clear_lag: Duration,
    pub(super) pending: usize,
    pub(super) ghost: usize,
    pub(super) absence: Absence,
    pub(super) clock: Clock,
}

impl Default for EncodedOptions {
    fn default() -> Self {
        EncodedOptions {
            prefix: "larder".to_owned(),
            codec: Codec::default(),
            compression: Compression::default(),
            signing: Signing::Off,
            lease: Duration::from_secs(10),
            contention: Contention::default(),
            grace: Duration::ZERO,
            clear_lag: Duration::from_secs(1),
            pending: 10_000,
            ghost: 4096,
            absence: Absence::default(),
            clock: Clock::system(),
        }
    }
}

impl EncodedOptions {
    /// The defaults, as each setting tells them.
    ///
    /// ```
    /// use cache_clients::encoded::EncodedOptions;
    ///
    /// let options = EncodedOptions::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        EncodedOptions::default()
    }

    /// What all keys begin with: `larder` unless told otherwise. At most 32 letters, digits, `.`,
    /// `_` and `-`. Programs share values when prefix and namespace are the same.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use cache_clients::encoded::{Backend, Encoded, Solo};
    /// # use cache_core::{Cache, CacheExt, ManualClock, Result, wait};
    /// # use std::{collections::HashMap, sync::{Arc, Mutex}, time::Duration};
    /// # #[derive(Debug, Clone, Default)]
    /// # struct Shelf(Arc<Mutex<HashMap<String, Bytes>>>);
    /// # impl Backend for Shelf {
    /// #     async fn get(&self, key: &str) -> Result<Option<Bytes>> { Ok(self.0.lock().unwrap().get(key).cloned()) }
    /// #     async fn put(&self, key: &str, bytes: Bytes, _: Option<Duration>) -> Result<()> { self.0.lock().unwrap().insert(key.to_owned(), bytes); Ok(()) }
    /// #     async fn delete(&self, key: &str) -> Result<bool> { Ok(self.0.lock().unwrap().remove(key).is_some()) }
    /// # }
    /// use cache_clients::encoded::EncodedOptions;
    ///
    /// # let shelf = Shelf::default();
    /// let options = EncodedOptions::new().with_prefix("shop");
    /// let client = Encoded::with_options(Solo::new(shelf.clone()), options)?;
    /// wait(client.open::<u32, f64>("prices").put_for(&7, 2.5, 60))?;
    /// assert!(shelf.0.lock().unwrap().keys().all(|key| key.starts_with("shop:prices:")));
    ///
    /// let wrong = EncodedOptions::new().with_prefix("shop:eu");
    /// let error = Encoded::with_options(Solo::new(shelf), wrong).unwrap_err();
    /// assert!(error.to_string().contains("the key prefix \"shop:eu\" should be"));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How values become bytes: [`Codec::Auto`] unless told otherwise.
    ///
    /// ```
    /// use cache_clients::encoded::{Codec, EncodedOptions};
    ///
    /// // Programs in other languages read it, too.
    /// let options = EncodedOptions::new().with_codec(Codec::MessagePack);
    /// ```
    #[must_use]
    pub fn with_codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// lz4 from 2 KiB on unless told otherwise.
    ///
    /// ```
    /// use cache_clients::encoded::{Compression, EncodedOptions};
    ///
    /// let pictures = EncodedOptions::new().with_compression(Compression::Off);
    /// let pages = EncodedOptions::new().with_compression(Compression::Lz4 { from: 4096 });
    /// ```
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Signs what is stored, and reads nothing that is not signed with this key. What comes of a key
    /// that could not be had is an error when the client is made.
    ///
    /// ```
    /// use cache_clients::encoded::{EncodedOptions, SigningKey};
    /// let options = EncodedOptions::new().with_signing(SigningKey::from_env("CACHE_KEY"));
    /// ```
    #[must_use]
    pub fn with_signing(mut self, key: Result<SigningKey>) -> Self {
        self.signing = match key {
            Ok(key) => Signing::Key(key),
            Err(error) => Signing::Missing(error),
        };
        self
    }

    /// For how long one process may compute while others wait: 10 seconds unless told otherwise.
    /// When it is over, another may begin, and what the first computes is not stored any more.
    ///
    /// ```
    /// use cache_clients::encoded::EncodedOptions;
    /// use std::time::Duration;
    ///
    /// // Reports take up to a minute.
    /// let options = EncodedOptions::new().with_lease(Duration::from_secs(90));
    /// ```
    #[must_use]
    pub fn with_lease(mut self, length: Duration) -> Self {
        self.lease = length;
        self
    }

    /// What to do when another process computes: wait, unless told otherwise.
    ///
    /// ```
    /// use cache_clients::encoded::{Contention, EncodedOptions};
    ///
    /// // Rather a second computation than a caller who waits for another process.
    /// let options = EncodedOptions::new().with_contention(Contention::Compute);
    /// ```
    #[must_use]
    pub fn with_contention(mut self, contention: Contention) -> Self {
        self.contention = contention;
        self
    }

    /// For how long the server keeps values past their TTL, for functions with a `grace`. Zero
    /// unless told otherwise: what nobody would take need not take room.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use cache_clients::encoded::{Backend, Encoded, Solo};
    /// # use cache_core::{Cache, CacheExt, ManualClock, Result, wait};
    /// # use std::{collections::HashMap, sync::{Arc, Mutex}, time::Duration};
    /// # #[derive(Debug, Clone, Default)]
    /// # struct Shelf(Arc<Mutex<HashMap<String, Bytes>>>);
    /// # impl Backend for Shelf {
    /// #     async fn get(&self, key: &str) -> Result<Option<Bytes>> { Ok(self.0.lock().unwrap().get(key).cloned()) }
    /// #     async fn put(&self, key: &str, bytes: Bytes, _: Option<Duration>) -> Result<()> { self.0.lock().unwrap().insert(key.to_owned(), bytes); Ok(()) }
    /// #     async fn delete(&self, key: &str) -> Result<bool> { Ok(self.0.lock().unwrap().remove(key).is_some()) }
    /// # }
    /// use cache_clients::encoded::EncodedOptions;
    /// use cache_core::{Aim, Lookup};
    ///
    /// # let time = ManualClock::new();
    /// let options = EncodedOptions::new().with_grace(Duration::from_secs(3600));
    /// # let options = options.with_clock(time.clock());
    /// let client = Encoded::with_options(Solo::new(Shelf::default()), options)?;
    /// let prices = client.open::<u32, f64>("prices");
    /// wait(prices.put_for(&7, 2.5, 60))?;
    /// # time.advance(Duration::from_secs(61));
    /// // A minute later it is no hit, but still there for a computation that fails.
    /// assert_eq!(wait(prices.get(&7))?, None);
    /// assert!(matches!(wait(prices.lookup(&7, Aim::Read))?, Lookup::Expired { value: 2.5, .. }));
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Within which time reads of other handles and processes see a `clear`: one second unless told
    /// otherwise. After it the next read asks the server for the generation of the namespace. Changes
    /// see it at once: each asks beside itself.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use cache_clients::encoded::{Backend, Encoded, Solo};
    /// # use cache_core::{Cache, CacheExt, ManualClock, Result, wait};
    /// # use std::{collections::HashMap, sync::{Arc, Mutex}, time::Duration};
    /// # #[derive(Debug, Clone, Default)]
    /// # struct Shelf(Arc<Mutex<HashMap<String, Bytes>>>);
    /// # impl Backend for Shelf {
    /// #     async fn get(&self, key: &str) -> Result<Option<Bytes>> { Ok(self.0.lock().unwrap().get(key).cloned()) }
    /// #     async fn put(&self, key: &str, bytes: Bytes, _: Option<Duration>) -> Result<()> { self.0.lock().unwrap().insert(key.to_owned(), bytes); Ok(()) }
    /// #     async fn delete(&self, key: &str) -> Result<bool> { Ok(self.0.lock().unwrap().remove(key).is_some()) }
    /// # }
    /// use cache_clients::encoded::EncodedOptions;
    ///
    /// # let server = Solo::new(Shelf::default());
    /// // Each read asks for the generation first: twice the questions, and no clear is seen late.
    /// let options = EncodedOptions::new().with_clear_lag(Duration::ZERO);
    /// let here = Encoded::with_options(server.clone(), options.clone())?.open::<u32, f64>("prices");
    /// let elsewhere = Encoded::with_options(server, options)?.open::<u32, f64>("prices");
    /// wait(here.put_for(&7, 2.5, 60))?;
    /// assert_eq!(wait(elsewhere.get(&7))?, Some(2.5));
    /// wait(here.clear())?;
    /// assert_eq!(wait(elsewhere.get(&7))?, None);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_clear_lag(mut self, lag: Duration) -> Self {
        self.clear_lag = lag;
        self
    }

    /// How many invalidations are kept for each namespace while the server is away: 10 000 unless
    /// told otherwise. When there are more, the whole namespace is cleared on its return.
    ///
    /// ```
    /// use cache_clients::encoded::EncodedOptions;
    ///
    /// // Where an absence of an hour must not cost the whole namespace.
    /// let options = EncodedOptions::new().with_pending(100_000);
    /// ```
    #[must_use]
    pub fn with_pending(mut self, bound: usize) -> Self {
        self.pending = bound;
        self
    }

    /// Of how many keys this client remembers that they were on the server, so that a miss can tell
    /// whether its value expired, was removed from here, or is gone for another reason (the server
    /// evicted it, or another process removed it: that is told as evicted). 4096 unless told
    /// otherwise, rounded up to a power of two, at 16 bytes each; no memory before the first, and
    /// none at all with 0.
    ///
    /// ```
    /// use cache_clients::encoded::EncodedOptions;
    /// let options = EncodedOptions::new().with_ghost(100_000); // 2 MiB
    /// ```
    #[must_use]
    pub fn with_ghost(mut self, keys: usize) -> Self {
        self.ghost = keys;
        self
    }

    /// What to do when the server is away: miss, unless told otherwise.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use cache_clients::encoded::{Absence, Backend, Encoded, EncodedOptions, Solo};
    /// use cache_core::{CacheExt, Error, Result, wait};
    /// use std::time::Duration;
    ///
    /// #[derive(Debug, Clone)]
    /// struct Away;
    ///
    /// impl Backend for Away {
    ///     async fn get(&self, _: &str) -> Result<Option<Bytes>> {
    ///         Err(Error::unreachable("shelf", "it is away"))
    ///     }
    /// #     async fn put(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<()> { Err(Error::unreachable("shelf", "it is away")) }
    /// #     async fn delete(&self, _: &str) -> Result<bool> { Err(Error::unreachable("shelf", "it is away")) }
    ///     // The same for `put` and `delete`.
    /// }
    ///
    /// let usual = Encoded::new(Solo::new(Away))?.open::<u32, f64>("prices");
    /// assert_eq!(wait(usual.get(&7))?, None);
    /// let strict = EncodedOptions::new().with_absence(Absence::Fail);
    /// let strict = Encoded::with_options(Solo::new(Away), strict)?.open::<u32, f64>("prices");
    /// assert!(wait(strict.get(&7)).unwrap_err().is_unreachable());
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_absence(mut self, absence: Absence) -> Self {
        self.absence = absence;
        self
    }

    /// Takes the time from another clock. Processes that share values need clocks that agree.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use cache_clients::encoded::{Backend, Encoded, Solo};
    /// # use cache_core::{Cache, CacheExt, ManualClock, Result, wait};
    /// # use std::{collections::HashMap, sync::{Arc, Mutex}, time::Duration};
    /// # #[derive(Debug, Clone, Default)]
    /// # struct Shelf(Arc<Mutex<HashMap<String, Bytes>>>);
    /// # impl Backend for Shelf {
    /// #     async fn get(&self, key: &str) -> Result<Option<Bytes>> { Ok(self.0.lock().unwrap().get(key).cloned()) }
    /// #     async fn put(&self, key: &str, bytes: Bytes, _: Option<Duration>) -> Result<()> { self.0.lock().unwrap().insert(key.to_owned(), bytes); Ok(()) }
    /// #     async fn delete(&self, key: &str) -> Result<bool> { Ok(self.0.lock().unwrap().remove(key).is_some()) }
    /// # }
    /// use cache_clients::encoded::EncodedOptions;
    ///
    /// // In a test: a minute passes at once.
    /// let time = ManualClock::new();
    /// let options = EncodedOptions::new().with_clock(time.clock());
    /// let client = Encoded::with_options(Solo::new(Shelf::default()), options)?;
    /// let prices = client.open::<u32, f64>("prices");
    /// wait(prices.put_for(&7, 2.5, 60))?;
    /// time.advance(Duration::from_secs(60));
    /// assert_eq!(wait(prices.get(&7))?, None);
    /// # Ok::<(), cache_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        check_prefix(&self.prefix)?;
        if self.lease.is_zero() {
            return Err(Error::invalid(
                "a lease of zero is over before anything is computed: make it longer than the computations",
            ));
        }
        match &self.signing {
            Signing::Missing(error) => {
                Err(Error::invalid(format!("signing was asked for without a key: {error}")))
            }
            Signing::Off | Signing::Key(_) => Ok(()),
        }
    }

    pub(super) fn key(&self) -> Option<&SigningKey> {
        match &self.signing {
            Signing::Key(key) => Some(key),
            Signing::Off | Signing::Missing(_) => None,
        }
    }
}
