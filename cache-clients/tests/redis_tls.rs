//! Redis over TLS, with certificates made for the test.
#![cfg(all(feature = "redis", feature = "tls"))]

#[path = "common/server_suite.rs"]
mod suite;

use cache_clients::redis::{Redis, RedisOptions};
use cache_clients::server::{Put, Server, When};
use cache_core::{Error, wait};
use larder_test_servers as servers;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

/// A root, and what it has signed.
struct Authority {
    root: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().pem();
        Authority { root, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key for a name.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        // Whoever is named like his issuer would be taken for his own issuer.
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

struct Tls {
    server: servers::Redis,
    _folder: TempDir,
}

/// A server with that certificate, which wants one of its clients if told so.
fn start(authority: &Authority, (certificate, key): &(String, String), clients: &str) -> Tls {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let root = file("root.pem", &authority.root);
    let (certificate, key) = (file("own.pem", certificate), file("key.pem", key));
    let server = servers::Redis::start_with(&[
        "--port",
        "0",
        "--tls-port",
        "{port}",
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &root,
        "--tls-auth-clients",
        clients,
    ]);
    Tls { server, _folder: folder }
}

fn options(server: &servers::Redis) -> RedisOptions {
    RedisOptions::new(format!("rediss://{}", server.address()))
        .with_connect_timeout(Duration::from_secs(5))
        .with_deadline(Duration::from_secs(10))
}

fn store(redis: &Redis) -> Result<bool, Error> {
    let put = Put { key: "k".into(), bytes: "v".into(), keep: None, when: When::Always };
    wait(redis.put_many(vec![put])).remove(0)
}

#[test]
fn a_server_whose_certificate_a_root_of_ours_signed_keeps_the_contract() {
    let authority = Authority::new();
    let server = start(&authority, &authority.sign("127.0.0.1"), "no");
    let options = options(&server.server).with_root_certificates(authority.root.clone());
    suite::run(&Redis::new(options).unwrap());
}

#[test]
fn a_certificate_of_an_unknown_root_is_refused() {
    let authority = Authority::new();
    let server = start(&authority, &authority.sign("127.0.0.1"), "no");
    let foreign = options(&server.server).with_root_certificates(Authority::new().root);
    for options in [foreign, options(&server.server)] {
        let error = store(&Redis::new(options).unwrap()).unwrap_err();
        assert!(error.is_unreachable());
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let server = start(&authority, &authority.sign("other.example"), "no");
    let options = options(&server.server).with_root_certificates(authority.root.clone());
    let error = store(&Redis::new(options).unwrap()).unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[test]
fn a_server_that_wants_our_certificate_gets_it() {
    let authority = Authority::new();
    let server = start(&authority, &authority.sign("127.0.0.1"), "yes");
    let (certificate, key) = authority.sign("client.example");
    let without = options(&server.server).with_root_certificates(authority.root.clone());
    assert!(store(&Redis::new(without.clone()).unwrap()).unwrap_err().is_unreachable());
    let with = without.with_client_certificate(certificate, key);
    assert!(!format!("{with:?}").contains("PRIVATE"));
    let redis = Redis::new(with).unwrap();
    assert!(!format!("{redis:?}").contains("PRIVATE"));
    assert!(store(&redis).unwrap());
}

#[test]
fn certificates_that_are_none_and_those_without_tls_are_refused_by_name() {
    let options = RedisOptions::new("rediss://cache");
    let no_key = options.clone().with_client_certificate("x", "y");
    let error = Redis::new(no_key).unwrap_err();
    assert!(error.is_invalid());
    assert!(error.to_string().starts_with("redis at `rediss://cache`: its certificates: "));
    assert!(error.to_string().ends_with("; expected PEM"), "{error}");
    let empty = options.with_root_certificates("no PEM at all");
    assert!(Redis::new(empty).unwrap_err().is_invalid());
    let plain = RedisOptions::new("redis://cache").with_root_certificates("x");
    assert_eq!(
        Redis::new(plain).unwrap_err().to_string(),
        "redis at `redis://cache`: certificates without TLS; expected rediss:// in the URL"
    );
}
