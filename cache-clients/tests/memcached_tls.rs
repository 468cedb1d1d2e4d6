//! memcached over TLS, with certificates made for the test.

#![cfg(all(feature = "memcached", feature = "tls"))]

#[path = "common/server_suite.rs"]
mod server_suite;

use cache_clients::memcached::{Memcached, MemcachedOptions, Tls};
use cache_clients::server::{Claim, Server};
use cache_core::wait;
use larder_test_servers::Memcached as Process;
use rcgen::{CertificateParams, IsCa, KeyPair};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A certificate for `localhost` and 127.0.0.1 that signs itself.
fn certificate(at: &Path, name: &str) -> (String, String) {
    let (certificate, key) = (at.join(format!("{name}.pem")), at.join(format!("{name}.key")));
    let pair = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    params.is_ca = IsCa::ExplicitNoCa;
    fs::write(&certificate, params.self_signed(&pair).unwrap().pem()).unwrap();
    fs::write(&key, pair.serialize_pem()).unwrap();
    (certificate.display().to_string(), key.display().to_string())
}

#[test]
fn tls_keeps_every_sentence_and_trusts_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path(), "server");
    let files = format!("ssl_chain_cert={certificate},ssl_key={key}");
    let process = Process::start_with(&["-Z", "-o", &files]);
    // Time enough for a busy machine.
    let patient = MemcachedOptions::default()
        .with_connect_timeout(Duration::from_secs(10))
        .with_answer_timeout(Duration::from_secs(20))
        .with_deadline(Duration::from_secs(30));
    let with = |tls| patient.clone().with_tls(tls);
    let memcached =
        Memcached::with(process.address(), with(Tls::roots_file(&certificate).unwrap())).unwrap();
    server_suite::run(&memcached);

    let read = |memcached: &Memcached| {
        wait(memcached.get_many(&["k".to_owned()], Claim::Nothing)).remove(0)
    };
    let tls = Tls::roots_file(&certificate).unwrap().with_server_name("localhost").unwrap();
    read(&Memcached::with(process.address(), with(tls)).unwrap()).unwrap();

    let (other, _) = self::certificate(folder.path(), "other");
    let stranger =
        Memcached::with(process.address(), with(Tls::roots_file(other).unwrap())).unwrap();
    let error = read(&stranger).unwrap_err();
    assert!(error.is_unreachable());
    assert!(error.to_string().contains("the TLS handshake failed"), "{error}");

    let tls = Tls::roots_file(&certificate).unwrap().with_server_name("elsewhere").unwrap();
    let error = read(&Memcached::with(process.address(), with(tls)).unwrap()).unwrap_err();
    assert!(error.to_string().contains("the TLS handshake failed"), "{error}");
}

#[test]
fn what_is_no_certificate_is_refused_with_a_reason() {
    let error = Tls::roots(b"nothing").unwrap_err().to_string();
    assert!(error.contains("no certificate in it"), "{error}");
    let error = Tls::roots_file("/nowhere/roots.pem").unwrap_err().to_string();
    assert!(error.contains("/nowhere/roots.pem could not be read"), "{error}");
    assert!(Tls::roots(b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n").is_err());
}
