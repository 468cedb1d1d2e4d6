//! A bucket of a real S3 server, as the command and the tests see it.

use super::Stand;
use larder_test_servers::{Bucket, Moto};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A stand with a bucket, and a configuration of the store `far` before it.
pub(crate) struct Far {
    pub(crate) stand: Stand,
    pub(crate) bucket: Bucket,
    /// The server, or what stands before it.
    pub(crate) endpoint: String,
}

impl Far {
    pub(crate) fn new() -> Self {
        let bucket = Moto::shared().bucket();
        let endpoint = bucket.endpoint();
        Far::at(bucket, endpoint)
    }

    pub(crate) fn at(bucket: Bucket, endpoint: String) -> Self {
        let far = Far { stand: Stand::new(), bucket, endpoint };
        far.configure(&far.url(), "");
        far
    }

    pub(crate) fn url(&self) -> String {
        format!("s3://{}", self.bucket.name())
    }

    /// The store `far`, with a cache on the disk.
    pub(crate) fn configure(&self, url: &str, more: &str) {
        let (cache, endpoint) = (self.stand.path("cache"), &self.endpoint);
        let text = format!(
            "[store.far]\nlocal = {cache:?}\nremote = {{ url = '{url}', endpoint = '{endpoint}', allow_http = true, \
             access_key_id = 'shop', secret_access_key = 'secret', region = 'us-east-1', retries = 1 }}\n{more}"
        );
        fs::write(self.stand.path("larder.toml"), text).unwrap();
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.stand.command(words);
        command
            .env("AWS_ACCESS_KEY_ID", "shop")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT", &self.endpoint)
            .env("AWS_ALLOW_HTTP", "true");
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> (Vec<u8>, String, i32) {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        (stdout, String::from_utf8(stderr).unwrap(), status.code().unwrap())
    }

    pub(crate) fn good(&self, words: &[&str]) -> Vec<u8> {
        let (out, err, code) = self.run(words);
        assert_eq!((err.as_str(), code), ("", 0), "{words:?}");
        out
    }

    pub(crate) fn spawn(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// The uploads in parts that were begun and neither completed nor aborted.
    pub(crate) fn uploads(&self) -> usize {
        let answer =
            ask(&self.bucket.address(), &format!("GET /{}?uploads", self.bucket.name()), "");
        assert!(
            answer.contains(" 200 ") && answer.contains("ListMultipartUploadsResult"),
            "{answer}"
        );
        answer.matches("<UploadId>").count()
    }
}

/// Says something to the server that no client of a store says.
pub(crate) fn ask(address: &str, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=larder/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Waits for an event of another process, a minute at most.
pub(crate) fn until(what: &str, mut there: impl FnMut() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        // The other process comes there in its own time, and tells nobody.
        std::thread::sleep(Duration::from_millis(5));
    }
}
