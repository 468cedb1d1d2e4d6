//! A TTL that is no time.

use larder::cached;

#[cached(ttl = TTL)]
fn score(user: u64) -> u64 {
    user
}

const TTL: bool = true;

fn main() {}
