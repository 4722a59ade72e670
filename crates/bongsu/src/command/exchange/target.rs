//! Where imported samples go: to a receiver of remote write, or into a data directory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bongsu_exchange::{Protocol, Sent, Transport};
use bongsu_model::TenantId;
use bongsu_net::Response;
use bongsu_tsdb::{Store, WriteErrorKind};

use super::http::{Headers, Http, excerpt, headers, with_path};
use crate::cli::TargetArgs;

/// A wait is looked at so often for the wish to end.
const LOOK: Duration = Duration::from_millis(100);

/// Carries requests, and puts things in order when all are sent.
pub(super) trait Target: Transport {
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// What the flags name.
pub(super) fn open<'h>(
    args: &TargetArgs,
    http: &'h Http,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<Box<dyn Target + 'h>> {
    if let Some(data) = &args.data {
        let store = super::open_store(data, args.config.as_deref())?;
        let tenant = super::tenant(args.window.tenant.as_ref())?;
        return Ok(Box::new(Directory { store, tenant, stop }));
    }
    let mut headers = headers(&args.headers)?;
    if let Some(tenant) = &args.window.tenant {
        headers.push(("X-Scope-OrgID".to_owned(), tenant.clone()));
    }
    let url = with_path(args.to.as_deref().unwrap_or_default(), "/api/v1/push");
    Ok(Box::new(Remote { http, url, headers, stop, is_waiting: false }))
}

struct Remote<'h> {
    http: &'h Http,
    url: String,
    headers: Headers,
    stop: Arc<AtomicBool>,
    /// Whether the last try has to be repeated.
    is_waiting: bool,
}

impl Transport for Remote<'_> {
    fn send(&mut self, protocol: Protocol, body: &[u8]) -> Sent {
        let (kind, version) = match protocol {
            Protocol::RemoteWrite1 => ("application/x-protobuf", "0.1.0"),
            Protocol::RemoteWrite2 => ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"),
        };
        let mut headers = self.headers.clone();
        for (name, value) in
            [("Content-Type", kind), ("Content-Encoding", "snappy"), ("X-Prometheus-Remote-Write-Version", version)]
        {
            headers.push((name.to_owned(), value.to_owned()));
        }
        let sent = match self.http.post(&self.url, &headers, body.to_vec()) {
            Ok(answer) => verdict(&self.url, protocol, &answer),
            Err(error) => Sent::Again { reason: error.to_string(), after_ms: None },
        };
        // Told once for each time that it begins: an import that stands still has to say why.
        match &sent {
            Sent::Again { reason, .. } if !self.is_waiting => {
                tracing::warn!("{reason}; trying again");
                self.is_waiting = true;
            }
            Sent::Again { .. } => {}
            _ => self.is_waiting = false,
        }
        sent
    }

    fn wait(&mut self, ms: u64) -> bool {
        wait(ms, &self.stop)
    }
}

impl Target for Remote<'_> {
    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        Ok(())
    }
}

/// What an answer means. Source: the remote write specifications.
fn verdict(url: &str, protocol: Protocol, answer: &Response) -> Sent {
    let text = excerpt(&String::from_utf8_lossy(&answer.body));
    let count = |name| answer.header(name).and_then(|count| count.parse::<u64>().ok());
    let samples = count("x-prometheus-remote-write-samples-written");
    let written = samples.map(|samples| samples + count("x-prometheus-remote-write-histograms-written").unwrap_or(0));
    match answer.status {
        200..300 if protocol == Protocol::RemoteWrite2 && written.is_none() => {
            Sent::Never { reason: format!("{url} does not know remote write 2.0: use --protocol 1") }
        }
        200..300 => Sent::Taken { written },
        400 => Sent::Partly { written, reason: text },
        429 | 500.. => {
            let after_ms = answer.header("retry-after").and_then(|wait| wait.parse::<u64>().ok()).map(|s| s * 1000);
            Sent::Again { reason: format!("{url} answered {}: {text}", answer.status), after_ms }
        }
        415 if protocol == Protocol::RemoteWrite2 => {
            Sent::Never { reason: format!("{url} does not take remote write 2.0: use --protocol 1") }
        }
        413 => Sent::Never { reason: format!("{url} answered 413: {text}: use a smaller --batch") },
        status => Sent::Never { reason: format!("{url} answered {status}: {text}") },
    }
}

struct Directory {
    store: Store,
    tenant: TenantId,
    stop: Arc<AtomicBool>,
}

impl Transport for Directory {
    fn send(&mut self, protocol: Protocol, body: &[u8]) -> Sent {
        let protocol = match protocol {
            Protocol::RemoteWrite1 => bongsu_tsdb::Protocol::RemoteWrite1,
            Protocol::RemoteWrite2 => bongsu_tsdb::Protocol::RemoteWrite2,
        };
        // No other thread does it here: memory goes to blocks when it is time.
        if let Err(error) = self.store.maintain() {
            return Sent::Again { reason: error.to_string(), after_ms: Some(1_000) };
        }
        let mut written = match self.store.write(&self.tenant, protocol, body) {
            Ok(written) => written,
            Err(error) if matches!(error.kind, WriteErrorKind::Limit | WriteErrorKind::Unavailable) => {
                return Sent::Again { reason: error.to_string(), after_ms: None };
            }
            Err(error) => return Sent::Never { reason: error.to_string() },
        };
        let (kept, rejected) = (written.samples + written.histograms, written.rejected.take());
        if let Err(error) = written.wait() {
            return Sent::Again { reason: error.to_string(), after_ms: None };
        }
        match rejected {
            None => Sent::Taken { written: Some(kept) },
            Some(rejected) => Sent::Partly {
                written: Some(kept),
                reason: format!("{}: {}: {}", rejected.reason.as_str(), rejected.series, rejected.message),
            },
        }
    }

    fn wait(&mut self, ms: u64) -> bool {
        wait(ms, &self.stop)
    }
}

impl Target for Directory {
    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        self.store.flush()?;
        self.store.merge()?;
        Ok(self.store.close()?)
    }
}

/// False: the user wants the end.
fn wait(ms: u64, stop: &AtomicBool) -> bool {
    let end = Instant::now() + Duration::from_millis(ms);
    while Instant::now() < end {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        std::thread::sleep(LOOK.min(end.saturating_duration_since(Instant::now())));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Sent {
        let mut response =
            Response { status, headers: Default::default(), body: bytes::Bytes::from_static(b"too_old: up: text\n") };
        for (name, value) in headers {
            response.headers.insert(*name, value.parse().unwrap());
        }
        verdict("U", Protocol::RemoteWrite2, &response)
    }

    #[test]
    fn answers_tell_what_to_do() {
        let written = [("x-prometheus-remote-write-samples-written", "3")];
        assert_eq!(answer(204, &written), Sent::Taken { written: Some(3) });
        assert!(matches!(answer(204, &[]), Sent::Never { reason } if reason.contains("--protocol 1")));
        let reason = "too_old: up: text".to_owned();
        assert_eq!(answer(400, &written), Sent::Partly { written: Some(3), reason });
        let reason = "U answered 503: too_old: up: text".to_owned();
        assert_eq!(answer(503, &[("retry-after", "2")]), Sent::Again { reason, after_ms: Some(2_000) });
        assert!(matches!(answer(401, &[]), Sent::Never { .. }));
    }
}
