//! Personal tokens of operators, as owners see them.

use axum::{Json, http::StatusCode, response::Response};

use super::{begin, commit, operator_in, unknown};
use crate::{
    act::Audited,
    error::ApiError,
    rights::OperatorKind,
    routes::{
        Body, Page, Path, Reader,
        me::personal::{
            NewPersonal, PersonalCreated, PersonalView, created, make, record, token_of,
        },
    },
    scope::Scope,
};

/// Lists an operator's personal tokens.
///
/// With scopes, bounds, ends and last uses; owners list anybody's. Secrets are not in it.
#[utoipa::path(get, path = "/v1/operators/{operator}/tokens", tag = "operators",
    params(("operator" = String, Path)), responses((status = 200, body = Page<PersonalView>)))]
pub(crate) async fn list_tokens(
    Reader { state, caller, .. }: Reader,
    Path(operator): Path<String>,
) -> Result<Json<Page<PersonalView>>, ApiError> {
    caller.may_everywhere(Scope::DeploymentAdmin)?;
    let row = state.store.operator(&operator).await?.ok_or_else(unknown)?;
    let items = state.store.personal_tokens(&row.id).await?;
    Ok(Json(Page { items: items.into_iter().map(PersonalView::from).collect(), next: None }))
}

/// Makes a personal token of a service account.
///
/// The answer is the only one that has its secret. A person makes their own.
#[utoipa::path(post, path = "/v1/operators/{operator}/tokens", tag = "operators", request_body = NewPersonal,
    params(("operator" = String, Path)), responses((status = 201, body = PersonalCreated)))]
pub(crate) async fn make_token(
    audited: Audited,
    Path(operator): Path<String>,
    Body(new): Body<NewPersonal>,
) -> Result<Response, ApiError> {
    let mut tx = begin(&audited).await?;
    let row = operator_in(&mut tx, &operator).await?;
    if row.kind != OperatorKind::Service {
        let detail =
            "a person makes their own tokens; only those of a service account are made here";
        return Err(ApiError::Conflict { code: "operator_kind", detail });
    }
    let made = make(&audited, &mut tx, &audited.caller, &row, &new).await?;
    commit(&audited, tx).await?;
    Ok(created(made))
}

/// Ends an operator's personal token.
///
/// Owners end anybody's: the next request with it is refused.
#[utoipa::path(delete, path = "/v1/operators/{operator}/tokens/{token}", tag = "operators",
    params(("operator" = String, Path), ("token" = String, Path)), responses((status = 204)))]
pub(crate) async fn end_token(
    audited: Audited,
    Path((operator, token)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let mut tx = begin(&audited).await?;
    let row = operator_in(&mut tx, &operator).await?;
    let token = token_of(&mut tx, &row.id, &token).await?;
    tx.delete_personal_token(&token.id).await?;
    tx.add_record(record(&audited, "personal_token.delete", &token)).await?;
    commit(&audited, tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
