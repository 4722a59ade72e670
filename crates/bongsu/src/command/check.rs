//! `bongsu check`: the same code that reads the files at start.

use std::path::PathBuf;

use crate::cli::CheckCommand;

pub(super) fn run(command: &CheckCommand) -> anyhow::Result<()> {
    match command {
        CheckCommand::Config { files } => {
            each(files, |file| bongsu_agent::Config::load(file).map(|config| config.summary()).map_err(Into::into))
        }
        CheckCommand::Server { files } => each(files, |file| {
            bongsu_config::load::<bongsu_server::Config>(file)?;
            Ok("a configuration of the centre".to_owned())
        }),
    }
}

/// One line per file: good ones to standard output, bad ones to standard error; fails when one is bad.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the result of the command")]
fn each(files: &[PathBuf], check: impl Fn(&PathBuf) -> anyhow::Result<String>) -> anyhow::Result<()> {
    let mut bad = 0;
    for file in files {
        match check(file) {
            Ok(summary) => println!("{}: ok, {summary}", file.display()),
            Err(error) => {
                bad += 1;
                eprintln!("{}", crate::whole_text(&error));
            }
        }
    }
    anyhow::ensure!(bad == 0, "{bad} of {} files are bad", files.len());
    Ok(())
}
