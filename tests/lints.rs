//! Generated code is clean under the strictest lints of its users; clippy checks this file.
#![deny(warnings, unused, missing_docs, missing_debug_implementations, unreachable_pub)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]

use larder::cached;
use std::sync::Arc;
use std::time::Duration;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Item(u64);

/// Something to skip.
#[derive(Debug, Clone)]
pub struct Db(u64);

/// Plain.
#[cached]
#[must_use]
pub fn plain(n: u64) -> u64 {
    n + 1
}

/// With everything.
#[cached(
    ttl = "5m",
    async_ttl,
    jitter = "10%",
    grace = "1h",
    capacity = 100,
    weight = |name, item| name.len() as u32 + item.0 as u32,
    cache_if = |item| item.0 > 0,
    ttl_of = |item| Duration::from_secs(item.0),
    version = 2
)]
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "shows where attributes go")]
pub fn everything(name: &str) -> Item {
    let length = name.len() as u32;
    Item(u64::from(length))
}

/// Many arguments.
///
/// # Errors
/// Never.
#[cached(skip(db = clone))]
#[expect(clippy::too_many_arguments, reason = "the function has them, not the macro")]
pub fn many(
    db: &Db,
    name: &str,
    text: String,
    perhaps: Option<&str>,
    bytes: &[u8],
    pair: (u8, u8),
    _unused: bool,
    shared: &Arc<str>,
) -> Result<Arc<Item>, String> {
    let sum = name.len() + perhaps.map_or(0, str::len) + bytes.len() + shared.len();
    if sum > 1000 {
        return Err(text);
    }
    Ok(Arc::new(Item(db.0 + sum as u64 + u64::from(pair.0) + u64::from(pair.1))))
}

/// Asynchronous.
///
/// # Errors
/// Never.
#[cached(ttl = 60, async_ttl = "30s")]
pub async fn fetch(id: u64, path: &str) -> Result<Item, String> {
    std::future::ready(()).await;
    Ok(Item(id + path.len() as u64))
}

/// Asynchronous, led by its caller.
#[cached(skip(db))]
pub async fn led(db: &Db, id: u64) -> Item {
    std::future::ready(()).await;
    Item(db.0 + id)
}

/// Generic.
#[cached(key = (item, format!("{width}")))]
#[must_use]
pub fn render<T>(item: &T, width: usize) -> String
where
    T: std::fmt::Display + std::hash::Hash + Eq + Clone + Send + Sync + 'static,
{
    format!("{item:>width$}")
}

/// Float.
#[cached(key = (Float(x), n as u32))]
#[must_use]
pub fn wave(x: f64, n: u8) -> f64 {
    x * f64::from(n)
}

impl Db {
    /// A method.
    #[cached(key = (self.0, sku))]
    #[must_use]
    pub fn price(&self, sku: &str) -> u64 {
        self.0 + sku.len() as u64
    }

    /// An async method.
    #[cached(key = (self.0, sku), skip(self = clone), ttl = "5m", async_ttl)]
    pub async fn stock(&self, sku: Box<str>) -> Item {
        std::future::ready(()).await;
        Item(self.0 + sku.into_string().len() as u64)
    }

    /// A constructor.
    #[cached]
    #[must_use]
    pub fn made(id: u64) -> Arc<Self> {
        Arc::new(Self(id))
    }
}

/// A trait.
pub trait Shop {
    /// A method of it.
    fn offer(&self, sku: &str) -> u64;
    /// Another.
    fn order(&self, sku: &str) -> impl Future<Output = u64> + Send;
}

impl Shop for Db {
    #[cached(key = (self.0, sku), companion = none)]
    fn offer(&self, sku: &str) -> u64 {
        self.0 + sku.len() as u64
    }

    #[cached(key = (self.0, sku), companion = none)]
    async fn order(&self, sku: &str) -> u64 {
        std::future::ready(()).await;
        self.0 + sku.len() as u64
    }
}

#[test]
fn all_of_it_runs() {
    let db = Db(1);
    assert_eq!((plain(1), everything("abc"), db.price("a"), db.offer("a")), (2, Item(3), 2, 2));
    let many = many(&db, "a", String::new(), None, &[], (1, 2), true, &"b".into());
    assert_eq!(many, Ok(Arc::new(Item(6))));
    assert_eq!(
        (render(&"a", 2), render::<&str>::entry(&"a", 2).peek()),
        (" a".into(), Some(" a".into()))
    );
    assert_eq!(wave(0.5, 2).to_bits(), 1.0_f64.to_bits());
    assert_eq!(Db::made(3).0, 3);
    larder::wait(async {
        assert_eq!((fetch(1, "a").await, led(&db, 1).await), (Ok(Item(2)), Item(2)));
        assert_eq!((db.stock("a".into()).await, db.order("a").await), (Item(2), 2));
    });
}
