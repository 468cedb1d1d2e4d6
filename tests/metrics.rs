//! What the feature `metrics` exports, as a recorder gets it.
#![cfg(all(feature = "metrics", feature = "encoded"))]

mod common;
#[path = "../cache-clients/tests/shelf/mod.rs"]
mod shelf;

use larder::encoded::{Encoded, EncodedOptions, Solo};
use larder::{METRICS, ManualClock, MetricKind, cached, export_metrics, wait};
use metrics::Unit;
use metrics_util::MetricKind as Kind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use shelf::Shelf;
use std::sync::LazyLock;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// One series: its kind, name, labels, unit, whether it is described, and its value.
#[derive(Debug)]
struct Series {
    kind: Kind,
    name: String,
    labels: Vec<(String, String)>,
    unit: Option<Unit>,
    described: bool,
    value: DebugValue,
}

/// What a recorder has got from `act`.
fn recorded(act: impl FnOnce()) -> Vec<Series> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, act);
    let all = snapshotter.snapshot().into_vec().into_iter();
    all.map(|(key, unit, text, value)| {
        let (kind, key) = key.into_parts();
        let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned()));
        let name = key.name().to_owned();
        Series { kind, name, labels: labels.collect(), unit, described: text.is_some(), value }
    })
    .collect()
}

/// The series of this name whose first label ends so, and of this reason.
fn find<'a>(all: &'a [Series], name: &str, whose: &str, reason: &str) -> &'a Series {
    let fits = |series: &&Series| {
        series.name == name
            && series.labels[0].1.ends_with(whose)
            && (reason.is_empty() || series.labels.iter().any(|(_, value)| value == reason))
    };
    all.iter().find(fits).unwrap_or_else(|| panic!("no {name} of {whose} {reason}"))
}

fn count(all: &[Series], name: &str, whose: &str, reason: &str) -> u64 {
    match &find(all, name, whose, reason).value {
        DebugValue::Counter(value) => *value,
        other => panic!("{other:?}"),
    }
}

fn samples(all: &[Series], name: &str, whose: &str, label: &str) -> Vec<f64> {
    match &find(all, name, whose, label).value {
        DebugValue::Histogram(values) => values.iter().map(|value| value.into_inner()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_counters_of_a_function_are_exported() {
    clocked!(TIME, HERE);
    #[cached(client = HERE, ttl = 10)]
    fn counted(x: u64) -> Result<u64, String> {
        TIME.advance(2 * SECOND);
        if x == 9 { Err("nine".to_owned()) } else { Ok(x) }
    }
    let all = recorded(|| {
        counted(1).unwrap();
        counted(1).unwrap();
        counted(9).unwrap_err();
        TIME.advance(10 * SECOND);
        counted(1).unwrap();
        export_metrics();
        // Once more: a counter is what it is, and not what was added.
        export_metrics();
    });
    assert_eq!(count(&all, "larder_hits_total", "::counted", ""), 1);
    assert_eq!(count(&all, "larder_misses_total", "::counted", "never"), 2);
    assert_eq!(count(&all, "larder_misses_total", "::counted", "expired"), 1);
    assert_eq!(count(&all, "larder_misses_total", "::counted", "fenced"), 0);
    assert_eq!(count(&all, "larder_computations_total", "::counted", ""), 3);
    assert_eq!(count(&all, "larder_errors_total", "::counted", ""), 1);
    assert_eq!(samples(&all, "larder_compute_seconds", "::counted", ""), [2.0, 2.0, 2.0]);
    let DebugValue::Gauge(values) = find(&all, "larder_values", "::counted", "").value else {
        panic!("the number of values is a gauge")
    };
    assert_eq!(values.into_inner(), 1.0);
}

#[test]
fn the_figures_of_a_server_are_exported_by_tier() {
    static TIME: LazyLock<ManualClock> = LazyLock::new(ManualClock::new);
    static FAR: LazyLock<Encoded<Solo<Shelf>>> = LazyLock::new(|| {
        let options = EncodedOptions::new().with_clock(TIME.clock());
        Encoded::with_options(Solo::new(Shelf::default()), options).unwrap()
    });
    #[cached(client = FAR, ttl = 10, namespace = "measured")]
    async fn measured(x: u64) -> u64 {
        x
    }
    let all = recorded(|| {
        wait(measured(1));
        wait(measured(1));
        TIME.advance(11 * SECOND);
        wait(measured(1));
        export_metrics();
    });
    let tier = larder::server::Server::name(FAR.server());
    assert_eq!(count(&all, "larder_tier_hits_total", &tier, ""), 1);
    assert_eq!(count(&all, "larder_tier_misses_total", &tier, "never"), 1);
    assert_eq!(count(&all, "larder_tier_misses_total", &tier, "expired"), 1);
    assert_eq!(count(&all, "larder_tier_stored_total", &tier, ""), 2);
    assert_eq!(count(&all, "larder_far_hits_total", "::measured", ""), 1);
    let lookups = |outcome| samples(&all, "larder_far_lookup_seconds", &tier, outcome).len();
    assert_eq!((lookups("hit"), lookups("miss")), (1, 2));
    let labels = &find(&all, "larder_far_lookup_seconds", &tier, "hit").labels;
    assert!(labels.contains(&("namespace".to_owned(), "measured".to_owned())), "{labels:?}");
}

#[test]
fn everything_that_is_exported_is_in_the_table_with_its_unit_and_labels_and_nothing_has_a_key() {
    #[cached]
    fn keyed(x: u64) -> u64 {
        x
    }
    let all = recorded(|| {
        keyed(987_654_321);
        export_metrics();
    });
    assert!(all.iter().any(|series| series.name == "larder_hits_total"));
    for series in &all {
        let metric = METRICS
            .iter()
            .find(|metric| metric.name == series.name)
            .unwrap_or_else(|| panic!("{} is not in the table", series.name));
        let kind = match metric.kind {
            MetricKind::Gauge => Kind::Gauge,
            MetricKind::Histogram => Kind::Histogram,
            _ => Kind::Counter,
        };
        let unit = if metric.unit == "seconds" { Unit::Seconds } else { Unit::Count };
        assert_eq!((series.kind, series.unit, series.described), (kind, Some(unit), true));
        let labels: Vec<&str> = series.labels.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(labels.join(", "), metric.labels, "{}", series.name);
        assert!(series.labels.iter().all(|(_, value)| !value.contains("987654321")));
    }
}

/// The guide's table is the table of the code.
#[test]
fn the_guide_lists_every_metric() {
    let guide = include_str!("../docs/observability.md");
    for metric in METRICS {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let row = format!(
            "| `{}` | {kind} | {} | {} | {} |",
            metric.name, metric.unit, metric.labels, metric.help
        );
        assert!(guide.contains(&row), "docs/observability.md should have the line\n{row}");
    }
    assert_eq!(guide.matches("| `larder_").count(), METRICS.len(), "lines of no metric");
}

#[cfg(feature = "regions")]
#[test]
fn what_is_told_of_a_function_over_a_region_says_which() {
    static SHOP: larder::Region = larder::Region::new("measured shop");
    #[cached(client = SHOP)]
    fn sold(x: u64) -> u64 {
        x
    }
    let plan = larder::RegionPlan::new(SHOP.name()).with_memory(100);
    larder::configure_plans(vec![plan], larder::Replace::Refuse).unwrap();
    let all = recorded(|| {
        sold(1);
        sold(1);
        export_metrics();
    });
    for name in ["larder_hits_total", "larder_misses_total", "larder_compute_seconds"] {
        let told = find(&all, name, "::sold", if name.contains("miss") { "never" } else { "" });
        let region = told.labels.iter().find(|(label, _)| label == "region");
        assert_eq!(region.map(|(_, name)| name.as_str()), Some("measured shop"), "{name}");
    }
}
