//! `bongsu tsdb list`.

use bongsu_block::{Block, BlockMeta};
use bongsu_tsdb::offline::{self, BlockFile};

use crate::cli::ListArgs;
use crate::command::table::{Table, count, per, time};

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(super) fn run(args: &ListArgs) -> anyhow::Result<()> {
    let mut files = offline::block_files(&args.path)?;
    files.retain(|file| args.tenant.as_ref().is_none_or(|tenant| *tenant == file.tenant));
    let (text, damaged) = describe(&files);
    print!("{text}");
    anyhow::ensure!(damaged == 0, "{damaged} of {} blocks cannot be opened; bongsu tsdb verify says more", files.len());
    Ok(())
}

/// The table, and how many blocks cannot be opened.
fn describe(files: &[BlockFile]) -> (String, usize) {
    let head =
        ["tenant", "block", "first sample", "last sample", "level", "series", "samples", "bytes", "bytes/sample"];
    let mut table = Table::new(4, &head);
    let (mut samples, mut bytes, mut errors) = (0, 0, String::new());
    for file in files {
        match Block::open(&file.path) {
            Ok(block) => {
                table.push(row(file, block.meta()));
                samples += block.meta().sample_count;
                bytes += block.meta().size_bytes;
            }
            Err(error) => errors += &format!("{error}\n"),
        }
    }
    let damaged = errors.lines().count();
    let blocks = files.len() - damaged;
    let sums = [count(samples), count(bytes), per(bytes, samples)];
    let empty = std::iter::repeat_n(String::new(), 4);
    table.push([format!("{blocks} blocks"), String::new()].into_iter().chain(empty).chain(sums).collect());
    (format!("{}{errors}", table.text()), damaged)
}

fn row(file: &BlockFile, meta: &BlockMeta) -> Vec<String> {
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    vec![
        file.tenant.clone(),
        name.trim_end_matches(".block").to_owned(),
        time(meta.min_time_ms),
        time(meta.max_time_ms),
        meta.level.to_string(),
        count(u64::from(meta.series_count)),
        count(meta.sample_count),
        count(meta.size_bytes),
        per(meta.size_bytes, meta.sample_count),
    ]
}
