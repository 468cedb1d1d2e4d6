//! A span for each fetch.

use super::{kept, path, read, store};
use cache_stores::object_store::{ObjectStore, ObjectStoreExt};
use std::collections::BTreeMap;
use std::sync::{Mutex, Once};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Debug, Clone, Default)]
struct Told {
    name: &'static str,
    fields: BTreeMap<&'static str, String>,
    is_closed: bool,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

static HEARD: Mutex<Vec<(Told, usize)>> = Mutex::new(Vec::new());

/// Keeps every span of larder's.
struct Ear;

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "larder"
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut told = Told { name: span.metadata().name(), ..Told::default() };
        span.record(&mut told);
        let mut heard = HEARD.lock().unwrap();
        heard.push((told, 1));
        Id::from_u64(heard.len() as u64)
    }
    fn record(&self, id: &Id, values: &Record<'_>) {
        values.record(&mut HEARD.lock().unwrap()[id.into_u64() as usize - 1].0);
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
    fn clone_span(&self, id: &Id) -> Id {
        HEARD.lock().unwrap()[id.into_u64() as usize - 1].1 += 1;
        id.clone()
    }
    fn try_close(&self, id: Id) -> bool {
        let (told, handles) = &mut HEARD.lock().unwrap()[id.into_u64() as usize - 1];
        *handles -= 1;
        told.is_closed = *handles == 0;
        told.is_closed
    }
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Ear).unwrap());
}

/// Outcome and bytes of the fetches of a store, when so many have ended: for 10 s at most.
async fn fetches(store: &str, count: usize) -> Vec<(String, String)> {
    for _ in 0..1000 {
        let heard: Vec<_> = HEARD.lock().unwrap().iter().map(|(told, _)| told.clone()).collect();
        let of =
            |told: &&Told| told.name == "fetch" && told.is_closed && told.fields["store"] == store;
        let told: Vec<_> = heard.iter().filter(of).collect();
        if told.len() >= count {
            assert!(told.iter().all(|told| told.fields["seconds"].parse::<f64>().unwrap() >= 0.0));
            assert!(!format!("{told:?}").contains("anna"), "a path: {told:?}");
            let pair =
                |told: &&Told| (told.fields["outcome"].clone(), told.fields["bytes"].clone());
            return told.iter().map(pair).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{store} has not made {count} fetches");
}

fn pairs<const N: usize>(all: [(&str, &str); N]) -> Vec<(String, String)> {
    all.map(|(outcome, bytes)| (outcome.to_owned(), bytes.to_owned())).to_vec()
}

#[tokio::test]
async fn a_fetch_is_a_span_with_store_outcome_and_bytes_and_a_hit_is_none() {
    listen();
    let (store, remote, time) = store("spanned").await;
    read(&store).await;
    kept(&store).await;
    read(&store).await;
    assert_eq!(fetches("spanned", 1).await, pairs([("complete", "5")]));
    time.advance(Duration::from_secs(61));
    read(&store).await;
    assert_eq!(fetches("spanned", 2).await[1..], pairs([("renewed", "0")]));
    remote.put(&path("empty"), "".into()).await.unwrap();
    assert_eq!(store.get(&path("empty")).await.unwrap().bytes().await.unwrap(), "");
    assert_eq!(fetches("spanned", 3).await[2..], pairs([("complete", "0")]));
    assert!(store.get(&path("missing")).await.is_err());
    let all = fetches("spanned", 4).await;
    assert_eq!(all[3..], pairs([("not_found", "0")]));
    assert_eq!(all.len() as u64, store.stats().fetches, "as many spans as are counted");
}

#[tokio::test]
async fn a_fetch_of_many_chunks_is_one_span_with_all_of_their_bytes() {
    listen();
    let folder = tempfile::tempdir().unwrap();
    let remote = cache_stores::object_store::local::LocalFileSystem::new_with_prefix(folder.path());
    let remote = remote.unwrap();
    remote.put(&path("large"), vec![7; 64 << 10].into()).await.unwrap();
    let local = cache_stores::object_store::memory::InMemory::new();
    let store = cache_stores::CachedStore::new(local, remote).name("many chunks").chunk("1KiB");
    let store = store.build().unwrap();
    store.get(&path("large")).await.unwrap().bytes().await.unwrap();
    assert_eq!(fetches("many chunks", 1).await, pairs([("complete", "65536")]));
    let options = cache_stores::object_store::GetOptions::new().with_head(true);
    assert!(store.get_opts(&path("other"), options).await.is_err());
    assert_eq!(fetches("many chunks", 2).await[1].0, "not_found");
}
