//! Keys and requests: exact Zipf ranks over permuted ids, so that hot keys are not neighbours.

/// SplitMix64: small, seeded, and good enough to draw requests from.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// Uniform in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A bijection of `u64`: distinct ids stay distinct and lose their order.
pub fn mix(id: u64) -> u64 {
    let z = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Draws ids of `0..n`, the r-th most popular with a probability proportional to `1 / r^exponent`.
#[derive(Debug)]
pub struct Zipf {
    cumulated: Vec<f64>,
    ids: Vec<u32>,
}

impl Zipf {
    pub fn new(n: usize, exponent: f64, random: &mut Random) -> Self {
        let mut total = 0.0;
        let cumulated = (1..=n)
            .map(|rank| {
                total += (rank as f64).powf(-exponent);
                total
            })
            .collect();
        Zipf { cumulated, ids: permutation(n, random) }
    }

    pub fn draw(&self, random: &mut Random) -> u64 {
        let total = self.cumulated[self.cumulated.len() - 1];
        let point = random.unit() * total;
        let rank = self.cumulated.partition_point(|&c| c <= point);
        u64::from(self.ids[rank.min(self.ids.len() - 1)])
    }

    /// `count` windows of `length` requests, each turned into a key.
    pub fn windows<K>(
        &self,
        count: usize,
        length: usize,
        random: &mut Random,
        key: impl Fn(u64) -> K,
    ) -> Vec<Vec<K>> {
        (0..count).map(|_| (0..length).map(|_| key(self.draw(random))).collect()).collect()
    }
}

/// The numbers `0..n`, shuffled.
fn permutation(n: usize, random: &mut Random) -> Vec<u32> {
    let mut ids: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        ids.swap(i, random.below(i + 1));
    }
    ids
}

/// `n` string keys of 20 bytes. They live as long as the process, so that requests can be plain references.
pub fn strings(n: usize) -> Vec<&'static str> {
    (0..n as u64)
        .map(|id| &*Box::leak(format!("user:{:015x}", mix(id) >> 4).into_boxed_str()))
        .collect()
}
