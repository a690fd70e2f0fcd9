//! A small backend: it asks the server for tokens over HTTP, as an application's would.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stage::Stage;

/// The room of the webinar.
pub(crate) const ROOM: &str = "webinar";

/// The backend.
pub(crate) struct Backend {
    host: String,
    app: u32,
    api_key: String,
    /// Where members connect.
    pub(crate) connect: String,
}

impl Backend {
    pub(crate) fn new(stage: &Stage) -> Self {
        Self {
            host: stage.told.url.trim_start_matches("http://").into(),
            app: stage.told.app,
            api_key: stage.told.api_key.clone(),
            connect: stage.told.connect.clone(),
        }
    }

    /// A token for a user of the webinar's room.
    pub(crate) async fn token(&self, user: &str, role: &str, ttl_s: u64) -> Result<String> {
        let body = json!({"room": ROOM, "user": user, "role": role, "ttl_s": ttl_s}).to_string();
        let request = format!(
            "POST /v1/apps/{}/tokens HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.app,
            self.host,
            self.api_key,
            body.len()
        );
        let mut tcp = TcpStream::connect(&self.host).await?;
        tcp.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await?;
        ensure!(
            answer.starts_with("HTTP/1.1 201"),
            "no token: {}",
            answer.lines().next().unwrap_or_default()
        );
        let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).context("a body")?)?;
        Ok(body["token"].as_str().context("a token")?.to_owned())
    }
}
