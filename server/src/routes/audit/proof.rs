//! What proves the trail: its newest checkpoint, and the keys that sign checkpoints.

use std::sync::Arc;

use axum::{Json, extract::State, http::HeaderMap, response::Response};
use serde::Serialize;
use stagedoor_trail::Checkpoint;
use utoipa::ToSchema;

use super::super::{Reader, jwks::answer};
use crate::{
    act::Audited,
    error::ApiError,
    scope::Scope,
    state::AppState,
    store::audit::witness::{RotatedAuditKey, log_checkpoint},
};

/// Where the audit trail's chain stood, signed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Checkpoint)]
pub(crate) struct CheckpointView {
    /// The chain's id, in hex.
    chain: String,
    /// The id of the last record.
    last: i64,
    /// The hash of the link that ends with that record, in hex.
    link: String,
    /// When it was made, Unix milliseconds.
    at_ms: i64,
    /// The id of the key that signed it.
    kid: String,
    /// The signature, base64url.
    signature: String,
}

impl From<Checkpoint> for CheckpointView {
    fn from(made: Checkpoint) -> Self {
        let Checkpoint { chain, last, link, at_ms, kid, signature } = made;
        let (chain, link) = (chain.to_string(), link.to_string());
        Self { chain, last, link, at_ms, kid, signature }
    }
}

/// Returns the newest checkpoint of the audit trail.
///
/// Keep it somewhere else: it shows later whether the trail still has everything that it had then.
#[utoipa::path(get, path = "/v1/audit/checkpoint", tag = "audit",
    responses((status = 200, body = CheckpointView)))]
pub(crate) async fn checkpoint(
    Reader { state, caller, .. }: Reader,
) -> Result<Json<CheckpointView>, ApiError> {
    caller.may_everywhere(Scope::DeploymentAdmin)?;
    let newest = match state.store.newest_checkpoint().await? {
        Some(newest) => Some(newest),
        // Only in the first moments of a deployment.
        None => state.store.checkpoint().await?,
    };
    newest.map(|newest| Json(newest.into())).ok_or(ApiError::Internal)
}

/// The audit keys after a rotation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditKeyRotated {
    /// The id of the key that signed until now.
    old: String,
    /// The id of the key that signs from now on.
    new: String,
}

/// Replaces the key that signs checkpoints.
///
/// The old one signs a last checkpoint; then its secret is deleted. Its public key stays in the set.
#[utoipa::path(post, path = "/v1/audit/keys/rotate", tag = "audit",
    responses((status = 200, body = AuditKeyRotated)))]
pub(crate) async fn rotate(audited: Audited) -> Result<Json<AuditKeyRotated>, ApiError> {
    audited.caller.may_everywhere(Scope::DeploymentAdmin)?;
    let state = &audited.state;
    let mut tx = state.store.begin().await?;
    let RotatedAuditKey::Done { old, new, checkpoint } = tx.rotate_audit_key().await? else {
        let detail = "there are as many audit keys as a verifier reads; none can be made";
        return Err(ApiError::Conflict { code: "audit_keys_exceeded", detail });
    };
    let record = audited.record_of_none("audit.key_rotate");
    tx.add_record(record.detail(&format!("old={old} new={new}"))).await?;
    let committed = tx.commit().await?;
    committed.kinds.iter().for_each(|kind| state.metrics.audit(kind, 1));
    drop(committed);
    if let Some(checkpoint) = checkpoint {
        log_checkpoint(&checkpoint);
    }
    Ok(Json(AuditKeyRotated { old, new }))
}

/// `/v1/audit/jwks.json`: the public keys of checkpoints and excerpts, for everybody (RFC 7517).
pub(crate) async fn jwks(
    State(state): State<Arc<AppState>>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&state.store.audit_jwks().await?, &asked)
}
