//! Decodes what a member sends.

use std::hint::black_box;

use anyhow::{Result, ensure};
use stagedoor_wire::{frame::FrameHeader, request::Request};

use crate::count::{Path, repeat_alone};

/// The wire's paths.
pub(crate) const PATHS: &[Path] = &[
    ("decode_64_headers", headers),
    ("decode_publish", || {
        request(r#"{"op":"publish","id":3,"stream":"cam-8f14e45f","kind":"video"}"#)
    }),
    ("decode_subscribe", || {
        request(r#"{"op":"subscribe","id":4,"streams":["cam-*","screen-main"]}"#)
    }),
    ("decode_send", || {
        request(
            r#"{"op":"send","id":5,"to":"room","topic":"chat","data":{"text":"Good evening, all!"}}"#,
        )
    }),
    ("decode_set", || {
        request(r#"{"op":"set","id":6,"key":"slide","value":{"page":12},"if_version":41}"#)
    }),
    ("refuse_65_kib", refuses),
];

fn headers() -> Result<()> {
    let frame = |stream| {
        let mut frame = FrameHeader { keyframe: stream % 8 == 0, stream }.to_bytes().to_vec();
        frame.resize(64, 0x5d);
        frame
    };
    let frames: Vec<Vec<u8>> = (1..=64).map(frame).collect();
    ensure!(frames.iter().all(|frame| FrameHeader::parse(frame).is_ok()), "a header is refused");
    repeat_alone(|| {
        for frame in &frames {
            black_box(FrameHeader::parse(black_box(frame))).ok();
        }
    });
    Ok(())
}

fn request(text: &str) -> Result<()> {
    ensure!(Request::parse(text).is_ok(), "{text} is refused");
    repeat_alone(|| Request::parse(black_box(text)));
    Ok(())
}

/// The most expensive request that a member can send: refused for its very end.
fn refuses() -> Result<()> {
    let mut text = r#"{"op":"subscribe","id":7,"streams":["#.to_owned();
    while text.len() < 65_530 {
        text += r#""a","#;
    }
    text += "0]}";
    ensure!(Request::parse(&text).is_err(), "it is taken");
    repeat_alone(|| Request::parse(black_box(&text)));
    Ok(())
}
