//! Each place has its own words.

use larder::CacheShape;

#[derive(CacheShape)]
#[shape(nmae = "Old")]
struct Price {
    #[shape(name = "cents")]
    amount: u64,
}

#[derive(CacheShape)]
enum Choice {
    #[shape(opaque = "v1")]
    None,
    Some(#[shape(transparent)] u64),
}

fn main() {}
