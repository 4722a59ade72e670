//! The queue and its sender against a centre that follows a script.

mod bounds;
mod centre;
mod delivery;

use std::path::Path;
use std::sync::Arc;

use bongsu_model::{Batch, Clock, Labels, Sample, Sink, SystemClock};

use crate::{Forward, Options};
use centre::Centre;

/// Sends at once and tries again quickly.
fn eager() -> Options {
    Options { send_deadline_ms: 0, backoff_min_ms: 1, backoff_max_ms: 4, ..Options::default() }
}

fn open(dir: &Path, options: Options, centre: &Arc<Centre>) -> Forward {
    open_at(dir, options, centre, Arc::new(SystemClock))
}

fn open_at(dir: &Path, options: Options, centre: &Arc<Centre>, clock: Arc<dyn Clock>) -> Forward {
    Forward::open(dir, options, clock, Arc::clone(centre) as Arc<dyn crate::Transport>).unwrap()
}

/// One scrape: every series `m{n="0"}` to `m{n="<series - 1>"}` gets the value `round` at that second.
fn scrape(forward: &Forward, series: usize, round: i64) {
    let sample = Sample { timestamp_ms: round * 1000, value: round as f64 };
    let labels = |n: usize| Labels::from_pairs([("__name__", "m"), ("n", &n.to_string())]);
    let series = (0..series).map(|n| (labels(n), sample)).collect();
    forward.append(Batch { series, metadata: Vec::new() }).unwrap();
}

/// The rounds that have arrived for each series, in the order in which they came.
#[track_caller]
fn check_rounds(centre: &Centre, series: usize, rounds: &[i64]) {
    for n in 0..series {
        assert_eq!(centre.rounds(&format!(r#"m{{n="{n}"}}"#)), rounds, "series {n}");
    }
}
