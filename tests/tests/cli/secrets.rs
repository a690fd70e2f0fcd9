//! No secret and no token is ever written unless requested.

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_tests::{Caller, Member};

use super::{Dev, run_with};

#[tokio::test]
async fn no_secret_or_token_is_logged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dev = Dev::start_in(folder.path(), &[("STAGEDOOR_LOG__LEVEL", "trace")])?;
    let to = dev.address("url")?;
    let mut secrets = Vec::new();
    for name in ["secret", "api_key", "root", "host_token", "audience_token"] {
        secrets.push(dev.text(name).to_owned());
    }
    let caller = Caller { to, credential: dev.text("api_key").into() };
    let tokens = format!("/v1/apps/{}/tokens", dev.app());
    let body = json!({"room": "lobby", "user": "anna", "role": "audience"});
    let minted = caller.get(201, "POST", &tokens, Some(&body)).await?;
    let minted = minted["token"].as_str().context("a token")?.to_owned();
    caller.get(200, "POST", &format!("{tokens}/verify"), Some(&json!({"token": minted}))).await?;
    let keys = dev.ok("root", &["app", "keys", "create", &dev.app()])?;
    secrets.push(keys["secret"].as_str().context("a secret")?.to_owned());
    let stranger = Caller { to, credential: "sd_stranger_credential".into() };
    assert_eq!(stranger.ask("POST", &tokens, Some(&body)).await?.status, 401);
    secrets.push(stranger.credential);

    let mut member = Member::connect(to).await?;
    member.log_in(&minted).await?;
    let altered = format!("{}x", &minted[..minted.len() - 1]);
    let mut refused = Member::connect(to).await?;
    assert_eq!(refused.code(json!({"op": "login", "token": altered})).await?, "token_invalid");
    refused.closed().await?;
    let broken = format!("{{\"op\":\"login\",\"id\":1,\"token\":\"{minted}\",\"more\":1}}");
    let mut strange = Member::connect(to).await?;
    strange.say(broken.into()).await?;
    strange.find(|_| true).await?;
    let query = format!("GET /v1/connect?token={minted} HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = stagedoor_tests::member::http(to, &query).await?;
    assert!(answer.starts_with("HTTP/1.1 400") && !answer.contains(&minted), "{answer}");
    dev.ok("api_key", &["room", "kick", &dev.app(), "lobby", "anna"])?;
    member.closed().await?;
    secrets.extend([minted, altered]);

    let (_, logged) = dev.stop()?;
    for what in ["seated", "login refused", "refused"] {
        assert!(logged.contains(what), "{what} is logged at this level");
    }
    for secret in &secrets {
        // The signature alone would prove that a token leaked.
        let part = secret.rsplit('.').next().unwrap_or_default();
        assert!(part.len() > 8 && !logged.contains(part), "a secret was logged");
    }
    Ok(())
}

#[test]
fn errors_and_printed_configuration_contain_no_secret() -> Result<()> {
    let secret = "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2gtYW5kLWZpbmU";
    let variables = [("STAGEDOOR_SECRET", secret), ("STAGEDOOR_API_KEY", secret)];
    for arguments in [
        ["config", "print", "--effective"].as_slice(),
        &[
            "token", "mint", "--app", "1", "--kid", "?", "--room", "r", "--user", "u", "--role",
            "host",
        ],
        &["room", "list", "1", "--url", "http://127.0.0.1:1"],
        &["room", "--help"],
        &["token", "mint", "--help"],
    ] {
        let ran = run_with(arguments, &variables, "")?;
        assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{arguments:?}");
    }
    Ok(())
}
