//! A time, but of what?

use larder::cached;

#[cached("5m")]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
