//! The effective grants of verified claims among an app's roles (`spec/roles.md`). The last check that needs only the
//! token and the app.

use std::sync::Arc;

use stagedoor_grants::Grants;

use crate::{
    claims::Claims,
    fault::{Fault, Why},
    field::Field,
    narrowing::narrow,
    refusal::Refusal,
    role::Roles,
    stay::AtExp,
};

/// The effective grants of verified claims among an app's roles.
///
/// # Errors
///
/// [`Refusal::RoleUnknown`] where the app does not have the role, or the one that the token's end demotes to;
/// [`Refusal::AtExpInvalid`] where the rank of that one is not lower; [`Refusal::GrantsTooWide`] where the token goes
/// beyond its role.
pub fn seat(claims: &Claims, roles: &Roles) -> Result<Arc<Grants>, Fault> {
    let role = roles.get(&claims.role).ok_or(Refusal::RoleUnknown)?;
    if let AtExp::Demote(name) = &claims.at_exp {
        let field = Field::of("at_exp.demote");
        let unknown = || Fault::new(Refusal::RoleUnknown, field, Why::Plain);
        let weaker = roles.get(name).ok_or_else(unknown)?;
        if weaker.grants().rank >= role.grants().rank {
            let what = "a role of lower rank than `role`";
            return Err(Fault::must(Refusal::AtExpInvalid, field, what));
        }
    }
    narrow(role, claims.grants.as_ref())
}
