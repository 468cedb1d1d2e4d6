//! Nothing to compare.

use larder::cached;

trait Db {}

#[cached]
fn score(db: &dyn Db, user: u64) -> u64 {
    let _ = db;
    user
}

fn main() {}
