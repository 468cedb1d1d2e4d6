//! What is inside counts, and of this nothing is known.

use larder::CacheShape;

struct Foreign(u8);

#[derive(CacheShape)]
struct Price {
    amount: u64,
    currency: Foreign,
}

#[derive(CacheShape)]
enum Choice {
    None,
    Some(Vec<Foreign>),
}

fn main() {}
