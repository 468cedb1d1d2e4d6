//! What is told when a bucket, its keys or its server are not what they should be.

use super::bucket::{Far, ask};
use super::noise;
use larder_test_servers::{Fault, Moto, Proxy};
use std::fs;

#[test]
fn that_there_is_no_bucket_is_told_by_every_command_and_not_that_it_has_no_object() {
    let far = Far::new();
    fs::write(far.stand.path("file"), "1,17\n").unwrap();
    fs::write(far.stand.path("big"), noise(17 << 20)).unwrap();
    far.configure("s3://no-such-bucket/2026", "");
    let commands: [&[&str]; 8] = [
        &["put", "STORE", "may.csv", "file"],
        &["put", "STORE", "may.csv", "big"],
        &["ls", "STORE"],
        &["ls", "-r", "STORE", "reports/"],
        &["get", "STORE", "may.csv"],
        &["stat", "STORE", "may.csv"],
        &["rm", "STORE", "may.csv"],
        &["rm", "-r", "STORE", "reports"],
    ];
    let by_url = "s3://no-such-bucket/2026: there is no bucket `no-such-bucket`: make it first, or correct the URL";
    let by_name = "far: there is no bucket `no-such-bucket`: make it first, or correct s3://no-such-bucket/2026 in the configuration";
    for (store, told) in [("s3://no-such-bucket/2026", by_url), ("far", by_name)] {
        for words in commands {
            let words: Vec<&str> =
                words.iter().map(|word| if *word == "STORE" { store } else { *word }).collect();
            let (out, err, code) = far.run(&words);
            assert_eq!((err, code), (format!("larder: {told}\n"), 1), "{words:?}");
            assert_eq!(out, b"");
        }
    }
    for words in [&["warm", "far"][..], &["warm", "far", "reports"]] {
        assert_eq!(far.run(words).1, format!("larder: {by_name}\n"), "{words:?}");
    }
}

#[test]
fn a_bucket_that_is_there_has_no_object_that_is_not() {
    let far = Far::new();
    let url = far.url();
    for store in [url.as_str(), "far"] {
        assert_eq!(far.good(&["ls", store]), b"");
        for words in
            [["get", store, "may.csv"], ["stat", store, "may.csv"], ["rm", store, "may.csv"]]
        {
            let (_, err, code) = far.run(&words);
            assert_eq!((err, code), (format!("larder: {store} has no object `may.csv`\n"), 3));
        }
    }
}

#[test]
fn keys_that_the_server_does_not_know_are_told_as_such_by_every_command() {
    // Its own server: from now on it looks at keys.
    let server = Moto::start();
    let bucket = server.bucket();
    let far = Far::at(bucket.clone(), bucket.endpoint());
    fs::write(far.stand.path("file"), "1,17\n").unwrap();
    let answer = ask(&bucket.address(), "POST /moto-api/reset-auth", "0");
    assert!(answer.contains(" 200 "), "{answer}");
    let url = far.url();
    for store in [url.as_str(), "far"] {
        for words in [
            &["put", store, "may.csv", "file"][..],
            &["ls", store],
            &["get", store, "may.csv"],
            &["stat", store, "may.csv"],
            &["rm", store, "may.csv"],
        ] {
            let (_, err, code) = far.run(words);
            assert_eq!(code, 1, "{words:?}: {err}");
            assert!(
                err.contains(": access is refused: correct the keys and what they allow, "),
                "{err}"
            );
            assert!(!err.contains('<') && err.lines().count() == 1, "in words: {err}");
        }
        let (_, err, _) = far.run(&["get", store, "may.csv"]);
        assert!(err.contains("; it said InvalidAccessKeyId: "), "{err}");
    }
}

#[test]
fn that_nobody_listens_at_the_endpoint_is_told_with_the_address() {
    let far = Far::new();
    let proxy = Proxy::before(&far.bucket.address());
    proxy.set(Fault::Refuse);
    let far = Far::at(far.bucket.clone(), format!("http://{}", proxy.address()));
    fs::write(far.stand.path("file"), "1,17\n").unwrap();
    for words in [
        &["put", "far", "may.csv", "file"][..],
        &["ls", "far"],
        &["get", "far", "may.csv"],
        &["stat", "far", "may.csv"],
        &["rm", "far", "may.csv"],
        &["warm", "far"],
    ] {
        let (_, err, code) = far.run(words);
        assert_eq!(code, 1, "{words:?}: {err}");
        let what = ": the remote cannot be reached: correct `endpoint` (AWS_ENDPOINT), or see whether it is up; ";
        assert!(err.contains(what) && err.contains(&proxy.address()), "{words:?}: {err}");
        assert!(err.contains("Connection refused"), "{err}");
    }
}
