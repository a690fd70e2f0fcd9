//! Decides what a caller may do: every operation asks here, and nowhere else.

use std::{net::IpAddr, sync::Arc};

use stagedoor_bus::{Actor, Bounds, bounds::Bound};
use stagedoor_token::{AppId, RoleName};

use crate::{
    error::ApiError,
    level::Level,
    rights::{Apps, Principal, Reach, Rights, Wider},
    scope::{Scope, Scopes},
    store::{access_tokens::AccessTokenRow, credentials::ApiKeyRow, operators::OperatorRow},
};

/// What an operator presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A credential that is the principal's own.
    Own,
    /// A personal token, which opens at most what its scopes and bounds open.
    Personal { id: String, scopes: Scopes, bounds: Bounds },
    /// The cookie of a session that was confirmed at that time, Unix milliseconds.
    Session { id: String, confirmed_ms: u64 },
}

/// An access token by which a caller asks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Access {
    id: Arc<str>,
    /// What it leaves of its client's rights: in one app, or in all, these scopes.
    app: Option<AppId>,
    scopes: Scopes,
}

/// The authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    principal: Principal,
    rights: Rights,
    expires_ms: Option<u64>,
    /// The access token by which it asks, if it asks by one.
    access: Option<Access>,
    shown: Shown,
}

impl Caller {
    /// The holder of the root credential.
    pub(crate) fn root() -> Self {
        let (principal, rights) = (Principal::Root, Rights::everything());
        Self { principal, rights, expires_ms: None, access: None, shown: Shown::Own }
    }

    /// A backend, by its API key.
    pub(crate) fn api_key(row: ApiKeyRow) -> Self {
        let ApiKeyRow { id, app, name, scopes, bounds, expires_ms, .. } = row;
        let scopes = Scopes::of_text(&scopes);
        let principal = Principal::ApiKey { id: id.into(), name: name.into() };
        let rights = Rights::in_app(app, scopes, bounds);
        Self { principal, rights, expires_ms, access: None, shown: Shown::Own }
    }

    /// The same caller by an access token of its own: what both may do, until the first of both ends.
    pub(crate) fn by_access_token(self, row: &AccessTokenRow) -> Self {
        let (id, scopes) = (row.id.as_str().into(), Scopes::of_text(&row.scopes));
        let ends_ms = self.expires_ms.map_or(row.expires_ms, |ends| ends.min(row.expires_ms));
        let access = Access { id, app: row.app, scopes };
        Self { expires_ms: Some(ends_ms), ..self }.accessed(access)
    }

    fn accessed(self, access: Access) -> Self {
        let rights = self.rights.narrowed(access.app, access.scopes);
        Self { rights, access: Some(access), ..self }
    }

    /// The same caller with the levels that its operator has now.
    pub(crate) fn again(&self, row: &OperatorRow) -> Self {
        let now = Self::operator(row, self.shown.clone(), self.expires_ms);
        match &self.access {
            Some(access) => now.accessed(access.clone()),
            None => now,
        }
    }

    /// An operator, with its levels as they are now, by what it showed.
    pub(crate) fn operator(row: &OperatorRow, shown: Shown, expires_ms: Option<u64>) -> Self {
        let (id, name) = (row.id.as_str().into(), row.name.as_str().into());
        let principal = Principal::Operator { id, name, kind: row.kind };
        let rights = match &shown {
            Shown::Personal { scopes, bounds, .. } => {
                let mut narrowed = row.rights().narrowed(None, *scopes);
                // An operator has no bounds of its own.
                narrowed.bounds = Arc::new(bounds.clone());
                narrowed
            }
            Shown::Own | Shown::Session { .. } => row.rights(),
        };
        Self { principal, rights, expires_ms, access: None, shown }
    }

    /// Root, a backend or an operator.
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What it may do. To show; decisions are made by the functions below.
    pub(crate) fn rights(&self) -> &Rights {
        &self.rights
    }

    /// The id of the access token by which it asks, if it asks by one.
    pub(crate) fn access_token(&self) -> Option<&str> {
        self.access.as_ref().map(|access| &*access.id)
    }

    /// What it presented.
    pub(crate) fn shown(&self) -> &Shown {
        &self.shown
    }

    /// When the credential expires, Unix milliseconds; `None`: never.
    pub(crate) fn expires_ms(&self) -> Option<u64> {
        self.expires_ms
    }

    /// The credential's id, for rates and idempotency keys.
    pub(crate) fn id(&self) -> &str {
        self.principal.id()
    }

    /// The id of the credential that it presented: of an operator its personal token's, or its session's.
    pub(crate) fn credential_id(&self) -> &str {
        match &self.shown {
            Shown::Own => self.principal.id(),
            Shown::Personal { id, .. } | Shown::Session { id, .. } => id,
        }
    }

    /// The actor that records of its acts name.
    pub(crate) fn actor(&self) -> Actor {
        self.principal.actor()
    }

    /// Whether the credential is valid for an app at all.
    pub(crate) fn is_of(&self, app: AppId) -> bool {
        self.rights.are_in(app)
    }

    /// What is written into the record of each mint.
    pub(crate) fn label(&self) -> Option<&str> {
        self.rights.bounds.label.as_deref()
    }

    /// The bounds of what it mints and gives.
    pub(crate) fn bounds(&self) -> &Bounds {
        &self.rights.bounds
    }

    /// Checks that the credential may be used from this address; where it is unknown, only without that bound.
    pub(crate) fn may_ask_from(&self, address: Option<IpAddr>) -> Result<(), ApiError> {
        let bounds = &self.rights.bounds;
        let may = address.map_or(bounds.addresses.is_none(), |address| bounds.has_address(address));
        if may { Ok(()) } else { Err(ApiError::AddressRefused) }
    }

    /// Checks a scope in an app. An app of somebody else and an app that does not exist give the same answer.
    pub(crate) fn may(&self, app: AppId, scope: Scope) -> Result<(), ApiError> {
        if self.rights.open(app, scope) { Ok(()) } else { Err(ApiError::ScopeMissing { scope }) }
    }

    /// The apps in which it has a scope.
    pub(crate) fn apps(&self, scope: Scope) -> Result<Apps, ApiError> {
        self.rights.apps(scope).ok_or(ApiError::ScopeMissing { scope })
    }

    /// Checks a scope for what belongs to no app, or to all: bounds forbid it.
    pub(crate) fn may_everywhere(&self, scope: Scope) -> Result<(), ApiError> {
        if !self.rights.open_everywhere(scope) {
            return Err(ApiError::ScopeMissing { scope });
        }
        self.rights.bound_of(Reach::Tokens).map_or(Ok(()), |bound| Err(exceeds(bound)))
    }

    /// Checks a scope for an act on an app as a whole, which bounds can forbid.
    pub(crate) fn may_whole(&self, app: AppId, scope: Scope, reach: Reach) -> Result<(), ApiError> {
        self.may(app, scope)?;
        self.rights.bound_of(reach).map_or(Ok(()), |bound| Err(exceeds(bound)))
    }

    /// Checks a scope in one room of an app.
    pub(crate) fn may_in(&self, app: AppId, scope: Scope, room: &str) -> Result<(), ApiError> {
        self.may(app, scope)?;
        self.reaches(Some(room))
    }

    /// Checks that something about this room, or about none, lies within the bounds.
    pub(crate) fn reaches(&self, room: Option<&str>) -> Result<(), ApiError> {
        let bounds = &self.rights.bounds;
        let reaches = room.map_or(bounds.rooms.is_none(), |room| bounds.has_room(room));
        if reaches { Ok(()) } else { Err(exceeds(Bound::Rooms)) }
    }

    /// Checks that the bounds let it give a role of this rank.
    pub(crate) fn gives_role(&self, role: &RoleName, rank: u16) -> Result<(), ApiError> {
        self.rights.bounds.check_role(role, rank).map_err(exceeds)
    }

    /// Checks that it gives nobody more than it has: scopes and bounds of a credential in an app.
    pub(crate) fn gives(
        &self,
        app: AppId,
        scopes: Scopes,
        bounds: &Bounds,
    ) -> Result<(), ApiError> {
        self.rights.hold(app, scopes, bounds).map_err(|wider| match wider {
            Wider::Scope(scope) => ApiError::ScopeMissing { scope },
            Wider::Bound(bound) => too_wide(bound),
        })
    }

    /// Checks that it gives nobody a level that it does not have itself: in an app, or in every app.
    pub(crate) fn gives_level(&self, app: Option<AppId>, level: Level) -> Result<(), ApiError> {
        let scopes = level.scopes();
        let has = match app {
            Some(app) => self.rights.hold(app, scopes, &Bounds::default()),
            None => self.rights.hold_everywhere(scopes, &Bounds::default()),
        };
        has.map_err(|wider| match wider {
            Wider::Scope(_) => {
                let detail = "nobody gives, changes or takes a level above their own".into();
                ApiError::Invalid { code: "level_too_high", detail }.at("level")
            }
            Wider::Bound(bound) => exceeds(bound),
        })
    }

    /// Checks that bounds that it gives are within its own.
    pub(crate) fn bounded(&self, bounds: &Bounds) -> Result<(), ApiError> {
        bounds.within(&self.rights.bounds).map_err(too_wide)
    }

    /// When the personal token ends by which it asks, if it is one.
    pub(crate) fn ends_ms_of_token(&self) -> Option<u64> {
        match self.shown {
            Shown::Personal { .. } => self.expires_ms,
            Shown::Own | Shown::Session { .. } => None,
        }
    }

    /// Checks that it may end a personal token of its own: a token ends itself and what has no more than it has.
    pub(crate) fn may_end(
        &self,
        token: &str,
        scopes: Scopes,
        bounds: &Bounds,
    ) -> Result<(), ApiError> {
        match &self.shown {
            Shown::Own | Shown::Session { .. } => Ok(()),
            Shown::Personal { id, .. } if id == token && self.access.is_none() => Ok(()),
            Shown::Personal { .. } => match scopes.beyond(self.rights.anywhere()) {
                Some(scope) => Err(ApiError::ScopeMissing { scope }),
                None => self.encloses(bounds),
            },
        }
    }

    /// Checks that something with these bounds lies within its own.
    pub(crate) fn encloses(&self, bounds: &Bounds) -> Result<(), ApiError> {
        bounds.within(&self.rights.bounds).map_err(exceeds)
    }
}

/// A request beyond the caller's bounds.
fn exceeds(bound: Bound) -> ApiError {
    ApiError::BoundsExceeded { bound, is_recorded: false }
}

/// Bounds wider than the caller's.
fn too_wide(bound: Bound) -> ApiError {
    let field = bound.as_str();
    let detail = format!(
        "`bounds.{field}` is wider than this credential's own; nobody gives more than it has"
    );
    let error = ApiError::Invalid { code: "bounds_too_wide", detail: detail.into() };
    error.at(stagedoor_token::Field::of("bounds").member(field))
}

#[cfg(test)]
impl Caller {
    /// A backend with an API key of an app.
    pub(crate) fn backend(app: AppId, scopes: &[Scope], bounds: &str) -> Self {
        Self::api_key(ApiKeyRow {
            id: "a".into(),
            app,
            name: "a".into(),
            hash: Vec::new(),
            scopes: scopes.iter().copied().collect::<Scopes>().text(),
            bounds: serde_json::from_str(bounds).expect("bounds"),
            created_ms: 0,
            expires_ms: None,
            old_hash: None,
            old_ends_ms: None,
            uses: crate::credential_uses::Uses::default(),
            leaked_ms: None,
        })
    }
}
