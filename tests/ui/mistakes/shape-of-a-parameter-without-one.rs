//! The shape of a generic type is that of what it is filled with.

use larder::CacheShape;

#[derive(CacheShape)]
struct Page<T> {
    rows: Vec<T>,
}

struct Foreign(u8);

fn main() {
    let _ = <Page<Foreign> as CacheShape>::PRINT;
}
