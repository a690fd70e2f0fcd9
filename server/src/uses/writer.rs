//! Writes the uses of keys, many together, and finds the rotated keys that still sign.

use std::{collections::HashMap, sync::Arc, time::Duration};

use stagedoor_bus::Actor;

use super::Used;
use crate::{
    doors::News, error::ApiError, record::Record, state::AppState, store::key_uses::KeyUse,
};

/// How long reports wait for others, to be written with them.
const WRITE_PAUSE: Duration = Duration::from_millis(200);
/// How long until a failed attempt is repeated.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Writes uses until it is aborted.
pub(crate) async fn write_uses(state: Arc<AppState>) {
    loop {
        state.uses.added.notified().await;
        tokio::time::sleep(WRITE_PAUSE).await;
        if let Err(error) = write(&state).await {
            tracing::warn!(code = error.code(), "could not write the uses of keys; trying again");
            tokio::time::sleep(RETRY_PAUSE).await;
            state.uses.added.notify_one();
        }
    }
}

/// Writes the uses that wait. If that fails they wait again.
pub(crate) async fn write(state: &AppState) -> Result<(), ApiError> {
    let uses = state.uses.take();
    if uses.is_empty() {
        return Ok(());
    }
    let written = write_all(state, &uses).await;
    if written.is_err() {
        uses.into_iter().for_each(|(of, used)| state.uses.merge(of, used));
    }
    written
}

async fn write_all(state: &AppState, uses: &HashMap<Used, KeyUse>) -> Result<(), ApiError> {
    let mut tx = state.store.begin().await?;
    let mut news = Vec::new();
    for ((app, kid), used) in uses {
        let there = tx.app(app.id).await?.is_some_and(|row| row.life() == *app);
        if !there {
            continue;
        }
        let Some(line) = tx.note_use(app.id, kid, used).await? else { continue };
        tracing::warn!(
            name: "key.retiring_used", app = app.id.0, kid = &**kid, line,
            "a key that was rotated still signs: a backend has not changed over"
        );
        let record =
            Record { actor: Some(Actor::System), ..Record::now("key.retiring_used", "ok") };
        let detail = format!("kid={kid} line={line} iat={}", used.iat_max);
        tx.add_record(record.of_app(*app).detail(&detail)).await?;
        news.push((app.id, News::Nothing));
    }
    Ok(state.doors.commit_all(tx, news).await?)
}
