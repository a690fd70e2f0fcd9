//! Stagedoor as it ships, as a child's role. After `load`, before `floor`.

use std::io::Write;

use anyhow::Result;
use stagedoor::{Config, assemble};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};

use crate::server::Told;

/// Tells, in one line on standard output.
pub fn tell(told: &Told) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", serde_json::to_string(told)?)?;
    Ok(out.flush()?)
}

/// Serves for ever, on one worker thread; tells a host's token and one for each subscriber.
pub fn serve(subscribers: usize) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let data = tempfile::tempdir()?;
        let mut config = Config::default();
        config.listen.address = "127.0.0.1:0".into();
        config.listen.operations = "127.0.0.1:0".into();
        config.server.data_dir = data.path().to_owned();
        config.relay.limits.connections_per_address_max = 100_000;
        let running = assemble(&config).await?;
        let app = running.server.create_app("bench").await?;
        let secret = crate::server::decode_secret(&app.key.secret)?;
        let key = Key::hs256(AppId(app.app), &app.key.kid, &secret, KeyState::Current)?;
        let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let token = |user: &str, role: &str| -> Result<String> {
            let claims =
                Claims::new(AppId(app.app), "bench", user, role.parse()?, user, now_s, 3_600);
            Ok(mint(&claims, &key)?)
        };
        let mut tokens = vec![token("host", "host")?];
        for at in 0..subscribers {
            tokens.push(token(&format!("u{at}"), "audience")?);
        }
        tell(&Told { address: running.http, tokens })?;
        std::future::pending().await
    })
}
