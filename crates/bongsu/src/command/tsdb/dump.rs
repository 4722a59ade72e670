//! `bongsu tsdb dump`.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use bongsu_block::Block;
use bongsu_model::{Labels, Matcher, SampleBuffer, Selection, Source, TenantId, format_float};
use bongsu_tsdb::{Options, Store};

use crate::cli::DumpArgs;
use crate::command::input;

/// What is asked for.
struct Wanted {
    /// A series that fulfils all matchers of one of the sets; without sets, every series.
    selectors: Vec<Vec<Matcher>>,
    start_ms: i64,
    end_ms: i64,
}

pub(super) fn run(args: &DumpArgs) -> anyhow::Result<()> {
    let wanted = Wanted {
        selectors: args.selectors.iter().map(|text| input::selector(text)).collect::<Result<_, _>>()?,
        start_ms: args.start.as_deref().map_or(Ok(i64::MIN), input::time_ms)?,
        end_ms: args.end.as_deref().map_or(Ok(i64::MAX), input::time_ms)?,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let dumped = if args.path.is_file() {
        of_block(&args.path, &wanted, &mut out)
    } else {
        of_dir(&args.path, &TenantId::parse(&args.tenant)?, &wanted, &mut out)
    };
    match dumped.and_then(|()| Ok(out.flush()?)) {
        // Whoever reads it has read enough, as `head` does.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        outcome => outcome,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn of_block(path: &Path, wanted: &Wanted, out: &mut impl Write) -> anyhow::Result<()> {
    let block = Block::open(path)?;
    let mut numbers = Vec::new();
    for matchers in wanted.sets() {
        numbers.extend(block.select(&matchers)?);
    }
    numbers.sort_unstable();
    numbers.dedup();
    let mut samples = SampleBuffer::default();
    for number in numbers {
        samples.clear();
        block.read(number, wanted.start_ms, wanted.end_ms, &mut samples)?;
        print_series(&block.labels(number)?, &samples, out)?;
    }
    Ok(())
}

/// Through the store itself: what its log has is there too, and the later one of two samples counts.
fn of_dir(dir: &Path, tenant: &TenantId, wanted: &Wanted, out: &mut impl Write) -> anyhow::Result<()> {
    anyhow::ensure!(
        bongsu_tsdb::offline::is_data_dir(dir),
        "{} is neither a block nor a data directory",
        dir.display()
    );
    let options = Options { retention_ms: i64::MAX, ..Options::new(dir) };
    let (store, report) = Store::open(options).context("cannot open the data directory; is a server using it?")?;
    for damaged in &report.damaged {
        tracing::warn!("damaged and left out: {damaged}");
    }
    anyhow::ensure!(store.tenants().contains(tenant), "there is no tenant {tenant}");
    let reader = store.reader(tenant);
    let (start_ms, end_ms) = (wanted.start_ms, wanted.end_ms);
    let mut samples = SampleBuffer::default();
    let mut printed = std::collections::BTreeSet::new();
    let sets = wanted.sets();
    for matchers in &sets {
        let selection = Selection { matchers: matchers.clone(), start_ms, end_ms, series_max: usize::MAX };
        let set = reader.select(&selection)?;
        for place in 0..set.len() {
            let labels = set.labels(place)?;
            if sets.len() == 1 || printed.insert(labels.clone()) {
                samples.clear();
                set.read(place, &mut samples)?;
                print_series(&labels, &samples, out)?;
            }
        }
    }
    Ok(())
}

impl Wanted {
    fn sets(&self) -> Vec<Vec<Matcher>> {
        if self.selectors.is_empty() { vec![Vec::new()] } else { self.selectors.clone() }
    }
}

/// As `promtool tsdb dump` prints them; floats, then native histograms.
fn print_series(labels: &Labels, samples: &SampleBuffer, out: &mut impl Write) -> io::Result<()> {
    for (time_ms, value) in samples.timestamps_ms.iter().zip(&samples.values) {
        writeln!(out, "{labels} {} {time_ms}", format_float(*value))?;
    }
    for (time_ms, histogram) in &samples.histograms {
        writeln!(out, "{labels} {histogram} {time_ms}")?;
    }
    Ok(())
}
