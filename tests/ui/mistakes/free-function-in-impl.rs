//! A function without `self` looks like any other.

use larder::cached;

struct Shop;

impl Shop {
    #[cached]
    fn price(sku: &str) -> usize {
        sku.len()
    }
}

fn main() {}
