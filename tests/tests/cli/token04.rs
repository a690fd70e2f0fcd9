//! `app token04`, an imported secret, and `token mint --token04`.

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_tests::Member;

use super::{Dev, run_with};

const SECRET: &str = "fa94dd0f974cf2e293728a526b028271";

#[tokio::test]
async fn a_token04_minted_offline_takes_its_seat() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{SECRET}\n"))?;
    let file = file.display().to_string();
    let import = ["app", "keys", "create", &app, "--alg", "token04", "--secret-file", &file];
    let made = dev.ok("root", &import)?;
    let kid = made["kid"].as_str().context("an id")?;
    let set = ["app", "token04", &app, "--accept", "legacy", "--join", "speaker"];
    let legacy = dev.ok("root", &set)?;
    let warning = legacy["token04"]["warning"].as_str().context("a warning")?;
    assert!(warning.contains("without the secret"), "{warning}");
    let set = dev.ok("root", &["app", "token04", &app, "--accept", "gcm"])?;
    assert_eq!(set["token04"]["join"], "audience", "what is left out has its default");
    let mint = |more: &[&str]| {
        let base = ["token", "mint", "--token04", "--app", &app, "--kid", kid, "--room", "lobby"];
        run_with(
            &[&base[..], &["--user", "ben"], more].concat(),
            &[("STAGEDOOR_SECRET", SECRET)],
            "",
        )
    };
    let streams = r#"{"publish":{"streams":["s1"]}}"#;
    let minted = mint(&["--role", "publish", "--grants", streams])?;
    assert_eq!((minted.code, minted.err.as_str()), (0, ""));
    let mut member = Member::connect(dev.address("url")?).await?;
    let seat = member.log_in(minted.out.trim()).await?;
    assert_eq!((&seat["role"], &seat["user"]), (&json!("host"), &json!("ben")));
    assert_eq!(seat["grants"]["publish"]["streams"], json!(["s1"]));
    for more in [
        &["--role", "host"][..],
        &["--role", "join", "--once"],
        &["--role", "join", "--grants", streams],
    ] {
        let refused = mint(more)?;
        assert_eq!(refused.code, 1, "{more:?}");
        assert!(refused.err.contains("token04_cannot"), "{}", refused.err);
    }
    Ok(())
}
