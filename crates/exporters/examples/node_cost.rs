//! What a collection of this host costs: `cargo run --release -p bongsu-exporters --example node_cost`.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bongsu_exporters::Exporter;
use bongsu_exporters::node::{NodeExporter, Options};
use bongsu_model::{Clock, SystemClock};
use rustix::time::{ClockId, clock_gettime};

const COLLECTIONS: u32 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut exporter = NodeExporter::new(&Options::default(), &clock)?;
    let mut families = Vec::new();
    exporter.collect(&mut families);
    let begun = cpu_time();
    for _ in 0..COLLECTIONS {
        families.clear();
        exporter.collect(&mut families);
    }
    let each = (cpu_time() - begun) / COLLECTIONS;
    let series: usize = families.iter().map(|family| family.samples.len()).sum();
    let mut slowest: Vec<(f64, String)> = families
        .iter()
        .filter(|family| family.name == "node_scrape_collector_duration_seconds")
        .flat_map(|family| family.samples.iter().map(|(labels, seconds)| (*seconds, labels.to_string())))
        .collect();
    slowest.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut out = std::io::stdout().lock();
    writeln!(out, "{series} series, {each:?} of CPU a collection; the slowest of the last one:")?;
    for (seconds, labels) in slowest.iter().take(5) {
        writeln!(out, "  {:?} {labels}", Duration::from_secs_f64(*seconds))?;
    }
    Ok(())
}

/// User and system time of this process.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
