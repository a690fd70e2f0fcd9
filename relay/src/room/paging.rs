//! How much of a list fits into one message. Pure.

use stagedoor_wire::{
    event::Asked,
    member::{Member, StreamInfo},
};

/// The size of a list entry besides its texts: field names, numbers, quotes.
pub(super) const ENTRY_BYTES: usize = 160;

/// The length of a text in JSON, without its quotes.
fn text_bytes(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\t' | b'\n' | b'\r' | 8 | 12 => 1,
        ..0x20 => 5,
        _ => 0,
    });
    text.len() + escaped.sum::<usize>()
}

/// The length of a member in JSON, at most.
pub(crate) fn member_bytes(member: &Member) -> usize {
    let Member { user, role, name, meta } = member;
    let texts = [Some(user), Some(role), name.as_ref(), meta.as_ref()];
    ENTRY_BYTES + texts.into_iter().flatten().map(|text| text_bytes(text)).sum::<usize>()
}

/// The length of a stream in JSON, at most.
pub(crate) fn stream_bytes(info: &StreamInfo) -> usize {
    let StreamInfo { name, user, role, meta, .. } = info;
    let meta = meta.as_ref().map_or(0, |meta| text_bytes(meta));
    ENTRY_BYTES + name.len() + text_bytes(user) + role.len() + meta
}

/// As many items as fit, but at least one if `must_go_on`; and whether there are more.
pub(super) fn fitting<T>(
    items: impl Iterator<Item = T>,
    bytes_max: usize,
    must_go_on: bool,
    bytes_of: impl Fn(&T) -> usize,
) -> (Vec<T>, bool) {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for item in items {
        bytes += bytes_of(&item);
        if bytes > bytes_max && !(must_go_on && page.is_empty()) {
            return (page, true);
        }
        page.push(item);
    }
    (page, false)
}

/// The length of a request in JSON, at most.
pub(super) fn asked_bytes(ask: &Asked) -> usize {
    member_bytes(&ask.member) + ask.wants.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use stagedoor_wire::event::Event;

    use super::*;
    use crate::log::encode;

    #[test]
    fn a_page_holds_what_fits_and_at_least_one_if_it_must() {
        let page = |items: &[usize], must_go_on| {
            fitting(items.iter().copied(), 10, must_go_on, |bytes| *bytes)
        };
        assert_eq!(page(&[4, 6, 1], false), (vec![4, 6], true));
        assert_eq!(page(&[4, 6], false), (vec![4, 6], false));
        assert_eq!(page(&[11, 1], false), (vec![], true));
        assert_eq!(page(&[11, 1], true), (vec![11], true));
        assert_eq!(page(&[], true), (vec![], false));
    }

    #[test]
    fn an_entry_is_no_longer_than_estimated() {
        let text = "\u{1}\"\\é\n".repeat(9);
        let member = Member {
            user: text.clone(),
            role: "host".into(),
            name: Some(text.clone()),
            meta: Some(text),
        };
        let asked = Asked { member: member.clone(), wants: Some("speaker".into()) };
        let event = encode::json(&Event::<()>::Asked { ask: asked.clone() });
        assert!(event.len() <= asked_bytes(&asked), "{}", event.len());
        assert!(event.len() + ENTRY_BYTES > asked_bytes(&asked), "{}", event.len());
    }
}
