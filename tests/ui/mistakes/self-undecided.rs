//! Whose price?

use larder::cached;

struct Shop {
    tenant: u64,
}

impl Shop {
    #[cached(ttl = "5m")]
    fn price(&self, sku: &str) -> u64 {
        self.tenant + sku.len() as u64
    }
}

fn main() {}
