//! The rings of libmemcached: each server is at many points of a circle of 32 bits, and a key belongs
//! to the first point at or after its hash.

use super::hash::{md5_words, one_at_a_time};
use crate::memcached::discover::Address;

/// Points of a server in the plain ring.
const PLAIN: u32 = 100;
/// Points of a server of average weight in the weighted ring.
const WEIGHTED: f32 = 160.0;

/// A point of the circle and the server that is there. The order breaks ties by the server's index.
type Point = (u32, u32);

/// How keys are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hashing {
    OneAtATime,
    Md5,
}

#[derive(Debug)]
pub(super) struct Circle {
    points: Vec<Point>,
    hashing: Hashing,
}

impl Circle {
    /// The ring of `ketama` and of `distribution=consistent`: weights do not count, and neither the
    /// points nor the keys are hashed with MD5.
    pub(super) fn plain(names: &[String]) -> Self {
        let of = |name: &str| {
            let stem = stem(name);
            (0..PLAIN).map(|i| one_at_a_time(format!("{stem}-{i}").as_bytes())).collect()
        };
        Circle::of(names, Hashing::OneAtATime, |_, name| of(name))
    }

    /// The ring of `ketama_weighted`. The shares are counted in 32-bit floats as in libmemcached,
    /// which makes them four points too small for some numbers of equal servers.
    pub(super) fn weighted(names: &[String], weights: &[u32]) -> Self {
        let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        Circle::of(names, Hashing::Md5, |index, name| {
            let stem = stem(name);
            let digests = digests(weights[index], total, names.len());
            (0..digests).flat_map(|i| md5_words(format!("{stem}-{i}").as_bytes())).collect()
        })
    }

    fn of(names: &[String], hashing: Hashing, at: impl Fn(usize, &str) -> Vec<u32>) -> Self {
        let mut points: Vec<Point> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let server = u32::try_from(index).unwrap_or(u32::MAX);
            points.extend(at(index, name).into_iter().map(|place| (place, server)));
        }
        points.sort_unstable();
        Circle { points, hashing }
    }

    /// The servers at and after the key's place, once around; a server comes up many times.
    pub(super) fn after(&self, key: &[u8]) -> impl Iterator<Item = usize> + '_ {
        let place = match self.hashing {
            Hashing::OneAtATime => one_at_a_time(key),
            Hashing::Md5 => md5_words(key)[0],
        };
        let first = self.points.partition_point(|&(point, _)| point < place);
        let (before, after) = self.points.split_at(first);
        after.iter().chain(before).map(|&(_, server)| server as usize)
    }
}

/// MD5 digests of a server, four points each.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the roundings are part of what libmemcached computes"
)]
fn digests(weight: u32, total: u64, servers: usize) -> u32 {
    let share = weight as f32 / total as f32;
    (share * (WEIGHTED / 4.0) * servers as f32 + 0.000_000_000_1_f32).floor() as u32
}

/// What libmemcached writes before the point's number: no port when it is memcached's own, and port 0
/// for a Unix socket.
fn stem(name: &str) -> String {
    match Address::parse(name) {
        Ok(Address::Tcp { host, port: Address::PORT }) => host,
        Ok(Address::Tcp { host, port }) => format!("{host}:{port}"),
        Ok(Address::Unix(path)) => format!("{path}:0"),
        Err(_) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_port_is_not_in_the_points() {
        assert_eq!(stem("10.0.0.7:11211"), "10.0.0.7");
        assert_eq!(stem("10.0.0.7"), "10.0.0.7");
        assert_eq!(stem("10.0.0.7:11212"), "10.0.0.7:11212");
        assert_eq!(stem("[::1]:11212"), "::1:11212");
        assert_eq!(stem("unix:/run/m.sock"), "/run/m.sock:0");
    }

    #[test]
    fn equal_points_are_found_by_the_smaller_index() {
        let names = ["a:1", "a:1"].map(String::from);
        let circle = Circle::plain(&names);
        assert!((0..1000_u32).all(|i| circle.after(&i.to_le_bytes()).next() == Some(0)));
    }

    #[test]
    fn the_shares_are_rounded_as_libmemcached_rounds_them() {
        assert_eq!([1, 2, 3, 1, 5].map(|weight| digests(weight, 12, 5)), [16, 33, 50, 16, 83]);
        assert_eq!(digests(1, 41, 41), 39);
    }
}
