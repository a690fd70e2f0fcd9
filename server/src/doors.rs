//! Keeps the doors in step with the store. Nobody observes the time between a commit and the doors' update: reads that
//! show what is enforced wait for the act in progress in their app, and it waits for them.

use std::{collections::BTreeSet, sync::Arc};

use stagedoor_bus::{App, AppKey, Bus, BusError, Revocation, Target, Token04Key, Token04Secret};
use stagedoor_token::{Algorithm, AppId, Key, KeyError, Roles, VerifyingKey};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::{
    key_alg::KeyAlg,
    metrics::Metrics,
    store::{StoreError, apps::AppRow, keys::KeyRow, roles::RoleSetRow, write::Tx},
};

/// Number of gates that all apps share.
const GATES: usize = 64;

/// What the doors must learn about an app once a transaction commits.
#[derive(Debug)]
pub(crate) enum News {
    /// Nothing.
    Nothing,
    /// The app's new state.
    App(App),
    /// The app was deleted.
    Gone,
    /// Something in it was revoked.
    Revoked(Revocation),
    /// A revocation of a target was lifted; these revocations of the same target remain.
    Lifted { target: Target, left: Vec<Revocation> },
}

/// Why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDone {
    /// It was not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was stored, but not every door has been updated.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Proves that no act is between store and doors.
pub(crate) type Look<'a> = RwLockReadGuard<'a, ()>;

/// Proves that no read of these apps is in progress, and that none begins.
pub(crate) struct Hold<'a>(Vec<RwLockWriteGuard<'a, ()>>);

/// The doors of all relays.
pub(crate) struct Doors {
    bus: Arc<dyn Bus>,
    metrics: Arc<Metrics>,
    gates: Vec<RwLock<()>>,
}

impl Doors {
    pub(crate) fn new(bus: Arc<dyn Bus>, metrics: Arc<Metrics>) -> Self {
        Self { bus, metrics, gates: (0..GATES).map(|_| RwLock::default()).collect() }
    }

    /// While this is held, reads of the app match what the doors enforce. Drop it before writing anything.
    pub(crate) async fn look(&self, app: AppId) -> Look<'_> {
        self.gates[gate_of(app)].read().await
    }

    /// The same for all apps.
    pub(crate) async fn look_at_all(&self) -> Vec<Look<'_>> {
        let mut looks = Vec::with_capacity(GATES);
        for gate in &self.gates {
            looks.push(gate.read().await);
        }
        looks
    }

    /// Commits a change to an app and updates the doors. The doors are updated in the order of the commits.
    pub(crate) async fn commit(&self, tx: Tx, app: AppId, news: News) -> Result<(), NotDone> {
        self.commit_all(tx, vec![(app, news)]).await
    }

    /// The same for a change to several apps.
    pub(crate) async fn commit_all(&self, tx: Tx, news: Vec<(AppId, News)>) -> Result<(), NotDone> {
        let hold = self.hold(&tx, news.iter().map(|(app, _)| *app)).await;
        self.commit_held(hold, tx, news).await
    }

    /// Waits for the reads of these apps. Taken before a transaction's last changes where their moment matters: until
    /// the commit nothing is minted.
    pub(crate) async fn hold(&self, _tx: &Tx, apps: impl Iterator<Item = AppId>) -> Hold<'_> {
        // Gates are locked in order, and only one transaction runs at a time.
        let apart: BTreeSet<usize> = apps.map(gate_of).collect();
        let mut gates = Vec::with_capacity(apart.len());
        for gate in apart {
            gates.push(self.gates[gate].write().await);
        }
        Hold(gates)
    }

    /// Commits a change to apps that are held, and updates the doors.
    pub(crate) async fn commit_held(
        &self,
        Hold(gates): Hold<'_>,
        tx: Tx,
        news: Vec<(AppId, News)>,
    ) -> Result<(), NotDone> {
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
        drop(gates);
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
    let door_key = |row: &KeyRow| {
        Some(match row.alg {
            KeyAlg::Token04 => AppKey::token04(token04_key(row)?, row.bounds.clone()),
            KeyAlg::Signature(_) => AppKey::new(verifying_of(row)?, row.bounds.clone()),
        })
    };
    let keys = keys.iter().filter_map(door_key).collect();
    let since_ms = row.created_ms;
    let token04 = row.token04.as_ref().and_then(|setting| setting.at_the_door(row.ttl_s_max));
    Ok(App { id: row.id, since_ms, keys, roles, second_login: row.second_login, token04 })
}

/// The roles of a row.
pub(crate) fn roles_of(row: &RoleSetRow) -> Result<Roles, StoreError> {
    Roles::from_json(&row.roles).map_err(|_| StoreError::Row("role_sets"))
}

/// What of a row's key verifies: of a key pair its public part, wherever it was made. A row that is not a valid key is
/// logged and skipped.
fn verifying_of(row: &KeyRow) -> Option<VerifyingKey> {
    let Some(public) = &row.public else {
        return key_of(row).map(|key| key.verifying().clone());
    };
    VerifyingKey::from_jwk(row.app, &row.kid, row.state, public)
        .inspect_err(
            |error| tracing::warn!(%error, kid = row.kid, "a stored key is invalid; skipped"),
        )
        .ok()
}

/// The secret of a row that opens and seals Token04. A row that is not one is logged and skipped.
pub(crate) fn token04_key(row: &KeyRow) -> Option<Token04Key> {
    let secret = row.secret.as_ref().filter(|_| row.alg == KeyAlg::Token04)?;
    let secret = Token04Secret::import(secret).inspect_err(
        |error| tracing::warn!(%error, kid = row.kid, "a stored key is invalid; skipped"),
    );
    Some(Token04Key {
        app: row.app,
        kid: row.kid.as_str().into(),
        state: row.state,
        secret: secret.ok()?,
    })
}

/// The key of a row, to sign with. `None` if it was made elsewhere, or is none that signs. A row that is not a valid key is logged and skipped.
pub(crate) fn key_of(row: &KeyRow) -> Option<Key> {
    let secret = row.secret.as_ref()?.as_slice();
    let KeyAlg::Signature(alg) = row.alg else { return None };
    let key = match alg {
        Algorithm::HS256 => Key::hs256(row.app, &row.kid, secret, row.state),
        // Keys of ES256 are made elsewhere.
        Algorithm::EdDSA | Algorithm::ES256 => {
            let seed = secret.try_into().map_err(|_| KeyError::SecretShort);
            seed.and_then(|seed| Key::ed25519(row.app, &row.kid, seed, row.state))
        }
    };
    key.inspect_err(
        |error| tracing::warn!(%error, kid = row.kid, "a stored key is invalid; skipped"),
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use stagedoor_bus::LocalBus;

    use super::*;
    use crate::store::tests::opened;

    #[tokio::test]
    async fn no_read_sees_a_commit_before_the_doors_do() {
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
