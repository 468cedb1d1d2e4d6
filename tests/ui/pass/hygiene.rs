//! Names of the user's never meet names of the expansion.
#![deny(warnings)]

use larder::cached;

#[cached]
fn every_name(key: u8, value: u8, cache: &str, result: u8, hash: u8, memo: u8, self_: u8, v: u8) -> usize {
    usize::from(key + value + result + hash + memo + self_ + v) + cache.len()
}

#[cached]
fn more_names(entry: u8, callback: u8, view: u8, rest: u8, new_value: u8, value: u8, r: u8, k: u8) -> u8 {
    entry + callback + view + rest + new_value + value + r + k
}

#[cached]
async fn names_of_futures(fly: u8, hit: u8, key: String, body: &str, wait: u8) -> usize {
    usize::from(fly + hit + wait) + key.len() + body.len()
}

#[cached(skip(rest = clone))]
fn named_like_itself(named_like_itself: u8, rest: &str) -> usize {
    usize::from(named_like_itself) + rest.len()
}

#[cached]
fn r#type(r#fn: u64) -> u64 {
    r#fn
}

/// Names of the prelude and of `std` mean something else here.
mod shadowed {
    #![allow(dead_code, non_camel_case_types)]
    pub struct Arc;
    pub struct Box;
    pub struct Vec;
    pub struct String;
    pub struct LazyLock;
    pub struct OnceLock;
    pub trait Clone {}
    pub trait FnOnce {}
    pub mod std {}
    pub mod core {}
    pub mod larder {}

    #[::larder::cached]
    pub fn count(text: &str, more: Option<&str>) -> usize {
        text.len() + more.map_or(0, str::len)
    }

    #[::larder::cached(skip(by = clone), ttl = "5m", async_ttl)]
    pub async fn count_later(text: &str, by: usize) -> usize {
        text.len() * by
    }
}

macro_rules! generate {
    ($name:ident, $argument:ident, $of:ty, $to:ty, $body:expr) => {
        #[cached(ttl = "5m")]
        fn $name($argument: $of, extra: u64) -> $to {
            $body + extra
        }
    };
}
generate!(generated, number, u64, u64, number * 2);

macro_rules! fallible {
    ($name:ident, $to:ty) => {
        #[cached]
        fn $name(n: u8) -> $to {
            Some(n)
        }
    };
}
fallible!(grouped, Option<u8>);

mod renamed {
    pub use larder as our_cache;
}

#[cached(crate = renamed::our_cache)]
fn elsewhere(n: u8) -> u8 {
    n
}

mod client {
    //! A module that has the name of another function's argument.
}

#[cached(companion = ClientCache)]
fn client(id: u64) -> u64 {
    id
}

fn main() {
    assert_eq!(every_name(1, 1, "", 1, 1, 1, 1, 1), 7);
    every_name::put(1, 1, "", 1, 1, 1, 1, 1, 9);
    more_names::put(1, 1, 1, 1, 1, 1, 1, 1, 9);
    assert_eq!(more_names(1, 1, 1, 1, 1, 1, 1, 1), 9);
    drop(names_of_futures(1, 2, String::new(), "", 3));
    assert_eq!(named_like_itself(3, "a"), 4);
    let r#type = r#type(3);
    assert_eq!(r#type::peek(3), Some(r#type));
    assert_eq!(shadowed::count("abc", None), 3);
    drop(shadowed::count_later("abc", 2));
    assert_eq!(generated(2, 1), 5);
    assert_eq!((grouped(2), grouped::peek(2)), (Some(2), Some(2)));
    assert_eq!(elsewhere(1), 1);
    assert_eq!((client(1), ClientCache::peek(1)), (1, Some(1)));

    #[derive(Clone, Debug, PartialEq)]
    struct Local(u8);
    #[cached]
    fn inside(n: u8) -> Local {
        Local(n)
    }
    let inside = inside(3);
    assert_eq!(inside::peek(3), Some(inside));
    let all: Vec<u64> = vec![1, 2].into_iter().map(client).collect();
    assert_eq!(all, [1, 2]);
}
