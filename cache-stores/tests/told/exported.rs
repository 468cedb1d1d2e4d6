//! The metrics.

use super::{kept, read, store};
use cache_core::{METRICS, MetricKind, export_metrics};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// Name, labels and value of what a store of that name exports now.
fn exported(name: &str) -> Vec<(String, Vec<(String, String)>, u64)> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, export_metrics);
    let all = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        let (_, key) = key.into_parts();
        let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned()));
        let value = match value {
            DebugValue::Counter(value) => value,
            DebugValue::Gauge(value) => value.into_inner() as u64,
            DebugValue::Histogram(_) => panic!("a store has no histograms"),
        };
        (key.name().to_owned(), labels.collect::<Vec<_>>(), value)
    });
    all.filter(|(_, labels, _)| labels[0] == ("store".to_owned(), name.to_owned())).collect()
}

#[tokio::test]
async fn the_counters_of_a_store_are_exported_by_its_name_until_it_is_closed() {
    let (store, _remote, time) = store("measured").await;
    read(&store).await;
    kept(&store).await;
    read(&store).await;
    read(&store).await;
    time.advance(std::time::Duration::from_secs(61));
    read(&store).await;
    let (all, stats) = (exported("measured"), store.stats());
    let value = |name: &str, reason: &str| {
        let fits = |(told, labels, _): &&(String, Vec<(String, String)>, u64)| {
            told == name && (reason.is_empty() || labels[1].1 == reason)
        };
        all.iter().find(fits).unwrap_or_else(|| panic!("no {name} {reason}: {all:?}")).2
    };
    assert_eq!(value("larder_store_hits_total", ""), 2);
    assert_eq!(value("larder_store_renewed_total", ""), 1);
    assert_eq!(value("larder_store_fetches_total", ""), 2);
    assert_eq!(value("larder_store_misses_total", "never"), 1);
    assert_eq!(value("larder_store_misses_total", "expired"), stats.misses.expired);
    assert_eq!(value("larder_store_remote_bytes_total", ""), 5);
    // The first reader has the bytes of the fetch, the three others those that lie in local.
    assert_eq!(value("larder_store_local_bytes_total", ""), 15);
    assert_eq!(value("larder_store_objects", ""), 1);
    assert_eq!(value("larder_store_bytes", ""), stats.bytes);
    store.close().await;
    assert!(exported("measured").is_empty());
}

#[tokio::test]
async fn every_metric_of_stores_is_exported_with_the_labels_of_the_table_and_no_path() {
    let (store, ..) = store("all of them").await;
    read(&store).await;
    let all = exported("all of them");
    for metric in METRICS.iter().filter(|metric| metric.name.starts_with("larder_store_")) {
        assert_ne!(metric.kind, MetricKind::Histogram);
        let told = all.iter().find(|(name, ..)| name == metric.name);
        let (_, labels, _) = told.unwrap_or_else(|| panic!("no {}", metric.name));
        let labels: Vec<_> = labels.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(labels.join(", "), metric.labels, "{}", metric.name);
    }
    assert!(!format!("{all:?}").contains("anna"));
}
