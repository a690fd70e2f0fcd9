//! An issuer of ID tokens as an app names it (`spec/sso.md`): read strictly, and whether it can be. Pure.

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use stagedoor_rules::{Claims, Filled, Rule, Rules, Template, json};
use stagedoor_token::{Claims as TokenClaims, Field, Limits, Roles, seat};

use crate::{
    error::ApiError,
    oidc::{id_token::Expected, keys::Alg},
    outbound::Url,
};

/// Clients of one issuer.
const CLIENT_IDS_MAX: usize = 16;
/// Length of a client's id, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 256;
/// Length of an issuer's URL, in bytes.
const ISSUER_BYTES_MAX: usize = 512;
/// Origins of one issuer.
const ORIGINS_MAX: usize = 16;
/// Length of an origin, in bytes.
const ORIGIN_BYTES_MAX: usize = 256;
/// Length of a prefix of user ids, in bytes.
const PREFIX_BYTES_MAX: usize = 32;
/// Default of `id_token_age_s_max`, in seconds.
const AGE_S_DEFAULT: u64 = 3_600;
/// Longest `id_token_age_s_max`, in seconds.
const AGE_S_MAX: u64 = 86_400;

/// The settings of an issuer, as they are given and as they are stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) issuer: String,
    pub(crate) client_ids: Vec<String>,
    pub(crate) algs: Option<Vec<String>>,
    pub(crate) id_token_age_s_max: Option<u64>,
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) rules: Box<RawValue>,
    pub(crate) user: Option<String>,
    pub(crate) user_prefix: Option<String>,
}

/// An issuer of an app.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    issuer: String,
    client_ids: Vec<String>,
    algs: Vec<Alg>,
    age_s_max: u64,
    origins: Vec<String>,
    user: Template,
    user_prefix: String,
    pub(crate) rules: Rules,
}

fn invalid(field: impl Into<Field>, detail: impl Into<String>) -> ApiError {
    ApiError::Invalid { code: "issuer_invalid", detail: detail.into().into() }.at(field)
}

fn rules_invalid(field: Field, detail: String) -> ApiError {
    ApiError::Invalid { code: "rules_invalid", detail: detail.into() }.at(field)
}

fn prefix_missing(detail: &'static str) -> ApiError {
    ApiError::Invalid { code: "user_prefix_missing", detail: detail.into() }.at("user_prefix")
}

/// Whether a text is the id of an issuer in its app.
pub(crate) fn is_id(id: &str) -> bool {
    let clean = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=32).contains(&id.len()) && !matches!(id, "." | "..") && id.bytes().all(clean)
}

impl Issuer {
    /// Reads settings. `rules_max` is the number of rules that an issuer may have.
    pub(crate) fn read(settings: &Settings, rules_max: usize) -> Result<Self, ApiError> {
        let issuer = issuer_url(&settings.issuer)?;
        let client_ids = client_ids(&settings.client_ids)?;
        let algs = algs(settings.algs.as_deref())?;
        let age_s_max = settings.id_token_age_s_max.unwrap_or(AGE_S_DEFAULT);
        if !(1..=AGE_S_MAX).contains(&age_s_max) {
            let detail = format!("`id_token_age_s_max` must be 1 to {AGE_S_MAX}");
            return Err(invalid("id_token_age_s_max", detail));
        }
        let origins = origins(settings.origins.as_deref().unwrap_or_default())?;
        let (user, user_prefix) = user(settings)?;
        let rules = rules(&settings.rules, rules_max)?;
        Ok(Self { issuer, client_ids, algs, age_s_max, origins, user, user_prefix, rules })
    }

    /// Reads what is stored, which was read before, whatever the limits are now.
    pub(crate) fn stored(settings: &str) -> Option<Self> {
        let settings = serde_json::from_str(settings).ok()?;
        Self::read(&settings, usize::MAX).ok()
    }

    /// The settings with every default written out.
    pub(crate) fn complete(&self, settings: Settings) -> Settings {
        let algs = self.algs.iter().map(|alg| alg.as_str().to_owned()).collect();
        Settings {
            algs: Some(algs),
            id_token_age_s_max: Some(self.age_s_max),
            origins: Some(self.origins.clone()),
            user: Some(settings.user.unwrap_or_else(|| USER.into())),
            ..settings
        }
    }

    /// What its tokens name as `iss`.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether pages of this origin may read the answers of exchanges.
    pub(crate) fn has_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|of| of == origin)
    }

    /// What an ID token must be.
    pub(crate) fn expected<'a>(&'a self, nonce: Option<&'a str>) -> Expected<'a> {
        Expected {
            issuer: &self.issuer,
            client_ids: &self.client_ids,
            algs: &self.algs,
            nonce,
            age_s_max: Some(self.age_s_max),
        }
    }

    /// The user that claims stand for, after the prefix of this issuer.
    pub(crate) fn user(&self, claims: Claims<'_>) -> Filled {
        let bytes_max = Limits::DEFAULT.user_bytes_max.saturating_sub(self.user_prefix.len());
        match self.user.fill(claims, bytes_max, |_| true) {
            Filled::Text(user) => Filled::Text(format!("{}{user}", self.user_prefix)),
            none => none,
        }
    }

    /// Checks the issuer against the others of its app: no two share a name, and no user id can be of two.
    pub(crate) fn among<'a>(
        &self,
        others: impl IntoIterator<Item = &'a Self>,
    ) -> Result<(), ApiError> {
        for other in others {
            if other.issuer == self.issuer {
                return Err(invalid("issuer", "the app has this issuer under another id"));
            }
            let (ours, theirs) = (&self.user_prefix, &other.user_prefix);
            if ours.is_empty() || theirs.is_empty() {
                return Err(prefix_missing(
                    "with several issuers each needs a `user_prefix`, so that nobody is taken for \
                     a user of another one; one of them has an empty prefix",
                ));
            }
            if ours.starts_with(theirs.as_str()) || theirs.starts_with(ours.as_str()) {
                let detail = "`user_prefix` must not begin like that of another issuer of the app";
                return Err(invalid("user_prefix", detail));
            }
        }
        Ok(())
    }

    /// Checks what the rules give against the app: its roles, and its longest life of a token.
    pub(crate) fn check_rules(&self, roles: &Roles, ttl_s_max: u64) -> Result<(), ApiError> {
        let whole = Field::of("rules");
        let mut rules = self.rules.iter().enumerate();
        rules.try_for_each(|(at, rule)| check_rule(rule, whole.element(at), roles, ttl_s_max))
    }
}

/// The user id of a token, if the issuer does not say how it is made.
const USER: &str = "{sub}";

fn issuer_url(text: &str) -> Result<String, ApiError> {
    if let Err(error) = text.parse::<Url>() {
        return Err(invalid("issuer", format!("`issuer`: {error}")));
    }
    if text.len() > ISSUER_BYTES_MAX || text.contains('?') {
        let detail =
            format!("`issuer` must be a URL of at most {ISSUER_BYTES_MAX} bytes without a query");
        return Err(invalid("issuer", detail));
    }
    Ok(text.to_owned())
}

fn client_ids(ids: &[String]) -> Result<Vec<String>, ApiError> {
    let field = Field::of("client_ids");
    if !(1..=CLIENT_IDS_MAX).contains(&ids.len()) {
        let detail = format!("`client_ids` must have 1 to {CLIENT_IDS_MAX} entries");
        return Err(invalid(field, detail));
    }
    let bad = |id: &String| {
        !(1..=CLIENT_ID_BYTES_MAX).contains(&id.len()) || id.chars().any(char::is_control)
    };
    match ids.iter().position(bad) {
        Some(at) => {
            let detail = format!("a client's id must be 1 to {CLIENT_ID_BYTES_MAX} bytes");
            Err(invalid(field.element(at), detail))
        }
        None => Ok(ids.to_vec()),
    }
}

fn algs(names: Option<&[String]>) -> Result<Vec<Alg>, ApiError> {
    let Some(names) = names else { return Ok(vec![Alg::RS256]) };
    let (field, what) = (Field::of("algs"), "of `RS256` `PS256` `ES256` `EdDSA`");
    if names.is_empty() {
        return Err(invalid(field, format!("`algs` must have at least one {what}")));
    }
    let mut algs = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let unknown = || invalid(field.element(at), format!("an algorithm must be one {what}"));
        let alg = Alg::of(name).ok_or_else(unknown)?;
        if !algs.contains(&alg) {
            algs.push(alg);
        }
    }
    Ok(algs)
}

/// Origins as browsers write them (RFC 6454 §6.2); there is no pattern among them.
fn origins(all: &[String]) -> Result<Vec<String>, ApiError> {
    let field = Field::of("origins");
    if all.len() > ORIGINS_MAX {
        return Err(invalid(field, format!("`origins` must have at most {ORIGINS_MAX} entries")));
    }
    let is_origin = |text: &String| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let rest = rest.filter(|rest| !rest.is_empty() && text.len() <= ORIGIN_BYTES_MAX);
        rest.is_some_and(|rest| {
            rest.bytes().all(|b| {
                b.is_ascii_lowercase()
                    || b.is_ascii_digit()
                    || matches!(b, b'.' | b'-' | b':' | b'[' | b']')
            })
        })
    };
    match all.iter().position(|origin| !is_origin(origin)) {
        Some(at) => {
            let detail = "an origin is `https://`, a host in lower case and, where it is not the \
                          standard one, a port; without a path";
            Err(invalid(field.element(at), detail))
        }
        None => Ok(all.to_vec()),
    }
}

fn user(settings: &Settings) -> Result<(Template, String), ApiError> {
    let user = Template::of(settings.user.as_deref().unwrap_or(USER));
    // Without a claim in it, everybody would be the same user.
    let user = user.filter(|user| user.sample("a") != user.sample("b"));
    let detail = "`user` must be a text with at least one claim in braces, such as `{sub}`";
    let user = user.ok_or_else(|| invalid("user", detail))?;
    let prefix = settings.user_prefix.clone().ok_or_else(|| {
        prefix_missing(
            "give a `user_prefix`, so that nobody is taken for a user of your backend or of another \
             issuer; an empty one must be written",
        )
    })?;
    let bad = prefix.len() > PREFIX_BYTES_MAX || prefix.chars().any(|c| c.is_control() || c == '*');
    if bad {
        let detail = format!(
            "`user_prefix` must be at most {PREFIX_BYTES_MAX} bytes without control characters and `*`"
        );
        return Err(invalid("user_prefix", detail));
    }
    if prefix.len() + user.sample("").len() >= Limits::DEFAULT.user_bytes_max {
        return Err(invalid("user", "`user_prefix` and `user` leave no room for a claim"));
    }
    Ok((user, prefix))
}

fn rules(raw: &RawValue, rules_max: usize) -> Result<Rules, ApiError> {
    let whole = json::object(format!(r#"{{"rules":{}}}"#, raw.get()).as_bytes());
    let rules = whole.as_ref().and_then(|whole| whole.get("rules"));
    let rules = rules.ok_or_else(|| {
        rules_invalid(
            Field::of("rules"),
            "a member is given twice in `rules`, or they are nested too deep".into(),
        )
    })?;
    Rules::read(rules, rules_max).map_err(|fault| rules_invalid(fault.field, fault.to_string()))
}

fn check_rule(rule: &Rule, field: Field, roles: &Roles, ttl_s_max: u64) -> Result<(), ApiError> {
    let gives = rule.gives();
    if roles.get(&gives.role).is_none() {
        let field = field.member("role");
        return Err(rules_invalid(field, format!("`{field}` is no role of the app")));
    }
    if gives.ttl_s.is_some_and(|ttl_s| ttl_s > ttl_s_max) {
        let field = field.member("ttl_s");
        return Err(rules_invalid(field, format!("`{field}` is above the app's `ttl_s_max`")));
    }
    let claims = TokenClaims {
        grants: gives.grants.clone(),
        ..TokenClaims::builder(stagedoor_token::AppId(1), gives.role.clone())
            .room(rule.sample_room())
            .user("u")
            .jti("t")
            .lifetime(0, 1)
            .build()
    };
    seat(&claims, roles).map(drop).map_err(|fault| {
        let at = fault.field().map_or_else(|| "grants".into(), |at| at.to_string());
        let field = Field::of(&format!("{field}.{at}"));
        rules_invalid(field, fault.to_string())
    })
}

/// The rules as JSON, for a view.
pub(crate) fn rules_value(settings: &Settings) -> Value {
    serde_json::from_str(settings.rules.get()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
