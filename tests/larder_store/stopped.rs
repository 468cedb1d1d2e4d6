//! Commands that are asked to end in the middle of their work: nothing half done is left.

use super::bucket::{Far, until};
use super::noise;
use larder_test_servers::{Fault, Proxy};
use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, Output};

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// How it ended, and what it said.
fn end(child: Child) -> (String, i32) {
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    (String::from_utf8(stderr).unwrap(), status.code().expect("it ended by itself"))
}

/// A signal that came before would be the system's business.
fn listens(child: &Child) {
    let path = format!("/proc/{}/status", child.id());
    until("the command listens to signals", || {
        let text = fs::read_to_string(&path).unwrap();
        let caught = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
        let both = 1 << 1 | 1 << 14;
        u64::from_str_radix(caught, 16).unwrap() & both == both
    });
}

/// The files that `get` writes before they have their names.
fn parts(far: &Far) -> Vec<u64> {
    let files = fs::read_dir(far.stand.path("")).unwrap().map(Result::unwrap);
    let parts = files.filter(|file| file.file_name().to_string_lossy().starts_with(".larder-"));
    parts.filter_map(|file| Some(file.metadata().ok()?.len())).collect()
}

#[test]
fn a_get_that_is_stopped_leaves_no_part_of_the_file() {
    let direct = Far::new();
    fs::write(direct.stand.path("big"), noise(9 << 20)).unwrap();
    direct.good(&["put", &direct.url(), "big", "big"]);
    let proxy = Proxy::before(&direct.bucket.address());
    let far = Far::at(direct.bucket.clone(), format!("http://{}", proxy.address()));
    fs::write(far.stand.path("mine"), "mine").unwrap();
    let url = far.url();
    for (store, signal, name, code) in
        [(url.as_str(), "-INT", "SIGINT", 130), ("far", "-TERM", "SIGTERM", 143)]
    {
        // The rest of the object never comes.
        proxy.set(Fault::Truncate(5 << 20));
        let child = far.spawn(&["get", store, "big", "mine"]);
        until("a part of the file is here", || parts(&far).iter().any(|length| *length > 0));
        send(&child, signal);
        let told = format!(
            "larder: stopped by {name}: `big` of {store} was not read to its end, and mine is as it was\n"
        );
        assert_eq!(end(child), (told, code));
        assert_eq!(parts(&far), [0_u64; 0], "nothing is left");
        assert_eq!(fs::read(far.stand.path("mine")).unwrap(), b"mine");
    }
    proxy.set(Fault::None);
    far.good(&["get", "far", "big", "mine"]);
    assert!(fs::read(far.stand.path("mine")).unwrap() == noise(9 << 20));
}

#[test]
fn a_get_into_a_pipe_that_nobody_reads_can_be_stopped() {
    let far = Far::new();
    fs::write(far.stand.path("big"), noise(9 << 20)).unwrap();
    far.good(&["put", "far", "big", "big"]);
    let mut child = far.spawn(&["get", "far", "big"]);
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_exact(&mut [0; 10]).unwrap();
    send(&child, "-INT");
    let told = "larder: stopped by SIGINT: `big` of far was not read to its end\n".to_owned();
    assert_eq!(end(child), (told, 130));
    drop(pipe);
}

#[test]
fn a_put_that_is_stopped_leaves_no_part_of_the_object_at_the_remote() {
    let far = Far::new();
    let url = far.url();
    for (store, signal, name, code) in
        [(url.as_str(), "-INT", "SIGINT", 130), ("far", "-TERM", "SIGTERM", 143)]
    {
        let mut child = far.spawn(&["put", store, "reports/big", "-"]);
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(&noise(40 << 20)).unwrap();
        until("parts of the object are there", || far.uploads() == 1);
        send(&child, signal);
        let told = format!("larder: stopped by {name}: `reports/big` was not written to {store}\n");
        assert_eq!(end(child), (told, code));
        drop(pipe);
        assert_eq!(far.uploads(), 0, "what was sent is not stored and paid for");
        assert_eq!(far.run(&["stat", &url, "reports/big"]).2, 3);
    }
}

#[test]
fn a_put_that_waits_for_its_input_can_be_stopped() {
    let far = Far::new();
    for store in [far.url().as_str(), "far"] {
        let mut child = far.spawn(&["put", store, "a", "-"]);
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(b"so far").unwrap();
        listens(&child);
        send(&child, "-INT");
        let told = format!("larder: stopped by SIGINT: nothing of `a` was written to {store}\n");
        assert_eq!(end(child), (told, 130));
        drop(pipe);
    }
    assert_eq!(far.good(&["ls", "far"]), b"");
}

#[test]
fn who_asks_twice_waits_for_nothing() {
    let direct = Far::new();
    let proxy = Proxy::before(&direct.bucket.address());
    let far = Far::at(direct.bucket.clone(), format!("http://{}", proxy.address()));
    let mut child = far.spawn(&["put", &far.url(), "big", "-"]);
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&noise(20 << 20)).unwrap();
    until("the upload is begun", || far.uploads() == 1);
    // What was begun can be taken back no more.
    proxy.set(Fault::Hang);
    send(&child, "-INT");
    send(&child, "-TERM");
    let (told, code) = end(child);
    assert!(code == 130 || code == 143, "{code}: {told}");
    drop(pipe);
}
