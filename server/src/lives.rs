//! What ends by itself among credentials: said beforehand, and forgotten afterwards.

use stagedoor_bus::Actor;

use crate::{doors::NotDone, record::Record, state::AppState};

/// How long before its end a credential's holder is warned: 14 days.
pub(crate) const WARNED_MS: u64 = 14 * DAY_MS;
const DAY_MS: u64 = 86_400_000;
/// Records of one transaction.
const AT_ONCE: u32 = 200;

/// Forgets sessions and links that have ended.
pub(crate) async fn forget_sessions(state: &AppState, settled_ms: u64) -> Result<(), NotDone> {
    let before = |s: u64| settled_ms.saturating_sub(s.saturating_mul(1_000));
    let (began_ms, used_ms) =
        (before(state.config.session_ttl_s), before(state.config.session_idle_s));
    if state.store.has_ended_sessions(began_ms, used_ms, settled_ms).await? {
        let mut tx = state.store.begin().await?;
        tx.forget_sessions(began_ms, used_ms, settled_ms).await?;
        state.doors.commit_all(tx, Vec::new()).await?;
    }
    Ok(())
}

/// Records credentials that end soon, each once, and forgets the hashes of old secrets that have ended.
pub(crate) async fn tend(state: &AppState, settled_ms: u64) -> Result<(), NotDone> {
    let until_ms = settled_ms.saturating_add(WARNED_MS);
    // Without room for records it is done later.
    while state.recorder.may_record().is_ok()
        && state.store.has_ending(settled_ms, until_ms).await?
    {
        let mut tx = state.store.begin().await?;
        tx.forget_old_secrets(settled_ms).await?;
        for row in tx.expiring_api_keys(settled_ms, until_ms, AT_ONCE).await? {
            let left_ms = row.expires_ms.unwrap_or(0).saturating_sub(settled_ms);
            let detail = format!("api_key={} days={}", row.id, left_ms / DAY_MS);
            let record = Record::now("credential.expiring", "ok").detail(&detail);
            let record = Record { actor: Some(Actor::System), ..record };
            tx.add_record(state.filed(record, row.app)).await?;
            tx.said_expiring(&row.id, settled_ms).await?;
        }
        state.doors.commit_all(tx, Vec::new()).await?;
    }
    Ok(())
}
