//! A TTL of one call.

use larder::cached;

struct Shop;

impl Shop {
    #[cached(skip(self), ttl = seconds)]
    fn price(&self, seconds: u64) -> u64 {
        seconds
    }
}

fn main() {}
