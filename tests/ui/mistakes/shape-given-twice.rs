//! Which of them would count?

use larder::CacheShape;

#[derive(CacheShape)]
#[shape(name = "Old", name = "Older")]
struct Price {
    amount: u64,
}

fn main() {}
