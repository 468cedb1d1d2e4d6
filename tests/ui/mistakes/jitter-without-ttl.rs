//! Jitter of nothing.

use larder::cached;

#[cached(jitter = "10%")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
