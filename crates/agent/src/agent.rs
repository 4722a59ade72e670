//! Start and stop.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use bongsu_exporters::Exporter;
use bongsu_exporters::node::NodeExporter;
use bongsu_forward::Forward;
use bongsu_model::{Clock, Sink, SystemClock};
use bongsu_scrape::{Manager, Targets};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::fetch::Fetcher;
use crate::http::PushTransport;
use crate::outlets::Outlets;
use crate::readings::Readings;

/// Bytes of one queue on disk; the oldest samples go when it is full. At 15 s a host's thousand series take about 25 MB a day.
const QUEUE_BYTES_MAX: u64 = 2 << 30;

/// A running agent.
pub struct Agent {
    manager: Arc<Manager>,
    outlets: Arc<Outlets>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Agent {
    /// Opens the queues under `data` and starts scraping.
    ///
    /// # Errors
    /// When a queue cannot be opened, or credentials or certificates cannot be read.
    pub async fn start(config: Config, data: &Path, readings: Readings) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        for section in &config.ignored {
            tracing::warn!(section, "the agent does not act on this section of the configuration");
        }
        let outlets = Arc::new(open_outlets(&config, data, &clock)?);
        readings.attach(&outlets);
        let fetcher = Arc::new(Fetcher::new(exporters(&config, &clock)?));
        let sink: Arc<dyn Sink> = Arc::clone(&outlets) as _;
        let manager = Arc::new(Manager::new(config.jobs, fetcher, sink, clock));
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn({
            let manager = Arc::clone(&manager);
            async move {
                manager
                    .run(async {
                        // A dropped sender also means stop.
                        let _ = stopped.await;
                    })
                    .await;
            }
        });
        Ok(Self { manager, outlets, stop, running })
    }

    /// All targets as they are now.
    #[must_use]
    pub fn targets(&self) -> Targets {
        self.manager.targets()
    }

    /// Stops scraping, lets requests on their way end and keeps the queue's place on disk.
    pub async fn stop(self) {
        // Fails only when it has ended already.
        let _ = self.stop.send(());
        if let Err(error) = self.running.await {
            tracing::error!(%error, "the scrape manager panicked");
        }
        drop(self.manager);
        let Some(outlets) = Arc::into_inner(self.outlets) else {
            tracing::error!("queues are still in use at the stop; what was sent in the last second is sent again");
            return;
        };
        let close = || {
            for forward in outlets.0 {
                if let Err(error) = forward.close() {
                    tracing::error!(%error, "cannot keep the queue's place; the last requests are sent again");
                }
            }
        };
        if tokio::task::spawn_blocking(close).await.is_err() {
            tracing::error!("closing the queues panicked");
        }
    }
}

fn open_outlets(config: &Config, data: &Path, clock: &Arc<dyn Clock>) -> anyhow::Result<Outlets> {
    let open = |section: &bongsu_forward::config::RemoteWrite| -> anyhow::Result<Forward> {
        let options = section.options(&config.external_labels, QUEUE_BYTES_MAX);
        let transport = Arc::new(PushTransport::new(section, &config.base_dir, Arc::clone(clock))?);
        let dir = data.join("queue").join(section.queue_name());
        Ok(Forward::open(&dir, options, Arc::clone(clock), transport)?)
    };
    let forwards = config.remote_write.iter().map(|section| open(section).with_context(|| section.url.clone()));
    Ok(Outlets(forwards.collect::<anyhow::Result<_>>()?))
}

fn exporters(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Vec<Box<dyn Exporter>>> {
    let mut exporters: Vec<Box<dyn Exporter>> = Vec::new();
    if let Some(options) = &config.node {
        exporters.push(Box::new(NodeExporter::new(options, clock)?));
    }
    Ok(exporters)
}
