//! What a token says (`spec/token04.md` §Plaintext), how it is written, and its id.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The AppID.
    pub app: u32,
    /// The user id.
    pub user: String,
    /// The room; `None` in a basic token, which says nothing about rooms and privileges.
    pub room: Option<String>,
    /// Whether the token grants privilege 2, to publish. A basic token does not.
    pub may_publish: bool,
    /// The only streams that it may publish. `None`: no bound; never empty.
    pub streams: Option<Vec<String>>,
    /// Issued at, in Unix seconds.
    pub ctime: u64,
    /// Expiry, in Unix seconds; from this second on the token is invalid.
    pub expire: u64,
}

/// What begins the text that an id is the hash of.
const ID_DOMAIN: &[u8] = b"stagedoor token04\0";

/// The id of a token, for revocations and records: 43 characters of base64url. A hash of what the token says, not of its
/// bytes: what is in clear, and base64, are not part of what makes it this token.
pub fn id_of(app: u32, user: &str, nonce: i64, ctime: u64, expire: u64) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(ID_DOMAIN);
    hash.update(&app.to_be_bytes());
    hash.update(&nonce.to_be_bytes());
    hash.update(&ctime.to_be_bytes());
    hash.update(&expire.to_be_bytes());
    // The only one of no fixed length, so nothing else can look the same.
    hash.update(user.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.finish())
}

/// The plaintext.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    app_id: u32,
    user_id: String,
    nonce: i64,
    ctime: u64,
    expire: u64,
    payload: Option<String>,
}

/// The document in `payload`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    room_id: String,
    privilege: Privilege,
    #[serde(default)]
    stream_id_list: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Privilege {
    #[serde(rename = "1", default)]
    login: u8,
    #[serde(rename = "2", default)]
    publish: u8,
}

impl Claims {
    /// Reads a plaintext that was judged good, and its id.
    pub(crate) fn read(plain: &[u8]) -> Option<(Self, String)> {
        let plain: Plain = serde_json::from_slice(plain).ok()?;
        let payload = plain.payload.filter(|payload| !payload.is_empty());
        let payload: Option<Payload> =
            payload.map(|payload| serde_json::from_str(&payload)).transpose().ok()?;
        let (user, ctime, expire) = (plain.user_id, plain.ctime, plain.expire);
        let id = id_of(plain.app_id, &user, plain.nonce, ctime, expire);
        let may_publish = payload.as_ref().is_some_and(|payload| payload.privilege.publish == 1);
        let (room, streams) =
            payload.map(|payload| (payload.room_id, payload.stream_id_list)).unzip();
        let streams = streams.flatten().filter(|streams| !streams.is_empty());
        Some((Self { app: plain.app_id, user, room, may_publish, streams, ctime, expire }, id))
    }

    /// The plaintext of these claims.
    pub(crate) fn write(&self, nonce: i64) -> Option<Vec<u8>> {
        let payload = match &self.room {
            None => String::new(),
            Some(room) => serde_json::to_string(&Payload {
                room_id: room.clone(),
                privilege: Privilege { login: 1, publish: self.may_publish.into() },
                stream_id_list: self.streams.clone(),
            })
            .ok()?,
        };
        serde_json::to_vec(&Plain {
            app_id: self.app,
            user_id: self.user.clone(),
            nonce,
            ctime: self.ctime,
            expire: self.expire,
            payload: Some(payload),
        })
        .ok()
    }
}
