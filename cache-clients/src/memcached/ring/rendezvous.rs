//! Rendezvous hashing: every server draws a number for the key, the highest draw has it.

use super::hash::{Murmur3, mix};
use crate::memcached::discover::Address;
use twox_hash::XxHash3_64;

/// larder's own. The draws are 52 bits of a mixed hash, weighted as `-weight / ln(draw)`, so that a
/// server's share is its weight's, whoever else is there.
#[derive(Debug)]
pub(super) struct Rendezvous {
    seats: Vec<Seat>,
    /// All weights are equal: the draws need no logarithm.
    level: bool,
}

#[derive(Debug)]
struct Seat {
    seed: u64,
    weight: f64,
}

impl Rendezvous {
    pub(super) fn new(names: &[String], weights: &[u32]) -> Self {
        let seats = names.iter().zip(weights);
        Rendezvous {
            seats: seats
                .map(|(name, &weight)| Seat {
                    seed: XxHash3_64::oneshot(canonical(name).as_bytes()),
                    weight: f64::from(weight),
                })
                .collect(),
            level: weights.windows(2).all(|pair| pair[0] == pair[1]),
        }
    }

    /// The winner among the servers that may.
    pub(super) fn best(&self, key: &[u8], may: impl Fn(usize) -> bool) -> Option<usize> {
        let hash = XxHash3_64::oneshot(key);
        let seats = self.seats.iter().enumerate().filter(|&(index, _)| may(index));
        if self.level {
            return highest(seats.map(|(index, seat)| (index, draw(hash, seat.seed))));
        }
        highest(seats.map(|(index, seat)| (index, score(draw(hash, seat.seed), seat.weight))))
    }
}

/// One spelling for one server: with its port, `unix:` before a path.
fn canonical(name: &str) -> String {
    Address::parse(name).map_or_else(|_| name.to_owned(), |address| address.to_string())
}

/// The first of the highest: ties go to the smaller index.
fn highest<T: PartialOrd>(draws: impl Iterator<Item = (usize, T)>) -> Option<usize> {
    draws.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(index, _)| index)
}

/// As many bits as an `f64` counts in halves: equal and unequal weights then order the draws alike.
fn draw(key: u64, seed: u64) -> u64 {
    mix(key ^ seed) >> 12
}

#[expect(clippy::cast_precision_loss, reason = "a draw has 52 bits")]
fn score(draw: u64, weight: f64) -> f64 {
    // Strictly between 0 and 1, so that the logarithm is finite and not 0.
    let draw = (draw as f64 + 0.5) / (1_u64 << 52) as f64;
    -weight / draw.ln()
}

/// pymemcache's: murmur3 of `host:port-key`, no weights; ties go to the greater name.
#[derive(Debug)]
pub(super) struct Pymemcache {
    seats: Vec<(String, Murmur3)>,
}

impl Pymemcache {
    pub(super) fn new(names: &[String]) -> Self {
        let seat = |name: &String| {
            let name = spelling(name);
            let state = Murmur3::default().then(name.as_bytes()).then(b"-");
            (name, state)
        };
        Pymemcache { seats: names.iter().map(seat).collect() }
    }

    pub(super) fn best(&self, key: &[u8], may: impl Fn(usize) -> bool) -> Option<usize> {
        let seats = self.seats.iter().enumerate().filter(|&(index, _)| may(index));
        let draws = seats.map(|(index, (name, state))| (index, (state.then(key).finish(), name)));
        highest(draws)
    }
}

/// How pymemcache writes a server's name.
fn spelling(name: &str) -> String {
    match Address::parse(name) {
        Ok(Address::Tcp { host, port }) => format!("{host}:{port}"),
        Ok(Address::Unix(path)) => path,
        Err(_) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_weights_of_any_size_place_alike() {
        let names: Vec<String> = (0..5).map(|i| format!("10.0.0.{i}:11211")).collect();
        let ones = Rendezvous::new(&names, &[1; 5]);
        let mut slow = Rendezvous::new(&names, &[7; 5]);
        slow.level = false;
        for key in 0..100_000_u32 {
            let key = key.to_le_bytes();
            assert_eq!(ones.best(&key, |_| true), slow.best(&key, |_| true));
        }
    }

    #[test]
    fn the_lowest_and_the_highest_draw_have_a_finite_score() {
        assert!(score(0, 1.0) > 0.0);
        assert!(score((1 << 52) - 1, f64::from(u32::MAX)).is_finite());
    }
}
