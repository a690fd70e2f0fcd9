//! The forms of what other crates read and write, for the document alone.

#![expect(dead_code, reason = "what is documented is read and written elsewhere")]

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

/// Which tokens a revocation is about.
#[derive(ToSchema)]
#[schema(as = Target, rename_all = "snake_case", example = json!({"user": "anna"}))]
pub(crate) enum Target {
    /// The token of this id.
    Jti(String),
    /// A user, in every room.
    User(String),
    /// A user in one room.
    RoomUser(UserInRoom),
    /// Everybody in a room.
    Room(String),
    /// Everybody of a role in one room.
    RoomRole(RoleInRoom),
    /// Everybody of a role, in every room.
    Role(String),
    /// What a key signed, by its id.
    Key(String),
    /// Every token of the app.
    App,
}

/// A user in one room.
#[derive(ToSchema)]
pub(crate) struct UserInRoom {
    /// The room.
    room: String,
    /// The user.
    user: String,
}

/// Everybody of a role in one room.
#[derive(ToSchema)]
pub(crate) struct RoleInRoom {
    /// The room.
    room: String,
    /// The role.
    role: String,
}

/// What becomes of a live seat that a revocation hits.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Then {
    /// It is closed.
    Close,
    /// It goes on with this role.
    Demote(String),
}

/// Who receives a message.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum To {
    /// Every member.
    Room,
    /// Every member of a role.
    Role(String),
    /// One user.
    User(String),
}

/// What happens when a user who has a seat in a room logs in again, where the role says nothing.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum SecondLogin {
    /// The newer login is refused.
    Reject,
    /// The newer login has the seat.
    Replace,
    /// Both have one, up to so many, 2 to 16.
    Allow(u8),
}

/// What a token's end does to a live seat.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum AtExp {
    /// It ends.
    Close,
    /// It goes on as a weaker role.
    Demote(String),
    /// It goes on for so many seconds, in which another token may be shown.
    Grace(u32),
}

/// When privileges end before the token, Unix seconds.
#[derive(ToSchema)]
pub(crate) struct Until {
    /// Publishing.
    #[schema(required = false)]
    publish: u64,
    /// Subscribing.
    #[schema(required = false)]
    subscribe: u64,
    /// Messages.
    #[schema(required = false)]
    send: u64,
    /// The room's state.
    #[schema(required = false)]
    set: u64,
    /// Moderation.
    #[schema(required = false)]
    moderate: u64,
}

/// The key that a login must prove to hold.
#[derive(ToSchema)]
pub(crate) struct Confirmation {
    /// The key's thumbprint (RFC 7638), base64url without padding.
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$")]
    jkt: String,
}

/// What a token may narrow of its role, or what it allows in the end, in the form of `spec/roles.md`.
#[derive(ToSchema)]
pub(crate) struct Grants(BTreeMap<String, Value>);

/// A role's template, in the form of `spec/roles.md`.
#[derive(ToSchema)]
#[schema(example = json!({"role": "guest", "subscribe": {"streams": ["*"], "from": ["*"]}}))]
pub(crate) struct Template(BTreeMap<String, Value>);

/// A kind of streams.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Sound.
    Audio,
    /// A camera.
    Video,
    /// A shared screen.
    Screen,
    /// Anything else.
    Data,
}

/// A kind of actor.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum ActorKind {
    /// The operator.
    Root,
    /// A backend.
    ApiKey,
    /// A member.
    User,
    /// The relay.
    Relay,
    /// The server itself.
    System,
}

/// What happens to a subscriber that falls behind.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Delivery {
    /// Jumps to the newest keyframe.
    Media,
    /// Jumps to the newest frame.
    Latest,
    /// Is closed with `slow`, and may resume.
    Reliable,
}

/// A room.
#[derive(ToSchema)]
pub(crate) struct RoomSummary {
    /// Its name.
    room: String,
    /// Members, hidden ones included.
    members: u32,
    /// Live streams.
    streams: u32,
    /// When its first member came, Unix milliseconds.
    since_ms: u64,
}

/// A member as others see it.
#[derive(ToSchema)]
pub(crate) struct Member {
    /// The user id.
    user: String,
    /// The role's name.
    role: String,
    /// The token's `name`.
    #[schema(required = false)]
    name: String,
    /// The token's `meta`.
    #[schema(required = false)]
    meta: String,
}

/// A member as the app's backend sees it.
#[derive(ToSchema)]
pub(crate) struct Seated {
    /// As others see it.
    member: Member,
    /// The id of the token that opened the door.
    jti: String,
    /// When it came, Unix milliseconds.
    since_ms: u64,
    /// When its token ends, Unix seconds.
    exp: u64,
    /// Whether it waits for admission; absent unless it does.
    #[schema(required = false)]
    waiting: bool,
    /// The role that it asks for.
    #[schema(required = false)]
    wants: String,
}

/// A live stream.
#[derive(ToSchema)]
pub(crate) struct StreamInfo {
    /// Its number in this room.
    stream: u32,
    /// Its name.
    name: String,
    /// The publisher's user id.
    user: String,
    /// The publisher's role.
    role: String,
    /// What it carries.
    kind: Kind,
    /// What happens to a subscriber that falls behind.
    delivery: Delivery,
    /// The publisher's own words about it.
    #[schema(required = false)]
    meta: String,
}
