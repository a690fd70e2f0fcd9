//! Leaks: texts that were found somewhere, looked at for what is ours, and ended. The rule is in `spec/credentials.md`.

mod ending;

use axum::Json;
use serde::{Deserialize, Serialize};
use stagedoor_bus::{Answer, Command, Then};
use stagedoor_token::find_credentials;
use utoipa::ToSchema;

use super::Body;
use crate::{act::Audited, error::ApiError, scope::Scope, suspect::Suspect};
pub(super) use ending::signed;
use ending::{Ending, LeakView, signing_keys};

/// Texts in one report.
pub(crate) const LEAK_TEXTS_MAX: usize = 100;
/// The longest of them, in bytes: longer than any credential and any token.
pub(crate) const LEAK_TEXT_BYTES_MAX: usize = 8_192;
/// The longest `found_at`, in bytes.
pub(crate) const LEAK_FOUND_AT_BYTES_MAX: usize = 256;
/// What was found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeakReport {
    /// The texts: credentials, room tokens, secrets of signing keys, or anything else.
    #[schema(min_items = 1, max_items = 100)]
    credentials: Vec<String>,
    /// Where they were found, for the audit trail. It must not contain a credential itself.
    found_at: Option<String>,
}

/// What is said of each text, in the order of the report.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeakAnswer {
    items: Vec<LeakView>,
}

fn invalid(code: &'static str, field: &str, detail: String) -> ApiError {
    ApiError::Invalid { code, detail: detail.into() }.at(field)
}

impl LeakReport {
    fn check(&self) -> Result<(), ApiError> {
        let texts = self.credentials.len();
        if !(1..=LEAK_TEXTS_MAX).contains(&texts)
            || self.credentials.iter().any(|text| text.len() > LEAK_TEXT_BYTES_MAX)
        {
            let detail = format!(
                "`credentials` must be 1 to {LEAK_TEXTS_MAX} texts of at most {LEAK_TEXT_BYTES_MAX} bytes"
            );
            return Err(invalid("leak_invalid", "credentials", detail));
        }
        let Some(found_at) = &self.found_at else { return Ok(()) };
        let is_text = (1..=LEAK_FOUND_AT_BYTES_MAX).contains(&found_at.len())
            && found_at.bytes().all(|byte| byte.is_ascii_graphic());
        // What was found must not be kept with the place where it was found.
        let tells = find_credentials(found_at).next().is_some()
            || self.credentials.iter().any(|text| text.len() > 8 && found_at.contains(text.trim()));
        if !is_text || tells {
            let detail = format!(
                "`found_at` must be 1 to {LEAK_FOUND_AT_BYTES_MAX} visible ASCII characters, without the credential in it"
            );
            return Err(invalid("leak_invalid", "found_at", detail));
        }
        Ok(())
    }
}

/// Reports leaked credentials.
///
/// What of the texts is ours, by its full secret, is revoked before the answer comes: API keys, the root credential,
/// room tokens with their live seats, and signing keys, with everything that they signed. The audit trail says where it
/// was found, never the text. The answer says of each text what it was, or that it is unknown here.
#[utoipa::path(post, path = "/v1/leaks", tag = "leaks", request_body = LeakReport,
    responses((status = 200, body = LeakAnswer)))]
pub(crate) async fn report(
    audited: Audited,
    Body(report): Body<LeakReport>,
) -> Result<Json<LeakAnswer>, ApiError> {
    audited.caller.may_everywhere(Scope::DeploymentAdmin)?;
    report.check()?;
    let suspects: Vec<Suspect<'_>> =
        report.credentials.iter().map(|text| Suspect::of(text)).collect();
    let has_secrets = suspects.iter().any(|suspect| matches!(suspect, Suspect::Secret(_)));
    let keys = if has_secrets { signing_keys(&audited.state).await? } else { Vec::new() };
    let tx = audited.state.store.begin().await?;
    let mut ending = Ending::begin(&audited, tx, &suspects, &keys).await;
    let mut items = Vec::with_capacity(suspects.len());
    for (at, suspect) in suspects.iter().enumerate() {
        let view = ending.end(at, suspect, &keys).await?;
        ending.record(&view, report.found_at.as_deref()).await?;
        items.push(view);
    }
    for (at, row) in ending.commit().await? {
        let command = Command::Revoke { revocation: row.entry, margin_s: 0, then: Then::Close };
        // It holds either way.
        if let Ok(Answer::Done { seats }) = audited.state.bus.command(command).await
            && let Some(item) = items.get_mut(at)
        {
            item.seats = Some(seats);
        }
    }
    Ok(Json(LeakAnswer { items }))
}
