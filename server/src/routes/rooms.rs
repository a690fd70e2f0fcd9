//! Rooms, as the app's backend sees them. All handlers ask the relay over the bus.

use axum::{Json, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagedoor_bus::{
    Answer, Command,
    command::{RoomSummary, Seated},
};
use stagedoor_token::{AppId, Kind, Refusal, RoleName};
use stagedoor_wire::{member::StreamInfo, name::Topic, request::To};
use utoipa::ToSchema;

use super::{
    Body, MaybeBody, MemberPath, Page, Paging, Path, Query, Reader, RoomPath, forms, page_limit,
    revocations::{self, NewRevocation},
};
use crate::{act::Audited, error::ApiError, record::Record, scope::Scope};

/// A room.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoomView {
    /// Its name, number of members and streams, and since when it exists.
    #[serde(flatten)]
    #[schema(value_type = forms::RoomSummary)]
    summary: RoomSummary,
}

/// A room with its members and streams.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoomDetailView {
    /// Its name, number of members and streams, and since when it exists.
    #[schema(value_type = forms::RoomSummary)]
    summary: RoomSummary,
    /// A page of its members, ordered by user id.
    #[schema(value_type = Vec<forms::Seated>)]
    members: Vec<Seated>,
    /// Its live streams.
    #[schema(value_type = Vec<forms::StreamInfo>)]
    streams: Vec<StreamInfo>,
    /// Pass it as `after` for more members; `null` on the last page.
    next: Option<String>,
}

/// A message from the app itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMessage {
    /// The recipients: `"room"`, `{"role":…}` or `{"user":…}`.
    #[schema(value_type = forms::To)]
    to: To,
    /// The topic.
    #[schema(value_type = Option<String>)]
    topic: Option<Topic>,
    /// The content, any JSON.
    #[schema(value_type = serde_json::Value)]
    data: Box<RawValue>,
}

/// How a user is removed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Removal {
    /// Whether to ban the user from the room, whatever token is presented.
    ban: Option<bool>,
    /// When the ban ends, Unix seconds; without one it does not end.
    ends_at: Option<u64>,
    /// The reason for a ban, for people and the audit trail.
    reason: Option<String>,
}

/// A new role for a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMemberRole {
    /// A role of the app.
    role: String,
}

/// What to mute of a member.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MutedKinds {
    /// Kinds of streams: `audio`, `video`, `screen`, `data`; all by default.
    #[schema(min_items = 1, value_type = Option<Vec<forms::Kind>>)]
    kinds: Option<Vec<Kind>>,
}

/// The effect of an act.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Touched {
    /// Seats that it affected.
    seats: usize,
    /// For a ban, the number of its revocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
}

pub(super) fn room_unknown() -> ApiError {
    ApiError::NotFound { code: "room_unknown", detail: "no such room is open now" }
}

fn touched(answer: &Answer) -> Result<Touched, ApiError> {
    match answer {
        Answer::Done { seats } => Ok(Touched { seats: *seats, generation: None }),
        Answer::UserUnknown => {
            Err(ApiError::NotFound { code: "user_unknown", detail: "no such user is in the room" })
        }
        Answer::AskUnknown => Err(ApiError::NotFound {
            code: "ask_unknown",
            detail: "that user has no pending request",
        }),
        Answer::BoundsExceeded { bound } => {
            Err(ApiError::BoundsExceeded { bound: *bound, is_recorded: true })
        }
        Answer::StoreUnavailable => Err(ApiError::StoreUnavailable),
        Answer::RoleRefused => Err(ApiError::Invalid {
            code: "role_refused",
            detail: "the app has no such role, or this member cannot have it".into(),
        }
        .at("role")),
        _ => Err(room_unknown()),
    }
}

/// Lists the app's rooms by name.
///
/// A room is there while somebody sits in it. A credential with bounds sees the rooms within them.
#[utoipa::path(get, path = "/v1/apps/{app}/rooms", tag = "rooms", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<RoomView>)))]
pub(crate) async fn list(
    Reader { state, caller, .. }: Reader,
    Path(app): Path<AppId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<RoomView>>, ApiError> {
    caller.may(app, Scope::RoomsRead)?;
    let limit = page_limit(&state.config, paging.limit)? as usize;
    let within = caller.bounds().rooms.clone();
    let command = Command::Rooms { app, after: paging.after, limit, within };
    match state.bus.command(command).await? {
        Answer::Rooms { rooms, more } => {
            let next = rooms.last().filter(|_| more).map(|room| room.room.clone());
            let items = rooms.into_iter().map(|summary| RoomView { summary }).collect();
            Ok(Json(Page { items, next }))
        }
        _ => Err(ApiError::Internal),
    }
}

/// Shows one room.
///
/// Its members, a page at a time, and its live streams. `waiting` members are not admitted yet; `wants` is the role
/// for which a member raised its hand.
#[utoipa::path(get, path = "/v1/apps/{app}/rooms/{room}", tag = "rooms",
    params(("app" = u32, Path), ("room" = String, Path), Paging),
    responses((status = 200, body = RoomDetailView)))]
pub(crate) async fn show(
    Reader { state, caller, .. }: Reader,
    RoomPath { app, room }: RoomPath,
    Query(paging): Query<Paging>,
) -> Result<Json<RoomDetailView>, ApiError> {
    caller.may_in(app, Scope::RoomsRead, &room)?;
    let limit = page_limit(&state.config, paging.limit)? as usize;
    match state.bus.command(Command::Room { app, room, after: paging.after, limit }).await? {
        Answer::Room(detail) => {
            let next = detail
                .members
                .last()
                .filter(|_| detail.more)
                .map(|seated| seated.member.user.clone());
            let (summary, members, streams) = (detail.summary, detail.members, detail.streams);
            Ok(Json(RoomDetailView { summary, members, streams, next }))
        }
        _ => Err(room_unknown()),
    }
}

/// Has the relay act for a caller that may, and records the result. While nothing can be recorded, the relay is not asked.
async fn act(audited: &Audited, record: Record, command: Command) -> Result<Touched, ApiError> {
    audited.state.store.writable().await?;
    let done = match audited.state.bus.command(command).await {
        Ok(answer) => touched(&answer),
        Err(error) => Err(error.into()),
    };
    match &done {
        Ok(_) => audited.state.recorder.record(record).await?,
        Err(error) => audited.state.recorder.refused(record.with_code(error.code())),
    }
    done
}

/// The record of an act on a member, if the caller may do it.
fn on_member(
    audited: &Audited,
    kind: &str,
    MemberPath { app, room, user }: &MemberPath,
) -> Result<Record, ApiError> {
    Ok(in_room(audited, kind, *app, room)?.user(user))
}

/// The record of an act in a room, if the caller may do it.
pub(super) fn in_room(
    audited: &Audited,
    kind: &str,
    app: AppId,
    room: &str,
) -> Result<Record, ApiError> {
    audited.caller.may_in(app, Scope::RoomsModerate, room)?;
    Ok(audited.record(app, kind).room(room))
}

/// Removes a user from a room.
///
/// The token with which the user sits does not get back in. With `ban` no token of the user does, until `ends_at`
/// or for good, and a user who is not there is kept out too. The body may be left out.
#[utoipa::path(post, path = "/v1/apps/{app}/rooms/{room}/members/{user}/kick", tag = "rooms",
    params(("app" = u32, Path), ("room" = String, Path), ("user" = String, Path)), request_body = Option<Removal>,
    responses((status = 200, body = Touched)))]
pub(crate) async fn kick(
    audited: Audited,
    member: MemberPath,
    MaybeBody(removal): MaybeBody<Removal>,
) -> Result<Json<Touched>, ApiError> {
    let record = on_member(&audited, "room.kick", &member)?;
    let MemberPath { app, room, user } = member;
    let Removal { ban, ends_at, reason } = removal;
    if !ban.unwrap_or(ends_at.is_some()) {
        if ends_at.is_some() || reason.is_some() {
            let detail =
                "`ends_at` and `reason` are only for bans; set `ban`, or leave them out".into();
            let field = if ends_at.is_some() { "ends_at" } else { "reason" };
            return Err(ApiError::Invalid { code: "revocation_invalid", detail }.at(field));
        }
        let command = Command::Kick { app, room, user, by: audited.caller.actor() };
        return act(&audited, record, command).await.map(Json);
    }
    let ban = NewRevocation::ban_in_room(&room, &user, ends_at, reason);
    let (generation, seats) = revocations::ban(&audited, app, ban, record).await?;
    Ok(Json(Touched { seats, generation: Some(generation) }))
}

/// Gives a member another role.
///
/// It counts at once on the open connection, and is kept for the user's next logins with this token.
#[utoipa::path(post, path = "/v1/apps/{app}/rooms/{room}/members/{user}/role", tag = "rooms",
    params(("app" = u32, Path), ("room" = String, Path), ("user" = String, Path)), request_body = NewMemberRole,
    responses((status = 200, body = Touched)))]
pub(crate) async fn assign(
    audited: Audited,
    member: MemberPath,
    Body(NewMemberRole { role }): Body<NewMemberRole>,
) -> Result<Json<Touched>, ApiError> {
    let record = on_member(&audited, "room.role", &member)?;
    let MemberPath { app, room, user } = member;
    let role: RoleName = role.parse().map_err(Refusal::from)?;
    let record = record.role(&role);
    audited.gives_role(app, &role)?;
    let asked_by = audited.caller.actor();
    let command = Command::Assign { app, room, user, role, by: asked_by };
    act(&audited, record, command).await.map(Json)
}

async fn set_muted(
    audited: &Audited,
    member: MemberPath,
    kinds: Option<Vec<Kind>>,
    muted: bool,
) -> Result<Touched, ApiError> {
    let record = on_member(audited, if muted { "room.mute" } else { "room.unmute" }, &member)?;
    let MemberPath { app, room, user } = member;
    let kinds = kinds.unwrap_or_else(|| Kind::ALL.to_vec());
    if kinds.is_empty() {
        let detail = "`kinds` must name at least one kind, or be left out".into();
        return Err(ApiError::Invalid { code: "body_invalid", detail }.at("kinds"));
    }
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    let record = record.detail(&format!("kinds={}", names.join(",")));
    let command = Command::Mute { app, room, user, kinds, muted };
    act(audited, record, command).await
}

/// Mutes a member.
///
/// Its streams of these kinds (all, unless given) are not passed on, whatever its role becomes, until it is
/// unmuted. A reconnect does not end it.
#[utoipa::path(post, path = "/v1/apps/{app}/rooms/{room}/members/{user}/mute", tag = "rooms",
    params(("app" = u32, Path), ("room" = String, Path), ("user" = String, Path)), request_body = Option<MutedKinds>,
    responses((status = 200, body = Touched)))]
pub(crate) async fn mute(
    audited: Audited,
    member: MemberPath,
    MaybeBody(MutedKinds { kinds }): MaybeBody<MutedKinds>,
) -> Result<Json<Touched>, ApiError> {
    set_muted(&audited, member, kinds, true).await.map(Json)
}

/// Unmutes a member.
///
/// Its streams of these kinds (all, unless given) are passed on again, as far as its role allows.
#[utoipa::path(post, path = "/v1/apps/{app}/rooms/{room}/members/{user}/unmute", tag = "rooms",
    params(("app" = u32, Path), ("room" = String, Path), ("user" = String, Path)), request_body = Option<MutedKinds>,
    responses((status = 200, body = Touched)))]
pub(crate) async fn unmute(
    audited: Audited,
    member: MemberPath,
    MaybeBody(MutedKinds { kinds }): MaybeBody<MutedKinds>,
) -> Result<Json<Touched>, ApiError> {
    set_muted(&audited, member, kinds, false).await.map(Json)
}

async fn settle(audited: &Audited, member: MemberPath, accept: bool) -> Result<Touched, ApiError> {
    let record = on_member(audited, if accept { "room.admit" } else { "room.decline" }, &member)?;
    let MemberPath { app, room, user } = member;
    let bounds = audited.caller.bounds().clone();
    let command = Command::Settle { app, room, user, accept, bounds };
    act(audited, record, command).await
}

/// Gives a member what it asks for.
///
/// Admission to the room, or the role for which it raised its hand.
#[utoipa::path(post, path = "/v1/apps/{app}/rooms/{room}/members/{user}/admit", tag = "rooms",
    params(("app" = u32, Path), ("room" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = Touched)))]
pub(crate) async fn admit(audited: Audited, member: MemberPath) -> Result<Json<Touched>, ApiError> {
    settle(&audited, member, true).await.map(Json)
}

/// Declines what a member asks for.
///
/// A raised hand goes down. A member that waits for admission is removed.
#[utoipa::path(post, path = "/v1/apps/{app}/rooms/{room}/members/{user}/decline", tag = "rooms",
    params(("app" = u32, Path), ("room" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = Touched)))]
pub(crate) async fn decline(
    audited: Audited,
    member: MemberPath,
) -> Result<Json<Touched>, ApiError> {
    settle(&audited, member, false).await.map(Json)
}

/// Closes a room for everybody.
///
/// All seats end with the close code for it. Tokens stay good: to keep members out, revoke the room too.
#[utoipa::path(delete, path = "/v1/apps/{app}/rooms/{room}", tag = "rooms",
    params(("app" = u32, Path), ("room" = String, Path)),
    responses((status = 200, body = Touched)))]
pub(crate) async fn close(
    audited: Audited,
    RoomPath { app, room }: RoomPath,
) -> Result<Json<Touched>, ApiError> {
    let record = in_room(&audited, "room.close", app, &room)?;
    act(&audited, record, Command::CloseRoom { app, room }).await.map(Json)
}

/// Messages members of a room in the app's own name.
///
/// To the whole room, to a role or to one user. `data` is any JSON, `topic` says what it is about. It reaches those
/// who are there now and is not kept; `seats` counts the ones it was passed to.
#[utoipa::path(post, path = "/v1/apps/{app}/rooms/{room}/messages", tag = "rooms", request_body = NewMessage,
    params(("app" = u32, Path), ("room" = String, Path)),
    responses((status = 202, body = Touched)))]
pub(crate) async fn message(
    audited: Audited,
    RoomPath { app, room }: RoomPath,
    Body(NewMessage { to, topic, data }): Body<NewMessage>,
) -> Result<(StatusCode, Json<Touched>), ApiError> {
    let record = in_room(&audited, "room.message", app, &room)?;
    let command = Command::Message { app, room, to, topic, data };
    let touched = act(&audited, record, command).await?;
    Ok((StatusCode::ACCEPTED, Json(touched)))
}
