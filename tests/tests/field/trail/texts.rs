//! Texts of strangers in records.

use anyhow::Result;
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::Stage;

use super::{Signing, all, counted, in_time, trail_of};

/// The longest text of each field, in bytes.
const BOUNDS: [(&str, usize); 9] = [
    ("kind", 32),
    ("code", 64),
    ("actor", 64),
    ("room", 128),
    ("user", 64),
    ("role", 32),
    ("jti", 64),
    ("peer", 64),
    ("request_id", 64),
];
const DETAIL_BYTES_MAX: usize = 512;

fn check(records: &[Value]) {
    for record in records {
        for (field, bytes_max) in BOUNDS {
            let text = record[field].as_str().unwrap_or_default();
            assert!(text.len() <= bytes_max, "{field} has {} bytes", text.len());
            assert!(!text.chars().any(char::is_control), "{field} has control characters");
        }
        let detail = record["detail"].as_str().unwrap_or_default();
        assert!(detail.len() <= DETAIL_BYTES_MAX, "detail has {} bytes", detail.len());
    }
}

#[tokio::test]
async fn a_record_has_no_text_longer_than_its_names_limit() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let long = "x".repeat(60_000);
        let mut anna = stage.join("lobby", "anna", "audience").await?;
        for verb in ["kick", "ban", "mute", "admit"] {
            anna.code(json!({"op": "moderate", "verb": verb, "user": long})).await?;
        }
        let mint = json!({"room": long, "user": "n\u{7}o", "role": long});
        backend.ask("POST", &format!("/v1/apps/{}/tokens", stage.app), Some(&mint)).await?;
        let name = "y".repeat(5_000);
        let member = format!("/v1/apps/{}/rooms/{name}/members/{name}", stage.app);
        for act in ["kick", "mute", "unmute", "admit", "decline"] {
            backend.ask("POST", &format!("{member}/{act}"), None).await?;
        }
        let role = json!({"role": "host"});
        backend.ask("POST", &format!("{member}/role"), Some(&role)).await?;
        backend.ask("DELETE", &format!("/v1/apps/{}/rooms/{name}", stage.app), None).await?;
        for kind in ["moderate.kick", "moderate.admit", "room.kick"] {
            counted(&backend, &trail_of(&stage, &format!("kind={kind}")), 1).await?;
        }
        let records = all(&backend, &trail_of(&stage, "")).await?;
        assert!(records.iter().any(|record| record["kind"] == "moderate.kick"));
        assert!(records.iter().any(|record| record["kind"] == "room.kick"));
        check(&records);
        let text = serde_json::to_string(&records)?;
        assert!(!text.contains("xxxxxxxx") && !text.contains("yyyyyyyy"), "recorded verbatim");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_signed_text_over_its_limit_is_not_recorded() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let signing = Signing::new(&stage).await?;
        let long = "x".repeat(900);
        for (field, code) in
            [("room", "room_invalid"), ("sub", "user_invalid"), ("jti", "jti_invalid")]
        {
            let token = signing.token(|claims| claims[field] = json!(long));
            let mut stranger = stage.connect().await?;
            let login = json!({"op": "login", "token": token});
            assert_eq!(stranger.code(login).await?, code);
        }
        let records = counted(&stage.operator(), &signing.trail("kind=door"), 3).await?;
        check(&records);
        Ok(())
    })
    .await
}
