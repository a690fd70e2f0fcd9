//! Which tokens of the form of ZEGOCLOUD an app takes, and what one says in the terms of the door (`spec/token04.md`).

use std::{fmt, sync::Arc};

use stagedoor_token::{AppId, Claims, KeyState, Narrowing, Patterns, RoleName};
pub use stagedoor_token04::{Accept, Token04Secret, is_token04};
use stagedoor_token04::{Candidate, Fault, Limits, MintError, Opened, mint, open, reveal};

/// The most secrets that one login is tried with (`spec/token04.md` §Limits), so that a stranger cannot make it dearer.
pub const SECRETS_TRIED_MAX: usize = 8;
/// The most Token04 keys of one app that are not retired. Fewer than a login is tried with.
pub const SECRETS_PER_APP_MAX: usize = 4;

/// Which Token04 an app takes, and what they give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token04 {
    /// In which encryption.
    pub accept: Accept,
    /// The role of a token with privilege 2.
    pub publish: RoleName,
    /// The role of one without.
    pub join: RoleName,
    /// Whether tokens without a room are taken, for logins that name theirs.
    pub basic: bool,
    /// The longest life of a token, in seconds: the app's.
    pub ttl_s_max: u64,
}

/// A secret at the door.
#[derive(Clone)]
pub struct Token04Key {
    /// The app that has it.
    pub app: AppId,
    /// The id of the key.
    pub kid: Arc<str>,
    /// Whether it opens tokens: all but `retired` do.
    pub state: KeyState,
    /// The secret.
    pub secret: Token04Secret,
}

impl fmt::Debug for Token04Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, kid, state, .. } = self;
        f.debug_struct("Token04Key")
            .field("app", app)
            .field("kid", kid)
            .field("state", state)
            .finish_non_exhaustive()
    }
}

/// Why a Token04 opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// It was not opened, or what it says is refused.
    #[error("{0}")]
    Fault(Fault),
    /// More secrets may have made it than one login is tried with.
    #[error(
        "more than {SECRETS_TRIED_MAX} secrets may have made the token; name its `app` in `login`"
    )]
    AppMissing,
    /// It names no room, and neither does the login.
    #[error("the token names no room; name the `room` in `login`")]
    RoomMissing,
}

impl NotOpened {
    /// The exact code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.code(),
            Self::AppMissing => "token04_app_missing",
            Self::RoomMissing => "token04_room_missing",
        }
    }

    /// The code for the client. That of `AppMissing` depends on nothing that the token says.
    pub fn public_code(self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.public_code(),
            Self::AppMissing => "token_invalid",
            Self::RoomMissing => self.code(),
        }
    }
}

/// The secrets that may have made a token, and what their apps say about it.
pub(crate) type Trial<'a> = Vec<(&'a Token04Key, &'a Token04)>;

fn candidates<'a>(trial: &Trial<'a>) -> Vec<Candidate<'a>> {
    let candidate = |(key, terms): &(&'a Token04Key, &'a Token04)| Candidate {
        app: key.app.0,
        secret: &key.secret,
        accept: terms.accept,
        basic: terms.basic,
        ttl_s_max: terms.ttl_s_max.min(stagedoor_token::Limits::DEFAULT.ttl_s_max),
    };
    trial.iter().map(candidate).collect()
}

/// Opens a token for a login that names a room, or none. Every secret of the trial is tried, always.
pub(crate) fn open_among(
    text: &str,
    trial: &Trial<'_>,
    room: Option<&str>,
    now_s: u64,
) -> Result<(Claims, Arc<str>), NotOpened> {
    let opened = open(text, &candidates(trial), now_s, &Limits::DEFAULT);
    let opened = opened.map_err(NotOpened::Fault)?;
    let (key, terms) = trial[opened.candidate];
    let claims = claims_of(opened, terms, room).ok_or(NotOpened::RoomMissing)?;
    Ok((claims, key.kid.clone()))
}

/// What a token says that proved itself, however it was refused.
pub(crate) fn reveal_among(text: &str, trial: &Trial<'_>) -> Option<Opened> {
    reveal(text, &candidates(trial))
}

/// Mints a token that says what these claims say, and returns it with what the door reads in it.
///
/// # Errors
///
/// What the format cannot say, or the door would refuse.
pub fn mint_for(
    key: &Token04Key,
    terms: &Token04,
    claims: &Claims,
    may_publish: bool,
    streams: Option<Vec<String>>,
) -> Result<(String, Claims), MintError> {
    let wanted = stagedoor_token04::Claims {
        app: claims.app.0,
        user: claims.user.clone(),
        room: Some(claims.room.clone()),
        may_publish,
        streams,
        ctime: claims.iat,
        expire: claims.exp,
    };
    let token = mint(&wanted, &key.secret, &Limits::DEFAULT)?;
    let opened = reveal(&token, &candidates(&vec![(key, terms)]));
    let read = opened.and_then(|opened| claims_of(opened, terms, None));
    Ok((token, read.ok_or(MintError::Cannot("the door reads another token"))?))
}

/// A token in the terms of the door: `ctime` is its `iat`, and its id is made of what it says.
fn claims_of(opened: Opened, terms: &Token04, room: Option<&str>) -> Option<Claims> {
    let stagedoor_token04::Claims { app, user, room: own, may_publish, streams, ctime, expire } =
        opened.claims;
    let role = if may_publish { &terms.publish } else { &terms.join };
    let streams = streams.filter(|_| may_publish);
    // Names of streams are exact patterns; the token was checked for being made of such.
    let grants = streams.map(|names| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut narrowing = Narrowing::default();
        narrowing.publish.streams = Some(Patterns::of(&names).unwrap_or_else(|_| Patterns::none()));
        narrowing
    });
    let room = own.as_deref().or(room)?;
    let claims = Claims::builder(AppId(app), role.clone()).room(room).user(&user).jti(&opened.id);
    let claims = claims.lifetime(ctime, expire - ctime).build();
    Some(Claims { grants, ..claims })
}
