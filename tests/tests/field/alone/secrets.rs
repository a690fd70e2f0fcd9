//! A relay alone has none of its deployment's secrets, by a search that finds them in the server.

use std::{collections::BTreeSet, ffi::OsStr, path::Path};

use anyhow::{Context, Result, ensure};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use stagedoor_tests::{
    Caller,
    binary::binary,
    stage::{decode_secret, now_s},
};
use stagedoor_token::{AppId, Claims, Key, KeyState, checked_secret, mint};

use super::{Alone, memory::Search, server::Server, webinar, within};

fn run(program: impl AsRef<OsStr>, arguments: &[&str], master_key: Option<&str>) -> Result<()> {
    let mut command = std::process::Command::new(program);
    command.args(arguments).envs(master_key.map(|key| ("STAGEDOOR_MASTER_KEY", key)));
    let ran = command.output()?;
    ensure!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    Ok(())
}

/// The secrets of a deployment in every form, each form with the secret's name.
#[derive(Default)]
struct Secrets {
    names: Vec<&'static str>,
    forms: Vec<Vec<u8>>,
}

impl Secrets {
    fn add(&mut self, name: &'static str, form: impl Into<Vec<u8>>) {
        self.names.push(name);
        self.forms.push(form.into());
    }

    fn add_bytes(&mut self, name: &'static str, secret: &[u8]) -> Result<()> {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        self.add(name, secret);
        self.add(name, hex.to_uppercase());
        self.add(name, hex);
        self.add(name, URL_SAFE_NO_PAD.encode(secret));
        self.add(name, STANDARD_NO_PAD.encode(secret));
        self.add(name, checked_secret(secret.try_into()?));
        Ok(())
    }

    /// The names of those that a process has, each with its places.
    fn found(&self, pid: u32, folder: &Path) -> Result<BTreeSet<(&'static str, &'static str)>> {
        let found = Search::of(&self.forms)?.process(pid, folder)?;
        Ok(found.into_iter().map(|(nth, place)| (self.names[nth], place)).collect())
    }
}

/// An app that signs with Ed25519 and has a key of HS256 too, both made by the server, which has signed with both.
async fn app(root: &Caller, secrets: &mut Secrets) -> Result<Key> {
    let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
    let made = root.get(201, "POST", "/v1/apps", Some(&json!({"name": "acme"}))).await?;
    let path = format!("/v1/apps/{}", made["app"]);
    let wanted = json!({"room": "stage", "user": "ben", "role": "audience"});
    root.get(201, "POST", &format!("{path}/tokens"), Some(&wanted)).await?;
    secrets.add_bytes("the secret", &decode_secret(&text(&made["key"]["secret"])?))?;
    let (eddsa, keys) = (json!({"alg": "EdDSA"}), format!("{path}/keys"));
    let key = root.get(201, "POST", &keys, Some(&eddsa)).await?;
    root.get(200, "POST", &format!("{keys}/rotate"), None).await?;
    root.get(201, "POST", &format!("{path}/tokens"), Some(&wanted)).await?;
    let seed = decode_secret(&text(&key["private_jwk"]["d"])?);
    secrets.add_bytes("the seed", &seed)?;
    let new = json!({"name": "backend", "scopes": ["tokens:mint"]});
    let backend = root.get(201, "POST", &format!("{path}/api-keys"), Some(&new)).await?;
    secrets.add("the API key", text(&backend["api_key"])?);
    let app = AppId(u32::try_from(made["app"].as_u64().context("an app")?)?);
    let seed = seed.as_slice().try_into()?;
    Ok(Key::ed25519(app, &text(&key["kid"])?, seed, KeyState::Current)?)
}

fn token(key: &Key, user: &str, role: &str) -> Result<String> {
    let claims = Claims::builder(key.app(), role.parse()?)
        .room("stage")
        .user(user)
        .jti(format!("t-{user}"))
        .lifetime(now_s(), 600)
        .build();
    Ok(mint(&claims, key)?)
}

#[tokio::test]
async fn a_relay_alone_has_no_secret_of_its_deployment() -> Result<()> {
    within(async {
        let (folder, of_relay, mut secrets) =
            (tempfile::tempdir()?, tempfile::tempdir()?, Secrets::default());
        let data = folder.path().join("data");
        let data_text = data.display().to_string();
        let server = Server::start(&data, &[]).await?;
        let root = server.operator(server.root()?);
        secrets.add("the root credential", &*root.credential);
        let key = app(&root, &mut secrets).await?;

        // A database in clear is the sharpest test: what its server reads of it is in memory.
        let there = secrets.found(server.pid()?, &data)?;
        for name in ["the seed", "the secret"] {
            for place in ["files", "memory"] {
                assert!(there.contains(&(name, place)), "not {name} in the {place}: {there:?}");
            }
        }
        let file = of_relay.path().join("directory.json").display().to_string();
        run(binary()?, &["directory", "export", &file, "--data", &data_text], None)?;
        server.stop().await?;

        let master = folder.path().join("master.key").display().to_string();
        run(binary()?, &["master-key", "make", &master], None)?;
        let bytes = std::fs::read(&master)?;
        secrets.add_bytes("the master key", &bytes)?;
        let master = URL_SAFE_NO_PAD.encode(&bytes);
        run(binary()?, &["master-key", "init", "--data", &data_text], Some(&master))?;
        let server = Server::start(&data, &[("STAGEDOOR_MASTER_KEY", &master)]).await?;
        let there = secrets.found(server.pid()?, &data)?;
        assert!(there.contains(&("the master key", "environment")), "{there:?}");
        assert!(!there.contains(&("the seed", "files")), "it is sealed: {there:?}");

        let alone = Alone::on(of_relay).await?;
        let mut host = alone.log_in(&token(&key, "hans", "host")?).await?;
        let mut guest = alone.log_in(&token(&key, "ada", "audience")?).await?;
        webinar(&mut host, &mut guest).await?;
        let relay = alone.child.id().context("it runs")?;
        let here = secrets.found(relay, alone.folder.path())?;
        assert!(here.is_empty(), "found in the relay: {here:?}");
        let mut known = Secrets::default();
        known.add("the key's id", key.kid());
        let here = known.found(relay, alone.folder.path())?;
        assert!(here.contains(&("the key's id", "memory")), "the search finds what is there");
        Ok(())
    })
    .await
}
