//! Extra methods are not allowed there.

use larder::cached;

struct Shop;

trait Prices {
    fn price(&self, sku: &str) -> usize;
}

impl Prices for Shop {
    #[cached(skip(self))]
    fn price(&self, sku: &str) -> usize {
        sku.len()
    }
}

fn main() {}
