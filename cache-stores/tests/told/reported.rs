//! The line in the report.

use super::{kept, read, store};

fn lines(name: &str) -> Vec<String> {
    let start = format!("store {name}: ");
    let report = cache_core::report();
    report.lines().filter(|line| line.starts_with(&start)).map(str::to_owned).collect()
}

#[tokio::test]
async fn an_open_store_has_one_line_with_its_figures_until_its_last_handle_goes() {
    let (store, _remote, _time) = store("line").await;
    read(&store).await;
    kept(&store).await;
    read(&store).await;
    let told = lines("line");
    assert_eq!(told.len(), 1, "{told:?}");
    for part in [
        "2 reads, 1 hits (50.0 %), 0 stale",
        // The first reader has the bytes of the fetch.
        "; 5 B from local, 5 B from remote in 1 fetches",
        "1 objects of ",
        "0 evicted; 0 local errors; 0 writes waiting",
    ] {
        assert!(told[0].contains(part), "{part}: {told:?}");
    }
    let other = store.clone();
    drop(store);
    assert_eq!(lines("line").len(), 1, "a handle is left");
    // All of it has gone then, what works in the background included.
    other.close().await;
    assert_eq!(lines("line"), Vec::<String>::new());
}

#[tokio::test]
async fn each_store_has_a_line_of_its_own() {
    let (first, ..) = store("one of two").await;
    let (_second, ..) = store("the other of two").await;
    read(&first).await;
    assert!(lines("one of two")[0].contains(": 1 reads, 0 hits (0.0 %)"));
    assert!(lines("the other of two")[0].contains(": 0 reads, 0 hits (-)"));
}
