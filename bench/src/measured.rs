//! What a race gives: samples, and which of them say something about a system and not about its neighbours.

use crate::count::Counts;
use std::time::Instant;

/// One system's results: a time per round, and what it did besides.
#[derive(Debug)]
pub struct Measured {
    pub system: &'static str,
    pub variant: &'static str,
    /// NaN where a worker was descheduled meanwhile or came late: then the others ran alone.
    pub ns: Vec<f64>,
    /// Rounds that nobody disturbed. If there are none, `ns` has the others.
    pub rounds: usize,
    /// Allocations per request.
    pub allocations: f64,
    /// Part of the requests that were answered without a computation in the caller's thread.
    pub hits: f64,
}

impl Measured {
    pub fn median(&self) -> f64 {
        quantile(&self.ns, 0.5)
    }

    /// Median over the rounds of `other`'s time divided by this one's: drift cancels out.
    pub fn paired(&self, other: &Measured) -> f64 {
        let ratios: Vec<f64> =
            self.ns.iter().zip(&other.ns).map(|(mine, theirs)| theirs / mine).collect();
        let ratio = quantile(&ratios, 0.5);
        // No round was good for both.
        if ratio.is_nan() { other.median() / self.median() } else { ratio }
    }
}

/// The value below which the part `q` of the samples lies, as far as they are numbers.
pub fn quantile(samples: &[f64], q: f64) -> f64 {
    let mut sorted: Vec<f64> = samples.iter().copied().filter(|n| !n.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n => {
            let at = q * (n - 1) as f64;
            let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
            low + (high - low) * at.fract()
        }
    }
}

/// One timed pass of one worker.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub ns: f64,
    /// When it was taken.
    pub span: (Instant, Instant),
    /// The kernel took the CPU away meanwhile.
    pub preempted: bool,
    pub requests: usize,
    pub counts: Counts,
    pub answer: u64,
}

/// The samples of one entrant: of each worker, of each round.
#[derive(Debug)]
pub struct Samples(pub Vec<Vec<Sample>>);

impl Samples {
    fn rounds(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    fn of_round(&self, round: usize) -> impl Iterator<Item = &Sample> + Clone {
        self.0.iter().map(move |worker| &worker[round])
    }

    /// Rounds that nobody disturbed.
    pub fn clean(&self) -> usize {
        (0..self.rounds()).filter(|&round| is_clean(self.of_round(round))).count()
    }

    pub fn measured(&self, system: &'static str, variant: &'static str) -> Measured {
        let total = |f: fn(&Sample) -> u64| self.0.iter().flatten().map(f).sum::<u64>() as f64;
        let requests = total(|s| s.requests as u64);
        Measured {
            system,
            variant,
            ns: self.times(),
            rounds: self.clean(),
            allocations: total(|s| s.counts.allocated) / requests,
            hits: 1.0 - total(|s| s.counts.computed) / requests,
        }
    }

    /// Nanoseconds per request in each round, of the clean ones if there are any.
    fn times(&self) -> Vec<f64> {
        let none = self.clean() == 0;
        let time = |round| {
            let per_request = self.of_round(round).map(|s| s.ns / s.requests as f64);
            let counts = none || is_clean(self.of_round(round));
            if counts { per_request.sum::<f64>() / self.0.len() as f64 } else { f64::NAN }
        };
        (0..self.rounds()).map(time).collect()
    }
}

/// Nobody was preempted, and all ran for most of the time together.
fn is_clean<'a>(samples: impl Iterator<Item = &'a Sample> + Clone) -> bool {
    let began = samples.clone().map(|s| s.span.0);
    let ended = samples.clone().map(|s| s.span.1);
    let (Some(first), Some(last)) = (began.clone().min(), ended.clone().max()) else {
        return false;
    };
    let (Some(all_in), Some(one_out)) = (began.max(), ended.min()) else { return false };
    let together = one_out.saturating_duration_since(all_in).as_secs_f64();
    let preempted = samples.filter(|s| s.preempted).count();
    preempted == 0 && together >= 0.8 * (last - first).as_secs_f64()
}
