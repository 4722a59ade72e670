//! What an import says at its end.

use bongsu_exchange::{Counts, Error, Point};
use indicatif::HumanCount;

/// Besides counts: what the reader left out or found odd.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<String>);

impl Notes {
    pub(super) fn add(&mut self, note: impl Into<String>) {
        self.0.push(note.into());
    }

    /// Lines that made no sense.
    pub(super) fn bad_lines(&mut self, count: u64, first: Option<&Error>) {
        if let Some(first) = first {
            self.add(format!("{} lines were not understood; the first: {first}", HumanCount(count)));
        }
    }
}

/// The report's lines.
pub(super) fn lines(counts: &Counts, notes: &Notes, seconds: f64) -> Vec<String> {
    let kept = (counts.samples + counts.histograms).saturating_sub(counts.refused_samples());
    let mut lines = vec![format!(
        "imported {} samples of {} that were sent ({} floats, {} native histograms, {} exemplars) in {} requests, {seconds:.1} s",
        HumanCount(kept),
        HumanCount(counts.samples + counts.histograms),
        HumanCount(counts.samples),
        HumanCount(counts.histograms),
        HumanCount(counts.exemplars),
        HumanCount(counts.requests),
    )];
    for (reason, refused) in &counts.refused {
        let count = HumanCount(refused.count);
        lines.push(format!("refused {count} samples, {reason}; the first: {}", refused.example));
    }
    lines.extend(notes.0.iter().map(|note| format!("note: {note}")));
    lines
}

/// How to go on after an end that came too early.
pub(super) fn resume(point: Option<&Point>) -> String {
    match point {
        Some(point) => format!("all before {point} is safe; go on with --resume-from {point}"),
        None => "nothing is known to be safe; start again".to_owned(),
    }
}
