//! A cluster: commands go to the masters of their slots, redirections are followed, and the layout
//! is asked for again when it turns out to be old.

use super::alarm::limit;
use super::carry::together;
use super::dial::{Address, Goal};
use super::node::{Batch, Node, Sound, failed_with};
use super::options::Setup;
use super::routes::Command;
use super::slots::Map;
use super::stats::ServerStats;
use crate::io;
use ::redis::{Cmd, Value, cmd};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often a command may be sent, with redirections and slots on the move.
const ROUNDS: u32 = 5;
/// Between two questions for the layout.
const PAUSE: Duration = Duration::from_millis(100);
/// How many members are asked for the layout at once; the first answer counts.
const ASKED: usize = 12;

#[derive(Clone)]
pub(super) struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    seeds: Vec<Address>,
    setup: Arc<Setup>,
    layout: watch::Sender<Layout>,
    nodes: Mutex<HashMap<Address, Node>>,
}

#[derive(Default)]
struct Layout {
    map: Option<Arc<Map>>,
    asking: bool,
    /// When it was last asked for, and why that failed.
    asked: Option<Instant>,
    cause: String,
}

/// A command on its way.
struct Job {
    index: usize,
    slot: u16,
    command: Cmd,
    aim: Aim,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Aim {
    Slot,
    /// Where a redirection sent it.
    At(Address),
    /// The same, for this one time.
    Asking(Address),
}

/// What became of a job.
enum Fate {
    Done(Result<Value, String>),
    /// To another server, at once.
    Redirected(Aim),
    /// Not now.
    Later(String),
}

impl Cluster {
    pub(super) fn new(seeds: Vec<Address>, setup: Arc<Setup>) -> Self {
        let (layout, nodes) = (watch::Sender::new(Layout::default()), Mutex::default());
        Cluster { shared: Arc::new(Shared { seeds, setup, layout, nodes }) }
    }

    pub(super) async fn run(
        &self,
        commands: Vec<Command>,
        sound: Sound,
        deadline: Instant,
    ) -> Vec<Result<Value, String>> {
        let unanswered = || Err("it was redirected too often".to_owned());
        let mut answers: Vec<_> = commands.iter().map(|_| unanswered()).collect();
        let mut left: Vec<_> = commands
            .into_iter()
            .enumerate()
            .map(|(index, Command { command, slot })| Job { index, slot, command, aim: Aim::Slot })
            .collect();
        for round in 0..ROUNDS {
            let map = match self.map(deadline).await {
                Ok(map) => map,
                Err(cause) => {
                    left.iter().for_each(|job| answers[job.index] = Err(cause.clone()));
                    break;
                }
            };
            let mut later = false;
            let mut next = Vec::new();
            for (mut job, fate) in self.send_all(left, &map, sound, deadline).await {
                match fate {
                    Fate::Done(answer) => answers[job.index] = answer,
                    Fate::Redirected(aim) => {
                        job.aim = aim;
                        next.push(job);
                    }
                    Fate::Later(cause) => {
                        answers[job.index] = Err(cause);
                        later = true;
                        job.aim = Aim::Slot;
                        next.push(job);
                    }
                }
            }
            left = next;
            if left.is_empty() {
                break;
            }
            self.ask_for_layout();
            if later {
                let left = deadline.saturating_duration_since(Instant::now());
                io::sleep(left.min(Duration::from_millis(20) * 2_u32.pow(round))).await;
            }
        }
        answers
    }

    /// One round: all servers at the same time.
    async fn send_all(
        &self,
        jobs: Vec<Job>,
        map: &Map,
        sound: Sound,
        deadline: Instant,
    ) -> Vec<(Job, Fate)> {
        let mut fates = Vec::with_capacity(jobs.len());
        let mut groups: HashMap<(Address, bool), Vec<Job>> = HashMap::new();
        for job in jobs {
            let aim = match &job.aim {
                Aim::Slot => map.master(job.slot).cloned().map(|address| (address, false)),
                Aim::At(address) => Some((address.clone(), false)),
                Aim::Asking(address) => Some((address.clone(), true)),
            };
            match aim {
                Some(aim) => groups.entry(aim).or_default().push(job),
                None => {
                    let cause = format!("no member has the slot {}", job.slot);
                    fates.push((job, Fate::Later(cause)));
                }
            }
        }
        let sent = groups.into_iter().map(|((address, asking), group)| {
            let node = self.node(&address);
            async move { send(&node, &address, asking, group, sound, deadline).await }
        });
        fates.extend(together(sent).await.into_iter().flatten());
        if fates.iter().any(|(_, fate)| matches!(fate, Fate::Done(Err(_)))) {
            self.ask_for_layout();
        }
        fates
    }

    /// Of the members that have been asked, by their addresses.
    pub(super) fn stats(&self) -> Vec<ServerStats> {
        let mut stats: Vec<_> = self.shared.nodes.lock().values().map(Node::stats).collect();
        stats.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        stats
    }

    fn node(&self, address: &Address) -> Node {
        let mut nodes = self.shared.nodes.lock();
        if let Some(node) = nodes.get(address) {
            return node.clone();
        }
        let node = Node::new(Goal::Server(address.clone()), self.shared.setup.clone());
        nodes.insert(address.clone(), node.clone());
        node
    }

    /// The layout, as far as known; waits for the first.
    async fn map(&self, deadline: Instant) -> Result<Arc<Map>, String> {
        if let Some(map) = &self.shared.layout.borrow().map {
            return Ok(map.clone());
        }
        self.ask_for_layout();
        let mut changes = self.shared.layout.subscribe();
        let known = changes.wait_for(|layout| layout.map.is_some() || !layout.asking);
        match limit(deadline, known).await {
            Some(Ok(layout)) => layout.map.clone().ok_or_else(|| layout.cause.clone()),
            Some(Err(_)) => Err("it is being dropped".into()),
            None => Err("no layout before the deadline of the call".into()),
        }
    }

    /// In the background, unless that was done a moment ago.
    fn ask_for_layout(&self) {
        let begin = self.shared.layout.send_if_modified(|layout| {
            let recent = layout.asked.is_some_and(|asked| asked.elapsed() < PAUSE);
            let begin = !layout.asking && !recent;
            layout.asking |= begin;
            begin
        });
        if begin {
            let cluster = self.clone();
            io::handle().spawn(async move {
                // A task of its own: a panic must not leave `asking` behind.
                let asking = cluster.clone();
                let found = tokio::spawn(async move { asking.find_layout().await }).await;
                cluster.learn(found.unwrap_or_else(|panic| Err(panic.to_string())));
            });
        }
    }

    async fn find_layout(&self) -> Result<Map, String> {
        let setup = &self.shared.setup;
        let deadline = Instant::now() + setup.connect_timeout + setup.response_timeout;
        let known = self.shared.layout.borrow().map.clone();
        let mut seen = HashSet::new();
        let members = known.iter().flat_map(|map| map.members()).chain(&self.shared.seeds);
        let mut asked = JoinSet::new();
        for address in members.filter(|address| seen.insert((*address).clone())).take(ASKED) {
            let (node, address) = (self.node(address), address.clone());
            asked.spawn(async move {
                let layout = layout_by(&node, &address, deadline).await;
                layout.map_err(|cause| format!("{address}: {cause}"))
            });
        }
        let mut causes = Vec::new();
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(map)) => return Ok(map),
                Ok(Err(cause)) => causes.push(cause),
                Err(panic) => causes.push(panic.to_string()),
            }
        }
        Err(causes.join("; "))
    }

    fn learn(&self, found: Result<Map, String>) {
        if let Ok(map) = &found {
            let known: HashSet<_> = map.members().chain(&self.shared.seeds).collect();
            self.shared.nodes.lock().retain(|address, _| known.contains(address));
        }
        self.shared.layout.send_modify(|layout| {
            layout.asking = false;
            layout.asked = Some(Instant::now());
            match found {
                Ok(map) => layout.map = Some(Arc::new(map)),
                Err(cause) => layout.cause = cause,
            }
        });
    }
}

async fn layout_by(node: &Node, address: &Address, deadline: Instant) -> Result<Map, String> {
    let question = Batch::One(cmd("CLUSTER").arg("SLOTS").take());
    let is_layout: Sound = |value| matches!(value, Value::Array(_));
    let answer = node.run(&question, is_layout, deadline).await?.pop().unwrap_or_default();
    let answer = answer.extract_error().map_err(|error| error.to_string())?;
    Map::parse(&answer, address).ok_or_else(|| "no slot of the cluster has a server".into())
}

/// One pipeline to one server.
async fn send(
    node: &Node,
    address: &Address,
    asking: bool,
    jobs: Vec<Job>,
    sound: Sound,
    deadline: Instant,
) -> Vec<(Job, Fate)> {
    let mut commands = Vec::with_capacity(jobs.len());
    for job in &jobs {
        if asking {
            commands.push(cmd("ASKING"));
        }
        commands.push(job.command.clone());
    }
    let batch = Batch::new(commands.into_iter());
    // Before each command stands another, whose answer is of another kind.
    let answers = node.run(&batch, if asking { |_| true } else { sound }, deadline).await;
    match answers {
        Ok(answers) => {
            let skipped = usize::from(asking);
            let answers = answers.into_iter().skip(skipped).step_by(1 + skipped);
            jobs.into_iter().zip(answers.map(|answer| fate(answer, address))).collect()
        }
        Err(cause) => {
            let cause = format!("{}: {cause}", node.goal());
            jobs.into_iter().map(|job| (job, Fate::Done(Err(cause.clone())))).collect()
        }
    }
}

fn fate(answer: Value, asked: &Address) -> Fate {
    let Value::ServerError(error) = &answer else { return Fate::Done(Ok(answer)) };
    let text = || format!("{} {}", error.code(), error.details().unwrap_or_default());
    if ["TRYAGAIN", "CLUSTERDOWN"].iter().any(|code| failed_with(&answer, code)) {
        return Fate::Later(text());
    }
    // `MOVED 3999 127.0.0.1:6381`
    let address = || Address::parse(error.details()?.split(' ').nth(1)?, asked);
    match (error.code(), address()) {
        ("MOVED", Some(address)) => Fate::Redirected(Aim::At(address)),
        ("ASK", Some(address)) => Fate::Redirected(Aim::Asking(address)),
        _ => Fate::Done(Ok(answer)),
    }
}
