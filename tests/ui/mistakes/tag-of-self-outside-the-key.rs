//! A tag that names a field of `self` which is not in the key.

use larder::cached;

struct Shop {
    id: u64,
    town: String,
}

impl Shop {
    #[cached(key = (self.id, item), tags = ["town:{self.town}", "shop:{self}"])]
    fn price(&self, item: u32) -> usize {
        self.town.len() + item as usize
    }
}

fn main() {}
