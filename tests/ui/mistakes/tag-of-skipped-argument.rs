//! A tag that names an argument which is not in the key.

use larder::cached;

#[cached(skip(db), tags = ["db:{db}"])]
fn user(id: u64, db: &str) -> u64 {
    id + db.len() as u64
}

#[cached(key = id % 10, tags = ["user:{id}"])]
fn cut(id: u64) -> u64 {
    id
}

fn main() {}
