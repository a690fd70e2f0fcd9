//! Targets of revocations, as a request gives them. Pure.

use stagedoor_bus::Target;
use stagedoor_token::{Fault, Limits, RoleName};

use crate::error::ApiError;

pub(super) fn invalid(field: &str, detail: String) -> ApiError {
    ApiError::Invalid { code: "revocation_invalid", detail: detail.into() }.at(field)
}

pub(super) fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), ApiError> {
    if text.is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
        let detail = format!("`{field}` must be 1 to {bytes_max} bytes without control characters");
        return Err(invalid(field, detail));
    }
    Ok(())
}

pub(super) fn check_target(target: &Target) -> Result<(), ApiError> {
    const TOKEN: Limits = Limits::DEFAULT;
    let user = |field, user: &str| check_text(field, user, TOKEN.user_bytes_max);
    let room = |field, room: &str| check_text(field, room, TOKEN.room_bytes_max);
    let role = |field: &str, role: &str| {
        let fault = |error| Fault::from(error).at(field.into());
        role.parse::<RoleName>().map(drop).map_err(|error| fault(error).into())
    };
    match target {
        Target::Jti(jti) => check_text("target.jti", jti, TOKEN.jti_bytes_max),
        Target::User(of) => user("target.user", of),
        Target::RoomUser { room: at, user: of } => {
            room("target.room_user.room", at).and_then(|()| user("target.room_user.user", of))
        }
        Target::Room(at) => room("target.room", at),
        Target::RoomRole { room: at, role: of } => {
            room("target.room_role.room", at).and_then(|()| role("target.room_role.role", of))
        }
        Target::Role(of) => role("target.role", of),
        Target::Key(kid) => {
            check_text("target.key", kid, stagedoor_token::verifying_key::KID_BYTES_MAX)
        }
        Target::App => Ok(()),
    }
}

/// The one room that a target is about, if it is about one.
pub(super) fn room_of(target: &Target) -> Option<&str> {
    match target {
        Target::RoomUser { room, .. } | Target::Room(room) | Target::RoomRole { room, .. } => {
            Some(room)
        }
        Target::Jti(_) | Target::User(_) | Target::Role(_) | Target::Key(_) | Target::App => None,
    }
}
