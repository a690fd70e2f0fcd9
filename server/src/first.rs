//! What the first start makes: the root credential, and the first owner with a link to log in.

use stagedoor_bus::Actor;
use stagedoor_token::CredentialKind;

use crate::{
    credential,
    error::ApiError,
    level::Level,
    links,
    opening::{OpenError, note},
    record::{Record, unix_ms},
    rights::OperatorKind,
    store::{Store, StoreError, operators::OperatorRow, write::Tx},
};

/// The name of the first owner.
const OWNER: &str = "owner";

/// Which root credential is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Making {
    /// The first, unless there is one; with a first owner, whose link begins at the first number, in Unix
    /// milliseconds, and lives for the second, in seconds.
    First(Option<(u64, u64)>),
    /// Another, in the place of the present one.
    Another,
}

fn record(kind: &str) -> Record {
    Record { actor: Some(Actor::System), ..Record::now(kind, "ok") }
}

/// Makes a root credential. It is passed to `show`, with the path of the first owner's link, and becomes valid only if
/// that succeeds.
pub(crate) async fn set_root(
    store: &Store,
    making: Making,
    show: impl FnOnce(&str, Option<&str>) -> std::io::Result<()>,
) -> Result<(), OpenError> {
    let failed = |error: StoreError| OpenError::Root(error.to_string());
    if matches!(making, Making::First(_)) && store.root().await.map_err(failed)?.is_some() {
        return Ok(());
    }
    let id = credential::make_id().map_err(ApiError::from)?;
    let (root, hash) = credential::make(CredentialKind::Root, &id)?;
    let mut tx = store.begin().await.map_err(failed)?;
    tx.set_root(&id, &hash, unix_ms()).await.map_err(failed)?;
    let (kind, link) = match making {
        Making::Another => ("root.reset", None),
        Making::First(None) => ("root.create", None),
        Making::First(Some(of_link)) => ("root.create", Some(owner(&mut tx, of_link).await?)),
    };
    tx.add_record(record(kind)).await.map_err(failed)?;
    // If it is shown but not committed, the next start makes another; if it were committed first, it could be lost
    // unseen.
    show(&root, link.as_deref())
        .map_err(|error| OpenError::Root(format!("it could not be shown: {error}")))?;
    tx.commit().await.map(drop).map_err(failed)?;
    note(store).await;
    Ok(())
}

/// Makes the first owner; returns the path of its link.
async fn owner(tx: &mut Tx, (now_ms, ttl_s): (u64, u64)) -> Result<String, ApiError> {
    let row = OperatorRow {
        id: credential::make_id()?,
        name: OWNER.into(),
        kind: OperatorKind::Person,
        level: Some(Level::Owner),
        is_disabled: false,
        identity: None,
        created_ms: unix_ms(),
        last_login_ms: None,
        apps: Vec::new(),
    };
    tx.add_operator(&row).await?;
    let link = links::make(tx, &row.id, now_ms, ttl_s).await?;
    let detail = format!("operator={} kind=person level=owner", row.id);
    tx.add_record(record("operator.create").detail(&detail)).await?;
    tx.add_record(record("link.create").detail(&link.detail(&row.id))).await?;
    Ok(link.path)
}

/// Makes a link for an operator, in a data folder that no process uses; it is passed to `show`, and becomes valid only
/// if that succeeds.
pub(crate) async fn link_in(
    store: &Store,
    named: &str,
    (now_ms, ttl_s): (u64, u64),
    show: impl FnOnce(&str) -> std::io::Result<()>,
) -> Result<(), OpenError> {
    let mut tx = store.begin().await.map_err(ApiError::from)?;
    let operator = tx.operator(named).await.map_err(ApiError::from)?;
    let operator = operator.ok_or(OpenError::Refused("operator_unknown"))?;
    if operator.kind == OperatorKind::Service {
        return Err(OpenError::Refused("operator_kind"));
    }
    if operator.is_disabled {
        return Err(OpenError::Refused("operator_disabled"));
    }
    let link = links::make(&mut tx, &operator.id, now_ms, ttl_s).await?;
    let made = record("link.create").detail(&link.detail(&operator.id));
    tx.add_record(made).await.map_err(ApiError::from)?;
    let shown = |error| OpenError::Root(format!("the link could not be shown: {error}"));
    show(&link.path).map_err(shown)?;
    tx.commit().await.map(drop).map_err(|error| OpenError::from(ApiError::from(error)))?;
    Ok(())
}
