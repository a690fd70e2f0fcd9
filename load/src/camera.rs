//! A member that publishes a picture and a sound as an encoder makes them: large keyframes, one each two seconds and when
//! one is wanted, and small frames of sound.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use stagedoor_wire::frame::FrameHeader;

use crate::{
    dialect::{Target, Who},
    error::LoadError,
    frames::{BINARY, MARK_BYTES, Mark, PONG, TEXT, put_client_frame},
    join::join,
    link::Link,
    reader::{Framing, Heard, Reader},
};

/// The room.
pub(crate) const ROOM: &str = "line";
/// The sender in the marks of the picture.
pub(crate) const PICTURE: usize = 0;
/// The sender in the marks of the sound.
pub(crate) const SOUND: usize = 1;

const NAMES: [&str; 2] = ["cam", "mic"];

/// Thirty pictures a second.
const PICTURE_INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// Of the sound, at 32 kbit/s.
const SOUND_INTERVAL: Duration = Duration::from_millis(20);
const SOUND_BYTES: usize = 80;
/// Pictures from one keyframe to the next, if none is wanted before.
const KEYFRAME_EACH: u64 = 60;
const KEYFRAME_BYTES: usize = 40_000;
/// So that the picture takes 1,500 kbit/s: 375,000 bytes in two seconds, one keyframe among them.
const PICTURE_BYTES: usize = (375_000 - KEYFRAME_BYTES) / 59;

/// The member.
pub(crate) struct Camera {
    tcp: TcpStream,
    numbers: [u32; 2],
    begun: Instant,
    reader: Reader,
}

impl Camera {
    /// Joins and publishes. `begun` is the start of the run's clock.
    pub(crate) fn open(target: &Target, begun: Instant) -> Result<Self, LoadError> {
        let who = Who {
            room: ROOM.into(),
            user: "camera".into(),
            publishes: true,
            hears: false,
            delivery: "reliable",
            receive_buffer_bytes: None,
        };
        let mut link = Link::open(target, 0, &who)?;
        join(&target.dialect, &mut link, &who)?;
        let mut publish = |name: &str, kind: &str| {
            let request = format!(r#"{{"op":"publish","id":4,"stream":"{name}","kind":"{kind}"}}"#);
            let answer = link.ask(&request)?;
            let number = answer["stream"].as_u64().and_then(|number| u32::try_from(number).ok());
            number.ok_or_else(|| LoadError::Server("named no stream".into()))
        };
        let numbers = [publish(NAMES[PICTURE], "video")?, publish(NAMES[SOUND], "audio")?];
        let (tcp, _) = link.into_parts();
        Ok(Self { tcp, numbers, begun, reader: Reader::default() })
    }

    /// The numbers of picture and sound.
    pub(crate) fn streams(&self) -> [u32; 2] {
        self.numbers
    }

    /// Publishes until it is stopped; returns how many frames of each there were.
    pub(crate) fn film(mut self, stop: &AtomicBool) -> Result<[u64; 2], LoadError> {
        let mut due = [self.begun.elapsed(); 2];
        let mut seqs = [0; 2];
        let mut keyframe_in = 0;
        while !stop.load(Ordering::Relaxed) {
            let part = usize::from(due[SOUND] < due[PICTURE]);
            if self.hear_until(self.begun + due[part])? {
                keyframe_in = 0;
            }
            let is_keyframe = part == SOUND || keyframe_in == 0;
            let bytes = match (part, is_keyframe) {
                (SOUND, _) => SOUND_BYTES,
                (_, true) => KEYFRAME_BYTES,
                (_, false) => PICTURE_BYTES,
            };
            let mark =
                Mark { sender: part as u32, seq: seqs[part], due_ns: due[part].as_nanos() as u64 };
            self.put(part, is_keyframe, mark, bytes)?;
            seqs[part] += 1;
            if part == PICTURE {
                keyframe_in = if is_keyframe { KEYFRAME_EACH - 1 } else { keyframe_in - 1 };
            }
            due[part] += if part == SOUND { SOUND_INTERVAL } else { PICTURE_INTERVAL };
        }
        for name in NAMES {
            let request = format!(r#"{{"op":"unpublish","id":5,"stream":"{name}"}}"#);
            let mut frame = Vec::new();
            put_client_frame(&mut frame, TEXT, &[request.as_bytes()]);
            self.tcp.write_all(&frame)?;
        }
        Ok(seqs)
    }

    fn put(
        &mut self,
        part: usize,
        keyframe: bool,
        mark: Mark,
        bytes: usize,
    ) -> Result<(), LoadError> {
        let header = FrameHeader { keyframe, stream: self.numbers[part] }.to_bytes();
        let filling = vec![0x5d; bytes - MARK_BYTES];
        let mut frame = Vec::with_capacity(bytes + 32);
        put_client_frame(&mut frame, BINARY, &[&header, &mark.to_bytes(), &filling]);
        Ok(self.tcp.write_all(&frame)?)
    }

    /// Listens until this moment; `true` if a keyframe is wanted.
    fn hear_until(&mut self, until: Instant) -> Result<bool, LoadError> {
        let mut buffer = [0; 4_096];
        let mut wanted = false;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(wanted);
            }
            self.tcp.set_read_timeout(Some(left))?;
            let bytes = match self.tcp.read(&mut buffer) {
                Ok(0) => return Err(LoadError::Server("closed the camera's connection".into())),
                Ok(bytes) => bytes,
                Err(error) if is_timeout(&error) => return Ok(wanted),
                Err(error) => return Err(error.into()),
            };
            let mut pinged = false;
            self.reader.take(Framing::Frame { skip: 0 }, &buffer[..bytes], |heard| match heard {
                Heard::Text(text) => {
                    wanted |= text.windows(15).any(|part| part == b"keyframe_wanted");
                }
                Heard::Ping => pinged = true,
                _ => {}
            });
            if pinged {
                let mut pong = Vec::new();
                put_client_frame(&mut pong, PONG, &[]);
                self.tcp.write_all(&pong)?;
            }
        }
    }
}

/// Whether a read came to its time limit.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
