//! No type can be declared there.

use larder::cached;

struct Shop;

impl Shop {
    #[cached(skip(self), companion = PriceCache)]
    fn price(&self, sku: &str) -> usize {
        sku.len()
    }
}

fn main() {}
