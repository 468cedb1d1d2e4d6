//! Redis as a server of bytes: the contract in terms of its commands and our scripts.

use super::alarm::limit;
use super::answer::{self, answer, changed};
use super::carry::Carried;
use super::cluster::Cluster;
use super::dial::Goal;
use super::node::{Node, Sound};
use super::options::{RedisOptions, Setup};
use super::routes::{Command, Routes};
use super::script::{self, Mode};
use super::stats::ServerStats;
use super::url::Servers;
use super::{header, slots};
use crate::server::{Answer, Claim, Limits, Put, Server, When};
use ::redis::{Cmd, Value, cmd};
use cache_core::{Error, Result};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A Redis or Valkey, a cluster of them, or the master of a group under sentinels.
///
/// It connects at the first call, over one connection to each server that all calls share, and
/// again when that breaks. While a server is away, calls to it fail at once. Every call ends before
/// its [deadline](RedisOptions::with_deadline). Its futures can be awaited in any thread. 24 bytes
/// are added to each value.
///
/// Clones are cheap and share the connections.
///
/// ```no_run
/// use cache_clients::redis::Redis;
/// use cache_clients::server::{Claim, Leased, Put, Server, When};
/// use std::time::Duration;
///
/// # async fn example() -> cache_core::Result<()> {
/// let redis = Redis::open("redis://10.0.0.7")?;
/// let keys = ["greeting".to_owned()];
/// let claim = Claim::Missing(Duration::from_secs(10));
/// if let Leased::Won(token) = redis.get_many(&keys, claim).await.remove(0)?.leased {
///     // Nobody else computes it now, and a delete makes the token worthless.
///     let put = Put {
///         key: keys[0].clone(),
///         bytes: "hello".into(),
///         keep: Some(Duration::from_secs(60)),
///         when: When::Token(token),
///     };
///     assert!(redis.put_many(vec![put]).await.remove(0)?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Redis {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    setup: Arc<Setup>,
    routes: Arc<Routes>,
    permits: Arc<Semaphore>,
}

impl Redis {
    /// The one that a URL names, with the usual limits; [`RedisOptions`] has the forms of the URL.
    ///
    /// # Errors
    /// When the URL is wrong; whether somebody listens there is not tried.
    ///
    /// ```
    /// use cache_clients::redis::Redis;
    ///
    /// let error = Redis::open("redis://cache:eleven").unwrap_err();
    /// assert!(error.to_string().contains("the port `eleven` is no number from 1 to 65535"));
    /// ```
    pub fn open(url: &str) -> Result<Self> {
        Redis::new(RedisOptions::new(url))
    }

    /// The one that the options name.
    ///
    /// # Errors
    /// When an option is wrong; whether somebody listens there is not tried.
    ///
    /// ```
    /// use cache_clients::redis::{Redis, RedisOptions};
    ///
    /// let options = RedisOptions::new("redis://10.0.0.7");
    /// assert!(Redis::new(options.clone().with_in_flight(0)).unwrap_err().is_invalid());
    /// assert!(Redis::new(options).is_ok());
    /// ```
    pub fn new(options: RedisOptions) -> Result<Self> {
        let (servers, setup) = options.check()?;
        let setup = Arc::new(setup);
        let (name, routes) = match servers {
            Servers::Cluster(seeds) => {
                let places: Vec<_> = seeds.iter().map(ToString::to_string).collect();
                let name = format!("redis cluster {}", places.join(","));
                (name, Routes::Cluster(Cluster::new(seeds, setup.clone())))
            }
            Servers::One(address) => one(Goal::Server(address), &setup),
            Servers::Sentinels { sentinels, master, login } => {
                one(Goal::Master { sentinels, master, login }, &setup)
            }
        };
        let permits = Arc::new(Semaphore::new(setup.in_flight));
        let routes = Arc::new(routes);
        Ok(Redis { shared: Arc::new(Shared { name, setup, routes, permits }) })
    }

    /// What has happened with each server so far: with the one, the master, or the members of the
    /// cluster that have been asked, by their addresses.
    ///
    /// ```
    /// use cache_clients::redis::{Redis, ServerState};
    ///
    /// let redis = Redis::open("redis://10.0.0.7").unwrap();
    /// let stats = redis.stats();
    /// assert_eq!(stats[0].name, "10.0.0.7:6379");
    /// assert_eq!((stats[0].state, stats[0].requests), (ServerState::Idle, 0));
    /// ```
    #[must_use]
    pub fn stats(&self) -> Vec<ServerStats> {
        self.shared.routes.stats()
    }

    /// One round trip to each server; an answer for each command.
    async fn call(&self, commands: Vec<Command>, sound: Sound) -> Vec<Result<Value>> {
        let count = commands.len();
        if count == 0 {
            return Vec::new();
        }
        let deadline = Instant::now() + self.shared.setup.deadline;
        let Some(permit) = self.permit(deadline).await else {
            let calls = self.shared.setup.in_flight;
            let cause = format!("{calls} calls were in flight until the deadline of this one");
            return (0..count).map(|_| Err(self.unreachable(&cause))).collect();
        };
        let routes = self.shared.routes.clone();
        // The permit goes along: the call may outlive its caller.
        let answers = Carried::new(async move {
            let _permit = permit;
            routes.run(commands, sound, deadline).await
        });
        let known = |answer: Result<Value, String>| answer.map_err(|e| self.unreachable(&e));
        answers.await.into_iter().map(known).collect()
    }

    async fn permit(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let permits = self.shared.permits.clone();
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            return Some(permit);
        }
        limit(deadline, permits.acquire_owned()).await?.ok()
    }

    /// Changes of one key each.
    async fn change(&self, commands: Vec<Command>) -> Vec<Result<bool>> {
        let answers = self.call(commands, answer::is_change).await;
        answers.into_iter().map(|value| self.known(changed(value?))).collect()
    }

    async fn change_one(&self, command: Command) -> Result<bool> {
        let mut answers = self.change(vec![command]).await;
        answers.pop().unwrap_or_else(|| Err(self.unreachable("no answer")))
    }

    /// All keys in one command, which a cluster would refuse.
    async fn read_at_once(&self, keys: &[String]) -> Vec<Result<Answer>> {
        let command = Command { command: cmd("MGET").arg(keys).take(), slot: 0 };
        let mut answers = self.call(vec![command], answer::is_reads).await;
        let failure = match answers.pop() {
            Some(Ok(Value::Array(values))) if values.len() == keys.len() => {
                let read = |value| self.known(answer(value, 0));
                return values.into_iter().map(read).collect();
            }
            Some(Ok(value)) => self.known(changed(value)).err(),
            Some(Err(error)) => Some(error),
            None => None,
        };
        let failure = failure.unwrap_or_else(|| self.unreachable("too short an answer"));
        keys.iter().map(|_| Err(failure.clone())).collect()
    }

    async fn claim(&self, keys: &[String], mode: Mode, time: Duration) -> Vec<Result<Answer>> {
        // In a cluster, a script may name keys of one slot only.
        let at_once = if matches!(*self.shared.routes, Routes::One(_)) { CLAIMS } else { 1 };
        let tokens: Vec<_> = keys.iter().map(|_| header::token()).collect();
        let parts = || keys.chunks(at_once).zip(tokens.chunks(at_once));
        let commands = parts().map(|(keys, tokens)| {
            self.on(keys.first().map_or("", |key| key), script::claim(keys, mode, tokens, time))
        });
        let answers = self.call(commands.collect(), answer::is_claims).await;
        let mut results = Vec::with_capacity(keys.len());
        for (value, (keys, tokens)) in answers.into_iter().zip(parts()) {
            match value.and_then(|value| self.known(answer::split(value, keys.len()))) {
                Ok(values) => {
                    let pairs = values.into_iter().zip(tokens);
                    results.extend(pairs.map(|(value, token)| self.known(answer(value, *token))));
                }
                Err(error) => results.extend(keys.iter().map(|_| Err(error.clone()))),
            }
        }
        results
    }

    /// Only clusters ask for slots.
    fn on(&self, key: &str, command: Cmd) -> Command {
        let slot = match *self.shared.routes {
            Routes::Cluster(_) => slots::slot(key),
            Routes::One(_) => 0,
        };
        Command { command, slot }
    }

    fn known<T>(&self, result: Result<T, String>) -> Result<T> {
        result.map_err(|cause| self.unreachable(&cause))
    }

    fn unreachable(&self, cause: &str) -> Error {
        Error::unreachable(&self.shared.name, cause)
    }
}

impl Server for Redis {
    fn name(&self) -> String {
        self.shared.name.clone()
    }

    fn limits(&self) -> Limits {
        Limits::max_value(self.shared.setup.max_value)
    }

    fn core(&self) -> &dyn std::any::Any {
        self
    }

    async fn copies(&self, key: &str) -> Vec<String> {
        vec![key.to_owned()]
    }

    async fn get_many(&self, keys: &[String], claim: Claim) -> Vec<Result<Answer>> {
        match claim {
            Claim::Missing(time) => self.claim(keys, Mode::Missing, time).await,
            Claim::Refresh(time) => self.claim(keys, Mode::Refresh, time).await,
            Claim::Replace(time) => self.claim(keys, Mode::Replace, time).await,
            Claim::Nothing if keys.len() > 1 && matches!(*self.shared.routes, Routes::One(_)) => {
                self.read_at_once(keys).await
            }
            Claim::Nothing => {
                let commands = keys.iter().map(|key| self.on(key, cmd("GET").arg(key).take()));
                let answers = self.call(commands.collect(), answer::is_read).await;
                answers.into_iter().map(|value| self.known(answer(value?, 0))).collect()
            }
        }
    }

    async fn put_many(&self, puts: Vec<Put>) -> Vec<Result<bool>> {
        let mut results: Vec<_> = puts.iter().map(|_| Ok(false)).collect();
        let (mut commands, mut sent) = (Vec::with_capacity(puts.len()), Vec::new());
        for (index, put) in puts.into_iter().enumerate() {
            if put.bytes.len() > MOST_BYTES {
                let length = put.bytes.len();
                results[index] = Err(self.unreachable(&format!(
                    "a value of {length} bytes is longer than its {MOST_BYTES}"
                )));
            // No token is zero, but where nobody has a lease, zero stands in its place.
            } else if !matches!(put.when, When::Token(0) | When::Renewed(0)) {
                commands.push(self.on(&put.key, store(&put)));
                sent.push(index);
            }
        }
        for (index, result) in sent.into_iter().zip(self.change(commands).await) {
            results[index] = result;
        }
        results
    }

    async fn delete_many(&self, keys: &[String]) -> Vec<Result<bool>> {
        self.change(keys.iter().map(|key| self.on(key, script::delete(key))).collect()).await
    }

    async fn discard(&self, key: &str, token: u64) -> Result<bool> {
        self.change_one(self.on(key, script::discard(key, token))).await
    }

    async fn expire(&self, key: &str, keep: Duration) -> Result<bool> {
        self.change_one(self.on(key, script::expire(key, header::token(), keep))).await
    }

    async fn release(&self, key: &str, token: u64) -> Result<()> {
        if token == 0 {
            return Ok(());
        }
        self.change_one(self.on(key, script::release(key, token))).await.map(|_| ())
    }

    async fn purge(&self) -> Result<usize> {
        Ok(0)
    }
}

/// How many keys a script claims: it holds their values in memory.
const CLAIMS: usize = 32;

/// A string of redis ends at 512 MB; longer ones would make it close the connection.
const MOST_BYTES: usize = (512 << 20) - header::LENGTH;

fn one(goal: Goal, setup: &Arc<Setup>) -> (String, Routes) {
    (format!("redis {goal}"), Routes::One(Node::new(goal, setup.clone())))
}

fn store(put: &Put) -> Cmd {
    let mut string = Vec::with_capacity(header::LENGTH + put.bytes.len());
    string.extend_from_slice(&header::fresh(header::token()));
    string.extend_from_slice(&put.bytes);
    match put.when {
        When::Absent => script::put(&put.key, None, put.keep, &string),
        When::Token(token) => script::put(&put.key, Some(token), put.keep, &string),
        When::Renewed(token) => script::renew(&put.key, token, put.keep, &string),
        When::Always => {
            let mut command = Cmd::with_capacity(5, put.key.len() + string.len() + 32);
            command.arg("SET").arg(&put.key).arg(&string[..]);
            if let Some(millis) = put.keep.and_then(script::millis) {
                command.arg("PX").arg(millis);
            }
            command
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("name", &self.shared.name)
            .field("setup", &self.shared.setup)
            .finish_non_exhaustive()
    }
}
