//! The first read of 1 GiB from S3, through the cache and without it; each in a process of its own, for its memory.

use super::server::{Sends, Server, client};
use super::{bytes, measured, runtime, status, text};
use crate::measured::quantile;
use crate::options::Options;
use crate::report::{Cell, Row};
use crate::thread::Apart;
use cache_stores::CachedStore;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use std::path::PathBuf;
use std::time::Instant;
use tokio::io::AsyncWriteExt;

const LENGTH: u64 = 1 << 30;
const PATH: &str = "data/large";
const GOAL_SPEED: f64 = 0.9;
const GOAL_MEMORY: f64 = 64.0;

/// Ways to read it: without a cache, the same and into a file, through the cache, and the same with copies that are
/// written past the page cache.
const WAYS: [&str; 4] = ["direct", "file", "cache", "past"];
const CACHES: [&str; 2] = ["cache", "past"];

pub fn run(options: &Options) -> Result<(), String> {
    let rounds = options.rounds(9, 3);
    let mut rows = race(Sends::Pieces, true, rounds)?;
    rows.extend(race(Sends::Pieces, false, rounds)?);
    rows.extend(race(Sends::Blocks, false, rounds)?);
    options.report.table("first read of 1 GiB from a local S3 server", &rows);
    options.report.note("The goal is for the server as it is. On another CPU it takes none from its reader; where the system places the two, both are slower, by chance. In blocks it is as fast as memory, and what is measured is writing: `into a file` is the same read with a plain file written beside it. `again` is a second read: from the page cache, with direct writes from the disk.");
    Ok(())
}

/// `apart`: the server on a CPU of its own.
fn race(sends: Sends, apart: bool, rounds: usize) -> Result<Vec<Row>, String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let server = Server::start(folder.path(), sends)?;
    runtime()?.block_on(fill(&client(server.port)?))?;
    let _apart = apart.then(|| Apart::from(server.process()));
    let mut seconds: [Vec<f64>; 4] = Default::default();
    let mut again: [Vec<f64>; 4] = Default::default();
    let mut work: [Vec<f64>; 4] = Default::default();
    let mut memory: [Vec<f64>; 4] = Default::default();
    for round in 0..rounds {
        // Each is the first of a round in turn.
        for way in (0..4).map(|n| (n + round) % 4) {
            let local = tempfile::tempdir().map_err(text)?;
            let place = local.path().display();
            let numbers = measured(&[&"first", &server.port, &WAYS[way], &place])?;
            let &[took, busy, second, peak] = numbers.as_slice() else {
                return Err(format!("a first read said {numbers:?}"));
            };
            seconds[way].push(took);
            work[way].push(busy);
            again[way].push(second);
            memory[way].push(peak / 1024.0);
        }
    }
    let server = match (sends, apart) {
        (Sends::Blocks, _) => "in blocks",
        (Sends::Pieces, true) => "as it is, on another CPU",
        (Sends::Pieces, false) => "as it is",
    };
    let goal = |n: f64, digits| Cell::Number(n, digits);
    let row = |way: usize| {
        let is_cache = CACHES.contains(&WAYS[way]);
        let ratios: Vec<f64> = seconds[0].iter().zip(&seconds[way]).map(|(d, s)| d / s).collect();
        let (system, what) = match WAYS[way] {
            "direct" => ("object_store", "AmazonS3"),
            "file" => ("object_store", "AmazonS3, into a file"),
            "past" => ("larder", "cold, copies in files, direct writes"),
            _ => ("larder", "cold, copies in files"),
        };
        let second = Cell::Number(1024.0 / quantile(&again[way], 0.5), 0);
        let speed = is_cache && sends == Sends::Pieces;
        Row {
            bench: "stores_first",
            system,
            variant: format!("{what}; server {server}"),
            key: "path",
            threads: 1,
            cells: vec![
                ("rounds", Cell::Count(rounds as u64)),
                ("mib_per_s", Cell::Number(1024.0 / quantile(&seconds[way], 0.5), 0)),
                ("of_direct", Cell::Number(quantile(&ratios, 0.5), 3)),
                ("cpu_s", Cell::Number(quantile(&work[way], 0.5), 2)),
                ("again_mib_per_s", if is_cache { second } else { Cell::Nothing }),
                ("goal", if speed { goal(GOAL_SPEED, 2) } else { Cell::Nothing }),
                ("peak_mib", Cell::Number(quantile(&memory[way], 1.0), 1)),
                ("goal_mib", if is_cache { goal(GOAL_MEMORY, 0) } else { Cell::Nothing }),
            ],
        }
    };
    Ok((0..4).map(row).collect())
}

async fn fill(remote: &impl ObjectStore) -> Result<(), String> {
    let upload = remote.put_multipart(&Path::from(PATH)).await.map_err(text)?;
    let mut writer = WriteMultipart::new_with_chunk_size(upload, 16 << 20);
    let piece = bytes(1 << 20);
    for _ in 0..LENGTH >> 20 {
        writer.wait_for_capacity(2).await.map_err(text)?;
        writer.put(piece.clone());
    }
    writer.finish().await.map_err(text)?;
    Ok(())
}

/// The child: seconds of a first read, those of the processors in it, seconds of a second read, and the most memory
/// that this process had in the first.
pub fn child(args: &[String]) -> Result<(), String> {
    let [port, way, folder] = args else { return Err("three words are needed".to_owned()) };
    let remote = client(port.parse().map_err(text)?)?;
    let store: Box<dyn ObjectStore> = match way.as_str() {
        "cache" => Box::new(CachedStore::on_disk(folder, remote).build().map_err(text)?),
        "past" => {
            let store = CachedStore::on_disk(folder, remote).direct_writes("64MiB");
            Box::new(store.build().map_err(text)?)
        }
        _ => Box::new(remote),
    };
    let is_cache = CACHES.contains(&way.as_str());
    let file = (way == "file").then(|| std::path::Path::new(folder).join("file"));
    // In a task, where a user reads, and not beside the threads that do the work.
    let reading = async move {
        let first = read(&store, file).await?;
        let (work, peak) = (busy()?, status("VmHWM")?);
        let second = if is_cache { read(&store, None).await? } else { 0.0 };
        Ok::<_, String>((first, work, second, peak))
    };
    let (first, work, second, peak) =
        runtime()?.block_on(async { tokio::spawn(reading).await }).map_err(text)??;
    println!("{first} {work} {second} {peak}");
    Ok(())
}

/// Seconds that this process has had the processors, its own and the system's for it.
fn busy() -> Result<f64, String> {
    let stat = std::fs::read_to_string("/proc/self/stat").map_err(text)?;
    // Behind the name, which may be anything; in hundredths, which is what the kernel shows everywhere.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace()).into_iter();
    let ticks: Vec<f64> =
        fields.flatten().skip(11).take(2).filter_map(|ticks| ticks.parse().ok()).collect();
    match ticks.as_slice() {
        [user, system] => Ok((user + system) / 100.0),
        _ => Err("/proc/self/stat does not say what this process took".to_owned()),
    }
}

async fn read(store: &dyn ObjectStore, file: Option<PathBuf>) -> Result<f64, String> {
    let began = Instant::now();
    let mut file = match file {
        Some(path) => Some(tokio::fs::File::create(path).await.map_err(text)?),
        None => None,
    };
    let mut body = store.get(&Path::from(PATH)).await.map_err(text)?.into_stream();
    let mut length = 0;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(text)?;
        length += piece.len() as u64;
        if let Some(file) = &mut file {
            file.write_all(&piece).await.map_err(text)?;
        }
    }
    if let Some(file) = &mut file {
        file.flush().await.map_err(text)?;
    }
    match length {
        LENGTH => Ok(began.elapsed().as_secs_f64()),
        _ => Err(format!("{length} bytes were read")),
    }
}
