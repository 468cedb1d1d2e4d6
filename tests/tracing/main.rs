//! What the feature `tracing` tells, heard by a subscriber of the test's own.
#![cfg(all(feature = "tracing", feature = "encoded"))]

#[path = "../common/mod.rs"]
mod common;
#[path = "../../cache-clients/tests/shelf/mod.rs"]
mod shelf;
#[cfg(feature = "stores")]
mod stores;

use common::{Gate, limited_wide, panic_of, until};
use larder::encoded::{Encoded, EncodedOptions, Solo};
use larder::{Inproc, ManualClock, Tiered, cached, wait};
use shelf::Shelf;
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, Once};
use std::thread;
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const SECOND: Duration = Duration::from_secs(1);

/// A span as it was told, with its fields as text.
#[derive(Debug, Clone, Default, PartialEq)]
struct Told {
    name: &'static str,
    fields: BTreeMap<&'static str, String>,
    entered: usize,
    /// The innermost span of larder's that was entered when an event of the test came.
    notes: Vec<String>,
    closed: bool,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

impl Told {
    fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }
}

/// Keeps every span of larder's.
struct Ear;

static HEARD: Mutex<Vec<Told>> = Mutex::new(Vec::new());

static WARNED: Mutex<Vec<Told>> = Mutex::new(Vec::new());

thread_local! { static INSIDE: std::cell::RefCell<Vec<u64>> = const { std::cell::RefCell::new(Vec::new()) }; }

fn change(id: &Id, change: impl FnOnce(&mut Told)) {
    if let Some(told) = HEARD.lock().unwrap().get_mut(id.into_u64() as usize - 1) {
        change(told);
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        matches!(metadata.target(), "larder" | "test")
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut told = Told { name: span.metadata().name(), ..Told::default() };
        span.record(&mut told);
        let mut heard = HEARD.lock().unwrap();
        heard.push(told);
        Id::from_u64(heard.len() as u64)
    }
    fn record(&self, id: &Id, values: &Record<'_>) {
        change(id, |told| values.record(told));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        if *event.metadata().level() == tracing::Level::WARN {
            let mut warning = Told::default();
            event.record(&mut warning);
            WARNED.lock().unwrap().push(warning);
        }
        let inside = INSIDE.with(|inside| inside.borrow().last().copied());
        let Some(id) = inside else { return };
        let mut note = Told::default();
        event.record(&mut note);
        let text = note.get("message").to_owned();
        change(&Id::from_u64(id), |told| told.notes.push(text));
    }
    fn enter(&self, id: &Id) {
        INSIDE.with(|inside| inside.borrow_mut().push(id.into_u64()));
        change(id, |told| told.entered += 1);
    }
    fn exit(&self, _: &Id) {
        INSIDE.with(|inside| inside.borrow_mut().pop());
    }
    fn try_close(&self, id: Id) -> bool {
        change(&id, |told| told.closed = true);
        true
    }
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Ear).unwrap());
}

/// The ended spans of a function, or of a namespace, in their order.
fn of(name: &str) -> Vec<Told> {
    let heard = HEARD.lock().unwrap();
    let is_it = |told: &&Told| {
        told.closed && (told.get("function").ends_with(name) || told.get("namespace") == name)
    };
    heard.iter().filter(is_it).cloned().collect()
}

fn outcomes(name: &str) -> Vec<(String, String)> {
    of(name).iter().map(|told| (told.get("reason").into(), told.get("outcome").into())).collect()
}

#[test]
fn a_computation_is_a_span_with_its_reason_and_outcome() {
    clocked!(TIME, HERE);
    #[cached(client = HERE, ttl = 10)]
    fn plain_one(x: u64) -> Result<u64, String> {
        tracing::info!(target: "test", "inside");
        if x == 9 { Err("nine".to_owned()) } else { Ok(x) }
    }
    listen();
    plain_one(1).unwrap();
    plain_one(1).unwrap();
    TIME.advance(11 * SECOND);
    plain_one(1).unwrap();
    plain_one::invalidate(1);
    plain_one(1).unwrap();
    plain_one(9).unwrap_err();
    let pairs = [
        ("never", "stored"),
        ("expired", "stored"),
        ("invalidated", "stored"),
        ("never", "failed"),
    ];
    assert_eq!(outcomes("plain_one"), pairs.map(|(a, b)| (a.to_owned(), b.to_owned())));
    let first = of("plain_one").remove(0);
    assert_eq!((first.name, first.notes.as_slice()), ("compute", ["inside".to_owned()].as_slice()));
    assert!(first.get("function").contains("::"), "{first:?}");
    assert!(first.get("seconds").parse::<f64>().unwrap() >= 0.0);
    assert!(first.get("key").is_empty(), "no key without being asked to: {first:?}");
}

#[test]
fn panics_and_fenced_results_are_outcomes() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn fenced_one(x: u64) -> u64 {
        GATE.pass();
        x
    }
    #[cached]
    fn panics_one(x: u64) -> u64 {
        panic!("no {x}")
    }
    #[cached]
    async fn panics_later(x: u64) -> u64 {
        panic!("no {x}")
    }
    #[cached(cache_if = |x: &u64| *x > 5)]
    async fn unwanted_one(x: u64) -> u64 {
        x
    }
    listen();
    limited_wide(|| {
        let computing = thread::spawn(|| fenced_one(1));
        GATE.await_arrivals(1);
        fenced_one::invalidate(1);
        GATE.open();
        computing.join().unwrap();
        fenced_one(1);
        let told = outcomes("fenced_one");
        let fenced = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
        assert_eq!(told, [("never", "fenced"), ("fenced", "stored")].map(fenced));
        panic_of(|| panics_one(1));
        panic_of(|| wait(panics_later(1)));
        assert_eq!(outcomes("panics_one")[0].1, "panicked");
        assert_eq!(outcomes("panics_later")[0].1, "panicked");
        wait(unwanted_one(1));
        assert_eq!(outcomes("unwanted_one")[0].1, "unstored");
    });
}

#[test]
fn a_refresh_in_the_background_is_a_span_of_its_own_name() {
    clocked!(TIME, HERE);
    #[cached(client = HERE, ttl = 60, async_ttl = 30)]
    fn refreshed_one(x: u64) -> u64 {
        tracing::info!(target: "test", "inside");
        x
    }
    #[cached(client = HERE, ttl = 60, async_ttl = 30)]
    async fn refreshed_later(x: u64) -> u64 {
        tracing::info!(target: "test", "inside");
        x
    }
    listen();
    limited_wide(|| {
        refreshed_one(1);
        wait(refreshed_later(1));
        TIME.advance(31 * SECOND);
        refreshed_one(1);
        wait(refreshed_later(1));
        for name in ["refreshed_one", "refreshed_later"] {
            until("the refresh has ended", || of(name).len() == 2);
            let spans = of(name);
            assert_eq!((spans[0].name, spans[1].name), ("compute", "refresh"));
            assert_eq!((spans[1].get("reason"), spans[1].get("outcome")), ("", "stored"));
            assert_eq!(spans[1].notes, ["inside"]);
        }
    });
}

#[test]
fn a_lookup_on_a_server_is_a_span_with_its_tier() {
    static TIME: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
    static BOTH: LazyLock<Tiered<Inproc, Encoded<Solo<Shelf>>>> = LazyLock::new(|| {
        let options = EncodedOptions::new().with_clock(TIME.clock());
        let far = Encoded::with_options(Solo::new(Shelf::default()), options).unwrap();
        Tiered::new(Inproc::new(100).with_clock(TIME.clock()), far)
    });
    #[cached(client = BOTH, ttl = 10, namespace = "far lookups")]
    async fn looked_up(x: u64) -> u64 {
        x
    }
    listen();
    limited_wide(|| {
        wait(looked_up(1));
        TIME.advance(11 * SECOND);
        wait(looked_up(1));
        let lookups = of("far lookups");
        assert_eq!(lookups.len(), 2, "{lookups:?}");
        let told: Vec<_> = lookups
            .iter()
            .map(|told| (told.name, told.get("outcome"), told.get("reason")))
            .collect();
        assert_eq!(told, [("far_lookup", "miss", "never"), ("far_lookup", "miss", "expired")]);
        assert!(lookups[0].get("tier").contains("Shelf"), "{lookups:?}");
        assert_eq!((lookups[0].get("keys"), lookups[0].get("hits")), ("1", "0"));
        // The computation has the reason that the far tier gave.
        assert_eq!(outcomes("looked_up")[1], ("expired".to_owned(), "stored".to_owned()));
    });
}

#[test]
fn keys_are_told_only_of_a_function_that_was_asked_to() {
    #[cached]
    fn secret_one(x: u64) -> u64 {
        x
    }
    #[cached]
    fn open_one(x: u64) -> u64 {
        x
    }
    #[cached]
    fn shy_one(x: u64) -> u64 {
        x
    }
    listen();
    shy_one::entry(0).trace_keys(|key| panic!("no word of {key}"));
    assert_eq!(shy_one(77), 77, "a format that panics harms nobody");
    assert_eq!(of("shy_one")[0].get("outcome"), "stored");
    open_one::entry(0).trace_keys(|key| format!("user {key}"));
    secret_one(987_654_321);
    open_one(77);
    assert_eq!(of("open_one")[0].get("key"), "user 77");
    let secret = of("secret_one").remove(0);
    assert!(secret.fields.values().all(|text| !text.contains("987654321")), "{secret:?}");
}

#[test]
fn a_hit_is_no_span() {
    #[cached]
    fn hit_one(x: u64) -> u64 {
        x
    }
    listen();
    (0..100).for_each(|_| assert_eq!(hit_one(1), 1));
    assert_eq!(of("hit_one").len(), 1);
}
