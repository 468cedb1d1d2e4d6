//! Reading through a cached store: what is asked of the remote, what is kept, and what happens when things go wrong.

#[path = "../common/mod.rs"]
mod common;
mod deleting;
mod fetching;
mod found;
mod freshness;
mod heads;
mod keeping;
#[cfg(target_os = "linux")]
mod past;
mod patience;
mod present;
mod stand;
mod trouble;
