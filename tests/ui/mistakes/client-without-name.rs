//! A client as if it were the only argument.

use larder::cached;

static CLIENT: u8 = 0;

#[cached(CLIENT, ttl = "5m")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
