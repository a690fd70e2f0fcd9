//! Finds settings that have the right type but make no sense, alone or together. Pure, except for the checks of this
//! machine's files.

use std::path::Path;

use stagedoor_relay::{ClientAddress, TlsError};
use stagedoor_server::{MASTER_KEY_VARIABLE, MasterKey, MasterKeySource};
use toml::Value;

use super::{
    Config, Listen,
    bounds::{AT_MOST, BOUNDS},
    fault::{Fault, Origins},
};
use crate::sockets::{Address, UNIX_PATH_BYTES_MAX, mode};

/// Log levels.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What is wrong.
pub(super) fn faults(config: &Config, origins: &Origins) -> Vec<Fault> {
    let mut all = Vec::new();
    numbers(config, origins, &mut all);
    let mut say = |name: &str, why: String| all.push(origins.fault(name, why));
    listen(&config.listen, &mut say);
    let is_on_unix = matches!(config.listen.address.parse(), Ok(Address::Unix(_)));
    if config.relay.tls.is_some() && is_on_unix {
        say(
            "relay.tls",
            "a unix socket has no TLS; remove this section, or write a host and a port as \
                          `listen.address`"
                .into(),
        );
    }
    if let Some(cookie) = &config.relay.cookie {
        if !is_cookie_name(cookie) {
            let why = "is not a valid cookie name; write letters, digits, - and _, such as seat";
            say("relay.cookie", format!("`{cookie}` {why}"));
        }
        if config.relay.origins.is_empty() {
            say(
                "relay.cookie",
                "a cookie is accepted only from pages of `relay.origins`, which is empty; write the \
                                 origins of your pages there, such as [\"https://example.com\"]"
                    .into(),
            );
        }
    }
    if config.server.data_dir.as_os_str().is_empty() {
        say("server.data_dir", "the name is empty; write one, such as data".into());
    }
    master_key(&config.server.master_key, &mut say);
    if let Err(why) = level(&config.log.level) {
        say("log.level", why);
    }
    all
}

/// The value of a number, given its name.
fn number(root: &Value, name: &str) -> Option<u64> {
    let value = name.split('.').try_fold(root, |value, name| value.get(name))?;
    value.as_integer().and_then(|number| u64::try_from(number).ok())
}

fn numbers(config: &Config, origins: &Origins, all: &mut Vec<Fault>) {
    let Ok(root) = Value::try_from(config) else {
        return all.push(origins.fault("", "a number is larger than 9223372036854775807"));
    };
    let before = all.len();
    for (name, least, most) in BOUNDS {
        // A number that does not fit is above the largest that does.
        if number(&root, name).is_none_or(|number| number < *least || number > *most) {
            let value = number(&root, name).map(|value| format!(", not {value}"));
            let why = format!("write a number from {least} to {most}{}", value.unwrap_or_default());
            all.push(origins.fault(name, why));
        }
    }
    if all.len() > before {
        return;
    }
    for (low, high) in AT_MOST {
        let (Some(low_is), Some(high_is)) = (number(&root, low), number(&root, high)) else {
            continue;
        };
        if low_is > high_is && (origins.is_set(low) || !origins.is_set(high)) {
            let why = format!(
                "{low_is} is above `{high}`, which is {high_is}; write at most {high_is}, or more there"
            );
            all.push(origins.fault(low, why));
        } else if low_is > high_is {
            let why = format!(
                "{high_is} is below `{low}`, which is {low_is}; write at least {low_is}, or less there"
            );
            all.push(origins.fault(high, why));
        }
    }
}

fn listen(listen: &Listen, say: &mut impl FnMut(&str, String)) {
    let mut parsed = |name: &str, text: &str| match text.parse::<Address>() {
        Ok(Address::Unix(path)) if path.as_os_str().len() > UNIX_PATH_BYTES_MAX => {
            say(
                name,
                format!(
                    "the path is too long for a unix socket; write one of at most {UNIX_PATH_BYTES_MAX} bytes"
                ),
            );
            None
        }
        Ok(address) => Some(address),
        Err(error) => {
            say(name, format!("`{text}` is {error}"));
            None
        }
    };
    let address = parsed("listen.address", &listen.address);
    let operations = parsed("listen.operations", &listen.operations);
    if let (Some(address), Some(operations)) = (&address, &operations)
        && address.meets(operations)
    {
        let why = match operations.port() {
            Some(port) => {
                let other = if port == 7881 { 7882 } else { 7881 };
                format!(
                    "port {port} is already used by `listen.address`; write another port, such as 127.0.0.1:{other}"
                )
            }
            None => "this file is already used by `listen.address`; write another one".into(),
        };
        say("listen.operations", why);
    }
    if mode(&listen.unix_mode).is_none() {
        say(
            "listen.unix_mode",
            format!("`{}` is not a file mode; write octal digits, such as 0660", listen.unix_mode),
        );
    }
    match (listen.client_address, listen.trusted_proxies.is_empty(), address) {
        (ClientAddress::Peer, false, _) => say(
            "listen.trusted_proxies",
            "proxies are trusted only if `client_address` is not `peer`; write client_address = \
             \"x-forwarded-for\", \"forwarded\" or \"proxy-v2\""
                .into(),
        ),
        (_, true, Some(Address::Host(_))) if listen.client_address != ClientAddress::Peer => say(
            "listen.client_address",
            "no proxy is trusted, because `trusted_proxies` is empty; write the addresses of your proxies there, such as \
             [\"10.0.0.4\"]"
                .into(),
        ),
        _ => {}
    }
}

fn master_key(source: &MasterKeySource, say: &mut impl FnMut(&str, String)) {
    let MasterKeySource { file, command, .. } = source;
    if file.is_some() && !command.is_empty() {
        let why = "the master key comes from one place; remove this, or `server.master_key.file`";
        say("server.master_key.command", why.into());
    }
    if file.as_ref().is_some_and(|file| file.as_os_str().is_empty()) {
        let why = "the name is empty; write one, such as /etc/stagedoor/master.key";
        say("server.master_key.file", why.into());
    }
    if command.first().is_some_and(String::is_empty) {
        let why =
            "the program's name is empty; write one, such as [\"/usr/local/bin/print-master-key\"]";
        say("server.master_key.command", why.into());
    }
}

/// The names that RFC 6265 allows for a cookie.
fn is_cookie_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

/// Checks a log filter and its levels. `EnvFilter` takes a word that is not a level for the name of a module, and logs
/// nothing else.
fn level(text: &str) -> Result<(), String> {
    let remedy = format!(
        "write {} or trace, or a filter such as info,stagedoor_relay=debug",
        LEVELS[..5].join(", ")
    );
    for directive in text.split(',').map(str::trim) {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
        let is_span = level.ends_with(']') || level.ends_with('}');
        if !is_span && !LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known)) {
            return Err(format!("`{level}` is not a level; {remedy}"));
        }
    }
    let filter = tracing_subscriber::EnvFilter::try_new(text);
    filter.map(drop).map_err(|error| format!("{error}; {remedy}"))
}

/// What the configuration expects of this machine and does not find.
pub(super) fn files(config: &Config, origins: &Origins) -> Vec<Fault> {
    let mut all = Vec::new();
    if let Some(tls) = &config.relay.tls {
        match tls.check() {
            Ok(()) => {}
            Err(TlsError::Cert(why)) => all.push(origins.fault("relay.tls.cert", why)),
            Err(TlsError::Key(why)) => all.push(origins.fault("relay.tls.key", why)),
            Err(error) => all.push(origins.fault("relay.tls", error.to_string())),
        }
    }
    if let Some(file) = &config.server.master_key.file
        && std::env::var_os(MASTER_KEY_VARIABLE).is_none()
        && let Err(error) = MasterKey::from_file(file)
    {
        all.push(origins.fault("server.master_key.file", error.to_string()));
    }
    let data = &config.server.data_dir;
    if Path::new(data).is_file() {
        let why = format!("`{}` is a file; write a folder", data.display());
        all.push(origins.fault("server.data_dir", why));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(section: &str, value: &Value, all: &mut BTreeSet<String>) {
        for (name, value) in value.as_table().into_iter().flatten() {
            let name = super::super::fault::joined(section, name);
            match value {
                Value::Table(_) => names(&name, value, all),
                Value::Integer(_) => drop(all.insert(name)),
                _ => {}
            }
        }
    }

    #[test]
    fn every_number_has_bounds_that_include_its_default() {
        let root = Value::try_from(Config::default()).expect("a configuration");
        let mut all = BTreeSet::new();
        names("", &root, &mut all);
        let bounded: BTreeSet<String> = BOUNDS.iter().map(|(name, ..)| (*name).into()).collect();
        assert_eq!(all, bounded);
        assert_eq!(faults(&Config::default(), &Origins::default()), []);
    }

    #[test]
    fn a_filter_with_an_unknown_level_is_refused() {
        for good in [
            "info",
            "WARN",
            "off",
            "info,stagedoor_relay=debug",
            "stagedoor=trace",
            "info,a[b{c=1}]=warn",
        ] {
            assert_eq!(level(good), Ok(()), "{good}");
        }
        for bad in ["", "loud", "info,loud", "info,stagedoor=loud", "a=b=c", "info,"] {
            assert!(level(bad).is_err(), "{bad}");
        }
    }
}
