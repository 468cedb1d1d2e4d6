//! When a server is given up for a while: a state machine that does no I/O.

use cache_core::Clock;
use std::time::Duration;

/// When a server is given up, and when it is tried again.
///
/// It is given up after some failures in a row, or when too many of the calls in a window fail. While
/// it is away its keys are with the other servers. It is tried again after a pause that doubles with
/// every trial that fails, and is back after some trials that succeed.
///
/// ```
/// use cache_clients::memcached::BreakerOptions;
/// use std::time::Duration;
///
/// let options = BreakerOptions::default().with_failures(3).with_pause(Duration::from_millis(500));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerOptions {
    failures: u32,
    rate: f64,
    calls: u32,
    window: Duration,
    pause: Duration,
    longest: Duration,
    trials: u32,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        BreakerOptions {
            failures: 3,
            rate: 0.5,
            calls: 20,
            window: Duration::from_secs(10),
            pause: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            trials: 3,
        }
    }
}

impl BreakerOptions {
    /// How many failures in a row it takes (3); at least 1.
    #[must_use]
    pub fn with_failures(self, failures: u32) -> Self {
        BreakerOptions { failures: failures.max(1), ..self }
    }

    /// Which share of the calls within a window may fail (0.5 of at least 20 within 10 s).
    #[must_use]
    pub fn with_rate(self, rate: f64, calls: u32, window: Duration) -> Self {
        BreakerOptions { rate: rate.clamp(0.0, 1.0), calls: calls.max(1), window, ..self }
    }

    /// How long to wait before the first trial (1 s); doubles after every trial that fails.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        BreakerOptions { pause, longest: self.longest.max(pause), ..self }
    }

    /// How long to wait between trials at most (60 s).
    #[must_use]
    pub fn with_longest_pause(self, longest: Duration) -> Self {
        BreakerOptions { longest: longest.max(self.pause), ..self }
    }

    /// How many trials in a row must succeed (3); at least 1.
    #[must_use]
    pub fn with_trials(self, trials: u32) -> Self {
        BreakerOptions { trials: trials.max(1), ..self }
    }
}

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum State {
    /// Everything.
    #[default]
    Closed,
    /// Nothing, until the time in nanoseconds.
    Open { until: u64 },
    /// One trial at a time.
    HalfOpen { succeeded: u32, trying: bool },
}

/// Counts failures of one server.
#[derive(Debug)]
pub(crate) struct Breaker {
    options: BreakerOptions,
    clock: Clock,
    state: State,
    /// Failures in a row.
    row: u32,
    /// How often it was opened without having been closed.
    opened: u32,
    window: Window,
}

/// The calls of this window and the one before, which counts for the part that is still within.
#[derive(Debug, Default)]
struct Window {
    began: u64,
    calls: u32,
    failed: u32,
    calls_before: u32,
    failed_before: u32,
}

impl Breaker {
    pub(crate) fn new(options: BreakerOptions, clock: Clock) -> Self {
        let window = Window { began: clock.nanos(), ..Window::default() };
        let state = State::Closed;
        Breaker { options, clock, state, row: 0, opened: 0, window }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// A call was answered, whatever the answer.
    pub(crate) fn succeeded(&mut self) {
        self.succeeded_often(1);
    }

    /// Some calls were answered; while it is not closed they are one trial.
    pub(crate) fn succeeded_often(&mut self, calls: u32) {
        if calls == 0 {
            return;
        }
        self.row = 0;
        match self.state {
            State::Closed => {
                self.window.count(self.clock.nanos(), self.options.window, calls);
            }
            // A late answer to a call from before: no trial.
            State::Open { .. } => {}
            State::HalfOpen { succeeded, .. } if succeeded + 1 >= self.options.trials => {
                self.state = State::Closed;
                self.opened = 0;
                self.window = Window { began: self.clock.nanos(), ..Window::default() };
            }
            State::HalfOpen { succeeded, .. } => {
                self.state = State::HalfOpen { succeeded: succeeded + 1, trying: false };
            }
        }
    }

    /// A call was not answered. `chance` is between 0 and 1: pauses of many clients differ by it.
    /// True when this opens it.
    pub(crate) fn failed(&mut self, chance: f64) -> bool {
        self.row = self.row.saturating_add(1);
        match self.state {
            State::Open { .. } => false,
            State::HalfOpen { .. } => {
                self.open(chance);
                true
            }
            State::Closed => {
                self.window.count(self.clock.nanos(), self.options.window, 1);
                self.window.failed = self.window.failed.saturating_add(1);
                let opens = self.row >= self.options.failures || self.window.bad(&self.options);
                if opens {
                    self.open(chance);
                }
                opens
            }
        }
    }

    /// How long until a trial may be made; `None` when it is closed.
    pub(crate) fn pause(&self) -> Option<Duration> {
        match self.state {
            State::Closed => None,
            State::Open { until } => {
                Some(Duration::from_nanos(until.saturating_sub(self.clock.nanos())))
            }
            State::HalfOpen { .. } => Some(Duration::ZERO),
        }
    }

    /// Whether a trial may be made now; then it must be reported as succeeded or failed.
    pub(crate) fn try_now(&mut self) -> bool {
        match self.state {
            State::Open { until } if self.clock.nanos() >= until => {
                self.state = State::HalfOpen { succeeded: 0, trying: true };
                true
            }
            State::HalfOpen { succeeded, trying: false } => {
                self.state = State::HalfOpen { succeeded, trying: true };
                true
            }
            State::Closed | State::Open { .. } | State::HalfOpen { trying: true, .. } => false,
        }
    }

    fn open(&mut self, chance: f64) {
        let doubled = self.options.pause.saturating_mul(1 << self.opened.min(20));
        let pause = doubled.min(self.options.longest).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        let nanos = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
        self.opened = self.opened.saturating_add(1);
        self.state = State::Open { until: self.clock.nanos().saturating_add(nanos) };
    }
}

impl Window {
    fn count(&mut self, now: u64, length: Duration, calls: u32) {
        let length = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX).max(1);
        match now.saturating_sub(self.began) / length {
            0 => {}
            1 => {
                (self.calls_before, self.failed_before) = (self.calls, self.failed);
                (self.calls, self.failed) = (0, 0);
                self.began += length;
            }
            _ => *self = Window { began: now, ..Window::default() },
        }
        self.calls = self.calls.saturating_add(calls);
    }

    /// Whether too many have failed, in this window and the one before together.
    fn bad(&self, options: &BreakerOptions) -> bool {
        let calls = self.calls.saturating_add(self.calls_before);
        let failed = self.failed.saturating_add(self.failed_before);
        calls >= options.calls && f64::from(failed) >= options.rate * f64::from(calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cache_core::ManualClock;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker(options: BreakerOptions) -> (Breaker, ManualClock) {
        let time = ManualClock::new();
        (Breaker::new(options, time.clock()), time)
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let (mut breaker, _) = breaker(BreakerOptions::default().with_failures(5));
        for _ in 0..3 {
            (0..4).for_each(|_| assert!(!breaker.failed(1.0)));
            breaker.succeeded();
        }
        (0..4).for_each(|_| assert!(!breaker.failed(1.0)));
        assert!(breaker.failed(1.0));
        assert!(!breaker.failed(1.0), "it is open already");
        assert_eq!(breaker.pause(), Some(SECOND));
    }

    #[test]
    fn a_rate_of_failures_opens_it_when_there_are_enough_calls() {
        let (mut breaker, time) = breaker(BreakerOptions::default().with_failures(100));
        for _ in 0..9 {
            breaker.succeeded();
            assert!(!breaker.failed(0.5));
        }
        // The next window sees those of the one before, but not those before that.
        time.advance(10 * SECOND);
        breaker.succeeded();
        assert!(breaker.failed(0.5));

        let (mut breaker, time) = self::breaker(BreakerOptions::default().with_failures(100));
        for _ in 0..9 {
            breaker.succeeded();
            breaker.failed(0.5);
        }
        time.advance(20 * SECOND);
        breaker.succeeded();
        assert!(!breaker.failed(0.5));
    }

    #[test]
    fn one_trial_at_a_time_and_some_in_a_row_close_it() {
        let (mut breaker, time) = breaker(BreakerOptions::default().with_failures(1));
        assert!(!breaker.try_now());
        breaker.failed(1.0);
        assert!(!breaker.try_now());
        time.advance(SECOND);
        assert!(breaker.try_now());
        assert!(!breaker.try_now(), "one at a time");
        breaker.succeeded();
        assert!(breaker.try_now());
        breaker.succeeded();
        assert!(breaker.try_now());
        assert_ne!(breaker.state(), State::Closed);
        breaker.succeeded();
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(breaker.pause(), None);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_success() {
        let options = BreakerOptions::default().with_failures(1).with_trials(1);
        let (mut breaker, time) = breaker(options);
        let mut pauses = Vec::new();
        breaker.failed(1.0);
        for _ in 0..8 {
            let pause = breaker.pause().unwrap();
            pauses.push(pause.as_secs());
            time.advance(pause);
            assert!(breaker.try_now());
            assert!(breaker.failed(1.0));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        time.advance(60 * SECOND);
        assert!(breaker.try_now());
        breaker.succeeded();
        breaker.failed(0.0);
        assert_eq!(breaker.pause(), Some(SECOND / 2), "chance shortens by up to a half");
    }

    #[test]
    fn a_late_answer_is_no_trial() {
        let (mut breaker, _) = breaker(BreakerOptions::default().with_failures(1).with_trials(1));
        breaker.failed(1.0);
        breaker.succeeded();
        assert!(matches!(breaker.state(), State::Open { .. }));
    }
}
