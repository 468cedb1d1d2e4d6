//! memcached over TLS, with certificates made for the test.

#![cfg(all(feature = "memcached", feature = "tls"))]

#[path = "common/endpoint.rs"]
mod endpoint;
#[path = "common/server_suite.rs"]
mod server_suite;

use cache_clients::memcached::discover::Servers;
use cache_clients::memcached::{Memcached, MemcachedOptions, Tls};
use cache_clients::server::{Claim, Server};
use cache_core::wait;
use endpoint::Endpoint;
use larder_test_servers::Memcached as Process;
use rcgen::{CertificateParams, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::fs;
use std::path::Path;
use std::sync::Arc;
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

/// An endpoint that speaks TLS with this certificate.
fn endpoint(certificate: &str, key: &str) -> Endpoint {
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    Endpoint::over(move |stream| {
        let session = ServerConnection::new(config.clone()).unwrap();
        Some(StreamOwned::new(session, stream))
    })
}

#[test]
fn c80_a_configuration_endpoint_is_asked_over_tls_where_the_servers_have_it() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path(), "server");
    let files = format!("ssl_chain_cert={certificate},ssl_key={key}");
    let process = Process::start_with(&["-Z", "-o", &files]);
    let endpoint = endpoint(&certificate, &key);
    endpoint.name(&[process.address()]);
    let list: Servers = endpoint.source().parse().unwrap();
    let list = list.with_deadline(Duration::from_secs(30));

    let tls = Tls::roots_file(&certificate).unwrap();
    let options = MemcachedOptions::default()
        .with_connect_timeout(Duration::from_secs(10))
        .with_answer_timeout(Duration::from_secs(20))
        .with_deadline(Duration::from_secs(30))
        .with_tls(tls.clone());
    let memcached = Memcached::with(list.clone(), options).unwrap();
    wait(memcached.get_many(&["k".to_owned()], Claim::Nothing)).remove(0).unwrap();
    assert_eq!(memcached.stats()[0].name, process.address());

    let following = list.follow_over(&tls);
    assert_eq!(wait(following.settled()).nodes[0].name, process.address());
    assert_eq!(following.troubles(), [] as [String; 0]);

    let (other, _) = self::certificate(folder.path(), "other");
    let stranger = list.follow_over(&Tls::roots_file(other).unwrap());
    // Nobody believes it: the endpoint itself stays the only server.
    assert_ne!(wait(stranger.settled()).nodes[0].name, process.address());
    let trouble = stranger.troubles().concat();
    assert!(trouble.contains("the TLS handshake failed"), "{trouble}");

    let plain = list.with_deadline(Duration::from_millis(500)).follow();
    assert_ne!(wait(plain.settled()).nodes[0].name, process.address());
    assert_eq!(plain.troubles().len(), 1, "{:?}", plain.troubles());
}

#[test]
fn what_is_no_certificate_is_refused_with_a_reason() {
    let error = Tls::roots(b"nothing").unwrap_err().to_string();
    assert!(error.contains("no certificate in it"), "{error}");
    let error = Tls::roots_file("/nowhere/roots.pem").unwrap_err().to_string();
    assert!(error.contains("/nowhere/roots.pem could not be read"), "{error}");
    assert!(Tls::roots(b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n").is_err());
}
