//! A local S3 server in a process of its own: `s3s-fs` over a folder, so that nothing of it counts as larder's.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ClientOptions, RetryConfig};
use s3s::auth::SimpleAuth;
use s3s::dto::{
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, GetObjectInput, GetObjectOutput, PutObjectInput, PutObjectOutput,
    StreamingBlob, UploadPartInput, UploadPartOutput,
};
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use std::io::{BufRead, BufReader, Read, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::net::TcpListener;
use tokio_util::io::ReaderStream;

const BUCKET: &str = "bench";
const KEY: &str = "larder";
const BLOCK: usize = 256 << 10;

/// The running server; killed on drop.
#[derive(Debug)]
pub struct Server {
    process: Child,
    pub port: u16,
}

/// How the server sends objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    /// As `s3s-fs` does it: four kilobytes at a time, from the file to the socket.
    Pieces,
    /// In large blocks, so that it is not what is measured.
    Blocks,
}

impl Server {
    /// Over a folder, which gets a bucket.
    pub fn start(folder: &Path, sends: Sends) -> Result<Self, String> {
        std::fs::create_dir_all(folder.join(BUCKET)).map_err(|e| format!("a bucket: {e}"))?;
        let own = std::env::current_exe().map_err(|e| format!("the bench's own path: {e}"))?;
        let mut process = Command::new(own)
            .arg(super::SERVER)
            .arg(folder)
            .arg(if sends == Sends::Blocks { "blocks" } else { "pieces" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("the S3 server: {e}"))?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("the S3 server says nothing")?;
        BufReader::new(output).read_line(&mut line).map_err(|e| format!("the S3 server: {e}"))?;
        let port = line.trim().parse().map_err(|_| format!("the S3 server said `{line}`"))?;
        Ok(Server { process, port })
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client of the server on this port.
pub fn client(port: u16) -> Result<AmazonS3, String> {
    AmazonS3Builder::new()
        .with_endpoint(format!("http://127.0.0.1:{port}"))
        .with_bucket_name(BUCKET)
        .with_region("us-east-1")
        .with_access_key_id(KEY)
        .with_secret_access_key(KEY)
        .with_unsigned_payload(true)
        .with_client_options(
            ClientOptions::new().with_allow_http(true).with_timeout(Duration::from_secs(600)),
        )
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
        .build()
        .map_err(|e| e.to_string())
}

/// The files, with objects in blocks.
struct Blocks {
    files: FileSystem,
    folder: PathBuf,
}

impl Blocks {
    /// The bytes that an answer is about.
    async fn body(
        &self,
        input: &GetObjectInput,
        answer: &GetObjectOutput,
    ) -> std::io::Result<StreamingBlob> {
        let mut file = File::open(self.folder.join(&input.bucket).join(&input.key)).await?;
        // `bytes 5-9/20`, in an answer to a range.
        let range = answer.content_range.as_deref().and_then(|range| range.strip_prefix("bytes "));
        let start = range.and_then(|range| range.split_once('-')?.0.parse().ok()).unwrap_or(0);
        file.seek(SeekFrom::Start(start)).await?;
        let length = answer.content_length.unwrap_or(0).cast_unsigned();
        Ok(StreamingBlob::wrap(ReaderStream::with_capacity(file.take(length), BLOCK)))
    }
}

#[async_trait::async_trait]
impl S3 for Blocks {
    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input.clone();
        let mut answer = self.files.get_object(request).await?;
        let body = self.body(&input, &answer.output).await;
        answer.output.body = Some(body.map_err(S3Error::internal_error)?);
        Ok(answer)
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        self.files.put_object(request).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.files.create_multipart_upload(request).await
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.files.upload_part(request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.files.complete_multipart_upload(request).await
    }
}

/// The process of the server: says its port, and goes when its parent does.
pub fn serve(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let folder = args.next().ok_or("a folder is needed")?;
    let files = FileSystem::new(&folder).map_err(|e| format!("{e:?}"))?;
    let mut builder = match args.next().as_deref() {
        Some("blocks") => S3ServiceBuilder::new(Blocks { files, folder: folder.into() }),
        _ => S3ServiceBuilder::new(files),
    };
    builder.set_auth(SimpleAuth::from_single(KEY, KEY));
    let service = builder.build();
    std::thread::spawn(|| {
        // Ends when the parent does, however that ended.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|e| e.to_string())?;
        println!("{}", listener.local_addr().map_err(|e| e.to_string())?.port());
        loop {
            let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
            let _ = stream.set_nodelay(true);
            let service = service.clone();
            tokio::spawn(async move {
                let connections = Builder::new(TokioExecutor::new());
                // A client that hangs up is none of our business.
                let _ = connections.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}
