//! `tags`, `isolate` and `#[invalidates]` as they are written: which tags a value gets, and what is
//! forgotten when.

use larder::{cached, invalidate_tag, invalidates, wait};
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts computations.
#[derive(Debug, Default)]
struct Count(AtomicU32);

impl Count {
    const fn new() -> Self {
        Count(AtomicU32::new(0))
    }
    fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

fn forget(tag: &str) {
    wait(invalidate_tag(tag)).unwrap();
}

#[test]
fn a_tag_takes_its_name_from_arguments_of_every_kind() {
    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct Order {
        user: User,
        pair: (u8, String),
    }
    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    struct User {
        r#type: String,
    }
    static RUNS: Count = Count::new();
    #[cached(
        key = (id, name, order, larder::Float(weight), r#ref),
        tags = ["id:{id}", "name:{name}", "type:{order.user.type}", "pair:{order.pair.1}",
            "{{braces}}", "ref:{ref}"]
    )]
    fn f(id: u64, name: &str, order: &Order, weight: f64, r#ref: &str) -> u32 {
        assert!(id == 7 && name == "ann" && order.pair.0 == 1 && weight > 0.0 && r#ref == "r");
        RUNS.next()
    }
    let order = Order { user: User { r#type: "admin".to_owned() }, pair: (1, "second".to_owned()) };
    let call = || f(7, "ann", &order, 0.5, "r");
    let tags = ["id:7", "name:ann", "type:admin", "pair:second", "{braces}", "ref:r"];
    for (n, tag) in (1..).zip(tags) {
        assert_eq!((call(), call()), (n, n));
        forget("id:8");
        assert_eq!(call(), n);
        forget(tag);
    }
    assert_eq!(call(), tags.len() as u32 + 1);
}

#[test]
fn a_float_in_a_tag_looks_as_it_does_elsewhere() {
    static RUNS: Count = Count::new();
    #[cached(key = larder::Float(weight), tags = ["weight:{weight}"])]
    fn f(weight: f64) -> u32 {
        let _ = weight;
        RUNS.next()
    }
    assert_eq!((f(0.5), f(0.5)), (1, 1));
    forget("weight:0.5");
    assert_eq!(f(0.5), 2);
}

#[test]
fn a_single_argument_and_none_may_have_tags() {
    static RUNS: Count = Count::new();
    #[cached(tags = ["single:{name}"])]
    fn single(name: &str) -> u32 {
        let _ = name;
        RUNS.next()
    }
    #[cached(tags = ["nothing"])]
    fn nothing() -> u32 {
        RUNS.next()
    }
    assert_eq!((single("a"), single("b"), nothing()), (1, 2, 3));
    forget("single:a");
    forget("nothing");
    assert_eq!((single("a"), single("b"), nothing()), (4, 2, 5));
}

#[derive(Debug, Clone)]
struct Shop {
    id: u64,
    name: String,
}

static SHOP_RUNS: Count = Count::new();

impl Shop {
    #[cached(key = (self.id, item), skip(self = clone), tags = ["shop:{self.id}"])]
    fn price(&self, item: u32) -> u32 {
        let _ = item;
        SHOP_RUNS.next()
    }

    #[cached(key = self.name.clone(), tags = ["called:{self.name}"])]
    fn title(&self) -> u32 {
        SHOP_RUNS.next()
    }

    #[cached(tags = ["tax:{item}"])]
    fn tax(item: u32) -> u32
    where
        Self: Sized,
    {
        let _ = item;
        SHOP_RUNS.next()
    }

    #[invalidates(self.price(item), Self::tax(item), tag = "called:{self.name}")]
    fn change(&mut self, item: u32, to: u64) {
        let _ = item;
        self.id = to;
    }
}

#[test]
fn methods_have_tags_and_invalidate() {
    let mut shop = Shop { id: 70, name: "corner".to_owned() };
    let (price, other) = (shop.price(1), shop.price(2));
    let (title, tax) = (shop.title(), Shop::tax(1));
    assert_eq!((shop.price(1), shop.price(2), shop.title()), (price, other, title));
    shop.change(1, 70);
    assert!(shop.price(1) > tax && shop.title() > tax && Shop::tax(1) > tax);
    assert_eq!(shop.price(2), other);
    forget("shop:70");
    assert!(shop.price(2) > other);
}

#[test]
fn generic_and_async_functions_have_tags() {
    static RUNS: Count = Count::new();
    #[cached(tags = ["generic:{value}"])]
    fn generic<T: larder::Key + std::fmt::Display>(value: T) -> u32 {
        drop(value);
        RUNS.next()
    }
    #[cached(tags = ["async:{name}"])]
    async fn fetch(name: &str) -> u32 {
        let _ = name;
        RUNS.next()
    }
    assert_eq!((generic(1_u8), generic("one"), wait(fetch("x"))), (1, 2, 3));
    forget("generic:1");
    forget("async:x");
    assert_eq!((generic(1_u8), generic("one"), wait(fetch("x"))), (4, 2, 5));
}

#[test]
fn a_caller_inherits_tags_unless_it_is_isolated() {
    static RUNS: Count = Count::new();
    #[cached(tags = ["inner:{id}"])]
    fn inner(id: u32) -> u32 {
        let _ = id;
        RUNS.next()
    }
    #[cached]
    fn outer(id: u32) -> (u32, u32) {
        (inner(id), RUNS.next())
    }
    #[cached(isolate)]
    fn apart(id: u32) -> (u32, u32) {
        (inner(id), RUNS.next())
    }
    let (through, cut) = (outer(1), apart(1));
    assert_eq!((outer(1), apart(1)), (through, cut));
    forget("inner:1");
    assert_eq!(apart(1), cut);
    assert_ne!(outer(1), through);
}

mod people {
    use larder::cached;

    #[cached]
    pub(super) fn age(name: &str, generation: Option<u32>) -> u32 {
        let _ = (name, generation);
        super::PEOPLE_RUNS.next()
    }

    #[cached]
    pub(super) async fn mail(name: String) -> u32 {
        let _ = name;
        super::PEOPLE_RUNS.next()
    }
}
static PEOPLE_RUNS: Count = Count::new();

#[test]
fn what_a_function_says_is_forgotten_after_its_success_only() {
    #[invalidates(people::age(&name, None), people::mail(name))]
    fn rename(name: String, end: &str) -> Result<String, String> {
        match end {
            "panic" => panic!("on the way"),
            "return" => return Err("at once".to_owned()),
            "?" => Err("a question")?,
            _ => {}
        }
        drop(name);
        Ok(end.to_owned())
    }
    let call = || (people::age("ann", None), wait(people::mail("ann".to_owned())));
    let first = call();
    for end in ["return", "?"] {
        rename("ann".to_owned(), end).unwrap_err();
    }
    std::panic::catch_unwind(|| rename("ann".to_owned(), "panic")).unwrap_err();
    assert_eq!(call(), first);
    rename("bob".to_owned(), "fine").unwrap();
    assert_eq!(call(), first);
    rename("ann".to_owned(), "fine").unwrap();
    let second = call();
    assert!(second.0 > first.1 && second.1 > first.1);
}

#[test]
fn async_functions_await_what_they_invalidate() {
    #[invalidates(people::age(name, Some(1)), people::mail(name.to_owned()), tag = "n:{name}")]
    async fn rename(name: &str, to: Option<u32>) -> Option<u32> {
        let there = async { to }.await?;
        if there == 7 {
            return None;
        }
        Some(there)
    }
    let call = || (people::age("eve", Some(1)), wait(people::mail("eve".to_owned())));
    let first = call();
    assert_eq!((wait(rename("eve", None)), wait(rename("eve", Some(7)))), (None, None));
    assert_eq!(call(), first);
    let spawned = std::thread::spawn(|| wait(rename("eve", Some(1))));
    assert_eq!(spawned.join().unwrap(), Some(1));
    let second = call();
    assert!(second.0 > first.1 && second.1 > first.1);
}

#[test]
fn every_kind_of_function_can_invalidate() {
    static RUNS: Count = Count::new();
    #[cached(tags = ["kinds"])]
    fn kinds() -> u32 {
        RUNS.next()
    }
    type Hidden<T> = Result<T, std::fmt::Error>;
    #[invalidates(tag = "kinds")]
    fn nothing() {}
    #[invalidates(tag = "kinds")]
    fn alias(good: bool) -> Hidden<()> {
        if good { Ok(()) } else { Err(std::fmt::Error) }
    }
    #[invalidates(tag = "kinds")]
    fn borrows<'a>(of: &'a mut Vec<u8>, (at, _): (usize, u8)) -> &'a mut u8 {
        of.push(1);
        &mut of[at]
    }
    #[invalidates(tag = "kinds")]
    fn opaque(of: Vec<u8>) -> impl Iterator<Item = u8> {
        of.into_iter().rev()
    }
    #[invalidates(tag = "kinds")]
    fn generic<T: Clone>(value: T) -> T {
        value.clone()
    }
    #[invalidates(kinds())]
    fn by_call() -> bool {
        false
    }
    let changed = |act: &mut dyn FnMut()| {
        let before = kinds();
        act();
        kinds() != before
    };
    assert!(changed(&mut nothing));
    assert!(changed(&mut || alias(true).unwrap()));
    assert!(!changed(&mut || alias(false).unwrap_err().clone_from(&std::fmt::Error)));
    assert!(changed(&mut || *borrows(&mut Vec::new(), (0, 0)) = 2));
    assert!(changed(&mut || assert_eq!(opaque(vec![1, 2]).collect::<Vec<_>>(), [2, 1])));
    assert!(changed(&mut || assert_eq!(generic("x"), "x")));
    assert!(changed(&mut || assert!(!by_call())));
}
