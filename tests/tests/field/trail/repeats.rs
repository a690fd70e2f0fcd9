//! Repeats from one source are counted exactly instead of each being written.

use anyhow::Result;
use serde_json::json;
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Member, Stage};

use super::{Signing, all, counted, in_time, sum, trail_of};

/// With windows of a second.
async fn stage() -> Result<Stage> {
    Stage::configured(|config| {
        config.server.audit_repeat_window_s = 1;
        config.server.refusals_burst = 10_000;
        config.relay.limits.login_refusals_burst = 10_000;
    })
    .await
}

#[tokio::test]
async fn refused_logins_of_one_address_are_counted_exactly() -> Result<()> {
    in_time(async {
        let stage = stage().await?;
        for _ in 0..300 {
            let mut stranger = Member::connect(stage.running.http).await?;
            let login = json!({"op": "login", "token": "nonsense"});
            assert_eq!(stranger.code(login).await?, "token_invalid");
        }
        let records = counted(&stage.operator(), "/v1/audit?kind=door", 300).await?;
        assert!(records.len() < 20, "{} records", records.len());
        let told = records.iter().filter(|record| record["count"] != 1);
        assert!(told.clone().count() > 0);
        for record in told {
            assert_eq!(record["peer"], "127.0.0.1");
            assert_eq!(record["code"], "token_malformed");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn refused_acts_of_one_member_are_counted_exactly() -> Result<()> {
    in_time(async {
        let stage = stage().await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let mut anna = stage.join("lobby", "anna", "audience").await?;
        for user in 0..150 {
            let kick = json!({"op": "moderate", "verb": "kick", "user": format!("u{user}")});
            assert_eq!(anna.code(kick).await?, "moderate_denied");
        }
        let path = trail_of(&stage, "kind=moderate.kick&code=moderate_denied");
        let records = counted(&backend, &path, 150).await?;
        assert!(records.len() < 20, "{} records", records.len());
        assert!(records.iter().all(|record| record["actor"] == "anna"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn logins_of_one_token_are_counted_exactly() -> Result<()> {
    in_time(async {
        let stage = Stage::configured(|config| {
            config.server.audit_repeat_window_s = 1;
            config.relay.limits.logins_burst = 1_000;
        })
        .await?;
        let backend = stage.backend(&Scope::ALL).await?;
        for _ in 0..200 {
            let mut anna = stage.join("lobby", "anna", "host").await?;
            anna.ok(json!({"op": "leave"})).await?;
        }
        for (kind, path) in ["door", "seat.left", "room.opened", "room.closed"]
            .map(|kind| (kind, trail_of(&stage, &format!("kind={kind}"))))
        {
            let records = counted(&backend, &path, 200).await?;
            assert!(records.len() < 100, "{kind}: {} records", records.len());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn refused_credentials_are_counted_exactly() -> Result<()> {
    in_time(async {
        let stage = stage().await?;
        let stranger = Caller { to: stage.running.http, credential: "sd_x_y".into() };
        for _ in 0..200 {
            stranger.get(401, "GET", "/v1/apps", None).await?;
        }
        let records = counted(&stage.operator(), "/v1/audit?kind=caller", 200).await?;
        assert!(records.len() < 20, "{} records", records.len());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn counts_are_written_when_the_process_stops() -> Result<()> {
    in_time(async {
        let data = tempfile::tempdir()?;
        let configured = |config: &mut stagedoor::Config| {
            config.server.data_dir = data.path().to_owned();
            config.server.audit_repeat_window_s = 3_600;
        };
        let stage = Stage::configured(configured).await?;
        let (operator, signing) = (stage.operator(), Signing::new(&stage).await?);
        for _ in 0..50 {
            let token = signing.token(|claims| claims["role"] = json!("king"));
            let mut stranger = Member::connect(stage.running.http).await?;
            let login = json!({"op": "login", "token": token});
            assert_eq!(stranger.code(login).await?, "role_unknown");
        }
        stage.running.stop().await;
        let stage = Stage::configured(configured).await?;
        let operator = Caller { to: stage.running.http, ..operator };
        let records = all(&operator, &signing.trail("kind=door&code=role_unknown")).await?;
        assert_eq!((sum(&records), records.len()), (50, 2));
        Ok(())
    })
    .await
}
