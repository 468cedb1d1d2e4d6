//! Words of a shape come with a text.

use larder::CacheShape;

#[derive(CacheShape)]
#[shape(name)]
struct Price {
    #[shape(opaque = 1)]
    amount: u64,
    #[shape(opaque = "")]
    currency: String,
    #[shape]
    tax: u64,
}

fn main() {}
