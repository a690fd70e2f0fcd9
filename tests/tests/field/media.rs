//! What live video needs of the wire: keyframes on demand, and knowing whether anybody looks.

#[path = "media/behind.rs"]
mod behind;
#[path = "media/urgent.rs"]
mod urgent;
#[path = "media/watched.rs"]
mod watched;
#[path = "media/wishes.rs"]
mod wishes;

use anyhow::Result;
use serde_json::{Value, json};
use stagedoor_tests::{Heard, Member};

/// How many events of this name the member has, after everything that is due to it.
async fn count(member: &mut Member, name: &str) -> Result<usize> {
    // What the first answer overtook precedes the second.
    member.ok(json!({"op": "ping"})).await?;
    member.ok(json!({"op": "ping"})).await?;
    let is_one = |heard: &&Heard| matches!(heard, Heard::Control(value) if value["ev"] == name);
    Ok(member.unheard().filter(is_one).count())
}

/// Whether an event is about this stream.
fn is_about(event: &Value, stream: u32, name: &str) -> bool {
    event["stream"] == stream && event["name"] == name && event.get("n").is_none()
}
