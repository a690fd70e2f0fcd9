//! Schemas of other crates' types, for the document only.

#![expect(dead_code, reason = "what is documented is read and written elsewhere")]

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

/// The tokens that a revocation covers.
#[derive(ToSchema)]
#[schema(as = Target, rename_all = "snake_case", example = json!({"user": "anna"}))]
pub(crate) enum Target {
    /// The token with this id.
    Jti(String),
    /// A user, in every room.
    User(String),
    /// A user in one room.
    RoomUser(UserInRoom),
    /// Everybody in a room.
    Room(String),
    /// Everybody with a role in one room.
    RoomRole(RoleInRoom),
    /// Everybody with a role, in every room.
    Role(String),
    /// Tokens signed by a key, given by its id.
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

/// Everybody with a role in one room.
#[derive(ToSchema)]
pub(crate) struct RoleInRoom {
    /// The room.
    room: String,
    /// The role.
    role: String,
}

/// How a key signs.
#[derive(ToSchema)]
pub(crate) enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// Ed25519.
    EdDSA,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Token04 (`spec/token04.md`), in the line `token04`.
    #[schema(rename = "token04")]
    Token04,
}

/// What happens to a live seat that a revocation hits.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Then {
    /// It closes.
    Close,
    /// It continues with this role.
    Demote(String),
}

/// The recipients of a message.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum To {
    /// Every member.
    Room,
    /// Every member with a role.
    Role(String),
    /// One user.
    User(String),
}

/// What happens when a user who is in a room logs in to it again, if the role does not say.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum SecondLogin {
    /// The newer login is refused.
    Reject,
    /// The newer login replaces the older one.
    Replace,
    /// Both stay, up to this many, 2 to 16.
    Allow(u8),
}

/// What happens to a live seat when its token expires.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum AtExp {
    /// It closes.
    Close,
    /// It continues with a weaker role.
    Demote(String),
    /// It continues for this many seconds, in which a new token may be presented.
    Grace(u32),
}

/// Privileges that end before the token, Unix seconds.
#[derive(ToSchema)]
pub(crate) struct Until {
    /// Publishing.
    #[schema(required = false)]
    publish: u64,
    /// Subscribing.
    #[schema(required = false)]
    subscribe: u64,
    /// Sending messages.
    #[schema(required = false)]
    send: u64,
    /// Setting the room's state.
    #[schema(required = false)]
    set: u64,
    /// Moderating.
    #[schema(required = false)]
    moderate: u64,
}

/// The key that a login must prove possession of.
#[derive(ToSchema)]
pub(crate) struct Confirmation {
    /// The key's thumbprint (RFC 7638), base64url without padding.
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$")]
    jkt: String,
}

/// A restriction of a role, or the effective grants, in the form of `spec/roles.md`.
#[derive(ToSchema)]
pub(crate) struct Grants(BTreeMap<String, Value>);

/// A role's template, in the form of `spec/roles.md`.
#[derive(ToSchema)]
#[schema(example = json!({"role": "guest", "subscribe": {"streams": ["*"], "from": ["*"]}}))]
pub(crate) struct Template(BTreeMap<String, Value>);

/// A rule of single sign-on, in the form of `spec/sso.md`.
#[derive(ToSchema)]
#[schema(example = json!({"when": {"groups": {"any_of": ["teachers"]}}, "rooms": ["class-{org.id}-*"], "role": "host"}))]
pub(crate) struct SsoRule {
    /// Conditions by paths of claims: `equals`, `any_of`, `prefix` or `exists`.
    #[schema(value_type = Object)]
    when: Value,
    /// Rooms, or prefixes of them with one `*` at the end, with claims in braces.
    #[schema(min_items = 1, max_items = 16)]
    rooms: Vec<String>,
    /// The role.
    role: String,
    /// Restricts the role.
    #[schema(required = false, value_type = Grants)]
    grants: Value,
    /// The lifetime of the token, in seconds; the app's `ttl_s_default` by default.
    #[schema(required = false, minimum = 1, maximum = 86_400)]
    ttl_s: u64,
    /// The user's name, with claims in braces.
    #[schema(required = false)]
    name: String,
    /// The longest stay in a seat, in seconds.
    #[schema(required = false, minimum = 1, maximum = 4_294_967_295_u64)]
    max_stay: u64,
}

/// How far the rights of a credential reach, in the form of `spec/bounds.md`.
#[derive(ToSchema)]
#[schema(example = json!({"rooms": ["team-a-*"], "rank_max": 50}))]
pub(crate) struct Bounds {
    /// Names of rooms, or prefixes with one `*` at the end.
    #[schema(required = false, max_items = 64)]
    rooms: Vec<String>,
    /// Names of roles.
    #[schema(required = false, max_items = 64)]
    roles: Vec<String>,
    /// The highest rank of a role.
    #[schema(required = false, maximum = 65_535)]
    rank_max: u16,
    /// The longest lifetime of a token, in seconds.
    #[schema(required = false)]
    ttl_s_max: u64,
    /// Whether tokens must be for one login.
    #[schema(required = false)]
    once: bool,
    /// Whether tokens must be bound to a client's key.
    #[schema(required = false)]
    bound: bool,
    /// What is written into the record of each mint.
    #[schema(required = false, pattern = "^[0-9A-Za-z_.:-]{1,64}$")]
    label: String,
    /// Addresses, or ranges of them, from which the credential may be used.
    #[schema(required = false, max_items = 64)]
    addresses: Vec<String>,
}

/// A kind of stream.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Audio.
    Audio,
    /// Camera video.
    Video,
    /// A shared screen.
    Screen,
    /// Any other data.
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
    /// One of the team.
    Operator,
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
    /// It jumps to the newest keyframe.
    Media,
    /// It jumps to the newest frame.
    Latest,
    /// It is closed with `slow`, and may resume.
    Reliable,
}

/// A room.
#[derive(ToSchema)]
pub(crate) struct RoomSummary {
    /// Its name.
    room: String,
    /// Members, including hidden ones.
    members: u32,
    /// Live streams.
    streams: u32,
    /// When its first member joined, Unix milliseconds.
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
    /// What other members see.
    member: Member,
    /// The id of the token of its login.
    jti: String,
    /// When it joined, Unix milliseconds.
    since_ms: u64,
    /// When its token expires, Unix seconds.
    exp: u64,
    /// Whether it waits for admission; absent if it does not.
    #[schema(required = false)]
    waiting: bool,
    /// The role it requests.
    #[schema(required = false)]
    wants: String,
}

/// A live stream.
#[derive(ToSchema)]
pub(crate) struct StreamInfo {
    /// Its number in the room.
    stream: u32,
    /// Its name.
    name: String,
    /// The publisher's user id.
    user: String,
    /// The publisher's role.
    role: String,
    /// The kind of media.
    kind: Kind,
    /// What happens to a subscriber that falls behind.
    delivery: Delivery,
    /// The publisher's description of it.
    #[schema(required = false)]
    meta: String,
}
