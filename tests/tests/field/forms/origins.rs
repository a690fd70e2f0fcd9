//! Settings that can never match: an origin that no browser sends is refused, with a remedy.

use std::process::Command;

use anyhow::Result;
use stagedoor_tests::{Stage, binary::binary};

use super::{UPGRADE, ask, within};

/// The answer of `config check` to a list of origins: its exit code and its errors.
fn checked(origin: &str) -> Result<(Option<i32>, String)> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(
        file.path(),
        format!("[relay]\norigins = [\"https://b.example\", {origin:?}]\n"),
    )?;
    let ran = Command::new(binary()?)
        .args(["config", "check", "--config"])
        .arg(file.path())
        .env_clear()
        .output()?;
    Ok((ran.status.code(), String::from_utf8(ran.stderr)?))
}

#[test]
fn an_impossible_origin_is_refused_with_a_remedy() -> Result<()> {
    for (origin, write) in [
        ("https://a.example/", "https://a.example"),
        ("https://a.example/app", "https://a.example"),
        ("https://a.example?x", "https://a.example"),
        ("https://a.example#x", "https://a.example"),
        ("https://A.Example", "https://a.example"),
        ("HTTPS://a.example", "https://a.example"),
        ("https://a.example:443", "https://a.example"),
        ("http://a.example:80/", "http://a.example"),
        ("https://a.example:0443", "https://a.example"),
        ("https://a.example:08443", "https://a.example:8443"),
        ("https://a.example:", "https://a.example"),
        (" https://a.example ", "https://a.example"),
        ("https://user@a.example", "https://a.example"),
        ("a.example", "https://a.example"),
        ("a.example:8080", "https://a.example:8080"),
        ("//a.example", "https://a.example"),
        ("wss://a.example", "https://a.example"),
        ("ws://a.example:80", "http://a.example"),
        ("https://[2001:DB8:0:0::1]", "https://[2001:db8::1]"),
        ("https://[::ffff:10.0.0.1]", "https://[::ffff:a00:1]"),
        ("https://[::1]:443", "https://[::1]"),
        ("https://2001:db8::1", "brackets"),
        ("https://bücher.example", "xn--"),
        ("https://10.1", "four numbers"),
        ("https://0x7f.0.0.1", "four numbers"),
        ("https://a.example:70000", "65535"),
        ("https://*.example", "each origin by itself"),
        ("*", "empty list"),
        ("null ", "null"),
        ("https://", "https://example.com"),
        ("", "https://example.com"),
    ] {
        let (code, says) = checked(origin)?;
        assert_eq!(code, Some(2), "{origin}: {says}");
        assert!(says.contains("relay.origins") || says.contains("origins ="), "{origin}: {says}");
        let remedy = says.split("write ").nth(1).unwrap_or_default();
        let is_origin = write.contains("://");
        let remedied =
            if is_origin { remedy.contains(&format!("`{write}`")) } else { says.contains(write) };
        assert!(remedied, "{origin}: {says}");
    }
    Ok(())
}

#[tokio::test]
async fn each_accepted_origin_is_matched() -> Result<()> {
    within(async {
        for origin in [
            "https://a.example",
            "https://a.example:8443",
            "http://a.example",
            "http://localhost:3000",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "https://[2001:db8::1]",
            "https://a.example.",
            "https://a_b.example",
            "https://xn--bcher-kva.example",
            "https://a.example:80",
            "chrome-extension://abcdefghijklmnop",
            "capacitor://localhost",
            "tauri://localhost",
            "file://",
            "null",
        ] {
            assert_eq!(checked(origin)?, (Some(0), String::new()), "{origin}");
            let listed = origin.parse()?;
            let stage = Stage::configured(|config| config.relay.origins = vec![listed]).await?;
            let request = format!("{UPGRADE}Origin: {origin}\r\n\r\n");
            assert_eq!(ask(stage.running.http, &request).await?.0, 101, "{origin}");
        }
        Ok(())
    })
    .await
}
