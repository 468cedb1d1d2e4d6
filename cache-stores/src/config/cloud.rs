//! Clients of stores on a network.

use super::remote::RemoteOptions;
use super::url::{Cloud, Scheme};
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, ClientOptions, ObjectStore, Result, RetryConfig};
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// How long a remote may send nothing. A limit for whole requests would cut large objects off.
const SILENCE: Duration = Duration::from_secs(30);

/// The client; it connects when it is first used.
pub(super) fn store(cloud: &Cloud, options: &RemoteOptions) -> Result<Arc<dyn ObjectStore>> {
    match cloud.scheme {
        #[cfg(feature = "s3")]
        Scheme::S3 => Ok(below(cloud, s3(cloud, options)?)),
        #[cfg(feature = "gcs")]
        Scheme::Google => Ok(below(cloud, google(cloud, options)?)),
        #[cfg(feature = "azure")]
        Scheme::Azure => Ok(below(cloud, azure(cloud, options)?)),
        #[cfg(feature = "http")]
        Scheme::Http => Ok(Arc::new(http(cloud, options)?)),
        #[cfg(not(all(feature = "s3", feature = "gcs", feature = "azure", feature = "http")))]
        other => Err(object_store::Error::NotSupported {
            source: format!("it needs larder's feature `{}`", other.feature()).into(),
        }),
    }
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
fn below(cloud: &Cloud, store: impl ObjectStore) -> Arc<dyn ObjectStore> {
    match cloud.prefix.as_ref() {
        "" => Arc::new(store),
        _ => Arc::new(PrefixStore::new(store, cloud.prefix.clone())),
    }
}

/// What holds unless a variable or an option says otherwise.
fn client() -> ClientOptions {
    ClientOptions::new().with_timeout_disabled().with_read_timeout(SILENCE)
}

/// What the options say of the client.
fn keys(options: &RemoteOptions) -> Vec<(ClientConfigKey, String)> {
    let time = |time: Duration| format!("{}us", time.as_micros().max(1));
    let mut keys = Vec::new();
    if options.allow_http {
        keys.push((ClientConfigKey::AllowHttp, "true".to_owned()));
    }
    keys.extend(
        options.connect_timeout.map(|limit| (ClientConfigKey::ConnectTimeout, time(limit))),
    );
    keys.extend(options.read_timeout.map(|limit| (ClientConfigKey::ReadTimeout, time(limit))));
    keys
}

fn retry(options: &RemoteOptions) -> RetryConfig {
    let mut retry = RetryConfig::default();
    if let Some(times) = options.retries {
        retry.max_retries = usize::try_from(times).unwrap_or(usize::MAX);
    }
    if let Some(time) = options.retry_for {
        retry.retry_timeout = time;
    }
    retry
}

/// The variables of the environment that mean something to the service.
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
fn variables<K: FromStr>(options: &RemoteOptions) -> impl Iterator<Item = (K, String)> {
    options
        .variables
        .iter()
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.clone())))
}

#[cfg(feature = "s3")]
fn s3(cloud: &Cloud, options: &RemoteOptions) -> Result<object_store::aws::AmazonS3> {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
    let mut builder = AmazonS3Builder::new().with_client_options(client());
    for (key, value) in variables::<Key>(options) {
        builder = builder.with_config(key, value);
    }
    for (key, value) in keys(options) {
        builder = builder.with_config(Key::Client(key), value);
    }
    let given = [
        (Key::Endpoint, &options.endpoint),
        (Key::Region, &options.region),
        (Key::AccessKeyId, &options.access_key_id),
        (Key::SecretAccessKey, &options.secret_access_key),
        (Key::Token, &options.session_token),
    ];
    for (key, value) in given {
        if let Some(value) = value {
            builder = builder.with_config(key, value.clone());
        }
    }
    if options.unsigned {
        builder = builder.with_skip_signature(true);
    }
    if options.host_style {
        builder = builder.with_virtual_hosted_style_request(true);
    }
    builder.with_bucket_name(&cloud.bucket).with_retry(retry(options)).build()
}

#[cfg(feature = "gcs")]
fn google(cloud: &Cloud, options: &RemoteOptions) -> Result<object_store::gcp::GoogleCloudStorage> {
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};
    let mut builder = GoogleCloudStorageBuilder::new().with_client_options(client());
    for (key, value) in variables::<Key>(options) {
        builder = builder.with_config(key, value);
    }
    for (key, value) in keys(options) {
        builder = builder.with_config(Key::Client(key), value);
    }
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_base_url(endpoint);
    }
    if let Some(account) = &options.service_account {
        builder = builder.with_service_account_key(account);
    }
    if options.unsigned {
        builder = builder.with_skip_signature(true);
    }
    builder.with_bucket_name(&cloud.bucket).with_retry(retry(options)).build()
}

#[cfg(feature = "azure")]
fn azure(cloud: &Cloud, options: &RemoteOptions) -> Result<object_store::azure::MicrosoftAzure> {
    use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};
    let mut builder = MicrosoftAzureBuilder::new().with_client_options(client());
    for (key, value) in variables::<Key>(options) {
        builder = builder.with_config(key, value);
    }
    for (key, value) in keys(options) {
        builder = builder.with_config(Key::Client(key), value);
    }
    if let Some(account) = &options.account {
        builder = builder.with_account(account);
    }
    if let Some(key) = &options.account_key {
        builder = builder.with_access_key(key);
    }
    if let Some(endpoint) = &options.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    if options.unsigned {
        builder = builder.with_skip_signature(true);
    }
    builder.with_container_name(&cloud.bucket).with_retry(retry(options)).build()
}

#[cfg(feature = "http")]
fn http(cloud: &Cloud, options: &RemoteOptions) -> Result<object_store::http::HttpStore> {
    let builder = object_store::http::HttpBuilder::new().with_client_options(client());
    let builder = keys(options)
        .into_iter()
        .fold(builder, |builder, (key, value)| builder.with_config(key, value));
    builder.with_url(&cloud.bucket).with_retry(retry(options)).build()
}
