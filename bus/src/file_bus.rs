//! The bus of a relay that reaches no server: the directory comes from a file, and nothing can be stored, minted or
//! asked. It holds no secret and no key that signs.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use stagedoor_token::AppId;
use tokio::sync::{mpsc, oneshot};

use crate::{
    actor::By,
    bus::{Bus, BusFuture},
    clock::Clock,
    command::{Answer, Command},
    directory::{App, AppLife, Directory, Newest},
    directory_file::Loaded,
    error::BusError,
    event::Event,
    invite::{Invite, Inviting, NotInvited},
    local::{Asked, COMMANDS_WAITING_MAX},
    revocation::{Revocation, Target, Then},
    revocations::Revocations,
    store::Storing,
};

/// Entries of one target.
type ByTarget = HashMap<(AppId, Target), Vec<Revocation>>;

/// The bus of a relay alone.
pub struct FileBus {
    newest: Newest,
    revocations: Arc<Revocations>,
    /// What the file said last, so that only what changed is done.
    listed: Mutex<ByTarget>,
    made_ms: AtomicU64,
    clock: Clock,
    commands: mpsc::Sender<Asked>,
    heard: Box<dyn Fn(Event) + Send + Sync>,
}

impl FileBus {
    /// A bus without apps, and the commands for its relay. Each event goes to `heard`, which must not wait.
    pub fn new(
        heard: impl Fn(Event) + Send + Sync + 'static,
    ) -> (Arc<Self>, mpsc::Receiver<Asked>) {
        let (commands, end) = mpsc::channel(COMMANDS_WAITING_MAX);
        let bus = Self {
            newest: Newest::default(),
            revocations: Arc::default(),
            listed: Mutex::default(),
            made_ms: AtomicU64::new(0),
            clock: Clock::start(),
            commands,
            heard: Box::new(heard),
        };
        (Arc::new(bus), end)
    }

    /// When the directory in use was exported, Unix milliseconds.
    pub fn made_ms(&self) -> u64 {
        self.made_ms.load(Ordering::Relaxed)
    }

    /// Takes a directory in place of the one before. When the future completes, logins are decided by it, and seats
    /// that it revokes are closed.
    pub async fn load(&self, loaded: Loaded) {
        let Loaded { made_ms, apps, revocations } = loaded;
        let before = self.newest.get();
        let lives: HashMap<AppId, u64> =
            apps.iter().map(|(app, _)| (app.id, app.since_ms)).collect();
        let is_gone = |app: &&App| lives.get(&app.id) != Some(&app.since_ms);
        let gone: Vec<AppId> = before.apps().filter(is_gone).map(|app| app.id).collect();
        for app in &gone {
            self.revocations.forget_app(*app);
        }
        for (app, generation) in &apps {
            self.revocations.raise(app.id, *generation);
        }
        // Before the keys, so that nobody enters in between; what is lifted follows them.
        let (new, lifted) = self.compare(revocations, &gone);
        new.iter().for_each(|entry| self.revocations.add(entry));
        let apps = apps.into_iter().map(|(app, _)| app);
        self.newest.change(|directory| directory.replaced_by(apps));
        for ((app, target), left) in &lifted {
            self.revocations.lift(*app, target, left);
        }
        self.revocations.forget(self.clock.settled_ms() / 1_000);
        self.made_ms.store(made_ms, Ordering::Relaxed);
        for entry in gone.into_iter().map(|app| all_of(app, self.clock.unix_s())).chain(new) {
            self.close(entry).await;
        }
    }

    /// The entries that are new, and targets of which some are gone, with what remains of each.
    fn compare(&self, revocations: Vec<Revocation>, gone: &[AppId]) -> (Vec<Revocation>, ByTarget) {
        let mut after = ByTarget::new();
        for entry in revocations {
            after.entry((entry.app, entry.target.clone())).or_default().push(entry);
        }
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.retain(|(app, _), _| !gone.contains(app));
        let known = |entry: &&Revocation| {
            let of_target = listed.get(&(entry.app, entry.target.clone()));
            of_target.is_some_and(|entries| entries.contains(entry))
        };
        let new = after.values().flatten().filter(|entry| !known(entry)).cloned().collect();
        let left = |at: &(AppId, Target)| after.get(at).cloned().unwrap_or_default();
        let lifted = listed
            .iter()
            .map(|(at, entries)| (at, entries, left(at)))
            .filter(|(_, entries, left)| entries.iter().any(|entry| !left.contains(entry)))
            .map(|(at, _, left)| (at.clone(), left))
            .collect();
        *listed = after;
        (new, lifted)
    }

    /// Closes the seats that an entry covers.
    async fn close(&self, revocation: Revocation) {
        let (answer, done) = oneshot::channel();
        let command = Command::Revoke { revocation, margin_s: 0, then: Then::Close };
        // Without a relay there are no seats.
        if self.commands.send(Asked { command, answer }).await.is_ok() {
            let _ = done.await;
        }
    }
}

/// The end of an app, for its seats.
fn all_of(app: AppId, now_s: u64) -> Revocation {
    Revocation {
        app,
        target: Target::App,
        generation: u64::MAX,
        at_s: now_s,
        ends_s: None,
        ban: true,
        reason: None,
    }
}

impl Bus for FileBus {
    fn directory(&self) -> Arc<Directory> {
        self.newest.get()
    }

    fn put_app(&self, _: App) -> BusFuture<'_, ()> {
        Box::pin(async { Err(BusError::Unavailable) })
    }

    fn remove_app(&self, _: AppId) -> BusFuture<'_, ()> {
        Box::pin(async { Err(BusError::Unavailable) })
    }

    fn revocations(&self) -> Arc<Revocations> {
        self.revocations.clone()
    }

    fn revoke(&self, revocation: &Revocation) {
        self.revocations.add(revocation);
    }

    fn store(&self, _: AppLife, _: Vec<Revocation>, _: By) -> Storing {
        Storing::refused()
    }

    fn store_due(&self, _: AppLife, revocations: Vec<Revocation>, _: By) -> Storing {
        revocations.iter().for_each(|entry| self.revocations.add(entry));
        Storing::refused()
    }

    fn invite(&self, _: Invite) -> Inviting {
        Box::pin(async { Err(NotInvited::Unavailable) })
    }

    fn lift(&self, app: AppId, target: &Target, left: &[Revocation]) {
        self.revocations.lift(app, target, left);
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn command(&self, _: Command) -> BusFuture<'_, Answer> {
        Box::pin(async { Err(BusError::Unavailable) })
    }

    fn emit(&self, event: Event) {
        (self.heard)(event);
    }

    fn take_dropped(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use stagedoor_token::{Key, KeyState, Roles};

    use super::*;
    use crate::revocation::Bearer;

    fn app(id: u32, since_ms: u64) -> (App, u64) {
        let key = Key::ed25519(AppId(id), &format!("k{id}"), &[1; 32], KeyState::Current);
        let keys = vec![key.expect("a key").into()];
        let roles = Roles::built_in();
        (App { id: AppId(id), since_ms, keys, roles, second_login: None, token04: None }, 0)
    }

    /// An entry that never grows old, since an old one is forgotten.
    fn entry(user: &str, generation: u64) -> Revocation {
        let (target, at_s) = (Target::User(user.into()), u64::from(u32::MAX));
        Revocation { app: AppId(1), target, generation, ban: false, ..all_of(AppId(1), at_s) }
    }

    /// Loads, and returns what the relay is asked to close.
    async fn load(
        bus: &FileBus,
        commands: &mut mpsc::Receiver<Asked>,
        apps: Vec<(App, u64)>,
        revocations: Vec<Revocation>,
    ) -> Vec<Revocation> {
        let mut asked = Vec::new();
        let loading = bus.load(Loaded { made_ms: 9, apps, revocations });
        tokio::pin!(loading);
        loop {
            tokio::select! {
                () = &mut loading => return asked,
                Some(Asked { command, answer }) = commands.recv() => {
                    if let Command::Revoke { revocation, .. } = command {
                        asked.push(revocation);
                    }
                    answer.send(Answer::Done { seats: 0 }).expect("somebody waits");
                }
            }
        }
    }

    fn is_revoked(bus: &FileBus, user: &str, generation: u64) -> bool {
        let bearer = Bearer {
            app: AppId(1),
            room: "r",
            user,
            role: "host",
            kid: "k1",
            jti: "j",
            iat: 4,
            generation: Some(generation),
        };
        bus.revocations().find(&bearer, 6).is_some()
    }

    #[tokio::test]
    async fn a_new_directory_replaces_the_one_before() {
        let (bus, mut commands) = FileBus::new(|_| {});
        let (one, other) = (|| app(1, 3), || app(2, 3));
        let eve = || entry("eve", 1);
        let asked = load(&bus, &mut commands, vec![one(), other()], vec![eve()]).await;
        assert_eq!(asked, [eve()]);
        assert!(is_revoked(&bus, "eve", 0) && !is_revoked(&bus, "eve", 1));
        assert_eq!(bus.made_ms(), 9);
        let asked = load(&bus, &mut commands, vec![one(), other()], vec![eve()]).await;
        assert_eq!(asked, [], "nothing changed");
        let asked = load(&bus, &mut commands, vec![one()], vec![eve(), entry("eve", 4)]).await;
        let targets: Vec<&Target> = asked.iter().map(|entry| &entry.target).collect();
        assert_eq!(targets, [&Target::App, &Target::User("eve".into())], "the app 2 is gone");
        assert!(bus.directory().app(AppId(2)).is_none() && bus.directory().key("k2").is_none());
        assert!(is_revoked(&bus, "eve", 3));
        load(&bus, &mut commands, vec![one()], vec![eve()]).await;
        assert!(is_revoked(&bus, "eve", 0) && !is_revoked(&bus, "eve", 3), "one is lifted");
        let asked = load(&bus, &mut commands, vec![app(1, 8)], Vec::new()).await;
        assert_eq!(asked.len(), 1, "another app of the same id");
        assert!(!is_revoked(&bus, "eve", 0));
    }

    #[tokio::test]
    async fn nothing_is_stored_or_minted_without_a_server() {
        let (bus, _commands) = FileBus::new(|_| {});
        let life = AppLife { id: AppId(1), since_ms: 3 };
        let by = By::outside(crate::Actor::Relay);
        let refused = bus.store(life, vec![entry("eve", 1)], by).await;
        assert_eq!(refused.expect_err("refused"), BusError::StoreUnavailable);
        assert!(!is_revoked(&bus, "eve", 0));
        let command = Command::Held { app: AppId(1), kid: "k".into() };
        assert_eq!(bus.command(command).await.expect_err("refused"), BusError::Unavailable);
        assert!(bus.put_app(app(1, 3).0).await.is_err());
    }
}
