//! No secret is on disk: neither in the database and the files beside it, nor in a backup, nor in a log.

use std::{
    collections::{HashMap, HashSet},
    fs,
};

use anyhow::{Context, Result, ensure};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use stagedoor_tests::Caller;

use super::{Place, within};

/// Random operations.
const OPERATIONS: u32 = 1_000;
/// Bytes of a secret that are enough to find it.
const PART: usize = 12;

/// Secrets, and every form in which they could be written.
#[derive(Default)]
struct Secrets {
    forms: HashMap<[u8; PART], String>,
    count: usize,
}

impl Secrets {
    fn form(&mut self, name: &str, form: &[u8]) {
        // Text in base64 may begin anywhere, and its ends depend on what is around it.
        if let Some(part) = form.get(4..).and_then(<[u8]>::first_chunk::<PART>) {
            self.forms.insert(*part, name.to_owned());
        }
    }

    fn add_bytes(&mut self, name: &str, bytes: &[u8]) {
        self.count += 1;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.form(name, bytes);
        self.form(name, hex.as_bytes());
        self.form(name, hex.to_uppercase().as_bytes());
        for at in 0..3 {
            // As it looks inside of a longer text.
            let shifted = [&vec![0; at], bytes].concat();
            for text in [URL_SAFE_NO_PAD.encode(&shifted), STANDARD_NO_PAD.encode(&shifted)] {
                self.form(name, text.as_bytes());
            }
        }
    }

    /// A secret in text: the text, and the bytes that it stands for.
    fn add(&mut self, name: &str, secret: &Value) -> Result<()> {
        let text = secret.as_str().with_context(|| format!("{name}: {secret}"))?;
        let rest = text.rsplit('_').next().filter(|_| text.starts_with("sd"));
        // A credential's id is no secret, nor are its check digits.
        let text = match rest {
            Some(rest) if rest.len() == 65 => &rest[16..59],
            Some(rest) => rest,
            None => text,
        };
        if let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) {
            self.add_bytes(name, &bytes);
        }
        self.add_bytes(name, text.as_bytes());
        Ok(())
    }

    /// Everything secret in a made key; returns whether there was anything.
    fn learn(&mut self, name: &str, made: &Value) -> Result<bool> {
        let parts = [&made["secret"], &made["checked_secret"], &made["private_jwk"]["d"]];
        for part in parts.into_iter().filter(|part| part.is_string()) {
            self.add(name, part)?;
        }
        Ok(parts.iter().any(|part| part.is_string()))
    }

    /// Those that are in some bytes.
    fn found(&self, bytes: &[u8]) -> HashSet<&str> {
        let parts = bytes.windows(PART).filter_map(|part| self.forms.get(part));
        parts.map(String::as_str).collect()
    }

    fn none_in(&self, file: &str, bytes: &[u8]) -> Result<()> {
        let found = self.found(bytes);
        ensure!(found.is_empty(), "{file} ({} bytes) has {found:?}", bytes.len());
        Ok(())
    }
}

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// What acts on a server, and remembers every secret that it was shown.
struct Actor {
    root: Caller,
    secrets: Secrets,
    apps: Vec<u64>,
    dice: Dice,
    acts: u32,
}

impl Actor {
    fn new(root: Caller) -> Result<Self> {
        let mut secrets = Secrets::default();
        secrets.add("the root credential", &json!(root.credential))?;
        Ok(Self { root, secrets, apps: Vec::new(), dice: Dice(7), acts: 0 })
    }

    /// Asks; a conflict is an answer too, such as a key that is there already. Half of the creations have a key.
    async fn ask(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        self.acts += 1;
        let fields = format!("Idempotency-Key: n{}\r\n", self.acts);
        let creates = method == "POST"
            && (path == "/v1/apps" || path.ends_with("/keys") || path.ends_with("/api-keys"));
        let fields = if creates && self.dice.below(2) == 0 { fields.as_str() } else { "" };
        let body = if body.is_null() { None } else { Some(body.to_string()) };
        let answer = self.root.ask_with(method, path, fields, body.as_deref()).await?;
        ensure!(
            (200..300).contains(&answer.status) || answer.status == 409,
            "{method} {path}: {} {}",
            answer.head,
            answer.body
        );
        if !fields.is_empty() && answer.status == 201 {
            let again = self.root.ask_with(method, path, fields, body.as_deref()).await?;
            ensure!(again.body["replayed"] == true, "{}", again.body);
            ensure!(again.body["secret"].is_null() && again.body["key"]["secret"].is_null());
        }
        Ok(answer.body)
    }

    /// A key's algorithm.
    fn alg(&mut self) -> Value {
        let alg = if self.dice.below(2) == 0 { "HS256" } else { "EdDSA" };
        json!({ "alg": alg })
    }

    async fn act(&mut self) -> Result<()> {
        let dice = self.dice.below(10);
        if self.apps.len() < 3 || dice == 0 {
            let name = json!({"name": format!("a{}", self.acts)});
            let made = self.ask("POST", "/v1/apps", &name).await?;
            ensure!(self.secrets.learn("an app's first key", &made["key"])?, "{made}");
            self.apps.push(made["app"].as_u64().context("an app")?);
            return Ok(());
        }
        let at = self.dice.below(self.apps.len());
        let path = format!("/v1/apps/{}", self.apps[at]);
        match dice {
            1 if self.apps.len() > 20 => {
                self.ask("DELETE", &path, &Value::Null).await?;
                self.apps.swap_remove(at);
            }
            2 | 3 => {
                let alg = self.alg();
                let made = self.ask("POST", &format!("{path}/keys"), &alg).await?;
                self.secrets.learn("a next key", &made)?;
            }
            4 | 5 => {
                let alg = self.alg();
                let done = self.ask("POST", &format!("{path}/keys/rotate"), &alg).await?;
                self.secrets.learn("a current key", &done["created"])?;
                if let Some(kid) = done["retiring"].as_str() {
                    let retire = format!("{path}/keys/{kid}/retire");
                    self.ask("POST", &retire, &Value::Null).await?;
                }
            }
            6 => {
                let new = json!({"name": "backend", "scopes": ["tokens:mint"]});
                let made = self.ask("POST", &format!("{path}/api-keys"), &new).await?;
                if made["api_key"].is_string() {
                    self.secrets.add("an API key", &made["api_key"])?;
                }
            }
            _ => {
                let new = json!({"room": "lobby", "user": "anna", "role": "audience"});
                self.ask("POST", &format!("{path}/tokens"), &new).await?;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_on_disk_once_the_database_is_sealed() -> Result<()> {
    within(170, async {
        let place = Place::in_clear().await?;
        let mut serve = place.serve(None)?;
        let mut actor = Actor::new(place.caller(&serve))?;
        for _ in 0..60 {
            actor.act().await?;
        }
        serve.stop()?;
        let clear = place.bytes()?;
        let found = actor.secrets.found(&clear[0].1);
        assert!(found.contains("an app's first key"), "the search finds what is there: {found:?}");
        assert!(!found.contains("the root credential") && !found.contains("an API key"));

        place.make_key("master.key")?;
        actor.secrets.add_bytes("the master key", &fs::read(place.path("master.key"))?);
        let key = Some("master.key");
        let done = place.ok(key, &["master-key", "init"])?;
        assert!(done["secrets"].as_u64() > Some(3), "{done}");
        for (file, bytes) in place.bytes()? {
            actor.secrets.none_in(&file, &bytes)?;
        }
        fs::remove_file(place.path("serve.log"))?;
        serve = place.serve(key)?;
        actor.root = place.caller(&serve);
        for act in 0..OPERATIONS {
            actor.act().await?;
            if act == OPERATIONS / 2 {
                place.ok(key, &["master-key", "reseal"])?;
            }
            if act % 250 == 0 {
                for (file, bytes) in place.bytes()? {
                    actor.secrets.none_in(&file, &bytes)?;
                }
            }
        }
        let file = place.path("backup.sqlite").display().to_string();
        place.ok(key, &["backup", &file])?;
        actor.secrets.none_in("backup", &fs::read(&file)?)?;
        let live = place.bytes()?;
        assert_eq!(live.len(), 3, "the server runs");
        for (file, bytes) in &live {
            actor.secrets.none_in(file, bytes)?;
        }
        drop(serve);
        serve = place.serve(key)?;
        serve.stop()?;
        for (file, bytes) in place.bytes()? {
            actor.secrets.none_in(&file, &bytes)?;
        }
        actor.secrets.none_in("log", &fs::read(place.path("serve.log"))?)?;
        assert!(actor.secrets.count > 300, "{} secrets", actor.secrets.count);
        Ok(())
    })
    .await
}
