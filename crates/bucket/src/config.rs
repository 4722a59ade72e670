//! The settings of a bucket: the section `store.bucket` of the centre.

use std::fmt;
use std::io;
use std::path::PathBuf;

use bongsu_config::{Duration, Secret};
use serde::Deserialize;

/// Where a bucket is and how to reach it. Read and checked as one.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct BucketConfig {
    /// Where the objects are.
    pub place: Place,
    /// The service's own address in place of the cloud's: what speaks S3 elsewhere, or an emulator.
    pub endpoint: Option<String>,
    /// The region of S3; default `us-east-1`.
    pub region: String,
    /// The user of S3. Without, what the environment (`AWS_…`) or the machine's role gives.
    pub access_key_id: Option<String>,
    /// The secret of S3, or the access key of an Azure account.
    secret: Option<Key>,
    /// A service account's JSON file for Google Cloud Storage. Without, the machine's own account.
    pub service_account_file: Option<PathBuf>,
    /// Requests are not signed.
    pub anonymous: bool,
    /// The longest that one request may take. Default 30s.
    pub timeout: Duration,
}

/// Where the objects of a bucket are; the prefix is empty or ends with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `s3://BUCKET/PREFIX`
    S3 {
        /// The bucket's name.
        bucket: String,
        /// Before every key.
        prefix: String,
    },
    /// `gs://BUCKET/PREFIX`
    Gcs {
        /// The bucket's name.
        bucket: String,
        /// Before every key.
        prefix: String,
    },
    /// `azure://ACCOUNT/CONTAINER/PREFIX`
    Azure {
        /// The storage account.
        account: String,
        /// The container's name.
        container: String,
        /// Before every key.
        prefix: String,
    },
    /// `file:///FOLDER`; the folder has to be there.
    Folder(PathBuf),
}

#[derive(Clone, Debug)]
enum Key {
    Text(Secret),
    File(PathBuf),
}

/// The section as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    url: String,
    endpoint: Option<String>,
    region: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<Secret>,
    secret_access_key_file: Option<PathBuf>,
    account_key: Option<Secret>,
    account_key_file: Option<PathBuf>,
    service_account_file: Option<PathBuf>,
    #[serde(default)]
    anonymous: bool,
    timeout: Option<Duration>,
}

impl TryFrom<Fields> for BucketConfig {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let place = Place::parse(&fields.url)?;
        fields.check(&place)?;
        let text = fields.secret_access_key.or(fields.account_key).map(Key::Text);
        let file = fields.secret_access_key_file.or(fields.account_key_file).map(Key::File);
        Ok(Self {
            place,
            endpoint: fields.endpoint,
            region: fields.region.unwrap_or_else(|| "us-east-1".to_owned()),
            access_key_id: fields.access_key_id,
            secret: text.or(file),
            service_account_file: fields.service_account_file,
            anonymous: fields.anonymous,
            timeout: fields.timeout.unwrap_or(Duration::from_secs(30)),
        })
    }
}

impl Fields {
    /// Refuses keys of another kind of bucket, and keys that do not go together.
    fn check(&self, place: &Place) -> Result<(), String> {
        let (s3, azure) = (matches!(place, Place::S3 { .. }), matches!(place, Place::Azure { .. }));
        let gcs = matches!(place, Place::Gcs { .. });
        let has_secret = self.secret_access_key.is_some() || self.secret_access_key_file.is_some();
        let has_account_key = self.account_key.is_some() || self.account_key_file.is_some();
        let rules = [
            (self.access_key_id.is_some() && !s3, "access_key_id is for s3:// only"),
            (has_secret && !s3, "secret_access_key is for s3:// only"),
            (self.region.is_some() && !s3, "region is for s3:// only"),
            (has_account_key && !azure, "account_key is for azure:// only"),
            (self.service_account_file.is_some() && !gcs, "service_account_file is for gs:// only"),
            (self.endpoint.is_some() && matches!(place, Place::Folder(_)), "a folder has no endpoint"),
            (
                self.secret_access_key.is_some() && self.secret_access_key_file.is_some(),
                "at most one of secret_access_key & secret_access_key_file must be configured",
            ),
            (
                self.account_key.is_some() && self.account_key_file.is_some(),
                "at most one of account_key & account_key_file must be configured",
            ),
            (self.access_key_id.is_some() != has_secret, "access_key_id and secret_access_key go together"),
            (self.timeout.is_some_and(|timeout| timeout.as_ms() == 0), "expected a timeout greater than 0"),
        ];
        rules.iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, text)| Err((*text).to_owned()))
    }
}

impl BucketConfig {
    /// The secret of S3 or Azure, read from its file now.
    ///
    /// # Errors
    /// When the file cannot be read; the error names it.
    pub(crate) fn secret(&self) -> io::Result<Option<String>> {
        match &self.secret {
            None => Ok(None),
            Some(Key::Text(secret)) => Ok(Some(secret.expose().to_owned())),
            Some(Key::File(path)) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(Some(text.trim_end().to_owned())),
                Err(error) => Err(io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()))),
            },
        }
    }

    /// The settings as YAML writes them on one line, without what is secret.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut fields = vec![format!("url: '{}'", self.place)];
        fields.extend(self.endpoint.as_ref().map(|endpoint| format!("endpoint: '{endpoint}'")));
        fields.extend(self.access_key_id.as_ref().map(|id| format!("access_key_id: '{id}'")));
        let secret = if matches!(self.place, Place::S3 { .. }) { "secret_access_key" } else { "account_key" };
        fields.extend(self.secret.as_ref().map(|key| match key {
            Key::Text(_) => format!("{secret}: '<secret>'"),
            Key::File(path) => format!("{secret}_file: '{}'", path.display()),
        }));
        fields.extend(self.service_account_file.as_ref().map(|f| format!("service_account_file: '{}'", f.display())));
        fields.push(format!("anonymous: {}, timeout: {}", self.anonymous, self.timeout));
        format!("{{{}}}", fields.join(", "))
    }
}

impl Place {
    /// Reads a URL.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(url: &str) -> Result<Self, String> {
        let expected =
            "expected s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, azure://ACCOUNT/CONTAINER/PREFIX or file:///FOLDER";
        let wrong = || format!("not a bucket: {url:?}; {expected}");
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (first, path) = rest.split_once('/').unwrap_or((rest, ""));
        if scheme == "file" {
            return if first.is_empty() && !path.is_empty() {
                Ok(Self::Folder(format!("/{path}").into()))
            } else {
                Err(wrong())
            };
        }
        let has_bad_part = |path: &str| path.split('/').any(|part| matches!(part, "." | ".."));
        if first.is_empty() || rest.contains("//") || has_bad_part(path) || url.contains(['?', '#', '@']) {
            return Err(wrong());
        }
        let prefix =
            |path: &str| if path.is_empty() { String::new() } else { format!("{}/", path.trim_end_matches('/')) };
        let bucket = first.to_owned();
        match scheme {
            "s3" => Ok(Self::S3 { bucket, prefix: prefix(path) }),
            "gs" => Ok(Self::Gcs { bucket, prefix: prefix(path) }),
            "azure" => {
                let (container, path) = path.split_once('/').unwrap_or((path, ""));
                let container = container.to_owned();
                let place = Self::Azure { account: bucket, prefix: prefix(path), container };
                if matches!(&place, Self::Azure { container, .. } if container.is_empty()) {
                    Err(wrong())
                } else {
                    Ok(place)
                }
            }
            _ => Err(wrong()),
        }
    }

    /// Before every key; empty, or it ends with `/`.
    pub(crate) fn prefix(&self) -> &str {
        match self {
            Self::S3 { prefix, .. } | Self::Gcs { prefix, .. } | Self::Azure { prefix, .. } => prefix,
            Self::Folder(_) => "",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match self {
            Self::S3 { bucket, prefix } => format!("s3://{bucket}/{prefix}"),
            Self::Gcs { bucket, prefix } => format!("gs://{bucket}/{prefix}"),
            Self::Azure { account, container, prefix } => format!("azure://{account}/{container}/{prefix}"),
            Self::Folder(path) => format!("file://{}", path.display()),
        };
        f.write_str(url.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<BucketConfig, String> {
        bongsu_config::parse(text, "a.yml").map_err(|error| error.to_string())
    }

    #[test]
    fn places_read_back() {
        for (url, shown) in [
            ("s3://metrics", "s3://metrics"),
            ("s3://metrics/a/b/", "s3://metrics/a/b"),
            ("gs://metrics/x", "gs://metrics/x"),
            ("azure://account/box/x", "azure://account/box/x"),
            ("file:///var/lib/objects", "file:///var/lib/objects"),
        ] {
            let place = Place::parse(url).unwrap();
            assert_eq!(place.to_string(), shown);
            assert_eq!(Place::parse(shown).unwrap(), place);
        }
        for bad in [
            "metrics",
            "s3://",
            "s3:///x",
            "s3://a/../b",
            "s3://k:s@a/b",
            "azure://a",
            "file://x/y",
            "ftp://a",
            "s3://a//b",
        ] {
            assert!(Place::parse(bad).unwrap_err().contains("expected s3://BUCKET"), "{bad}");
        }
    }

    #[test]
    fn settings_are_checked_and_secrets_do_not_show() {
        let config =
            parse("url: s3://m/p\nendpoint: http://[::1]:1\naccess_key_id: me\nsecret_access_key: hunter2").unwrap();
        assert_eq!(config.secret().unwrap().as_deref(), Some("hunter2"));
        assert!(!format!("{config:?}").contains("hunter2"));
        let shown = config.describe();
        assert!(!shown.contains("hunter2"));
        assert_eq!(parse(&shown).unwrap().describe(), shown);
        for (bad, reason) in [
            ("url: s3://m\naccess_key_id: me", "go together"),
            ("url: gs://m\naccess_key_id: me\nsecret_access_key: x", "for s3:// only"),
            ("url: s3://m\naccount_key: x", "for azure:// only"),
            ("url: s3://m\nservice_account_file: x", "for gs:// only"),
            ("url: file:///x\nendpoint: http://a", "no endpoint"),
            ("url: s3://m\ntimeout: 0s", "greater than 0"),
            ("url: s3://m\nurll: x", "urll"),
            ("region: x", "url"),
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains(reason), "{bad:?}: {error}");
        }
    }
}
