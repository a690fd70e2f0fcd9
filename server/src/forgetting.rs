//! Deletes what has ended: revocations, uses of keys, access tokens, sessions; and saves the settled time.

use std::{sync::Arc, time::Duration};

use crate::{
    lives::{forget_sessions, tend},
    opening::note,
    state::AppState,
};

/// How far the settled time advances before it is saved again.
const SETTLED_NOTED_MS: u64 = 10 * 60 * 1_000;

/// Deletes what has ended, now and then, for as long as it runs.
pub(crate) async fn forget(state: Arc<AppState>) {
    let interval = Duration::from_secs(state.config.revocation_prune_interval_s.max(1));
    let mut noted_ms = 0;
    loop {
        let settled_ms = state.bus.clock().settled_ms();
        match state.revoker.forget(settled_ms / 1_000).await {
            Ok(revocations) => tracing::debug!(revocations, "deleted expired revocations"),
            Err(error) => tracing::warn!(%error, "could not delete expired revocations"),
        }
        if let Err(error) = state.store.prune_key_uses(settled_ms).await {
            tracing::warn!(%error, "could not delete old uses of keys");
        }
        if let Err(error) = state.store.prune_access_tokens(settled_ms).await {
            tracing::warn!(%error, "could not delete expired access tokens");
        }
        if let Err(error) = forget_sessions(&state, settled_ms).await {
            tracing::warn!(%error, "could not forget the sessions that ended");
        }
        if let Err(error) = tend(&state, settled_ms).await {
            tracing::warn!(%error, "could not tend the credentials that end");
        }
        if settled_ms.abs_diff(noted_ms) >= SETTLED_NOTED_MS {
            note(&state.store).await;
            match state.store.note_settled(settled_ms).await {
                Ok(()) => noted_ms = settled_ms,
                Err(error) => tracing::warn!(%error, "could not save the settled time"),
            }
        }
        tokio::time::sleep(interval).await;
    }
}
