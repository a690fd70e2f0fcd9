//! What minting needs of an app, as its doors enforce it now: for a backend and for a member that invites.

use std::sync::Arc;

use stagedoor_bus::{Bounds, Revocations};
use stagedoor_token::{AppId, Key, KeyState, Roles};

use crate::{
    doors::key_of,
    error::ApiError,
    issue::{Lives, Terms},
    lines::{MAIN, of_state, private_absent},
    state::AppState,
    store::apps::AppRow,
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

/// The door's roles, so that the door accepts what is minted.
fn roles_at_the_door(state: &AppState, app: AppId) -> Arc<Roles> {
    state.bus.directory().app(app).map(|app| app.roles.clone()).unwrap_or_default()
}
