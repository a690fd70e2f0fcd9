//! Stores the revocations that the relay requests, for a member, a login or the API. All that wait share one
//! transaction. If it fails, the requests are refused, except for revocations that already hold: those are retried in
//! order until they are stored.

use std::{sync::Arc, time::Duration};

use stagedoor_bus::{By, Change, Revocation, StoreRequest, Text};
use stagedoor_token::AppId;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::{
    doors::{Doors, News, NotDone},
    record::Record,
    recorder::{events::of_revocation, gate::Gate, listener::closed},
    store::{
        Store, StoreError,
        ledger::{Entry, Written},
        revocations::RevocationRow,
    },
};

/// Requests in one transaction.
const REQUESTS_AT_ONCE_MAX: usize = 512;
/// How long until overdue entries are retried; doubles after each failure, up to the maximum.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(8);
/// How long overdue entries are retried at the end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

/// How long a transaction waits for earlier ones; short, because a requester is waiting.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Stores what the relay requests.
pub(crate) struct Storer {
    store: Store,
    doors: Arc<Doors>,
    /// While it is shut, new requests are refused.
    gate: Arc<Gate>,
    /// Revocations that already hold but are not stored yet, oldest first.
    due: Vec<StoreRequest>,
    retry_at: Instant,
    pause: Duration,
}

impl Storer {
    pub(crate) fn new(store: Store, doors: Arc<Doors>, gate: Arc<Gate>) -> Self {
        let (due, retry_at, pause) = (Vec::new(), Instant::now(), RETRY_PAUSE);
        Self { store, doors, gate, due, retry_at, pause }
    }

    /// Runs until it is told to close and nothing waits.
    pub(crate) async fn serve(
        mut self,
        mut requests: mpsc::Receiver<StoreRequest>,
        mut closing: oneshot::Receiver<()>,
    ) {
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                // Biased: requests from just before the end are still stored.
                biased;
                _ = requests.recv_many(&mut waiting, REQUESTS_AT_ONCE_MAX) => {}
                () = tokio::time::sleep_until(self.retry_at), if !self.due.is_empty() => {}
                () = closed(&mut closing) => return self.end().await,
            }
            self.store(std::mem::take(&mut waiting)).await;
        }
    }

    /// Stores new requests, and overdue entries when their time has come.
    async fn store(&mut self, requests: Vec<StoreRequest>) {
        let (due, asked): (Vec<_>, Vec<_>) = requests.into_iter().partition(|asked| asked.is_due);
        self.due.extend(due);
        // Separately, so that a failed retry never refuses a new request.
        if !self.gate.is_open() {
            asked.into_iter().for_each(StoreRequest::failed);
        } else if !asked.is_empty()
            && let Err(failed) = self.write(asked).await
        {
            failed.into_iter().for_each(StoreRequest::failed);
        }
        if !self.due.is_empty() && self.retry_at <= Instant::now() {
            let due = std::mem::take(&mut self.due);
            match self.write(due).await {
                Ok(()) => self.pause = RETRY_PAUSE,
                Err(due) => {
                    self.due = due;
                    self.retry_at = Instant::now() + self.pause;
                    self.pause = RETRY_PAUSE_MAX.min(self.pause * 2);
                }
            }
        }
    }

    /// Writes requests and answers them; returns those that could not be written.
    async fn write(&mut self, requests: Vec<StoreRequest>) -> Result<(), Vec<StoreRequest>> {
        let written = match self.commit(&requests).await {
            Ok(written) => written,
            Err(error) => {
                let count = requests.len();
                tracing::warn!(%error, requests = count, "could not store revocations");
                return Err(requests);
            }
        };
        for (request, written) in requests.into_iter().zip(written) {
            match written {
                Written::Revoked(Some(rows)) => {
                    request.stored(rows.iter().map(|row| row.entry.generation).collect());
                }
                Written::Revoked(None) => request.failed(),
                Written::Lifted(_) => request.stored(Vec::new()),
            }
        }
        Ok(())
    }

    /// Writes the requested revocations and their records, and updates the doors.
    async fn commit(&self, requests: &[StoreRequest]) -> Result<Vec<Written>, NotDone> {
        let begun = timeout(BEGIN_TIMEOUT, self.store.begin()).await;
        let mut tx = begun.map_err(|_| StoreError::busy())??;
        let written = tx.write_entries(requests.iter().map(entry).collect()).await?;
        let asked = requests.iter().zip(&written);
        tx.add_records(asked.flat_map(|(request, done)| records(request, done)).collect()).await?;
        self.doors.commit_all(tx, written.iter().flat_map(news).collect()).await?;
        Ok(written)
    }

    async fn end(mut self) {
        let end = Instant::now() + CLOSE_PATIENCE;
        while !self.due.is_empty() && Instant::now() < end {
            tokio::time::sleep_until(self.retry_at).await;
            self.store(Vec::new()).await;
        }
        if !self.due.is_empty() {
            tracing::error!(
                requests = self.due.len(),
                "revocations that are in force were never stored"
            );
        }
    }
}

fn entry(request: &StoreRequest) -> Entry {
    let row = |entry: &Revocation| RevocationRow::new(entry.clone(), &request.by.actor);
    match &request.change {
        Change::Revoke(revocations) => {
            Entry::Revoke(request.app, revocations.iter().map(row).collect())
        }
        Change::Lift(generations) => Entry::Lift(request.app, generations.clone()),
    }
}

fn records(request: &StoreRequest, written: &Written) -> Vec<Record> {
    let of = |kind, row: &RevocationRow| {
        let By { actor, peer } = request.by.clone();
        let (actor, peer) = (Some(actor), peer.and_then(Text::peer));
        let record = Record { actor, peer, ..Record::now(kind, "ok") };
        of_revocation(record.of_app(request.app), row)
    };
    match written {
        Written::Revoked(rows) => {
            rows.iter().flatten().map(|row| of("revocation.add", row)).collect()
        }
        Written::Lifted(rows) => rows.iter().map(|(row, _)| of("revocation.lift", row)).collect(),
    }
}

fn news(written: &Written) -> Vec<(AppId, News)> {
    match written {
        Written::Revoked(rows) => {
            let rows = rows.iter().flatten();
            rows.map(|row| (row.entry.app, News::Revoked(row.entry.clone()))).collect()
        }
        Written::Lifted(rows) => rows
            .iter()
            .map(|(RevocationRow { entry, .. }, left)| {
                let (target, left) = (entry.target.clone(), left.clone());
                (entry.app, News::Lifted { target, left })
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests;
