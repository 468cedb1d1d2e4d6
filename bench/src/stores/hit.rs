//! A local hit of 1 MiB, against reading the same bytes from a file by `object_store`'s LocalFileSystem.

use super::{bytes, runtime, text};
use crate::measured::quantile;
use crate::options::Options;
use crate::report::{Cell, Row};
use cache_stores::CachedStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::time::Instant;

const LENGTH: usize = 1 << 20;
/// Reads of one store in a row.
const BLOCK: usize = 50;
const GOAL: f64 = 1.15;

pub fn run(options: &Options) -> Result<(), String> {
    let rounds = options.rounds(61, 21);
    let own = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
    let mut rows = own.block_on(race(rounds, "one thread"))?;
    rows.extend(runtime()?.block_on(race(rounds, "tokio's threads"))?);
    options.report.table("local hit of 1 MiB", &rows);
    Ok(())
}

async fn race(rounds: usize, threads: &str) -> Result<Vec<Row>, String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let [plain, far, cache] = ["plain", "far", "cache"].map(|name| folder.path().join(name));
    let mut stores = Vec::new();
    for path in [&plain, &far] {
        std::fs::create_dir(path).map_err(text)?;
        stores.push(LocalFileSystem::new_with_prefix(path).map_err(text)?);
    }
    let (path, data) = (Path::from("data/object"), bytes(LENGTH));
    for store in &stores {
        store.put(&path, data.clone().into()).await.map_err(text)?;
    }
    let remote = stores.pop().ok_or("two stores")?;
    let file = stores.pop().ok_or("two stores")?;
    let cached = CachedStore::on_disk(&cache, remote).build().map_err(text)?;
    let first = cached.get(&path).await.map_err(text)?.bytes().await.map_err(text)?;
    if first != data {
        return Err("the first read gave other bytes".to_owned());
    }
    wait_until_kept(&cached).await?;
    // The remote has gone: what follows are hits, or errors.
    std::fs::remove_dir_all(&far).map_err(text)?;
    let (mut direct, mut hit) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Who begins changes: what the first leaves in the processor's caches helps nobody twice.
        if round % 2 == 0 {
            direct.push(block(&file, &path).await?);
            hit.push(block(&cached, &path).await?);
        } else {
            hit.push(block(&cached, &path).await?);
            direct.push(block(&file, &path).await?);
        }
    }
    let ratios: Vec<f64> = hit.iter().zip(&direct).map(|(hit, direct)| hit / direct).collect();
    let ratio = quantile(&ratios, 0.5);
    let row = |system, what: &str, times: &[f64], ratio: Cell, goal| Row {
        bench: "stores_hit",
        system,
        variant: format!("{what}, {threads}"),
        key: "path",
        threads: 1,
        cells: vec![
            ("rounds", Cell::Count(rounds as u64)),
            ("us", Cell::Number(quantile(times, 0.5), 1)),
            ("p25", Cell::Number(quantile(times, 0.25), 1)),
            ("p75", Cell::Number(quantile(times, 0.75), 1)),
            ("of_direct", ratio),
            ("goal", goal),
        ],
    };
    Ok(vec![
        row("object_store", "LocalFileSystem", &direct, Cell::Nothing, Cell::Nothing),
        row("larder", "hit", &hit, Cell::Number(ratio, 3), Cell::Number(GOAL, 2)),
    ])
}

async fn wait_until_kept(store: &CachedStore) -> Result<(), String> {
    let began = Instant::now();
    while !store.status().first().is_some_and(|kept| kept.is_complete()) {
        if began.elapsed().as_secs() > 10 {
            return Err("the object is not kept".to_owned());
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Microseconds a read.
async fn block(store: &dyn ObjectStore, path: &Path) -> Result<f64, String> {
    let began = Instant::now();
    for _ in 0..BLOCK {
        let read = store.get(path).await.map_err(text)?.bytes().await.map_err(text)?;
        if read.len() != LENGTH {
            return Err(format!("{} bytes were read", read.len()));
        }
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / BLOCK as f64)
}
