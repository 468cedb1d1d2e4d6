//! The end of the pool: queued jobs are finished, every future completes, and calls go on without it (C46).

mod common;

use common::{Gate, limited};
use larder::{Pending, PoolOptions, cached, configure_pool, shutdown_pool};
use std::thread;

/// One test, since there is one pool and it ends once.
#[test]
fn c46_shutdown_finishes_queued_jobs_and_later_work_is_done_by_its_caller() {
    static GATE: Gate = Gate::new();
    #[cached]
    fn run(x: u64) -> u64 {
        if x == 0 {
            GATE.pass();
        }
        x
    }
    #[cached]
    fn name(_x: u8) -> Option<String> {
        thread::current().name().map(str::to_owned)
    }
    limited(|| {
        configure_pool(PoolOptions::new().with_threads(1)).unwrap();
        let pending: Vec<_> = (0..50).map(run::future).collect();
        let refreshes: Vec<_> = (50..60).map(run::future_refresh).collect();
        assert!((60..70).all(|x| run::lazy(x).is_none()));
        GATE.await_arrivals(1);
        let end = thread::spawn(shutdown_pool);
        GATE.open();
        end.join().unwrap();
        assert!((1..70).all(|x| run::peek(x) == Some(x)), "also what nobody waits for");
        assert!(pending.into_iter().map(Pending::wait).eq(0..50));
        assert!(refreshes.into_iter().map(Pending::wait).eq(50..60));

        assert_eq!(run::lazy(99), None);
        assert_eq!((run::stats().refreshes_skipped, run::peek(99)), (1, None));
        let caller = thread::Builder::new().name("caller".into());
        let name =
            caller.spawn(|| (name::future(1).wait(), name::future_refresh(1).wait())).unwrap();
        assert_eq!(name.join().unwrap(), (Some("caller".into()), Some("caller".into())));
        assert!(configure_pool(PoolOptions::new()).is_err());
        shutdown_pool();
    });
}
