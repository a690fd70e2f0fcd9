//! The one decision whether, and with what, a token is minted. After `caller`, before `role_set`. Pure: the
//! app, its key, the time and the id are given.

use std::sync::Arc;

use stagedoor_token::{Claims, Grants, Key, MintError, Narrowing, Refusal, Roles, mint, seat};

/// What a backend asks.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) room: String,
    pub(crate) user: String,
    pub(crate) role: String,
    pub(crate) ttl_s: Option<u64>,
    pub(crate) grants: Option<Narrowing>,
    pub(crate) name: Option<String>,
    pub(crate) meta: Option<String>,
}

/// How long tokens of an app live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lives {
    pub(crate) ttl_s_default: u64,
    pub(crate) ttl_s_max: u64,
}

/// A token, and what it says.
pub(crate) struct Issued {
    pub(crate) token: String,
    pub(crate) claims: Claims,
    pub(crate) grants: Arc<Grants>,
}

/// Mints, or says which rule of the door the token would fail.
pub(crate) fn issue(
    wanted: Wanted,
    lives: Lives,
    roles: &Roles,
    key: &Key,
    now_s: u64,
    jti: &str,
) -> Result<Issued, MintError> {
    let ttl_s = wanted.ttl_s.unwrap_or(lives.ttl_s_default.min(lives.ttl_s_max));
    if ttl_s > lives.ttl_s_max {
        return Err(Refusal::LifetimeTooLong.into());
    }
    let role = wanted.role.parse()?;
    let claims = Claims {
        grants: wanted.grants,
        name: wanted.name,
        meta: wanted.meta,
        ..Claims::new(key.app(), &wanted.room, &wanted.user, role, jti, now_s, ttl_s)
    };
    let grants = seat(&claims, roles)?;
    let token = mint(&claims, key)?;
    Ok(Issued { token, claims, grants })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stagedoor_token::{AppId, KeySet, KeyState, verify};

    fn try_issue(change: impl FnOnce(&mut Wanted)) -> Result<Issued, MintError> {
        let key = Key::hs256(AppId(7), "k", &[1; 32], KeyState::Current).expect("a key");
        let mut wanted = Wanted {
            room: "lobby".into(),
            user: "anna".into(),
            role: "host".into(),
            ttl_s: None,
            grants: None,
            name: None,
            meta: None,
        };
        change(&mut wanted);
        let lives = Lives { ttl_s_default: 60, ttl_s_max: 600 };
        issue(wanted, lives, &Roles::built_in(), &key, 1_000, "j")
    }

    fn refused(change: impl FnOnce(&mut Wanted)) -> Refusal {
        match try_issue(change).err().expect("a refusal") {
            MintError::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_issued_verifies_and_lives_as_long_as_the_app_says() {
        let issued = try_issue(|_| {}).expect("a token");
        let key = Key::hs256(AppId(7), "k", &[1; 32], KeyState::Current).expect("a key");
        let claims = verify(&issued.token, &KeySet::from_iter([key]), 1_000).expect("a good token");
        assert_eq!(claims, issued.claims);
        assert_eq!(claims.exp, 1_060);
    }

    #[test]
    fn what_the_door_would_refuse_is_not_issued() {
        assert_eq!(refused(|wanted| wanted.room.clear()), Refusal::RoomInvalid);
        assert_eq!(refused(|wanted| wanted.user = "u".repeat(65)), Refusal::UserInvalid);
        assert_eq!(refused(|wanted| wanted.role = "king".into()), Refusal::RoleUnknown);
        assert_eq!(refused(|wanted| wanted.ttl_s = Some(601)), Refusal::LifetimeTooLong);
        assert_eq!(refused(|wanted| wanted.ttl_s = Some(0)), Refusal::TimesInvalid);
        let wide = serde_json::from_str(r#"{"publish":{"streams":["*"]}}"#).expect("a narrowing");
        let refusal = refused(|wanted| {
            wanted.role = "audience".into();
            wanted.grants = Some(wide);
        });
        assert_eq!(refusal, Refusal::GrantsTooWide);
    }
}
