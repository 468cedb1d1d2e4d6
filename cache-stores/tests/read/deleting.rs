//! What has left the index is deleted from local, once, whatever local does meanwhile: the index says what lies there.

use crate::common::{Fault, Faults, Watched};
use crate::patience::{DEADLINE, passing};
use crate::stand::{CHUNK, Stand, bytes};
use async_trait::async_trait;
use cache_stores::object_store::memory::InMemory;
use cache_stores::object_store::path::Path;
use cache_stores::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use cache_stores::{CachedStore, Count, Lru, Size, StoreBuilder, Ttl, Verify};
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::watch;

/// A local store that holds deletions and answers back, and refuses, as it is told.
#[derive(Debug, Clone)]
struct Odd {
    inner: Arc<InMemory>,
    how: Arc<watch::Sender<How>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct How {
    /// Deletions do not come to their end.
    holds: bool,
    /// The next read's answer is late: until answers come again.
    late: bool,
    answers: bool,
    /// Nobody is told whether something is there.
    blind: bool,
    /// Nothing is deleted.
    refuses: bool,
    /// What is put lies there, and nobody is told.
    forgets: bool,
    deletions: usize,
    deleted: usize,
    reads: usize,
    heads: usize,
}

impl How {
    fn is_deleting(&self) -> bool {
        self.deletions > self.deleted
    }
}

impl Odd {
    fn new() -> Self {
        Odd { inner: Arc::new(InMemory::new()), how: Arc::new(watch::Sender::new(How::default())) }
    }

    fn set(&self, change: impl FnOnce(&mut How)) {
        self.how.send_modify(change);
    }

    async fn until(&self, is_so: impl FnMut(&How) -> bool) {
        let mut how = self.how.subscribe();
        let so = how.wait_for(is_so);
        tokio::time::timeout(std::time::Duration::from_secs(20), so)
            .await
            .expect("it comes")
            .unwrap();
    }

    async fn lies(&self) -> Vec<ObjectMeta> {
        self.inner.list(None).try_collect().await.unwrap()
    }

    /// The index says what lies here, to the byte.
    async fn is_accounted(&self, store: &CachedStore) {
        let began = std::time::Instant::now();
        loop {
            let lies = self.lies().await;
            let (sum, said) = (lies.iter().map(|meta| meta.size).sum::<u64>(), store.stats().bytes);
            if sum == said {
                return;
            }
            assert!(
                began.elapsed().as_secs() < 20,
                "{said} bytes are accounted, these lie there: {lies:?}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    /// Somebody else spoils a chunk.
    async fn spoil(&self, chunk: usize) {
        let all = self.lies().await;
        let suffix = format!(".{chunk}");
        let one = all.iter().find(|meta| meta.location.as_ref().ends_with(&suffix)).unwrap();
        self.inner.put(&one.location, vec![0; one.size as usize].into()).await.unwrap();
    }
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

fn failure(why: &'static str) -> Error {
    Error::Generic { store: "Odd", source: why.into() }
}

#[async_trait]
impl ObjectStore for Odd {
    async fn put_opts(
        &self,
        to: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let put = self.inner.put_opts(to, payload, options).await?;
        if self.how.borrow().forgets { Err(failure("the answer was lost")) } else { Ok(put) }
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(to, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head {
            self.set(|how| how.heads += 1);
            self.until(|how| !how.blind).await;
        }
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        let answer = self.inner.get_ranges(path, ranges).await;
        let late = self.how.borrow().late;
        if late {
            self.set(|how| (how.late, how.reads) = (false, how.reads + 1));
            self.until(|how| how.answers).await;
        }
        answer
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let own = self.clone();
        let delete = move |path: Path| {
            let own = own.clone();
            async move {
                own.set(|how| how.deletions += 1);
                if own.how.borrow().refuses {
                    return Err(failure("not now"));
                }
                own.until(|how| !how.holds).await;
                let deleted = own.inner.delete(&path).await;
                own.set(|how| how.deleted += 1);
                deleted.map(|()| path)
            }
        };
        paths.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn stand(options: impl FnOnce(StoreBuilder) -> StoreBuilder) -> (Stand, Odd) {
    let odd = Odd::new();
    (Stand::over(Watched::new(odd.clone()), None, options), odd)
}

fn is_complete(stand: &Stand) -> bool {
    stand.store.status().iter().all(|entry| entry.is_complete())
}

/// Gives what is done beside the readers the time to do wrong.
async fn a_while(mut until: impl FnMut() -> bool) {
    for _ in 0..300 {
        if until() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_chunk_that_is_fetched_again_while_it_is_being_deleted_is_not_taken_away() {
    let (stand, odd) = stand(|store| store.verify(Verify::Always));
    let content = bytes(3 * CHUNK);
    stand.put("a", &content).await;
    stand.read("a").await.unwrap();
    stand.complete(3).await;
    odd.spoil(1).await;
    // When he has deleted it, he looks for the next one, and comes no farther.
    odd.set(|how| (how.holds, how.blind) = (true, true));
    let (store, range) = (stand.store.clone(), CHUNK as u64..3 * CHUNK as u64);
    let first = tokio::spawn(async move { store.get_range(&Path::from("a"), range).await });
    // The first reader has found it damaged, and deletes it.
    odd.until(|how| how.deletions == 1).await;
    assert_eq!(stand.read("a").await.unwrap().0, content);
    a_while(|| is_complete(&stand)).await;
    odd.set(|how| how.holds = false);
    stand.settled(|_| !odd.how.borrow().is_deleting()).await;
    odd.is_accounted(&stand.store).await;
    odd.set(|how| how.blind = false);
    assert_eq!(first.await.unwrap().unwrap(), content.slice(CHUNK..));
    // Afterwards it is kept again.
    for _ in 0..2 {
        assert_eq!(stand.read("a").await.unwrap().0, content);
        stand.settled(is_complete).await;
        odd.is_accounted(&stand.store).await;
    }
    assert_eq!(stand.store.status()[0].kept(), stand.store.stats().bytes);
}

#[tokio::test]
async fn a_chunk_that_was_missing_when_it_was_read_and_is_there_when_that_is_told_is_accounted() {
    let (stand, odd) = stand(|store| store);
    let content = bytes(3 * CHUNK);
    stand.put("a", &content).await;
    stand.read("a").await.unwrap();
    stand.complete(3).await;
    let place = odd.lies().await[1].location.clone();
    odd.inner.delete(&place).await.unwrap();
    odd.set(|how| (how.late, how.blind) = (true, true));
    let (store, range) = (stand.store.clone(), CHUNK as u64..2 * CHUNK as u64);
    let wanted = CHUNK as u64..3 * CHUNK as u64;
    let first = tokio::spawn(async move { store.get_range(&Path::from("a"), wanted).await });
    odd.until(|how| how.reads == 1).await;
    let second = stand.store.get_range(&Path::from("a"), range).await.unwrap();
    assert_eq!(second, content.slice(CHUNK..2 * CHUNK));
    stand.complete(4).await;
    let errors = stand.store.stats().local_errors;
    odd.set(|how| how.answers = true);
    // He has been told, and looks for the next one.
    stand.settled(|stand| stand.store.stats().local_errors > errors).await;
    stand.settled(|_| odd.how.borrow().heads > 0).await;
    odd.is_accounted(&stand.store).await;
    odd.set(|how| how.blind = false);
    assert_eq!(first.await.unwrap().unwrap(), content.slice(CHUNK..));
    odd.is_accounted(&stand.store).await;
}

#[tokio::test]
async fn an_object_larger_than_the_limit_is_accounted_though_its_chunks_go_slowly() {
    let (stand, odd) = stand(|store| store.policy(Size(5 * CHUNK as u64)));
    let content = bytes(20 * CHUNK);
    stand.put("a", &content).await;
    odd.set(|how| how.holds = true);
    for _ in 0..3 {
        // What puts a chunk waits for what goes for it, until the deadline.
        assert_eq!(passing(&stand.time, stand.read("a")).await.unwrap().0, content);
    }
    odd.until(|how| how.deletions > 0).await;
    odd.set(|how| how.holds = false);
    odd.is_accounted(&stand.store).await;
    assert_eq!(stand.read("a").await.unwrap().0, content);
    odd.is_accounted(&stand.store).await;
}

#[tokio::test]
async fn f4_what_local_refused_to_delete_goes_with_a_later_eviction() {
    let (stand, odd) = stand(|store| store.policy(Count(1) | Lru));
    for (name, refuses) in [("a", false), ("b", true), ("c", true), ("d", false)] {
        odd.set(|how| how.refuses = refuses);
        stand.put(name, &bytes(3 * CHUNK)).await;
        stand.read(name).await.unwrap();
        stand.settled(is_complete).await;
        if refuses {
            assert!(stand.store.stats().local_errors > 0);
            assert!(odd.lies().await.len() > 3, "{name}: nothing was refused");
        }
    }
    odd.is_accounted(&stand.store).await;
    assert_eq!(odd.lies().await.len(), 3);
}

#[tokio::test]
async fn f4_what_local_refused_to_delete_goes_with_a_purge() {
    let (stand, odd) = stand(|store| store.policy(Ttl("60s")));
    for n in 0..20 {
        let name = format!("p/{n}");
        stand.put(&name, &bytes(CHUNK)).await;
        stand.read(&name).await.unwrap();
    }
    stand.settled(is_complete).await;
    odd.set(|how| how.refuses = true);
    stand.time.advance(std::time::Duration::from_secs(61));
    assert_eq!(stand.store.purge().await, 20);
    assert_eq!((odd.lies().await.len(), stand.store.stats().bytes), (20, 0));
    // It does not take many refusals to see that local does not delete now.
    assert!(odd.how.borrow().deletions <= 8, "{:?}", odd.how.borrow());
    odd.set(|how| how.refuses = false);
    assert_eq!(stand.store.purge().await, 0);
    assert_eq!(odd.lies().await, []);
}

#[tokio::test]
async fn a_local_store_that_panics_when_it_is_to_delete_is_asked_again_later() {
    let stand = Stand::new(|store| store.policy(Ttl("60s")));
    stand.put("a", &bytes(CHUNK)).await;
    stand.read("a").await.unwrap();
    stand.complete(1).await;
    stand.local.fail(Faults { change: Some(Fault::Panic), ..Faults::default() });
    stand.time.advance(std::time::Duration::from_secs(61));
    assert_eq!(stand.store.purge().await, 1);
    assert_eq!(stand.places().await.len(), 1);
    assert!(stand.store.stats().local_errors > 0);
    stand.local.fail(Faults::default());
    stand.store.purge().await;
    assert!(stand.places().await.is_empty());
}

#[tokio::test]
async fn a_chunk_whose_put_failed_and_which_lies_there_nevertheless_is_deleted() {
    let (stand, odd) = stand(|store| store);
    let content = bytes(2 * CHUNK);
    odd.set(|how| how.forgets = true);
    stand.put("a", &content).await;
    assert_eq!(stand.read("a").await.unwrap().0, content);
    stand.settled(|stand| stand.store.stats().local_errors > 0).await;
    odd.is_accounted(&stand.store).await;
    assert_eq!(stand.store.stats().bytes, 0);
    odd.set(|how| how.forgets = false);
    let began = std::time::Instant::now();
    // The first reads may be given what the fetch of before still holds.
    while !is_complete(&stand) {
        assert!(began.elapsed().as_secs() < 20, "it is not kept");
        assert_eq!(stand.read("a").await.unwrap().0, content);
    }
    odd.is_accounted(&stand.store).await;
}

#[tokio::test]
async fn deletions_that_do_not_end_are_not_heaped_up_and_come_when_local_answers_again() {
    let (stand, odd) = stand(|store| store.local_deadline(DEADLINE).policy(Count(1) | Lru));
    odd.set(|how| how.holds = true);
    for n in 0..30 {
        let name = format!("p/{n}");
        stand.put(&name, &bytes(CHUNK)).await;
        stand.read(&name).await.unwrap();
        stand.settled(is_complete).await;
        // Nothing else is asked of local now that could be late.
        let late = |stand: &Stand| stand.store.stats().local_errors == n;
        passing(&stand.time, stand.settled(late)).await;
    }
    assert_eq!(odd.lies().await.len(), 30);
    let begun = odd.how.borrow().deletions;
    assert_eq!(begun, 4, "deletions are on their way");
    odd.set(|how| how.holds = false);
    odd.is_accounted(&stand.store).await;
    assert_eq!(odd.lies().await.len(), 1);
    // And from now on at once.
    stand.put("a", &bytes(CHUNK)).await;
    stand.read("a").await.unwrap();
    stand.settled(is_complete).await;
    odd.is_accounted(&stand.store).await;
    assert_eq!(odd.lies().await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_used_and_not_be_deleted_when_a_store_is_built_goes_later() {
    let odd = Odd::new();
    let place = Path::from("larder/01/0123456789abcdef.0");
    odd.inner.put(&place, "named like a chunk".into()).await.unwrap();
    odd.set(|how| how.refuses = true);
    let stand = Stand::over(Watched::new(odd.clone()), None, |store| store);
    assert_eq!((odd.lies().await.len(), stand.store.stats().bytes), (1, 0));
    odd.set(|how| how.refuses = false);
    stand.store.purge().await;
    odd.is_accounted(&stand.store).await;
}
