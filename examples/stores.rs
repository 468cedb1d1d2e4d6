//! Files that are slow to reach, behind a fast local copy: named in the program, configured by a file.

use larder::stores::object_store::ObjectStoreExt;
use larder::stores::object_store::path::Path as ObjectPath;
use larder::stores::{CachedStore, Lru, Size, Ttl};
use std::error::Error;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::{env, fs, process};

/// In a real service this lies beside the program, and the remote is `s3://reports` (feature `s3`) with
/// `local = "/var/cache/shop/reports"`.
fn configuration(folder: &Path) -> String {
    let (remote, local) = (folder.join("archive"), folder.join("cache"));
    format!(
        "
        [store.reports]
        remote = {remote:?}
        local = {local:?}
        ttl = '60s'             # then the remote is asked whether the object has changed
        size = '10GiB'          # the least recently used goes first
        stale_if_error = '1h'   # while the remote is away
        "
    )
}

/// As files: `Read + Write + Seek`.
fn as_files(reports: &CachedStore) -> Result<(), Box<dyn Error>> {
    let mut report = reports.open("2026/may.csv")?; // asks nobody yet
    let mut text = String::new();
    report.read_to_string(&mut text)?;
    println!("first read:  {} bytes, from a copy: {}", text.len(), cached(&report));
    report.rewind()?;
    let first = BufRead::lines(&mut report).next().ok_or("it is empty")??;
    println!("second read: \"{first}\", and the archive is not asked again");
    report.seek(SeekFrom::End(-5))?;
    let mut end = String::new();
    report.read_to_string(&mut end)?;
    assert_eq!(end, "1,17\n");

    // Visible, there and here, when it is closed; dropped without that, it never was.
    let mut june = reports.create("2026/june.csv")?;
    writeln!(june, "day,visits")?;
    writeln!(june, "1,23")?;
    june.close()?;
    let error = reports.open("2026/july.csv")?.read_all().err().ok_or("it is not July yet")?;
    println!("an object that is not there: {:?}", error.kind());
    Ok(())
}

fn cached(handle: &larder::stores::Handle) -> bool {
    handle.info().is_some_and(|info| info.cached)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::temp_dir().join(format!("larder-stores-{}", process::id()));
    fs::create_dir_all(folder.join("archive/2026"))?;
    fs::write(folder.join("archive/2026/may.csv"), "day,visits\n1,17\n")?;
    let file = folder.join("larder.toml");
    fs::write(&file, configuration(&folder))?;

    larder::configure(&file)?;
    let reports = larder::store("reports")?;
    as_files(&reports)?;

    // Everything that takes an `ObjectStore` takes it: DataFusion, Arrow, Parquet readers.
    let june = ObjectPath::from("2026/june.csv");
    let bytes = reports.get(&june).await?.bytes().await?;
    println!("as an object store: {} bytes", bytes.len());

    let stats = reports.stats();
    println!("{} hits, {} fetched, {} objects kept", stats.hits, stats.fetches, stats.objects);
    println!("{}", reports.explain(&june));

    // The same in code, here with another store as the remote: two levels of copies.
    let near = CachedStore::temporary(reports).policy(Ttl("5s") | Size("64MiB") | Lru).build()?;
    near.get(&june).await?.bytes().await?;
    println!("two levels: {near}");
    fs::remove_dir_all(&folder)?;
    Ok(())
}
