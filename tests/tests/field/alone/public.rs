//! A relay beside its server that takes public keys alone.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::{Caller, Member};

use super::{server::Server, within};

const PUBLIC: (&str, &str) = ("STAGEDOOR_RELAY__PUBLIC_KEYS_ONLY", "true");

async fn app(root: &Caller) -> Result<String> {
    let made = root.get(201, "POST", "/v1/apps", Some(&json!({"name": "acme"}))).await?;
    Ok(format!("/v1/apps/{}", made["app"]))
}

/// The code of a login with a token that the server mints.
async fn login(root: &Caller, app: &str) -> Result<String> {
    let wanted = json!({"room": "stage", "user": "ben", "role": "audience"});
    let minted = root.get(201, "POST", &format!("{app}/tokens"), Some(&wanted)).await?;
    let mut member = Member::connect(root.to).await?;
    let answer = member.ask(json!({"op": "login", "token": minted["token"]})).await?;
    Ok(answer["error"]["code"].as_str().unwrap_or("ok").to_owned())
}

fn warned(server: &Server) -> Result<Option<Value>> {
    let line = server.said.lines().find(|line| line.contains("relay.public_keys_only"));
    Ok(line.map(serde_json::from_str).transpose()?)
}

#[tokio::test]
async fn a_start_says_how_many_apps_sign_with_secrets() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let server = Server::start(&data, &[]).await?;
        let credential = server.root()?.to_owned();
        let root = server.operator(&credential);
        let (secret, mixed, public) = (app(&root).await?, app(&root).await?, app(&root).await?);
        // Not its retiring key, which is of HS256 too.
        let rotate = json!({"alg": "EdDSA"});
        root.get(200, "POST", &format!("{public}/keys/rotate"), Some(&rotate)).await?;
        // Once, however many lines there are.
        for line in ["partner", "events"] {
            let new = json!({"line": line, "alg": "HS256"});
            root.get(201, "POST", &format!("{mixed}/keys"), Some(&new)).await?;
        }
        // One that signs with EdDSA, but still takes Token04.
        let zego = app(&root).await?;
        root.get(200, "POST", &format!("{zego}/keys/rotate"), Some(&rotate)).await?;
        let new = json!({"alg": "token04"});
        root.get(201, "POST", &format!("{zego}/keys"), Some(&new)).await?;
        assert_eq!(warned(&server)?, None, "secrets are welcome");
        server.stop().await?;

        let server = Server::start(&data, &[PUBLIC]).await?;
        let warning = warned(&server)?.context("a warning")?;
        assert_eq!(warning["level"], "WARN");
        assert_eq!(warning["fields"]["apps"], 3, "{warning}");
        let root = server.operator(&credential);
        assert_eq!(login(&root, &public).await?, "ok");
        assert_eq!(login(&root, &secret).await?, "token_invalid", "all that a stranger learns");
        let path = "/v1/audit?kind=door&code=key_unknown";
        let refused = root.records(path, 1).await?;
        assert_eq!(refused[0]["code"], "key_unknown", "{refused:?}");

        // A key that is current from now on is followed at once, and its app is counted no more.
        for app in [&secret, &mixed] {
            root.get(200, "POST", &format!("{app}/keys/rotate"), Some(&rotate)).await?;
        }
        assert_eq!(login(&root, &secret).await?, "ok");
        for line in ["partner", "events"] {
            let rotate = json!({"line": line, "alg": "EdDSA"});
            root.get(200, "POST", &format!("{mixed}/keys/rotate"), Some(&rotate)).await?;
        }
        root.get(204, "DELETE", &format!("{zego}/keys/lines/token04"), None).await?;
        server.stop().await?;
        let server = Server::start(&data, &[PUBLIC]).await?;
        assert_eq!(warned(&server)?, None, "no app is left");
        Ok(())
    })
    .await
}
