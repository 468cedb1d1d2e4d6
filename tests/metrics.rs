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

/// A store over two directories, which has had a little of everything.
#[cfg(feature = "stores")]
mod stores {
    use super::{Series, count, find, recorded};
    use larder::stores::object_store::local::LocalFileSystem;
    use larder::stores::object_store::path::Path;
    use larder::stores::object_store::{ObjectStore, ObjectStoreExt};
    use larder::stores::{CachedStore, Size, StoreStats, Ttl};
    use larder::{METRICS, ManualClock, MetricKind, export_metrics, wait};
    use metrics_util::debugging::DebugValue;
    use std::fs;
    use std::sync::Arc;
    use std::time::Duration;

    struct Stand {
        folder: tempfile::TempDir,
        store: CachedStore,
        time: ManualClock,
    }

    impl Stand {
        fn new(name: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (remote, time) = (folder.path().join("remote"), ManualClock::new());
            fs::create_dir_all(remote.join("people")).unwrap();
            for (person, length) in [("anna", 5000), ("bert", 6000), ("carl", 7000)] {
                fs::write(remote.join("people").join(person), vec![7; length]).unwrap();
            }
            let remote: Arc<dyn ObjectStore> =
                Arc::new(LocalFileSystem::new_with_prefix(remote).unwrap());
            let store = CachedStore::on_disk(folder.path().join("cache"), remote)
                .policy(Ttl("60s") | Size("13KB"))
                .stale_if_error("1h")
                .clock(time.clock())
                .name(name)
                .build()
                .unwrap();
            Stand { folder, store, time }
        }

        /// Reads, and waits until there is a copy.
        fn read(&self, person: &str) -> usize {
            let path = Path::from(format!("people/{person}"));
            let store = self.store.clone();
            // `wait` needs no runtime: the store has its own.
            let length =
                wait(async { store.get(&path).await.unwrap().bytes().await.unwrap().len() });
            super::common::until("it is kept", || {
                let status = store.status();
                status.iter().any(|entry| *entry.path() == path && entry.is_complete())
            });
            length
        }

        /// No chunk is what it was.
        fn damage(&self) {
            let mut folders = vec![self.folder.path().join("cache/objects")];
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    match path.is_dir() {
                        true => folders.push(path),
                        false => fs::write(path, "damaged").unwrap(),
                    }
                }
            }
        }

        /// The remote cannot look for people any more.
        fn break_remote(&self) {
            let people = self.folder.path().join("remote/people");
            fs::remove_dir_all(&people).unwrap();
            fs::write(people, "no directory").unwrap();
        }
    }

    /// What each metric has to be.
    fn expected(stats: &StoreStats) -> Vec<(&'static str, u64)> {
        vec![
            ("larder_store_hits_total", stats.hits),
            ("larder_store_stale_hits_total", stats.stale_hits),
            ("larder_store_renewed_total", stats.renewed),
            ("larder_store_misses_total", stats.misses.never),
            ("larder_store_joined_total", stats.joined),
            ("larder_store_fetches_total", stats.fetches),
            ("larder_store_local_bytes_total", stats.bytes_local),
            ("larder_store_remote_bytes_total", stats.bytes_remote),
            ("larder_store_written_bytes_total", stats.bytes_written),
            ("larder_store_local_errors_total", stats.local_errors),
            ("larder_store_remote_errors_total", stats.remote_errors),
            ("larder_store_evicted_objects_total", stats.evicted_objects),
            ("larder_store_evicted_bytes_total", stats.evicted_bytes),
            ("larder_store_objects", stats.objects),
            ("larder_store_bytes", stats.bytes),
            ("larder_store_unsent_writes", stats.unsent),
        ]
    }

    fn value(all: &[Series], name: &str, store: &str) -> u64 {
        let reason = if name.ends_with("misses_total") { "never" } else { "" };
        match &find(all, name, store, reason).value {
            DebugValue::Counter(value) => *value,
            DebugValue::Gauge(value) => value.into_inner() as u64,
            DebugValue::Histogram(_) => panic!("a store has no histograms"),
        }
    }

    #[test]
    fn every_figure_of_a_store_is_exported_by_its_name() {
        let stand = Stand::new("measured store");
        // So often that no two figures are equal by accident.
        assert!((0..6).all(|_| stand.read("anna") == 5000));
        assert_eq!(stand.read("bert"), 6000);
        // The first of them has to go for this one.
        assert_eq!(stand.read("carl"), 7000);
        for _ in 0..2 {
            stand.time.advance(Duration::from_secs(61));
            assert_eq!(stand.read("carl"), 7000);
        }
        stand.damage();
        assert_eq!(stand.read("carl"), 7000);
        wait(stand.store.put(&Path::from("written"), vec![1; 300].into())).unwrap();
        stand.break_remote();
        assert!(wait(stand.store.get(&Path::from("people/dora"))).is_err());
        stand.time.advance(Duration::from_secs(61));
        assert!((0..4).all(|_| stand.read("carl") == 7000));

        let all = recorded(|| {
            export_metrics();
            export_metrics();
        });
        let stats = stand.store.stats();
        let expected = expected(&stats);
        for (name, figure) in &expected {
            assert_eq!(value(&all, name, "measured store"), *figure, "{name}");
        }
        // What happened above is seen there.
        let (stale, renewed) = (stats.stale_hits, stats.renewed);
        assert_eq!((stats.hits, stats.misses.never, stale, renewed), (5, 3, 4, 2), "{stats:?}");
        assert_eq!(stats.bytes_written, 300);
        assert!(stats.local_errors >= 1 && stats.remote_errors >= 2, "{stats:?}");
        assert!(stats.evicted_objects >= 1 && stats.evicted_bytes > 5000, "{stats:?}");
        for (reason, expected) in [("expired", 2), ("damaged", 1)] {
            let misses = count(&all, "larder_store_misses_total", "measured store", reason);
            assert_eq!(misses, expected, "{reason}: {stats:?}");
        }
        for metric in METRICS.iter().filter(|metric| metric.name.starts_with("larder_store_")) {
            assert!(expected.iter().any(|(name, _)| *name == metric.name), "{}", metric.name);
            let labels = &find(&all, metric.name, "measured store", "").labels;
            assert_eq!(labels[0], ("store".to_owned(), "measured store".to_owned()));
            assert_eq!(labels.len(), metric.labels.split(", ").count(), "{}", metric.name);
            assert_ne!(metric.kind, MetricKind::Histogram);
        }
        let text = format!("{all:?}");
        assert!(!text.contains("people") && !text.contains("anna"), "no path is in a label");
    }
}
