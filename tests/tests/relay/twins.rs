//! Tokens of ES256 have a twin that anybody makes (`spec/token.md` §Two spellings): what ends one ends the other.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_bus::Bus as _;
use stagedoor_tests::{
    Stage,
    es256::{Es256, twin_of},
};
use stagedoor_token::{Claims, KeyState, VerifyingKey};

/// An app with a key that was made elsewhere.
struct Twins {
    stage: Stage,
    key: Es256,
}

impl Twins {
    async fn start() -> Result<Self> {
        Self::of(Stage::start().await?).await
    }

    async fn of(stage: Stage) -> Result<Self> {
        let (key, kid) = (Es256::new()?, "made-elsewhere");
        let jwk = serde_json::from_value(key.jwk())?;
        let verifying = VerifyingKey::from_jwk(stage.app, kid, KeyState::Retiring, &jwk)?;
        let directory = stage.running.bus.directory();
        let mut app = directory.app(stage.app).context("the app")?.clone();
        app.keys.push(verifying.into());
        stage.running.bus.put_app(app).await?;
        Ok(Self { stage, key })
    }

    /// A token of bob's and its twin.
    fn tokens(&self, change: impl FnOnce(&mut Claims)) -> Result<[String; 2]> {
        let mut claims = self.stage.claims("lobby", "bob", "speaker")?;
        change(&mut claims);
        let token = self.key.token("made-elsewhere", &claims)?;
        let twin = twin_of(&token)?;
        ensure!(twin != token);
        Ok([token, twin])
    }

    async fn refused(&self, token: &str) -> Result<(String, u16)> {
        let mut member = self.stage.connect().await?;
        let code = member.code(json!({ "op": "login", "token": token })).await?;
        Ok((code, member.closed().await?.code))
    }

    async fn revoke(&self, jti: &Value) -> Result<()> {
        let path = format!("/v1/apps/{}/revocations", self.stage.app);
        let body = json!({ "target": { "jti": jti } });
        let answer = self.stage.operator().ask("POST", &path, Some(&body)).await?;
        ensure!((200..300).contains(&answer.status), "{}", answer.body);
        Ok(())
    }
}

#[tokio::test]
async fn a_token_and_its_twin_open_the_same_seat() -> Result<()> {
    let twins = Twins::start().await?;
    let [token, twin] = twins.tokens(|_| {})?;
    let mut first = twins.stage.connect().await?;
    let one = first.log_in(&token).await?;
    let mut second = twins.stage.connect().await?;
    let other = second.log_in(&twin).await?;
    for said in ["user", "role", "exp", "grants"] {
        assert_eq!(one[said], other[said], "{said}");
    }
    assert_eq!(first.closed().await?.reason, "replaced");
    Ok(())
}

#[tokio::test]
async fn the_twin_of_a_used_one_time_token_is_refused() -> Result<()> {
    let twins = Twins::start().await?;
    let [token, twin] = twins.tokens(|claims| claims.once = true)?;
    let mut bob = twins.stage.connect().await?;
    bob.log_in(&token).await?;
    for again in [&twin, &token] {
        assert_eq!(twins.refused(again).await?, ("token_revoked".into(), 4205));
    }
    Ok(())
}

#[tokio::test]
async fn of_simultaneous_one_time_twins_one_logs_in() -> Result<()> {
    let twins = Twins::start().await?;
    let [token, twin] = twins.tokens(|claims| claims.once = true)?;
    let mut members = Vec::new();
    for _ in 0..16 {
        members.push(twins.stage.connect().await?);
    }
    let logins = members.iter_mut().zip([&token, &twin].into_iter().cycle());
    let logins = logins.map(|(member, token)| member.ask(json!({ "op": "login", "token": token })));
    let answers = futures_util::future::try_join_all(logins).await?;
    assert_eq!(answers.iter().filter(|answer| answer["ok"].is_object()).count(), 1);
    Ok(())
}

#[tokio::test]
async fn the_twin_of_a_revoked_token_is_refused_and_its_seat_ends() -> Result<()> {
    let twins = Twins::start().await?;
    let [token, twin] = twins.tokens(|_| {})?;
    let mut bob = twins.stage.connect().await?;
    bob.log_in(&twin).await?;
    twins.revoke(&json!(twins.stage.claims("lobby", "bob", "speaker")?.jti)).await?;
    assert_eq!(bob.closed().await?.code, 4205);
    for again in [&token, &twin] {
        assert_eq!(twins.refused(again).await?, ("token_revoked".into(), 4205));
    }
    Ok(())
}

#[tokio::test]
async fn the_twin_of_a_kicked_token_is_refused() -> Result<()> {
    let twins = Twins::start().await?;
    let mut anna = twins.stage.join("lobby", "anna", "host").await?;
    let [token, twin] = twins.tokens(|_| {})?;
    let mut bob = twins.stage.connect().await?;
    bob.log_in(&token).await?;
    anna.ok(json!({ "op": "moderate", "verb": "kick", "user": "bob" })).await?;
    assert_eq!(bob.closed().await?.reason, "kicked");
    assert_eq!(twins.refused(&twin).await?, ("token_revoked".into(), 4205));
    Ok(())
}

#[tokio::test]
async fn a_token_and_its_twin_share_one_rate_of_logins() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.logins_per_s = 1;
        limits.logins_burst = 4;
    });
    let twins = Twins::of(stage.await?).await?;
    let both = twins.tokens(|_| {})?;
    let mut seated = 0;
    for token in both.iter().cycle().take(8) {
        let mut member = twins.stage.connect().await?;
        let answer = member.ask(json!({ "op": "login", "token": token })).await?;
        seated += u32::from(answer["ok"].is_object());
    }
    // Four at once, and one or two for the time that eight take.
    assert!((4..=6).contains(&seated), "{seated} logins");
    Ok(())
}

#[tokio::test]
async fn a_used_one_time_token_does_not_renew_by_its_twin() -> Result<()> {
    let twins = Twins::start().await?;
    let [token, twin] = twins.tokens(|claims| claims.once = true)?;
    let mut bob = twins.stage.connect().await?;
    bob.log_in(&token).await?;
    assert_eq!(bob.code(json!({ "op": "renew", "token": twin })).await?, "token_revoked");
    Ok(())
}
