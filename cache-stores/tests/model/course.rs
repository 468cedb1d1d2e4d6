//! What can happen.

use proptest::prelude::*;

/// Few, so that they meet.
pub(crate) const PATHS: [&str; 4] = ["a", "b/c", "b/d", "e"];

/// One step. Objects are named by their place in [`PATHS`], contents by their length: no two are the same.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Put(usize, usize),
    /// Unless it is there.
    Create(usize, usize),
    /// In parts; finished, or given up.
    Multipart(usize, Vec<usize>, bool),
    /// Through a handle, in pieces.
    Write(usize, usize),
    Get(usize),
    Range(usize, u64, u64),
    Head(usize),
    /// Through a handle, from here on.
    Read(usize, u64),
    /// The first bytes; then the reader goes.
    Glance(usize),
    Refresh(usize),
    Delete(usize),
    Copy(usize, usize),
    Rename(usize, usize),
    List,
    Purge,
    Flush,
    /// Seconds go by.
    Later(u64),
    /// The remote goes, or comes back.
    Away(bool),
    /// The disk is full, or damaged, or well again.
    Disk(Disk),
    /// Somebody else writes to the remote, or deletes there.
    Elsewhere(usize, Option<usize>),
    /// All handles are dropped, and the store is built again.
    Restart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    Well,
    Full,
    Damaged,
}

/// Chunks are of 1 KiB: nothing, less than one, one, some.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), 1..1024_usize, Just(1024), Just(3072), 1024..6000_usize]
}

pub(crate) fn ops() -> impl Strategy<Value = Op> {
    let path = || 0..PATHS.len();
    let disk = prop_oneof![3 => Just(Disk::Well), 1 => Just(Disk::Full), 1 => Just(Disk::Damaged)];
    let parts = proptest::collection::vec(length(), 1..4);
    prop_oneof![
        6 => (path(), length()).prop_map(|(path, length)| Op::Put(path, length)),
        1 => (path(), length()).prop_map(|(path, length)| Op::Create(path, length)),
        2 => (path(), parts, any::<bool>())
            .prop_map(|(path, parts, finish)| Op::Multipart(path, parts, finish)),
        2 => (path(), length()).prop_map(|(path, length)| Op::Write(path, length)),
        8 => path().prop_map(Op::Get),
        4 => (path(), 0..6000_u64, 1..3000_u64)
            .prop_map(|(path, start, length)| Op::Range(path, start, length)),
        2 => path().prop_map(Op::Head),
        2 => (path(), 0..6000_u64).prop_map(|(path, start)| Op::Read(path, start)),
        2 => path().prop_map(Op::Glance),
        1 => path().prop_map(Op::Refresh),
        2 => path().prop_map(Op::Delete),
        1 => (path(), path()).prop_map(|(from, to)| Op::Copy(from, to)),
        1 => (path(), path()).prop_map(|(from, to)| Op::Rename(from, to)),
        1 => Just(Op::List),
        1 => Just(Op::Purge),
        1 => Just(Op::Flush),
        3 => prop_oneof![Just(1_u64), Just(59), Just(60), 1..200_u64].prop_map(Op::Later),
        2 => any::<bool>().prop_map(Op::Away),
        1 => disk.prop_map(Op::Disk),
        3 => (path(), proptest::option::weighted(0.8, length()))
            .prop_map(|(path, length)| Op::Elsewhere(path, length)),
        2 => Just(Op::Restart),
    ]
}
