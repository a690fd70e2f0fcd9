//! Apps.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::Response,
};
use serde::{Deserialize, Serialize};
use stagedoor_token::{AppId, SecondLogin};
use utoipa::ToSchema;

use super::{
    Body, Page, Paging, Path, Query, Reader, app_in, app_row, app_unknown, check_name,
    etag::IfMatch,
    forms, given,
    keys::{self, KeyCreated, Place},
    number_after, page_limit,
};
use crate::{
    act::Audited,
    config::Config,
    doors::News,
    error::ApiError,
    idempotency::{Created, Once},
    key_alg::KeyAlg,
    record::unix_ms,
    rights::{Apps, Reach},
    scope::Scope,
    secret,
    store::{apps::AppRow, write::Tx},
    token04_setting::Token04Setting,
};

/// A new app.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApp {
    /// A name for people.
    name: String,
    /// The AppID, not 0; random by default.
    #[schema(minimum = 1)]
    id: Option<u32>,
    /// The default lifetime of tokens, in seconds.
    #[schema(minimum = 1)]
    ttl_s_default: Option<u64>,
    /// The longest lifetime of tokens, in seconds.
    #[schema(minimum = 1)]
    ttl_s_max: Option<u64>,
    /// What happens when a user who is in a room logs in to it again, if the role does not say: `"reject"`, `"replace"`
    /// or `{"allow":n}`; `replace` by default.
    #[schema(value_type = Option<forms::SecondLogin>)]
    second_login: Option<SecondLogin>,
}

impl NewApp {
    /// An app with only a name given.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            id: None,
            ttl_s_default: None,
            ttl_s_max: None,
            second_login: None,
        }
    }
}

/// Changes to an app; fields left out keep their values, and `null` is refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppChange {
    /// A name for people.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false)]
    name: Option<String>,
    /// The default lifetime of tokens, in seconds.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = u64, required = false, minimum = 1)]
    ttl_s_default: Option<u64>,
    /// The longest lifetime of tokens, in seconds.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = u64, required = false, minimum = 1)]
    ttl_s_max: Option<u64>,
    /// What happens at second logins, if the role does not say.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = forms::SecondLogin, required = false)]
    second_login: Option<SecondLogin>,
    /// Which Token04 it takes, and what they give; what is absent in it has its default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Token04Setting, required = false)]
    token04: Option<Token04Setting>,
}

/// An app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppView {
    /// The AppID.
    app: u32,
    /// Its name, for people.
    name: String,
    /// The default lifetime of tokens, in seconds.
    ttl_s_default: u64,
    /// The longest lifetime of tokens, in seconds.
    ttl_s_max: u64,
    /// When it was created, Unix milliseconds.
    created_ms: u64,
    /// What happens at second logins, if the role does not say.
    #[schema(value_type = forms::SecondLogin)]
    second_login: SecondLogin,
    /// Which Token04 it takes, and what they give (`spec/token04.md`).
    token04: Token04View,
}

/// An app's setting for Token04.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Token04View {
    #[serde(flatten)]
    setting: Token04Setting,
    /// What the setting costs; only with `legacy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    warning: Option<&'static str>,
}

impl From<Option<Token04Setting>> for Token04View {
    fn from(setting: Option<Token04Setting>) -> Self {
        let setting = setting.unwrap_or_default();
        Self { warning: setting.warning(), setting }
    }
}

/// A new app and its first key.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppCreated {
    /// The AppID.
    pub app: u32,
    /// Its name, for people.
    pub name: String,
    /// The first key, which is current at once; its secret is shown only once.
    pub key: KeyCreated,
}

impl From<AppRow> for AppView {
    fn from(row: AppRow) -> Self {
        let AppRow { id, name, ttl_s_default, ttl_s_max, created_ms, .. } = row;
        let second_login = row.second_login.unwrap_or(SecondLogin::Replace);
        let token04 = row.token04.into();
        Self { app: id.0, name, ttl_s_default, ttl_s_max, created_ms, second_login, token04 }
    }
}

/// An app with its `ETag`.
type Tagged = ([(HeaderName, String); 1], Json<AppView>);

fn tagged(row: AppRow) -> Tagged {
    ([(header::ETAG, format!("\"{}\"", tag(&row)))], Json(row.into()))
}

/// Changes with each change of an app, and differs between apps that had the same AppID.
fn tag(row: &AppRow) -> String {
    format!("{}-{}", row.created_ms, row.version)
}

fn check_lives(config: &Config, app: &AppRow) -> Result<(), ApiError> {
    let good = 1 <= app.ttl_s_default
        && app.ttl_s_default <= app.ttl_s_max
        && app.ttl_s_max <= config.ttl_s_max;
    if good {
        return Ok(());
    }
    let detail = format!(
        "the lifetimes must satisfy 1 <= `ttl_s_default` <= `ttl_s_max` <= {}",
        config.ttl_s_max
    );
    let default = (1..=app.ttl_s_max).contains(&app.ttl_s_default);
    let field = if default { "ttl_s_max" } else { "ttl_s_default" };
    Err(ApiError::Invalid { code: "ttl_invalid", detail: detail.into() }.at(field))
}

/// Creates an app with its first key.
pub(crate) async fn make(
    config: &Config,
    tx: &mut Tx,
    new: &NewApp,
) -> Result<AppCreated, ApiError> {
    check_name(config, &new.name)?;
    let id = match new.id {
        Some(0) => {
            let detail = "an AppID must not be 0".into();
            return Err(ApiError::Invalid { code: "app_id_invalid", detail }.at("id"));
        }
        Some(id) => id,
        None => u32::from_be_bytes(secret::random()?).max(1),
    };
    let app = AppRow {
        id: AppId(id),
        name: new.name.clone(),
        ttl_s_max: new.ttl_s_max.unwrap_or(config.ttl_s_max),
        ttl_s_default: new.ttl_s_default.unwrap_or(config.ttl_s_default),
        created_ms: unix_ms(),
        version: 1,
        generation: 0,
        second_login: new.second_login,
        tokens_until_ms: 0,
        token04: None,
    };
    check_lives(config, &app)?;
    let row = keys::make(Place::first(app.id, app.created_ms), KeyAlg::HS256)?;
    if !tx.add_app(&app).await? {
        return Err(ApiError::Conflict {
            code: "app_exists",
            detail: "an app with this AppID exists; choose another",
        });
    }
    tx.add_key(&row).await?;
    Ok(AppCreated { app: id, name: app.name, key: KeyCreated::of(&row) })
}

/// Makes an app with its first key.
///
/// The answer is the only one that has the key's secret: keep it where your backend signs tokens, or leave it and
/// mint over this API. Without `id` the AppID is random.
#[utoipa::path(post, path = "/v1/apps", tag = "apps", request_body = NewApp,
    responses((status = 201, body = Created<AppCreated>)))]
pub(crate) async fn create(
    audited: Audited,
    headers: HeaderMap,
    Body(new): Body<NewApp>,
) -> Result<Response, ApiError> {
    audited.caller.may_everywhere(Scope::DeploymentAdmin)?;
    let once = Once::begin(&audited.state, &audited.caller, &headers, &("apps", &new))?;
    let mut tx = audited.state.store.begin().await?;
    if let Some(kept) = once.kept(&mut tx).await? {
        return Ok(kept);
    }
    let created = make(&audited.state.config, &mut tx, &new).await?;
    let app = AppId(created.app);
    // The doors do not know the app yet.
    let life = app_in(&mut tx, app).await?.life();
    tx.add_record(audited.record_of_none("app.create").of_app(life)).await?;
    let answer = once.keep(&mut tx, &created, &["/key/secret", "/key/checked_secret"]).await?;
    audited.state.commit_app(tx, app).await?;
    Ok(answer)
}

/// Lists apps by AppID.
///
/// All of them for who has the scope everywhere, else those in which the caller has it.
#[utoipa::path(get, path = "/v1/apps", tag = "apps", params(Paging),
    responses((status = 200, body = Page<AppView>)))]
pub(crate) async fn list(
    Reader { state, caller, .. }: Reader,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<AppView>>, ApiError> {
    let apps = caller.apps(Scope::AppsRead)?;
    let limit = page_limit(&state.config, paging.limit)?;
    let after = number_after(paging.after.as_deref())?.unwrap_or(0);
    let after = u32::try_from(after).unwrap_or(u32::MAX);
    let _looks = state.doors.look_at_all().await;
    let rows = match apps {
        Apps::All => state.store.apps(after, limit + 1).await?,
        Apps::These(apps) => state.store.apps_of(&apps, after, limit + 1).await?,
    };
    let items = rows.into_iter().map(AppView::from).collect();
    Ok(Json(Page::cut(items, limit, |app: &AppView| app.app.to_string())))
}

/// Shows one app.
///
/// Its name, how long its tokens live, and what a second login of a user does. The `ETag` is for a change with
/// `If-Match`.
#[utoipa::path(get, path = "/v1/apps/{app}", tag = "apps", params(("app" = u32, Path)),
    responses((status = 200, body = AppView)))]
pub(crate) async fn show(
    Reader { state, caller, .. }: Reader,
    Path(app): Path<AppId>,
) -> Result<Tagged, ApiError> {
    caller.may(app, Scope::AppsRead)?;
    let _look = state.doors.look(app).await;
    Ok(tagged(app_row(&state, app).await?))
}

/// Changes an app.
///
/// What is absent from the body stays as it is. With `If-Match` the change is made only if the app is still what
/// the caller saw. Tokens that exist keep their end; a new `second_login` counts from the next login on.
#[utoipa::path(patch, path = "/v1/apps/{app}", tag = "apps", request_body = AppChange,
    params(("app" = u32, Path)),
    responses((status = 200, body = AppView)))]
pub(crate) async fn change(
    audited: Audited,
    Path(app): Path<AppId>,
    seen: IfMatch,
    Body(change): Body<AppChange>,
) -> Result<Tagged, ApiError> {
    audited.caller.may_whole(app, Scope::AppsAdmin, Reach::Rooms)?;
    let mut tx = audited.state.store.begin().await?;
    let mut row = app_in(&mut tx, app).await?;
    seen.check(&tag(&row))?;
    if let Some(name) = change.name {
        check_name(&audited.state.config, &name)?;
        row.name = name;
    }
    row.ttl_s_default = change.ttl_s_default.unwrap_or(row.ttl_s_default);
    if let Some(ttl_s_max) = change.ttl_s_max {
        if ttl_s_max < row.ttl_s_max {
            let longest_ms = row.ttl_s_max.saturating_mul(1_000);
            let until_ms = audited.state.unix_ms().saturating_add(longest_ms);
            row.tokens_until_ms = row.tokens_until_ms.max(until_ms);
        }
        row.ttl_s_max = ttl_s_max;
    }
    row.second_login = change.second_login.or(row.second_login);
    let mut record = audited.record(app, "app.change");
    if let Some(setting) = change.token04 {
        if let Some(field) = setting.beyond(&audited.state.app_in(&mut tx, app).await?.roles) {
            let detail = format!("`{field}` names no role of the app").into();
            return Err(ApiError::Invalid { code: "role_unknown", detail }.at(field));
        }
        let text = serde_json::to_string(&setting).map_err(|_| ApiError::Internal)?;
        record = record.detail(&format!("token04={text}"));
        row.token04 = Some(setting);
    }
    row.version += 1;
    check_lives(&audited.state.config, &row)?;
    tx.change_app(&row).await?;
    tx.add_record(record).await?;
    audited.state.commit_app(tx, app).await?;
    Ok(tagged(row))
}

/// Deletes an app with its keys.
///
/// None of its tokens opens a room any more. It cannot be undone; the operator still finds its records in the audit
/// trail.
#[utoipa::path(delete, path = "/v1/apps/{app}", tag = "apps",
    params(("app" = u32, Path)),
    responses((status = 204)))]
pub(crate) async fn delete(
    audited: Audited,
    Path(app): Path<AppId>,
    seen: IfMatch,
) -> Result<StatusCode, ApiError> {
    audited.caller.may_everywhere(Scope::DeploymentAdmin)?;
    let mut tx = audited.state.store.begin().await?;
    seen.check(&tag(&app_in(&mut tx, app).await?))?;
    if !tx.delete_app(app).await? {
        return Err(app_unknown());
    }
    tx.add_record(audited.record(app, "app.delete")).await?;
    audited.state.doors.commit(tx, app, News::Gone).await?;
    Ok(StatusCode::NO_CONTENT)
}
