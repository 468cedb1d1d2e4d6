//! A part of `self` that cannot be a key.

use larder::cached;

struct Tenant;

struct Shop {
    tenant: Tenant,
}

impl Shop {
    #[cached(key = (self.tenant, sku))]
    fn price(&self, sku: &str) -> usize {
        sku.len()
    }
}

fn main() {}
