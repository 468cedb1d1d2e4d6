//! An argument that cannot be a key.

use larder::cached;

struct Db;

#[cached]
fn score(db: &Db, user: u64) -> u64 {
    let _ = db;
    user
}

fn main() {}
