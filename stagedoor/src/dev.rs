//! What `stagedoor dev` creates for a developer and remembers. Its file in the data folder contains secrets, and only
//! its owner can read it.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stagedoor_server::{
    DataFolder, MASTER_KEY_FILE, MasterKey, Scope, Server, Usable,
    sealing::{self, SealingError},
};
use stagedoor_token::{AppId, Claims, Key, KeyState, checked_secret, mint, secret_of_text};

use crate::{
    classroom::{self, Classroom},
    config::Config,
};

/// The file in the data folder.
const FILE: &str = "dev.json";
/// The room of the two tokens.
const ROOM: &str = "lobby";
/// Lifetime of the two tokens, in seconds.
const TTL_S: u64 = 12 * 3_600;

/// What is remembered.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    app: u32,
    kid: String,
    secret: String,
    api_key: String,
    root: Option<String>,
    #[serde(default)]
    classroom: Option<Classroom>,
}

/// What is printed: what is remembered, and the roles of the two tokens.
pub(crate) struct Shown {
    kept: Kept,
    /// The role of the host's token: `host`, or the highest; `None` if the app has no roles.
    host: Option<String>,
    /// The role of the audience's token: `audience`, or the lowest.
    audience: Option<String>,
}

impl Shown {
    /// The AppID.
    pub(crate) fn app(&self) -> u32 {
        self.kept.app
    }

    /// The classroom.
    pub(crate) fn classroom(&self) -> Option<&Classroom> {
        self.kept.classroom.as_ref()
    }
}

/// Makes a master key in the data folder, unless there is one, and seals a folder from before.
pub(crate) async fn seal(config: &Config) -> anyhow::Result<()> {
    let source = &config.server.master_key;
    let folder = DataFolder::open(&config.server.data_dir)?;
    // What cannot be opened is explained by the start.
    let status = sealing::status(folder.path()).await.ok();
    if status.as_ref().is_some_and(|status| !status.masters.is_empty()) {
        return Ok(());
    }
    let master = match MasterKey::obtain(source, folder.path())? {
        Some(master) => master,
        None => MasterKey::make(&folder.path().join(MASTER_KEY_FILE))?,
    };
    if status.is_none() {
        return Ok(());
    }
    match sealing::init(&folder, &master).await {
        Ok(_) | Err(SealingError::NotTheDatabase(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads what an earlier start created, or creates it; what no longer works is replaced. The root credential is saved
/// before it becomes valid.
pub(crate) async fn keep(server: &Server, data_dir: &Path) -> anyhow::Result<Shown> {
    let earlier = read(data_dir)?;
    let usable = match &earlier {
        Some(kept) => server.usable(kept.app).await?,
        None => None,
    };
    let (kept, usable) = match (earlier, usable) {
        (Some(kept), Some(usable)) => (again(server, data_dir, kept, &usable).await?, usable),
        (earlier, _) => {
            let (root, classroom) =
                earlier.map(|kept| (kept.root, kept.classroom)).unwrap_or_default();
            let app = server.create_app("dev").await?;
            let api_key = server.create_api_key(app.app, "dev", &Scope::ALL).await?.api_key;
            let (kid, secret) = (app.key.kid, app.key.secret.context("the key has no secret")?);
            let kept = Kept { app: app.app, kid, secret, api_key, root, classroom };
            write(data_dir, &kept)?;
            let usable = server.usable(kept.app).await?.context("the app was deleted")?;
            (kept, usable)
        }
    };
    let mut kept = kept;
    if !classroom::is_usable(server, kept.classroom.as_ref()).await {
        kept.classroom = Some(classroom::make(server).await?);
        write(data_dir, &kept)?;
    }
    server
        .first_root(|root| {
            kept.root = Some(root.into());
            write(data_dir, &kept)
        })
        .await?;
    let role = |wanted: &str, other: Option<&String>| {
        let has = usable.roles.iter().any(|role| role == wanted);
        if has { Some(wanted.to_owned()) } else { other.cloned() }
    };
    let (host, audience) =
        (role("host", usable.roles.last()), role("audience", usable.roles.first()));
    Ok(Shown { kept, host, audience })
}

/// What an earlier start created, with the current key and an API key that works.
async fn again(
    server: &Server,
    data_dir: &Path,
    kept: Kept,
    usable: &Usable,
) -> anyhow::Result<Kept> {
    let has_key = kept.kid == usable.kid;
    let has_api_key = server.knows(&kept.api_key).await;
    if has_key && has_api_key {
        return Ok(kept);
    }
    let mut kept = Kept { kid: usable.kid.clone(), secret: usable.secret.clone(), ..kept };
    if !has_api_key {
        kept.api_key = server.create_api_key(kept.app, "dev", &Scope::ALL).await?.api_key;
    }
    write(data_dir, &kept)?;
    Ok(kept)
}

/// Whether `dev` created the folder, or it is still empty.
pub(crate) fn is_ours(data_dir: &Path) -> bool {
    let has_entries = std::fs::read_dir(data_dir).is_ok_and(|mut entries| entries.next().is_some());
    data_dir.join(FILE).is_file() || !has_entries
}

/// Moves an earlier `dev`'s files into another folder, and returns its path.
pub(crate) fn begin_again(data_dir: &Path) -> anyhow::Result<Option<PathBuf>> {
    if !data_dir.join(FILE).is_file() {
        return Ok(None);
    }
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let folder = DataFolder::open(data_dir)?;
    Ok(Some(folder.set_aside(&format!("before-{now_s}"))?))
}

/// Saves another root credential in the file, if the file exists.
pub(crate) fn put_root(data_dir: &Path, root: &str) -> std::io::Result<()> {
    let file = data_dir.join(FILE);
    let text = match std::fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    match serde_json::from_slice::<Kept>(&text) {
        Ok(kept) => write(data_dir, &Kept { root: Some(root.into()), ..kept }),
        // The next `dev` renames it.
        Err(_) => Ok(()),
    }
}

/// What is remembered. An unreadable file is renamed and logged; a new app is created then.
fn read(data_dir: &Path) -> anyhow::Result<Option<Kept>> {
    let file = data_dir.join(FILE);
    let context = || file.display().to_string();
    let text = match std::fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(context),
    };
    match serde_json::from_slice(&text) {
        Ok(kept) => Ok(Some(kept)),
        Err(error) => {
            let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
            let aside = data_dir.join(format!("{FILE}.broken-{now_s}"));
            std::fs::rename(&file, &aside).with_context(context)?;
            tracing::warn!(
                %error,
                file = %file.display(),
                aside = %aside.display(),
                "the file cannot be read and was renamed; `dev` creates a new app and key"
            );
            Ok(None)
        }
    }
}

/// Writes the file completely or not at all.
fn write(data_dir: &Path, kept: &Kept) -> std::io::Result<()> {
    let (file, new) = (data_dir.join(FILE), data_dir.join(format!("{FILE}.new")));
    let text = serde_json::to_string_pretty(kept)?;
    // A file left half-written may be readable by others.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    std::fs::rename(&new, &file)?;
    File::open(data_dir)?.sync_all()
}

/// The key whose secret, or private JWK, is kept.
fn key(kept: &Kept) -> anyhow::Result<Key> {
    let (app, current) = (AppId(kept.app), KeyState::Current);
    let Some(jwk) = serde_json::from_str::<Value>(&kept.secret).ok().filter(Value::is_object)
    else {
        let secret = URL_SAFE_NO_PAD.decode(&kept.secret)?;
        return Ok(Key::hs256(app, &kept.kid, &secret, current)?);
    };
    let seed = URL_SAFE_NO_PAD.decode(jwk["d"].as_str().context("the JWK has no `d`")?)?;
    let seed = seed.as_slice().try_into().context("`d` is not 32 bytes")?;
    Ok(Key::ed25519(app, &kept.kid, seed, current)?)
}

fn token(kept: &Kept, user: &str, role: &str) -> anyhow::Result<String> {
    let key = key(kept)?;
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut id = [0; 9];
    getrandom::fill(&mut id).ok().context("the system provides no random bytes")?;
    let jti = format!("t_{}", URL_SAFE_NO_PAD.encode(id));
    Ok(mint(
        &Claims::builder(AppId(kept.app), role.parse()?)
            .room(ROOM)
            .user(user)
            .jti(&jti)
            .lifetime(now_s, TTL_S)
            .build(),
        &key,
    )?)
}

/// A key's secret once more, with check digits.
fn checked(secret: &str) -> anyhow::Result<String> {
    let secret = secret_of_text(secret)?;
    Ok(checked_secret(secret.first_chunk().context("a secret has 32 bytes")?))
}

/// The output for the developer: lines for people, or one line of JSON.
pub(crate) fn show(
    shown: &Shown,
    http: SocketAddr,
    operations: SocketAddr,
    tls: bool,
    json: bool,
) -> anyhow::Result<String> {
    let Shown { kept, host: host_role, audience: audience_role } = shown;
    let of = |user: &str, role: &Option<String>| {
        role.as_deref().map(|role| token(kept, user, role)).transpose()
    };
    let host = of("host-1", host_role)?;
    let audience = of("audience-1", audience_role)?;
    let (web, socket) = if tls { ("https", "wss") } else { ("http", "ws") };
    let url = format!("{web}://{http}");
    let connect = format!("{socket}://{http}{}", stagedoor_wire::CONNECT_PATH);
    let Kept { app, kid, secret, api_key, root, classroom: _ } = kept;
    let checked = checked(secret)?;
    let role = audience_role.as_deref().unwrap_or("audience");
    let body = format!(r#"{{"room":"{ROOM}","user":"anna","role":"{role}"}}"#);
    let curl = format!(
        "curl -sS {url}/v1/apps/{app}/tokens -H 'Authorization: Bearer {api_key}' \
         -H 'Content-Type: application/json' -d '{body}'"
    );
    if json {
        let value = json!({
            "app": app, "kid": kid, "secret": secret, "checked_secret": checked,
            "api_key": api_key, "root": root, "room": ROOM,
            "host_token": host, "host_role": host_role, "audience_token": audience,
            "audience_role": audience_role, "url": url, "connect": connect,
            "operations": format!("http://{operations}"), "curl": curl,
        });
        return Ok(format!("{value}\n"));
    }
    let root =
        root.as_deref().unwrap_or("(shown only once; `stagedoor root reset` makes a new one)");
    let tokens =
        [(host, host_role), (audience, audience_role)].into_iter().map(|token| match token {
            (Some(token), Some(role)) => format!("{:<15} {token}\n\n", format!("{role} token")),
            _ => String::new(),
        });
    let tokens: String = tokens.collect();
    Ok(format!(
        "Stagedoor is running, for development: the data folder stores the secrets below.\n\n\
         open            {url}/\n\
         connect         {connect}\n\
         metrics         http://{operations}/metrics\n\n\
         AppID           {app}\n\
         key id          {kid}\n\
         secret          {secret}\n\
         with check      {checked}\n\
         API key         {api_key}\n\
         root credential {root}\n\n\
         {tokens}\
         Mint another token:\n  {curl}\n\n\
         For the tour (docs/tour.md) and the quick starts, in another terminal:\n  \
         export STAGEDOOR_URL={url} STAGEDOOR_API_KEY={api_key} APP={app} KID={kid} STAGEDOOR_SECRET={secret}\n\n"
    ))
}
