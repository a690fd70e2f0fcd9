//! `spec/vectors/media/` against this crate.

// What reads a file here fails as tests do.
#![allow(clippy::expect_used, clippy::panic)]

use std::path::Path;

use serde::Deserialize;
use stagedoor_client::media::{AudioLevel, MediaFrame};

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    hex: String,
    read: Option<Read>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Read {
    timestamp_us: u64,
    audio_level: Option<Level>,
    video_config: Option<String>,
    audio_config: Option<String>,
    data: String,
}

#[derive(Deserialize)]
struct Level {
    voice: bool,
    level: u8,
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).expect("hex") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn each_payload_is_read_or_refused_as_the_vectors_say() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../spec/vectors/media/payloads.json");
    let text = std::fs::read_to_string(path).expect("the file is there");
    let Cases { cases } = serde_json::from_str(&text).expect("the file reads");
    assert!(cases.len() >= 30);
    for case in cases {
        let payload = bytes(&case.hex);
        let frame = match (MediaFrame::read(&payload), case.read) {
            (Ok(frame), Some(read)) => {
                let level =
                    read.audio_level.map(|Level { voice, level }| AudioLevel { voice, level });
                let config = |hex: Option<String>| hex.map(|hex| bytes(&hex));
                let (video, audio) = (config(read.video_config), config(read.audio_config));
                assert_eq!(frame.timestamp_us, read.timestamp_us, "{}", case.name);
                assert_eq!(frame.audio_level, level, "{}", case.name);
                assert_eq!(frame.video_config, video.as_deref(), "{}", case.name);
                assert_eq!(frame.audio_config, audio.as_deref(), "{}", case.name);
                assert_eq!(frame.data, bytes(&read.data), "{}", case.name);
                frame
            }
            (Err(error), None) => {
                assert_eq!(Some(error.code()), case.error.as_deref(), "{}", case.name);
                continue;
            }
            (read, _) => panic!("{}: {read:?}", case.name),
        };
        let written = frame.to_bytes().expect("what was read can be written");
        assert_eq!(MediaFrame::read(&written), Ok(frame), "{}", case.name);
    }
}
