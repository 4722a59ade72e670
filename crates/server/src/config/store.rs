//! The `store` section: what lies where.

use bongsu_bucket::BucketConfig;
use bongsu_config::{ByteSize, Duration};
use serde::Deserialize;

/// See the module's text. All but the bucket matter only with one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Where blocks go besides the local disk. Default: nowhere.
    pub bucket: Option<BucketConfig>,
    /// Blocks whose newest sample is older than this are only in the bucket. Default 1w.
    pub local_age: Duration,
    /// Above this many bytes of blocks on the local disk, the oldest are only in the bucket. Default: no bound.
    pub local_size: Option<ByteSize>,
    /// Bytes on the local disk of what was read of blocks that are only in the bucket. Default 10GB.
    pub cache_size: ByteSize,
    /// What has left the store is deleted from the bucket that much later: the longest that a query takes. Default 3m.
    pub delete_delay: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            bucket: None,
            local_age: Duration::from_secs(7 * 24 * 3600),
            local_size: None,
            cache_size: ByteSize::from_bytes(10 << 30),
            delete_delay: Duration::from_secs(180),
        }
    }
}

impl StoreConfig {
    /// The settings by their names, as YAML writes them.
    pub(crate) fn describe(&self) -> Vec<(&'static str, String)> {
        let mut settings = Vec::new();
        settings.extend(self.bucket.as_ref().map(|bucket| ("store.bucket", bucket.describe())));
        settings.push(("store.local_age", self.local_age.to_string()));
        settings.extend(self.local_size.map(|size| ("store.local_size", size.to_string())));
        settings.push(("store.cache_size", self.cache_size.to_string()));
        settings.push(("store.delete_delay", self.delete_delay.to_string()));
        settings
    }

    /// What the store is opened with.
    ///
    /// # Errors
    /// When the settings of the bucket cannot work.
    pub(crate) fn options(&self) -> Result<Option<bongsu_tsdb::BucketOptions>, bongsu_bucket::Error> {
        let Some(config) = &self.bucket else { return Ok(None) };
        let bucket = std::sync::Arc::new(bongsu_bucket::Bucket::open(config)?);
        Ok(Some(bongsu_tsdb::BucketOptions {
            local_age_ms: Some(self.local_age.as_ms()),
            local_bytes_max: self.local_size.map(ByteSize::as_bytes),
            cache_bytes_max: self.cache_size.as_bytes(),
            delete_after: self.delete_delay.as_std(),
            ..bongsu_tsdb::BucketOptions::new(bucket)
        }))
    }
}
