//! Handles, the adapters and temporary stores, over memory, disk and real servers.

mod cached;
mod errors;
#[path = "../common/itself.rs"]
mod itself;
mod laws;
mod odd;
mod reads;
mod sequences;
mod servers;
mod simple;
mod temporary;
mod writes;

use cache_stores::Temporary;
use cache_stores::object_store::ObjectStore;
use cache_stores::object_store::memory::InMemory;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Shared = Arc<dyn ObjectStore>;

/// Stores of which the one gives streams and the other files.
fn plain() -> Vec<Shared> {
    vec![Arc::new(InMemory::new()), Arc::new(Temporary::new().unwrap())]
}

/// What a store or a server does in its own time, seen by asking again and again.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn bytes(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    });
    next.flatten().take(length).collect()
}
