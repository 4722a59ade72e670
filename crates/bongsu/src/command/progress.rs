//! Progress bars, on standard error and only when that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over bytes.
pub(crate) fn of_bytes(total: u64, what: &'static str) -> ProgressBar {
    bar(total, what, "{msg:>12} [{bar:30}] {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left")
}

/// A bar over things.
pub(crate) fn of_things(total: u64, what: &'static str) -> ProgressBar {
    bar(total, what, "{msg:>12} [{bar:30}] {human_pos} of {human_len}, {eta} left")
}

fn bar(total: u64, what: &'static str, template: &str) -> ProgressBar {
    // The template is one of the two above; a default bar is as good.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message(what)
}
