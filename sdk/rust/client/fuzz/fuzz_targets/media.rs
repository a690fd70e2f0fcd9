//! Any bytes are a payload of audio or video or are refused; what is read is written and read again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_client::media::MediaFrame;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = MediaFrame::read(bytes) {
        let written = frame.to_bytes().expect("what is read can be written");
        assert_eq!(MediaFrame::read(&written), Ok(frame));
    }
});
