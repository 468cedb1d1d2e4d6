//! More tags than a value can have.

use larder::cached;

#[cached(tags = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17"])]
fn user(id: u64) -> u64 {
    id
}

fn main() {}
