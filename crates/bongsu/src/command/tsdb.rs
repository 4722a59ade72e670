//! `bongsu tsdb`: looking after a data directory without a server.

mod bench;
mod dump;
mod inspect;
mod list;
mod repair;
mod verify;

use crate::cli::TsdbCommand;

pub(super) use verify::damaged_of;

pub(super) fn run(command: &TsdbCommand) -> anyhow::Result<()> {
    match command {
        TsdbCommand::List(args) => list::run(args),
        TsdbCommand::Inspect(args) => inspect::run(args),
        TsdbCommand::Verify(args) => verify::run(args),
        TsdbCommand::Repair(args) => repair::run(args),
        TsdbCommand::Dump(args) => dump::run(args),
        TsdbCommand::Bench(args) => bench::run(args),
    }
}
