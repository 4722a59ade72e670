//! Queries as text and as trees.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bongsu_syntax::Expr;

use super::dialect::parse_options;
use super::{ast, query};
use crate::error::ApiError;
use crate::params::Params;
use crate::state::Api;

/// The query in canonical form.
pub(super) async fn format_query(State(api): State<Arc<Api>>, params: Params) -> Result<Response, ApiError> {
    answer(&api, &params, |expr| serde_json::json!(expr.pretty()).to_string()).await
}

/// The query's syntax tree.
pub(super) async fn parse_query(State(api): State<Arc<Api>>, params: Params) -> Result<Response, ApiError> {
    answer(&api, &params, ast::to_json).await
}

async fn answer(api: &Api, params: &Params, show: fn(&Expr) -> String) -> Result<Response, ApiError> {
    let (text, options) = (params.text("query").to_owned(), parse_options(params, api)?);
    let shown = super::blocking(move || Ok(show(&query::parse(&text, &options)?)));
    Ok(super::success(&shown.await?))
}
