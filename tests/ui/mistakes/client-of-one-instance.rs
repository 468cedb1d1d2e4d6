//! A client that each call would have its own of.

use larder::cached;

struct Shop {
    client: larder::Inproc,
    id: u64,
}

impl Shop {
    #[cached(client = self.client, key = self.id)]
    fn price(&self) -> u64 {
        self.id
    }
}

fn main() {}
