//! Queries as text and as trees.

use axum::response::Response;
use bongsu_syntax::Expr;

use super::{ast, query};
use crate::error::ApiError;
use crate::params::Params;

/// The query in canonical form.
pub(super) async fn format_query(params: Params) -> Result<Response, ApiError> {
    answer(params, |expr| serde_json::json!(expr.pretty()).to_string()).await
}

/// The query's syntax tree.
pub(super) async fn parse_query(params: Params) -> Result<Response, ApiError> {
    answer(params, ast::to_json).await
}

async fn answer(params: Params, show: fn(&Expr) -> String) -> Result<Response, ApiError> {
    let text = params.text("query").to_owned();
    let shown = super::blocking(move || Ok(show(&query::parse(&text)?)));
    Ok(super::success(&shown.await?))
}
