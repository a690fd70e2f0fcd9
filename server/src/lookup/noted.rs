//! What a look-up answers, and how the use of a credential is written down.

use std::net::IpAddr;

use stagedoor_bus::Text;
use stagedoor_wire::rate;

use crate::{
    caller::Caller,
    credential_uses::{Remark, Use, Uses, network_of},
    doors::NotDone,
    record::Record,
    state::AppState,
    store::credentials::Holder,
};

/// Where a request comes from.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    pub(crate) address: Option<IpAddr>,
    pub(crate) request_id: Option<Text>,
}

impl Origin {
    /// The address as records name it.
    pub(crate) fn peer(&self) -> Option<Text> {
        self.address.and_then(|address| Text::peer(address.to_canonical().to_string()))
    }

    /// What rates are counted by: the address, or its network of IPv6.
    pub(crate) fn source(&self) -> String {
        let source = |address: IpAddr| rate::source(address.to_canonical()).to_string();
        self.address.map_or_else(|| "unknown".into(), source)
    }
}

/// A caller whose credential is good.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) caller: Caller,
    /// When the secret that was presented ends, Unix milliseconds; `None`: never.
    pub(crate) ends_ms: Option<u64>,
}

pub(super) fn network(origin: &Origin) -> Option<String> {
    origin.address.map(network_of)
}

/// Writes a use down where it is due. Only informative, so a failed write must not block the request.
pub(super) async fn note(
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
        peer: origin.peer(),
        request_id: origin.request_id.clone(),
        ..Record::now(kind, "ok")
    };
    let record = record.detail(&detail);
    match caller.rights().only_app() {
        None => record,
        Some(app) => state.filed(record, app),
    }
}
