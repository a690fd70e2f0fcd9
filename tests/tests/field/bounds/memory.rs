//! The process's memory: above its limit new members are refused, and nobody is removed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Member, Stage, member::PATIENCE};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

const MIB: usize = 1 << 20;

/// Memory that is really used, not only reserved.
fn fill(bytes: usize) -> Vec<u8> {
    let mut memory = vec![0; bytes];
    memory.iter_mut().step_by(1_024).for_each(|byte| *byte = 1);
    memory
}

/// A login's code, and its close.
async fn refused(stage: &Stage, room: &str) -> Result<Option<(String, u16)>> {
    let mut member = stage.connect().await?;
    let token = stage.token(room, "late", "host")?;
    let answer = member.ask(json!({"op": "login", "token": token})).await?;
    let Some(code) = answer["error"]["code"].as_str().map(ToOwned::to_owned) else {
        return Ok(None);
    };
    Ok(Some((code, member.closed().await?.code)))
}

async fn publish(member: &mut Member, stream: &str) -> Result<Value> {
    member.ask(json!({"op": "publish", "stream": stream, "kind": "data"})).await
}

/// The status line of a handshake with a token.
async fn handshake(stage: &Stage) -> Result<String> {
    let mut tcp = TcpStream::connect(stage.running.http).await?;
    let head = format!(
        "GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: stagedoor.v1\r\nAuthorization: Bearer {}\r\n\r\n",
        stage.token("lobby", "late", "host")?
    );
    tcp.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    timeout(PATIENCE, tcp.read_to_string(&mut answer)).await??;
    Ok(answer)
}

#[tokio::test]
async fn above_the_memory_limit_new_members_are_refused() -> Result<()> {
    let own = Stage::start().await?.metric("stagedoor_relay_memory_bytes").await?;
    // Other tests in this process use memory too.
    let stage = Stage::with(|limits| limits.memory_bytes_max = own + 300 * MIB as u64).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "host").await?;
    let number = anna.publish("before", json!({})).await?;
    bob.subscribe(&["*"]).await?;

    let memory = fill(700 * MIB);
    // A recent reading is used for a moment.
    let noticed = async {
        while refused(&stage, "lobby").await?.is_none() {
            sleep(Duration::from_millis(5)).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, noticed).await.context("it is noticed")??;
    for room in ["lobby", "another"] {
        let refused = refused(&stage, room).await?;
        assert_eq!(refused, Some(("memory_exceeded".into(), 4107)), "{room}");
    }
    let answer = handshake(&stage).await?;
    ensure!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After"), "{answer}");
    ensure!(answer.contains("memory_exceeded"), "{answer}");
    let refused_stream = publish(&mut anna, "more").await?;
    assert_eq!(refused_stream["error"]["code"], "memory_exceeded");
    // Members who are already there continue.
    anna.frame(number, false, b"still").await?;
    assert_eq!(bob.next_frame().await?.2, &b"still"[..]);
    anna.ok(json!({"op": "send", "to": "room", "data": 1})).await?;
    anna.ok(json!({"op": "set", "key": "k", "value": 1})).await?;

    drop(memory);
    let again = async {
        while publish(&mut anna, "more").await?.get("ok").is_none() {
            sleep(Duration::from_millis(5)).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, again).await.context("there is memory again")??;
    assert_eq!(refused(&stage, "another").await?, None);
    Ok(())
}
