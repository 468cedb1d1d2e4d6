//! A weight looks at key and value.

use larder::cached;

#[cached(capacity = 10, weight = |value| 1)]
fn name(user: u64) -> String {
    user.to_string()
}

fn main() {}
