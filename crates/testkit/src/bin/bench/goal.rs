//! What the store shall reach, as the project's plan has it, held against what was measured.

use std::fmt;

/// A bound for one figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    /// The goal, and whether Bongsu reached it, for the last column of a table.
    pub(crate) fn verdict(self, measured: Option<f64>) -> String {
        let is_met = |measured: f64| match self {
            Self::AtMost(bound) => measured <= bound,
            Self::AtLeast(bound) => measured >= bound,
        };
        match measured {
            None => self.to_string(),
            Some(measured) if is_met(measured) => format!("{self}: met"),
            Some(_) => format!("{self}: **missed**"),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "≤ {bound}"),
            Self::AtLeast(bound) => write!(f, "≥ {bound}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_itself_is_good_enough() {
        assert_eq!(Goal::AtMost(0.5).verdict(Some(0.5)), "≤ 0.5: met");
        assert_eq!(Goal::AtMost(0.0).verdict(Some(1.0)), "≤ 0: **missed**");
        assert_eq!(Goal::AtLeast(2000.0).verdict(Some(2000.0)), "≥ 2000: met");
        assert_eq!(Goal::AtLeast(2000.0).verdict(Some(1999.0)), "≥ 2000: **missed**");
        assert_eq!(Goal::AtLeast(2000.0).verdict(None), "≥ 2000");
    }
}
