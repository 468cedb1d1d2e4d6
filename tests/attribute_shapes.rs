//! With byte clients, the attribute tells a client the shape of the value type, where it has one.
#![cfg(feature = "encoded")]

use larder::__private::Shaped;
use larder::{Client, Inproc, Key, Namespace, Near, Storable, cached};
use std::sync::{LazyLock, Mutex};

/// Opens like [`Inproc`], and notes which functions came with a shape.
struct Noting {
    values: Inproc,
    seen: Mutex<Vec<(String, bool)>>,
}

impl<K: Key, V: Storable> Client<K, V> for Noting {
    type Cache = Near<K, V>;
    fn open(&self, space: &Namespace) -> Near<K, V> {
        let is_shaped = space.get::<Shaped<V>>().is_some();
        self.seen.lock().unwrap().push((space.name().to_owned(), is_shaped));
        Client::open(&self.values, space)
    }
}

static CLIENT: LazyLock<Noting> =
    LazyLock::new(|| Noting { values: Inproc::new(10), seen: Mutex::default() });

fn is_shaped(name: &str) -> bool {
    let seen = CLIENT.seen.lock().unwrap();
    seen.iter().find(|(space, _)| space.starts_with(name)).unwrap_or_else(|| panic!("{name}")).1
}

#[derive(Debug, Clone, PartialEq)]
struct Shapeless;

type QueryResult<T> = Result<T, String>;

struct Shop;

impl Shop {
    #[cached(client = CLIENT, namespace = "of a method", skip(self))]
    fn name(&self, n: u8) -> String {
        n.to_string()
    }
}

#[test]
fn a_value_type_with_a_shape_brings_it_along() {
    #[cached(client = CLIENT, namespace = "plain")]
    fn plain(n: u8) -> Vec<u16> {
        vec![n.into()]
    }
    #[cached(client = CLIENT, namespace = "behind an alias")]
    fn aliased(n: u8) -> QueryResult<u32> {
        Ok(n.into())
    }
    #[cached(client = CLIENT, namespace = "async")]
    async fn later(name: &str) -> usize {
        name.len()
    }
    assert_eq!((plain(1), aliased(1), Shop.name(1)), (vec![1], Ok(1), "1".to_owned()));
    assert_eq!(larder::wait(later("x")), 1);
    let names = ["plain", "behind an alias", "of a method", "async"];
    assert!(names.into_iter().all(is_shaped));
}

#[test]
fn a_value_type_without_a_shape_and_a_generic_one_bring_none() {
    #[cached(client = CLIENT, namespace = "shapeless")]
    fn shapeless(n: u8) -> Shapeless {
        let _ = n;
        Shapeless
    }
    #[cached(client = CLIENT, namespace = "generic")]
    fn generic<T: Key>(value: T) -> T {
        value
    }
    assert_eq!((shapeless(1), generic(1_u8)), (Shapeless, 1));
    assert!(!is_shaped("shapeless") && !is_shaped("generic"));
}
