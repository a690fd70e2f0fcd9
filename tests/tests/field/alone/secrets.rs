//! A relay alone has none of its deployment's secrets, by a search that finds them in the server.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stagedoor_tests::{Caller, binary::binary, stage::decode_secret};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::{Alone, memory::found, webinar, within};

/// A server whose app signs with Ed25519, and what must stay in it.
struct Server {
    child: Child,
    folder: tempfile::TempDir,
    key: Key,
    /// Raw, as text, and in hex.
    secrets: Vec<Vec<u8>>,
}

fn forms(secret: &[u8]) -> [Vec<u8>; 3] {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    [secret.to_vec(), URL_SAFE_NO_PAD.encode(secret).into(), hex.into()]
}

impl Server {
    async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let here = "127.0.0.1:0";
        let mut command = Command::new(binary()?);
        command.args(["dev", "--json", "--listen", here, "--operations", here, "--data"]);
        command.arg(folder.path()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line).await?;
        let told: Value = serde_json::from_str(&line)?;
        let text = |name: &str| told[name].as_str().with_context(|| format!("{name} in {told}"));
        let api_key = text("api_key")?.to_owned();
        let to = text("url")?.trim_start_matches("http://").parse()?;
        let caller = Caller { to, credential: api_key.clone() };
        let keys = format!("/v1/apps/{}/keys", told["app"]);
        let made = caller.get(201, "POST", &keys, Some(&json!({"alg": "EdDSA"}))).await?;
        let seed = made["private_jwk"]["d"].as_str().context("a private key")?.to_owned();
        caller.get(200, "POST", &format!("{keys}/rotate"), None).await?;
        let seed = decode_secret(&seed);
        let app = AppId(u32::try_from(told["app"].as_u64().context("an app")?)?);
        let kid = made["kid"].as_str().context("a key id")?;
        let key = Key::ed25519(app, kid, seed.as_slice().try_into()?, KeyState::Current)?;
        let hmac = decode_secret(text("secret")?);
        let mut secrets = vec![api_key.into_bytes()];
        secrets.extend(forms(&seed));
        secrets.extend(forms(&hmac));
        Ok(Self { child, folder, key, secrets })
    }

    fn export(&self, file: &std::path::Path) -> Result<()> {
        let mut command = std::process::Command::new(binary()?);
        command.args(["directory", "export"]).arg(file).arg("--data").arg(self.folder.path());
        let ran = command.output()?;
        ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        Ok(())
    }

    fn token(&self, user: &str, role: &str) -> Result<String> {
        let claims = Claims::builder(self.key.app(), role.parse()?)
            .room("stage")
            .user(user)
            .jti(format!("t-{user}"))
            .lifetime(stagedoor_tests::stage::now_s(), 600)
            .build();
        Ok(mint(&claims, &self.key)?)
    }
}

#[tokio::test]
async fn a_relay_alone_has_no_secret_of_its_deployment() -> Result<()> {
    within(async {
        let server = Server::start().await?;
        let folder = tempfile::tempdir()?;
        server.export(&folder.path().join("directory.json"))?;
        let alone = Alone::on(folder).await?;
        let mut host = alone.log_in(&server.token("hans", "host")?).await?;
        let mut guest = alone.log_in(&server.token("ada", "audience")?).await?;
        webinar(&mut host, &mut guest).await?;

        let relay = alone.child.id().context("it runs")?;
        let here = found(relay, &server.secrets)?;
        assert!(here.is_empty(), "found in the relay: {here:?}");
        let known = server.key.kid().as_bytes().to_vec();
        assert!(!found(relay, &[known])?.is_empty(), "the search finds what is there");

        let process = server.child.id().context("it runs")?;
        let there = found(process, &server.secrets)?;
        for (nth, name) in [(0, "the API key"), (1, "the seed"), (4, "the secret")] {
            let forms = if nth == 0 { 0..1 } else { nth..nth + 3 };
            let is_found = there.iter().any(|(secret, _)| forms.contains(secret));
            assert!(is_found, "{name} is not found in the server: {there:?}");
        }
        Ok(())
    })
    .await
}
