//! Mints and explains tokens.

use std::sync::Arc;

use axum::{Json, http::StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use stagedoor_bus::{Bearer, Bounds, Directory, Hit, NotOpened, is_token04};
use stagedoor_token::{
    AppId, Claims, Fault, Field, Grants, KeySet, MintError, Refusal, explain_signature,
    form::malformed_claim, kid_of_token, seat, verify_with_key,
};
use utoipa::ToSchema;

use super::{Body, Path, app_row, forms};
use crate::{
    act::Audited,
    error::{ApiError, InRoom},
    issue::{Issued, NotIssued, Stay, Wanted, issue},
    key_alg::KeyAlg,
    minting::{Minting, Minting04},
    scope::Scope,
    secret,
    state::AppState,
    token04_issue::issue_token04,
};

/// The claims of a token to mint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// The room, 1 to 128 bytes.
    #[schema(example = "lobby")]
    room: String,
    /// `jwt` (by default), or `token04`, the form of ZEGOCLOUD's generators, sealed with the current key of the line
    /// `token04`; what that form cannot say is refused.
    form: Option<Form>,
    /// The user id, 1 to 64 bytes.
    #[schema(example = "anna")]
    user: String,
    /// One of the app's roles.
    #[schema(example = "audience")]
    role: String,
    /// Its lifetime in seconds; the app's `ttl_s_default` by default.
    ttl_s: Option<u64>,
    /// Restricts the role, in the form of `spec/roles.md`.
    #[schema(value_type = Option<forms::Grants>)]
    grants: Option<Box<RawValue>>,
    /// The user's name, visible to other members.
    name: Option<String>,
    /// Data about the user, visible to other members.
    meta: Option<String>,
    /// Whether it can be used for only one login.
    once: Option<bool>,
    /// What happens to a live seat when it expires: `"close"`, `{"demote":role}` or `{"grace":seconds}`.
    #[schema(value_type = Option<forms::AtExp>)]
    at_exp: Option<Box<RawValue>>,
    /// The longest stay in a seat, in seconds, 1 to 4294967295.
    #[schema(minimum = 1, maximum = 4_294_967_295_u64)]
    max_stay: Option<u64>,
    /// When `publish`, `subscribe`, `send`, `set` or `moderate` end, if before the token, Unix seconds.
    #[schema(value_type = Option<forms::Until>)]
    until: Option<Box<RawValue>>,
    /// The key that a login must prove possession of: `{"jkt":thumbprint}`.
    #[schema(value_type = Option<forms::Confirmation>)]
    cnf: Option<Box<RawValue>>,
}

/// The form of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// That of `spec/token.md`.
    Jwt,
    /// That of `spec/token04.md`.
    Token04,
}

impl NewToken {
    fn wanted(self) -> Result<Wanted, Fault> {
        let max_stay = self.max_stay.map(u32::try_from).transpose();
        let stay = Stay {
            once: self.once.unwrap_or_default(),
            at_exp: parsed(self.at_exp, Refusal::AtExpInvalid)?.unwrap_or_default(),
            max_stay: max_stay.map_err(|_| Refusal::MaxStayInvalid)?,
            until: parsed(self.until, Refusal::UntilInvalid)?.unwrap_or_default(),
            cnf: parsed(self.cnf, Refusal::CnfInvalid)?,
        };
        Ok(Wanted {
            room: self.room,
            user: self.user,
            role: self.role,
            ttl_s: self.ttl_s,
            grants: parsed(self.grants, Refusal::GrantsInvalid)?,
            name: self.name,
            meta: self.meta,
            stay,
        })
    }
}

/// Parses a field that has its own form and its own refusal.
fn parsed<T: DeserializeOwned>(
    value: Option<Box<RawValue>>,
    refusal: Refusal,
) -> Result<Option<T>, Fault> {
    let parse = |value: Box<RawValue>| {
        serde_json::from_str(value.get()).map_err(|_| malformed_claim(refusal, value.get()))
    };
    value.map(parse).transpose()
}

/// Translates a fault of claims to one of the request body.
fn of_body(fault: Fault) -> Fault {
    match fault.field() {
        Some(field) if field.as_str() == "sub" => fault.at(Field::of("user")),
        Some(field) if field.as_str() == "exp" => fault.at(Field::of("ttl_s")),
        _ => fault,
    }
}

/// A new token.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenCreated {
    /// The token. The server does not keep it.
    token: String,
    /// Its id.
    jti: String,
    /// When it expires, Unix seconds.
    exp: u64,
    /// Its lifetime from now, in seconds.
    expires_in_s: u64,
    /// Its effective grants.
    #[schema(value_type = forms::Grants)]
    grants: Arc<Grants>,
}

/// A token to verify.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenQuestion {
    /// The token.
    token: String,
    /// The room to check it against, optional.
    room: Option<String>,
}

/// The result of verifying a token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenAnswer {
    /// Whether the door would accept it now.
    pub(super) valid: bool,
    /// `ok`, or the exact code of the refusal.
    pub(super) code: &'static str,
    /// The code that a client would see.
    public_code: &'static str,
    /// Why it is refused.
    message: Option<String>,
    /// The claim that is wrong, or the place in it, as a path: `grants.publish.streams[1]`.
    field: Option<String>,
    /// The bound of its key that it exceeds, with `key_bounds_exceeded`.
    bound: Option<&'static str>,
    /// Its claims; only if its signature is valid.
    #[schema(value_type = Option<Object>)]
    pub(super) claims: Option<Claims>,
    /// Its effective grants.
    #[schema(value_type = Option<forms::Grants>)]
    pub(super) grants: Option<Arc<Grants>>,
    /// Its remaining lifetime; negative if it has expired.
    seconds_left: Option<i64>,
    /// The server's time, Unix seconds.
    now: u64,
}

async fn mint(
    state: &AppState,
    app: AppId,
    new: NewToken,
    bounds: &Bounds,
) -> Result<Issued, ApiError> {
    // Released before the record is written.
    let _look = state.doors.look(app).await;
    let row = app_row(state, app).await?;
    let form = new.form;
    let wanted = new.wanted()?;
    let issued = if form == Some(Form::Token04) {
        let minting = Minting04::of(state, &row).await?;
        issue_token04(wanted, minting.terms(bounds), state.unix_s())
    } else {
        let minting = Minting::of(state, &row).await?;
        issue(wanted, minting.terms(bounds), state.unix_s(), &secret::random_id("t_")?)
    };
    issued.map_err(|error| match error {
        NotIssued::Mint(MintError::Refused(fault)) => of_body(fault).into(),
        error => error.into(),
    })
}

/// Mints a token.
///
/// For one room, one user and one role, signed with the app's current key. Give it to the user's client, which logs
/// in with it at `/v1/connect`. `grants` narrows the role, never widens it. A credential with bounds mints only
/// within them (`bounds_exceeded`). The answer comes once the record is in
/// the audit trail; the token itself is not kept.
#[utoipa::path(post, path = "/v1/apps/{app}/tokens", tag = "tokens", params(("app" = u32, Path)), request_body = NewToken,
    responses((status = 201, body = TokenCreated)))]
pub(crate) async fn create(
    audited: Audited,
    Path(app): Path<AppId>,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<TokenCreated>), InRoom> {
    let allowed = audited.caller.may(app, Scope::TokensMint);
    allowed.inspect_err(|error| audited.state.metrics.mint(error.code()))?;
    let record = audited.record(app, "token.mint");
    let record = record.room(&new.room).user(&new.user).role(&new.role);
    let record = match audited.caller.label() {
        Some(label) => record.detail(&format!("label={label}")),
        None => record,
    };
    let issued = mint(&audited.state, app, new, audited.caller.bounds()).await;
    audited.state.metrics.mint(issued.as_ref().map_or_else(ApiError::code, |_| "ok"));
    let Issued { token, claims, grants } = match issued {
        Ok(issued) => issued,
        Err(error) => {
            let room = record.room.clone();
            audited.state.recorder.refused(record.with_code(error.code()));
            return Err(InRoom { room, error });
        }
    };
    audited.state.recorder.record(record.jti(&claims.jti)).await?;
    let expires_in_s = claims.exp - claims.iat;
    Ok((
        StatusCode::CREATED,
        Json(TokenCreated { token, jti: claims.jti, exp: claims.exp, expires_in_s, grants }),
    ))
}

/// Explains a token.
///
/// Whether the door would take it now, why not (`code` is the exact reason, `public_code` what a client sees), what
/// it allows, and how long it lives. A refused token is a good answer here: the status is 200. The token is not
/// used up by it. A credential with bounds sees only tokens for rooms within them.
#[utoipa::path(post, path = "/v1/apps/{app}/tokens/verify", tag = "tokens", params(("app" = u32, Path)),
    request_body = TokenQuestion, responses((status = 200, body = TokenAnswer)))]
pub(crate) async fn explain(
    audited: Audited,
    Path(app): Path<AppId>,
    Body(question): Body<TokenQuestion>,
) -> Result<Json<TokenAnswer>, ApiError> {
    audited.caller.may(app, Scope::TokensVerify)?;
    let answer = {
        let _look = audited.state.doors.look(app).await;
        app_row(&audited.state, app).await?;
        let mut answer = answer(&audited.state, app, &question, audited.state.unix_s());
        if answer.code == Refusal::SignatureInvalid.code() {
            answer.message = Some(why_not_signed(&audited.state, app, &question.token).await?);
        }
        answer
    };
    if let Some(claims) = &answer.claims {
        audited.caller.reaches(Some(&claims.room))?;
    }
    let record = audited.record(app, "token.verify").with_code(answer.code);
    let record = match &answer.claims {
        Some(Claims { room, user, jti, .. }) => record.room(room).user(user).jti(jti),
        None => record,
    };
    audited.state.recorder.record(record).await?;
    Ok(Json(answer))
}

/// Explains a wrong signature. Only a key of this app is tried.
async fn why_not_signed(state: &AppState, app: AppId, token: &str) -> Result<String, ApiError> {
    let keys = state.store.keys(app).await?;
    let kid = kid_of_token(token);
    let named = keys.iter().find(|key| Some(&key.kid) == kid.as_ref());
    let fault = Fault::from(Refusal::SignatureInvalid);
    let secret = named.filter(|key| key.alg == KeyAlg::HS256).and_then(|key| key.secret.as_deref());
    let fault = secret.map_or(fault, |secret| explain_signature(fault, token, secret));
    Ok(fault.to_string())
}

/// What is to be said of a token now, by the keys of one app.
pub(super) fn answer_of(state: &AppState, app: AppId, token: &str) -> TokenAnswer {
    let question = TokenQuestion { token: token.into(), room: None };
    answer(state, app, &question, state.unix_s())
}

/// Why a token is not one of this app's.
enum NotVerified {
    Token(Fault),
    Token04(NotOpened),
}

/// Claims of a token that a key of this app made, and the key's id. No other app's keys, so that an answer discloses
/// nothing about them and their tokens.
fn verified(
    directory: &Directory,
    app: AppId,
    question: &TokenQuestion,
    now: u64,
) -> Result<(Claims, Arc<str>), NotVerified> {
    let TokenQuestion { token, room } = question;
    if is_token04(token) {
        let opened = directory.open_token04(token, Some(app), room.as_deref(), now);
        return opened.map_err(NotVerified::Token04);
    }
    let own = directory.app(app).map_or(&[][..], |app| &app.keys);
    let own = own.iter().filter_map(|key| key.key.verifying().cloned()).collect::<KeySet>();
    let verified = verify_with_key(token, &own, now).map_err(NotVerified::Token)?;
    Ok((verified.0, verified.1.shared_kid()))
}

fn answer(state: &AppState, app: AppId, question: &TokenQuestion, now: u64) -> TokenAnswer {
    let directory = state.bus.directory();
    let not = |code, public_code, message: String| TokenAnswer {
        valid: false,
        code,
        public_code,
        message: Some(message),
        field: None,
        bound: None,
        claims: None,
        grants: None,
        seconds_left: None,
        now,
    };
    let refused = |fault: Fault| TokenAnswer {
        field: fault.field().map(|field| field.to_string()),
        ..not(fault.code(), fault.public_code(), fault.to_string())
    };
    let (claims, kid) = match verified(&directory, app, question, now) {
        Ok(verified) => verified,
        Err(NotVerified::Token(fault)) => return refused(fault),
        Err(NotVerified::Token04(why)) => {
            return not(why.code(), why.public_code(), why.to_string());
        }
    };
    let seconds_left = i64::try_from(claims.exp).ok().map(|exp| exp - now as i64);
    let roles = directory.app(app).map(|app| app.roles.clone()).unwrap_or_default();
    let hit = state.bus.revocations().find(&Bearer::of(&claims, &kid), now);
    // In the door's order.
    let told = if question.room.as_ref().is_some_and(|room| *room != claims.room) {
        not("room_mismatch", "room_mismatch", "the token is for another room".into())
    } else if let Some(Hit { ban, ends_s }) = hit {
        let code = if ban { "banned" } else { "token_revoked" };
        let until = ends_s.map(|ends_s| format!(" until {ends_s} (Unix seconds)"));
        let message = if ban { "a ban covers the token" } else { "the token is revoked" };
        not(code, code, message.to_owned() + &until.unwrap_or_default())
    } else {
        let within = |grants| match directory
            .key(&kid)
            .map(|key| key.bounds.check_claims(&claims, &roles))
        {
            Some(Err(bound)) => Err(bound),
            _ => Ok(grants),
        };
        match seat(&claims, &roles).map(within) {
            Err(fault) => refused(fault),
            Ok(Err(bound)) => {
                let code = "key_bounds_exceeded";
                let bound = bound.as_str();
                let message =
                    format!("the token exceeds the bound `{bound}` of the key that signed it");
                TokenAnswer { bound: Some(bound), ..not(code, code, message) }
            }
            Ok(Ok(grants)) => TokenAnswer {
                valid: true,
                code: "ok",
                public_code: "ok",
                message: None,
                field: None,
                bound: None,
                grants: Some(grants),
                claims: None,
                seconds_left: None,
                now,
            },
        }
    };
    TokenAnswer { claims: Some(claims), seconds_left, ..told }
}
