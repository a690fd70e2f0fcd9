//! Bodies of requests and answers about issuers.

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use stagedoor_bus::ActorKind;
use utoipa::ToSchema;

use crate::{
    error::ApiError,
    issuer::{Issuer, Settings, rules_value},
    routes::forms,
    store::issuers::IssuerRow,
};

/// An issuer of ID tokens to put.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewIssuer {
    /// Its URL, as its ID tokens name it in `iss`, byte by byte.
    #[schema(example = "https://id.example")]
    issuer: String,
    /// The clients whose ID tokens count: those that the issuer knows your pages by.
    #[schema(min_items = 1, max_items = 16)]
    client_ids: Vec<String>,
    /// The algorithms that count, of `RS256`, `PS256`, `ES256` and `EdDSA`; `RS256` by default.
    algs: Option<Vec<String>>,
    /// How long ago an ID token may have been issued, in seconds; 3600 by default.
    #[schema(minimum = 1, maximum = 86_400)]
    id_token_age_s_max: Option<u64>,
    /// Origins whose pages may read the answers; none by default.
    #[schema(max_items = 16)]
    origins: Option<Vec<String>>,
    /// Rules in the form of `spec/sso.md`; the first that matches wins.
    #[schema(value_type = Vec<forms::SsoRule>)]
    rules: Box<RawValue>,
    /// The user id, a text with claims in braces; `{sub}` by default.
    user: Option<String>,
    /// What stands before each user id. It must be given; an empty one only by an app with one issuer.
    user_prefix: Option<String>,
}

impl From<NewIssuer> for Settings {
    fn from(new: NewIssuer) -> Self {
        let NewIssuer {
            issuer,
            client_ids,
            algs,
            id_token_age_s_max,
            origins,
            rules,
            user,
            user_prefix,
        } = new;
        Self { issuer, client_ids, algs, id_token_age_s_max, origins, rules, user, user_prefix }
    }
}

/// An issuer of ID tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssuerView {
    /// Its id in the app.
    id: String,
    /// Its URL.
    issuer: String,
    /// The clients whose ID tokens count.
    client_ids: Vec<String>,
    /// The algorithms that count.
    algs: Vec<String>,
    /// How long ago an ID token may have been issued, in seconds.
    id_token_age_s_max: u64,
    /// Origins whose pages may read the answers.
    origins: Vec<String>,
    /// Its rules; the first that matches wins.
    #[schema(value_type = Vec<forms::SsoRule>)]
    rules: Value,
    /// The user id, a text with claims in braces.
    user: String,
    /// What stands before each user id.
    user_prefix: String,
    /// When it was put, Unix milliseconds.
    changed_ms: u64,
    /// Who put it.
    actor: String,
    /// The kind of actor.
    #[schema(value_type = Option<forms::ActorKind>)]
    actor_kind: Option<ActorKind>,
}

impl IssuerView {
    pub(super) fn of(row: IssuerRow) -> Result<Self, ApiError> {
        let settings = serde_json::from_str(&row.settings).map_err(|_| ApiError::Internal)?;
        let rules = rules_value(&settings);
        let Settings {
            issuer,
            client_ids,
            algs,
            id_token_age_s_max,
            origins,
            user,
            user_prefix,
            rules: _,
        } = settings;
        Ok(Self {
            id: row.id,
            issuer,
            client_ids,
            algs: algs.unwrap_or_default(),
            id_token_age_s_max: id_token_age_s_max.unwrap_or_default(),
            origins: origins.unwrap_or_default(),
            rules,
            user: user.unwrap_or_default(),
            user_prefix: user_prefix.unwrap_or_default(),
            changed_ms: row.changed_ms,
            actor: row.actor.id,
            actor_kind: row.actor.kind,
        })
    }
}

/// All issuers of an app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssuersView {
    /// The issuers, by their ids.
    pub(super) items: Vec<IssuerView>,
}

/// The app has no such issuer.
pub(crate) fn issuer_unknown() -> ApiError {
    ApiError::NotFound { code: "issuer_unknown", detail: "the app has no such issuer" }
}

/// An issuer that was stored, which was read before.
pub(crate) fn stored(row: &IssuerRow) -> Result<Issuer, ApiError> {
    Issuer::stored(&row.settings).ok_or_else(|| {
        tracing::warn!(app = row.app.0, id = row.id, "a stored issuer cannot be read");
        ApiError::Internal
    })
}
