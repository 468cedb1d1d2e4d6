//! Arguments of `#[cached]` in every form they may take: `key` and `skip`.

mod common;

use common::{Count, on_one_thread};
use larder::{CachedFn, Float, cached};
use std::sync::Arc;

mod key {
    use super::*;

    #[test]
    fn one_argument_is_the_key_itself() {
        #[cached(key = user, skip(trace))]
        fn score(user: u64, trace: &str) -> usize {
            user as usize + trace.len()
        }
        assert_eq!((score(1, "a"), score(1, "abc")), (2, 2));
        let key: u64 = score::entry(1, "").key();
        assert_eq!(key, 1);
    }

    #[test]
    fn several_arguments_keep_their_order_in_the_key() {
        #[cached(key = (name, user))]
        fn score(user: u64, name: &str) -> usize {
            user as usize + name.len()
        }
        let key: (String, u64) = score::entry(1, "a").key();
        assert_eq!(key, ("a".to_owned(), 1));
        assert_eq!(score(1, "abc"), 4);
        assert_eq!(score::async_(1, "abcd"), 5, "the arguments are had back from the key");
    }

    #[test]
    fn an_expression_decides_what_is_the_same() {
        static RUNS: Count = Count::new();
        #[cached(key = name.to_lowercase())]
        fn length(name: &str) -> usize {
            RUNS.add();
            name.len()
        }
        assert_eq!((length("Ann"), length("ANN"), length("Anna")), (3, 3, 4));
        assert_eq!((RUNS.get(), length::stats().computations), (2, 2));
        length::clear();
        assert_eq!(length::peek("ann"), None);
        assert!(<length as CachedFn>::memo().is_empty());
    }

    #[test]
    fn format_strings_mention_their_arguments() {
        #[cached(key = format!("{user}/{name}"))]
        fn score(user: u64, name: &str) -> usize {
            user as usize + name.len()
        }
        assert_eq!((score(1, "a"), score::peek(1, "a")), (2, Some(2)));
    }

    #[test]
    fn a_cast_names_a_type() {
        #[cached(key = (name.len() as u8, first(name) as Option<char>))]
        fn spell(name: &str) -> String {
            name.to_uppercase()
        }
        fn first(name: &str) -> Option<char> {
            name.chars().next()
        }
        assert_eq!((&*spell("ann"), &*spell("abc"), &*spell("bob")), ("ANN", "ANN", "BOB"));
        let key: (u8, Option<char>) = spell::entry("ann").key();
        assert_eq!(key, (3, Some('a')));
    }

    #[test]
    fn floats_have_an_adapter() {
        static RUNS: Count = Count::new();
        #[cached(key = (Float(x), steps))]
        fn wave(x: f64, steps: u8) -> f64 {
            RUNS.add();
            x * f64::from(steps)
        }
        assert_eq!((wave(0.5, 2), wave(0.5, 2)), (1.0, 1.0));
        assert_eq!((wave(0.0, 2), wave(-0.0, 2)), (0.0, 0.0));
        assert_eq!(RUNS.get(), 2);
        assert_eq!(wave::future(1.5, 2).wait(), 3.0);
        let key: (Float<f64>, u8) = wave::entry(0.5, 2).key();
        assert_eq!(key, (Float(0.5), 2));
    }

    #[test]
    fn every_kind_of_argument_is_had_back_from_the_key() {
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        struct Id(u64);
        #[cached]
        fn show(
            id: &Id,
            text: &str,
            all: &[u8],
            perhaps: Option<&str>,
            fixed: &'static str,
            own: Box<str>,
        ) -> String {
            format!("{id:?} {text} {all:?} {perhaps:?} {fixed} {}", own.into_string())
        }
        let shown = show::async_(&Id(1), "a", &[1, 2], Some("b"), "c", "d".into());
        assert_eq!(shown, "Id(1) a [1, 2] Some(\"b\") c d");
        assert_eq!(show::peek(&Id(1), "a", &[1, 2], Some("b"), "c", "d".into()), Some(shown));
        assert_eq!(show::peek(&Id(1), "a", &[1, 2], None, "c", "d".into()), None);
    }

    #[test]
    fn no_argument_is_one_value() {
        static RUNS: Count = Count::new();
        #[cached]
        fn config() -> usize {
            RUNS.next()
        }
        assert_eq!((config(), config(), config::peek()), (1, 1, Some(1)));
        assert_eq!((config::refresh(), config()), (2, 2));
    }
}

mod skip {
    use super::*;

    #[derive(Debug, Clone)]
    struct Db(u64);

    impl Db {
        #[cached(skip(self))]
        fn shared(&self, id: u64) -> u64 {
            self.0 + id
        }
        #[cached(key = (self.0, id))]
        fn own(&self, id: u64) -> u64 {
            self.0 + id
        }
        #[cached(key = (self.0 as u64, id), skip(self = clone), ttl = "5m", async_ttl)]
        fn own_later(&self, id: u64) -> u64 {
            self.0 + id
        }
        #[cached(key = (self.0, id))]
        async fn fetch(&self, id: u64) -> u64 {
            self.0 + id
        }
        #[cached(key = id, skip(self = clone))]
        async fn fetch_later(self: Arc<Self>, id: u64) -> u64 {
            self.0 + id
        }
        #[cached]
        fn made(id: u64) -> Arc<Self> {
            Arc::new(Db(id))
        }
        #[cached(companion = fn)]
        fn doubled(id: u64) -> u64 {
            2 * id
        }
    }

    #[test]
    fn a_skipped_argument_is_used_but_not_compared() {
        #[cached(skip(db))]
        fn load(db: &Db, id: u64) -> u64 {
            db.0 + id
        }
        assert_eq!((load(&Db(1), 1), load(&Db(2), 1), load(&Db(2), 2)), (2, 2, 4));
        assert_eq!((load::peek(&Db(3), 1), load::refresh(&Db(3), 1)), (Some(2), 4));
    }

    #[test]
    fn a_clone_is_kept_for_work_in_the_background() {
        #[cached(skip(db = clone, by = clone, perhaps = clone))]
        fn load(db: &Db, by: Box<str>, id: u64, perhaps: Option<&str>) -> u64 {
            db.0 + by.into_string().len() as u64 + id + perhaps.map_or(0, |text| text.len() as u64)
        }
        let pending = load::future(&Db(1), "ab".into(), 1, Some("abc"));
        assert_eq!(pending.wait(), 7);
        assert_eq!(load::lazy(&Db(9), "".into(), 1, None), Some(7));
    }

    #[test]
    fn what_only_an_expression_uses_can_be_kept() {
        #[cached(key = (user.0, id), skip(user = clone))]
        fn load(user: &Db, id: u64) -> u64 {
            user.0 + id
        }
        assert_eq!(load::async_(&Db(1), 2), 3);
    }

    #[test]
    fn in_an_async_function() {
        #[cached(skip(db))]
        async fn load(db: &Db, id: u64) -> Result<u64, String> {
            tokio::task::yield_now().await;
            if id == 0 { Err("zero".into()) } else { Ok(db.0 + id) }
        }
        #[cached(skip(db = clone), ttl = "5m", async_ttl)]
        async fn load_later(db: Arc<Db>, id: u64) -> u64 {
            db.0 + id
        }
        on_one_thread(async {
            assert_eq!((load(&Db(1), 1).await, load(&Db(2), 1).await), (Ok(2), Ok(2)));
            assert_eq!(load(&Db(1), 0).await, Err("zero".into()));
            assert_eq!(load::refresh(&Db(3), 1).await, Ok(4));
            assert_eq!(load_later::future(Arc::new(Db(1)), 1).await, 2);
            assert_eq!(load_later(Arc::new(Db(1)), 2).await, 3);
        });
    }

    #[test]
    fn self_is_skipped_like_any_argument() {
        assert_eq!((Db(1).shared(1), Db(2).shared(1)), (2, 2));
        assert_eq!((Db(1).own(1), Db(2).own(1), Db(1).own_entry(1).peek()), (2, 3, Some(2)));
        assert_eq!((Db(5).own_later_entry(1).async_(), Db(5).own_later(1)), (6, 6));
        assert!(Arc::ptr_eq(&Db::made(3), &Db::made(3)));
        assert_eq!((Db::doubled(2), Db::doubled_entry(2).peek()), (4, Some(4)));
        on_one_thread(async {
            assert_eq!((Db(1).fetch(1).await, Db(2).fetch(1).await), (2, 3));
            assert_eq!(Db(1).fetch_entry(1).refresh().await, 2);
            let db = Arc::new(Db(1));
            assert_eq!(db.clone().fetch_later_entry(1).future().await, 2);
            assert_eq!(db.fetch_later(1).await, 2);
        });
    }
}
