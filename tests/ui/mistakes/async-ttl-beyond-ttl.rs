//! Every value is due as soon as it is stored.

use larder::cached;

#[cached(ttl = "1m", async_ttl = "5m")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
