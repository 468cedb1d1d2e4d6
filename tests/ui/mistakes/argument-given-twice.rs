//! Two values for one argument.

use larder::cached;

#[cached(ttl = "5m", ttl = "6m")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
