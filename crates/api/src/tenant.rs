//! Whose data a request is about.

use axum::extract::FromRequestParts;
use bongsu_model::TenantId;
use http::request::Parts;

use crate::error::ApiError;

/// The tenant of the `X-Scope-OrgID` header; `anonymous` without one.
pub(crate) struct Tenant(pub TenantId);

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get("x-scope-orgid") else {
            return Ok(Self(TenantId::anonymous()));
        };
        let text = value.to_str().map_err(|_| ApiError::bad_data("header X-Scope-OrgID is not plain text"))?;
        match TenantId::parse(text) {
            Ok(tenant) => Ok(Self(tenant)),
            Err(error) => Err(ApiError::bad_data(format!("header X-Scope-OrgID: {error}"))),
        }
    }
}
