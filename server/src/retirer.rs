//! Retires keys when their time has come, by the wall clock: rotated keys verify until the last token that they signed
//! has ended.

use std::{sync::Arc, time::Duration};

use stagedoor_bus::Actor;
use stagedoor_token::{AppId, KeyState};

use crate::{error::ApiError, record::Record, state::AppState};

/// How often the wall clock is read while a key is about to retire: it may jump.
const READING_INTERVAL: Duration = Duration::from_millis(250);
/// How long until a failed attempt is repeated.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Retires keys until it is aborted. What is due is read from the store, so a restart forgets nothing.
pub(crate) async fn retire_when_due(state: Arc<AppState>) {
    loop {
        match state.store.next_retirement().await {
            Ok(due_ms) => wait(&state, due_ms).await,
            Err(error) => {
                tracing::warn!(%error, "could not read which keys are to retire");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
        let now_ms = state.unix_ms();
        if let Err(error) = retire_due(&state, now_ms).await {
            tracing::warn!(code = error.code(), "could not retire keys; trying again");
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }
}

/// Waits until this time, or until a line is rotated.
async fn wait(state: &AppState, due_ms: Option<u64>) {
    let Some(due_ms) = due_ms else { return state.retirements.notified().await };
    loop {
        let left = Duration::from_millis(due_ms.saturating_sub(state.unix_ms()));
        if left.is_zero() {
            return;
        }
        let notified = state.retirements.notified();
        if tokio::time::timeout(left.min(READING_INTERVAL), notified).await.is_ok() {
            return;
        }
    }
}

async fn retire_due(state: &AppState, now_ms: u64) -> Result<(), ApiError> {
    for app in state.store.apps_to_retire_in(now_ms).await? {
        retire(state, app, now_ms).await?;
    }
    Ok(())
}

/// Retires the keys of an app that are due.
async fn retire(state: &AppState, app: AppId, now_ms: u64) -> Result<(), ApiError> {
    let mut tx = state.store.begin().await?;
    // It may have been deleted meanwhile.
    let Some(row) = tx.app(app).await? else { return Ok(()) };
    let is_due = |at_ms: u64| at_ms <= now_ms;
    for mut key in tx.keys(app).await? {
        if key.state != KeyState::Retiring || !key.times.retires_ms.is_some_and(is_due) {
            continue;
        }
        key.state = KeyState::Retired;
        tx.change_key(&key).await?;
        let record = Record { actor: Some(Actor::System), ..Record::now("key.retire", "ok") };
        let detail = format!("kid={} line={} due", key.kid, key.line);
        tx.add_record(record.of_app(row.life()).detail(&detail)).await?;
    }
    tx.prune_retired(app, state.config.retired_keys_per_app_max).await?;
    state.commit_app(tx, app).await
}
