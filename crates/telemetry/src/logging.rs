//! The log: to standard error, so that standard output stays for data.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line per event.
    #[default]
    Text,
    /// Without colours and for machines: `key=value` pairs after the message, no escape sequences.
    Plain,
}

/// Starts logging with a filter such as `info` or `bongsu_tsdb=debug,warn`. Calling it twice does nothing the second time.
///
/// # Errors
/// When the filter is not understood; the text says which part.
pub fn init_logging(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("log filter {filter:?}: {error}"))?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
    let ansi = format == LogFormat::Text && std::io::IsTerminal::is_terminal(&std::io::stderr());
    // Fails only when a subscriber is there already, as in tests.
    let _ = builder.with_ansi(ansi).try_init();
    Ok(())
}
