//! Any bytes are a data frame or are refused, and a frame has one form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_wire::frame::FrameHeader;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((header, payload)) = FrameHeader::parse(bytes) {
        let mut again = header.to_bytes().to_vec();
        again.extend_from_slice(payload);
        assert_eq!(again, bytes);
    }
});
