//! Token04: the options of `app token04`, and what `token mint --token04` makes.

use clap::{Args, builder::PossibleValuesParser};
use serde_json::{Value, json};
use stagedoor_bus::{Accept, Token04, Token04Key, Token04Secret, token04::mint_for};
use stagedoor_token::{AtExp, Claims, KeyState, Narrowing};

use super::{
    failure::{Done, Failure, usage},
    print::print,
};

/// The app's setting.
#[derive(Debug, Args)]
pub(super) struct Setting {
    /// The AppID.
    pub(super) app: u32,
    /// `off`, `gcm`, or `legacy`, which takes CBC too: its holder can change such a token.
    #[arg(long, value_parser = accepts())]
    accept: String,
    /// The role of a token with privilege 2; `host` by default.
    #[arg(long, value_name = "ROLE")]
    publish: Option<String>,
    /// The role of one without; `audience` by default.
    #[arg(long, value_name = "ROLE")]
    join: Option<String>,
    /// Take tokens without a room, for logins that name theirs.
    #[arg(long)]
    basic: bool,
}

fn accepts() -> PossibleValuesParser {
    ["off", "gcm", "legacy"].into()
}

impl Setting {
    /// The change of the app.
    pub(super) fn body(&self) -> Value {
        let mut setting = json!({"accept": self.accept, "basic": self.basic});
        for (name, role) in [("publish", &self.publish), ("join", &self.join)] {
            if let Some(role) = role {
                setting[name] = json!(role);
            }
        }
        json!({ "token04": setting })
    }
}

fn cannot(what: &str) -> Failure {
    Failure::Refused(anyhow::anyhow!("refused: token04_cannot: {what}"))
}

/// Mints a Token04 of these claims with the secret's text.
pub(super) fn minted(claims: &Claims, kid: &str, secret: &str, json: bool) -> Done {
    let secret: Token04Secret =
        secret.parse().map_err(|error| usage(&format!("the key's secret: {error}")))?;
    let may_publish = match &*claims.role {
        "publish" => true,
        "join" => false,
        _ => return Err(cannot("with --token04 the role is `publish` or `join`")),
    };
    let given = claims.grants.clone().unwrap_or_default();
    let streams = given.publish.streams.clone();
    let mut only = Narrowing::default();
    only.publish.streams.clone_from(&streams);
    let names: Option<Vec<String>> = streams
        .map(|streams| streams.iter().map(|stream| stream.as_str().to_owned()).collect::<Vec<_>>());
    let is_whole = names.iter().flatten().all(|name| !name.ends_with('*'));
    if given != only || !is_whole || (names.is_some() && !may_publish) {
        return Err(cannot("it narrows only the names of the streams of a role that publishes"));
    }
    let plain = Claims { grants: None, ..claims.clone() };
    let says_more = plain.once
        || plain.at_exp != AtExp::Close
        || plain.max_stay.is_some()
        || !plain.until.is_empty()
        || plain.cnf.is_some()
        || plain.name.is_some()
        || plain.meta.is_some();
    if says_more {
        return Err(cannot("it says only room, user, privileges, streams and times"));
    }
    let key = Token04Key { app: claims.app, kid: kid.into(), state: KeyState::Current, secret };
    let role = claims.role.clone();
    let (publish, join) = (role.clone(), role);
    let ttl_s_max = u64::MAX;
    let form = Token04 { accept: Accept::Gcm, publish, join, basic: false, ttl_s_max };
    let made = mint_for(&key, &form, claims, may_publish, names);
    let (token, read) = made
        .map_err(|error| Failure::Refused(anyhow::anyhow!("refused: {}: {error}", error.code())))?;
    if json {
        print(&json!({"token": token, "jti": read.jti, "exp": read.exp}), true)
    } else {
        print(&json!(token), false)
    }
}
