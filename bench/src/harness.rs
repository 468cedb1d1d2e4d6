//! Systems in one race: visited A B C, A B C, .. with a rotated start, so that drift and neighbours hit all alike.

use crate::count::Counts;
use crate::thread::{cpu_ns, pin, preemptions};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A system in a race: how to make keys resident, and how to answer requests.
pub struct Entrant<K> {
    pub system: &'static str,
    pub variant: &'static str,
    pub fill: Pass<K>,
    pub pass: Pass<K>,
}

/// Answers the requests and returns the wrapping sum of all answers.
pub type Pass<K> = Box<dyn Fn(&[K]) -> u64 + Send + Sync>;

impl<K> Entrant<K> {
    /// A decorated function: calling it makes a key resident.
    pub fn decorated<F>(system: &'static str, variant: &'static str, pass: F) -> Self
    where
        F: Fn(&[K]) -> u64 + Copy + Send + Sync + 'static,
    {
        Entrant { system, variant, fill: Box::new(pass), pass: Box::new(pass) }
    }

    /// A store whose lookup alone is the pass.
    pub fn store<F, P>(system: &'static str, variant: &'static str, fill: F, pass: P) -> Self
    where
        F: Fn(&[K]) -> u64 + Send + Sync + 'static,
        P: Fn(&[K]) -> u64 + Send + Sync + 'static,
    {
        Entrant { system, variant, fill: Box::new(fill), pass: Box::new(pass) }
    }
}

/// The loop that every pass consists of; monomorphic per system, so that a call can be inlined into it.
#[inline(always)]
pub fn sum<K: Copy>(keys: &[K], answer: impl Fn(K) -> u64) -> u64 {
    keys.iter().fold(0, |sum, &key| sum.wrapping_add(answer(key)))
}

/// Requests, cut into windows. Every pass sends the next window, and all systems see the same one in a round.
pub struct Schedule<K> {
    pub windows: Vec<Vec<K>>,
}

impl<K> Schedule<K> {
    /// Windows that a race of so many rounds needs if none is to be sent twice.
    pub fn needed(rounds: usize, threads: usize) -> usize {
        rounds * threads * 2
    }

    fn window(&self, round: usize, worker: usize, threads: usize, timed: bool) -> &[K] {
        let at = (round * 2 + usize::from(timed)) * threads + worker;
        &self.windows[at % self.windows.len()]
    }
}

/// One system's results: a time per round, and what it did besides.
#[derive(Debug)]
pub struct Measured {
    pub system: &'static str,
    pub variant: &'static str,
    /// NaN where a worker was descheduled meanwhile or came late: then the others ran alone.
    pub ns: Vec<f64>,
    /// Allocations per request.
    pub allocations: f64,
    /// Part of the requests that were answered without a computation in the caller's thread.
    pub hits: f64,
}

impl Measured {
    /// Rounds that count.
    pub fn rounds(&self) -> usize {
        self.ns.iter().filter(|ns| !ns.is_nan()).count()
    }

    pub fn median(&self) -> f64 {
        quantile(&self.ns, 0.5)
    }

    /// Median over the rounds of `other`'s time divided by this one's: drift cancels out.
    pub fn paired(&self, other: &Measured) -> f64 {
        let ratios: Vec<f64> =
            self.ns.iter().zip(&other.ns).map(|(mine, theirs)| theirs / mine).collect();
        quantile(&ratios, 0.5)
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

#[derive(Clone, Copy)]
struct Sample {
    ns: f64,
    /// When it was taken.
    span: (Instant, Instant),
    /// The kernel took the CPU away meanwhile.
    preempted: bool,
    requests: usize,
    counts: Counts,
    answer: u64,
}

/// Runs the race. One thread is timed by its CPU time (being descheduled does not count); several are pinned,
/// start together, and are timed by the clock on the wall.
pub fn race<K: Sync>(
    entrants: &[Entrant<K>],
    schedule: &Schedule<K>,
    threads: usize,
    rounds: usize,
) -> Vec<Measured> {
    let gate = Gate::new(threads);
    let samples: Vec<Vec<Vec<Sample>>> = std::thread::scope(|scope| {
        let gate = &gate;
        let work = move |worker| run_worker(entrants, schedule, gate, (worker, threads), rounds);
        let handles: Vec<_> =
            (0..threads).map(|worker| scope.spawn(move || work(worker))).collect();
        handles.into_iter().map(|h| h.join().expect("a worker finishes")).collect()
    });
    check_answers(entrants, &samples);
    entrants
        .iter()
        .enumerate()
        .map(|(at, entrant)| combine(entrant, at, &samples, rounds))
        .collect()
}

/// All workers run the same programme and meet at the gate before each timed pass.
fn run_worker<K>(
    entrants: &[Entrant<K>],
    schedule: &Schedule<K>,
    gate: &Gate,
    (worker, threads): (usize, usize),
    rounds: usize,
) -> Vec<Vec<Sample>> {
    if threads > 1 {
        pin(worker);
    }
    let mut samples: Vec<Vec<Sample>> =
        entrants.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..rounds {
        for step in 0..entrants.len() {
            let at = (round + step) % entrants.len();
            let warm = schedule.window(round, worker, threads, false);
            let timed = schedule.window(round, worker, threads, true);
            (entrants[at].pass)(warm);
            gate.pass();
            samples[at].push(time(&entrants[at], timed, threads));
            gate.pass();
        }
    }
    samples
}

fn time<K>(entrant: &Entrant<K>, requests: &[K], threads: usize) -> Sample {
    let (before, preempted, began) = (Counts::now(), preemptions(), Instant::now());
    let (ns, answer) = if threads == 1 {
        let start = cpu_ns();
        let answer = (entrant.pass)(requests);
        ((cpu_ns() - start) as f64, answer)
    } else {
        let start = Instant::now();
        let answer = (entrant.pass)(requests);
        (start.elapsed().as_nanos() as f64, answer)
    };
    Sample {
        ns,
        span: (began, Instant::now()),
        preempted: preemptions() != preempted,
        requests: requests.len(),
        counts: Counts::now().since(before),
        answer,
    }
}

fn combine<K>(
    entrant: &Entrant<K>,
    at: usize,
    samples: &[Vec<Vec<Sample>>],
    rounds: usize,
) -> Measured {
    let mine: Vec<&[Sample]> = samples.iter().map(|worker| worker[at].as_slice()).collect();
    let total =
        |f: fn(&Sample) -> u64| mine.iter().flat_map(|w| w.iter()).map(f).sum::<u64>() as f64;
    let requests = total(|s| s.requests as u64);
    Measured {
        system: entrant.system,
        variant: entrant.variant,
        ns: times(&mine, rounds),
        allocations: total(|s| s.counts.allocated) / requests,
        hits: 1.0 - total(|s| s.counts.computed) / requests,
    }
}

/// Nanoseconds per request in each round, of the rounds that nobody disturbed; of all if there are none.
fn times(workers: &[&[Sample]], rounds: usize) -> Vec<f64> {
    let per_request = |s: &Sample| s.ns / s.requests as f64;
    let mean =
        |r: usize| workers.iter().map(|w| per_request(&w[r])).sum::<f64>() / workers.len() as f64;
    let clean: Vec<bool> = (0..rounds).map(|r| is_clean(workers.iter().map(|w| &w[r]))).collect();
    let none = !clean.contains(&true);
    (0..rounds).map(|r| if none || clean[r] { mean(r) } else { f64::NAN }).collect()
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

/// A system that returns wrong values is out of the race, however fast it is.
fn check_answers<K>(entrants: &[Entrant<K>], samples: &[Vec<Vec<Sample>>]) {
    for worker in samples {
        for (entrant, rounds) in entrants.iter().zip(worker) {
            for (round, sample) in rounds.iter().enumerate() {
                assert_eq!(
                    sample.answer, worker[0][round].answer,
                    "{} ({}) returned other values than {}",
                    entrant.system, entrant.variant, entrants[0].system
                );
            }
        }
    }
}

/// A spinning barrier: a parked thread would start tens of microseconds late.
struct Gate {
    threads: usize,
    arrived: AtomicUsize,
    generation: AtomicUsize,
}

impl Gate {
    fn new(threads: usize) -> Self {
        Gate { threads, arrived: AtomicUsize::new(0), generation: AtomicUsize::new(0) }
    }

    fn pass(&self) {
        let generation = self.generation.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Relaxed);
            self.generation.store(generation + 1, Ordering::Release);
            return;
        }
        let mut spins = 0;
        while self.generation.load(Ordering::Acquire) == generation {
            spins += 1;
            if spins > 10_000 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}
