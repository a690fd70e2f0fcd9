//! What an issuer's checks and rules say of an ID token, or of claims: everything, and nothing is minted.

use std::sync::Arc;

use axum::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stagedoor_rules::{Claims, Filled, Verdict};
use stagedoor_token::{AppId, Grants};
use utoipa::ToSchema;

use super::views::{issuer_unknown, stored};
use crate::{
    act::Audited,
    error::ApiError,
    issuer::Issuer,
    oidc::{
        NotVerified,
        id_token::{IdTokenFault, Unproven, check_audience, check_nonce, check_times},
    },
    routes::{Body, Path, app_row, forms},
    scope::Scope,
    sso::{Admitted, Asked, admit, code_of, issued},
    state::AppState,
};

/// What to try.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    /// An ID token; or else `claims`.
    id_token: Option<String>,
    /// The claims of an ID token that there is not yet.
    #[schema(value_type = Option<Object>)]
    claims: Option<Map<String, Value>>,
    /// The room that it would be for.
    #[schema(example = "lobby")]
    room: String,
    /// The role that would be asked for.
    role: Option<String>,
    /// The nonce that would be sent.
    nonce: Option<String>,
}

/// One check of an ID token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckView {
    /// What is checked: `form`, `type`, `issuer`, `alg`, `key`, `signature`, `audience`, `time`, `age` or `nonce`.
    check: &'static str,
    /// Whether it passes; `null`: not checked, because there are only claims, or an earlier check fails.
    passes: Option<bool>,
    /// The code with which an exchange would be refused.
    code: Option<&'static str>,
}

/// What one rule says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleView {
    /// Which, from 0.
    rule: usize,
    /// Whether it matches, all by itself.
    matches: bool,
    /// Why not: `when`, `rooms`, `role`, or `claim` if a claim may not be put into its texts.
    why: Option<&'static str>,
    /// The claim that decides.
    claim: Option<String>,
}

/// What would come of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialView {
    /// `ok`, or the exact code with which the exchange would be refused.
    code: &'static str,
    /// Every check, in its order.
    checks: Vec<CheckView>,
    /// The user id, if the claims make one.
    user: Option<String>,
    /// Every rule.
    rules: Vec<RuleView>,
    /// The rule that wins, from 0.
    rule: Option<usize>,
    /// Its role.
    role: Option<String>,
    /// The effective grants.
    #[schema(value_type = Option<forms::Grants>)]
    grants: Option<Arc<Grants>>,
    /// The lifetime of the token, in seconds.
    ttl_s: Option<u64>,
}

/// Tries an ID token, or claims.
///
/// Answers with every check and every rule, matched or why not, and with what would be given. It mints nothing; the
/// issuer is asked for its keys as in an exchange. A refused ID token is a good answer here: the status is 200.
#[utoipa::path(post, path = "/v1/apps/{app}/issuers/{id}/try", tag = "issuers", request_body = Trial,
    params(("app" = u32, Path), ("id" = String, Path)), responses((status = 200, body = TrialView)))]
pub(crate) async fn try_one(
    audited: Audited,
    Path((app, id)): Path<(AppId, String)>,
    Body(trial): Body<Trial>,
) -> Result<Json<TrialView>, ApiError> {
    audited.caller.may_in(app, Scope::IssuersManage, &trial.room)?;
    let state = &audited.state;
    app_row(state, app).await?;
    let rows = state.store.issuers(app).await?;
    let row = rows.iter().find(|row| row.id == id).ok_or_else(issuer_unknown)?;
    let issuer = stored(row)?;
    let (checks, claims) = match (&trial.id_token, trial.claims) {
        (Some(token), None) => of_token(state, &issuer, token, trial.nonce.as_deref()).await,
        (None, Some(claims)) => {
            let checks = of_claims(&issuer, &claims, trial.nonce.as_deref(), state.unix_s());
            (checks, Some(claims))
        }
        _ => {
            let detail = "give either `id_token` or `claims`".into();
            return Err(ApiError::Invalid { code: "body_invalid", detail }.at("id_token"));
        }
    };
    let asked = Asked { room: &trial.room, role: trial.role.as_deref() };
    let view = view(&audited, app, &issuer, checks, claims.as_ref(), asked).await?;
    let record = audited.record(app, "issuer.try").with_code(view.code).room(&trial.room);
    state.recorder.record(record.detail(&format!("issuer={id}"))).await?;
    Ok(Json(view))
}

async fn view(
    audited: &Audited,
    app: AppId,
    issuer: &Issuer,
    checks: Vec<CheckView>,
    claims: Option<&Map<String, Value>>,
    asked: Asked<'_>,
) -> Result<TrialView, ApiError> {
    let refused = checks.iter().find_map(|check| check.code);
    let code = refused.unwrap_or("ok");
    let none = TrialView {
        code,
        checks,
        user: None,
        rules: Vec::new(),
        rule: None,
        role: None,
        grants: None,
        ttl_s: None,
    };
    let Some(claims) = claims else { return Ok(none) };
    let user = match issuer.user(Claims(claims)) {
        Filled::Text(user) => Some(user),
        Filled::Absent(_) | Filled::Unfit(..) => None,
    };
    let rules = issuer.rules.judge(Claims(claims), asked.room, asked.role);
    let rules = rules.enumerate().map(|(rule, verdict)| rule_view(rule, &verdict)).collect();
    let none = TrialView { user, rules, ..none };
    let Admitted { rule, wanted } = match admit(issuer, claims, asked) {
        Ok(admitted) => admitted,
        Err(not) => return Ok(TrialView { code: refused.unwrap_or(not.told().0), ..none }),
    };
    let (rule, role) = (Some(rule), Some(wanted.role.clone()));
    // As the exchange would, with the rights of nobody; the token is dropped here.
    match issued(&audited.state, app, wanted, audited.caller.bounds()).await {
        Ok(issued) => {
            let ttl_s = Some(issued.claims.exp - issued.claims.iat);
            Ok(TrialView { rule, role, grants: Some(issued.grants), ttl_s, ..none })
        }
        Err(error @ (ApiError::StoreUnavailable | ApiError::Internal)) => Err(error),
        Err(error) => Ok(TrialView { rule, role, code: refused.unwrap_or(error.code()), ..none }),
    }
}

fn rule_view(rule: usize, verdict: &Verdict<'_>) -> RuleView {
    let (why, claim) = match verdict {
        Verdict::Matches { .. } => (None, None),
        Verdict::When(path) => (Some("when"), Some(path.as_str().to_owned())),
        Verdict::Rooms => (Some("rooms"), None),
        Verdict::Role => (Some("role"), None),
        Verdict::Unfit(path, _) => (Some("claim"), Some(path.as_str().to_owned())),
    };
    RuleView { rule, matches: why.is_none(), why, claim }
}

/// The checks, in their order.
const CHECKS: [&str; 10] =
    ["form", "type", "issuer", "alg", "key", "signature", "audience", "time", "age", "nonce"];

/// All checks up to the one that fails, if one does.
fn until(failing: Option<(&str, &'static str)>) -> Vec<CheckView> {
    let at = failing.and_then(|(check, _)| CHECKS.iter().position(|of| *of == check));
    let view = |(n, check): (usize, &'static str)| {
        let passes = at.map_or(Some(true), |at| (n <= at).then_some(n < at));
        let code = failing.filter(|_| at == Some(n)).map(|(_, code)| code);
        CheckView { check, passes, code }
    };
    CHECKS.into_iter().enumerate().map(view).collect()
}

/// The checks of an ID token, and its claims as far as they can be read.
async fn of_token(
    state: &AppState,
    issuer: &Issuer,
    text: &str,
    nonce: Option<&str>,
) -> (Vec<CheckView>, Option<Map<String, Value>>) {
    let failed = |check, code| until(Some((check, code)));
    let token = match Unproven::parse(text) {
        Ok(token) => token,
        Err(fault @ IdTokenFault::Type) => return (failed("type", fault.code()), None),
        Err(fault) => return (failed("form", fault.code()), None),
    };
    let (claims, expected) = (Some(token.claims().clone()), issuer.expected(nonce));
    if token.iss() != expected.issuer {
        return (failed("issuer", "issuer_unknown"), claims);
    }
    let alg = match token.alg(expected.algs) {
        Ok(alg) => alg,
        Err(fault) => return (failed("alg", fault.code()), claims),
    };
    let key = match state.oidc.key(expected.issuer, token.kid(), alg).await {
        Ok(key) => key,
        Err(not) => return (failed("key", code_of(&not)), claims),
    };
    match token.verify(&key, &expected, state.unix_s()) {
        Ok(_) => (until(None), claims),
        Err(fault @ (IdTokenFault::Signature | IdTokenFault::Alg)) => {
            (failed("signature", fault.code()), claims)
        }
        // The signature is good; each of the others is checked by itself.
        Err(_) => {
            let of_claims = claims.as_ref().map(|claims| {
                let mut checks = of_claims(issuer, claims, nonce, state.unix_s());
                checks.iter_mut().take(6).for_each(|check| check.passes = Some(true));
                checks
            });
            (of_claims.unwrap_or_default(), claims)
        }
    }
}

/// The checks that claims alone can pass or fail, each by itself; those of claims that are not there are left out.
fn of_claims(
    issuer: &Issuer,
    claims: &Map<String, Value>,
    nonce: Option<&str>,
    now_s: u64,
) -> Vec<CheckView> {
    let expected = issuer.expected(nonce);
    let fault = |check: &str| match check {
        "audience" => Some(check_audience(claims, expected.client_ids).err()),
        "time" => Some(check_times(claims, None, now_s).err()),
        "age" => {
            let fault = check_times(claims, expected.age_s_max, now_s).err();
            Some(fault.filter(|fault| *fault == IdTokenFault::TooOld))
        }
        "nonce" => Some(check_nonce(claims, expected.nonce).err()),
        _ => None,
    };
    let needs = |check: &str| match check {
        "audience" => claims.contains_key("aud"),
        "time" | "age" => claims.contains_key("exp") || claims.contains_key("iat"),
        _ => true,
    };
    let view = |check: &'static str| {
        let fault = fault(check).filter(|_| needs(check));
        let code = fault.flatten().map(IdTokenFault::code);
        CheckView { check, passes: fault.map(|fault| fault.is_none()), code }
    };
    let other = |check: &CheckView| {
        let iss = claims.get("iss").filter(|_| check.check == "issuer");
        iss.map(|iss| iss.as_str() == Some(issuer.issuer()))
    };
    let mut checks: Vec<CheckView> = CHECKS.into_iter().map(view).collect();
    for check in &mut checks {
        if let Some(passes) = other(check) {
            check.passes = Some(passes);
            check.code = (!passes).then(|| code_of(&NotVerified::Issuer));
        }
    }
    checks
}
