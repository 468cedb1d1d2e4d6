//! Testing your own code, with time moved by hand: `cargo test --example own_tests`, or `cargo run`.

use larder::{Inproc, ManualClock, cached};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static TIME: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
static CACHE: LazyLock<Inproc> = LazyLock::new(|| Inproc::new(100).with_clock(TIME.clock()));
/// What the bank says; zero when it does not answer.
static BANK: AtomicU32 = AtomicU32::new(0);

/// Ten seconds old at most; a minute older while the bank is silent.
#[cached(client = CACHE, ttl = "10s", grace = "1m")]
fn rate(currency: &str) -> Result<u32, String> {
    match BANK.load(Relaxed) {
        0 => Err(format!("no answer for {currency}")),
        rate => Ok(rate),
    }
}

/// Tests share the clock and the cache, so one runs at a time, and begins with an empty cache.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    rate::clear();
    turn
}

#[cfg_attr(test, test)]
fn a_rate_is_kept_for_ten_seconds() {
    let _turn = turn();
    BANK.store(110, Relaxed);
    assert_eq!(rate("EUR"), Ok(110));
    BANK.store(120, Relaxed);
    TIME.advance(Duration::from_secs(9));
    assert_eq!(rate("EUR"), Ok(110));
    TIME.advance(Duration::from_secs(1));
    assert_eq!(rate("EUR"), Ok(120));
}

#[cfg_attr(test, test)]
fn an_old_rate_stands_in_for_a_silent_bank() {
    let _turn = turn();
    BANK.store(110, Relaxed);
    assert_eq!(rate("EUR"), Ok(110));
    BANK.store(0, Relaxed);
    TIME.advance(Duration::from_secs(30));
    assert_eq!(rate("EUR"), Ok(110));
    assert_eq!(rate::peek("EUR"), None); // it is over, and `peek` says so
    TIME.advance(Duration::from_secs(60));
    assert!(rate("EUR").is_err());
}

fn main() {
    a_rate_is_kept_for_ten_seconds();
    an_old_rate_stands_in_for_a_silent_bank();
    println!("{:?} passed for the cache\n\n{}", TIME.elapsed(), larder::report());
}
