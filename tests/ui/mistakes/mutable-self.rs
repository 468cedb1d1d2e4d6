//! A hit would skip the change.

use larder::cached;

struct Counter(u64);

impl Counter {
    #[cached(skip(self))]
    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

fn main() {}
