//! A client of the HTTP API on one connection that stays open, for tests of many thousand requests.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::member::PATIENCE;

/// The connection.
#[derive(Debug)]
pub struct Steady(BufReader<TcpStream>);

impl Steady {
    /// Connects to the API.
    pub async fn connect(to: SocketAddr) -> Result<Self> {
        let tcp = TcpStream::connect(to).await?;
        tcp.set_nodelay(true)?;
        Ok(Self(BufReader::new(tcp)))
    }

    /// Sends a request with a credential, and a JSON body or none; returns the status and the body.
    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        credential: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {credential}\r\n{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        timeout(PATIENCE, async {
            self.0.get_mut().write_all(request.as_bytes()).await?;
            self.answer().await
        })
        .await
        .context("no answer in time")?
    }

    async fn answer(&mut self) -> Result<(u16, Value)> {
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await?;
            anyhow::ensure!(!line.is_empty(), "the connection ended");
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if status.is_none() {
                status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
        Ok((status.context("a status")?, body))
    }
}
