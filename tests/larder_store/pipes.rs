//! Objects that come out of a pipe as slowly as whoever writes to it likes.

use super::bucket::{Far, until};
use super::noise;
use std::io::Write;
use std::process::Output;

#[test]
fn a_put_from_a_slow_pipe_is_visible_when_the_pipe_is_closed_and_not_before() {
    let far = Far::new();
    let url = far.url();
    for store in [url.as_str(), "far"] {
        let all = noise((33 << 20) + 5);
        let mut child = far.spawn(&["put", store, "slow", "-"]);
        let mut pipe = child.stdin.take().unwrap();
        let (front, rest) = all.split_at((16 << 20) + 1);
        for piece in front.chunks(100_000) {
            pipe.write_all(piece).unwrap();
        }
        // What is more than a part is on its way while the pipe says nothing.
        until("the upload is begun", || far.uploads() == 1);
        assert_eq!(far.run(&["stat", &url, "slow"]).2, 3, "nobody sees a part of it");
        for piece in rest.chunks(1_000_003) {
            pipe.write_all(piece).unwrap();
        }
        assert!(child.try_wait().unwrap().is_none(), "the pipe is open");
        assert_eq!(far.run(&["stat", &url, "slow"]).2, 3);
        drop(pipe);
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        assert_eq!((String::from_utf8(stderr).unwrap().as_str(), status.code()), ("", Some(0)));
        assert!(far.good(&["get", &url, "slow"]) == all, "{store}");
        assert_eq!(far.uploads(), 0);
        far.good(&["rm", "far", "slow"]);
    }
}

#[test]
fn a_few_bytes_of_a_slow_pipe_are_one_object() {
    let far = Far::new();
    let mut child = far.spawn(&["put", "far", "few"]);
    let mut pipe = child.stdin.take().unwrap();
    for byte in b"day,visits\n" {
        pipe.write_all(&[*byte]).unwrap();
    }
    assert_eq!(far.run(&["stat", &far.url(), "few"]).2, 3);
    drop(pipe);
    assert!(child.wait().unwrap().success());
    assert_eq!(far.good(&["get", &far.url(), "few"]), b"day,visits\n");
}
