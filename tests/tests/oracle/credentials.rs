//! Drives a real server with random API keys and random requests through them, and compares each answer with the model
//! of `reach`.
//!
//! Faults put into the server by hand, each found within 1,000 operations: the role of `at_exp` not held to the bounds, a
//! rotation of a key that has more, a revocation in any room, roles changed by a key that is held to a rank, a token of
//! another room shown, addresses ignored, scopes given on that one lacks, `tokens:verify` that mints.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stagedoor_tests::{Stage, Steady};

use super::{
    dice::Dice,
    number,
    reach::{Reach, SCOPES, Wish, open},
};

/// Random operations in all. Each is a request, and most are written to the disk, so that 100,000 take minutes: ask for
/// as many by hand, with `STAGEDOOR_ORACLE_OPERATIONS`.
const OPERATIONS: usize = 25_000;
/// Apps at work at once.
const LANES: usize = 12;
/// API keys of one app; then some are deleted.
const KEYS_MAX: usize = 24;
const ROOMS: [&str; 6] = ["a", "ab", "abc", "b", "ba", "hall"];
const ROLES: [&str; 4] = ["audience", "guest", "host", "speaker"];
/// The app's default life of tokens, and the longest.
const LIFE_S: (u64, u64) = (3_600, 86_400);
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

/// A refusal: its status, its code, and the scope, bound or field that it names.
type Refusal = (u16, &'static str, Option<String>);

/// An API key as the model knows it.
#[derive(Clone, Debug)]
struct Key {
    id: String,
    credential: String,
    scopes: Vec<&'static str>,
    reach: Reach,
}

impl Key {
    /// Whether it opens a scope from here.
    fn may(&self, scope: &str) -> Result<(), Refusal> {
        if !self.reach.has_us() {
            return Err((403, "address_refused", None));
        }
        let missing = (403, "scope_missing", Some(scope.into()));
        if open(&self.scopes, scope) { Ok(()) } else { Err(missing) }
    }

    fn may_in(&self, scope: &str, room: Option<&str>) -> Result<(), Refusal> {
        self.may(scope)?;
        let reaches = match room {
            Some(room) => self.reach.has_room(room),
            None => self.reach.rooms.is_none(),
        };
        if reaches { Ok(()) } else { Err(exceeds("rooms")) }
    }

    /// Whether it may change what concerns the whole app, which these bounds forbid.
    fn may_whole(&self, scope: &str, forbidding: &[&'static str]) -> Result<(), Refusal> {
        self.may(scope)?;
        self.reach.first_of(forbidding).map_or(Ok(()), |bound| Err(exceeds(bound)))
    }

    fn gives(&self, scopes: &[&str], reach: &Reach) -> Result<(), Refusal> {
        let in_order = SCOPES.iter().filter(|scope| scopes.contains(scope));
        if let Some(scope) = in_order.into_iter().find(|scope| !open(&self.scopes, scope)) {
            return Err((403, "scope_missing", Some((*scope).into())));
        }
        let wider = reach.wider_than(&self.reach);
        wider.map_or(Ok(()), |field| Err((422, "bounds_too_wide", Some(format!("bounds.{field}")))))
    }
}

fn exceeds(bound: &str) -> Refusal {
    (403, "bounds_exceeded", Some(bound.into()))
}

/// One app, with the model of it.
struct App {
    http: Steady,
    root: String,
    path: String,
    dice: Dice,
    /// The first is the operator's making and opens everything.
    keys: Vec<Key>,
    roles: Vec<(String, u64)>,
    /// Tokens that were minted, with their rooms.
    tokens: Vec<(String, String)>,
    /// How often each answer came: its status or code, and what it names.
    seen: BTreeMap<String, usize>,
}

impl App {
    async fn begin(stage: &Stage, seed: u64) -> Result<Self> {
        let app = stage.running.server.create_app("oracle").await?.app;
        let built_in = [("audience", 10), ("host", 100), ("speaker", 50)];
        let mut app = Self {
            http: Steady::connect(stage.running.http).await?,
            root: stage.operator().credential,
            path: format!("/v1/apps/{app}"),
            dice: Dice(seed),
            keys: Vec::new(),
            roles: built_in.map(|(role, rank)| (role.to_owned(), rank)).into(),
            tokens: Vec::new(),
            seen: BTreeMap::new(),
        };
        app.make(None, vec!["apps:admin"], Reach::default()).await?;
        Ok(app)
    }

    /// Asks, and compares the answer with what the model expects.
    async fn ask(
        &mut self,
        by: Option<usize>,
        (method, path): (&str, &str),
        body: Option<Value>,
        expected: Result<u16, Refusal>,
    ) -> Result<Value> {
        let credential = by.map_or(&self.root, |by| &self.keys[by].credential).clone();
        let path = format!("{}{path}", self.path);
        let (status, answer) = self.http.ask(method, &path, &credential, body.as_ref()).await?;
        let differs = || {
            let by = by.map(|by| &self.keys[by]);
            format!(
                "{by:?}\n{method} {path} {body:?}\nexpected {expected:?}\nfound {status} {answer}"
            )
        };
        let seen = match &expected {
            Ok(status) => format!("{status} {method}"),
            Err((_, code, what)) => format!("{code} {}", what.as_deref().unwrap_or_default()),
        };
        *self.seen.entry(seen).or_default() += 1;
        match &expected {
            Ok(expected) => ensure!(status == *expected, differs()),
            Err((expected, code, what)) => {
                let named = ["scope", "bound", "field"].map(|name| answer[name].as_str());
                let named = named.into_iter().flatten().next();
                ensure!(status == *expected && answer["code"] == *code, differs());
                ensure!(what.is_none() || named == what.as_deref(), differs());
            }
        }
        Ok(answer)
    }

    async fn make(
        &mut self,
        by: Option<usize>,
        scopes: Vec<&'static str>,
        reach: Reach,
    ) -> Result<()> {
        let expected = by.map_or(Ok(()), |by| {
            self.keys[by].may("credentials:manage")?;
            self.keys[by].gives(&scopes, &reach)
        });
        let body = json!({"name": "k", "scopes": scopes, "bounds": reach.json()});
        let is_made = expected.is_ok();
        let answer =
            self.ask(by, ("POST", "/api-keys"), Some(body), expected.map(|()| 201)).await?;
        if is_made {
            let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
            ensure!(answer["bounds"] == reach.json(), "{answer}");
            self.keys.push(Key { id: text("id"), credential: text("api_key"), scopes, reach });
        }
        Ok(())
    }

    fn rank(&self, role: &str) -> Option<u64> {
        self.roles.iter().find(|(of, _)| of == role).map(|(_, rank)| *rank)
    }

    async fn mint(&mut self, by: usize) -> Result<()> {
        let dice = &mut self.dice;
        let (room, role) = (dice.text(&ROOMS), dice.text(&ROLES));
        let ttl_s =
            *dice.of(&[None, Some(30), Some(60), Some(61), Some(900), Some(3_600), Some(90_000)]);
        let (once, bound) = (dice.percent(60), dice.percent(60));
        let then = dice.percent(25).then(|| dice.text(&ROLES));
        let expected = self.minted(by, (&room, &role), ttl_s, (once, bound), then.as_deref());
        let mut body =
            json!({"room": room, "user": "u", "role": role, "ttl_s": ttl_s, "once": once});
        if bound {
            body["cnf"] = json!({"jkt": JKT});
        }
        if let Some(role) = &then {
            body["at_exp"] = json!({"demote": role});
        }
        let is_minted = expected.is_ok();
        let answer =
            self.ask(Some(by), ("POST", "/tokens"), Some(body), expected.map(|()| 201)).await?;
        if is_minted {
            let token = answer["token"].as_str().context("a token")?.to_owned();
            let claims = token.split('.').nth(1).context("claims")?;
            let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
            let life_s =
                claims["exp"].as_u64().zip(claims["iat"].as_u64()).map(|(exp, iat)| exp - iat);
            let same = claims["room"] == room.as_str()
                && claims["role"] == role.as_str()
                && claims["once"].as_bool().unwrap_or_default() == once
                && claims.get("cnf").is_some() == bound
                && life_s == Some(ttl_s.unwrap_or(LIFE_S.0));
            ensure!(same, "the token says something else than what was asked for: {claims}");
            // A short-lived one might expire before it is shown.
            if life_s == Some(LIFE_S.0) {
                self.tokens.push((token, room));
            }
        }
        Ok(())
    }

    /// What the door refuses is refused first.
    fn minted(
        &self,
        by: usize,
        (room, role): (&str, &str),
        ttl_s: Option<u64>,
        (once, bound): (bool, bool),
        then: Option<&str>,
    ) -> Result<(), Refusal> {
        let refused = |code, field: &str| Err((422, code, Some(field.to_owned())));
        let key = &self.keys[by];
        key.may("tokens:mint")?;
        let life_s = ttl_s.unwrap_or(LIFE_S.0);
        if life_s > LIFE_S.1 {
            return refused("lifetime_too_long", "ttl_s");
        }
        let Some(rank) = self.rank(role) else { return refused("role_unknown", "role") };
        let then = match then {
            None => None,
            Some(then) => match self.rank(then) {
                None => return refused("role_unknown", "at_exp.demote"),
                Some(lower) if lower >= rank => return refused("at_exp_invalid", "at_exp.demote"),
                Some(lower) => Some((then.to_owned(), lower)),
            },
        };
        let (room, role) = (room.to_owned(), role.to_owned());
        let wish = Wish { room, role, rank, life_s, once, bound, then };
        key.reach.exceeded_by(&wish).map_or(Ok(()), |bound| Err(exceeds(bound)))
    }

    /// Bounds: random ones, or such as a key might give.
    fn some_reach(&mut self, own: Option<&Reach>) -> Reach {
        let own = own.cloned().unwrap_or_default();
        let dice = &mut self.dice;
        let mut reach = own;
        let change = |dice: &mut Dice| dice.percent(20);
        if change(dice) {
            reach.rooms = dice
                .percent(85)
                .then(|| (0..=dice.below(3)).map(|_| dice.pattern(&ROOMS)).collect());
        }
        if change(dice) {
            reach.roles = dice.percent(80).then(|| dice.some(&ROLES, 60).into_iter().collect());
        }
        if change(dice) {
            reach.rank_max = dice.percent(80).then(|| dice.roll() % 6);
        }
        if change(dice) {
            reach.ttl_s_max = dice.percent(80).then(|| *dice.of(&[60, 900, 3_600]));
        }
        if change(dice) {
            reach.once = dice.percent(60);
        }
        if change(dice) {
            reach.bound = dice.percent(60);
        }
        if change(dice) {
            reach.label = dice.percent(70).then(|| dice.text(&["team-a", "team-b"]));
        }
        if change(dice) {
            let nets = [
                ([0, 0, 0, 0], 0),
                ([127, 0, 0, 0], 8),
                ([127, 0, 0, 1], 32),
                ([192, 0, 2, 0], 24),
            ];
            reach.addresses =
                dice.percent(70).then(|| (0..=dice.below(2)).map(|_| *dice.of(&nets)).collect());
        }
        reach
    }

    async fn give(&mut self) -> Result<()> {
        let by = self.dice.percent(80).then(|| self.dice.below(self.keys.len()));
        let mut scopes: Vec<&str> = match self.dice.below(4) {
            0 => vec!["apps:admin"],
            1 => vec!["tokens:mint", "credentials:manage"],
            _ => SCOPES.iter().copied().filter(|_| self.dice.percent(40)).collect(),
        };
        if scopes.is_empty() {
            scopes.push("tokens:verify");
        }
        let own = by.map(|by| self.keys[by].reach.clone());
        let reach = self.some_reach(own.as_ref());
        self.make(by, scopes, reach).await?;
        while self.keys.len() > KEYS_MAX {
            let at = 1 + self.dice.below(self.keys.len() - 1);
            let path = format!("/api-keys/{}", self.keys[at].id);
            self.ask(None, ("DELETE", &path), None, Ok(204)).await?;
            self.keys.remove(at);
        }
        Ok(())
    }

    async fn rotate_or_delete(&mut self, by: usize) -> Result<()> {
        let target = self.dice.below(self.keys.len());
        let (key, of) = (&self.keys[by], &self.keys[target]);
        let path = format!("/api-keys/{}", of.id);
        if target == 0 || target == by || self.dice.percent(70) {
            let expected =
                key.may("credentials:manage").and_then(|()| key.gives(&of.scopes, &of.reach));
            let is_rotated = expected.is_ok();
            let path = format!("{path}/rotate");
            let answer = self.ask(Some(by), ("POST", &path), None, expected.map(|()| 200)).await?;
            if is_rotated {
                self.keys[target].credential =
                    answer["api_key"].as_str().context("a credential")?.into();
            }
            return Ok(());
        }
        let expected = key.may("credentials:manage").and_then(|()| {
            of.reach.wider_than(&key.reach).map_or(Ok(()), |bound| Err(exceeds(bound)))
        });
        let is_deleted = expected.is_ok();
        self.ask(Some(by), ("DELETE", &path), None, expected.map(|()| 204)).await?;
        if is_deleted {
            self.keys.remove(target);
        }
        Ok(())
    }

    async fn list(&mut self, by: usize) -> Result<()> {
        let key = &self.keys[by];
        let expected = key.may("credentials:manage").map(|()| 200);
        let seen = self.keys.iter().filter(|of| of.reach.wider_than(&key.reach).is_none());
        let mut seen: Vec<String> = seen.map(|of| of.id.clone()).collect();
        seen.sort_unstable();
        let is_listed = expected.is_ok();
        let answer = self.ask(Some(by), ("GET", "/api-keys?limit=200"), None, expected).await?;
        if is_listed {
            let items = answer["items"].as_array().context("keys")?;
            let listed: Vec<&str> = items.iter().filter_map(|key| key["id"].as_str()).collect();
            ensure!(listed == seen, "listed {listed:?}, expected {seen:?}");
        }
        Ok(())
    }

    async fn change_roles(&mut self, by: usize) -> Result<()> {
        let expected = self.keys[by].may_whole("roles:write", &["rooms", "roles", "rank_max"]);
        let mut roles: Vec<(String, u64)> = Vec::new();
        for role in ROLES {
            if self.dice.percent(80) || roles.is_empty() {
                roles.push((role.into(), self.dice.roll() % 6));
            }
        }
        let templates: Vec<Value> =
            roles.iter().map(|(role, rank)| json!({"role": role, "rank": rank})).collect();
        let is_changed = expected.is_ok();
        let body = json!({"roles": templates});
        self.ask(Some(by), ("PUT", "/roles"), Some(body), expected.map(|()| 200)).await?;
        if is_changed {
            self.roles = roles;
        }
        Ok(())
    }

    async fn revoke(&mut self, by: usize) -> Result<()> {
        let (room, role) = (self.dice.text(&ROOMS), self.dice.text(&ROLES));
        let (target, at) = match self.dice.below(6) {
            0 => (json!({"room": room}), Some(room)),
            1 => (json!({"room_user": {"room": room, "user": "v"}}), Some(room)),
            2 => (json!({"room_role": {"room": room, "role": role}}), Some(room)),
            3 => (json!({"jti": "t"}), None),
            4 => (json!({"role": role}), None),
            _ => (json!("app"), None),
        };
        let expected = self.keys[by].may_in("tokens:revoke", at.as_deref()).map(|()| 201);
        let body = json!({"target": target});
        self.ask(Some(by), ("POST", "/revocations"), Some(body), expected).await.map(drop)
    }

    async fn verify(&mut self, by: usize) -> Result<()> {
        let Some(at) = self.tokens.len().checked_sub(1) else { return Ok(()) };
        let (token, room) = self.tokens[self.dice.below(at + 1)].clone();
        let expected = self.keys[by].may_in("tokens:verify", Some(&room));
        let is_shown = expected.is_ok();
        let body = json!({"token": token});
        let asked = ("POST", "/tokens/verify");
        let answer = self.ask(Some(by), asked, Some(body), expected.map(|()| 200)).await?;
        ensure!(!is_shown || answer["claims"]["room"] == room.as_str(), "{answer}");
        self.tokens.drain(..self.tokens.len().saturating_sub(50));
        Ok(())
    }

    async fn elsewhere(&mut self, by: usize) -> Result<()> {
        let key = &self.keys[by];
        let every = ["rooms", "roles", "rank_max", "ttl_s_max", "once", "bound", "label"];
        match self.dice.below(4) {
            0 => {
                let allowed = key.may_whole("keys:manage", &every);
                let expected = allowed.and(Err((404, "key_unknown", None)));
                self.ask(Some(by), ("POST", "/keys/none/retire"), None, expected).await.map(drop)
            }
            1 => {
                let expected = key.may_whole("apps:admin", &["rooms"]).map(|()| 200);
                let body = json!({"name": "renamed"});
                self.ask(Some(by), ("PATCH", ""), Some(body), expected).await.map(drop)
            }
            2 => {
                let expected = key.may("apps:read").map(|()| 200);
                self.ask(Some(by), ("GET", ""), None, expected).await.map(drop)
            }
            _ => {
                let room = self.dice.text(&ROOMS);
                let allowed = key.may_in("rooms:read", Some(&room));
                let expected = allowed.and(Err((404, "room_unknown", None)));
                self.ask(Some(by), ("GET", &format!("/rooms/{room}")), None, expected)
                    .await
                    .map(drop)
            }
        }
    }

    async fn step(&mut self) -> Result<()> {
        let by = self.dice.below(self.keys.len());
        match self.dice.below(100) {
            0..=54 => self.mint(by).await,
            55..=69 => self.give().await,
            70..=73 => self.rotate_or_delete(by).await,
            74..=76 => self.list(by).await,
            77..=79 => self.change_roles(by).await,
            80..=84 => self.revoke(by).await,
            85..=91 => self.verify(by).await,
            _ => self.elsewhere(by).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minting_follows_the_model_over_random_operations() -> Result<()> {
    let began = Instant::now();
    let operations = number("STAGEDOOR_ORACLE_OPERATIONS").map_or(OPERATIONS, |n| n as usize);
    let one = number("STAGEDOOR_ORACLE_SEED");
    let stage = Stage::configured(|config| {
        config.server.rate_per_s = 1_000_000;
        config.server.rate_burst = 1_000_000;
        config.server.refusals_burst = 1_000_000;
        config.server.api_keys_per_app_max = 1_000;
    })
    .await?;
    let mut dice = Dice(0x626f_756e_6473);
    let seeds: Vec<u64> = match one {
        Some(seed) => vec![seed],
        None => (0..LANES).map(|_| dice.roll() >> 16).collect(),
    };
    let each = operations.div_ceil(LANES);
    let lane = async |seed: u64| {
        let mut app = App::begin(&stage, seed).await?;
        for operation in 0..each {
            let step = app.step().await;
            step.with_context(|| format!("STAGEDOOR_ORACLE_SEED={seed}, operation {operation}"))?;
        }
        anyhow::Ok(app.seen)
    };
    let lanes = futures_util::future::try_join_all(seeds.into_iter().map(lane));
    let lanes =
        tokio::time::timeout(Duration::from_secs(540), lanes).await.context("too long")??;
    let mut seen = BTreeMap::<String, usize>::new();
    for (answer, count) in lanes.into_iter().flatten() {
        *seen.entry(answer).or_default() += count;
    }
    println!("{seen:#?}");
    // In so many operations every bound is exceeded, and every field too wide, or the dice are loaded.
    let bounds = ["rooms", "roles", "rank_max", "ttl_s_max", "once", "bound"];
    let fields = bounds.iter().chain(&["label", "addresses"]);
    let wider = fields.map(|field| format!("bounds_too_wide bounds.{field}"));
    let exceeded = bounds.iter().map(|bound| format!("bounds_exceeded {bound}"));
    for answer in
        exceeded.chain(wider).chain(["201 POST".to_owned(), "address_refused ".to_owned()])
    {
        let many = seen.get(&answer).is_some_and(|count| *count >= operations / 2_000);
        ensure!(many || one.is_some(), "too rare: {answer}");
    }
    println!("{operations} operations in {:?}", began.elapsed());
    Ok(())
}
