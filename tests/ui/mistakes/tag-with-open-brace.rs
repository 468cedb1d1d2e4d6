//! Braces in tags that do not match, and a format.

use larder::cached;

#[cached(tags = ["user:{id", "user:id}", "user:{id:?}", "user:{}"])]
fn user(id: u64) -> u64 {
    id
}

fn main() {}
