//! Leases and tokens for a backend that knows neither: kept in this process.

use super::backend::Backend;
use crate::io;
use crate::server::{Answer, Claim, Leased, Limits, Put, Server, Stored, When};
use cache_core::{Clock, Error, Result};
use parking_lot::Mutex as SyncMutex;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Keys whose changes follow one another.
const STRIPES: usize = 256;
/// Keys of a stripe that are remembered one by one.
const REMEMBERED: usize = 128;

/// A [`Server`] over a [`Backend`], whose leases and whose fence hold within this process.
///
/// Several processes may share the backend: each computes for itself, and an invalidation in one
/// does not fence what another is computing. It remembers up to 32 768 keys that have changed, some
/// 100 bytes each; when there are more, older leases end early. A value that is made stale is removed.
///
/// ```
/// # use cache_clients::encoded::{Backend, Encoded, Solo};
/// # fn shelf<B: Backend>(shelf: B) -> cache_core::Result<()> {
/// let client = Encoded::new(Solo::new(shelf).with_name("the shelf").with_max_value(1 << 20))?;
/// # Ok(())
/// # }
/// ```
pub struct Solo<B>(Arc<Shared<B>>);

struct Shared<B> {
    backend: B,
    name: String,
    max_value: usize,
    clock: Clock,
    hasher: RandomState,
    stripes: Box<[Stripe]>,
}

struct Stripe {
    /// Held over a change of the backend.
    turn: Mutex<()>,
    tokens: SyncMutex<Tokens>,
}

/// The tokens of a stripe's keys.
struct Tokens {
    keys: HashMap<String, Marked>,
    /// The token of all keys that are not among them.
    floor: u64,
    next: u64,
}

#[derive(Debug, Clone, Copy)]
struct Marked {
    token: u64,
    lease: Option<Lease>,
}

/// Somebody computes.
#[derive(Debug, Clone, Copy)]
struct Lease {
    token: u64,
    /// In nanoseconds of the clock.
    until: u64,
}

impl Tokens {
    fn token(&self, key: &str) -> u64 {
        self.keys.get(key).map_or(self.floor, |marked| marked.token)
    }

    fn lease(&self, key: &str) -> Option<Lease> {
        self.keys.get(key).and_then(|marked| marked.lease)
    }

    fn is_leased(&self, key: &str, now: u64) -> bool {
        self.lease(key).is_some_and(|lease| now < lease.until)
    }

    /// Makes all tokens of the key worthless but the new one, which is that of the lease, if there is one.
    fn mark(&mut self, key: &str, leased_until: Option<u64>) -> u64 {
        let token = self.draw(key);
        let lease = leased_until.map(|until| Lease { token, until });
        self.keys.insert(key.to_owned(), Marked { token, lease });
        token
    }

    /// The same, but for the token of a lease.
    fn mark_renewed(&mut self, key: &str) {
        let lease = self.lease(key);
        let token = self.draw(key);
        self.keys.insert(key.to_owned(), Marked { token, lease });
    }

    /// A new token, and room for the key.
    fn draw(&mut self, key: &str) -> u64 {
        self.next += 1;
        if self.keys.len() >= REMEMBERED && !self.keys.contains_key(key) {
            self.keys.clear();
            self.floor = self.next;
            self.next += 1;
        }
        self.next
    }

    /// Whether the condition holds; [`When::Absent`] is the backend's to answer.
    fn admit(&self, key: &str, when: When) -> bool {
        let is_value = |token| self.token(key) == token;
        match when {
            When::Always | When::Absent => true,
            When::Token(token) => {
                is_value(token) || self.lease(key).is_some_and(|lease| lease.token == token)
            }
            When::Renewed(token) => is_value(token),
        }
    }
}

/// While a change is under way, and once more when it is over, tokens become worthless: who read in
/// between cannot know what he saw.
struct Changing<'a> {
    stripe: &'a Stripe,
    key: &'a str,
    /// Leases stay.
    renews: bool,
}

impl<'a> Changing<'a> {
    fn begin(stripe: &'a Stripe, key: &'a str) -> Self {
        Changing { stripe, key, renews: false }.marked()
    }

    fn put(stripe: &'a Stripe, put: &'a Put) -> Self {
        let renews = matches!(put.when, When::Renewed(_));
        Changing { stripe, key: &put.key, renews }.marked()
    }

    fn marked(self) -> Self {
        self.mark();
        self
    }

    fn mark(&self) {
        let mut tokens = self.stripe.tokens.lock();
        match self.renews {
            true => tokens.mark_renewed(self.key),
            false => drop(tokens.mark(self.key, None)),
        }
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.mark();
    }
}

impl<B: Backend> Solo<B> {
    /// A server over this backend.
    pub fn new(backend: B) -> Self {
        let tokens = || SyncMutex::new(Tokens { keys: HashMap::new(), floor: 0, next: 0 });
        let stripe = || Stripe { turn: Mutex::new(()), tokens: tokens() };
        Solo(Arc::new(Shared {
            name: short_name::<B>().to_owned(),
            backend,
            max_value: 1 << 30,
            clock: Clock::system(),
            hasher: RandomState::new(),
            stripes: (0..STRIPES).map(|_| stripe()).collect(),
        }))
    }

    /// With a name for messages; the type's unless told otherwise.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        self.change(|shared| shared.name = name.into())
    }

    /// With a longest value in bytes; longer ones are cut into pages. 1 GiB unless told otherwise.
    #[must_use]
    pub fn with_max_value(self, bytes: usize) -> Self {
        self.change(|shared| shared.max_value = bytes)
    }

    /// Takes the time of its leases from another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        self.change(|shared| shared.clock = clock)
    }

    /// Settings come before it is shared; afterwards they are left alone.
    fn change(mut self, change: impl FnOnce(&mut Shared<B>)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            change(shared);
        }
        self
    }

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> &B {
        &self.0.backend
    }
}

fn short_name<B>() -> &'static str {
    let name = std::any::type_name::<B>();
    let path = name.split('<').next().unwrap_or(name);
    path.rsplit("::").next().unwrap_or(path)
}

impl<B: Backend> Shared<B> {
    fn stripe(&self, key: &str) -> &Stripe {
        &self.stripes[self.hasher.hash_one(key) as usize % STRIPES]
    }

    async fn get(&self, key: &str, claim: Claim) -> Result<Answer> {
        let stripe = self.stripe(key);
        // With a claim in turn with the changes, so that nothing changes between look and lease.
        let turn = match claim {
            Claim::Nothing => None,
            Claim::Missing(_) | Claim::Refresh(_) | Claim::Replace(_) => {
                Some(stripe.turn.lock().await)
            }
        };
        let token = stripe.tokens.lock().token(key);
        let bytes = self.backend.get(key).await?;
        let leased = self.claim(stripe, key, claim, bytes.is_some());
        drop(turn);
        let token = match leased {
            Leased::Won(token) => token,
            Leased::No | Leased::Taken => token,
        };
        Ok(Answer { stored: bytes.map(|bytes| Stored { bytes, token, stale: false }), leased })
    }

    fn claim(&self, stripe: &Stripe, key: &str, claim: Claim, there: bool) -> Leased {
        let now = self.clock.nanos();
        let mut tokens = stripe.tokens.lock();
        let length = match claim {
            Claim::Nothing => return Leased::No,
            Claim::Missing(_) if there => return Leased::No,
            Claim::Missing(_) | Claim::Refresh(_) if tokens.is_leased(key, now) => {
                return Leased::Taken;
            }
            Claim::Missing(length) | Claim::Refresh(length) | Claim::Replace(length) => length,
        };
        let length = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        Leased::Won(tokens.mark(key, Some(now.saturating_add(length))))
    }

    async fn put(&self, put: Put) -> Result<bool> {
        let stripe = self.stripe(&put.key);
        let _turn = stripe.turn.lock().await;
        if put.when == When::Absent && self.backend.get(&put.key).await?.is_some() {
            return Ok(false);
        }
        if !stripe.tokens.lock().admit(&put.key, put.when) {
            return Ok(false);
        }
        let _changing = Changing::put(stripe, &put);
        self.backend.put(&put.key, put.bytes.clone(), put.keep).await?;
        Ok(true)
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        let stripe = self.stripe(key);
        let _turn = stripe.turn.lock().await;
        let _changing = Changing::begin(stripe, key);
        self.backend.delete(key).await
    }

    async fn discard(&self, key: &str, token: u64) -> Result<bool> {
        let stripe = self.stripe(key);
        let _turn = stripe.turn.lock().await;
        {
            let tokens = stripe.tokens.lock();
            if tokens.token(key) != token || tokens.is_leased(key, self.clock.nanos()) {
                return Ok(false);
            }
        }
        let _changing = Changing::begin(stripe, key);
        self.backend.delete(key).await
    }

    fn lost(&self) -> Error {
        Error::unreachable(self.name.clone(), "its future panicked")
    }
}

impl<B: Backend> Solo<B> {
    /// Each on the I/O thread, all at once: a caller who is not polled holds nobody up.
    async fn each<T, A, Fut>(
        &self,
        items: Vec<T>,
        act: impl Fn(Arc<Shared<B>>, T) -> Fut,
    ) -> Vec<Result<A>>
    where
        A: Send + 'static,
        Fut: Future<Output = Result<A>> + Send + 'static,
    {
        let tasks: Vec<_> =
            items.into_iter().map(|item| io::handle().spawn(act(self.0.clone(), item))).collect();
        let mut answers = Vec::with_capacity(tasks.len());
        for task in tasks {
            answers.push(task.await.unwrap_or_else(|_| Err(self.0.lost())));
        }
        answers
    }
}

#[deny(clippy::missing_trait_methods)]
impl<B: Backend> Server for Solo<B> {
    fn name(&self) -> String {
        self.0.name.clone()
    }
    fn limits(&self) -> Limits {
        Limits::max_value(self.0.max_value)
    }
    fn core(&self) -> &dyn std::any::Any {
        self
    }
    async fn copies(&self, key: &str) -> Vec<String> {
        vec![key.to_owned()]
    }
    async fn get_many(&self, keys: &[String], claim: Claim) -> Vec<Result<Answer>> {
        let get =
            move |shared: Arc<Shared<B>>, key: String| async move { shared.get(&key, claim).await };
        self.each(keys.to_vec(), get).await
    }
    async fn put_many(&self, puts: Vec<Put>) -> Vec<Result<bool>> {
        let put = |shared: Arc<Shared<B>>, put| async move { shared.put(put).await };
        self.each(puts, put).await
    }
    async fn delete_many(&self, keys: &[String]) -> Vec<Result<bool>> {
        let delete = |shared: Arc<Shared<B>>, key: String| async move { shared.delete(&key).await };
        self.each(keys.to_vec(), delete).await
    }
    async fn discard(&self, key: &str, token: u64) -> Result<bool> {
        let discard = move |shared: Arc<Shared<B>>, key: String| async move {
            shared.discard(&key, token).await
        };
        self.each(vec![key.to_owned()], discard).await.pop().unwrap_or(Ok(false))
    }
    async fn expire(&self, key: &str, _keep: Duration) -> Result<bool> {
        self.delete_many(&[key.to_owned()]).await.pop().unwrap_or(Ok(false))
    }
    async fn release(&self, key: &str, token: u64) -> Result<()> {
        let mut tokens = self.0.stripe(key).tokens.lock();
        if tokens.lease(key).is_some_and(|lease| lease.token == token) {
            tokens.mark(key, None);
        }
        Ok(())
    }
    async fn purge(&self) -> Result<usize> {
        Ok(0)
    }
}

impl<B> Clone for Solo<B> {
    fn clone(&self) -> Self {
        Solo(self.0.clone())
    }
}

impl<B: fmt::Debug> fmt::Debug for Solo<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Solo").field("backend", &self.0.backend).finish_non_exhaustive()
    }
}
