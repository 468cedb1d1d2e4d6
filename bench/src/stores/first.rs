//! The first read of 1 GiB from S3, through the cache and without it; each in a process of its own, for its memory.

use super::server::{Server, client};
use super::{bytes, measured, runtime, status, text};
use crate::measured::quantile;
use crate::options::Options;
use crate::report::{Cell, Row};
use cache_stores::CachedStore;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use std::time::Instant;

const LENGTH: u64 = 1 << 30;
const PATH: &str = "data/large";
const GOAL_SPEED: f64 = 0.9;
const GOAL_MEMORY: f64 = 64.0;

pub fn run(options: &Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let server = Server::start(folder.path())?;
    runtime()?.block_on(fill(&client(server.port)?))?;
    let rounds = options.rounds(9, 3);
    let (mut direct, mut cached) = (Vec::new(), Vec::new());
    let mut memory: [Vec<f64>; 2] = Default::default();
    for round in 0..rounds {
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for way in order {
            let local = tempfile::tempdir().map_err(text)?;
            let place = match way {
                0 => "direct".to_owned(),
                _ => local.path().display().to_string(),
            };
            let numbers = measured(&[&"first", &server.port, &place])?;
            let &[seconds, peak] = numbers.as_slice() else {
                return Err(format!("a first read said {numbers:?}"));
            };
            memory[way].push(peak / 1024.0);
            if way == 0 { &mut direct } else { &mut cached }.push(seconds);
        }
    }
    let ratios: Vec<f64> = direct.iter().zip(&cached).map(|(d, c)| d / c).collect();
    let row = |system, variant: &str, times: &[f64], way: usize, goals: [Cell; 3]| {
        let [ratio, speed, goal] = goals;
        Row {
            bench: "stores_first",
            system,
            variant: variant.to_owned(),
            key: "path",
            threads: 1,
            cells: vec![
                ("rounds", Cell::Count(rounds as u64)),
                ("mib_per_s", Cell::Number(1024.0 / quantile(times, 0.5), 0)),
                ("of_direct", ratio),
                ("goal", speed),
                ("peak_mib", Cell::Number(quantile(&memory[way], 1.0), 1)),
                ("goal_mib", goal),
            ],
        }
    };
    let none = [Cell::Nothing, Cell::Nothing, Cell::Nothing];
    let goals = [
        Cell::Number(quantile(&ratios, 0.5), 3),
        Cell::Number(GOAL_SPEED, 2),
        Cell::Number(GOAL_MEMORY, 0),
    ];
    let rows = [
        row("object_store", "AmazonS3", &direct, 0, none),
        row("larder", "cold, files", &cached, 1, goals),
    ];
    options.report.table("first read of 1 GiB from a local S3 server", &rows);
    Ok(())
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

/// The child: seconds of one read, and the most memory that this process ever had.
pub fn child(args: &[String]) -> Result<(), String> {
    let [port, place] = args else { return Err("a port and a place are needed".to_owned()) };
    let remote = client(port.parse().map_err(text)?)?;
    let store: Box<dyn ObjectStore> = match place.as_str() {
        "direct" => Box::new(remote),
        folder => Box::new(CachedStore::on_disk(folder, remote).build().map_err(text)?),
    };
    // In a task, where a user reads, and not beside the threads that do the work.
    let reading =
        runtime()?.block_on(async { tokio::spawn(async move { read(&store).await }).await });
    let seconds = reading.map_err(text)??;
    println!("{seconds} {}", status("VmHWM")?);
    Ok(())
}

async fn read(store: &dyn ObjectStore) -> Result<f64, String> {
    let began = Instant::now();
    let mut body = store.get(&Path::from(PATH)).await.map_err(text)?.into_stream();
    let mut length = 0;
    while let Some(piece) = body.next().await {
        length += piece.map_err(text)?.len() as u64;
    }
    match length {
        LENGTH => Ok(began.elapsed().as_secs_f64()),
        _ => Err(format!("{length} bytes were read")),
    }
}
