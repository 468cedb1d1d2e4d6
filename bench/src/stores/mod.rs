//! Stores: object stores behind a local copy, against the same stores without one.

mod server;

use crate::options::Options;

/// The hidden sub-commands of the other processes.
pub const SERVER: &str = "stores-server";
pub const CHILD: &str = "stores-child";

pub use server::serve;

pub fn run(_options: &Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let server = server::Server::start(folder.path())?;
    let _ = server::client(server.port)?;
    Ok(())
}
pub fn child(_args: impl Iterator<Item = String>) -> Result<(), String> {
    Ok(())
}
