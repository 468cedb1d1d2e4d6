//! Where keys go, against placements that pylibmc and pymemcache really made (`data/record.py`).

#![cfg(feature = "memcached")]

use cache_clients::memcached::ring::{Node, Placement, Ring};
use std::path::Path;

const KEYS: u32 = 10_000;

/// The rule of `data/record.py`.
fn key(number: u32) -> String {
    const ALPHABET: &[u8] =
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-./|@#";
    let mut state = u64::from(number) + 1;
    let mut draw = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    let length = draw() % 100 + if number.is_multiple_of(16) { 100 } else { 0 };
    let mut key: String =
        (0..length).map(|_| char::from(ALPHABET[draw() % ALPHABET.len()])).collect();
    key.push(':');
    key + &number.to_string()
}

/// A recorded file: the servers, the one that was dead, and the index of the server of each key.
struct Recorded {
    nodes: Vec<Node>,
    dead: Option<usize>,
    homes: Vec<usize>,
}

fn recorded(name: &str) -> Recorded {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/placements_{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap();
    let field = |field: &str| text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    let names = field("# servers: ").split(' ');
    let weights = field("# weights: ").split(' ').map(|weight| weight.parse().unwrap());
    let nodes: Vec<Node> =
        names.zip(weights).map(|(name, weight)| Node::new(name).with_weight(weight)).collect();
    let dead = nodes.iter().position(|node| node.name == field("# dead: "));
    let digits = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::chars);
    let homes: Vec<usize> = digits.map(|digit| digit.to_digit(10).unwrap() as usize).collect();
    assert_eq!(homes.len(), KEYS as usize);
    Recorded { nodes, dead, homes }
}

/// How many of the recorded keys go where they went.
fn agreement(placement: Placement, name: &str) -> usize {
    let Recorded { nodes, dead, homes } = recorded(name);
    let ring = Ring::new(&nodes, placement);
    let same = |&(number, home): &(u32, &usize)| {
        ring.at(key(number).as_bytes(), |server| Some(server) != dead) == Some(*home)
    };
    (0..KEYS).zip(&homes).filter(same).count()
}

fn all_agree(placement: Placement, names: &[&str]) {
    for name in names {
        assert_eq!(agreement(placement, name), KEYS as usize, "{placement:?} {name}");
    }
}

#[test]
fn x25_modula_places_10_000_keys_as_libmemcached_does_by_default() {
    all_agree(
        Placement::Modula,
        &["modula_five", "modula_default_port", "modula_names", "modula_unix"],
    );
}

#[test]
fn x25_ketama_places_10_000_keys_as_libmemcached() {
    all_agree(
        Placement::Ketama,
        &["ketama_five", "ketama_default_port", "ketama_names", "ketama_unix"],
    );
}

#[test]
fn x25_weighted_ketama_places_10_000_keys_as_libmemcached_with_equal_and_other_weights() {
    all_agree(
        Placement::KetamaWeighted,
        &[
            "weighted_five",
            "weighted_names",
            "weighted_equal_five",
            "weighted_equal_default_port",
            "weighted_equal_names",
            "weighted_equal_unix",
        ],
    );
}

#[test]
fn x25_rendezvous_places_10_000_keys_as_pymemcache() {
    all_agree(
        Placement::PymemcacheRendezvous,
        &[
            "pymemcache_five",
            "pymemcache_default_port",
            "pymemcache_names",
            "pymemcache_unix",
            "pymemcache_mixed",
        ],
    );
}

#[test]
fn the_keys_of_a_dead_server_go_where_libmemcached_and_pymemcache_send_them() {
    all_agree(Placement::Ketama, &["ketama_dead"]);
    all_agree(Placement::PymemcacheRendezvous, &["pymemcache_dead"]);
}

#[test]
fn with_a_dead_server_weighted_ketama_moves_fewer_keys_than_libmemcached_whose_ring_is_made_anew() {
    let before = recorded("weighted_five");
    let theirs = recorded("weighted_dead");
    let dead = theirs.dead.unwrap();
    let moved =
        before.homes.iter().zip(&theirs.homes).filter(|&(home, now)| *home != dead && home != now);
    let unneeded = moved.count();
    assert!(unneeded > 0, "libmemcached moves others also");

    // A list without the dead server is libmemcached's new ring.
    let mut rest = theirs.nodes;
    rest.remove(dead);
    let ring = Ring::new(&rest, Placement::KetamaWeighted);
    for (number, &home) in (0..KEYS).zip(&theirs.homes) {
        let now = ring.at(key(number).as_bytes(), |_| true).unwrap();
        assert_eq!(now + usize::from(now >= dead), home);
    }
    let ring = Ring::new(&before.nodes, Placement::KetamaWeighted);
    for (number, &home) in (0..KEYS).zip(&before.homes) {
        let now = ring.at(key(number).as_bytes(), |server| server != dead).unwrap();
        assert!(home == dead || now == home, "key {number} moved from {home} to {now}");
    }
}
