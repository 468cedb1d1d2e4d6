//! Servers that regions of equal settings have between them, and configurations that are read again.

use cache_clients::server::{AnyServer, WeakServer};
use cache_core::Result;
use parking_lot::Mutex;
use std::collections::HashMap;

/// The servers that somebody still has.
static OPEN: Mutex<Option<HashMap<u64, WeakServer>>> = Mutex::new(None);

/// What one configuration has made; nobody else sees it before the whole is right.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    made: HashMap<u64, AnyServer>,
}

impl Pool {
    /// The server of this print, or a new one.
    pub(crate) fn get(
        &mut self,
        print: Option<u64>,
        make: impl FnOnce() -> Result<AnyServer>,
    ) -> Result<AnyServer> {
        let Some(print) = print else { return make() };
        let open = || OPEN.lock().as_ref().and_then(|open| open.get(&print)?.upgrade());
        if let Some(server) = self.made.get(&print).cloned().or_else(open) {
            return Ok(server);
        }
        // Not under the lock: it may open files, or be a user's.
        let server = make()?;
        self.made.insert(print, server.clone());
        Ok(server)
    }

    /// Lets configurations to come find what this one has made.
    pub(crate) fn keep(self) {
        let mut open = OPEN.lock();
        let open = open.get_or_insert_with(HashMap::new);
        open.retain(|_, server| server.upgrade().is_some());
        open.extend(self.made.iter().map(|(print, server)| (*print, server.downgrade())));
    }
}
