//! What can be said about how to use a Redis.

use super::dial::Login;
use super::url;
use cache_core::{Error, Result};
use std::fmt;
use std::time::Duration;

/// Where a [`Redis`](super::Redis) is, and its limits.
///
/// | URL | |
/// |---|---|
/// | `redis://user:password@host:6379/0` | one server; user, password, port and database may be left out |
/// | `rediss://..` | with TLS, which needs the feature `tls`; also before `+cluster` and `+sentinel` |
/// | `unix:///run/redis.sock?db=0&user=..&pass=..` | a Unix socket |
/// | `redis+cluster://host:port,host:port` | a cluster; some members, the others are found |
/// | `redis+sentinel://host:26379,host:26379/0?master=name` | the master that sentinels name; their own login as `sentinel_user` and `sentinel_pass` |
///
/// `valkey` may stand for `redis`. In users and passwords, write `%40` for `@` and its like.
///
/// ```
/// use cache_clients::redis::{Redis, RedisOptions};
/// use std::time::Duration;
///
/// let options = RedisOptions::new("redis://:secret@10.0.0.7/2")
///     .with_connect_timeout(Duration::from_millis(300))
///     .with_deadline(Duration::from_secs(1));
/// let redis = Redis::new(options)?; // connects at the first call
/// assert!(!format!("{redis:?}").contains("secret"));
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Clone)]
pub struct RedisOptions {
    url: String,
    connect_timeout: Duration,
    response_timeout: Duration,
    deadline: Duration,
    reconnect: Duration,
    in_flight: usize,
    max_value: usize,
    #[cfg(feature = "tls")]
    roots: Option<Vec<u8>>,
    #[cfg(feature = "tls")]
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl RedisOptions {
    /// 1 s to connect, 1 s for an answer, 2 s for a call, 1 s at most between attempts to
    /// reconnect, 1024 calls in flight, values up to 8 MiB. The URL is read by
    /// [`Redis::new`](super::Redis::new).
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        RedisOptions {
            url: url.into(),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(1),
            deadline: Duration::from_secs(2),
            reconnect: Duration::from_secs(1),
            in_flight: 1024,
            max_value: 8 << 20,
            #[cfg(feature = "tls")]
            roots: None,
            #[cfg(feature = "tls")]
            identity: None,
        }
    }

    /// How long connecting may take, with names, sentinels, TLS and login.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long an answer may take; a connection on which no answer ends for that long is replaced.
    #[must_use]
    pub fn with_response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// How long a call may take, with waiting for its turn, connecting and repeating.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The longest pause between attempts to reconnect. The first comes at once, the second after
    /// 20 ms, then the pauses double; meanwhile calls fail at once.
    #[must_use]
    pub fn with_reconnect(mut self, longest: Duration) -> Self {
        self.reconnect = longest;
        self
    }

    /// How many calls may be on their way; more wait for their turn. A batch is one call.
    #[must_use]
    pub fn with_in_flight(mut self, calls: usize) -> Self {
        self.in_flight = calls;
        self
    }

    /// The longest value in one piece; longer ones are cut into pages of that size. A server handles
    /// one command at a time, and answers share a connection: what is long makes others wait. At
    /// most 256 MiB, since strings of the server end at 512 MB.
    #[must_use]
    pub fn with_max_value(mut self, bytes: usize) -> Self {
        self.max_value = bytes;
        self
    }

    /// The certificates (PEM) that may have signed the server's; without it, those that the system
    /// trusts.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// The certificate and key (PEM) by which the server knows us.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_client_certificate(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.identity = Some((certificate.into(), key.into()));
        self
    }

    /// The URL read and everything checked.
    pub(super) fn check(self) -> Result<(url::Servers, Setup)> {
        let target = url::parse(&self.url)?;
        for (what, time) in [
            ("connect timeout", self.connect_timeout),
            ("response timeout", self.response_timeout),
            ("deadline", self.deadline),
            ("longest pause between attempts to reconnect", self.reconnect),
        ] {
            if time.is_zero() {
                return Err(self.wrong(&format!("the {what} is 0; expected more")));
            }
        }
        if self.in_flight == 0 || self.in_flight > MOST_IN_FLIGHT {
            let calls = self.in_flight;
            return Err(
                self.wrong(&format!("{calls} calls in flight; expected 1 to {MOST_IN_FLIGHT}"))
            );
        }
        if self.max_value == 0 || self.max_value > MOST_VALUE {
            let bytes = self.max_value;
            return Err(self
                .wrong(&format!("a longest value of {bytes} bytes; expected 1 to {MOST_VALUE}")));
        }
        self.check_tls(target.tls)?;
        let setup = Setup {
            tls: target.tls,
            login: target.login,
            connect_timeout: self.connect_timeout,
            response_timeout: self.response_timeout,
            deadline: self.deadline,
            reconnect: self.reconnect,
            in_flight: self.in_flight,
            max_value: self.max_value,
            #[cfg(feature = "tls")]
            certificates: self.certificates(),
        };
        Ok((target.servers, setup))
    }

    fn wrong(&self, what: &str) -> Error {
        Error::invalid(format!("redis at `{}`: {what}", url::censored(&self.url)))
    }

    #[cfg(not(feature = "tls"))]
    fn check_tls(&self, tls: bool) -> Result<()> {
        if tls { Err(self.wrong("TLS needs larder's feature `tls`")) } else { Ok(()) }
    }

    #[cfg(feature = "tls")]
    fn check_tls(&self, tls: bool) -> Result<()> {
        if !tls && (self.roots.is_some() || self.identity.is_some()) {
            return Err(self.wrong("certificates without TLS; expected rediss:// in the URL"));
        }
        if !tls {
            return Ok(());
        }
        let is_certificate =
            |pem: &Vec<u8>| pem.windows(27).any(|w| w == b"-----BEGIN CERTIFICATE-----");
        if !self.roots.iter().all(is_certificate) {
            return Err(self.wrong("no certificate among the root certificates; expected PEM"));
        }
        let info = ::redis::ConnectionAddr::TcpTls {
            host: "checked".into(),
            port: 1,
            insecure: false,
            tls_params: None,
        };
        match ::redis::Client::build_with_tls(info, self.certificates()) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.wrong(&format!("its certificates: {error}; expected PEM"))),
        }
    }

    #[cfg(feature = "tls")]
    fn certificates(&self) -> ::redis::TlsCertificates {
        let identity = self.identity.clone();
        ::redis::TlsCertificates {
            client_tls: identity.map(|(client_cert, client_key)| ::redis::ClientTlsConfig {
                client_cert,
                client_key,
            }),
            root_cert: self.roots.clone(),
        }
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("url", &url::censored(&self.url))
            .field("connect_timeout", &self.connect_timeout)
            .field("response_timeout", &self.response_timeout)
            .field("deadline", &self.deadline)
            .field("in_flight", &self.in_flight)
            .field("max_value", &self.max_value)
            .finish_non_exhaustive()
    }
}

/// A semaphore's limit, and more than any machine's memory.
const MOST_IN_FLIGHT: usize = 1 << 20;
const MOST_VALUE: usize = 256 << 20;

/// Checked options.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) tls: bool,
    pub(super) login: Login,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) deadline: Duration,
    pub(super) reconnect: Duration,
    pub(super) in_flight: usize,
    pub(super) max_value: usize,
    #[cfg(feature = "tls")]
    pub(super) certificates: ::redis::TlsCertificates,
}
