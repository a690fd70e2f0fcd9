//! How sessions begin: by a link, or by what an identity provider says.

use std::net::IpAddr;

use stagedoor_bus::Actor;

use crate::{
    channel,
    credential::make_id,
    credential_uses::network_of,
    error::ApiError,
    record::Record,
    state::AppState,
    store::{operators::OperatorRow, sessions::SessionRow, write::Tx},
};

/// A session that has begun, with the value of its cookie.
pub(crate) struct Begun {
    pub(crate) session: SessionRow,
    pub(crate) cookie: String,
}

/// Begins a session of an operator, and ends its oldest beyond `sessions_per_operator_max`. `way`: `link` or `oidc`.
pub(crate) async fn begin(
    state: &AppState,
    tx: &mut Tx,
    operator: &OperatorRow,
    way: &str,
    address: Option<IpAddr>,
) -> Result<Begun, ApiError> {
    let now_ms = state.unix_ms();
    let (cookie, hash) = channel::new_value()?;
    let session = SessionRow {
        id: make_id()?,
        operator: operator.id.clone(),
        way: way.into(),
        network: address.map(network_of),
        created_ms: now_ms,
        used_ms: now_ms,
    };
    tx.trim_sessions(&operator.id, state.config.sessions_per_operator_max.saturating_sub(1))
        .await?;
    tx.add_session(&session, &hash).await?;
    tx.note_login(&operator.id, now_ms).await?;
    Ok(Begun { session, cookie })
}

/// The record of a session of an operator, by the operator itself.
pub(crate) fn record(kind: &str, session: &SessionRow) -> Record {
    let actor = Some(Actor::Operator(session.operator.as_str().into()));
    Record { actor, ..Record::now(kind, "ok") }.detail(&session.detail())
}
