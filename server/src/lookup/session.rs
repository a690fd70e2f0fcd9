//! Looks up sessions by their cookies, and writes their use down.

use super::noted::{Known, Origin, network};
use crate::{
    caller::{Caller, Shown},
    config::Config,
    doors::NotDone,
    error::ApiError,
    secret,
    state::AppState,
    store::sessions::SessionRow,
};

/// A use of a session is written down at most this often.
const NOTED_INTERVAL_MS: u64 = 60_000;

/// What a browser hears whose session is unknown or has ended: always the same.
const EXPIRED: ApiError = ApiError::Unauthenticated {
    code: "session_expired",
    detail: "the session has ended; log in again",
};

/// What a browser hears that has no cookie of ours.
pub(crate) const MISSING: ApiError =
    ApiError::Unauthenticated { code: "session_missing", detail: "log in first" };

/// Whether a session lives: neither too long nor unused for too long. A clock that jumps back ends it rather than
/// letting it live on.
fn lives(config: &Config, session: &SessionRow, now_ms: u64) -> bool {
    let within = |since_ms: u64, s: u64| now_ms.abs_diff(since_ms) < s.saturating_mul(1_000);
    within(session.created_ms, config.session_ttl_s)
        && within(session.used_ms, config.session_idle_s)
}

/// When a session ends if it is not used, Unix milliseconds.
pub(crate) fn ends_ms(config: &Config, session: &SessionRow) -> u64 {
    let after = |since_ms: u64, s: u64| since_ms.saturating_add(s.saturating_mul(1_000));
    after(session.created_ms, config.session_ttl_s)
        .min(after(session.used_ms, config.session_idle_s))
}

/// The operator of the session whose cookie has this value.
pub(crate) async fn session(
    state: &AppState,
    cookie: &str,
    origin: &Origin,
) -> Result<Known, ApiError> {
    let now_ms = state.unix_ms();
    // Found by the hash of 256 random bits: there is nothing to compare.
    let found = state.store.session(&secret::hash(cookie.as_bytes())).await?;
    let found = found.filter(|(session, operator)| {
        lives(&state.config, session, now_ms) && !operator.is_disabled
    });
    let (session, operator) = found.ok_or(EXPIRED)?;
    let network = network(origin);
    let is_due =
        now_ms.abs_diff(session.used_ms) >= NOTED_INTERVAL_MS || session.network != network;
    if is_due && let Err(error) = note(state, &session.id, now_ms, network.as_deref()).await {
        tracing::debug!(%error, "could not write down the use of a session");
    }
    let ends_ms = Some(ends_ms(&state.config, &session));
    let shown = Shown::Session { id: session.id, confirmed_ms: session.created_ms };
    Ok(Known { caller: Caller::operator(&operator, shown, ends_ms), ends_ms })
}

async fn note(
    state: &AppState,
    id: &str,
    now_ms: u64,
    network: Option<&str>,
) -> Result<(), NotDone> {
    let mut tx = state.store.begin().await?;
    tx.note_session(id, now_ms, network).await?;
    state.doors.commit_all(tx, Vec::new()).await
}
