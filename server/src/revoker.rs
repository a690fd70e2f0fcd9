//! Loads revocations into the doors at the start, and deletes expired ones. `routes` and `storer` make and lift them.

use std::sync::Arc;

use stagedoor_bus::Bus;
use stagedoor_token::AppId;

use crate::store::{Store, StoreError};

/// Rows read at a time.
const ROWS_AT_A_TIME: u32 = 10_000;

/// The revocations of all apps.
pub(crate) struct Revoker {
    store: Store,
    bus: Arc<dyn Bus>,
}

impl Revoker {
    pub(crate) fn new(store: Store, bus: Arc<dyn Bus>) -> Self {
        Self { store, bus }
    }

    /// Loads all stored revocations into the doors, including those that today's clock calls expired: it may be wrong.
    pub(crate) async fn load(&self) -> Result<(), StoreError> {
        let mut after = (AppId(0), 0);
        loop {
            let rows = self.store.all_revocations(after, ROWS_AT_A_TIME).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.entry.app, last.entry.generation);
            rows.iter().for_each(|row| self.bus.revoke(&row.entry));
        }
    }

    /// Deletes what had expired at the settled time, from the list and the store.
    pub(crate) async fn forget(&self, settled_s: u64) -> Result<u64, StoreError> {
        self.bus.revocations().forget(settled_s);
        self.store.prune_revocations(settled_s).await
    }
}

#[cfg(test)]
mod tests {
    use stagedoor_bus::{Actor, LocalBus, REVOCATION_KEPT_S, Revocation, Target};

    use super::*;
    use crate::{
        doors::{Doors, News},
        store::{apps::AppRow, revocations::RevocationRow, tests::opened},
    };

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
        let mut tx = store.begin().await.expect("begun");
        assert!(tx.add_app(&AppRow::sample(1)).await.expect("an app"));
        drop(tx.commit().await.expect("committed"));
        (store, folder)
    }

    fn doors_of(bus: &Arc<LocalBus>) -> Doors {
        Doors::new(bus.clone(), Arc::default())
    }

    /// Its number; `None` if the app does not exist.
    async fn add(store: &Store, doors: &Doors, entry: Revocation) -> Option<u64> {
        let mut tx = store.begin().await.expect("begun");
        let mut row = RevocationRow::new(entry, &Actor::Root);
        row.entry.generation = tx.add_revocation(&row).await.expect("an answer")?;
        let (app, generation) = (row.entry.app, row.entry.generation);
        doors.commit(tx, app, News::Revoked(row.entry)).await.expect("added");
        Some(generation)
    }

    async fn lift(store: &Store, doors: &Doors, generation: u64) -> bool {
        let mut tx = store.begin().await.expect("begun");
        let lifted = tx.lift_revocation(AppId(1), generation).await.expect("an answer");
        let Some((row, left)) = lifted else { return false };
        let news = News::Lifted { target: row.entry.target, left };
        doors.commit(tx, AppId(1), news).await.expect("lifted");
        true
    }

    #[tokio::test]
    async fn expired_entries_are_deleted_and_the_rest_loaded_again() {
        let (store, _folder) = with_an_app().await;
        let (bus, _ends) = LocalBus::new();
        let (revoker, doors) = (Revoker::new(store.clone(), bus.clone()), doors_of(&bus));
        for (nth, entry) in [
            entry("anna", false, None),
            entry("ben", true, Some(NOW_S + 60)),
            entry("carl", true, None),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(add(&store, &doors, entry).await, Some(nth as u64 + 1));
        }
        let nowhere = Revocation { app: AppId(2), ..entry("anna", false, None) };
        assert_eq!(add(&store, &doors, nowhere).await, None);
        for (now_s, left) in [
            (NOW_S + 59, 3),
            (NOW_S + 60, 2),
            (NOW_S + REVOCATION_KEPT_S - 1, 2),
            (NOW_S + REVOCATION_KEPT_S, 1),
        ] {
            let listed = store.revocations(AppId(1), u64::MAX, now_s, 9).await.expect("rows");
            assert_eq!(listed.len(), left, "{now_s}: expired, but not deleted yet");
            revoker.forget(now_s).await.expect("deleted");
            let stored = store.all_revocations((AppId(0), 0), 9).await.expect("rows");
            assert_eq!((bus.revocations().len(), stored.len()), (left, left), "{now_s}");
            let (again, _ends) = LocalBus::new();
            Revoker::new(store.clone(), again.clone()).load().await.expect("loaded");
            assert_eq!(again.revocations().len(), left, "{now_s}");
        }
        let app = store.app(AppId(1)).await.expect("read").expect("an app");
        assert_eq!(app.generation, 3, "no number comes twice");
    }

    #[tokio::test]
    async fn a_lift_leaves_other_revocations_of_its_target() {
        let (store, _folder) = with_an_app().await;
        let (bus, _ends) = LocalBus::new();
        let doors = doors_of(&bus);
        for ban in [false, true] {
            add(&store, &doors, entry("anna", ban, None)).await.expect("stored");
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
        assert!(lift(&store, &doors, 2).await);
        assert_eq!(found(), Some(false));
        assert!(!lift(&store, &doors, 2).await);
        assert!(lift(&store, &doors, 1).await);
        assert_eq!(found(), None);
    }
}
