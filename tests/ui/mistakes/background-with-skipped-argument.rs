//! A companion that would need what was skipped.

use larder::cached;

struct Db;

#[cached(skip(db))]
fn score(db: &Db, user: u64) -> u64 {
    let _ = db;
    user
}

fn warm() {
    let _ = score::lazy(&Db, 7);
}

fn main() {}
