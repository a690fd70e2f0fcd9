//! A webinar with real input: a host publishes a clip that `ffmpeg` made, two hundred audience members
//! receive it byte for byte, some late, one slowly; and everybody who tries more than its token allows is
//! refused with the right code.
//!
//! [`run()`] puts it together.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. `report`: what came of it, compared with what had to.
//! 2. `people`: the host, the audience, and those who try more than they may.
//! 3. `backend`: a small backend: it asks the server for tokens over HTTP, as an application's would.
//! 4. `clip`: a real clip: made by `ffmpeg`, VP8 in IVF, a keyframe every second.
//! 5. `stage`: starts a server as a newcomer would: `stagedoor dev`.

mod backend;
mod clip;
mod people;
mod report;
mod stage;

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use tokio::sync::watch;

pub use report::Report;

use crate::{backend::Backend, clip::Clip, people::Watched, report::compare, stage::Stage};

/// How large the webinar is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Audience members, all told.
    pub audience: usize,
    /// Of them, those that come when half of the clip is over.
    pub late: usize,
    /// How long the clip is, in seconds.
    pub seconds: u32,
}

impl Default for Size {
    fn default() -> Self {
        Self { audience: 200, late: 20, seconds: 8 }
    }
}

/// Holds the webinar from beginning to end.
pub async fn run(size: Size) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let clip = Arc::new(Clip::make(folder.path(), size.seconds).await?);
    let stage = Stage::start(folder.path()).await?;
    let backend = Arc::new(Backend::new(&stage));
    let mut report = Report::new(&clip);

    // Who watches says when it is ready, and the host waits for that.
    let (begun, mut ready) = watch::channel(0_usize);
    let early = size.audience - size.late;
    let mut watching = Vec::new();
    for at in 0..early {
        let slow = at == 0;
        watching.push(tokio::spawn(people::watch(
            backend.clone(),
            format!("audience-{at}"),
            slow,
            begun.clone(),
        )));
    }
    ready.wait_for(|ready| *ready >= early).await?;

    let (half, mut half_over) = watch::channel(false);
    let hosting = tokio::spawn(people::host(backend.clone(), clip.clone(), half));
    half_over.wait_for(|over| *over).await?;
    for at in early..size.audience {
        watching.push(tokio::spawn(people::watch(
            backend.clone(),
            format!("audience-{at}"),
            false,
            begun.clone(),
        )));
    }
    report.intruders(&people::intrude(&backend, &stage).await?);
    hosting.await??;

    let mut watched: Vec<Watched> = Vec::new();
    for member in watching {
        watched.push(tokio::time::timeout(Duration::from_secs(60), member).await???);
    }
    compare(&mut report, &clip, &watched, early);
    report.left_behind(&stage.left_behind().await?);
    stage.stop().await?;
    Ok(report)
}
