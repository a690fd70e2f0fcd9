//! `issuer`: every command against the HTTP API.

use anyhow::Result;
use serde_json::json;

use super::Dev;

#[test]
fn an_issuer_is_put_shown_tried_and_removed() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let folder = tempfile::tempdir()?;
    let file = |name: &str, text: &str| -> Result<String> {
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let issuer = file(
        "issuer.json",
        r#"{"issuer":"https://id.example","client_ids":["web"],"user_prefix":"corp:",
            "rules":[{"when":{"groups":{"any_of":["teachers"]}},"rooms":["class-*"],"role":"host"}]}"#,
    )?;
    let claims = file("claims.json", r#"{"sub":"anna","groups":["teachers"]}"#)?;
    let put = dev.ok("api_key", &["issuer", "put", &app, "corp", &issuer])?;
    assert_eq!((&put["id"], &put["algs"]), (&json!("corp"), &json!(["RS256"])));
    let shown = dev.ok("api_key", &["issuer", "show", &app, "corp"])?;
    assert_eq!(shown, put);
    let list = dev.run_as(dev.text("api_key"), &["issuer", "show", &app])?;
    assert!(list.out.contains("https://id.example") && list.out.contains("corp:"), "{}", list.out);
    let tried = |room: &'static str| {
        dev.ok("api_key", &["issuer", "try", &app, "corp", "--room", room, "--claims", &claims])
    };
    assert_eq!(tried("class-7")?["user"], "corp:anna");
    assert_eq!(tried("lobby")?["code"], "room_refused");
    let token = file("token", "no.id.token\n")?;
    let arguments = ["issuer", "try", &app, "corp", "--room", "class-7", "--id-token", &token];
    assert_eq!(dev.ok("api_key", &arguments)?["code"], "id_token_malformed");
    let neither = dev.run_as(dev.text("api_key"), &arguments[..6])?;
    assert_eq!(neither.code, 2, "{}", neither.err);
    let unsure = dev.run_as(dev.text("api_key"), &["issuer", "remove", &app, "corp"])?;
    assert_eq!(unsure.code, 2, "{}", unsure.err);
    dev.ok("api_key", &["issuer", "remove", &app, "corp", "--yes"])?;
    let gone = dev.run_as(dev.text("api_key"), &["issuer", "show", &app, "corp"])?;
    assert!(gone.code == 1 && gone.err.contains("issuer_unknown"), "{}", gone.err);
    Ok(())
}
