//! A bucket on S3, or on a server that speaks its protocol.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{BackoffConfig, RetryConfig};
use workspace_core::{Error, Reason, Result};

use super::reactor::Reactor;
use super::{Backend, ObjectBlobs};

impl ObjectBlobs {
    /// Opens `s3://bucket/prefix` with the settings of the environment:
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`,
    /// `AWS_REGION`, `AWS_ENDPOINT_URL` for other servers than Amazon's,
    /// `AWS_ALLOW_HTTP`, and the rest that the AWS tools read. Sends nothing;
    /// [`check`](Self::check) does.
    ///
    /// A stream that is abandoned on its way, or by a crash, leaves parts which
    /// cost space until the bucket's rule for unfinished uploads removes them.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](workspace_core::ErrorKind::Invalid) for another URL, or settings that do not parse.
    pub fn s3(url: &str) -> Result<Self> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self::s3_with(url, std::env::vars_os().filter_map(text))
    }

    /// Opens `s3://bucket/prefix` with these settings instead of the environment's.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](workspace_core::ErrorKind::Invalid) for another URL, or settings that do not parse.
    pub fn s3_with(
        url: &str,
        settings: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let invalid = |why: &str| {
            Error::invalid(Reason::MalformedSetting, "open objects")
                .at(url.escape_debug())
                .because(why)
        };
        let place = url.strip_prefix("s3://");
        let place = place.ok_or_else(|| invalid("expected s3://bucket/prefix"))?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._".contains(&c);
        if bucket.is_empty() || !bucket.bytes().all(plain) {
            return Err(invalid(
                "expected a bucket of letters, digits, `-`, `.` and `_`",
            ));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let prefix = match object_store::path::Path::parse(prefix) {
            Ok(path) if path.as_ref().is_empty() => String::new(),
            Ok(path) => format!("{path}/"),
            Err(cause) => return Err(invalid("not a prefix of keys").with_source(cause)),
        };
        let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
        for (name, value) in settings {
            let name = name.to_ascii_lowercase();
            if let (true, Ok(key)) = (name.starts_with("aws_"), name.parse::<AmazonS3ConfigKey>()) {
                builder = builder.with_config(key, value);
            }
        }
        // Another crate of the process may have chosen one before; either does.
        let _chosen_before = rustls::crypto::ring::default_provider().install_default();
        let store = builder
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: 5,
                retry_timeout: Duration::from_secs(60),
            })
            .build()
            .map_err(|cause| invalid("the settings do not fit").with_source(cause))?;
        Ok(Self {
            store: Arc::new(store),
            backend: Backend::Remote {
                url: url.into(),
                prefix,
                reactor: Reactor::start()?,
            },
        })
    }
}
