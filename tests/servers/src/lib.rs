//! Starts memcached, redis and an S3 server for larder's tests on free loopback ports, stops and freezes
//! them, and breaks the connections to them.
//!
//! Every server is a process of its own, without anything on disk, and dies with the value that
//! started it, or with the test runner, however that ends.
//!
//! ```
//! use larder_test_servers::{Fault, Memcached, Proxy};
//!
//! let memcached = Memcached::start();
//! let proxy = Proxy::before(&memcached.address());
//! proxy.set(Fault::CloseAfter(3));
//! # use std::io::{Read, Write};
//! let mut stream = std::net::TcpStream::connect(proxy.address()).unwrap();
//! stream.write_all(b"version\r\n").unwrap();
//! let mut answer = String::new();
//! stream.read_to_string(&mut answer).unwrap();
//! assert_eq!(answer, "VER");
//! ```

mod cluster;
mod memcached;
mod moto;
mod port;
mod process;
mod proxy;
mod redis;
mod signals;

pub use cluster::{RedisCluster, Sentinel, say};
pub use memcached::Memcached;
pub use moto::{Bucket, Moto};
pub use proxy::{Fault, Proxy};
pub use redis::Redis;
