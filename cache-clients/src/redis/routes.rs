//! The way to the servers: one, or the members of a cluster.

use super::cluster::Cluster;
use super::node::{Batch, Node, Sound};
use super::stats::ServerStats;
use ::redis::{Cmd, Value};
use std::time::Instant;

pub(super) enum Routes {
    One(Node),
    Cluster(Cluster),
}

/// A command on a key.
pub(super) struct Command {
    pub(super) command: Cmd,
    /// The key's slot; of meaning in a cluster only.
    pub(super) slot: u16,
}

impl Routes {
    pub(super) fn stats(&self) -> Vec<ServerStats> {
        match self {
            Routes::One(node) => vec![node.stats()],
            Routes::Cluster(cluster) => cluster.stats(),
        }
    }

    /// One round trip to each server; an answer, or why there is none, for each command.
    pub(super) async fn run(
        &self,
        commands: Vec<Command>,
        sound: Sound,
        deadline: Instant,
    ) -> Vec<Result<Value, String>> {
        let node = match self {
            Routes::Cluster(cluster) => return cluster.run(commands, sound, deadline).await,
            Routes::One(node) => node,
        };
        let count = commands.len();
        let batch = Batch::new(commands.into_iter().map(|command| command.command));
        match node.run(&batch, sound, deadline).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(cause) => vec![Err(cause); count],
        }
    }
}
