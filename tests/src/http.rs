//! A client of the HTTP API that returns the complete answer.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;
use stagedoor_token::Credential;

use crate::{
    answer::Answer,
    contract,
    member::{PATIENCE, http},
};

/// A caller with its credential.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The API's address.
    pub to: SocketAddr,
    /// The credential; empty for none.
    pub credential: String,
}

impl Caller {
    /// The id of its credential.
    pub fn id(&self) -> Result<&str> {
        Ok(Credential::parse(&self.credential)?.id())
    }

    /// Sends a request with a JSON body, or none.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        self.ask_with(method, path, "", body.map(ToString::to_string).as_deref()).await
    }

    /// Sends a request with further header fields (each ends with CRLF) and a raw body.
    pub async fn ask_with(
        &self,
        method: &str,
        path: &str,
        fields: &str,
        body: Option<&str>,
    ) -> Result<Answer> {
        let request = self.written(method, path, fields, body);
        let text = http(self.to, &request).await?;
        let (head, body) = text.split_once("\r\n\r\n").context("an answer")?;
        let status = head.split(' ').nth(1).context("a status")?.parse()?;
        let body = serde_json::from_str(body).unwrap_or(Value::Null);
        let answer = Answer { status, head: head.into(), body };
        contract::check(method, path, &answer)?;
        Ok(answer)
    }

    /// A request as sent over the socket.
    fn written(&self, method: &str, path: &str, fields: &str, body: Option<&str>) -> String {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{fields}");
        if !self.credential.is_empty() {
            request += &format!("Authorization: Bearer {}\r\n", self.credential);
        }
        if let Some(body) = body {
            if !fields.to_ascii_lowercase().contains("content-type") {
                request += "Content-Type: application/json\r\n";
            }
            request + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
        } else {
            request + "\r\n"
        }
    }

    /// Sends a request and hangs up after a while; returns the status if the answer began before.
    pub async fn break_off(
        &self,
        method: &str,
        path: &str,
        fields: &str,
        body: Option<&Value>,
        after: Duration,
    ) -> Result<Option<u16>> {
        let body = body.map(ToString::to_string);
        let (to, request) = (self.to, self.written(method, path, fields, body.as_deref()));
        // In a thread, because the runtime's timers are no finer than a millisecond.
        let broken_off = tokio::task::spawn_blocking(move || -> std::io::Result<Option<u16>> {
            let mut tcp = std::net::TcpStream::connect(to)?;
            tcp.write_all(request.as_bytes())?;
            std::thread::sleep(after);
            tcp.set_nonblocking(true)?;
            let mut head = [0; 12];
            let begun = tcp.read_exact(&mut head).is_ok();
            let status = std::str::from_utf8(&head[9..]).ok().and_then(|text| text.parse().ok());
            Ok(status.filter(|_| begun))
        });
        Ok(broken_off.await??)
    }

    /// Sends a request that must be answered with this status; returns the body.
    pub async fn get(
        &self,
        status: u16,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        let answer = self.ask(method, path, body).await?;
        anyhow::ensure!(
            answer.status == status,
            "{method} {path}: {} {}",
            answer.head,
            answer.body
        );
        Ok(answer.body)
    }

    /// A page of at least this many records of the audit trail. The relay's events are recorded a moment after they
    /// happen, without a signal, so this polls.
    pub async fn records(&self, path: &str, count: usize) -> Result<Vec<Value>> {
        let patience = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mut page = self.get(200, "GET", path, None).await?;
            let records = page["items"].as_array_mut().context("records")?;
            if records.len() >= count {
                return Ok(std::mem::take(records));
            }
            let late = tokio::time::Instant::now() >= patience;
            anyhow::ensure!(!late, "{path}: {count} records expected, {records:?} found");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
