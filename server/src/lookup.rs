//! Looks up a presented credential, and writes its use down.

pub(crate) mod access_token;
mod api_key;

use std::net::IpAddr;

use stagedoor_bus::Text;
use stagedoor_token::CredentialKind;

use api_key::Found;

use crate::{
    caller::Caller,
    credential::{INVALID, Presented},
    credential_uses::{Remark, Use, Uses, network_of},
    doors::NotDone,
    error::ApiError,
    record::Record,
    rights::Apps,
    secret,
    state::AppState,
    store::{access_tokens::ClientKind, credentials::Holder},
};

/// Where a request comes from.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    pub(crate) address: Option<IpAddr>,
    pub(crate) request_id: Option<Text>,
}

/// A caller whose credential is good.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) caller: Caller,
    /// When the secret that was presented ends, Unix milliseconds; `None`: never.
    pub(crate) ends_ms: Option<u64>,
}

impl Presented<'_> {
    /// Looks up the caller. Its use is written down where it is due.
    pub(crate) async fn known(self, state: &AppState, origin: &Origin) -> Result<Known, ApiError> {
        let hash = self.hash();
        match self {
            Self::OldRoot { .. } => root(state, &hash, origin).await,
            Self::OldApiKey { id, .. } => api_key(state, id, &hash, origin).await,
            Self::Checked(credential) => match credential.kind() {
                CredentialKind::Root => root(state, &hash, origin).await,
                CredentialKind::ApiKey => api_key(state, credential.id(), &hash, origin).await,
                CredentialKind::AccessToken => {
                    access_token(state, credential.id(), &hash, origin).await
                }
                // There are none yet.
                CredentialKind::Personal | CredentialKind::Link => Err(INVALID),
            },
        }
    }
}

/// The operator, if the hash is that of the root credential.
async fn root(state: &AppState, hash: &[u8], origin: &Origin) -> Result<Known, ApiError> {
    let row = state.store.root().await?.ok_or(INVALID)?;
    if !secret::same(&row.hash, hash) || row.leaked_ms.is_some() {
        return Err(INVALID);
    }
    let caller = Caller::root();
    let of = Use { now_ms: state.unix_ms(), network: network(origin), is_old: false };
    note(state, (Holder::Root, &caller), &row.uses, of, origin).await;
    Ok(Known { caller, ends_ms: None })
}

/// The holder of an API key.
async fn api_key(
    state: &AppState,
    id: &str,
    hash: &[u8],
    origin: &Origin,
) -> Result<Known, ApiError> {
    let Found { row, ends_ms, is_old } = api_key::found(state, id, hash).await?;
    let of = Use { now_ms: state.unix_ms(), network: network(origin), is_old };
    let uses = row.uses.clone();
    let caller = Caller::api_key(row);
    note(state, (Holder::ApiKey(id), &caller), &uses, of, origin).await;
    Ok(Known { caller, ends_ms })
}

/// The client of an access token, with the rights that the token leaves of its own.
async fn access_token(
    state: &AppState,
    id: &str,
    hash: &[u8],
    origin: &Origin,
) -> Result<Known, ApiError> {
    let row = access_token::found(state, id, hash).await?;
    // A use of the access token is one of its client.
    let client = match row.client.kind {
        ClientKind::ApiKey => api_key(state, &row.client.id, &row.client.hash, origin).await?,
    };
    // Access tokens are short-lived: their end is no news.
    Ok(Known { caller: client.caller.by_access_token(&row), ends_ms: None })
}

fn network(origin: &Origin) -> Option<String> {
    origin.address.map(network_of)
}

/// Writes a use down where it is due. Only informative, so a failed write must not block the request.
async fn note(
    state: &AppState,
    holder: (Holder<'_>, &Caller),
    uses: &Uses,
    of: Use,
    origin: &Origin,
) {
    // An address that the bounds refuse must not fill the list of networks.
    if uses.is_due(&of)
        && holder.1.may_ask_from(origin.address).is_ok()
        && state.recorder.may_record().is_ok()
        && let Err(error) = write(state, holder, of, origin).await
    {
        tracing::debug!(%error, "could not write down the use of a credential");
    }
}

async fn write(
    state: &AppState,
    (holder, caller): (Holder<'_>, &Caller),
    of: Use,
    origin: &Origin,
) -> Result<(), NotDone> {
    let mut tx = state.store.begin().await?;
    // Another request may have written it down meanwhile.
    let Some(mut uses) = tx.uses(holder).await?.filter(|uses| uses.is_due(&of)) else {
        return Ok(());
    };
    for remark in uses.note(of) {
        tx.add_record(record(state, caller, &remark, origin)).await?;
    }
    tx.note_uses(holder, &uses).await?;
    state.doors.commit_all(tx, Vec::new()).await
}

/// The record of something remarkable about a use.
fn record(state: &AppState, caller: &Caller, remark: &Remark, origin: &Origin) -> Record {
    let (kind, detail) = match remark {
        Remark::Woken { slept_days } => ("credential.woken", format!("slept_days={slept_days}")),
        Remark::NewAddress { network } => ("credential.new_address", format!("network={network}")),
    };
    let record = Record {
        actor: Some(caller.actor()),
        peer: origin.address.and_then(|address| Text::peer(address.to_canonical().to_string())),
        request_id: origin.request_id.clone(),
        ..Record::now(kind, "ok")
    };
    let record = record.detail(&detail);
    match caller.rights().apps {
        Apps::All => record,
        Apps::One(app) => state.filed(record, app),
    }
}
