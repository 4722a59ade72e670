//! `bongsu snapshot`: a data directory of hard links, by a running centre or without one.

use std::path::{Path, PathBuf};

use anyhow::Context;
use bongsu_model::{Clock, SystemClock};
use bongsu_tsdb::{Options, Store};

use crate::cli::SnapshotArgs;

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(super) fn run(args: &SnapshotArgs) -> anyhow::Result<()> {
    match &args.url {
        Some(url) => println!("{}", ask(url, false)?),
        None => println!("{}", make(&args.data, "")?.display()),
    }
    Ok(())
}

/// Asks a running centre, for one that goes when a backup is done or for one that stays. Returns the name of the directory
/// below `snapshots` of its data directory.
pub(super) fn ask(url: &str, for_backup: bool) -> anyhow::Result<String> {
    let url = format!("{}/api/v1/admin/tsdb/snapshot?backup={for_backup}", url.trim_end_matches('/'));
    // A flush of much memory to a slow disk comes first.
    let timeout = std::time::Duration::from_secs(3600);
    let options = bongsu_net::ClientOptions { timeout, ..bongsu_net::ClientOptions::default() };
    let answer = super::block_on(async move {
        let client = bongsu_net::Client::new(options)?;
        Ok(client.post(&url, &[], Default::default(), 1 << 16).await?)
    })?;
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status == 503 && text.contains("admin APIs disabled") {
        anyhow::bail!("the centre refuses: start it with --enable-admin-api");
    }
    anyhow::ensure!(answer.status == 200, "the centre answers {}: {}", answer.status, text.trim());
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).context("answer of the centre")?;
    let name = answer["data"]["name"].as_str().context("the answer of the centre has no name of a snapshot")?;
    // It becomes part of a path.
    anyhow::ensure!(!name.is_empty() && !name.contains(['/', '.']), "the centre answers an odd name: {name:?}");
    Ok(name.to_owned())
}

/// Takes the data directory and makes a snapshot below it, whose name ends so; returns where.
pub(super) fn make(data: &Path, end: &str) -> anyhow::Result<PathBuf> {
    anyhow::ensure!(bongsu_tsdb::offline::is_data_dir(data), "{} is no data directory", data.display());
    // Nothing is too old to be backed up.
    let options = Options { retention_ms: i64::MAX, ..Options::new(data) };
    let (store, report) = Store::open(options)
        .context("cannot take the data directory; if a centre uses it, name it: --url http://127.0.0.1:9009")?;
    for damaged in &report.damaged {
        tracing::warn!("damaged and left out: {damaged}");
    }
    let dir = data.join("snapshots").join(time_name() + end);
    store.snapshot(&dir, true)?;
    Ok(dir)
}

/// Names that sort by time.
pub(super) fn time_name() -> String {
    let now = jiff::Timestamp::from_millisecond(SystemClock.now_ms()).unwrap_or_default();
    now.strftime("%Y%m%dT%H%M%S.%3fZ").to_string()
}
