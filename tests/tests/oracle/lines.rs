//! Drives a real server with random acts on lines of keys and with tokens that backends sign, and compares each answer
//! with a model of `spec/token.md` §Lines and `reach`. Most tokens are shown to `tokens/verify`, which decides as the
//! door does; some to the door itself.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stagedoor_tests::{Member, Stage, Steady, stage::decode_secret};
use stagedoor_token::{AppId, AtExp, Claims, Key, KeyState, mint};

use super::{
    dice::Dice,
    number,
    reach::{Reach, Wish},
};

/// Random operations in all. Each is a request, and many are written to the disk: ask for more by hand, with
/// `STAGEDOOR_ORACLE_OPERATIONS`. What decides is pure, and has its own oracles of 100,000 operations.
const OPERATIONS: usize = 2_000;
/// Operations of one episode: an app. Its retired keys stay, so a long one gets slow.
const EPISODE: usize = 100;
/// Apps at work at once.
const LANES: usize = 12;
const KEYS_MAX: u32 = 7;
const LINES_MAX: u32 = 3;
/// Mostly the one that costs little in a debug build.
const ALGS: [&str; 5] = ["HS256", "HS256", "HS256", "HS256", "EdDSA"];
const NAMES: [&str; 4] = ["main", "a", "b-1", "c"];
const ROOMS: [&str; 4] = ["a", "ab", "b", "hall"];
const ROLES: [(&str, u64); 3] = [("audience", 10), ("speaker", 50), ("host", 100)];
/// One token in so many is shown to the door itself.
const AT_THE_DOOR: usize = 20;

/// A refusal: its status and code.
type Refusal = (u16, &'static str);

/// A key as the model knows it.
#[derive(Clone)]
struct Known {
    kid: String,
    line: &'static str,
    alg: &'static str,
    state: &'static str,
    key: Key,
}

/// One app, with the model of it.
struct App {
    http: Steady,
    to: SocketAddr,
    root: String,
    id: AppId,
    dice: Dice,
    keys: Vec<Known>,
    bounds: BTreeMap<&'static str, Reach>,
    tokens: usize,
    seen: BTreeMap<String, usize>,
}

impl App {
    async fn begin(stage: &Stage, seed: u64) -> Result<Self> {
        let created = stage.running.server.create_app("lines").await?;
        let mut app = Self {
            http: Steady::connect(stage.running.http).await?,
            to: stage.running.http,
            root: stage.operator().credential,
            id: AppId(created.app),
            dice: Dice(seed),
            keys: Vec::new(),
            bounds: BTreeMap::from([("main", Reach::default())]),
            tokens: 0,
            seen: BTreeMap::new(),
        };
        let secret = created.key.secret.context("a secret")?;
        let made = json!({"kid": created.key.kid, "secret": secret, "alg": "HS256"});
        app.note(&made, "main", "current")?;
        Ok(app)
    }

    /// Asks, and compares the answer with what the model expects.
    async fn ask(
        &mut self,
        (method, path): (&str, &str),
        body: Option<Value>,
        expected: Result<u16, Refusal>,
    ) -> Result<Value> {
        let path = format!("/v1/apps/{}{path}", self.id);
        let (status, answer) = self.http.ask(method, &path, &self.root, body.as_ref()).await?;
        let (wanted, code) = expected.map_or_else(|refusal| refusal, |status| (status, "ok"));
        let found = answer["code"].as_str().filter(|_| status >= 400).unwrap_or("ok");
        ensure!(
            (status, found) == (wanted, code),
            "{method} {path} {body:?}\nexpected {expected:?}\nfound {status} {answer}"
        );
        *self.seen.entry(code.to_owned()).or_default() += 1;
        Ok(answer)
    }

    /// Adds a key as it was answered.
    fn note(&mut self, made: &Value, line: &'static str, state: &'static str) -> Result<()> {
        let kid = made["kid"].as_str().context("a kid")?.to_owned();
        let (alg, key) = match made["secret"].as_str() {
            Some(secret) => {
                let secret = decode_secret(secret);
                ("HS256", Key::hs256(self.id, &kid, &secret, KeyState::Current)?)
            }
            None => {
                let seed = made["private_jwk"]["d"].as_str().context("a private part")?;
                let seed = URL_SAFE_NO_PAD.decode(seed)?;
                let seed = seed.as_slice().try_into()?;
                ("EdDSA", Key::ed25519(self.id, &kid, seed, KeyState::Current)?)
            }
        };
        ensure!(made["alg"] == alg, "{made}");
        self.keys.push(Known { kid, line, alg, state, key });
        Ok(())
    }

    fn at(&self, line: &str, state: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.line == line && key.state == state)
    }

    fn live(&self) -> impl Iterator<Item = &Known> {
        self.keys.iter().filter(|key| key.state != "retired")
    }

    fn is_full(&self) -> bool {
        self.live().count() >= KEYS_MAX as usize
    }

    fn draw_bounds(&mut self) -> Reach {
        let dice = &mut self.dice;
        let rooms = [vec!["a*".to_owned()], vec!["a".to_owned(), "hall".to_owned()]];
        let roles = [vec!["speaker".to_owned()], vec!["audience".to_owned(), "host".to_owned()]];
        Reach {
            rooms: dice.percent(40).then(|| dice.of(&rooms).clone()),
            roles: dice.percent(25).then(|| dice.of(&roles).clone()),
            rank_max: dice.percent(25).then(|| *dice.of(&[0, 10, 50])),
            ttl_s_max: dice.percent(25).then(|| *dice.of(&[60, 600])),
            once: dice.percent(15),
            ..Reach::default()
        }
    }

    async fn create(&mut self) -> Result<()> {
        let (line, alg) = (*self.dice.of(&NAMES), *self.dice.of(&ALGS));
        let given = self.dice.percent(40).then(|| self.draw_bounds());
        let known = self.live().any(|key| key.line == line);
        let mut lines: Vec<_> = self.live().map(|key| key.line).collect();
        lines.sort_unstable();
        lines.dedup();
        let expected = if known && given.as_ref().is_some_and(|given| *given != self.bounds[line]) {
            Err((422, "bounds_invalid"))
        } else if self.at(line, "next").is_some() {
            Err((409, "next_key_exists"))
        } else if self.is_full() || (!known && lines.len() >= LINES_MAX as usize) {
            Err((409, "keys_exceeded"))
        } else {
            Ok(201)
        };
        let mut body = json!({"line": line, "alg": alg});
        if let Some(given) = &given {
            body["bounds"] = given.json();
        }
        let state = if self.at(line, "current").is_some() { "next" } else { "current" };
        let answer = self.ask(("POST", "/keys"), Some(body), expected).await?;
        if expected.is_ok() {
            ensure!(answer["state"] == state, "{answer}");
            if !known {
                self.bounds.insert(line, given.unwrap_or_default());
            }
            self.note(&answer, line, state)?;
        }
        Ok(())
    }

    async fn rotate(&mut self) -> Result<()> {
        let line = *self.dice.of(&NAMES);
        let alg = self.dice.percent(50).then(|| *self.dice.of(&ALGS));
        let compromised = self.dice.percent(30);
        let (current, next) = (self.at(line, "current"), self.at(line, "next"));
        let other = next.is_some_and(|next| alg.is_some_and(|alg| alg != self.keys[next].alg));
        let expected = if current.is_none() {
            Err((404, "key_unknown"))
        } else if other {
            Err((409, "next_key_exists"))
        } else if next.is_none() && !compromised && self.is_full() {
            Err((409, "keys_exceeded"))
        } else {
            Ok(200)
        };
        let mut body = json!({"line": line, "compromised": compromised});
        if let Some(alg) = alg {
            body["alg"] = alg.into();
        }
        let answer = self.ask(("POST", "/keys/rotate"), Some(body), expected).await?;
        let (Some(current), true) = (current, expected.is_ok()) else { return Ok(()) };
        let (old, field) =
            if compromised { ("retired", "retired") } else { ("retiring", "retiring") };
        ensure!(answer[field] == self.keys[current].kid.as_str(), "{answer}");
        let made_alg = alg.unwrap_or(self.keys[current].alg);
        self.keys[current].state = old;
        match next {
            Some(next) => self.keys[next].state = "current",
            None => {
                ensure!(answer["created"]["alg"] == made_alg, "{answer}");
                self.note(&answer["created"], line, "current")?;
            }
        }
        Ok(())
    }

    async fn retire(&mut self) -> Result<()> {
        let at = self.dice.below(self.keys.len());
        let Known { kid, state, .. } = self.keys[at].clone();
        let expected = if state == "current" { Err((409, "key_current")) } else { Ok(200) };
        self.ask(("POST", &format!("/keys/{kid}/retire")), None, expected).await?;
        if expected.is_ok() {
            self.keys[at].state = "retired";
        }
        Ok(())
    }

    async fn bound(&mut self) -> Result<()> {
        let (line, bounds) = (*self.dice.of(&NAMES), self.draw_bounds());
        let known = self.live().any(|key| key.line == line);
        let expected = if known { Ok(200) } else { Err((404, "key_unknown")) };
        let body = json!({"bounds": bounds.json()});
        self.ask(("PATCH", &format!("/keys/lines/{line}")), Some(body), expected).await?;
        if known {
            self.bounds.insert(line, bounds);
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<()> {
        let line = *self.dice.of(&NAMES);
        let known = self.live().any(|key| key.line == line);
        let expected = match line {
            "main" => Err((409, "key_current")),
            _ if known => Ok(204),
            _ => Err((404, "key_unknown")),
        };
        self.ask(("DELETE", &format!("/keys/lines/{line}")), None, expected).await?;
        if expected.is_ok() {
            self.keys
                .iter_mut()
                .filter(|key| key.line == line)
                .for_each(|key| key.state = "retired");
        }
        Ok(())
    }

    /// A token that a backend signs, and what it says.
    fn sign(&mut self, key: &Key) -> Result<(String, Wish)> {
        let ((role, rank), dice) = (*self.dice.of(&ROLES), &mut self.dice);
        let (room, life_s) = (dice.text(&ROOMS), *dice.of(&[60, 61, 600, 3_600]));
        // A seat falls to a role of lower rank alone.
        let below = ROLES.iter().filter(|(_, other)| *other < rank).count();
        let (once, falls) = (dice.percent(30), below > 0 && dice.percent(20));
        let then = falls.then(|| *dice.of(&ROLES[..below]));
        self.tokens += 1;
        let claims = Claims::builder(self.id, role.parse()?).room(&room).user("u");
        let claims = claims.jti(format!("t{}", self.tokens));
        let mut claims = claims.lifetime(stagedoor_tests::stage::now_s(), life_s).build();
        claims.once = once;
        if let Some((role, _)) = then {
            claims.at_exp = AtExp::Demote(role.parse()?);
        }
        let then = then.map(|(role, rank)| (role.to_owned(), rank));
        let wish = Wish { room, role: role.into(), rank, life_s, once, bound: false, then };
        Ok((mint(&claims, key)?, wish))
    }

    async fn present(&mut self) -> Result<()> {
        let live: Vec<usize> =
            (0..self.keys.len()).filter(|at| self.keys[*at].state != "retired").collect();
        let at = if self.dice.percent(80) {
            *self.dice.of(&live)
        } else {
            self.dice.below(self.keys.len())
        };
        let known = self.keys[at].clone();
        let (token, wish) = self.sign(&known.key)?;
        let exceeded = self.bounds[known.line].exceeded_by(&wish);
        let code = match (known.state, exceeded) {
            ("retired", _) => "key_retired",
            (_, Some(_)) => "key_bounds_exceeded",
            (_, None) => "ok",
        };
        *self.seen.entry(format!("token {code}")).or_default() += 1;
        if self.dice.below(AT_THE_DOOR) == 0 {
            let mut member = Member::connect(self.to).await?;
            let answer = member.ask(json!({"op": "login", "token": token})).await?;
            let public = if code == "key_retired" { "token_invalid" } else { code };
            let found = answer["error"]["code"].as_str().unwrap_or("ok");
            ensure!(found == public, "{wish:?}\nexpected {public}\nfound {answer}");
            return Ok(());
        }
        let asked = ("POST", "/tokens/verify");
        let answer = self.ask(asked, Some(json!({"token": token})), Ok(200)).await?;
        ensure!(
            answer["code"] == code,
            "{wish:?} {:?}\nexpected {code}\nfound {answer}",
            known.line
        );
        let bound = exceeded.filter(|_| code == "key_bounds_exceeded");
        ensure!(answer["bound"].as_str() == bound, "{wish:?}\nexpected {bound:?}\nfound {answer}");
        Ok(())
    }

    async fn list(&mut self) -> Result<()> {
        let list = self.ask(("GET", "/keys"), None, Ok(200)).await?;
        let items = list["items"].as_array().context("keys")?;
        ensure!(items.len() == self.keys.len(), "{} of {}", items.len(), self.keys.len());
        for known in &self.keys {
            let item = items.iter().find(|item| item["kid"] == known.kid.as_str());
            let item = item.with_context(|| format!("{} is not listed", known.kid))?;
            let same = item["line"] == known.line
                && item["state"] == known.state
                && item["alg"] == known.alg
                // A line that was made again has its bounds in the keys that live.
                && (known.state == "retired" || item["bounds"] == self.bounds[known.line].json());
            ensure!(same, "expected {} {} {}\nfound {item}", known.line, known.state, known.alg);
        }
        Ok(())
    }

    async fn step(&mut self) -> Result<()> {
        match self.dice.below(100) {
            0..=11 => self.create().await,
            12..=21 => self.rotate().await,
            22..=29 => self.retire().await,
            30..=34 => self.bound().await,
            35..=37 => self.end().await,
            38..=40 => self.list().await,
            _ => self.present().await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_follow_the_model_over_random_operations() -> Result<()> {
    let began = Instant::now();
    let operations = number("STAGEDOOR_ORACLE_OPERATIONS").map_or(OPERATIONS, |n| n as usize);
    let one = number("STAGEDOOR_ORACLE_SEED");
    let stage = Stage::configured(|config| {
        config.server.rate_per_s = 1_000_000;
        config.server.rate_burst = 1_000_000;
        config.server.keys_per_app_max = KEYS_MAX;
        config.server.lines_per_app_max = LINES_MAX;
        config.relay.limits.address_logins_burst = 1_000_000;
        config.relay.limits.login_refusals_burst = 1_000_000;
    })
    .await?;
    let mut dice = Dice(0x006c_696e_6573);
    let mut seeds: Vec<u64> = match one {
        Some(seed) => vec![seed],
        None => (0..operations.div_ceil(EPISODE)).map(|_| dice.roll() >> 16).collect(),
    };
    let mut lanes = vec![Vec::new(); LANES];
    (0..LANES).cycle().take(seeds.len()).for_each(|lane| lanes[lane].extend(seeds.pop()));
    let lane = async |seeds: Vec<u64>| {
        let mut seen = Vec::new();
        for seed in seeds {
            let mut app = App::begin(&stage, seed).await?;
            for nth in 0..EPISODE {
                let step = app.step().await;
                step.with_context(|| format!("STAGEDOOR_ORACLE_SEED={seed}, operation {nth}"))?;
            }
            seen.push(app.seen);
        }
        anyhow::Ok(seen)
    };
    let lanes = futures_util::future::try_join_all(lanes.into_iter().map(lane));
    let lanes =
        tokio::time::timeout(Duration::from_secs(540), lanes).await.context("too long")??;
    let mut seen = BTreeMap::<String, usize>::new();
    for (answer, count) in lanes.into_iter().flatten().flatten() {
        *seen.entry(answer).or_default() += count;
    }
    println!("{seen:#?}");
    let codes =
        ["next_key_exists", "keys_exceeded", "key_current", "key_unknown", "bounds_invalid"];
    let tokens = ["token ok", "token key_retired", "token key_bounds_exceeded"];
    for answer in codes.iter().chain(&tokens) {
        let many = seen.get(*answer).is_some_and(|count| *count >= operations / 200);
        ensure!(many || one.is_some(), "too rare: {answer}");
    }
    println!("{operations} operations in {:?}", began.elapsed());
    Ok(())
}
