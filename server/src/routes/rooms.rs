//! Rooms as the app's backend sees them, of `routes`. All of it is asked of the relay, over the bus.

use std::sync::Arc;

use axum::{Extension, Json, extract::State as Has, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagedoor_bus::{
    Answer, Command,
    command::{RoomSummary, Seated},
};
use stagedoor_token::AppId;
use stagedoor_wire::{member::StreamInfo, name::Topic, request::To};
use utoipa::ToSchema;

use super::{Asked, At, Body, Page, Paging, page_limit};
use crate::{
    caller::{Caller, Scope},
    error::{ApiError, Problem},
    recorder,
    router::RequestId,
    state::State,
    store::audit::Record,
};

/// A room.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoomView {
    /// Its name, members, streams, and since when it is there.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    summary: RoomSummary,
}

/// A room with its members and streams.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoomDetailView {
    /// Its name, members, streams, and since when it is there.
    #[schema(value_type = Object)]
    summary: RoomSummary,
    /// A page of its members, by user id.
    #[schema(value_type = Vec<Object>)]
    members: Vec<Seated>,
    /// Its live streams.
    #[schema(value_type = Vec<Object>)]
    streams: Vec<StreamInfo>,
    /// Give it as `after` for more members; `null` on the last page.
    next: Option<String>,
}

/// A message in the app's own name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMessage {
    /// `"room"`, `{"role":…}` or `{"user":…}`.
    #[schema(value_type = Object)]
    to: To,
    /// What it is about.
    #[schema(value_type = Option<String>)]
    topic: Option<Topic>,
    /// Any JSON.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

/// What an act touched.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Touched {
    /// Seats that it touched.
    seats: usize,
}

fn room_unknown() -> ApiError {
    ApiError::NotFound { code: "room_unknown", detail: "there is no such room now" }
}

fn touched(answer: &Answer) -> Result<Touched, ApiError> {
    match answer {
        Answer::Done { seats } => Ok(Touched { seats: *seats }),
        Answer::UserUnknown => {
            Err(ApiError::NotFound { code: "user_unknown", detail: "no such user is in the room" })
        }
        _ => Err(room_unknown()),
    }
}

/// Lists the app's rooms by name.
#[utoipa::path(get, path = "/v1/apps/{app}/rooms", tag = "rooms", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<RoomView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<RoomView>>, ApiError> {
    caller.may(app, Scope::RoomsRead)?;
    let limit = page_limit(&state, paging.limit)? as usize;
    match state.bus.command(Command::Rooms { app, after: paging.after, limit }).await? {
        Answer::Rooms { rooms, more } => {
            let next = rooms.last().filter(|_| more).map(|room| room.room.clone());
            let items = rooms.into_iter().map(|summary| RoomView { summary }).collect();
            Ok(Json(Page { items, next }))
        }
        _ => Err(ApiError::Internal),
    }
}

/// One room: its members, a page at a time, and its streams.
#[utoipa::path(get, path = "/v1/apps/{app}/rooms/{room}", tag = "rooms",
    params(("app" = u32, Path), ("room" = String, Path), Paging),
    responses((status = 200, body = RoomDetailView), (status = "4XX", body = Problem)))]
pub(crate) async fn show(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At((app, room)): At<(AppId, String)>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<RoomDetailView>, ApiError> {
    caller.may(app, Scope::RoomsRead)?;
    let limit = page_limit(&state, paging.limit)? as usize;
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

/// Asks the relay to act, and records what came of it.
async fn act(
    state: &State,
    caller: &Caller,
    request_id: String,
    record: Record,
    command: Command,
) -> Result<Touched, ApiError> {
    let app = record.app.map_or(AppId(0), AppId);
    let done = match caller.may(app, Scope::RoomsModerate) {
        Ok(()) => match state.bus.command(command).await {
            Ok(answer) => touched(&answer),
            Err(error) => Err(error.into()),
        },
        Err(error) => Err(error),
    };
    let code = done.as_ref().map_or_else(ApiError::code, |_| "ok").to_owned();
    let (actor, request_id) = (Some(caller.id().into()), Some(request_id));
    state.recorder.record(Record { code, actor, request_id, ..record }).await?;
    done
}

/// Removes a user from a room.
#[utoipa::path(post, path = "/v1/apps/{app}/rooms/{room}/members/{user}/kick", tag = "rooms",
    params(("app" = u32, Path), ("room" = String, Path), ("user" = String, Path)),
    responses((status = 200, body = Touched), (status = "4XX", body = Problem)))]
pub(crate) async fn kick(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    At((app, room, user)): At<(AppId, String, String)>,
) -> Result<Json<Touched>, ApiError> {
    let (room_name, user_name) = (Some(room.clone()), Some(user.clone()));
    let record = Record {
        app: Some(app.0),
        room: room_name,
        user: user_name,
        ..recorder::now("room.kick", "ok")
    };
    act(&state, &caller, request_id, record, Command::Kick { app, room, user }).await.map(Json)
}

/// Closes a room for everybody.
#[utoipa::path(delete, path = "/v1/apps/{app}/rooms/{room}", tag = "rooms",
    params(("app" = u32, Path), ("room" = String, Path)),
    responses((status = 200, body = Touched), (status = "4XX", body = Problem)))]
pub(crate) async fn close(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    At((app, room)): At<(AppId, String)>,
) -> Result<Json<Touched>, ApiError> {
    let record =
        Record { app: Some(app.0), room: Some(room.clone()), ..recorder::now("room.close", "ok") };
    act(&state, &caller, request_id, record, Command::CloseRoom { app, room }).await.map(Json)
}

/// Messages members of a room in the app's own name.
#[utoipa::path(post, path = "/v1/apps/{app}/rooms/{room}/messages", tag = "rooms", request_body = NewMessage,
    params(("app" = u32, Path), ("room" = String, Path)),
    responses((status = 202, body = Touched), (status = "4XX", body = Problem)))]
pub(crate) async fn message(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    At((app, room)): At<(AppId, String)>,
    Body(NewMessage { to, topic, data }): Body<NewMessage>,
) -> Result<(StatusCode, Json<Touched>), ApiError> {
    let record = Record {
        app: Some(app.0),
        room: Some(room.clone()),
        ..recorder::now("room.message", "ok")
    };
    let command = Command::Message { app, room, to, topic, data };
    let touched = act(&state, &caller, request_id, record, command).await?;
    Ok((StatusCode::ACCEPTED, Json(touched)))
}
