//! What is revoked, in the store and on the bus. After `recorder`, before `error`. Stores first and tells
//! the doors then, one revocation at a time, so that both hold the same; live seats are the caller's to
//! think of.

use std::sync::Arc;

use stagedoor_bus::{Bus, Revocation};
use stagedoor_token::AppId;
use tokio::sync::Mutex;

use crate::store::{Store, StoreError, revocations::RevocationRow};

/// Rows that are read at a time.
const ROWS_AT_A_TIME: u32 = 10_000;

/// Where revocations are made and lifted.
pub(crate) struct Revoker {
    store: Store,
    bus: Arc<dyn Bus>,
    /// A lift says what is left of its target: nothing of it may be added meanwhile.
    one_at_a_time: Mutex<()>,
}

impl Revoker {
    pub(crate) fn new(store: Store, bus: Arc<dyn Bus>) -> Self {
        Self { store, bus, one_at_a_time: Mutex::default() }
    }

    /// Stores a revocation, tells the doors, and gives it back with its number; `None` if the app is not
    /// there. One that a relay told is known to the doors already, and learns its generation here.
    pub(crate) async fn add(
        &self,
        entry: Revocation,
        actor: &str,
    ) -> Result<Option<RevocationRow>, StoreError> {
        let _one = self.one_at_a_time.lock().await;
        let mut row = RevocationRow::new(entry, actor);
        let Some(generation) = self.store.add_revocation(&row).await? else { return Ok(None) };
        row.entry.generation = generation;
        self.bus.revoke(&row.entry);
        Ok(Some(row))
    }

    /// Lifts a revocation by its number; `None` if there is none.
    pub(crate) async fn lift(
        &self,
        app: AppId,
        generation: u64,
    ) -> Result<Option<RevocationRow>, StoreError> {
        let _one = self.one_at_a_time.lock().await;
        let Some((lifted, left)) = self.store.lift_revocation(app, generation).await? else {
            return Ok(None);
        };
        self.bus.lift(app, &lifted.entry.target, &left);
        Ok(Some(lifted))
    }

    /// Tells the doors of everything that is stored.
    pub(crate) async fn load(&self, now_s: u64) -> Result<(), StoreError> {
        let mut after = (AppId(0), 0);
        loop {
            let rows = self.store.all_revocations(after, now_s, ROWS_AT_A_TIME).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.entry.app, last.entry.generation);
            rows.iter().for_each(|row| self.bus.revoke(&row.entry));
        }
    }

    /// Lets go of what is over, in the list and in the store.
    pub(crate) async fn forget(&self, now_s: u64) -> Result<u64, StoreError> {
        self.bus.revocations().forget(now_s);
        self.store.prune_revocations(now_s).await
    }
}
