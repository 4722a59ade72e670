//! Exposition forms by the names that `scrape_protocols` uses.

use bongsu_wire::exposition::Format;
use serde::Deserialize;

use super::EscapingScheme;

/// One of `scrape_protocols`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ScrapeProtocol {
    /// Protobuf; accepted in configurations and never asked for, as this program does not read it.
    PrometheusProto,
    /// Text 0.0.4.
    #[serde(rename = "PrometheusText0.0.4")]
    PrometheusText0_0_4,
    /// Text 1.0.0, with quoted names.
    #[serde(rename = "PrometheusText1.0.0")]
    PrometheusText1_0_0,
    /// OpenMetrics 0.0.1.
    #[serde(rename = "OpenMetricsText0.0.1")]
    OpenMetricsText0_0_1,
    /// OpenMetrics 1.0.0.
    #[serde(rename = "OpenMetricsText1.0.0")]
    OpenMetricsText1_0_0,
}

impl ScrapeProtocol {
    /// What is asked for by default, best first.
    pub const DEFAULT: [Self; 4] =
        [Self::OpenMetricsText1_0_0, Self::OpenMetricsText0_0_1, Self::PrometheusText1_0_0, Self::PrometheusText0_0_4];

    /// The form to read, when it can be read.
    #[must_use]
    pub fn format(self) -> Option<Format> {
        match self {
            Self::PrometheusProto => None,
            Self::PrometheusText0_0_4 | Self::PrometheusText1_0_0 => Some(Format::Text),
            Self::OpenMetricsText0_0_1 | Self::OpenMetricsText1_0_0 => Some(Format::OpenMetrics),
        }
    }

    fn media_type(self) -> Option<(&'static str, bool)> {
        Some(match self {
            Self::PrometheusProto => return None,
            Self::PrometheusText0_0_4 => ("text/plain;version=0.0.4", false),
            Self::PrometheusText1_0_0 => ("text/plain;version=1.0.0", true),
            Self::OpenMetricsText0_0_1 => ("application/openmetrics-text;version=0.0.1", false),
            Self::OpenMetricsText1_0_0 => ("application/openmetrics-text;version=1.0.0", true),
        })
    }
}

/// The `Accept` header for these forms, best first, with falling weights.
pub(super) fn accept_header(protocols: &[ScrapeProtocol], escaping: EscapingScheme) -> String {
    let escaping = match escaping {
        EscapingScheme::AllowUtf8 => "allow-utf-8",
        EscapingScheme::Underscores => "underscores",
        EscapingScheme::Dots => "dots",
        EscapingScheme::Values => "values",
    };
    let mut parts = Vec::new();
    let mut weight = protocols.len() + 1;
    for (media_type, escapes) in protocols.iter().filter_map(|protocol| protocol.media_type()) {
        let escaping = if escapes { format!(";escaping={escaping}") } else { String::new() };
        parts.push(format!("{media_type}{escaping};q=0.{weight}"));
        weight -= 1;
    }
    parts.push(format!("*/*;q=0.{weight}"));
    parts.join(",")
}
