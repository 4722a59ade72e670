//! `bongsu-bench`: loads Bongsu and its peers with the same data, one after another, and writes down what each needed.
//!
//! What counts are ratios within one run: server CPU from /proc, not wall time, so that other work on the machine
//! shifts the figures little. The part `stages` times the steps of the store in this process instead.

mod contender;
mod dashboards;
mod goal;
mod queries;
mod report;
mod stages;
mod store;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use bongsu_testkit::generator::{Generator, INTERVAL_MS, Request, SERIES_PER_HOST};
use bongsu_testkit::measure::{self, MemoryWatch};
use bongsu_testkit::replay::replay;
use clap::Parser;

use contender::{Contender, Programs, contenders};
use report::Measured;

/// Compares Bongsu with Prometheus and VictoriaMetrics on the same load.
#[derive(Parser)]
struct Arguments {
    /// Series, in hosts of 1000
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// Scrapes of each host, 15 s apart
    #[arg(long, default_value_t = 40)]
    scrapes: usize,
    /// Kept-alive connections
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Which programs run, in this order
    #[arg(long, value_delimiter = ',', default_value = "bongsu,prometheus,victoria-metrics")]
    programs: Vec<String>,
    /// Bongsu's program
    #[arg(long, default_value = "target/release/bongsu")]
    bongsu: PathBuf,
    /// Prometheus' program, say a newer one by its path
    #[arg(long, default_value = "prometheus")]
    prometheus: PathBuf,
    /// VictoriaMetrics' program
    #[arg(long, default_value = "victoria-metrics")]
    victoria_metrics: PathBuf,
    /// Folder for the data, emptied afterwards; default: the system's temporary folder
    #[arg(long)]
    dir: Option<PathBuf>,
    /// What is measured
    #[arg(long, value_enum, value_delimiter = ',', default_value = "load,dashboards,store,stages")]
    parts: Vec<Part>,
    /// The parts store and stages at a small share of their size, to see that they work: the figures mean nothing
    #[arg(long, conflicts_with = "page")]
    trial: bool,
    /// Page whose table is replaced; without it the table is only printed
    #[arg(long)]
    page: Option<PathBuf>,
}

/// A part of the measurement.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Taking samples in, and a few questions about them
    Load,
    /// Twenty questions of dashboards about a day of history
    Dashboards,
    /// A million series, a kill and a new start, bytes of two hours and of a day
    Store,
    /// Each stage of a write in this process, without peers
    Stages,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.connections > 0, "--connections must be at least 1");
    ensure!(arguments.scrapes > 1, "--scrapes must be at least 2: the first one creates the series");
    let Arguments { bongsu, prometheus, victoria_metrics, .. } = &arguments;
    let known = contenders(&Programs { bongsu, prometheus, victoria_metrics });
    let command = std::env::args().skip(1).fold("bongsu-bench".to_owned(), |line, argument| line + " " + &argument);
    if arguments.parts.contains(&Part::Load) {
        bench_load(&arguments, &known, &command)?;
    }
    if arguments.parts.contains(&Part::Dashboards) {
        bench_dashboards(&arguments, &known, &command)?;
    }
    if arguments.parts.contains(&Part::Store) {
        bench_store(&arguments, &known, &command)?;
    }
    if arguments.parts.contains(&Part::Stages) {
        bench_stages(&arguments, &command)?;
    }
    Ok(())
}

/// The wanted programs that are installed, with their versions.
fn installed<'k>(arguments: &Arguments, known: &'k [Contender]) -> anyhow::Result<Vec<(&'k Contender, String)>> {
    let mut found = Vec::new();
    for name in &arguments.programs {
        let Some(contender) = known.iter().find(|contender| contender.name == name) else {
            bail!("no program {name:?}; there are {}", known.iter().map(|c| c.name).collect::<Vec<_>>().join(", "));
        };
        let Some(version) = contender.version() else {
            say(&format!("{name}: not installed at {}, left out", contender.program.display()))?;
            continue;
        };
        found.push((contender, version));
    }
    Ok(found)
}

fn bench_dashboards(arguments: &Arguments, known: &[Contender], command: &str) -> anyhow::Result<()> {
    // Aligned, so that all programs have the same steps.
    let now_ms = jiff::Timestamp::now().as_millisecond() / 60_000 * 60_000;
    let mut results = Vec::new();
    for (contender, version) in installed(arguments, known)? {
        let name = contender.name;
        say(&format!("{name} {version}: a day of history, twenty questions"))?;
        let answers = dashboards::measure(contender, version, arguments.dir.as_deref(), now_ms, arguments.connections);
        results.push(answers.with_context(|| format!("{name} failed"))?);
    }
    let text = format!("{}\n{}\n", report::dashboards_table(&results), report::circumstances(command));
    let mut out = std::io::stdout().lock();
    for answers in &results {
        writeln!(out, "{}", serde_json::to_string(answers)?)?;
    }
    writeln!(out, "\n{text}")?;
    arguments.page.as_ref().map_or(Ok(()), |page| report::write(page, "dashboards", &text))
}

fn bench_store(arguments: &Arguments, known: &[Contender], command: &str) -> anyhow::Result<()> {
    let now_ms = jiff::Timestamp::now().as_millisecond() / INTERVAL_MS * INTERVAL_MS;
    let mut results = Vec::new();
    for (contender, version) in installed(arguments, known)? {
        let (dir, connections) = (arguments.dir.as_deref(), arguments.connections);
        let sizes = if arguments.trial { store::TRIAL } else { store::WHOLE };
        let bench = store::Bench { contender, dir, now_ms, connections, sizes };
        let name = contender.name;
        say(&format!("{name} {version}: a million series, a kill, two hours and a day"))?;
        results.push(bench.run(version).with_context(|| format!("{name} failed"))?);
    }
    let text = format!("{}\n{}\n", store::table(&results), report::circumstances(command));
    let mut out = std::io::stdout().lock();
    for held in &results {
        writeln!(out, "{}", serde_json::to_string(held)?)?;
    }
    writeln!(out, "\n{text}")?;
    arguments.page.as_ref().map_or(Ok(()), |page| report::write(page, "store", &text))
}

fn bench_stages(arguments: &Arguments, command: &str) -> anyhow::Result<()> {
    let (dir, now_ms) = (arguments.dir.as_deref(), jiff::Timestamp::now().as_millisecond());
    let mut costs = Vec::new();
    for hosts in if arguments.trial { stages::TRIAL_WIDTHS } else { stages::WIDTHS } {
        say(&format!("stages of a write: {hosts} hosts of {SERIES_PER_HOST} series"))?;
        costs.push(stages::measure(hosts, dir, now_ms)?);
    }
    say("blocks")?;
    let blocks = stages::measure_blocks(dir, now_ms)?;
    let (writes, values) = (stages::table(&costs), stages::blocks_table(&blocks));
    let text = format!("{writes}\n{values}\n{}\n", report::circumstances(command));
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\n{}", serde_json::to_string(&costs)?, serde_json::to_string(&blocks)?)?;
    writeln!(out, "\n{text}")?;
    arguments.page.as_ref().map_or(Ok(()), |page| report::write(page, "stages", &text))
}

fn bench_load(arguments: &Arguments, known: &[Contender], command: &str) -> anyhow::Result<()> {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let scrapes = generate(arguments, now_ms)?;
    let mut results = Vec::new();
    for (contender, version) in installed(arguments, known)? {
        let name = contender.name;
        say(&format!("{name} {version}: {} series, {} scrapes", arguments.series, arguments.scrapes))?;
        results
            .push(measure(contender, version, &scrapes, now_ms, arguments).with_context(|| format!("{name} failed"))?);
    }
    let (load, answers) = (report::load_table(&results), report::answers_table(&results));
    let text = format!("{load}\n{answers}\n{}\n", report::circumstances(command));
    let mut out = std::io::stdout().lock();
    for measured in &results {
        writeln!(out, "{}", serde_json::to_string(measured)?)?;
    }
    writeln!(out, "\n{text}")?;
    arguments.page.as_ref().map_or(Ok(()), |page| report::write(page, "bench", &text))
}

/// All requests, made beforehand so that the client costs next to nothing while it measures.
fn generate(arguments: &Arguments, now_ms: i64) -> anyhow::Result<Vec<Vec<Request>>> {
    let hosts = u32::try_from(arguments.series.div_ceil(SERIES_PER_HOST)).context("--series is too large")?;
    let mut generator = Generator::new(hosts, now_ms - arguments.scrapes as i64 * INTERVAL_MS);
    Ok((0..arguments.scrapes).map(|_| generator.next_scrape()).collect::<Result<_, _>>()?)
}

fn measure(
    contender: &Contender,
    version: String,
    scrapes: &[Vec<Request>],
    now_ms: i64,
    arguments: &Arguments,
) -> anyhow::Result<Measured> {
    let folder = match &arguments.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let running = contender.start(folder.path())?;
    let pid = running.server.pid();
    let load = |scrapes| replay(&running.address, contender.push_path, scrapes, arguments.connections);
    let memory = MemoryWatch::start(pid);
    let start = measure::cpu_seconds(pid)?;
    let first = load(&scrapes[..1])?;
    let created = measure::cpu_seconds(pid)?;
    let steady = load(&scrapes[1..])?;
    let acked = measure::cpu_seconds(pid)?;
    contender.wait_idle(&running)?;
    let idle = measure::cpu_seconds(pid)?;
    let memory_peak_bytes = memory.peak_bytes();
    let answers = queries::ask_all(&running.address, pid, now_ms)?;
    let asked = measure::cpu_seconds(pid)?;
    let disk_bytes = contender.settled_bytes(&running)?;
    Ok(Measured {
        name: contender.name,
        version,
        first_cpu_seconds: created - start,
        steady_cpu_seconds: acked - created,
        idle_cpu_seconds: idle - start,
        settle_cpu_seconds: measure::cpu_seconds(pid)? - asked,
        first,
        steady,
        memory_peak_bytes,
        answers,
        disk_bytes,
    })
}

/// Progress goes to standard error: the result is on standard output.
fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stderr(), "{text}")?)
}
