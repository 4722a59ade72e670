//! Which language a query is written in: PromQL, or PromQL with habits of MetricsQL.

use bongsu_syntax::ParseOptions;

use crate::error::ApiError;
use crate::params::Params;
use crate::state::Api;

/// What the parser is told: the parameter `dialect` says it, the server's setting where there is none.
pub(super) fn parse_options(params: &Params, api: &Api) -> Result<ParseOptions, ApiError> {
    let metricsql = match params.get("dialect") {
        None | Some("") => api.metricsql,
        Some("promql") => false,
        Some("metricsql") => true,
        Some(other) => {
            let reason = format!("unknown dialect {other:?}; expected \"promql\" or \"metricsql\"");
            return Err(ApiError::bad_parameter("dialect", reason));
        }
    };
    Ok(ParseOptions { metricsql, ..ParseOptions::default() })
}
