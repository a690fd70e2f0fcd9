//! Decides what a caller may do: every operation asks here, and nowhere else.

use std::{net::IpAddr, sync::Arc};

use stagedoor_bus::{Actor, Bounds, bounds::Bound};
use stagedoor_token::{AppId, RoleName};

use crate::{
    error::ApiError,
    rights::{Apps, Principal, Reach, Rights, Wider},
    scope::{Scope, Scopes},
    store::{access_tokens::AccessTokenRow, credentials::ApiKeyRow},
};

/// The authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    principal: Principal,
    rights: Rights,
    expires_ms: Option<u64>,
    /// The id of the access token by which it asks, if it asks by one.
    access_token: Option<Arc<str>>,
}

impl Caller {
    /// The operator, by the root credential.
    pub(crate) fn root() -> Self {
        let (principal, rights) = (Principal::Root, Rights::everything());
        Self { principal, rights, expires_ms: None, access_token: None }
    }

    /// A backend, by its API key.
    pub(crate) fn api_key(row: ApiKeyRow) -> Self {
        let ApiKeyRow { id, app, name, scopes, bounds, expires_ms, .. } = row;
        let scopes = Scopes::of_text(&scopes);
        let principal = Principal::ApiKey { id: id.into(), name: name.into() };
        let rights = Rights { apps: Apps::One(app), scopes, bounds: Arc::new(bounds) };
        Self { principal, rights, expires_ms, access_token: None }
    }

    /// The same caller by an access token of its own: what both may do, until the first of both ends.
    pub(crate) fn by_access_token(mut self, row: &AccessTokenRow) -> Self {
        self.rights = self.rights.narrowed(row.app, Scopes::of_text(&row.scopes));
        let ends_ms = self.expires_ms.map_or(row.expires_ms, |ends| ends.min(row.expires_ms));
        Self { expires_ms: Some(ends_ms), access_token: Some(row.id.as_str().into()), ..self }
    }

    /// Root, or a credential by its id.
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What it may do. To show; decisions are made by the functions below.
    pub(crate) fn rights(&self) -> &Rights {
        &self.rights
    }

    /// The id of the access token by which it asks, if it asks by one.
    pub(crate) fn access_token(&self) -> Option<&str> {
        self.access_token.as_deref()
    }

    /// When the credential expires, Unix milliseconds; `None`: never.
    pub(crate) fn expires_ms(&self) -> Option<u64> {
        self.expires_ms
    }

    /// The credential's id, for rates and idempotency keys.
    pub(crate) fn id(&self) -> &str {
        self.principal.id()
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
        let Rights { apps, scopes, .. } = &self.rights;
        if scopes.opens(scope) { Ok(*apps) } else { Err(ApiError::ScopeMissing { scope }) }
    }

    /// Checks a scope for what belongs to no app, or to all.
    pub(crate) fn may_everywhere(&self, scope: Scope) -> Result<(), ApiError> {
        let may = self.rights.open_everywhere(scope);
        if may { Ok(()) } else { Err(ApiError::ScopeMissing { scope }) }
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

    /// Checks that it gives nobody more than it has: scopes and bounds of a credential in an app in which its own
    /// rights hold.
    pub(crate) fn gives(&self, scopes: Scopes, bounds: &Bounds) -> Result<(), ApiError> {
        self.rights.hold(scopes, bounds).map_err(|wider| match wider {
            Wider::Scope(scope) => ApiError::ScopeMissing { scope },
            Wider::Bound(bound) => too_wide(bound),
        })
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
