//! Verified claims and an app's roles become the grants of a seat (`spec/roles.md`). After `verify`, before
//! `authorize`. The last check at the door that needs nothing but the token and the app.

use std::sync::Arc;

use crate::{
    claims::Claims,
    grants::narrow,
    refusal::Refusal,
    role::{Grants, Roles},
};

/// The effective grants of verified claims among an app's roles: [`Refusal::RoleUnknown`] when the app has no
/// such role, [`Refusal::GrantsTooWide`] when the token goes beyond it.
pub fn seat(claims: &Claims, roles: &Roles) -> Result<Arc<Grants>, Refusal> {
    let role = roles.get(&claims.role).ok_or(Refusal::RoleUnknown)?;
    narrow(role, claims.grants.as_ref())
}
