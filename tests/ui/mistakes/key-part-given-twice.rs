//! One argument, twice in the key.

use larder::cached;

#[cached(key = (user, user))]
fn score(user: u64) -> u64 {
    user
}

fn main() {}
