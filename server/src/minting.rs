//! What minting needs of an app, as its doors enforce it now: for a backend and for a member that invites.

use std::sync::Arc;

use stagedoor_bus::{Bounds, Revocations, Token04, Token04Key};
use stagedoor_token::{AppId, Key, KeyState, MintError, Roles};

use crate::{
    doors::{key_of, token04_key},
    error::ApiError,
    issue::{Lives, NotIssued, Rules, Terms},
    lines::{MAIN, TOKEN04, of_state, private_absent},
    state::AppState,
    store::apps::AppRow,
    token04_issue::Terms04,
};

/// An app that can mint.
pub(crate) struct Minting {
    lives: Lives,
    key: Key,
    /// Those of the key's line, to which the door holds the token.
    line: Arc<Bounds>,
    pub(crate) roles: Arc<Roles>,
    pub(crate) revocations: Arc<Revocations>,
}

impl Minting {
    /// Reads it; hold a look at the app's doors meanwhile, and until the token is issued.
    pub(crate) async fn of(state: &AppState, app: &AppRow) -> Result<Self, ApiError> {
        let keys = state.store.keys(app.id).await?;
        let current = of_state(&keys, MAIN, KeyState::Current).ok_or(ApiError::Conflict {
            code: "no_current_key",
            detail: "the app has no current key",
        })?;
        let absent = "the current key of `main` was registered by its public part; sign where its private part is";
        let key = key_of(current).ok_or_else(|| private_absent(absent))?;
        let lives = Lives { ttl_s_default: app.ttl_s_default, ttl_s_max: app.ttl_s_max };
        let (roles, revocations) = (roles_at_the_door(state, app.id), state.bus.revocations());
        Ok(Self { lives, key, line: current.bounds.clone(), roles, revocations })
    }

    /// The same for the decision, within the bounds of the caller.
    pub(crate) fn terms<'a>(&'a self, bounds: &'a Bounds) -> Terms<'a> {
        let Self { lives, key, line, roles, revocations } = self;
        Terms { lives: *lives, roles, key, line, revocations, bounds }
    }
}

/// An app that can mint Token04.
pub(crate) struct Minting04 {
    lives: Lives,
    key: Token04Key,
    form: Token04,
    line: Arc<Bounds>,
    roles: Arc<Roles>,
    revocations: Arc<Revocations>,
}

impl Minting04 {
    /// Reads it, as [`Minting::of`] does.
    pub(crate) async fn of(state: &AppState, app: &AppRow) -> Result<Self, ApiError> {
        let form = app.token04.as_ref().and_then(|setting| setting.at_the_door(app.ttl_s_max));
        let form = form.ok_or_else(|| {
            let detail = "the app takes no Token04; set its `token04.accept` first".into();
            ApiError::Invalid { code: "token04_cannot", detail }.at("form")
        })?;
        let keys = state.store.keys(app.id).await?;
        let current = of_state(&keys, TOKEN04, KeyState::Current);
        let known = current.and_then(|row| Some((token04_key(row)?, row.bounds.clone())));
        let (key, line) = known.ok_or(ApiError::Conflict {
            code: "no_current_key",
            detail: "the app has no current key of `token04`; make or import one",
        })?;
        let lives = Lives { ttl_s_default: app.ttl_s_default, ttl_s_max: app.ttl_s_max };
        let (roles, revocations) = (roles_at_the_door(state, app.id), state.bus.revocations());
        Ok(Self { lives, key, form, line, roles, revocations })
    }

    /// The same for the decision, within the bounds of the caller.
    pub(crate) fn terms<'a>(&'a self, bounds: &'a Bounds) -> Terms04<'a> {
        let Self { lives, key, form, line, roles, revocations } = self;
        Terms04 { lives: *lives, key, form, rules: Rules { roles, line, revocations, bounds } }
    }
}

impl From<NotIssued> for ApiError {
    fn from(error: NotIssued) -> Self {
        match error {
            NotIssued::Mint(MintError::Refused(fault)) => fault.into(),
            NotIssued::Mint(error) => error.into(),
            NotIssued::Banned { ends_s } => Self::Banned { ends_s },
            NotIssued::Token04 { code, detail, field } => {
                Self::Invalid { code, detail: detail.into_string().into() }.at(field)
            }
            NotIssued::Exceeds(bound) => Self::BoundsExceeded { bound, is_recorded: true },
        }
    }
}

/// The door's roles, so that the door accepts what is minted.
fn roles_at_the_door(state: &AppState, app: AppId) -> Arc<Roles> {
    state.bus.directory().app(app).map(|app| app.roles.clone()).unwrap_or_default()
}
