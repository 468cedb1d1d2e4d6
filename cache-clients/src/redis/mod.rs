//! Redis and Valkey: the server contract over the redis crate, for one server, a cluster, and
//! servers under sentinels.
//!
//! Each key is one string of the server: a header of 24 bytes, then the bytes that were put. A read
//! is a plain `GET`; what must be decided in the server (leases, conditions) is one script call on
//! that one key, so that it is atomic also in a cluster and under eviction. Outside of clusters the
//! claims of a batch go together, 32 keys to a call. Only the server's own
//! clock is asked. Needs version 5 or newer, and of a restricted user `GET`, `MGET`, `SET`, `PING`,
//! `EVALSHA` and `SCRIPT LOAD`, with what the scripts call: `GETRANGE`, `SETRANGE`, `DEL`,
//! `PEXPIRE`, `PERSIST` and `TIME`; in a cluster `CLUSTER SLOTS`, and under sentinels `ROLE`.

mod alarm;
mod answer;
mod carry;
mod cluster;
mod dial;
mod header;
mod node;
mod options;
mod routes;
mod script;
mod server;
mod slots;
mod stats;
mod url;

pub use options::RedisOptions;
pub use server::Redis;
pub use stats::{ServerState, ServerStats};
