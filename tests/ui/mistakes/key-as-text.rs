//! A key in quotes, as other libraries have it.

use larder::cached;

#[cached(key = "user")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
