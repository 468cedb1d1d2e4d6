//! The shapes of the standard types. Pointers are what they point to; a number is its type.

use super::{CacheShape, Print};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZero, Saturating, Wrapping};
use std::ops::{Bound, Range, RangeFrom, RangeInclusive, RangeTo};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

macro_rules! named {
    ($($name:literal: $($ty:ty)+;)*) => {$($(
        impl CacheShape for $ty {
            const PRINT: Print = Print::new($name);
        }
    )+)*};
}

named! {
    "bool": bool;
    "char": char;
    "u8": u8; "u16": u16; "u32": u32; "u64": u64; "u128": u128; "usize": usize;
    "i8": i8; "i16": i16; "i32": i32; "i64": i64; "i128": i128; "isize": isize;
    "f32": f32; "f64": f64;
    "text": str String;
    "()": ();
    "Duration": Duration;
    "SystemTime": SystemTime;
    "Path": Path PathBuf;
    "OsStr": OsStr OsString;
    "CStr": CStr CString;
    "Ipv4Addr": Ipv4Addr; "Ipv6Addr": Ipv6Addr; "IpAddr": IpAddr;
    "SocketAddrV4": SocketAddrV4; "SocketAddrV6": SocketAddrV6; "SocketAddr": SocketAddr;
}

macro_rules! nonzero {
    ($($ty:ty)*) => {$(
        impl CacheShape for NonZero<$ty> {
            const PRINT: Print = Print::new("NonZero").part(<$ty>::PRINT);
        }
    )*};
}

nonzero! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

macro_rules! pointers {
    ($($ty:ty)*) => {$(
        impl<T: CacheShape + ?Sized> CacheShape for $ty {
            const PRINT: Print = T::PRINT;
        }
    )*};
}

pointers! { &T Box<T> Rc<T> Arc<T> Cell<T> RefCell<T> Mutex<T> RwLock<T> }

impl<T: CacheShape + ToOwned + ?Sized> CacheShape for Cow<'_, T> {
    const PRINT: Print = T::PRINT;
}

macro_rules! around {
    ($($name:literal: $($ty:ty)+;)*) => {$($(
        impl<T: CacheShape> CacheShape for $ty {
            const PRINT: Print = Print::new($name).part(T::PRINT);
        }
    )+)*};
}

around! {
    "Option": Option<T>;
    "sequence": [T] Vec<T> VecDeque<T> LinkedList<T>;
    "BinaryHeap": BinaryHeap<T>;
    "set": BTreeSet<T>;
    "Reverse": Reverse<T>;
    "Wrapping": Wrapping<T>;
    "Saturating": Saturating<T>;
    "Bound": Bound<T>;
    "Range": Range<T>;
    "RangeFrom": RangeFrom<T>;
    "RangeInclusive": RangeInclusive<T>;
    "RangeTo": RangeTo<T>;
}

impl<T: CacheShape, const N: usize> CacheShape for [T; N] {
    const PRINT: Print = Print::new("array").count(N as u64).part(T::PRINT);
}

impl<T: CacheShape, S> CacheShape for HashSet<T, S> {
    const PRINT: Print = <BTreeSet<T>>::PRINT;
}

impl<K: CacheShape, V: CacheShape> CacheShape for BTreeMap<K, V> {
    const PRINT: Print = Print::new("map").part(K::PRINT).part(V::PRINT);
}

impl<K: CacheShape, V: CacheShape, S> CacheShape for HashMap<K, V, S> {
    const PRINT: Print = <BTreeMap<K, V>>::PRINT;
}

impl<T: CacheShape, E: CacheShape> CacheShape for Result<T, E> {
    const PRINT: Print = Print::new("Result").part(T::PRINT).part(E::PRINT);
}

/// Nothing of it is stored, so what it stands for does not matter.
impl<T: ?Sized> CacheShape for PhantomData<T> {
    const PRINT: Print = Print::new("PhantomData");
}

macro_rules! tuples {
    ($($len:literal: $($name:ident)+;)*) => {$(
        impl<$($name: CacheShape),+> CacheShape for ($($name,)+) {
            const PRINT: Print = Print::new("tuple").count($len)$(.part($name::PRINT))+;
        }
    )*};
}

tuples! {
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
    9: A B C D E F G H I;
    10: A B C D E F G H I J;
    11: A B C D E F G H I J K;
    12: A B C D E F G H I J K L;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print<T: CacheShape + ?Sized>() -> u64 {
        T::PRINT.number()
    }

    #[test]
    fn pointers_and_owners_are_what_they_hold() {
        assert_eq!(print::<Box<str>>(), print::<String>());
        assert_eq!(print::<Arc<[u8]>>(), print::<Vec<u8>>());
        assert_eq!(print::<Cow<'static, str>>(), print::<&str>());
        assert_eq!(print::<HashMap<String, u8>>(), print::<BTreeMap<String, u8>>());
        assert_eq!(print::<HashSet<u8>>(), print::<BTreeSet<u8>>());
    }

    #[test]
    fn different_types_have_different_prints() {
        let mut all = vec![
            print::<bool>(),
            print::<char>(),
            print::<u8>(),
            print::<u16>(),
            print::<u32>(),
            print::<u64>(),
            print::<u128>(),
            print::<usize>(),
            print::<i8>(),
            print::<i16>(),
            print::<i32>(),
            print::<i64>(),
            print::<i128>(),
            print::<isize>(),
            print::<f32>(),
            print::<f64>(),
            print::<String>(),
            print::<()>(),
            print::<Duration>(),
            print::<SystemTime>(),
            print::<PathBuf>(),
            print::<IpAddr>(),
            print::<Ipv4Addr>(),
            print::<SocketAddr>(),
            print::<NonZero<u8>>(),
            print::<NonZero<u16>>(),
            print::<Option<u8>>(),
            print::<Option<Option<u8>>>(),
            print::<Vec<u8>>(),
            print::<Vec<Vec<u8>>>(),
            print::<[u8; 1]>(),
            print::<[u8; 2]>(),
            print::<(u8,)>(),
            print::<(u8, u8)>(),
            print::<((u8, u8), u8)>(),
            print::<(u8, (u8, u8))>(),
            print::<(u8, u8, u8)>(),
            print::<BTreeSet<u8>>(),
            print::<BTreeMap<u8, u16>>(),
            print::<BTreeMap<u16, u8>>(),
            print::<Result<u8, ()>>(),
            print::<Result<(), u8>>(),
            print::<PhantomData<u8>>(),
            print::<Wrapping<u8>>(),
            print::<Reverse<u8>>(),
            print::<Range<u8>>(),
            print::<RangeInclusive<u8>>(),
            print::<Bound<u8>>(),
        ];
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(!all.contains(&0));
    }
}
