//! `bongsu tsdb inspect`.

use bongsu_block::{Block, BlockMeta, Inspection};

use crate::cli::InspectArgs;
use crate::command::table::{Table, count, per, share, time};

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(super) fn run(args: &InspectArgs) -> anyhow::Result<()> {
    let block = Block::open(&args.file)?;
    let found = block.inspect()?;
    let (meta, labels) = (block.meta(), labels(&found, args.labels));
    print!("{}\n{}\n{}\n{}\n{labels}", summary(meta, &found), parts(&found), codecs(&found), chunks(&found));
    Ok(())
}

fn summary(meta: &BlockMeta, found: &Inspection) -> String {
    format!(
        "format version {}, level {}\n{} to {} UTC\n{} series, {} samples, {} chunks\n{} bytes, {} per sample\n",
        found.version,
        meta.level,
        time(meta.min_time_ms),
        time(meta.max_time_ms),
        count(u64::from(meta.series_count)),
        count(meta.sample_count),
        count(meta.chunk_count),
        count(meta.size_bytes),
        per(meta.size_bytes, meta.sample_count),
    )
}

fn parts(found: &Inspection) -> String {
    let total = found.parts.iter().map(|part| part.stored_bytes).sum();
    let mut table = Table::new(1, &["part", "bytes", "share", "unpacked"]);
    for part in &found.parts {
        let share = share(part.stored_bytes, total);
        table.push(vec![part.name.to_owned(), count(part.stored_bytes), share, count(part.raw_bytes)]);
    }
    table.text()
}

/// Within the part "samples".
fn codecs(found: &Inspection) -> String {
    let values: u64 = found.codecs.iter().map(|codec| codec.bytes).sum();
    let total = values + found.time_bytes + found.start_bytes;
    let mut table = Table::new(1, &["columns", "number", "samples", "bytes", "share", "bytes/sample"]);
    for codec in &found.codecs {
        table.push(vec![
            codec.name.clone(),
            count(codec.columns),
            count(codec.samples),
            count(codec.bytes),
            share(codec.bytes, total),
            per(codec.bytes, codec.samples),
        ]);
    }
    let number = count(found.time_columns);
    table.push(vec![
        "times".to_owned(),
        number,
        String::new(),
        count(found.time_bytes),
        share(found.time_bytes, total),
    ]);
    if found.start_bytes > 0 {
        let [none, bytes, share] = [String::new(), count(found.start_bytes), share(found.start_bytes, total)];
        table.push(vec!["starts".to_owned(), none.clone(), none, bytes, share]);
    }
    table.text()
}

fn chunks(found: &Inspection) -> String {
    const BAR: usize = 40;
    let most = found.chunk_samples.iter().map(|(_, chunks)| *chunks).max().unwrap_or(1);
    let mut text = "samples of a chunk, at most\n".to_owned();
    for (samples, chunks) in &found.chunk_samples {
        let bar = (*chunks as u128 * BAR as u128).div_ceil(u128::from(most)) as usize;
        text += &format!("{:>8}  {:<BAR$}  {}\n", count(*samples), "#".repeat(bar), count(*chunks));
    }
    text
}

fn labels(found: &Inspection, limit: usize) -> String {
    let mut table = Table::new(1, &["label", "values", "text bytes", "postings bytes"]);
    for label in found.labels.iter().take(limit) {
        let numbers = [label.values, label.text_bytes, label.postings_bytes];
        table.push(std::iter::once(label.name.clone()).chain(numbers.map(count)).collect());
    }
    if found.labels.len() > limit {
        table.push(vec![format!("... {} more", found.labels.len() - limit)]);
    }
    table.text()
}
