//! Whatever the text: what reads as a credential is one that would be written, what is found is in the text, and
//! nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stagedoor_token::{
    Credential, CredentialError, checked_secret, find_credentials, secret_of_text,
};

fuzz_target!(|text: &str| {
    match Credential::parse(text) {
        Ok(credential) => {
            assert_eq!(credential.expose(), text);
            assert!(text.starts_with(credential.kind().prefix()));
            assert!(!format!("{credential:?}").contains(&text[22..]));
            assert_eq!(find_credentials(text).collect::<Vec<_>>(), [text]);
        }
        Err(CredentialError::Form | CredentialError::Check) => {}
        Err(other) => panic!("{other:?}"),
    }
    if let Ok(secret) = secret_of_text(text)
        && text.starts_with("sdsec_")
        && let Ok(secret) = <&[u8; 32]>::try_from(&*secret)
        && text.len() == 55
    {
        assert_eq!(checked_secret(secret), text);
    }
    let mut rest = text;
    for found in find_credentials(text) {
        let at = rest.find(found).expect("in the text, in order");
        rest = &rest[at + found.len()..];
    }
    // Each text has a credential next to it that is found, whatever stands before.
    if let Some(secret) = text.as_bytes().first_chunk() {
        let secret = checked_secret(secret);
        let with = format!("{text}\n{secret}");
        assert_eq!(find_credentials(&with).last(), Some(&*secret));
    }
});
