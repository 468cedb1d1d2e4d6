//! How evenly keys are spread, and which of them move when servers come and go.

#![cfg(feature = "memcached")]

use cache_clients::memcached::ring::{Node, Placement, Ring};
use proptest::prelude::*;

const KEYS: usize = 100_000;
const ALL: [Placement; 5] = [
    Placement::Rendezvous,
    Placement::Ketama,
    Placement::KetamaWeighted,
    Placement::PymemcacheRendezvous,
    Placement::Modula,
];

fn key(number: usize) -> Vec<u8> {
    format!("app:users:{number}").into_bytes()
}

fn servers(network: usize, weights: &[u32]) -> Vec<Node> {
    let name = |host| format!("10.0.{network}.{host}:11211");
    weights.iter().enumerate().map(|(i, &w)| Node::new(name(i + 1)).with_weight(w)).collect()
}

/// The fullest server's keys over its share by weight.
fn imbalance(nodes: &[Node], placement: Placement, alive: impl Fn(usize) -> bool) -> f64 {
    let ring = Ring::new(nodes, placement);
    let mut held = vec![0_u32; nodes.len()];
    for number in 0..KEYS {
        held[ring.at(&key(number), &alive).unwrap()] += 1;
    }
    let living = nodes.iter().enumerate().filter(|&(server, _)| alive(server));
    let total: u32 = living.clone().map(|(_, node)| node.weight).sum();
    let share = |node: &Node| f64::from(node.weight) / f64::from(total) * KEYS as f64;
    living.map(|(server, node)| f64::from(held[server]) / share(node)).fold(0.0, f64::max)
}

/// The mean and the worst over several networks.
fn over_networks(weights: &[u32], placement: Placement) -> (f64, f64) {
    let each: Vec<f64> =
        (0..8).map(|n| imbalance(&servers(n, weights), placement, |_| true)).collect();
    (each.iter().sum::<f64>() / each.len() as f64, each.iter().copied().fold(0.0, f64::max))
}

#[test]
fn c77_the_fullest_of_five_servers_has_little_more_than_its_share() {
    for weights in [[1, 1, 1, 1, 1], [1, 2, 3, 4, 5], [10, 1, 1, 1, 1]] {
        let (mean, worst) = over_networks(&weights, Placement::Rendezvous);
        println!("rendezvous, weights {weights:?}: mean {mean:.3}, worst {worst:.3}");
        assert!(worst <= 1.05, "{weights:?}: {worst}");
    }
    for placement in ALL {
        let (mean, worst) = over_networks(&[1; 5], placement);
        println!("{placement:?}: mean {mean:.3}, worst {worst:.3}");
        assert!(worst < 1.3, "{placement:?}: {worst}");
    }
}

#[test]
fn c77_the_keys_of_a_dead_server_spread_over_all_the_others_by_weight() {
    for weights in [[1, 1, 1, 1, 1], [1, 2, 3, 4, 5]] {
        for dead in 0..5 {
            let over = imbalance(&servers(0, &weights), Placement::Rendezvous, |s| s != dead);
            assert!(over <= 1.05, "{weights:?} without {dead}: {over}");
        }
    }
    // Each of the others takes a good part of what the dead one had, in every placement.
    for placement in ALL {
        let ring = Ring::new(&servers(0, &[1; 5]), placement);
        let mut taken = [0_usize; 5];
        for number in 0..KEYS {
            let key = key(number);
            if ring.at(&key, |_| true) == Some(2) {
                taken[ring.at(&key, |server| server != 2).unwrap()] += 1;
            }
        }
        let all: usize = taken.iter().sum();
        assert_eq!(taken[2], 0);
        assert!(
            taken.iter().filter(|&&keys| keys > all / 20).count() == 4,
            "{placement:?} {taken:?}"
        );
    }
}

#[test]
fn c77_removing_a_server_moves_its_keys_only() {
    for placement in [Placement::Rendezvous, Placement::Ketama, Placement::PymemcacheRendezvous] {
        let before = servers(0, &[1; 6]);
        for gone in 0..before.len() {
            let mut after = before.clone();
            after.remove(gone);
            let (old, new) = (Ring::new(&before, placement), Ring::new(&after, placement));
            for number in 0..10_000 {
                let key = key(number);
                let was = old.at(&key, |_| true).unwrap();
                let is = new.at(&key, |_| true).unwrap();
                let is = is + usize::from(is >= gone);
                assert!(was == gone || was == is, "{placement:?}: {number} from {was} to {is}");
                assert_eq!(Some(is), old.at(&key, |server| server != gone), "dead is like removed");
            }
        }
    }
}

#[test]
fn weighted_ketama_and_modula_move_more_than_they_must() {
    for (placement, least) in [(Placement::KetamaWeighted, 0.0), (Placement::Modula, 0.5)] {
        let before = servers(0, &[1, 2, 3, 4, 5]);
        let (old, new) = (Ring::new(&before, placement), Ring::new(&before[..4], placement));
        let of_others = (0..KEYS).map(key).filter(|key| old.at(key, |_| true) != Some(4));
        let moved = of_others.filter(|key| old.at(key, |_| true) != new.at(key, |_| true)).count();
        println!("{placement:?}: {moved} of {KEYS} keys moved without need");
        assert!(moved as f64 > KEYS as f64 * least);
    }
}

#[test]
fn without_servers_or_living_ones_there_is_no_place() {
    for placement in ALL {
        let none = Ring::new(&[], placement);
        assert!(none.is_empty());
        assert_eq!(none.at(b"k", |_| true), None);
        for count in 1..4 {
            let ring = Ring::new(&servers(0, &vec![1; count]), placement);
            assert_eq!(ring.len(), count);
            assert_eq!(ring.at(b"k", |_| false), None);
            for last in 0..count {
                assert_eq!(ring.at(b"k", |server| server == last), Some(last));
            }
        }
    }
}

#[test]
fn a_server_that_is_written_in_another_way_is_the_same_to_the_default_placement() {
    let short = ["10.0.0.1", "cache", "/run/m.sock"].map(Node::new);
    let long = ["10.0.0.1:11211", "cache:11211", "unix:/run/m.sock"].map(Node::new);
    let (short, long) =
        (Ring::new(&short, Placement::default()), Ring::new(&long, Placement::default()));
    assert!((0..1000).all(|n| short.at(&key(n), |_| true) == long.at(&key(n), |_| true)));
}

#[test]
fn the_default_placement_never_changes() {
    // Whoever changes this line empties the caches of everybody who updates.
    let level = Ring::new(&servers(0, &[1; 5]), Placement::default());
    let other = Ring::new(&servers(0, &[1, 2, 3, 4, 5]), Placement::default());
    let homes = |ring: &Ring| -> String {
        (0..40).map(|n| ring.at(&key(n), |_| true).unwrap().to_string()).collect()
    };
    assert_eq!(homes(&level), "0141330400433140310140444133143424003241");
    assert_eq!(homes(&other), "4241334440433244313142444333143424043241");
}

fn lists() -> impl Strategy<Value = Vec<Node>> {
    let node = (0_u16..500, 1_u32..20)
        .prop_map(|(host, weight)| Node::new(format!("cache-{host}:11211")).with_weight(weight));
    proptest::collection::vec(node, 2..12).prop_map(|mut nodes| {
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes.dedup_by(|a, b| a.name == b.name);
        nodes
    })
}

fn home(ring: &Ring, nodes: &[Node], number: usize) -> String {
    nodes[ring.at(&key(number), |_| true).unwrap()].name.clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn c77_a_server_that_goes_or_comes_moves_only_its_own_keys(nodes in lists(), which: prop::sample::Index) {
        let gone = which.index(nodes.len());
        let mut rest = nodes.clone();
        let server = rest.remove(gone);
        prop_assume!(!rest.is_empty());
        // Whether the rest keep their order does not matter.
        rest.reverse();
        let (with, without) = (Ring::new(&nodes, Placement::default()), Ring::new(&rest, Placement::default()));
        for number in 0..500 {
            let (was, is) = (home(&with, &nodes, number), home(&without, &rest, number));
            prop_assert!(was == server.name || was == is, "{} went from {} to {}", number, was, is);
        }
    }

    #[test]
    fn a_weight_that_rises_draws_keys_to_its_server_only(nodes in lists(), which: prop::sample::Index, more in 1_u32..50) {
        let mut heavier = nodes.clone();
        let grown = which.index(nodes.len());
        heavier[grown].weight += more;
        let (before, after) = (Ring::new(&nodes, Placement::default()), Ring::new(&heavier, Placement::default()));
        for number in 0..500 {
            let (was, is) = (home(&before, &nodes, number), home(&after, &heavier, number));
            prop_assert!(was == is || is == nodes[grown].name, "{} went from {} to {}", number, was, is);
        }
    }

    #[test]
    fn a_dead_server_is_never_chosen_and_the_keys_of_the_living_stay(nodes in lists(), dead: u16) {
        for placement in ALL {
            let ring = Ring::new(&nodes, placement);
            let alive = |server: usize| dead & (1 << server) == 0;
            for number in 0..100 {
                let key = key(number);
                let (home, now) = (ring.at(&key, |_| true).unwrap(), ring.at(&key, alive));
                match now {
                    Some(now) => prop_assert!(alive(now) && (now == home || !alive(home))),
                    None => prop_assert!(!(0..nodes.len()).any(alive)),
                }
            }
        }
    }
}
