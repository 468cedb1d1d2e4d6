//! Whether somebody has the lease to compute a value.

use super::EncodedCache;
use crate::server::{Claim, Leased, Server};
use cache_core::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A lease that is only taken to see that nobody has it.
const MOMENT: Duration = Duration::from_secs(1);

impl<S: Server, K: Serialize, V: Serialize + DeserializeOwned> EncodedCache<S, K, V> {
    /// Whether a process has the lease to compute the value of this key. A lease that is free is
    /// taken for a moment and given back: a server has no other way to say so.
    ///
    /// # Errors
    /// When the server cannot be reached, whatever the client does about that elsewhere.
    pub async fn is_leased(&self, key: &K) -> Result<bool> {
        let digest = self.0.digest(key)?;
        let (link, space) = (&self.0.link, &self.0.space);
        let generation = space.ready(link, &[digest]).await?;
        let name = space.names.value(generation, &digest);
        for claim in [Claim::Missing(MOMENT), Claim::Refresh(MOMENT)] {
            match link.get_one(&name, claim).await?.leased {
                Leased::Won(token) => {
                    link.server.release(&name, token).await?;
                    return Ok(false);
                }
                Leased::Taken => return Ok(true),
                Leased::No => {}
            }
        }
        Ok(false)
    }
}
