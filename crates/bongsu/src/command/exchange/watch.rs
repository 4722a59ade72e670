//! Progress, and the wish to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bongsu_exchange::{Error, Piece, Point, Receiver, Uploader};
use bongsu_model::MetricMetadata;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use tokio::runtime::Runtime;

/// Set by Ctrl-C and SIGTERM; the second time the process ends at once.
pub(super) fn stop_flag(runtime: &Runtime) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    runtime.spawn(async move {
        while super::super::stop_signal().await.is_ok() {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        }
    });
    stop
}

/// A bar of `total` steps, or one that only turns when the total is not known.
pub(super) fn bar(total: Option<u64>, what: &str) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new_spinner(),
    };
    let template = match total {
        Some(_) => format!("{{bar:30}} {{percent:>3}} % of {{human_len}} {what}, {{msg}}, {{eta}} left"),
        None => format!("{{spinner}} {{human_pos}} {what}, {{msg}}"),
    };
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// Shows what goes by on its way to the uploader.
pub(super) struct Watched<'u, 't> {
    pub(super) uploader: &'u mut Uploader<'t>,
    pub(super) bar: ProgressBar,
    pub(super) stop: Arc<AtomicBool>,
}

impl Watched<'_, '_> {
    fn look(&self) -> Result<(), Error> {
        if self.stop.load(Ordering::Relaxed) { Err(Error::Stopped) } else { Ok(()) }
    }
}

impl Receiver for Watched<'_, '_> {
    fn piece(&mut self, piece: Piece<'_>) -> Result<(), Error> {
        self.look()?;
        self.uploader.piece(piece)
    }

    fn metadata(&mut self, family: &str, metadata: &MetricMetadata) -> Result<(), Error> {
        self.uploader.metadata(family, metadata)
    }

    fn reached(&mut self, point: &Point) -> Result<(), Error> {
        self.bar.inc(1);
        if self.bar.position().is_multiple_of(64) || self.bar.length().is_some_and(|total| total < 1_000) {
            let counts = self.uploader.counts();
            let refused = counts.refused_samples();
            let refused = if refused > 0 { format!(", {} refused", HumanCount(refused)) } else { String::new() };
            self.bar.set_message(format!("{} samples{refused}", HumanCount(counts.samples + counts.histograms)));
        }
        self.uploader.reached(point)?;
        self.look()
    }
}
