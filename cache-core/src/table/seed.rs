//! The seed of the tables' hash: random, but not an unlucky one.
//!
//! The hash is one folded multiplication. With some multipliers, neighbouring numbers (blocks of a
//! file, ids of one batch) fall into few shards, and a small cache loses points of its hit ratio:
//! in two or three of a hundred processes. So the multiplier is chosen, once a process, as the best
//! of several random ones, judged by how evenly it spreads runs of numbers.

use foldhash::SharedSeed;
use foldhash::fast::{FoldHasher, SeedableRandomState};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

/// How many are looked at.
const CANDIDATES: u64 = 24;

/// Distances between the numbers of a run.
const STRIDES: [u64; 8] = [1, 2, 3, 4, 8, 16, 64, 4096];

/// Numbers in a run.
const RUN: u64 = 64;

/// A state of its own for each table, over the seed that all share.
pub(super) fn state() -> SeedableRandomState {
    static SEED: OnceLock<SharedSeed> = OnceLock::new();
    let random = RandomState::new();
    SeedableRandomState::with_seed(random.hash_one(0_u8), SEED.get_or_init(|| choose(&random)))
}

fn choose(random: &RandomState) -> SharedSeed {
    (1..=CANDIDATES)
        .map(|n| SharedSeed::from_u64(random.hash_one(n)))
        .min_by_key(unevenness)
        .unwrap_or_else(|| SharedSeed::from_u64(random.hash_one(0_u64)))
}

/// The worst of all strides: how unevenly runs fall into 16 shards, and into 16 cells of a ghost.
fn unevenness(seed: &SharedSeed) -> u64 {
    STRIDES.iter().map(|stride| of_stride(seed, *stride)).max().unwrap_or(0)
}

fn of_stride(seed: &SharedSeed, stride: u64) -> u64 {
    let run = |first: u64| {
        let (mut shards, mut cells) = ([0_u64; 16], [0_u64; 16]);
        for n in 0..RUN {
            let mut hasher = FoldHasher::with_seed(first, seed);
            hasher.write_u64((first.wrapping_mul(977) + n) * stride);
            let hash = hasher.finish();
            shards[(hash >> 32) as usize % 16] += 1;
            cells[hash as usize % 16] += 1;
        }
        let squares = |bins: [u64; 16]| bins.iter().map(|bin| bin * bin).sum::<u64>();
        squares(shards).max(squares(cells))
    };
    (0..12).map(|n| run(n * 0x9e37_79b9)).sum()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// The sum of squares that chance gives: each number falls anywhere.
    const CHANCE: u64 = 12 * (RUN + RUN * (RUN - 1) / 16);

    #[test]
    fn the_chosen_seed_spreads_runs_at_least_as_well_as_chance() {
        for _ in 0..20 {
            let chosen = unevenness(&choose(&RandomState::new()));
            assert!(chosen < CHANCE * 5 / 4, "{chosen} against {CHANCE}");
        }
    }

    #[test]
    fn there_are_seeds_to_avoid() {
        let worst = (0..500).map(|n| unevenness(&SharedSeed::from_u64(n))).max().unwrap();
        assert!(worst > CHANCE * 2, "{worst} against {CHANCE}: then why choose?");
    }
}
