//! What is acknowledged is stored: while nothing can be stored nothing is acknowledged, and no `kill -9` undoes what
//! was answered with `ok`.

use std::{collections::HashMap, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Caller, Member};
use stagedoor_wire::SUBPROTOCOL;
use tokio::{net::TcpStream, time::timeout};

use super::child::{Lock, Process, Setting};

const TIME_LIMIT: Duration = Duration::from_secs(120);
const UNAVAILABLE: &str = "store_unavailable";

fn claims(user: &str, role: &str, once: bool) -> Value {
    json!({"room": "lobby", "user": user, "role": role, "once": once})
}

fn moderate(verb: &str, user: &str) -> Value {
    json!({"op": "moderate", "verb": verb, "user": user})
}

/// A login's code, and the close that followed; `ok` and 0 if it succeeded.
async fn logged_in(process: &Process, token: &str) -> Result<(String, u16)> {
    let mut member = process.connect().await?;
    let answer = member.ask(json!({"op": "login", "token": token})).await?;
    match answer["error"]["code"].as_str() {
        Some(code) => Ok((code.to_owned(), member.closed().await?.code)),
        None => Ok(("ok".into(), 0)),
    }
}

/// Status and body of a handshake with the token.
async fn handshake(process: &Process, token: &str) -> Result<(u16, bool, String)> {
    let tcp = TcpStream::connect(process.caller()?.to).await?;
    let bearer = format!("Bearer {token}");
    let fields = [("sec-websocket-protocol", SUBPROTOCOL), ("authorization", &bearer)];
    match Member::connect_over(tcp, &fields).await? {
        Ok(_) => Ok((101, false, String::new())),
        Err(refused) => {
            let retry = refused.headers().contains_key("retry-after");
            let body = refused.body().clone().unwrap_or_default();
            let code = serde_json::from_slice::<Value>(&body).unwrap_or_default();
            Ok((refused.status().as_u16(), retry, code["code"].as_str().unwrap_or("").into()))
        }
    }
}

/// A room in which a failing store is tested.
struct Scene {
    anna: Member,
    ben: Member,
    tokens: HashMap<&'static str, String>,
}

impl Scene {
    async fn set(process: &Process) -> Result<Self> {
        let mut tokens = HashMap::new();
        for (name, claims) in [
            ("ben", claims("ben", "speaker", false)),
            ("once", claims("carl", "speaker", true)),
            ("again", claims("ben", "speaker", true)),
            ("usual", claims("dora", "audience", false)),
        ] {
            tokens.insert(name, process.mint(claims).await?);
        }
        let anna = process.join("lobby", "anna", "host").await?;
        let mut ben = process.connect().await?;
        ben.log_in(&tokens["ben"]).await?;
        Ok(Self { anna, ben, tokens })
    }

    /// Every revocation is refused, and has no effect.
    async fn nothing_is_pretended(&mut self, process: &Process) -> Result<()> {
        for verb in ["kick", "ban"] {
            assert_eq!(self.anna.code(moderate(verb, "ben")).await?, UNAVAILABLE, "{verb}");
            self.ben.ok(json!({"op": "ping"})).await.context(verb)?;
        }
        let caller = process.caller()?;
        let kick = process.path("rooms/lobby/members/ben/kick");
        let refused = caller.ask("POST", &kick, None).await?;
        assert_eq!(refused.problem(), (503, UNAVAILABLE), "{}", refused.body);
        self.ben.ok(json!({"op": "ping"})).await.context("the API's kick")?;
        let again = json!({"op": "renew", "token": self.tokens["again"]});
        assert_eq!(self.ben.code(again).await?, UNAVAILABLE);

        let once = &self.tokens["once"];
        assert_eq!(logged_in(process, once).await?, (UNAVAILABLE.into(), 4106));
        assert_eq!(handshake(process, once).await?, (503, true, UNAVAILABLE.into()));
        assert_eq!(logged_in(process, &self.tokens["usual"]).await?, ("ok".into(), 0));

        // The doors were given nothing that stays.
        self.ben.ok(json!({"op": "leave"})).await?;
        self.ben.closed().await?;
        self.ben = process.connect().await?;
        self.ben.log_in(&self.tokens["ben"]).await.context("its token is as good as before")?;
        Ok(())
    }

    /// Now all of it is done, and what was refused can still be used.
    async fn all_is_done(&mut self, process: &Process) -> Result<()> {
        self.ben.ok(json!({"op": "renew", "token": self.tokens["again"]})).await?;
        let ticket = process.connect().await?.log_in(&self.tokens["once"]).await?["ticket"].clone();
        ensure!(ticket.is_string(), "no ticket");
        assert_eq!(logged_in(process, &self.tokens["once"]).await?.0, "token_revoked");
        self.anna.ok(moderate("kick", "ben")).await?;
        assert_eq!(self.ben.closed().await?.reason, "kicked");
        assert_eq!(logged_in(process, &self.tokens["ben"]).await?.0, "token_revoked");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_store_acknowledges_nothing() -> Result<()> {
    let run = async {
        let folder = tempfile::tempdir()?;
        let process = Setting::default().start(folder.path()).await?;
        let mut scene = Scene::set(&process).await?;
        let lock = Lock::on(folder.path()).await?;
        scene.nothing_is_pretended(&process).await?;
        lock.release().await?;
        process.ready().await?;
        scene.all_is_done(&process).await
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_acknowledges_nothing() -> Result<()> {
    let run = async {
        let folder = tempfile::tempdir()?;
        let process = Setting::default().full_at(1_500).start(folder.path()).await?;
        let mut scene = Scene::set(&process).await?;
        fill(&process).await?;
        scene.nothing_is_pretended(&process).await?;
        process.kill().await?;

        let process = Setting::default().start(folder.path()).await?;
        let mut anna = process.join("lobby", "anna", "host").await?;
        let mut ben = process.connect().await?;
        ben.log_in(&scene.tokens["ben"]).await.context("nothing was stored of it either")?;
        anna.ok(json!({"op": "ping"})).await?;
        Scene { anna, ben, tokens: scene.tokens }.all_is_done(&process).await
    };
    timeout(TIME_LIMIT, run).await?
}

/// Mints until the store accepts no more, twice in a row.
async fn fill(process: &Process) -> Result<()> {
    let (caller, path) = (process.caller()?, process.path("tokens"));
    let mut refused = 0;
    while refused < 2 {
        let mints = (0..16).map(|_| async {
            let body = claims("x", "audience", false);
            anyhow::Ok(caller.ask("POST", &path, Some(&body)).await?.status)
        });
        let statuses = futures_util::future::try_join_all(mints).await?;
        refused = if statuses.contains(&201) { 0 } else { refused + 1 };
    }
    Ok(())
}

/// One user's acknowledged act, and how to see that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Act {
    Ban,
    Kick,
    Once,
    ApiKick,
}

const ACTS: [Act; 4] = [Act::Ban, Act::Kick, Act::Once, Act::ApiKick];

impl Act {
    /// Does it to its own user; returns whether that was acknowledged.
    async fn carry_out(self, told: &Told, user: &str, token: &str) -> Result<bool> {
        if self == Self::Once {
            let mut member = Member::connect(told.caller.to).await?;
            return Ok(member.log_in(token).await.is_ok());
        }
        let mut member = Member::connect(told.caller.to).await?;
        member.log_in(token).await?;
        if self == Self::ApiKick {
            let path = format!("{}/rooms/lobby/members/{user}/kick", told.app);
            return Ok(told.caller.ask("POST", &path, None).await?.status == 200);
        }
        let mut host = Member::connect(told.caller.to).await?;
        host.log_in(&told.hosts[user]).await?;
        let verb = if self == Self::Ban { "ban" } else { "kick" };
        Ok(host.ok(moderate(verb, user)).await.is_ok())
    }
}

/// What each of many tasks needs.
struct Told {
    caller: Caller,
    app: String,
    hosts: HashMap<String, String>,
}

/// Many concurrent acts on a process that is killed; returns the tokens of those acknowledged.
async fn killed_amid(data: &Path, round: u64, users: usize) -> Result<Vec<(Act, String)>> {
    let process = Setting::default().start(data).await?;
    let mut acts = Vec::new();
    let mut hosts = HashMap::new();
    for n in 0..users {
        let act = ACTS[n % ACTS.len()];
        let user = format!("{act:?}-{round}-{n}");
        let token = process.mint(claims(&user, "speaker", act == Act::Once)).await?;
        hosts.insert(user.clone(), process.mint(claims(&format!("h{n}"), "host", false)).await?);
        acts.push((act, user, token));
    }
    let app = process.path("").trim_end_matches('/').to_owned();
    let told = std::sync::Arc::new(Told { caller: process.caller()?, app, hosts });
    let (done, mut all_done) = tokio::sync::mpsc::unbounded_channel();
    for (act, user, token) in acts {
        let (told, done) = (told.clone(), done.clone());
        tokio::spawn(async move {
            let acknowledged = act.carry_out(&told, &user, &token).await;
            // Who waits has enough by then.
            let _ = done.send((act, token, acknowledged.unwrap_or(false)));
        });
    }
    drop(done);
    // The last of these is the one right before the kill.
    let mut acknowledged = Vec::new();
    for _ in 0..users / 2 {
        let (act, token, is_acknowledged) = all_done.recv().await.context("an outcome")?;
        ensure!(is_acknowledged, "{act:?} was refused");
        acknowledged.push((act, token));
    }
    process.kill().await?;
    while let Some((act, token, is_acknowledged)) = all_done.recv().await {
        if is_acknowledged {
            acknowledged.push((act, token));
        }
    }
    Ok(acknowledged)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_kick_ban_or_use_is_lost_by_kill_9() -> Result<()> {
    let run = async {
        let folder = tempfile::tempdir()?;
        let rounds = std::env::var("STAGEDOOR_KILL_ROUNDS").ok().and_then(|text| text.parse().ok());
        let (mut count, mut lost) = (HashMap::<Act, u32>::new(), Vec::new());
        for round in 0..rounds.unwrap_or(5) {
            let acknowledged = killed_amid(folder.path(), round, 40).await?;
            let process = Setting::default().start(folder.path()).await?;
            for (act, token) in acknowledged {
                *count.entry(act).or_default() += 1;
                let code = logged_in(&process, &token).await?.0;
                let right = if act == Act::Ban { "banned" } else { "token_revoked" };
                if code != right {
                    lost.push((round, act, code));
                }
            }
            // Gone before the next one starts: one process has the folder.
            process.kill().await?;
        }
        println!("acknowledged: {count:?}");
        assert!(lost.is_empty(), "{} of {count:?} are lost: {lost:?}", lost.len());
        ensure!(ACTS.iter().all(|act| count.contains_key(act)), "{count:?}");
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}
