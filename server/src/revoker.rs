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

#[cfg(test)]
mod tests {
    use stagedoor_bus::{LocalBus, REVOCATION_KEPT_S, Target};

    use super::*;
    use crate::store::{apps::AppRow, tests::opened};

    const NOW_S: u64 = 1_700_000_000;

    fn entry(user: &str, ban: bool, ends_s: Option<u64>) -> Revocation {
        Revocation {
            app: AppId(1),
            target: Target::User(user.into()),
            generation: 0,
            at_s: NOW_S,
            ends_s,
            ban,
            reason: None,
        }
    }

    async fn with_an_app() -> (Store, tempfile::TempDir) {
        let (store, folder) = opened().await;
        let app = AppRow {
            id: AppId(1),
            name: "a".into(),
            ttl_s_default: 1,
            ttl_s_max: 1,
            created_ms: 0,
            generation: 0,
            second_login: None,
        };
        assert!(store.add_app(&app, &[]).await.expect("an app"));
        (store, folder)
    }

    #[tokio::test]
    async fn what_is_over_leaves_list_and_store_and_the_rest_is_loaded_again() {
        let (store, _folder) = with_an_app().await;
        let (bus, _ends) = LocalBus::new();
        let revoker = Revoker::new(store.clone(), bus.clone());
        for (nth, entry) in [
            entry("anna", false, None),
            entry("ben", true, Some(NOW_S + 60)),
            entry("carl", true, None),
        ]
        .into_iter()
        .enumerate()
        {
            let row = revoker.add(entry, "root").await.expect("stored").expect("an app");
            assert_eq!(row.entry.generation, nth as u64 + 1);
        }
        let nowhere = Revocation { app: AppId(2), ..entry("anna", false, None) };
        assert!(revoker.add(nowhere, "root").await.expect("an answer").is_none());
        for (now_s, left) in [
            (NOW_S + 59, 3),
            (NOW_S + 60, 2),
            (NOW_S + REVOCATION_KEPT_S - 1, 2),
            (NOW_S + REVOCATION_KEPT_S, 1),
        ] {
            let listed = store.revocations(AppId(1), u64::MAX, now_s, 9).await.expect("rows");
            assert_eq!(listed.len(), left, "{now_s}: over, though not let go of");
            revoker.forget(now_s).await.expect("let go of");
            let stored = store.all_revocations((AppId(0), 0), 0, 9).await.expect("rows");
            assert_eq!((bus.revocations().len(), stored.len()), (left, left), "{now_s}");
            let (again, _ends) = LocalBus::new();
            Revoker::new(store.clone(), again.clone()).load(now_s).await.expect("loaded");
            assert_eq!(again.revocations().len(), left, "{now_s}");
        }
        let app = store.app(AppId(1)).await.expect("read").expect("an app");
        assert_eq!(app.generation, 3, "no number comes twice");
    }

    #[tokio::test]
    async fn a_lift_leaves_what_else_is_said_of_its_target() {
        let (store, _folder) = with_an_app().await;
        let (bus, _ends) = LocalBus::new();
        let revoker = Revoker::new(store, bus.clone());
        for ban in [false, true] {
            revoker.add(entry("anna", ban, None), "root").await.expect("stored");
        }
        let found = || {
            let bearer = stagedoor_bus::Bearer {
                app: AppId(1),
                room: "r",
                user: "anna",
                role: "host",
                kid: "k",
                jti: "j",
                iat: NOW_S,
                generation: Some(0),
            };
            bus.revocations().find(&bearer, NOW_S).map(|hit| hit.ban)
        };
        assert_eq!(found(), Some(true));
        assert!(revoker.lift(AppId(1), 2).await.expect("an answer").is_some());
        assert_eq!(found(), Some(false));
        assert!(revoker.lift(AppId(1), 2).await.expect("an answer").is_none());
        assert!(revoker.lift(AppId(1), 1).await.expect("an answer").is_some());
        assert_eq!(found(), None);
    }
}
