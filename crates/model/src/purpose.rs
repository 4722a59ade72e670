//! What will be made of selected samples: a source that also keeps summaries of old samples may answer with those.

/// The question behind a selection: which windows of time, and which number of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purpose {
    /// What is made of the samples of a window.
    pub summary: Summary,
    /// The length of the windows, milliseconds. A window does not hold its start, but its end.
    pub range_ms: i64,
    /// The end of the first window, milliseconds.
    pub first_end_ms: i64,
    /// How far the ends of windows are from each other, milliseconds; 1 when there is one by itself.
    pub step_ms: i64,
    /// How many windows there are.
    pub steps: usize,
}

/// What is made of the samples of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    /// Something that needs the samples themselves.
    #[default]
    Samples,
    /// The last one, as the value of a series at the window's end.
    Value,
    /// The first one or the last one.
    Ends,
    /// Whether there is any.
    Presence,
    /// The least one.
    Min,
    /// The greatest one.
    Max,
    /// Their sum.
    Sum,
    /// Their mean or how many they are.
    Mean,
    /// How much a counter grew.
    Growth,
    /// The difference of the last one and the first one.
    Difference,
}

impl Purpose {
    /// The samples themselves: no windows.
    pub const SAMPLES: Self = Self { summary: Summary::Samples, range_ms: 0, first_end_ms: 0, step_ms: 0, steps: 0 };

    /// How far apart answers are, milliseconds; of a single window, its length.
    #[must_use]
    pub fn spacing_ms(&self) -> i64 {
        if self.steps > 1 || self.step_ms > 1 { self.step_ms } else { self.range_ms }
    }
}
