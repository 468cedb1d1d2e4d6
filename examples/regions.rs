//! A service whose caches are named in the program and configured by a file, also while it runs.

use larder::{Invalidation, Region, cached};
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use std::{env, fs, process};

static USERS: Region = Region::new("users");
static PRICES: Region = Region::new("prices");
static QUERIES: AtomicU64 = AtomicU64::new(0);

/// Imagine a slow database. How long a user lives is the file's business.
#[cached(client = USERS)]
async fn user(id: u64) -> String {
    QUERIES.fetch_add(1, Ordering::Relaxed);
    format!("user {id}")
}

/// What the attribute says wins over the file.
#[cached(client = PRICES, ttl = "10s")]
fn price(article: &str) -> u64 {
    QUERIES.fetch_add(1, Ordering::Relaxed);
    article.len() as u64 * 100
}

/// In a real service this lies beside the program.
fn write(file: &Path, expiration: &str) -> std::io::Result<()> {
    let text = format!(
        "
        [regions.users]
        expiration = '{expiration}'
        jitter = '10%'
        backend = 'memory'
        arguments.entries = 10_000

        [regions.prices]
        backend = 'memory'
        arguments.entries = 1_000
        "
    );
    fs::write(file, text)
}

fn queries() -> u64 {
    QUERIES.load(Ordering::Relaxed)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = env::temp_dir().join(format!("larder-regions-{}.toml", process::id()));
    write(&file, "5m")?;
    larder::configure(&file)?;

    for _ in 0..1000 {
        assert_eq!(user(7).await, "user 7");
        assert_eq!(price("bread"), 500);
    }
    println!("2000 calls, {} queries", queries());

    // The file changes while the service runs; `larder::watch` does this by itself.
    write(&file, "10m")?;
    let began = Instant::now();
    larder::reload()?;
    assert_eq!(user::peek(7).await.as_deref(), Some("user 7"), "what is there stays");
    println!("reloaded in {:?}, and nothing was lost", began.elapsed());

    write(&file, "10 parsecs")?;
    if let Err(mistakes) = larder::reload() {
        println!("a wrong file changes nothing:\n  {mistakes}");
    }

    // All users at once, in every process that shares the region.
    USERS.invalidate(Invalidation::Hard).await?;
    assert_eq!(user::peek(7).await, None);

    // A region keeps values of its own, too.
    let key = "greeting".to_owned();
    let greeting = USERS.get_or_compute(&key, || async { "hello".to_owned() }).await?;
    println!("{greeting}, {}: {} queries", user(7).await, queries());
    fs::remove_file(&file)?;
    Ok(())
}
