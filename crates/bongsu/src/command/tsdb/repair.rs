//! `bongsu tsdb repair`.

use bongsu_tsdb::offline::{self, Fixed, Repair};

use super::verify::{damaged_of, line};
use crate::cli::RepairArgs;
use crate::command::table::count;

#[expect(clippy::print_stdout, reason = "the result of the command")]
pub(super) fn run(args: &RepairArgs) -> anyhow::Result<()> {
    anyhow::ensure!(offline::is_data_dir(&args.dir), "{} is no data directory", args.dir.display());
    let repair = Repair::begin(&args.dir)?;
    let damaged = damaged_of(&offline::checks(&args.dir)?);
    let mut failed = 0;
    for (file, reasons) in &damaged {
        reasons.iter().for_each(|reason| println!("{}", line(&file.path, reason)));
        if args.dry_run {
            continue;
        }
        match repair.fix(file, &mut |_| ()) {
            Ok(fixed) => print!("{}", describe(&fixed)),
            Err(error) => {
                failed += 1;
                println!("  left as it is: {error}");
            }
        }
    }
    println!("{} damaged files", damaged.len());
    anyhow::ensure!(failed == 0, "{failed} files could not be repaired");
    Ok(())
}

fn describe(fixed: &Fixed) -> String {
    let mut text = format!("  lost: {}\n", fixed.lost);
    if let Some((series, samples)) = fixed.rebuilt {
        text += &format!("  kept: {} series with {} samples\n", count(series), count(samples));
    }
    if let Some(aside) = &fixed.aside {
        text += &format!("  the damaged file is now {}\n", aside.display());
    }
    text
}
