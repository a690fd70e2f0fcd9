//! What is revoked, in the store and on the bus. Stores first and tells the doors then, in the same order; live seats
//! are the caller's to think of.

use std::sync::Arc;

use stagedoor_bus::{Bus, Revocation};
use stagedoor_token::AppId;

use crate::{
    doors::{Doors, News, NotDone},
    store::{Store, StoreError, revocations::RevocationRow},
};

/// Rows that are read at a time.
const ROWS_AT_A_TIME: u32 = 10_000;

/// Where what members revoke is stored, and what is over is let go of.
pub(crate) struct Revoker {
    store: Store,
    bus: Arc<dyn Bus>,
    doors: Arc<Doors>,
}

impl Revoker {
    pub(crate) fn new(store: Store, bus: Arc<dyn Bus>, doors: Arc<Doors>) -> Self {
        Self { store, bus, doors }
    }

    /// Stores a revocation, tells the doors, and gives it back with its number; `None` if the app is not
    /// there. One that a relay told is known to the doors already, and learns its generation here.
    pub(crate) async fn add(
        &self,
        entry: Revocation,
        actor: &str,
    ) -> Result<Option<RevocationRow>, NotDone> {
        let app = entry.app;
        let mut row = RevocationRow::new(entry, actor);
        let mut tx = self.store.begin().await?;
        let Some(generation) = tx.add_revocation(&row).await? else { return Ok(None) };
        row.entry.generation = generation;
        self.doors.commit(tx, app, News::Revoked(row.entry.clone())).await?;
        Ok(Some(row))
    }

    /// Tells the doors of everything that is stored, also of what is over by today's calendar: that may be wrong.
    pub(crate) async fn load(&self) -> Result<(), StoreError> {
        let mut after = (AppId(0), 0);
        loop {
            let rows = self.store.all_revocations(after, ROWS_AT_A_TIME).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.entry.app, last.entry.generation);
            rows.iter().for_each(|row| self.bus.revoke(&row.entry));
        }
    }

    /// Lets go of what was over at the settled time, in the list and in the store.
    pub(crate) async fn forget(&self, settled_s: u64) -> Result<u64, StoreError> {
        self.bus.revocations().forget(settled_s);
        self.store.prune_revocations(settled_s).await
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
        let mut tx = store.begin().await.expect("begun");
        assert!(tx.add_app(&AppRow::sample(1)).await.expect("an app"));
        drop(tx.commit().await.expect("committed"));
        (store, folder)
    }

    fn revoker_of(store: &Store, bus: &Arc<LocalBus>) -> Revoker {
        let doors = Doors::new(bus.clone(), Arc::default());
        Revoker::new(store.clone(), bus.clone(), Arc::new(doors))
    }

    async fn lift(store: &Store, revoker: &Revoker, generation: u64) -> bool {
        let mut tx = store.begin().await.expect("begun");
        let lifted = tx.lift_revocation(AppId(1), generation).await.expect("an answer");
        let Some((row, left)) = lifted else { return false };
        let news = News::Lifted { target: row.entry.target, left };
        revoker.doors.commit(tx, AppId(1), news).await.expect("lifted");
        true
    }

    #[tokio::test]
    async fn what_is_over_leaves_list_and_store_and_the_rest_is_loaded_again() {
        let (store, _folder) = with_an_app().await;
        let (bus, _ends) = LocalBus::new();
        let revoker = revoker_of(&store, &bus);
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
            let stored = store.all_revocations((AppId(0), 0), 9).await.expect("rows");
            assert_eq!((bus.revocations().len(), stored.len()), (left, left), "{now_s}");
            let (again, _ends) = LocalBus::new();
            revoker_of(&store, &again).load().await.expect("loaded");
            assert_eq!(again.revocations().len(), left, "{now_s}");
        }
        let app = store.app(AppId(1)).await.expect("read").expect("an app");
        assert_eq!(app.generation, 3, "no number comes twice");
    }

    #[tokio::test]
    async fn a_lift_leaves_what_else_is_said_of_its_target() {
        let (store, _folder) = with_an_app().await;
        let (bus, _ends) = LocalBus::new();
        let revoker = revoker_of(&store, &bus);
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
        assert!(lift(&store, &revoker, 2).await);
        assert_eq!(found(), Some(false));
        assert!(!lift(&store, &revoker, 2).await);
        assert!(lift(&store, &revoker, 1).await);
        assert_eq!(found(), None);
    }
}
