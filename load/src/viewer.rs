//! A member that reads a picture and a sound: how old each frame is when it comes, and whether every frame that did not
//! come was told.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde_json::Value;
use stagedoor_wire::frame::FRAME_HEADER_BYTES;

use crate::{
    camera::{PICTURE, SOUND, is_timeout},
    error::LoadError,
    frames::{Mark, PONG, put_client_frame},
    link::Link,
    outcome::Faults,
    reader::{Framing, Heard, Reader},
    watch::Watch,
};

/// How often the age of the picture that is shown is noted.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
const FRAMING: Framing = Framing::Frame { skip: FRAME_HEADER_BYTES };

/// One of its two streams.
#[derive(Default)]
struct Part {
    number: u32,
    /// The number of the next frame, as the sender counts.
    next: u64,
    /// Frames that did not come before a later one, and those that the server said were lost.
    missing: u64,
    told: u64,
    times: Option<Histogram<u64>>,
}

impl Part {
    /// Frames that came or were said to be lost, with those before the first.
    fn accounted(&self) -> u64 {
        self.next + self.told.saturating_sub(self.missing)
    }
}

/// The member.
pub(crate) struct Viewer {
    tcp: TcpStream,
    reader: Reader,
    begun: Instant,
    parts: [Part; 2],
    /// When the picture that is shown was due.
    shown_ns: u64,
    shown: Option<Histogram<u64>>,
    /// Frames that came.
    pub(crate) delivered: u64,
    /// What must not happen, but for frames that are missing.
    pub(crate) faults: Faults,
}

impl Viewer {
    /// A member that has subscribed; the streams are those of picture and sound.
    pub(crate) fn new(
        link: Link,
        [picture, sound]: [u32; 2],
        begun: Instant,
    ) -> Result<Self, LoadError> {
        let (tcp, ahead) = link.into_parts();
        tcp.set_read_timeout(Some(LOOK_INTERVAL))?;
        let part = |number| Part { number, ..Part::default() };
        let mut viewer = Self {
            tcp,
            reader: Reader::default(),
            begun,
            parts: [part(picture), part(sound)],
            shown_ns: 0,
            shown: None,
            delivered: 0,
            faults: Faults::default(),
        };
        viewer.take(&ahead)?;
        Ok(viewer)
    }

    /// Notes times from now on: of frames of picture and sound, and of the picture that is shown.
    pub(crate) fn note_times(
        &mut self,
        picture: Histogram<u64>,
        sound: Histogram<u64>,
        shown: Histogram<u64>,
    ) {
        self.parts[PICTURE].times = Some(picture);
        self.parts[SOUND].times = Some(sound);
        self.shown = Some(shown);
    }

    /// How old frames were when they came.
    pub(crate) fn times(&self, part: usize) -> Option<&Histogram<u64>> {
        self.parts[part].times.as_ref()
    }

    /// How old the picture was that was shown, at all times.
    pub(crate) fn shown(&self) -> Option<&Histogram<u64>> {
        self.shown.as_ref()
    }

    /// Frames that the server said were lost.
    pub(crate) fn told_lost(&self) -> u64 {
        self.parts.iter().map(|part| part.told).sum()
    }

    /// Frames that are missing although the server did not say so.
    pub(crate) fn untold(&self) -> u64 {
        self.parts.iter().map(|part| part.missing.saturating_sub(part.told)).sum()
    }

    /// Reads until this moment.
    pub(crate) fn watch_until(
        &mut self,
        end: Instant,
        watch: &mut Watch<'_>,
        phase: &'static str,
    ) -> Result<(), LoadError> {
        watch.phase(phase, end, self.delivered);
        let mut look = Instant::now();
        while Instant::now() < end {
            self.read()?;
            let now = Instant::now();
            watch.look(now, self.delivered);
            if now >= look {
                look = now + LOOK_INTERVAL;
                let age_ns = (now - self.begun).as_nanos() as u64 - self.shown_ns;
                if let Some(shown) = &mut self.shown {
                    shown.saturating_record(age_ns / 1_000);
                }
            }
        }
        Ok(())
    }

    /// Reads what is under way, without noting times; `sent` is how many frames of picture and sound there were.
    pub(crate) fn drain(&mut self, sent: [u64; 2], end: Instant) -> Result<(), LoadError> {
        let kept = [PICTURE, SOUND].map(|part| self.parts[part].times.take());
        while self.parts.iter().zip(sent).any(|(part, sent)| part.accounted() < sent) {
            if Instant::now() > end {
                // What has not come is missing.
                for (part, sent) in self.parts.iter_mut().zip(sent) {
                    part.missing += sent.saturating_sub(part.next);
                }
                break;
            }
            self.read()?;
        }
        for (part, times) in self.parts.iter_mut().zip(kept) {
            part.times = times;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), LoadError> {
        let mut buffer = [0; 16_384];
        match self.tcp.read(&mut buffer) {
            Ok(0) => Err(LoadError::Server("closed the viewer's connection".into())),
            Ok(bytes) => self.take(&buffer[..bytes]),
            Err(error) if is_timeout(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut reader = std::mem::take(&mut self.reader);
        let (now_ns, mut pinged) = (self.begun.elapsed().as_nanos() as u64, false);
        reader.take(FRAMING, bytes, |heard| match heard {
            Heard::Frame(mark) => self.frame(mark, now_ns),
            Heard::Text(text) => self.text(text),
            Heard::Ping => pinged = true,
            Heard::Close(_) => self.faults.closed += 1,
            Heard::Garbage => self.faults.garbage += 1,
        });
        self.reader = reader;
        if pinged {
            let mut pong = Vec::new();
            put_client_frame(&mut pong, PONG, &[]);
            self.tcp.write_all(&pong)?;
        }
        Ok(())
    }

    fn frame(&mut self, mark: Mark, now_ns: u64) {
        let Some(part) = self.parts.get_mut(mark.sender as usize) else {
            self.faults.foreign += 1;
            return;
        };
        let Some(missing) = mark.seq.checked_sub(part.next) else {
            self.faults.out_of_order += 1;
            return;
        };
        // It begins where the server lets it: what came before its first frame is no loss.
        if part.next > 0 {
            part.missing += missing;
        }
        part.next = mark.seq + 1;
        self.delivered += 1;
        if let Some(times) = &mut part.times {
            times.saturating_record(now_ns.saturating_sub(mark.due_ns) / 1_000);
        }
        if mark.sender as usize == PICTURE {
            self.shown_ns = mark.due_ns;
        }
    }

    fn text(&mut self, text: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Value>(text) else { return };
        if event["ev"] != "lagged" {
            return;
        }
        let part = self.parts.iter_mut().find(|part| event["stream"] == part.number);
        match (part, event["lost"].as_u64()) {
            (Some(part), Some(lost)) => part.told += lost,
            _ => self.faults.foreign += 1,
        }
    }
}
