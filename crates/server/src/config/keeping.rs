//! Which series are kept for how long.

use std::fmt;

use bongsu_config::Duration;
use bongsu_model::Matcher;
use bongsu_syntax::{ExprKind, Extent, ParseOptions};
use serde::{Deserialize, Deserializer, de};

/// An element of `retention_rules`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// Which series: a selector such as `{job="debug"}`.
    #[serde(rename = "match")]
    pub series: SeriesSelector,
    /// How long they are kept, from the times of their samples.
    #[serde(deserialize_with = "super::positive")]
    pub keep: Duration,
}

/// The series that a rule is about, as PromQL writes them.
#[derive(Clone, Debug)]
pub struct SeriesSelector {
    text: String,
    /// Conditions that all have to hold.
    pub matchers: Vec<Matcher>,
}

impl<'de> Deserialize<'de> for SeriesSelector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expr = bongsu_syntax::parse(&text, &ParseOptions::default()).map_err(de::Error::custom)?;
        match &expr.kind {
            ExprKind::Vector(selector)
                if selector.at.is_none()
                    && selector.offset == bongsu_syntax::Duration::ZERO
                    && selector.extent == Extent::Plain =>
            {
                Ok(Self { matchers: selector.matchers.clone(), text })
            }
            _ => Err(de::Error::custom(format!("expected a series selector such as {{job=\"a\"}}, found {text:?}"))),
        }
    }
}

impl fmt::Display for SeriesSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// As YAML in one line.
pub(crate) fn rules_yaml(rules: &[RetentionRule]) -> String {
    let rule = |rule: &RetentionRule| {
        format!("{{match: {}, keep: {}}}", crate::describe::quoted(&rule.series.to_string()), rule.keep)
    };
    format!("[{}]", rules.iter().map(rule).collect::<Vec<_>>().join(", "))
}
