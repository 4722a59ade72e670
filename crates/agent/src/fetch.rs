//! Bodies of targets: over HTTP, or from an exporter in this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_exporters::{Exporter, Family};
use bongsu_model::{METRIC_NAME, MetricMetadata};
use bongsu_net::{Client, ClientError};
use bongsu_scrape::{Fetch, FetchError, FetchFuture, HttpConfig, Request, Response};
use bongsu_wire::exposition::TextWriter;
use parking_lot::Mutex;

use crate::http;

/// The scheme of targets that are exporters in this process: `exporter://node/metrics`.
pub(crate) const EXPORTER_SCHEME: &str = "exporter";

type SharedExporter = Arc<Mutex<Box<dyn Exporter>>>;

/// The agent's [`Fetch`].
pub(crate) struct Fetcher {
    exporters: BTreeMap<String, SharedExporter>,
    /// One client for each HTTP configuration, so that connections are kept.
    clients: Mutex<Vec<(Arc<HttpConfig>, Client)>>,
}

impl Fetcher {
    pub(crate) fn new(exporters: Vec<Box<dyn Exporter>>) -> Self {
        let named = exporters.into_iter().map(|exporter| (exporter.name().to_owned(), Arc::new(Mutex::new(exporter))));
        Self { exporters: named.collect(), clients: Mutex::default() }
    }

    fn client(&self, config: &Arc<HttpConfig>) -> Result<Client, FetchError> {
        let mut clients = self.clients.lock();
        if let Some((_, client)) = clients.iter().find(|(known, _)| Arc::ptr_eq(known, config)) {
            return Ok(client.clone());
        }
        // Configurations that nobody else holds any more belong to jobs that are gone.
        clients.retain(|(known, _)| Arc::strong_count(known) > 1);
        let client = http::scrape_client(config).map_err(|e| FetchError::Connection(e.to_string()))?;
        clients.push((Arc::clone(config), client.clone()));
        Ok(client)
    }

    async fn over_http(&self, request: Request) -> Result<Response, FetchError> {
        let client = self.client(&request.http)?;
        let bytes_max = usize::try_from(request.body_bytes_max).unwrap_or(usize::MAX);
        let answer = client.get(&request.url, &request.headers, bytes_max).await.map_err(|error| match error {
            ClientError::Timeout { .. } => FetchError::Timeout(request.timeout),
            ClientError::TooLarge { .. } => FetchError::TooLarge(request.body_bytes_max),
            error => FetchError::Connection(error.to_string()),
        })?;
        Ok(Response {
            status: answer.status,
            content_type: answer.header("content-type").map(str::to_owned),
            gzipped: answer.header("content-encoding") == Some("gzip"),
            body: answer.body,
        })
    }

    async fn in_process(&self, name: &str) -> Result<Response, FetchError> {
        let exporter = self.exporters.get(name).cloned();
        let exporter = exporter.ok_or_else(|| FetchError::Connection(format!("no built-in exporter {name:?}")))?;
        // Reading /proc can block, on a stuck file system for instance: not on a thread of the runtime.
        let collect = move || {
            let mut families = Vec::new();
            exporter.lock().collect(&mut families);
            expose(&families)
        };
        let text = tokio::task::spawn_blocking(collect).await.map_err(|e| FetchError::Connection(e.to_string()))?;
        let content_type = Some("text/plain; version=0.0.4; charset=utf-8".to_owned());
        Ok(Response { status: 200, content_type, gzipped: false, body: text.into() })
    }
}

impl Fetch for Fetcher {
    fn fetch(&self, request: Request) -> FetchFuture<'_> {
        Box::pin(async move {
            match request.url.strip_prefix("exporter://") {
                Some(rest) => self.in_process(rest.split(['/', ':']).next().unwrap_or("")).await,
                None => self.over_http(request).await,
            }
        })
    }
}

/// Families as exposition text.
fn expose(families: &[Family]) -> String {
    let mut writer = TextWriter::new();
    for family in families {
        let metadata = MetricMetadata {
            metric_type: family.metric_type,
            help: family.help.clone().into_owned(),
            unit: String::new(),
        };
        writer.family(&family.name, &metadata);
        for (labels, value) in &family.samples {
            let pairs = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
            writer.sample(labels.metric_name(), pairs, *value, None);
        }
    }
    writer.finish()
}
