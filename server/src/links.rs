//! Links that log an operator in once. The secret stands in the fragment of the URL, which no browser sends.

use stagedoor_token::CredentialKind;

use crate::{
    credential,
    error::ApiError,
    store::{sessions::LinkRow, write::Tx},
};

/// The page that reads the secret, and posts it.
const PAGE: &str = "/login";

/// A new link.
pub(crate) struct Link {
    pub(crate) id: String,
    /// The secret, `sdlnk_…`.
    pub(crate) secret: String,
    /// The path of the page, with the secret as its fragment.
    pub(crate) path: String,
    pub(crate) expires_ms: u64,
}

impl Link {
    /// What records of it say; never its secret.
    pub(crate) fn detail(&self, operator: &str) -> String {
        format!("link={} operator={operator}", self.id)
    }
}

/// Makes a link for an operator.
pub(crate) async fn make(
    tx: &mut Tx,
    operator: &str,
    now_ms: u64,
    ttl_s: u64,
) -> Result<Link, ApiError> {
    let id = credential::make_id()?;
    let (secret, hash) = credential::make(CredentialKind::Link, &id)?;
    let expires_ms = now_ms.saturating_add(ttl_s.saturating_mul(1_000));
    tx.add_link(&LinkRow {
        id: id.clone(),
        operator: operator.into(),
        hash: hash.to_vec(),
        created_ms: now_ms,
        expires_ms,
    })
    .await?;
    let path = format!("{PAGE}#{secret}");
    Ok(Link { id, secret, path, expires_ms })
}
