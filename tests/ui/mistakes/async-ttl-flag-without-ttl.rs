//! Half of nothing.

use larder::cached;

#[cached(async_ttl)]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
