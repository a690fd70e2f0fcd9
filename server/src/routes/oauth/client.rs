//! Authenticates OAuth clients: an API key is one as it stands, its id the `client_id`, the whole credential the
//! `client_secret`.

use stagedoor_token::CredentialKind;

use super::form::Shown;
use crate::{
    credential::{INVALID, Presented},
    error::ApiError,
    lookup::{Known, Origin},
    rights::{OperatorKind, Principal},
    state::AppState,
    store::access_tokens::{ClientId, ClientKind},
};

/// A client, by its own secret.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Its kind and id, and the hash of the secret.
    pub(crate) id: ClientId,
}

/// Why a client is not known, and the id that it named.
type Failed = (ApiError, Option<String>);

/// Authenticates what a request shows: a client by its secret, or where it asks for no token, any bearer.
pub(super) async fn authenticate(
    state: &AppState,
    shown: &Shown,
    is_token: bool,
    origin: &Origin,
) -> Result<(Known, Option<Client>), Failed> {
    let (id, text) = match shown {
        Shown::Nothing => return Err((MISSING_CLIENT, None)),
        // An access token that could ask for another would never end.
        Shown::Bearer(_) if is_token => return Err((MISSING_CLIENT, None)),
        Shown::Bearer(text) => (None, text),
        Shown::Basic { id, secret } | Shown::Post { id, secret } => (Some(id), secret),
    };
    let presented = Presented::parse(text).map_err(|error| (error, None))?;
    let (of, hash) = (presented.id().to_owned(), presented.hash());
    let client = match id {
        None => None,
        Some(id) => {
            let kind = kind_of(&presented).filter(|_| *id == of);
            let kind = kind.ok_or_else(|| (INVALID, Some(of.clone())))?;
            Some(Client { id: ClientId { kind, id: of.clone(), hash: hash.to_vec() } })
        }
    };
    let known = presented.known(state, origin).await;
    let known = known.map_err(|error| (error, Some(of.clone())))?;
    // A person is no program.
    let is_person =
        matches!(known.caller.principal(), Principal::Operator { kind: OperatorKind::Person, .. });
    if client.is_some() && is_person {
        return Err((INVALID, Some(of)));
    }
    Ok((known, client))
}

/// No client, or none that may be here.
const MISSING_CLIENT: ApiError = ApiError::Unauthenticated {
    code: "credential_missing",
    detail: "authenticate the client by Basic, or by `client_id` and `client_secret` in the form: \
             an API key's id, and the whole API key",
};

/// What a client is by its credential; `None`: such a credential is no client's.
fn kind_of(presented: &Presented<'_>) -> Option<ClientKind> {
    match presented {
        Presented::OldApiKey { .. } => Some(ClientKind::ApiKey),
        Presented::OldRoot { .. } => None,
        Presented::Checked(credential) => match credential.kind() {
            CredentialKind::ApiKey => Some(ClientKind::ApiKey),
            CredentialKind::Personal => Some(ClientKind::PersonalToken),
            CredentialKind::Root | CredentialKind::AccessToken | CredentialKind::Link => None,
        },
    }
}
