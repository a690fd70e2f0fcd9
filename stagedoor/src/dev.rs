//! What `stagedoor dev` makes and remembers for a developer. After `cli`, before `assemble`. Its file in the
//! data folder holds secrets and is read by its owner alone.

use std::{
    fs::OpenOptions,
    io::Write,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stagedoor_server::{Scope, Server};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};

/// The file in the data folder.
const FILE: &str = "dev.json";
/// The room of the two tokens.
const ROOM: &str = "lobby";
/// How long the two tokens live, in seconds.
const TTL_S: u64 = 12 * 3_600;

/// What is remembered.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    app: u32,
    kid: String,
    secret: String,
    api_key: String,
    root: Option<String>,
}

/// Reads what an earlier start made, or makes it.
pub(crate) async fn keep(
    server: &Server,
    data_dir: &Path,
    root: Option<String>,
) -> anyhow::Result<Kept> {
    let file = data_dir.join(FILE);
    if file.exists() {
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        return serde_json::from_str(&text).with_context(|| file.display().to_string());
    }
    let app = server.create_app("dev").await?;
    let api_key = server.create_api_key(app.app, "dev", &Scope::ALL).await?.api_key;
    let kept = Kept { app: app.app, kid: app.key.kid, secret: app.key.secret, api_key, root };
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
    out.write_all(serde_json::to_string_pretty(&kept)?.as_bytes())?;
    Ok(kept)
}

fn token(kept: &Kept, user: &str, role: &str) -> anyhow::Result<String> {
    let secret = URL_SAFE_NO_PAD.decode(&kept.secret)?;
    let key = Key::hs256(AppId(kept.app), &kept.kid, &secret, KeyState::Current)?;
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut id = [0; 9];
    getrandom::fill(&mut id).ok().context("the system gives no random bytes")?;
    let jti = format!("t_{}", URL_SAFE_NO_PAD.encode(id));
    Ok(mint(&Claims::new(AppId(kept.app), ROOM, user, role.parse()?, &jti, now_s, TTL_S), &key)?)
}

/// What the developer sees: lines for people, or one line of JSON.
pub(crate) fn show(
    kept: &Kept,
    http: SocketAddr,
    operations: SocketAddr,
    tls: bool,
    json: bool,
) -> anyhow::Result<String> {
    let host = token(kept, "host-1", "host")?;
    let audience = token(kept, "audience-1", "audience")?;
    let (web, socket) = if tls { ("https", "wss") } else { ("http", "ws") };
    let url = format!("{web}://{http}");
    let connect = format!("{socket}://{http}{}", stagedoor_wire::CONNECT_PATH);
    let Kept { app, kid, secret, api_key, root } = kept;
    let body = format!(r#"{{"room":"{ROOM}","user":"anna","role":"audience"}}"#);
    let curl = format!(
        "curl -sS {url}/v1/apps/{app}/tokens -H 'Authorization: Bearer {api_key}' \
         -H 'Content-Type: application/json' -d '{body}'"
    );
    if json {
        let value = json!({
            "app": app, "kid": kid, "secret": secret, "api_key": api_key, "root": root, "room": ROOM,
            "host_token": host, "audience_token": audience, "url": url, "connect": connect,
            "operations": format!("http://{operations}"), "curl": curl,
        });
        return Ok(format!("{value}\n"));
    }
    let root = root.as_deref().unwrap_or("(shown at the first start)");
    Ok(format!(
        "Stagedoor is up. For development: the secrets below are kept in the data folder.\n\n\
         open            {url}/\n\
         connect         {connect}\n\
         metrics         http://{operations}/metrics\n\n\
         AppID           {app}\n\
         key id          {kid}\n\
         secret          {secret}\n\
         API key         {api_key}\n\
         root credential {root}\n\n\
         host token      {host}\n\n\
         audience token  {audience}\n\n\
         Mint another:\n  {curl}\n\n\
         For the walk-through of the README, in another terminal:\n  \
         export STAGEDOOR_URL={url} STAGEDOOR_API_KEY={api_key} APP={app} KID={kid} STAGEDOOR_SECRET={secret}\n\n"
    ))
}
