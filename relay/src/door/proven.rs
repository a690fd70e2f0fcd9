//! What is known about a refused token. Pure.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use stagedoor_bus::{App, AppLife, Directory, Text, is_token04};
use stagedoor_token::{AppId, kid_of_token};

/// Which app, room and user a refused token names, for the log and the audit trail. Malformed parts are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// The app of the key that the token names, whatever app its claims name.
    pub app: Option<AppLife>,
    /// The room; like user and id, only if the token's signature was verified.
    pub room: Option<Text>,
    /// The user.
    pub user: Option<Text>,
    /// The token's id.
    pub jti: Option<Text>,
}

impl Proven {
    /// What is known about a refused token, which proved what it says or did not.
    pub fn of(token: &str, named: Option<AppId>, is_proven: bool, directory: &Directory) -> Self {
        if is_token04(token) {
            return Self::of_token04(token, named, is_proven, directory);
        }
        let key = kid_of_token(token).and_then(|kid| directory.keys().get(&kid));
        let app = key.and_then(|key| directory.app(key.app())).map(App::life);
        if !is_proven {
            return Self { app, ..Self::default() };
        }
        let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims = payload.and_then(|json| serde_json::from_slice::<Value>(&json).ok());
        let text = |name: &str| claims.as_ref()?.get(name)?.as_str();
        Self {
            app,
            room: text("room").and_then(Text::room),
            user: text("sub").and_then(Text::user),
            jti: text("jti").and_then(Text::jti),
        }
    }

    fn of_token04(
        token: &str,
        named: Option<AppId>,
        is_proven: bool,
        directory: &Directory,
    ) -> Self {
        let (app, opened) = directory.reveal_token04(token, named, is_proven);
        let app = app.map(App::life);
        let Some(opened) = opened else { return Self { app, ..Self::default() } };
        let (room, user) = (opened.claims.room, opened.claims.user);
        let room = room.and_then(Text::room);
        Self { app, room, user: Text::user(user), jti: Text::jti(opened.id) }
    }
}
