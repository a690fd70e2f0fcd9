//! The forms of claims, grants and templates, and where JSON is not of one (`spec/token.md` §Fields). Only
//! for what was refused already: it may take its time, and decides nothing.

use std::{collections::BTreeSet, fmt};

use stagedoor_grants::{Kind, PATTERNS_MAX, Pattern, RoleName, SECOND_LOGIN_ALLOW_MAX, Verb};

use crate::{
    fault::{Fault, Why},
    field::Field,
    node::{Node, names},
    refusal::Refusal,
    stay::Thumbprint,
};

/// What JSON may be of.
pub(crate) enum Form {
    /// Anything; looked at elsewhere.
    Any,
    Text,
    Flag,
    Integer {
        min: u64,
        max: u64,
        what: &'static str,
    },
    /// A text of a form.
    Word {
        is: fn(&str) -> bool,
        what: &'static str,
    },
    List {
        of: &'static Form,
        items_max: usize,
        what: &'static str,
    },
    Object(Object),
    /// A word, or an object of exactly one of these members.
    Choice {
        words: &'static [&'static str],
        members: &'static [(&'static str, Form)],
        what: &'static str,
    },
}

/// An object of these fields.
pub(crate) struct Object {
    fields: &'static [(&'static str, Form)],
    required: &'static [&'static str],
    /// Whether others are passed over.
    open: bool,
    names: &'static str,
    what: &'static str,
}

macro_rules! object {
    ($open:literal, [$($required:literal),*], $first:literal: $form:expr $(, $name:literal: $more:expr)* $(,)?) => {
        Object {
            fields: &[($first, $form) $(, ($name, $more))*],
            required: &[$($required),*],
            open: $open,
            names: concat!("`", $first, "`" $(, " `", $name, "`")*),
            what: concat!("an object of `", $first, "`" $(, " `", $name, "`")*),
        }
    };
}

const fn integer(min: u64, max: u64, what: &'static str) -> Form {
    Form::Integer { min, max, what }
}

const U32_MAX: u64 = u32::MAX as u64;
const WORD: Form = integer(0, U32_MAX, "an unsigned integer of 32 bits, in digits alone");
const LONG: Form = integer(0, u64::MAX, "an unsigned integer, in digits alone");
const SECONDS: Form = integer(0, u64::MAX, "an unsigned integer of seconds, in digits alone");
const CAP: Form = integer(1, U32_MAX, "an integer, 1 to 4294967295");

const ROLE_NAME: Form =
    Form::Word { is: |text| text.parse::<RoleName>().is_ok(), what: "1 to 32 bytes of [a-z0-9_-]" };
const PATTERN: Form = Form::Word {
    is: |text| text.parse::<Pattern>().is_ok(),
    what: "a name of [0-9A-Za-z_.:-], or a prefix of one followed by one `*`, of at most 256 bytes",
};
const KIND: Form = Form::Word {
    is: |text| text.parse::<Kind>().is_ok(),
    what: "one of `audio` `video` `screen` `data`",
};
const VERB: Form = Form::Word {
    is: |text| text.parse::<Verb>().is_ok(),
    what: "one of `kick` `ban` `mute` `unmute` `promote` `demote` `close` `admit`",
};
const THUMBPRINT: Form = Form::Word {
    is: |text| text.parse::<Thumbprint>().is_ok(),
    what: "a SHA-256 thumbprint (RFC 7638), 43 characters of canonical base64url",
};

const PATTERNS: Form =
    Form::List { of: &PATTERN, items_max: PATTERNS_MAX, what: "a list of at most 64 patterns" };
const KINDS: Form = Form::List {
    of: &KIND,
    items_max: usize::MAX,
    what: "a list of `audio` `video` `screen` `data`",
};
const VERBS: Form = Form::List {
    of: &VERB,
    items_max: usize::MAX,
    what: "a list of `kick` `ban` `mute` `unmute` `promote` `demote` `close` `admit`",
};
const SECOND_LOGIN: Form = Form::Choice {
    words: &["replace", "reject"],
    members: &[("allow", integer(2, SECOND_LOGIN_ALLOW_MAX as u64, "an integer, 2 to 16"))],
    what: "`replace`, `reject` or {\"allow\":2 to 16}",
};

const PUBLISH: Form = Form::Object(object!(false, [],
    "streams": PATTERNS, "kinds": KINDS, "streams_max": integer(0, U32_MAX, "an integer, 0 to 4294967295")));
const SUBSCRIBE: Form = Form::Object(object!(false, [], "streams": PATTERNS, "from": PATTERNS));
const SEND: Form =
    Form::Object(object!(false, [], "room": Form::Flag, "roles": PATTERNS, "users": PATTERNS));
const PRESENCE: Form = Form::Object(object!(false, [], "sees": PATTERNS, "seen_by": PATTERNS));

const NARROWING: Form = Form::Object(object!(false, [],
    "publish": PUBLISH, "subscribe": SUBSCRIBE, "send": SEND, "set": PATTERNS, "moderate": VERBS,
    "presence": PRESENCE, "ask": PATTERNS, "invite": PATTERNS, "waits": Form::Flag,
    "second_login": SECOND_LOGIN,
    "caps": Form::Object(object!(false, [],
        "messages_per_s": CAP, "bytes_per_s": CAP, "frame_bytes_max": CAP)),
));
const TEMPLATE: Form = Form::Object(object!(false, ["role"],
    "role": ROLE_NAME, "rank": integer(0, u16::MAX as u64, "an integer, 0 to 65535"),
    "publish": PUBLISH, "subscribe": SUBSCRIBE, "send": SEND, "set": PATTERNS, "moderate": VERBS,
    "presence": PRESENCE, "ask": PATTERNS, "invite": PATTERNS, "waits": Form::Flag,
    "second_login": SECOND_LOGIN,
    "caps": Form::Object(object!(false, [],
        "members_max": CAP, "messages_per_s": CAP, "bytes_per_s": CAP, "frame_bytes_max": CAP)),
));
const TEMPLATES: Form =
    Form::List { of: &TEMPLATE, items_max: usize::MAX, what: "a list of templates" };
const AT_EXP: Form = Form::Choice {
    words: &["close"],
    members: &[("demote", ROLE_NAME), ("grace", integer(0, U32_MAX, "1 to `grace_s_max` seconds"))],
    what: "`close`, {\"demote\":role} or {\"grace\":seconds}",
};
const UNTIL: Form = Form::Object(object!(false, [],
    "publish": SECONDS, "subscribe": SECONDS, "send": SECONDS, "set": SECONDS, "moderate": SECONDS));
const CNF: Form = Form::Object(object!(false, ["jkt"], "jkt": THUMBPRINT));

const CLAIMS: Object = object!(true, [],
    "app": WORD, "room": Form::Text, "sub": Form::Text, "role": Form::Text, "grants": Form::Any,
    "iat": SECONDS, "nbf": SECONDS, "exp": SECONDS, "jti": Form::Text, "name": Form::Text,
    "meta": Form::Text, "gen": LONG, "once": Form::Flag, "at_exp": Form::Any, "max_stay": SECONDS,
    "until": Form::Any, "cnf": Form::Any, "iss": Form::Text,
);

/// Where claims are malformed.
#[cold]
pub(crate) fn malformed_claims(json: &str) -> Fault {
    let flaw = Node::read(json).and_then(|node| of_object(&CLAIMS, &node, Field::WHOLE));
    flaw.map_or(Refusal::ClaimsMalformed.into(), |flaw| flaw.of(Refusal::ClaimsMalformed))
}

/// Where a claim with a form of its own is not of it, with the refusal that says so: [`Refusal::GrantsInvalid`],
/// [`Refusal::AtExpInvalid`], [`Refusal::UntilInvalid`] or [`Refusal::CnfInvalid`].
#[cold]
pub fn malformed_claim(refusal: Refusal, json: &str) -> Fault {
    let form = match refusal {
        Refusal::GrantsInvalid => &NARROWING,
        Refusal::AtExpInvalid => &AT_EXP,
        Refusal::UntilInvalid => &UNTIL,
        Refusal::CnfInvalid => &CNF,
        _ => &Form::Any,
    };
    let fault = Fault::from(refusal);
    let root = fault.field().unwrap_or(Field::WHOLE);
    Node::read(json).and_then(|node| of(form, &node, root)).map_or(fault, |flaw| flaw.of(refusal))
}

/// The first claim that has no meaning.
#[cold]
pub(crate) fn unknown_claim(json: &str) -> Fault {
    let is_known = |name: &str| CLAIMS.fields.iter().any(|(known, _)| *known == name);
    let names = names(json).unwrap_or_default();
    let Some(name) = names.iter().find(|name| !is_known(name)) else {
        return Refusal::ClaimUnknown.into();
    };
    let why = Why::Unknown("the claims; a mistyped one would otherwise be ignored");
    Fault::new(Refusal::ClaimUnknown, Field::WHOLE.member(name), why)
}

/// Whether an object names something twice.
pub(crate) fn has_a_name_twice(json: &str) -> bool {
    let mut seen = BTreeSet::new();
    names(json).is_some_and(|names| names.into_iter().any(|name| !seen.insert(name)))
}

/// Where JSON is not what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    field: Field,
    why: Why,
}

impl Flaw {
    fn of(self, refusal: Refusal) -> Fault {
        Fault::new(refusal, self.field, self.why)
    }

    /// The field; the whole is empty.
    pub fn field(self) -> Field {
        self.field
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of(Refusal::GrantsInvalid).fmt(f)
    }
}

/// The first place, as written, at which JSON is no template of a role (`spec/roles.md` §Template); `root` is what
/// the template itself is called. None where it is one, or no JSON at all.
pub fn template_flaw(json: &str, root: Field) -> Option<Flaw> {
    Node::read(json).and_then(|node| of(&TEMPLATE, &node, root))
}

/// The first place, as written, at which JSON is no list of templates: `[1].publish.kinds[0]`.
pub fn roles_flaw(json: &str) -> Option<Flaw> {
    Node::read(json).and_then(|node| of(&TEMPLATES, &node, Field::WHOLE))
}

/// The first place, as written, at which JSON is no `grants` claim (`spec/roles.md` §Narrowing).
pub fn narrowing_flaw(json: &str, root: Field) -> Option<Flaw> {
    Node::read(json).and_then(|node| of(&NARROWING, &node, root))
}

fn flaw(field: Field, why: Why) -> Option<Flaw> {
    Some(Flaw { field, why })
}

/// The first flaw of a value.
fn of(form: &Form, node: &Node, here: Field) -> Option<Flaw> {
    let must = |holds: bool, what| if holds { None } else { flaw(here, Why::Must(what)) };
    match form {
        Form::Any => None,
        Form::Text => must(matches!(node, Node::Text(_)), "a string"),
        Form::Flag => must(matches!(node, Node::Flag), "`true` or `false`"),
        Form::Integer { min, max, what } => {
            must(matches!(node, Node::Integer(value) if (min..=max).contains(&value)), what)
        }
        Form::Word { is, what } => must(matches!(node, Node::Text(text) if is(text)), what),
        Form::List { of: form, items_max, what } => match node {
            Node::List(items) => {
                let mut all = items.iter().enumerate();
                all.find_map(|(at, item)| of(form, item, here.element(at)))
                    .or_else(|| must(items.len() <= *items_max, what))
            }
            _ => must(false, what),
        },
        Form::Object(object) => of_object(object, node, here),
        Form::Choice { words, members, what } => match node {
            Node::Text(text) => must(words.contains(&text.as_str()), what),
            Node::Object(fields) => match &fields[..] {
                [(name, value)] => match members.iter().find(|(known, _)| known == name) {
                    Some((_, form)) => of(form, value, here.member(name)),
                    None => must(false, what),
                },
                _ => must(false, what),
            },
            _ => must(false, what),
        },
    }
}

fn of_object(object: &Object, node: &Node, here: Field) -> Option<Flaw> {
    let Node::Object(members) = node else { return flaw(here, Why::Must(object.what)) };
    let mut seen = BTreeSet::new();
    for (name, value) in members {
        let field = here.member(name);
        if !seen.insert(name.as_str()) {
            return flaw(field, Why::Twice);
        }
        let known = object.fields.iter().find(|(known, _)| known == name);
        let found = match known {
            Some((_, form)) => of(form, value, field),
            None if object.open => None,
            None => flaw(field, Why::Unknown(object.names)),
        };
        if found.is_some() {
            return found;
        }
    }
    let missing = object.required.iter().find(|name| !seen.contains(*name))?;
    flaw(here.member(missing), Why::Missing)
}
