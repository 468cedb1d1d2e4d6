//! A struct that is called a result.

use larder::cached;

#[derive(Clone)]
struct QueryResult(u64);

#[cached]
fn query(user: u64) -> QueryResult {
    QueryResult(user)
}

fn main() {}
