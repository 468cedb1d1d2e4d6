//! One server: a connection that all calls share, made when it is first needed and again when it
//! breaks. While the server is away, calls fail at once and one task tries to reconnect.

use super::alarm::limit;
use super::dial::{Address, Goal, dial, master};
use super::header;
use super::options::Setup;
use super::script;
use super::stats::{Counters, ServerState, ServerStats};
use crate::io;
use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, Pipeline, RedisResult, Value};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::sleep;

/// Between two questions to the sentinels while the master works.
const WATCH: Duration = Duration::from_secs(1);

/// Whether a value can be an answer to what was asked. If not, the connection is out of step.
pub(super) type Sound = fn(&Value) -> bool;

/// Commands for one server.
pub(super) enum Batch {
    One(Cmd),
    Many(Pipeline),
}

impl Batch {
    pub(super) fn new(commands: impl ExactSizeIterator<Item = Cmd>) -> Self {
        let mut commands = commands;
        if commands.len() == 1
            && let Some(command) = commands.next()
        {
            return Batch::One(command);
        }
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command);
        }
        Batch::Many(pipeline)
    }

    fn len(&self) -> usize {
        match self {
            Batch::One(_) => 1,
            Batch::Many(pipeline) => pipeline.len(),
        }
    }

    async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<Vec<Value>> {
        match self {
            Batch::One(command) => connection.send_packed_command(command).await.map(|a| vec![a]),
            Batch::Many(commands) => {
                connection.send_packed_commands(commands, 0, commands.len()).await
            }
        }
    }

    /// Those of which the answers are so.
    fn select(&self, answers: &[Value], so: impl Fn(&Value) -> bool) -> Vec<Cmd> {
        match self {
            Batch::One(command) if answers.iter().any(&so) => vec![command.clone()],
            Batch::One(_) => Vec::new(),
            Batch::Many(commands) => {
                let pairs = commands.cmd_iter().zip(answers);
                pairs.filter(|(_, answer)| so(answer)).map(|(command, _)| command.clone()).collect()
            }
        }
    }
}

#[derive(Clone)]
pub(super) struct Node {
    shared: Arc<Shared>,
}

struct Shared {
    goal: Goal,
    setup: Arc<Setup>,
    state: watch::Sender<State>,
    counters: Counters,
}

enum State {
    Idle,
    /// The first attempt since it worked, for whose end calls wait.
    Dialing,
    Ready(Link),
    /// Why the last attempt failed; the next is on its way.
    Away(Arc<str>),
}

impl State {
    fn is(&self, heard: &Arc<AtomicU64>) -> bool {
        matches!(self, State::Ready(now) if Arc::ptr_eq(&now.heard, heard))
    }
}

#[derive(Clone)]
struct Link {
    connection: MultiplexedConnection,
    /// How many answers came; also what makes one connection differ from another.
    heard: Arc<AtomicU64>,
}

enum Failure {
    /// The connection is of no use any more; nothing prevents a second attempt.
    Broken(String),
    Late(String),
}

impl Failure {
    fn cause(self) -> String {
        match self {
            Failure::Broken(cause) | Failure::Late(cause) => cause,
        }
    }
}

impl Node {
    pub(super) fn new(goal: Goal, setup: Arc<Setup>) -> Self {
        let (state, counters) = (watch::Sender::new(State::Idle), Counters::default());
        Node { shared: Arc::new(Shared { goal, setup, state, counters }) }
    }

    /// Whose answers these are.
    pub(super) fn goal(&self) -> &Goal {
        &self.shared.goal
    }

    pub(super) fn stats(&self) -> ServerStats {
        let state = match &*self.shared.state.borrow() {
            State::Idle | State::Dialing => ServerState::Idle,
            State::Ready(_) => ServerState::Connected,
            State::Away(_) => ServerState::Away,
        };
        self.shared.counters.stats(self.shared.goal.to_string(), state)
    }

    /// One round trip: an answer for each command, errors of the server among them. A
    /// connection that breaks meanwhile is replaced once, and all commands are sent again: each of
    /// them may be done twice.
    pub(super) async fn run(
        &self,
        commands: &Batch,
        sound: Sound,
        deadline: Instant,
    ) -> Result<Vec<Value>, String> {
        let mut link = self.link(deadline).await?;
        let mut sent = self.send(&mut link, commands, sound, deadline).await;
        if let Err(Failure::Broken(_)) = sent {
            link = self.link(deadline).await?;
            sent = self.send(&mut link, commands, sound, deadline).await;
        }
        let mut answers = sent.map_err(Failure::cause)?;
        if answers.iter().any(|answer| failed_with(answer, "READONLY")) {
            // A master that has become a replica: the name may lead to another server by now.
            self.broken(&link.heard, "it is no master any more");
        }
        if answers.iter().any(|answer| failed_with(answer, "NOSCRIPT")) {
            self.teach(&mut link, commands, &mut answers, deadline).await?;
        }
        Ok(answers)
    }

    /// Loads the scripts and repeats what failed without them.
    async fn teach(
        &self,
        link: &mut Link,
        commands: &Batch,
        answers: &mut [Value],
        deadline: Instant,
    ) -> Result<(), String> {
        let unknown = |answer: &Value| failed_with(answer, "NOSCRIPT");
        let mut again: Vec<_> = script::load().collect();
        let loads = again.len();
        again.extend(commands.select(answers, unknown));
        let again = Batch::new(again.into_iter());
        let sent = self.send(link, &again, |_| true, deadline).await;
        let second = sent.map_err(Failure::cause)?.split_off(loads);
        for (answer, second) in answers.iter_mut().filter(|answer| unknown(answer)).zip(second) {
            *answer = second;
        }
        Ok(())
    }

    async fn send(
        &self,
        link: &mut Link,
        commands: &Batch,
        sound: Sound,
        deadline: Instant,
    ) -> Result<Vec<Value>, Failure> {
        let sent = self.try_send(link, commands, sound, deadline).await;
        if sent.is_err() {
            self.shared.counters.failed();
        }
        sent
    }

    async fn try_send(
        &self,
        link: &mut Link,
        commands: &Batch,
        sound: Sound,
        deadline: Instant,
    ) -> Result<Vec<Value>, Failure> {
        let setup = &self.shared.setup;
        self.shared.counters.sent();
        let (begun, before) = (Instant::now(), link.heard.load(Ordering::Relaxed));
        let soonest = deadline.min(begun + setup.response_timeout);
        match limit(soonest, commands.send(&mut link.connection)).await {
            Some(Ok(answers))
                if answers.len() == commands.len() && answers.iter().all(is(sound)) =>
            {
                link.heard.fetch_add(1, Ordering::Relaxed);
                Ok(answers)
            }
            Some(Ok(_)) => {
                let cause = "an answer to something else";
                self.broken(&link.heard, cause);
                Err(Failure::Broken(cause.into()))
            }
            Some(Err(error)) => {
                let cause = error.to_string();
                self.broken(&link.heard, &cause);
                Err(Failure::Broken(cause))
            }
            None => {
                let waited = begun.elapsed();
                let silent = link.heard.load(Ordering::Relaxed) == before;
                // Not for a call that was late itself.
                let cause = format!("no answer within {waited:.1?}");
                if silent && waited * 2 >= setup.response_timeout.min(setup.deadline) {
                    self.broken(&link.heard, &cause);
                }
                Err(Failure::Late(cause))
            }
        }
    }

    /// The connection, once there is one; why not, at once if that is known.
    async fn link(&self, deadline: Instant) -> Result<Link, String> {
        let link = self.await_link(deadline).await;
        if link.is_err() {
            self.shared.counters.failed();
        }
        link
    }

    async fn await_link(&self, deadline: Instant) -> Result<Link, String> {
        if let State::Ready(link) = &*self.shared.state.borrow() {
            return Ok(link.clone());
        }
        self.dial_if(|state| matches!(state, State::Idle));
        let mut changes = self.shared.state.subscribe();
        let settled = changes.wait_for(|state| !matches!(state, State::Idle | State::Dialing));
        match limit(deadline, settled).await {
            Some(Ok(state)) => match &*state {
                State::Ready(link) => Ok(link.clone()),
                State::Away(cause) => Err(cause.to_string()),
                State::Idle | State::Dialing => Err("no connection yet".into()),
            },
            Some(Err(_)) => Err("it is being dropped".into()),
            None => Err("no connection before the deadline of the call".into()),
        }
    }

    /// Replaces this connection, unless somebody did already.
    fn broken(&self, heard: &Arc<AtomicU64>, cause: &str) {
        if self.dial_if(|state| state.is(heard)) {
            self.shared.counters.lost(cause);
        }
    }

    fn dial_if(&self, condition: impl Fn(&State) -> bool) -> bool {
        let begin = self.shared.state.send_if_modified(|state| {
            let begin = condition(state);
            if begin {
                *state = State::Dialing;
            }
            begin
        });
        if begin {
            io::handle().spawn(keep_dialing(Arc::downgrade(&self.shared)));
        }
        begin
    }
}

/// Until there is a connection, or nobody wants it any more.
async fn keep_dialing(shared: Weak<Shared>) {
    let mut pause = Duration::from_millis(20);
    loop {
        let Some(node) = shared.upgrade() else { return };
        let (goal, setup) = (node.goal.clone(), node.setup.clone());
        // A task of its own, so that a panic in TLS or a name service is one more failure.
        let dialed = tokio::spawn(async move { dial(&goal, &setup).await }).await;
        match dialed.unwrap_or_else(|panic| Err(panic.to_string())) {
            Ok((connection, address)) => {
                let link = Link { connection, heard: Arc::default() };
                node.counters.connected(address.to_string());
                if matches!(node.goal, Goal::Master { .. }) {
                    tokio::spawn(watch_master(shared, link.heard.clone(), address));
                }
                node.state.send_replace(State::Ready(link));
                return;
            }
            Err(cause) => {
                let cause: Arc<str> = cause.into();
                node.counters.lost(cause.clone());
                node.state.send_replace(State::Away(cause));
            }
        }
        let longest = node.setup.reconnect;
        drop(node);
        pause = pause.min(longest);
        // Up to a quarter less, so that many clients do not come back in one moment.
        let part = u32::from(u8::try_from(header::token() & 0xff).unwrap_or(0));
        sleep(pause - pause * part / 1024).await;
        pause *= 2;
    }
}

/// Leaves a master when the sentinels name another: the old one may go on for seconds without
/// knowing, and what it is told is lost. Ends with the connection.
async fn watch_master(shared: Weak<Shared>, heard: Arc<AtomicU64>, address: Address) {
    loop {
        sleep(WATCH).await;
        let Some(shared) = shared.upgrade() else { return };
        let node = Node { shared };
        if !node.shared.state.borrow().is(&heard) {
            return;
        }
        let named = master(&node.shared.goal, &node.shared.setup).await;
        if named.is_some_and(|named| named != address) {
            node.broken(&heard, "the sentinels name another master");
            return;
        }
    }
}

fn is(sound: Sound) -> impl Fn(&Value) -> bool {
    move |answer| matches!(answer, Value::ServerError(_)) || sound(answer)
}

/// Whether an answer is the server's error of this kind, or, of many keys, has one.
pub(super) fn failed_with(answer: &Value, code: &str) -> bool {
    match answer {
        Value::ServerError(error) => error.code() == code,
        Value::Array(answers) => answers.iter().any(|answer| failed_with(answer, code)),
        _ => false,
    }
}
