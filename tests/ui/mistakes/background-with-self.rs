//! The same through the handle.

use larder::cached;

struct Shop {
    tenant: u64,
}

impl Shop {
    #[cached(key = (self.tenant, sku))]
    fn price(&self, sku: &str) -> u64 {
        self.tenant + sku.len() as u64
    }
}

fn warm(shop: &Shop) {
    let _ = shop.price_entry("tea").lazy();
}

fn main() {}
