//! Any bytes are the form of a token request, or are refused; what is read is what another parser reads, and a client
//! shows itself in one way. The file is taken as it is: the whole server would take minutes to build.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "the server uses the rest")]
#[path = "../../src/routes/oauth/form.rs"]
mod form;

use form::{Form, Shown};

fuzz_target!(|request: (&[u8], Option<&[u8]>)| {
    let (body, authorization) = request;
    let Ok(form) = Form::parse(body) else { return };
    let mut names = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        let read = form.get(&name).unwrap_or_default();
        assert_eq!(read, value, "the same as elsewhere");
        assert!(names.insert(name.into_owned(), ()).is_none(), "each once");
    }
    assert!(names.len() <= form::PARAMETERS_MAX);
    if let Ok(Shown::Post { id, secret }) = Shown::of(authorization.into_iter(), &form) {
        assert!(authorization.is_none(), "in one way");
        assert_eq!(form.get("client_id"), Some(&*id));
        assert_eq!(form.get("client_secret"), Some(&*secret));
    }
});
