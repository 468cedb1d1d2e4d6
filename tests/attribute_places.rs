//! Arguments of `#[cached]` in every form they may take: `client`, `capacity`, `companion`, `crate`.

mod common;

use common::{Count, limited_wide, on_one_thread, until};
use larder::{CachedFn, Inproc, cached};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

mod place {
    use super::*;

    #[test]
    fn a_client_is_shared_by_those_who_name_it() {
        static FEW: std::sync::LazyLock<Inproc> = std::sync::LazyLock::new(|| Inproc::new(2));
        #[cached(client = FEW)]
        fn one(n: u8) -> u8 {
            n
        }
        #[cached(client = *FEW)]
        fn two(n: u8) -> u8 {
            n
        }
        let all: Vec<u8> = (0..10).map(|n| one(n) + two(n)).collect();
        assert_eq!(all[9], 18);
        assert_eq!(<one as CachedFn>::memo().len() + <two as CachedFn>::memo().len(), 2);
    }

    #[test]
    fn a_capacity_is_the_functions_own() {
        const ROOM: usize = 3;
        #[cached(capacity = ROOM)]
        fn few(n: u8) -> u8 {
            n
        }
        (0..100).for_each(|n| drop(few(n).to_string()));
        assert_eq!(<few as CachedFn>::memo().len(), 3);
    }

    #[test]
    fn a_weight_counts_against_the_capacity() {
        #[cached(capacity = 100, weight = |key: &u8, text| u32::from(*key > 200) + text.len() as u32)]
        fn text(n: u8) -> String {
            "x".repeat(usize::from(n))
        }
        (0..=40).for_each(|n| drop(text(n)));
        let kept: usize = (0..=40).filter_map(text::peek).map(|text| text.len()).sum();
        assert!(kept <= 100, "{kept}");
        assert_eq!(text(150).len(), 150);
        assert_eq!(text::peek(150), None, "heavier than all there is room for");
    }

    #[test]
    fn a_namespace_is_the_name_in_the_client() {
        #[cached(namespace = "scores")]
        fn named(n: u8) -> u8 {
            n
        }
        #[cached(namespace = format!("scores/{}", 2))]
        fn computed(n: u8) -> u8 {
            n
        }
        #[cached(namespace = none)]
        fn nameless(n: u8) -> u8 {
            n
        }
        #[cached(version = 2)]
        fn versioned(n: u8) -> u8 {
            n
        }
        #[cached(version = concat!("v", 2), namespace = "w")]
        fn both(n: u8) -> u8 {
            n
        }
        assert_eq!(named(1) + computed(1) + nameless(1) + versioned(1) + both(1), 5);
        assert!(<named as CachedFn>::NAME.ends_with("place::named"));
    }

    #[test]
    fn a_namespace_is_shared_by_name_and_version_with_and_without_a_client() {
        static HERE: Inproc = Inproc::new(100);
        #[cached(namespace = "shared by name")]
        fn one(_n: u8) -> u8 {
            1
        }
        #[cached(namespace = "shared by name")]
        fn two(_n: u8) -> u8 {
            2
        }
        #[cached(namespace = "shared by name", version = 3)]
        fn three(_n: u8) -> u8 {
            3
        }
        assert_eq!((one(7), two(7), three(7)), (1, 1, 3));
        #[cached(client = HERE, namespace = none)]
        fn bare(_n: u8) -> u8 {
            4
        }
        #[cached(client = HERE, namespace = none, version = 5)]
        fn later(_n: u8) -> u8 {
            5
        }
        assert_eq!((bare(7), later(7)), (4, 5));
        assert_eq!(HERE.open::<u8, u8>("#5").get(&7), Some(5));
    }
}

mod companion {
    use super::*;

    mod user {
        pub(super) const ANN: u64 = 1;
    }

    #[cached(companion = UserCache)]
    fn user(id: u64) -> u64 {
        id
    }

    #[test]
    fn it_may_have_a_name_of_its_own() {
        assert_eq!((user(user::ANN), UserCache::peek(1)), (1, Some(1)));
    }

    trait Shop {
        fn price(&self, sku: &str) -> u64;
        fn stock(&self, sku: String) -> impl Future<Output = Result<u64, String>> + Send;
    }

    struct Store(u64);

    static RUNS: Count = Count::new();

    impl Shop for Store {
        #[cached(key = (self.0, sku), companion = none)]
        fn price(&self, sku: &str) -> u64 {
            RUNS.add();
            if sku.is_empty() {
                return 0;
            }
            self.0 + sku.len() as u64
        }

        #[cached(key = (self.0, sku), companion = none)]
        async fn stock(&self, sku: String) -> Result<u64, String> {
            tokio::task::yield_now().await;
            let first = sku.chars().next().ok_or("empty")?;
            RUNS.add();
            Ok(self.0 + u64::from(first.is_alphabetic()))
        }
    }

    #[test]
    fn none_is_needed_in_the_impl_of_a_trait() {
        assert_eq!(
            (Store(1).price("tea"), Store(1).price("tea"), Store(2).price("tea")),
            (4, 4, 5)
        );
        assert_eq!((Store(1).price(""), RUNS.get()), (0, 3));
        on_one_thread(async {
            assert_eq!(Store(1).stock("a".into()).await, Ok(2));
            assert_eq!(Store(1).stock("a".into()).await, Ok(2));
            assert_eq!(Store(1).stock(String::new()).await, Err("empty".into()));
            assert_eq!(RUNS.get(), 4);
        });
    }

    #[test]
    fn without_one_a_function_still_refreshes() {
        clocked!(TIME, HERE);
        static RUNS: Count = Count::new();
        #[cached(client = HERE, ttl = "100s", async_ttl, companion = none)]
        fn run(_n: u8) -> usize {
            RUNS.next()
        }
        limited_wide(|| {
            assert_eq!(run(1), 1);
            TIME.advance(60 * SECOND);
            assert_eq!(run(1), 1);
            until("it is refreshed", || run(1) == 2);
        });
    }

    #[cached]
    fn render<T, const WIDTH: usize>(item: &T) -> String
    where
        T: std::fmt::Display + std::hash::Hash + Eq + Clone + Send + Sync + 'static,
    {
        format!("{item:>WIDTH$}")
    }

    #[cached(skip(of))]
    fn apply<F: Fn(u64) -> u64>(of: F, n: u64) -> u64 {
        of(n)
    }

    #[test]
    fn each_set_of_types_has_its_own_values() {
        assert_eq!(
            (render::<_, 3>(&1_u8), render::<_, 3>(&"1"), render::<_, 2>(&1_u8)),
            ("  1".into(), "  1".into(), " 1".into())
        );
        assert_eq!(render::<u8, 3>::peek(&1), Some("  1".into()));
        assert_eq!(render::<u8, 3>::stats().computations, 1);
        assert_eq!(<render<u8, 2> as CachedFn>::memo().len(), 1);
        let by = 3;
        assert_eq!((apply(|n| n + by, 1), apply(|n| n * 10, 1)), (4, 10));
    }

    #[test]
    fn it_knows_what_is_stored() {
        static SEEN: Count = Count::new();
        #[cached]
        fn load(n: u8) -> Result<u64, String> {
            Ok(u64::from(n))
        }
        load::on_value(|key: &u8, value: &u64| {
            assert_eq!(u64::from(*key), *value);
            SEEN.add();
        });
        assert_eq!((load(1), load(1), load(2)), (Ok(1), Ok(1), Ok(2)));
        assert_eq!((SEEN.get(), load::stats().hits, load::uncached(3)), (2, 1, Ok(3)));
        assert!(load::invalidate(1) && !load::invalidate(1));
        assert_eq!(load::entry(2).peek(), Some(2));
    }
}

mod elsewhere {
    pub(super) use larder as our_larder;
}

#[test]
fn the_crate_may_be_found_elsewhere() {
    #[cached(crate = elsewhere::our_larder)]
    fn run(n: u8) -> u8 {
        n
    }
    assert_eq!((run(1), run::peek(1)), (1, Some(1)));
}

/// A crate that re-exports larder and, like larder with its byte clients, hands on something about
/// the value's type.
mod with_shapes {
    pub(super) mod __private {
        pub(crate) use crate::noted as shape_extra;
        pub(crate) use larder::__private::*;
    }
}

/// Hands on the name of the value's type.
#[macro_export]
macro_rules! noted {
    (($($builder:tt)*) $value:ty) => {
        $($builder)*.extra(std::any::type_name::<$value>())
    };
}

/// Opens like [`larder::Inproc`], and writes down what came with the namespace.
struct Noting {
    values: larder::Inproc,
    seen: std::sync::Mutex<Vec<&'static str>>,
}

impl<K: larder::Key, V: larder::Storable> larder::Client<K, V> for Noting {
    type Cache = larder::Near<K, V>;
    fn open(&self, space: &larder::Namespace) -> Self::Cache {
        self.seen.lock().unwrap().extend(space.get::<&'static str>());
        larder::Client::open(&self.values, space)
    }
}

#[test]
fn what_is_known_of_the_stored_type_goes_to_the_client() {
    static CLIENT: std::sync::LazyLock<Noting> = std::sync::LazyLock::new(|| Noting {
        values: larder::Inproc::new(10),
        seen: Default::default(),
    });
    #[cached(crate = with_shapes, client = CLIENT, ttl = "1m")]
    fn plain(n: u8) -> u16 {
        n.into()
    }
    #[cached(crate = with_shapes, client = CLIENT)]
    fn result(n: u8) -> Result<u32, String> {
        Ok(n.into())
    }
    #[cached(crate = with_shapes, client = CLIENT)]
    fn generic<T: larder::Key>(value: T) -> T {
        value
    }
    #[cached(crate = with_shapes, capacity = 5)]
    fn own(n: u8) -> u64 {
        n.into()
    }
    assert_eq!((plain(1), result(1), generic(1_u8), own(1)), (1, Ok(1), 1, 1));
    assert_eq!(*CLIENT.seen.lock().unwrap(), ["u16", "u32"]);
}
