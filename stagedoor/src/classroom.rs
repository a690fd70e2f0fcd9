//! The classroom that `stagedoor dev` serves: an app of its own, with the ready set of roles.

use anyhow::{Context, ensure};
use axum::{
    body::Body,
    http::{Request, header},
};
use serde::{Deserialize, Serialize};
use stagedoor_server::{Scope, Server};
use tower::ServiceExt;

const ROLES: &str = include_str!("../../examples/roles/classroom.json");

/// What is remembered of it. The API key can do only what the backend needs.
#[derive(Serialize, Deserialize)]
pub(crate) struct Classroom {
    app: u32,
    api_key: String,
}

impl Classroom {
    /// Serves it from now on.
    pub(crate) fn open(&self, server: &Server) {
        let backend = stagedoor_classroom::router(server.router(), self.app, self.api_key.clone());
        server.show_classroom(backend);
    }
}

/// Whether an earlier start made it and it is still there.
pub(crate) async fn is_usable(server: &Server, earlier: Option<&Classroom>) -> bool {
    match earlier {
        Some(earlier) => server.knows(&earlier.api_key).await,
        None => false,
    }
}

/// Makes its app, and gives it its roles as a backend would.
pub(crate) async fn make(server: &Server) -> anyhow::Result<Classroom> {
    let app = server.create_app("classroom").await?.app;
    let admin = server.create_api_key(app, "roles", &[Scope::AppsAdmin]).await?;
    let call = |method, path: String, body| {
        Request::builder()
            .method(method)
            .uri(format!("/v1/apps/{app}/{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", admin.api_key))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
    };
    let roles = call("PUT", "roles".into(), Body::from(format!("{{\"roles\":{ROLES}}}")))?;
    let over = call("DELETE", format!("api-keys/{}", admin.id), Body::empty())?;
    for request in [roles, over] {
        let status = server.router().oneshot(request).await.context("the API")?.status();
        ensure!(status.is_success(), "the classroom's app could not be set up: {status}");
    }
    let scopes = [Scope::TokensMint, Scope::TokensRevoke];
    let api_key = server.create_api_key(app, "classroom", &scopes).await?.api_key;
    Ok(Classroom { app, api_key })
}
