//! Redis and Valkey: the server contract over the redis crate.
