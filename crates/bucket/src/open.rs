//! From settings to a backend.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use crate::cloud::Cloud;
use crate::config::{BucketConfig, Place};
use crate::error::{Error, ErrorKind};

/// The longest for a connection alone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn open(config: &BucketConfig) -> Result<Cloud, Error> {
    // One TLS provider for the process. A second install is refused, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let invalid = |error: object_store::Error| Error::new(ErrorKind::Invalid, error.to_string());
    let store: Arc<dyn ObjectStore> = match &config.place {
        Place::S3 { bucket, .. } => Arc::new(s3(config, bucket)?.build().map_err(invalid)?),
        Place::Gcs { bucket, .. } => Arc::new(gcs(config, bucket).build().map_err(invalid)?),
        Place::Azure { account, container, .. } => {
            Arc::new(azure(config, account, container)?.build().map_err(invalid)?)
        }
        Place::Folder(path) => {
            let folder = LocalFileSystem::new_with_prefix(path).map_err(invalid)?;
            Arc::new(folder.with_fsync(true).with_automatic_cleanup(true))
        }
    };
    let folder = if let Place::Folder(path) = &config.place { Some(path.clone()) } else { None };
    Cloud::new(store, config.place.prefix(), folder)
}

fn client(config: &BucketConfig) -> ClientOptions {
    let allow_http = config.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    ClientOptions::new()
        .with_timeout(config.timeout.as_std())
        .with_connect_timeout(CONNECT_TIMEOUT.min(config.timeout.as_std()))
        .with_allow_http(allow_http)
}

/// Parts of a large object are tried again one by one; the rest is up to [`crate::Bucket`].
fn retry(config: &BucketConfig) -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: Duration::from_millis(50), ..BackoffConfig::default() };
    RetryConfig { max_retries: 1, retry_timeout: config.timeout.as_std(), backoff }
}

fn secret(config: &BucketConfig) -> Result<Option<String>, Error> {
    config.secret().map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))
}

fn s3(config: &BucketConfig, bucket: &str) -> Result<AmazonS3Builder, Error> {
    // Keys in the settings win as a whole over those of the environment.
    let mut builder = match (&config.access_key_id, secret(config)?) {
        (Some(id), Some(secret)) => AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret),
        _ if config.anonymous => AmazonS3Builder::new(),
        _ => AmazonS3Builder::from_env(),
    };
    if let Some(endpoint) = &config.endpoint {
        builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
    }
    Ok(builder
        .with_bucket_name(bucket)
        .with_region(&config.region)
        .with_skip_signature(config.anonymous)
        .with_allow_http(config.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://")))
        .with_client_options(client(config))
        .with_retry(retry(config)))
}

fn gcs(config: &BucketConfig, bucket: &str) -> GoogleCloudStorageBuilder {
    let mut builder = GoogleCloudStorageBuilder::new();
    if let Some(path) = &config.service_account_file {
        builder = builder.with_service_account_path(path.display().to_string());
    }
    if let Some(endpoint) = &config.endpoint {
        builder = builder.with_base_url(endpoint);
    }
    builder
        .with_bucket_name(bucket)
        .with_skip_signature(config.anonymous)
        .with_client_options(client(config))
        .with_retry(retry(config))
}

fn azure(config: &BucketConfig, account: &str, container: &str) -> Result<MicrosoftAzureBuilder, Error> {
    let mut builder = match secret(config)? {
        Some(key) => MicrosoftAzureBuilder::new().with_access_key(key),
        None if config.anonymous => MicrosoftAzureBuilder::new(),
        None => MicrosoftAzureBuilder::from_env(),
    };
    if let Some(endpoint) = &config.endpoint {
        builder = builder.with_endpoint(endpoint.clone()).with_allow_http(endpoint.starts_with("http://"));
    }
    Ok(builder
        .with_account(account)
        .with_container_name(container)
        .with_skip_signature(config.anonymous)
        .with_client_options(client(config))
        .with_retry(retry(config)))
}
