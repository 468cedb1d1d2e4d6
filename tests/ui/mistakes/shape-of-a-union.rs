//! Which of its fields is stored, nobody can tell.

use larder::CacheShape;

#[derive(Clone, Copy, CacheShape)]
union Either {
    number: u32,
    bytes: [u8; 4],
}

fn main() {}
