//! A member on a bare socket that reads nothing on its own.

use anyhow::{Context, Result, ensure};
use stagedoor_tests::{Stage, member::PATIENCE, raw_to};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

/// Reads until a text has arrived.
pub(crate) async fn read_until(tcp: &mut TcpStream, text: &str) -> Result<()> {
    let mut heard = Vec::new();
    let reading = async {
        // The end of what was heard is looked at again, as the text may come in two pieces.
        while !heard.windows(text.len()).any(|at| at == text.as_bytes()) {
            let seen = heard.len().saturating_sub(text.len());
            heard.drain(..seen);
            ensure!(tcp.read_buf(&mut heard).await? > 0, "the connection is closed");
        }
        Ok(())
    };
    timeout(6 * PATIENCE, reading).await.with_context(|| format!("{text} never came"))?
}

/// A member that has logged in and read no answer; its kernel's buffer is small.
pub(crate) async fn raw(stage: &Stage, room: &str, user: &str, role: &str) -> Result<TcpStream> {
    raw_to(stage.running.http, &stage.token(room, user, role)?).await
}

/// A short text as a client's frame, masked with zeros.
pub(crate) fn masked(text: &str) -> Vec<u8> {
    assert!(text.len() < 126);
    [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat()
}
