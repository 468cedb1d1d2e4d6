//! The byte contract: what a shared server offers, with leases and the fence in the server itself.
//!
//! `Encoded` makes a typed client of a [`Server`]. Whoever has only a place to put
//! bytes implements the three functions of `Backend` instead.
//!
//! Keys are printable ASCII without spaces, at most 200 bytes. Every value carries a token that
//! changes with every change of the key; a lease is the token of the moment in which it was given.

use bytes::Bytes;
use cache_core::{BoxFuture, Result};
use std::any::Any;
use std::fmt::{self, Debug};
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// What a server can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest value in bytes; longer ones are cut into pages.
    pub max_value: usize,
}

impl Limits {
    /// Values up to so many bytes.
    #[must_use]
    pub const fn max_value(bytes: usize) -> Self {
        Limits { max_value: bytes }
    }
}

/// What a read wants beside the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Nothing: a plain read, which changes nothing.
    Nothing,
    /// The lease, for that long, where there is no value, or one that was made stale.
    Missing(Duration),
    /// The lease, for that long, whatever is there; only one of many callers gets it.
    Refresh(Duration),
    /// The lease, for that long, whatever is there, also from one who has it.
    Replace(Duration),
}

/// A value as the server holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The bytes that were put.
    pub bytes: Bytes,
    /// Changes with every change of the key.
    pub token: u64,
    /// It was [made stale](Server::expire).
    pub stale: bool,
}

/// Who may compute what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leased {
    /// The lease was not asked for, or there is no need: the value is there.
    No,
    /// This caller: he puts with [`When::Token`] of this token.
    Won(u64),
    /// Somebody else.
    Taken,
}

/// What a server says of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The value; a lease in progress over nothing is no value.
    pub stored: Option<Stored>,
    /// Who may compute.
    pub leased: Leased,
}

/// When a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always. Outstanding tokens and leases of the key become worthless.
    Always,
    /// Where there is no value; a lease in progress over nothing is no value, and loses.
    Absent,
    /// Where nothing has happened to the key since this token was given. What was renewed since then is
    /// still what it was to who has a lease.
    Token(u64),
    /// Where the value is still the one of this token, which this one renews: it gets another token, and who has
    /// the lease beside it keeps that.
    Renewed(u64),
}

/// A value on its way to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The key.
    pub key: String,
    /// The value.
    pub bytes: Bytes,
    /// How long the server keeps it, at least, rounded up to what it can count; `None`: as long as
    /// it has room.
    pub keep: Option<Duration>,
    /// Under which condition.
    pub when: When,
}

/// A server of bytes that processes share.
///
/// Each key of a batch has a result of its own, in the order of the keys: one machine that is away
/// does not fail the others. A batch takes one round trip to each machine. Errors are
/// [unreachable](cache_core::Error::is_unreachable); whatever a server can answer is no error.
pub trait Server: Debug + Send + Sync + 'static {
    /// What it is and where, for messages: `memcached 10.0.0.7:11211`.
    fn name(&self) -> String;
    /// What it can do.
    fn limits(&self) -> Limits;
    /// The client itself. A wrapper says what its inner server says.
    fn core(&self) -> &dyn Any;
    /// Names for copies of what lies under a key, in no order: on a fleet, some that lie on different
    /// machines and stay there whatever other machines come and go; else the key alone.
    ///
    /// What must outlive a machine is kept in all of them: the generation of a namespace. A wrapper
    /// passes on what its inner server says.
    fn copies(&self, key: &str) -> impl Future<Output = Vec<String>> + Send;
    /// Reads, and asks for leases.
    fn get_many(
        &self,
        keys: &[String],
        claim: Claim,
    ) -> impl Future<Output = Vec<Result<Answer>>> + Send;
    /// Stores; false where the condition did not hold.
    fn put_many(&self, puts: Vec<Put>) -> impl Future<Output = Vec<Result<bool>>> + Send;
    /// Removes values and leases; false where there was no value. Tokens become worthless.
    fn delete_many(&self, keys: &[String]) -> impl Future<Output = Vec<Result<bool>>> + Send;
    /// Removes a value that is of no use: if it is still the one of this token, and nobody has a lease
    /// to replace it; false otherwise.
    fn discard(&self, key: &str, token: u64) -> impl Future<Output = Result<bool>> + Send;
    /// Marks a value as stale and keeps it for that long; false where there was none. Tokens and
    /// leases become worthless.
    fn expire(&self, key: &str, keep: Duration) -> impl Future<Output = Result<bool>> + Send;
    /// Gives a lease back, so that the next one need not wait for its end; nothing happens if it is
    /// over. A value that is there stays.
    fn release(&self, key: &str, token: u64) -> impl Future<Output = Result<()>> + Send;
    /// Drops what the server keeps beyond its time; says how many, 0 where it does so by itself.
    fn purge(&self) -> impl Future<Output = Result<usize>> + Send;
}

/// Any server, shared: which one is known only when the program runs. Each call costs a box more.
///
/// ```
/// use cache_clients::encoded::{Backend, Encoded, Solo};
/// use cache_clients::server::AnyServer;
/// # use bytes::Bytes;
/// # use cache_core::Result;
/// # use std::time::Duration;
/// # #[derive(Debug)]
/// # struct Nowhere;
/// # impl Backend for Nowhere {
/// #     async fn get(&self, _: &str) -> Result<Option<Bytes>> { Ok(None) }
/// #     async fn put(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<()> { Ok(()) }
/// #     async fn delete(&self, _: &str) -> Result<bool> { Ok(false) }
/// # }
/// # let mine = Solo::new(Nowhere);
/// let server = AnyServer::new(mine); // a `Solo`, a `Memcached`, ..
/// let client: Encoded<AnyServer> = Encoded::new(server)?;
/// # Ok::<(), cache_core::Error>(())
/// ```
#[derive(Clone)]
pub struct AnyServer(Arc<dyn Erased>);

impl AnyServer {
    /// Forgets the type of a server.
    pub fn new(server: impl Server) -> Self {
        AnyServer(Arc::new(server))
    }

    /// A handle that does not keep the server.
    #[must_use]
    pub fn downgrade(&self) -> WeakServer {
        WeakServer(Arc::downgrade(&self.0))
    }
}

/// A server for as long as somebody else has it.
#[derive(Clone)]
pub struct WeakServer(Weak<dyn Erased>);

impl WeakServer {
    /// The server, if anybody still has it.
    #[must_use]
    pub fn upgrade(&self) -> Option<AnyServer> {
        self.0.upgrade().map(AnyServer)
    }
}

impl Debug for WeakServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WeakServer").field(&self.upgrade()).finish()
    }
}

impl Debug for AnyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

trait Erased: Debug + Send + Sync + 'static {
    fn name(&self) -> String;
    fn limits(&self) -> Limits;
    fn core(&self) -> &dyn Any;
    fn copies<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Vec<String>>;
    fn get_many<'a>(
        &'a self,
        keys: &'a [String],
        claim: Claim,
    ) -> BoxFuture<'a, Vec<Result<Answer>>>;
    fn put_many(&self, puts: Vec<Put>) -> BoxFuture<'_, Vec<Result<bool>>>;
    fn delete_many<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Vec<Result<bool>>>;
    fn expire<'a>(&'a self, key: &'a str, keep: Duration) -> BoxFuture<'a, Result<bool>>;
    fn discard<'a>(&'a self, key: &'a str, token: u64) -> BoxFuture<'a, Result<bool>>;
    fn release<'a>(&'a self, key: &'a str, token: u64) -> BoxFuture<'a, Result<()>>;
    fn purge(&self) -> BoxFuture<'_, Result<usize>>;
}

impl<S: Server> Erased for S {
    fn name(&self) -> String {
        Server::name(self)
    }
    fn limits(&self) -> Limits {
        Server::limits(self)
    }
    fn core(&self) -> &dyn Any {
        Server::core(self)
    }
    fn copies<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Vec<String>> {
        Box::pin(Server::copies(self, key))
    }
    fn get_many<'a>(
        &'a self,
        keys: &'a [String],
        claim: Claim,
    ) -> BoxFuture<'a, Vec<Result<Answer>>> {
        Box::pin(Server::get_many(self, keys, claim))
    }
    fn put_many(&self, puts: Vec<Put>) -> BoxFuture<'_, Vec<Result<bool>>> {
        Box::pin(Server::put_many(self, puts))
    }
    fn delete_many<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Vec<Result<bool>>> {
        Box::pin(Server::delete_many(self, keys))
    }
    fn expire<'a>(&'a self, key: &'a str, keep: Duration) -> BoxFuture<'a, Result<bool>> {
        Box::pin(Server::expire(self, key, keep))
    }
    fn discard<'a>(&'a self, key: &'a str, token: u64) -> BoxFuture<'a, Result<bool>> {
        Box::pin(Server::discard(self, key, token))
    }
    fn release<'a>(&'a self, key: &'a str, token: u64) -> BoxFuture<'a, Result<()>> {
        Box::pin(Server::release(self, key, token))
    }
    fn purge(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(Server::purge(self))
    }
}

#[deny(clippy::missing_trait_methods)]
impl Server for AnyServer {
    fn name(&self) -> String {
        self.0.name()
    }
    fn limits(&self) -> Limits {
        self.0.limits()
    }
    fn core(&self) -> &dyn Any {
        self.0.core()
    }
    async fn copies(&self, key: &str) -> Vec<String> {
        self.0.copies(key).await
    }
    async fn get_many(&self, keys: &[String], claim: Claim) -> Vec<Result<Answer>> {
        self.0.get_many(keys, claim).await
    }
    async fn put_many(&self, puts: Vec<Put>) -> Vec<Result<bool>> {
        self.0.put_many(puts).await
    }
    async fn delete_many(&self, keys: &[String]) -> Vec<Result<bool>> {
        self.0.delete_many(keys).await
    }
    async fn expire(&self, key: &str, keep: Duration) -> Result<bool> {
        self.0.expire(key, keep).await
    }
    async fn discard(&self, key: &str, token: u64) -> Result<bool> {
        self.0.discard(key, token).await
    }
    async fn release(&self, key: &str, token: u64) -> Result<()> {
        self.0.release(key, token).await
    }
    async fn purge(&self) -> Result<usize> {
        self.0.purge().await
    }
}

/// What machines have missed over an earlier client they get from one that takes its place, whatever is wrapped around the two.
pub(crate) fn take_over(later: &impl Server, earlier: &impl Server) {
    #[cfg(feature = "memcached")]
    if let (Some(later), Some(earlier)) = (of_memcached(later), of_memcached(earlier)) {
        later.take_over(earlier);
    }
    // Of no other kind does a machine stand in for another.
    #[cfg(not(feature = "memcached"))]
    let _ = (later, earlier);
}

#[cfg(feature = "memcached")]
fn of_memcached(server: &impl Server) -> Option<&crate::memcached::Memcached> {
    server.core().downcast_ref()
}
