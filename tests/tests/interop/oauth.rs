//! OAuth by other people's clients, from discovery on, over TLS: openid-client and Authlib.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use stagedoor_relay::TlsFiles;
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Stage};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

use super::installed;

/// A Stagedoor with TLS that knows its own URL, and what a script is told of it.
struct Public {
    _stage: Stage,
    _folder: tempfile::TempDir,
    asked: Value,
}

impl Public {
    async fn start() -> Result<Self> {
        // The port is known before the server starts, and passes connections on to it.
        let front = TcpListener::bind("127.0.0.1:0").await?;
        let issuer = format!("https://localhost:{}", front.local_addr()?.port());
        let folder = tempfile::tempdir()?;
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()])?;
        let ca = folder.path().join("cert.pem");
        let files = TlsFiles { cert: ca.clone(), key: folder.path().join("key.pem") };
        std::fs::write(&files.cert, cert.pem())?;
        std::fs::write(&files.key, signing_key.serialize_pem())?;
        let stage = Stage::configured(|config| {
            config.relay.tls = Some(files);
            config.server.public_url = issuer.parse().ok();
        })
        .await?;
        let to = stage.running.http;
        tokio::spawn(async move {
            while let Ok((mut from, _)) = front.accept().await {
                tokio::spawn(async move {
                    let mut to = TcpStream::connect(to).await?;
                    copy_bidirectional(&mut from, &mut to).await
                });
            }
        });
        let scopes = [Scope::TokensVerify, Scope::TokensRevoke];
        let (client, weak) =
            (stage.backend(&scopes).await?, stage.backend(&[Scope::RoomsRead]).await?);
        let id = |caller: &Caller| caller.id().map(ToOwned::to_owned);
        let asked = json!({
            "issuer": issuer,
            "ca": ca,
            "id": id(&client)?,
            "secret": client.credential,
            "weak_id": id(&weak)?,
            "weak_secret": weak.credential,
            "resource": format!("{issuer}/v1/apps/{}", stage.app.0),
            "room_token": stage.token("lobby", "anna", "audience")?,
        });
        Ok(Self { _stage: stage, _folder: folder, asked })
    }

    /// Runs a script of `tests/interop`, and tells it.
    async fn run(&self, mut command: Command, script: &str) -> Result<Value> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env("NODE_EXTRA_CA_CERTS", self.asked["ca"].as_str().context("a path")?);
        let asked = self.asked.to_string();
        let done = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn()?;
            child.stdin.take().context("a pipe")?.write_all(asked.as_bytes())?;
            anyhow::Ok(child.wait_with_output()?)
        });
        let output = done.await??;
        ensure!(output.status.success(), "the script fails: its own words are above");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Checks what both scripts saw of a good token.
    fn check(&self, me: &Value, room: &Value, access: &Value, after: &Value) {
        let id = &self.asked["id"];
        assert_eq!((&me["id"], &me["scopes"]), (id, &json!(["tokens:verify"])));
        assert!(me["access_token"].is_string());
        assert_eq!((&room["active"], &room["sub"]), (&json!(true), &json!("anna")));
        assert_eq!((&room["room"], &room["iss"]), (&json!("lobby"), &self.asked["issuer"]));
        assert_eq!((&access["active"], &access["client_id"]), (&json!(true), id));
        assert_eq!(access["scope"], "tokens:verify");
        assert_eq!(after, &json!({"active": false}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_works_from_discovery_on() -> Result<()> {
    let modules = installed("STAGEDOOR_NODE_MODULES", "node_modules").expect("it is installed");
    let public = Public::start().await?;
    let mut node = Command::new("node");
    node.env("STAGEDOOR_NODE_MODULES", modules);
    let told = public.run(node, "oauth.mjs").await?;
    for how in ["basic", "post"] {
        let of = &told[how];
        assert_eq!(of["issuer"], public.asked["issuer"]);
        assert_eq!(of["all"]["scope"], "tokens:verify tokens:revoke");
        assert!(of["expires_in"].as_u64().is_some_and(|left| left > 890), "{of}");
        public.check(&of["me"], &of["room"], &of["access"], &of["after"]);
    }
    assert_eq!(told["generic"]["token_type"], "bearer", "it writes it in lower case");
    assert_eq!(told["room_after"], json!({"active": false}));
    assert_eq!(
        told["refused"],
        json!({
            "client_by_basic": [401, "invalid_client", "basic"],
            "client_by_post": [401, "invalid_client", null],
            "grant": [400, "unsupported_grant_type", null],
            "scope": [400, "invalid_scope", null],
            "target": [400, "invalid_target", null],
            "client_unauthorized": [400, "unauthorized_client", null],
            "token_type": [400, "unsupported_token_type", null],
            "request": [413, "invalid_request", null],
        })
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_works_from_discovery_on() -> Result<()> {
    let python = installed("STAGEDOOR_PYTHON", "venv/bin/python").expect("it is installed");
    let public = Public::start().await?;
    let told = public.run(Command::new(python), "oauth.py").await?;
    assert_eq!(told["issuer"], public.asked["issuer"]);
    for how in ["client_secret_basic", "client_secret_post"] {
        let of = &told[how];
        assert_eq!((&of["token"]["token_type"], &of["revoked"]), (&json!("Bearer"), &json!(200)));
        public.check(&of["me"], &of["room"], &of["access"], &of["after"]);
    }
    assert_eq!(
        told["refused"],
        json!({
            "client": "invalid_client",
            "grant": "unsupported_grant_type",
            "scope": "invalid_scope",
            "target": "invalid_target",
            "request": "invalid_request",
            "client_unauthorized": "unauthorized_client",
            "token_type": "unsupported_token_type",
        })
    );
    Ok(())
}
