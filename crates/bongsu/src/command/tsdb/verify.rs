//! `bongsu tsdb verify`.

use std::path::Path;

use bongsu_tsdb::offline::{self, Check};

use crate::cli::VerifyArgs;
use crate::command::progress;
use crate::command::table::bytes;

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<()> {
    let files = offline::checks(&args.path)?;
    let damaged = damaged_of(&files);
    for (file, reasons) in &damaged {
        for reason in reasons {
            println!("{}", line(&file.path, reason));
        }
    }
    let total = files.iter().map(|file| file.bytes).sum();
    anyhow::ensure!(damaged.is_empty(), "{} of {} files are damaged", damaged.len(), files.len());
    println!("{} files with {} are whole", files.len(), bytes(total));
    Ok(())
}

/// The damaged ones of the files, and what is wrong with each.
pub(crate) fn damaged_of(files: &[Check]) -> Vec<(Check, Vec<String>)> {
    let bar = progress::of_bytes(files.iter().map(|file| file.bytes).sum(), "checking");
    let mut damaged = Vec::new();
    for file in files {
        let before = bar.position();
        let reasons = offline::check(file, &mut |done| bar.set_position(before + done));
        if !reasons.is_empty() {
            damaged.push((file.clone(), reasons));
        }
    }
    bar.finish_and_clear();
    damaged
}

/// A reason that names its file does not name it twice.
pub(super) fn line(path: &Path, reason: &str) -> String {
    let path = path.display().to_string();
    if reason.contains(&path) { reason.to_owned() } else { format!("{path}: {reason}") }
}
