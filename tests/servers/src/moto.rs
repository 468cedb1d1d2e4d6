//! An S3 server for tests: moto's.

use crate::process::{Place, Process, Program};
use std::env;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What it takes to have one.
const INSTALL: &str = "`./test servers` installs it below target/; elsewhere `pip install 'moto[s3,server]'`, and \
     LARDER_MOTO=/path/to/moto_server if that is not on the PATH";
/// It asks for some signature; whose does not matter.
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=larder/20200101/us-east-1/s3/aws4_request, \
     SignedHeaders=host, Signature=0";

/// moto's S3 server on 127.0.0.1, with its objects in memory, killed on drop. Any keys are right; the region
/// is `us-east-1`.
///
/// The program is the one that the environment variable `LARDER_MOTO` names, else `moto_server` on the `PATH`,
/// else what `./test` installed below `target/`.
///
/// # Panics
/// Starting panics if there is none, which says what to install, or if it does not answer within a minute.
///
/// ```
/// let bucket = larder_test_servers::Moto::shared().bucket();
/// assert!(bucket.endpoint().starts_with("http://127.0.0.1:"));
/// ```
#[derive(Debug)]
pub struct Moto {
    process: Process,
}

/// An empty bucket of a [`Moto`], for one test.
#[derive(Debug, Clone)]
pub struct Bucket {
    port: u16,
    name: String,
}

impl Moto {
    /// On a free port.
    #[must_use]
    pub fn start() -> Self {
        let file = program();
        let process = Process::on_free_port(|port| Program {
            name: "moto_server",
            file: file.clone(),
            install: INSTALL,
            arguments: ["-H", "127.0.0.1", "-p", &port.to_string()].map(String::from).into(),
            place: Place::Port(port),
            question: b"GET /moto-api/ HTTP/1.0\r\n\r\n",
        });
        Moto { process }
    }

    /// The one of this test program: it takes half a second to start. Each test takes a bucket of its own.
    pub fn shared() -> &'static Moto {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(Moto::start)
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self.process.place() {
            Place::Port(port) => *port,
            Place::Path(path) => unreachable!("moto is never started on {}", path.display()),
        }
    }

    /// A new bucket.
    ///
    /// # Panics
    /// If the server does not make it.
    #[must_use]
    pub fn bucket(&self) -> Bucket {
        static BUCKETS: AtomicU32 = AtomicU32::new(1);
        let name = format!("larder-{}", BUCKETS.fetch_add(1, Relaxed));
        let answer = self.ask(&format!("PUT /{name}"));
        assert!(answer.contains(" 200 "), "moto made no bucket: {answer}");
        Bucket { port: self.port(), name }
    }

    /// Lets it accept connections and say nothing, until [`thaw`](Self::thaw).
    ///
    /// # Panics
    /// If it is stopped.
    pub fn freeze(&self) {
        self.process.freeze(true);
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// If it is stopped.
    pub fn thaw(&self) {
        self.process.freeze(false);
    }

    /// Kills it, with all that was in it; whoever connects is refused. Nothing if it is stopped already.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// The number of its process, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.process.id()
    }

    fn ask(&self, request: &str) -> String {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port()));
        let mut stream = stream.expect("moto accepts connections");
        let host = self.address();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {SIGNATURE}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("moto takes a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("moto answers");
        answer
    }
}

impl Bucket {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `http://127.0.0.1:PORT`: the server, without the bucket.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// `127.0.0.1:PORT`: what a [`Proxy`](crate::Proxy) can stand before.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn program() -> PathBuf {
    if let Some(named) = env::var_os("LARDER_MOTO").filter(|named| !named.is_empty()) {
        return named.into();
    }
    let name = Path::new("moto_server");
    let path = env::var_os("PATH").unwrap_or_default();
    if env::split_paths(&path).any(|folder| folder.join(name).is_file()) {
        return name.into();
    }
    installed().unwrap_or_else(|| name.into())
}

/// What `./test` installed: the folder of builds is above this program, or is the one of this workspace.
fn installed() -> Option<PathBuf> {
    let own = env::current_exe().unwrap_or_default();
    let mut targets: Vec<_> = own.ancestors().skip(1).map(Path::to_owned).collect();
    targets.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    targets.iter().map(|target| target.join("moto/bin/moto_server")).find(|file| file.is_file())
}
