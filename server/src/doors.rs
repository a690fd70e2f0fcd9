//! What the doors know, kept the same as the store. Between a commit and the doors' knowledge of it nobody looks:
//! reads that show what is enforced wait for the act under way in their app, and it for them.

use std::{collections::BTreeSet, sync::Arc};

use stagedoor_bus::{App, Bus, BusError, Revocation, Target};
use stagedoor_token::{AppId, Key, Roles};
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::{
    metrics::Metrics,
    store::{
        StoreError,
        apps::{AppRow, KeyRow},
        roles::RoleSetRow,
        write::Tx,
    },
};

/// Apps share this many gates.
const GATES: usize = 64;

/// What the doors are to know of an app once a transaction is committed.
#[derive(Debug)]
pub(crate) enum News {
    /// Nothing.
    Nothing,
    /// The app is this.
    App(App),
    /// It is gone.
    Gone,
    /// Something of it is revoked.
    Revoked(Revocation),
    /// A revocation of a target is lifted; these of the same target still stand.
    Lifted { target: Target, left: Vec<Revocation> },
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDone {
    /// It is not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is stored, and not every door knows.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Proof that no act is between store and doors.
pub(crate) type Look<'a> = RwLockReadGuard<'a, ()>;

/// The way to the doors.
pub(crate) struct Doors {
    bus: Arc<dyn Bus>,
    metrics: Arc<Metrics>,
    gates: Vec<RwLock<()>>,
}

impl Doors {
    pub(crate) fn new(bus: Arc<dyn Bus>, metrics: Arc<Metrics>) -> Self {
        Self { bus, metrics, gates: (0..GATES).map(|_| RwLock::default()).collect() }
    }

    /// What is read of an app while this is held is what the doors know. To be let go before anything is written.
    pub(crate) async fn look(&self, app: AppId) -> Look<'_> {
        self.gates[gate_of(app)].read().await
    }

    /// The same of all apps.
    pub(crate) async fn look_at_all(&self) -> Vec<Look<'_>> {
        let mut looks = Vec::with_capacity(GATES);
        for gate in &self.gates {
            looks.push(gate.read().await);
        }
        looks
    }

    /// Commits what was done in an app, and tells the doors. Transactions are told in the order in which they were
    /// committed.
    pub(crate) async fn commit(&self, tx: Tx, app: AppId, news: News) -> Result<(), NotDone> {
        self.commit_all(tx, vec![(app, news)]).await
    }

    /// The same of what was done in several apps.
    pub(crate) async fn commit_all(&self, tx: Tx, news: Vec<(AppId, News)>) -> Result<(), NotDone> {
        // In the order of the gates; and there is one transaction at a time.
        let apart: BTreeSet<usize> = news.iter().map(|(app, _)| gate_of(*app)).collect();
        let mut gates = Vec::with_capacity(apart.len());
        for gate in apart {
            gates.push(self.gates[gate].write().await);
        }
        let committed = tx.commit().await?;
        for kind in &committed.kinds {
            self.metrics.audit(kind, 1);
        }
        for (app, news) in news {
            match news {
                News::Nothing => {}
                News::App(app) => self.bus.put_app(app).await?,
                News::Gone => self.bus.remove_app(app).await?,
                News::Revoked(entry) => self.bus.revoke(&entry),
                News::Lifted { target, left } => self.bus.lift(app, &target, &left),
            }
        }
        Ok(())
    }
}

fn gate_of(app: AppId) -> usize {
    app.0 as usize % GATES
}

/// An app as the doors see it.
pub(crate) fn app_of(
    row: &AppRow,
    keys: &[KeyRow],
    roles: Option<&RoleSetRow>,
) -> Result<App, StoreError> {
    let roles = roles.map_or_else(|| Ok(Roles::built_in()), |set| roles_of(set).map(Arc::new))?;
    let keys = keys.iter().filter_map(key_of).collect();
    let since_ms = row.created_ms;
    Ok(App { id: row.id, since_ms, keys, roles, second_login: row.second_login })
}

/// A row's roles.
pub(crate) fn roles_of(row: &RoleSetRow) -> Result<Roles, StoreError> {
    Roles::from_json(&row.roles).map_err(|_| StoreError::Row("role_sets"))
}

/// A row's key. One that is none any more, by whatever accident, is left out and told.
pub(crate) fn key_of(row: &KeyRow) -> Option<Key> {
    let key = Key::hs256(row.app, &row.kid, &row.secret, row.state);
    key.inspect_err(|error| tracing::warn!(%error, kid = row.kid, "a stored key is not usable"))
        .ok()
}

#[cfg(test)]
mod tests {
    use stagedoor_bus::LocalBus;

    use super::*;
    use crate::store::tests::opened;

    #[tokio::test]
    async fn nobody_looks_between_the_commit_and_the_doors() {
        let (store, _folder) = opened().await;
        let (bus, _ends) = LocalBus::new();
        let doors = Arc::new(Doors::new(bus.clone(), Arc::default()));
        let looking = doors.look(AppId(1)).await;
        let mut tx = store.begin().await.expect("begun");
        let row = AppRow::sample(1);
        assert!(tx.add_app(&row).await.expect("added"));
        let act = tokio::spawn({
            let doors = doors.clone();
            let news = News::App(app_of(&row, &[], None).expect("an app"));
            async move { doors.commit(tx, AppId(1), news).await }
        });
        for _ in 0..10 {
            tokio::task::yield_now().await;
            assert!(store.app(AppId(1)).await.expect("read").is_none(), "somebody looks");
        }
        drop(doors.look(AppId(2)).await);
        drop(looking);
        let _look = doors.look(AppId(1)).await;
        let stored = store.app(AppId(1)).await.expect("read").is_some();
        assert_eq!(stored, bus.directory().app(AppId(1)).is_some());
        act.await.expect("no panic").expect("done");
        assert!(bus.directory().app(AppId(1)).is_some());
    }
}
