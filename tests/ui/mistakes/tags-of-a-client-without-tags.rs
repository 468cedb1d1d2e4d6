//! Tags over a client that keeps one type of values only, and so no versions of tags.

use larder::{Client, Inproc, Namespace, cached};

struct Numbers(Inproc);

impl Client<u64, u64> for Numbers {
    type Cache = <Inproc as Client<u64, u64>>::Cache;
    fn open(&self, namespace: &Namespace) -> Self::Cache {
        Client::open(&self.0, namespace)
    }
}

static NUMBERS: std::sync::LazyLock<Numbers> = std::sync::LazyLock::new(|| Numbers(Inproc::new(10)));

#[cached(client = NUMBERS, tags = ["user:{id}"])]
fn user(id: u64) -> u64 {
    id
}

fn main() {}
