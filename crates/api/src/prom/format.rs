//! Pretty-printing of queries.

use axum::response::Response;
use bongsu_syntax::ParseOptions;

use crate::error::ApiError;
use crate::params::Params;

/// The query in canonical form.
pub(super) async fn format_query(params: Params) -> Result<Response, ApiError> {
    let text = params.required("query")?.to_owned();
    let pretty = super::blocking(move || {
        let expr = bongsu_syntax::parse(&text, &ParseOptions::default());
        Ok(expr.map_err(|error| ApiError::bad_parameter("query", error))?.pretty())
    });
    Ok(super::success(&serde_json::json!(pretty.await?).to_string()))
}
