//! How many appends a second the log takes and how many of them share one sync:
//! `cargo run --release -p bongsu-log --example appends -- [threads] [payload bytes] [directory]`

#![expect(clippy::print_stdout, reason = "a measurement's figures go to the terminal")]

use std::path::PathBuf;
use std::time::Instant;

use bongsu_log::{Error, Log, Options};

const APPENDS_PER_THREAD: usize = 5_000;

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let threads: usize = args.next().and_then(|text| text.parse().ok()).unwrap_or(16);
    let payload_bytes: usize = args.next().and_then(|text| text.parse().ok()).unwrap_or(30_000);
    let parent = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = parent.join(format!("bongsu-log-appends-{}", std::process::id()));

    let (log, _) = Log::open(&dir, Options::default(), &mut |_, _| {})?;
    let payload = vec![7; payload_bytes];
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| -> Result<(), Error> {
                for _ in 0..APPENDS_PER_THREAD {
                    log.append(&[&payload])?.1.wait()?;
                }
                Ok(())
            });
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let stats = log.stats();
    drop(log);
    println!(
        "{threads} threads x {APPENDS_PER_THREAD} durable appends of {payload_bytes} bytes: {:.0} appends/s, {:.1} MB/s, {} syncs, {:.1} appends per sync",
        stats.appends as f64 / seconds,
        stats.appended_bytes as f64 / seconds / 1e6,
        stats.syncs,
        stats.appends as f64 / stats.syncs as f64,
    );

    let began = Instant::now();
    let (_log, recovery) = Log::open(&dir, Options::default(), &mut |_, _| {})?;
    println!(
        "reopened: {} records, {:.0} MB/s",
        recovery.records,
        recovery.bytes as f64 / began.elapsed().as_secs_f64() / 1e6
    );
    // What is left of a measurement does no harm.
    let _ = std::fs::remove_dir_all(&dir);
    Ok(())
}
