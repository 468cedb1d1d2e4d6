//! Systems in one race: visited A B C, A B C, .. with a rotated start, so that drift and neighbours hit all alike.

use crate::count::Counts;
use crate::measured::{Measured, Sample, Samples};
use crate::thread::{cpu_ns, pin, preemptions};
use std::ops::Range;
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
        HEATS * rounds * threads * 2
    }

    fn window(&self, round: usize, worker: usize, threads: usize, timed: bool) -> &[K] {
        let at = (round * 2 + usize::from(timed)) * threads + worker;
        let window = &self.windows[at % self.windows.len()];
        // Contended passes take longer, and must fit between two preemptions of any of the threads.
        if timed { &window[..window.len() / (threads * threads)] } else { window }
    }
}

/// Rounds without disturbance that make a median.
const FEWEST: usize = 5;

/// How often the rounds are run again on a busy machine, to get as many.
const HEATS: usize = 3;

/// One race: its entrants, their requests, and how many threads send them at the same time.
struct Race<'a, K> {
    entrants: &'a [Entrant<K>],
    schedule: &'a Schedule<K>,
    threads: usize,
    gate: Gate,
}

/// Runs the race. One thread is timed by its CPU time (being descheduled does not count); several are pinned,
/// start together, and are timed by the clock on the wall.
pub fn race<K: Sync>(
    entrants: &[Entrant<K>],
    schedule: &Schedule<K>,
    threads: usize,
    rounds: usize,
) -> Vec<Measured> {
    let race = Race { entrants, schedule, threads, gate: Gate::new(threads) };
    let mut samples: Vec<Samples> =
        entrants.iter().map(|_| Samples(vec![Vec::new(); threads])).collect();
    for heat in 0..HEATS {
        race.heat(heat * rounds..(heat + 1) * rounds, &mut samples);
        if samples.iter().all(|of_one| of_one.clean() >= FEWEST.min(rounds)) {
            break;
        }
    }
    check_answers(entrants, &samples);
    entrants.iter().zip(&samples).map(|(e, of_one)| of_one.measured(e.system, e.variant)).collect()
}

impl<K: Sync> Race<'_, K> {
    fn heat(&self, rounds: Range<usize>, samples: &mut [Samples]) {
        let of_workers: Vec<Vec<Vec<Sample>>> = std::thread::scope(|scope| {
            let work = |worker| {
                let rounds = rounds.clone();
                scope.spawn(move || self.work(worker, rounds))
            };
            let workers: Vec<_> = (0..self.threads).map(work).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker finishes")).collect()
        });
        for (worker, of_entrants) in of_workers.into_iter().enumerate() {
            for (of_one, more) in samples.iter_mut().zip(of_entrants) {
                of_one.0[worker].extend(more);
            }
        }
    }

    /// All workers run the same programme and meet at the gate before each timed pass.
    fn work(&self, worker: usize, rounds: Range<usize>) -> Vec<Vec<Sample>> {
        if self.threads > 1 {
            pin(worker);
        }
        let mut samples: Vec<Vec<Sample>> = self.entrants.iter().map(|_| Vec::new()).collect();
        for round in rounds {
            for step in 0..self.entrants.len() {
                let at = (round + step) % self.entrants.len();
                let warm = self.schedule.window(round, worker, self.threads, false);
                let timed = self.schedule.window(round, worker, self.threads, true);
                (self.entrants[at].pass)(warm);
                self.gate.pass();
                samples[at].push(time(&self.entrants[at], timed, self.threads));
                self.gate.pass();
            }
        }
        samples
    }
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

/// A system that returns wrong values is out of the race, however fast it is.
fn check_answers<K>(entrants: &[Entrant<K>], samples: &[Samples]) {
    let answers = |of: &Samples| -> Vec<Vec<u64>> {
        of.0.iter().map(|worker| worker.iter().map(|sample| sample.answer).collect()).collect()
    };
    for (entrant, of_one) in entrants.iter().zip(samples) {
        assert!(
            answers(of_one) == answers(&samples[0]),
            "{} ({}) returned other values than {}",
            entrant.system,
            entrant.variant,
            entrants[0].system
        );
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
