//! Servers that stand alone in a configuration, outside of regions: those of the backends, by the same options.

use super::draft::{Kind, TierDraft};
use super::settings::Settings;
use super::tiers;
use crate::backends::{BackendPlan, Within};
use cache_clients::server::AnyServer;
use cache_core::{Clock, Result};
use std::fmt;
use std::time::Duration;

/// A server as a configuration describes it, checked; it is made when the whole configuration is right.
pub struct ServerPlan {
    plan: BackendPlan,
    deadline: Option<Duration>,
    clock: Clock,
    /// For how long the server is to keep values.
    pub ttl: Option<Duration>,
    /// The backend's name: `redis`.
    pub backend: String,
}

impl ServerPlan {
    /// Makes the server. Files are opened here; connections are opened by the first call.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn make(self) -> Result<AnyServer> {
        let server = (self.plan.make)()?;
        Ok(match self.deadline {
            Some(deadline) => AnyServer::new(Within::new(server, deadline, self.clock)),
            None => server,
        })
    }
}

impl fmt::Debug for ServerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerPlan")
            .field("backend", &self.backend)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

impl<'a> Settings<'a> {
    /// A server: a table with `backend`, the name of one that keeps bytes, and the options that a tier of it has.
    pub fn server(&mut self, name: &'a str) -> Option<ServerPlan> {
        let node = self.take(name)?;
        let what = format!("`{name}` of {}", self.what());
        let TierDraft { backend, ttl, kind, print, .. } = tiers::one(self, what, node, None)?;
        self.note(name, &print);
        match kind {
            Kind::Server { plan, deadline } => {
                let clock = self.clock();
                Some(ServerPlan { plan, deadline, clock, ttl, backend })
            }
            Kind::Memory { .. } | Kind::Null => {
                let why =
                    format!("the backend `{backend}` keeps no bytes: right is one of a server");
                self.report(node.place.clone(), why);
                None
            }
        }
    }
}
