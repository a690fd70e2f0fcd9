//! Forms (`application/x-www-form-urlencoded`), and how a client shows its id and secret. Pure, and strict: what can be
//! read in two ways is refused.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Parameters of one form.
pub(crate) const PARAMETERS_MAX: usize = 32;
/// The longest name of a parameter, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 64;

/// Why a body is no form, or a request shows no client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormFault {
    /// It is not in the form, or not UTF-8, or has control characters.
    Malformed,
    /// It has more parameters than [`PARAMETERS_MAX`].
    TooMany,
    /// A parameter is there twice.
    Repeated,
    /// The client authenticates in two ways, or names two ids.
    TwoWays,
    /// There is a secret without the client's id.
    IdMissing,
    /// `Authorization` is of no known form.
    Authorization,
}

/// A form: each parameter once.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, FormFault> {
        let mut parameters = Vec::<(String, String)>::new();
        if body.is_empty() {
            return Ok(Self(parameters));
        }
        for pair in body.split(|byte| *byte == b'&') {
            let at = pair.iter().position(|byte| *byte == b'=').ok_or(FormFault::Malformed)?;
            let (name, value) = (decode(&pair[..at])?, decode(&pair[at + 1..])?);
            if name.is_empty() || name.len() > NAME_BYTES_MAX {
                return Err(FormFault::Malformed);
            }
            if parameters.iter().any(|(before, _)| *before == name) {
                return Err(FormFault::Repeated);
            }
            if parameters.len() == PARAMETERS_MAX {
                return Err(FormFault::TooMany);
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// A parameter. One without a value counts as left out (RFC 6749 §3.2).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(of, value)| of == name && !value.is_empty())?;
        Some(value)
    }
}

/// Decodes a name or a value: `+` is a space, `%` begins two hexadecimal digits.
fn decode(text: &[u8]) -> Result<String, FormFault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let byte = high.zip(low).map(|(high, low)| (high * 16 + low) as u8);
                byte.ok_or(FormFault::Malformed)?
            }
            // Everything else that is not plain must be encoded.
            b'=' | 0x21..=0x7E => byte,
            _ => return Err(FormFault::Malformed),
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| FormFault::Malformed)?;
    if text.chars().any(char::is_control) { Err(FormFault::Malformed) } else { Ok(text) }
}

/// What a request shows of its client.
#[derive(PartialEq, Eq)]
pub(crate) enum Shown {
    /// No secret.
    Nothing,
    /// `Authorization: Bearer`.
    Bearer(String),
    /// `Authorization: Basic` (RFC 6749 §2.3.1).
    Basic { id: String, secret: String },
    /// `client_id` and `client_secret` in the form.
    Post { id: String, secret: String },
}

impl Shown {
    /// Reads what a request shows. `authorization` are the values of all fields of this name.
    pub(crate) fn of<'a>(
        mut authorization: impl Iterator<Item = &'a [u8]>,
        form: &Form,
    ) -> Result<Self, FormFault> {
        let (id, secret) = (form.get("client_id"), form.get("client_secret"));
        let asserts = form.get("client_assertion").is_some();
        let Some(field) = authorization.next() else {
            return match (id, secret) {
                (_, Some(_)) if asserts => Err(FormFault::TwoWays),
                (Some(id), Some(secret)) => Ok(Self::Post { id: id.into(), secret: secret.into() }),
                (None, Some(_)) => Err(FormFault::IdMissing),
                (_, None) => Ok(Self::Nothing),
            };
        };
        if authorization.next().is_some() || secret.is_some() || asserts {
            return Err(FormFault::TwoWays);
        }
        let shown = Self::of_field(field)?;
        match &shown {
            Self::Basic { id: named, .. } if id.is_some_and(|id| id != named) => {
                Err(FormFault::TwoWays)
            }
            _ => Ok(shown),
        }
    }

    fn of_field(field: &[u8]) -> Result<Self, FormFault> {
        let field = std::str::from_utf8(field).map_err(|_| FormFault::Authorization)?;
        let (scheme, rest) = field.split_once(' ').ok_or(FormFault::Authorization)?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Self::Bearer(rest.into()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(FormFault::Authorization);
        }
        let pair = STANDARD.decode(rest).map_err(|_| FormFault::Authorization)?;
        let at = pair.iter().position(|byte| *byte == b':').ok_or(FormFault::Authorization)?;
        let part = |part: &[u8]| decode(part).map_err(|_| FormFault::Authorization);
        Ok(Self::Basic { id: part(&pair[..at])?, secret: part(&pair[at + 1..])? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(body: &str) -> Option<FormFault> {
        Form::parse(body.as_bytes()).err()
    }

    #[test]
    fn a_form_is_decoded_and_a_parameter_without_a_value_left_out() {
        let form = Form::parse(b"grant_type=client_credentials&scope=a+b%3Ac&x=&y=%C3%A9=1");
        let form = form.unwrap_or_else(|fault| panic!("{fault:?}"));
        assert_eq!(form.get("grant_type"), Some("client_credentials"));
        assert_eq!(form.get("scope"), Some("a b:c"));
        assert_eq!((form.get("x"), form.get("y")), (None, Some("é=1")));
        assert_eq!(Form::parse(b"").map(|form| form.0.len()).ok(), Some(0));
    }

    #[test]
    fn what_is_no_form_or_ambiguous_is_refused() {
        for (body, why) in [
            ("a", FormFault::Malformed),
            ("a=1&", FormFault::Malformed),
            ("&a=1", FormFault::Malformed),
            ("=1", FormFault::Malformed),
            ("a=%", FormFault::Malformed),
            ("a=%4", FormFault::Malformed),
            ("a=%4g", FormFault::Malformed),
            ("a=%+1", FormFault::Malformed),
            ("a=%ff", FormFault::Malformed),
            ("a=%00", FormFault::Malformed),
            ("a=\u{e9}", FormFault::Malformed),
            ("a= b", FormFault::Malformed),
            ("{\"a\":1}", FormFault::Malformed),
            ("a=1&a=1", FormFault::Repeated),
            ("a=1&%61=2", FormFault::Repeated),
            ("a=&a=1", FormFault::Repeated),
        ] {
            assert_eq!(fault(body), Some(why), "{body:?}");
        }
        let many =
            |count: usize| (0..count).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(fault(&many(PARAMETERS_MAX)), None);
        assert_eq!(fault(&many(PARAMETERS_MAX + 1)), Some(FormFault::TooMany));
        assert_eq!(fault(&format!("{}=1", "n".repeat(NAME_BYTES_MAX))), None);
        let long = format!("{}=1", "n".repeat(NAME_BYTES_MAX + 1));
        assert_eq!(fault(&long), Some(FormFault::Malformed));
    }

    fn shown(fields: &[&str], body: &str) -> Result<Shown, FormFault> {
        let form = Form::parse(body.as_bytes())?;
        Shown::of(fields.iter().map(|field| field.as_bytes()), &form)
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn a_client_shows_itself_in_one_way() {
        let pair = || ("id".to_owned(), "a_b".to_owned());
        let (id, secret) = pair();
        assert!(shown(&[], "client_id=id") == Ok(Shown::Nothing));
        assert!(shown(&["bearer x"], "a=1") == Ok(Shown::Bearer("x".into())));
        assert!(shown(&[&basic("id:a%5Fb")], "client_id=id") == Ok(Shown::Basic { id, secret }));
        let (id, secret) = pair();
        let post = "client_id=id&client_secret=a_b";
        assert!(shown(&[], post) == Ok(Shown::Post { id, secret }));
        let of = |fields: &[&str], body| shown(fields, body).err();
        let basic = basic("id:a_b");
        for (fields, body, why) in [
            (&[&*basic][..], post, FormFault::TwoWays),
            (&[&*basic], "client_secret=a_b", FormFault::TwoWays),
            (&[&*basic], "client_id=other", FormFault::TwoWays),
            (&[&*basic], "client_assertion=x", FormFault::TwoWays),
            (&[&*basic, &*basic], "", FormFault::TwoWays),
            (&["Bearer x"], post, FormFault::TwoWays),
            (&[], "client_id=a&client_secret=b&client_assertion=c", FormFault::TwoWays),
            (&[], "client_secret=b", FormFault::IdMissing),
            (&["Basic"], "", FormFault::Authorization),
            (&["Basic aWQ6eA"], "", FormFault::Authorization),
            (&["Basic aWQ="], "", FormFault::Authorization),
            (&["Digest x"], "", FormFault::Authorization),
        ] {
            assert_eq!(of(fields, body), Some(why), "{fields:?} {body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(form) = Form::parse(&body) {
                prop_assert!(form.0.len() <= PARAMETERS_MAX);
                let _ = Shown::of(std::iter::once(&body[..]), &form);
            }
        }

        #[test]
        fn what_is_encoded_is_read_back(value in "[^\\p{Cc}]{1,40}") {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let form = Form::parse(format!("v={encoded}").as_bytes());
            let form = form.map_err(|fault| TestCaseError::fail(format!("{fault:?}")))?;
            prop_assert_eq!(form.get("v"), Some(&*value));
        }
    }
}
