//! How many samples a second go through the queue, from a scrape's batch to a request that a centre takes at once:
//! `cargo run --release -p bongsu-forward --example throughput -- [scrapes] [series per scrape]`

#![expect(clippy::print_stdout, reason = "a measurement's figures go to the terminal")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use bongsu_forward::{Forward, Options, Request, Response, Transport, TransportError};
use bongsu_model::{Batch, Labels, Sample, Sink, SystemClock};

/// Takes everything and looks at nothing.
struct Takes;

impl Transport for Takes {
    fn send(&self, _: Request<'_>) -> Result<Response, TransportError> {
        Ok(Response { status: 204, ..Response::default() })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let scrapes: i64 = args.next().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let series: usize = args.next().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let dir = std::env::temp_dir().join(format!("bongsu-forward-throughput-{}", std::process::id()));

    let names: Vec<Labels> = (0..series).map(labels).collect();
    let options = Options { samples_per_send_max: 10_000, ..Options::default() };
    let forward = Forward::open(&dir, options, Arc::new(SystemClock), Arc::new(Takes))?;
    let began = Instant::now();
    for scrape in 0..scrapes {
        let sample = |n: usize| Sample { timestamp_ms: scrape * 15_000, value: (n as i64 + scrape) as f64 };
        let series = names.iter().enumerate().map(|(n, labels)| (labels.clone(), sample(n))).collect();
        forward.append(Batch { series, metadata: Vec::new() })?;
    }
    let appended_seconds = began.elapsed().as_secs_f64();
    while forward.stats().samples_pending >= 10_000 {
        std::thread::yield_now();
    }
    let stats = forward.stats();
    println!(
        "{scrapes} scrapes of {series} series: {:.0} samples/s into the queue, {:.0} samples/s to the centre, {} requests, {:.1} bytes per sample on the wire",
        stats.samples_appended as f64 / appended_seconds,
        stats.samples_sent as f64 / began.elapsed().as_secs_f64(),
        stats.requests_sent,
        stats.bytes_sent as f64 / stats.samples_sent as f64,
    );
    forward.close()?;
    // What is left of a measurement does no harm.
    let _ = std::fs::remove_dir_all(&dir);
    Ok(())
}

/// About 200 bytes, as node_exporter's series have.
fn labels(n: usize) -> Labels {
    Labels::from_pairs([
        ("__name__", format!("node_filesystem_measured_bytes_{}", n / 50)),
        ("device", format!("/dev/mapper/vg{}-lv{}", n % 50, n % 7)),
        ("fstype", "xfs".to_owned()),
        ("instance", "db-17.seoul.example.com:9100".to_owned()),
        ("job", "node".to_owned()),
        ("mountpoint", format!("/srv/data/{}", n % 50)),
        ("region", "ap-northeast-2".to_owned()),
    ])
}
