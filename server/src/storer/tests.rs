use stagedoor_bus::{
    Actor, ActorKind, AppLife, Bearer, Bus, BusError, LocalBus, Receivers, Storing, Target,
};
use stagedoor_token::AppId;

use super::*;
use crate::store::{
    apps::AppRow,
    audit::{Filter, OfApp},
    tests::opened,
};

const NOW_S: u64 = 1_700_000_000;

struct Scene {
    store: Store,
    bus: Arc<LocalBus>,
    ends: Receivers,
    storer: Storer,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn with_apps(apps: u32) -> Self {
        let (store, folder) = opened().await;
        let mut tx = store.begin().await.expect("begun");
        for id in 1..=apps {
            assert!(tx.add_app(&AppRow::sample(id)).await.expect("an app"));
        }
        drop(tx.commit().await.expect("committed"));
        let (bus, ends) = LocalBus::new();
        let doors = Doors::new(bus.clone(), Arc::default());
        let storer = Storer::new(store.clone(), Arc::new(doors), Arc::default());
        Self { store, bus, ends, storer, _folder: folder }
    }

    /// Lets the storer pick up the request.
    async fn store(&mut self) {
        let mut asked = Vec::new();
        while let Ok(request) = self.ends.stores.try_recv() {
            asked.push(request);
        }
        self.storer.store(asked).await;
    }

    fn is_banned(&self, app: u32, user: &str) -> bool {
        let bearer = Bearer {
            app: AppId(app),
            room: "r",
            user,
            role: "host",
            kid: "k",
            jti: "j",
            iat: 0,
            generation: None,
        };
        self.bus.revocations().find(&bearer, NOW_S).is_some_and(|hit| hit.ban)
    }

    async fn stored(&self) -> Vec<RevocationRow> {
        self.store.all_revocations((AppId(0), 0), 1_000).await.expect("rows")
    }
}

fn life(app: u32) -> AppLife {
    AppRow::sample(app).life()
}

fn host() -> By {
    By { actor: Actor::User("host".into()), peer: Some("192.0.2.1:80".into()) }
}

fn ban(app: u32, user: &str) -> Revocation {
    Revocation {
        app: AppId(app),
        target: Target::User(user.into()),
        generation: 0,
        at_s: NOW_S,
        ends_s: None,
        ban: true,
        reason: Some("ban".into()),
    }
}

#[tokio::test]
async fn simultaneous_requests_are_numbered_recorded_and_enforced() {
    let mut scene = Scene::with_apps(2).await;
    let mut storing: Vec<Storing> = Vec::new();
    for n in 0..100 {
        let app = 1 + n % 2;
        let of_user = |more| ban(app, &format!("u{n}{more}"));
        let revocations = (0..=n % 3).map(of_user).collect();
        storing.push(scene.bus.store(life(app), revocations, host()));
    }
    let nowhere = scene.bus.store(life(3), vec![ban(3, "u")], host());
    scene.store().await;
    for storing in storing {
        storing.await.expect("stored").keep();
    }
    assert_eq!(nowhere.await.expect_err("no such app"), BusError::StoreUnavailable);
    assert!(!scene.is_banned(3, "u") && scene.is_banned(1, "u00") && scene.is_banned(2, "u10"));
    let stored = scene.stored().await;
    for app in [1, 2] {
        let of_app: Vec<&RevocationRow> =
            stored.iter().filter(|row| row.entry.app == AppId(app)).collect();
        let numbers: Vec<u64> = of_app.iter().map(|row| row.entry.generation).collect();
        assert_eq!(numbers, (1..=of_app.len() as u64).collect::<Vec<_>>());
        let (kind, app) = (Some("revocation.add".into()), OfApp::Life(life(app)));
        let filter = Filter { kind, app, ..Filter::default() };
        let records = scene.store.records(&filter, 1_000).await.expect("records");
        assert_eq!(records.len(), of_app.len());
        for record in records {
            assert_eq!(record.actor.as_deref(), Some("host"));
            assert_eq!(record.actor_kind, Some(ActorKind::User));
            assert_eq!(record.peer.as_deref(), Some("192.0.2.1:80"));
        }
    }
    assert_eq!(stored.len(), 34 + 33 * 2 + 33 * 3);
}

#[tokio::test]
async fn a_lift_leaves_other_revocations_of_its_target() {
    let mut scene = Scene::with_apps(1).await;
    let storing = [(); 2].map(|()| scene.bus.store(life(1), vec![ban(1, "anna")], host()));
    scene.store().await;
    for (storing, left) in storing.into_iter().zip([1, 0]) {
        let lifting = storing.await.expect("stored").lift();
        scene.store().await;
        assert!(lifting.await.is_ok());
        assert_eq!((scene.stored().await.len(), scene.is_banned(1, "anna")), (left, left > 0));
    }
}

#[tokio::test]
async fn an_overdue_entry_holds_and_is_retried_until_stored() {
    let mut scene = Scene::with_apps(1).await;
    let first = scene.store.begin().await.expect("another is first");
    let due = scene.bus.store_due(life(1), vec![ban(1, "anna")], host());
    let asked = scene.bus.store(life(1), vec![ban(1, "ben")], host());
    scene.store().await;
    assert_eq!(asked.await.expect_err("refused"), BusError::StoreUnavailable);
    assert!(scene.is_banned(1, "anna") && !scene.is_banned(1, "ben"));
    drop(first);
    // Until then nothing is retried, and new requests are not held up.
    let asked = scene.bus.store(life(1), vec![ban(1, "carl")], host());
    scene.storer.retry_at = Instant::now() + Duration::from_secs(60);
    scene.store().await;
    asked.await.expect("stored").keep();
    assert_eq!(scene.stored().await.len(), 1);
    scene.storer.retry_at = Instant::now();
    scene.store().await;
    due.await.expect("stored at last").keep();
    let users: Vec<String> =
        scene.stored().await.iter().map(|row| format!("{:?}", row.entry.target)).collect();
    assert_eq!(users, [r#"User("carl")"#, r#"User("anna")"#]);
}

#[tokio::test]
async fn nothing_is_stored_for_an_app_that_was_replaced() {
    let mut scene = Scene::with_apps(1).await;
    let before = AppLife { since_ms: life(1).since_ms + 1, ..life(1) };
    let of_old = scene.bus.store(before, vec![ban(1, "anna")], host());
    let of_new = scene.bus.store(life(1), vec![ban(1, "ben")], host());
    scene.store().await;
    assert_eq!(of_old.await.expect_err("another app"), BusError::StoreUnavailable);
    of_new.await.expect("stored").keep();
    assert!(!scene.is_banned(1, "anna") && scene.is_banned(1, "ben"));
    let lift = Entry::Lift(before, vec![1]);
    let mut tx = scene.store.begin().await.expect("begun");
    let written = tx.write_entries(vec![lift]).await.expect("written");
    drop(tx.commit().await.expect("committed"));
    assert!(matches!(&written[..], [Written::Lifted(rows)] if rows.is_empty()));
    assert_eq!(scene.stored().await.len(), 1);
}

#[tokio::test]
async fn a_full_trail_refuses_requests_but_not_what_holds() {
    let mut scene = Scene::with_apps(1).await;
    scene.storer.gate.disk_is_low(true);
    let asked = scene.bus.store(life(1), vec![ban(1, "anna")], host());
    let due = scene.bus.store_due(life(1), vec![ban(1, "ben")], host());
    scene.store().await;
    assert_eq!(asked.await.expect_err("refused"), BusError::StoreUnavailable);
    due.await.expect("stored").keep();
    assert!(!scene.is_banned(1, "anna") && scene.is_banned(1, "ben"));
    scene.storer.gate.disk_is_low(false);
    let asked = scene.bus.store(life(1), vec![ban(1, "anna")], host());
    scene.store().await;
    asked.await.expect("stored").keep();
}
