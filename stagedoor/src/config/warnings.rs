//! Warns of settings that are allowed but may be unintended: ports open to strangers, and variables that set nothing.

use std::{collections::BTreeSet, ffi::OsStr};

use stagedoor_relay::ClientAddress;
use stagedoor_server::MASTER_KEY_VARIABLE;
use toml::Value;

use super::{
    Config,
    fault::joined,
    sources::{LEVEL, PREFIX},
};
use crate::sockets::Address;

/// Variables that commands of this program read, and that its documentation uses in examples.
const OURS: [&str; 11] = [
    "STAGEDOOR_CONFIG",
    "STAGEDOOR_URL",
    "STAGEDOOR_CA_FILE",
    "STAGEDOOR_API_KEY",
    "STAGEDOOR_SECRET",
    MASTER_KEY_VARIABLE,
    "STAGEDOOR_TOKEN",
    "STAGEDOOR_CONNECT",
    "STAGEDOOR_BIN",
    "STAGEDOOR_PYTHON",
    "STAGEDOOR_DEV",
];

fn is_beyond_loopback(address: &str) -> bool {
    matches!(address.parse(), Ok(Address::Host(host)) if !crate::sockets::is_loopback(&host))
}

impl Config {
    /// What strangers can reach.
    pub fn warnings(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut say = |name: &str, why: &str| all.push(format!("{name}: {why}"));
        let has_proxy = self.listen.client_address != ClientAddress::Peer;
        if is_beyond_loopback(&self.listen.address) && self.relay.tls.is_none() && !has_proxy {
            say(
                "listen.address",
                "plain HTTP beyond the loopback: tokens and API keys can be read on the way; \
                                   set [relay.tls], or listen on 127.0.0.1 behind a proxy that terminates TLS",
            );
        }
        if is_beyond_loopback(&self.listen.operations) {
            say(
                "listen.operations",
                "health and metrics are open beyond the loopback, to everybody who can reach the port; \
                                      listen on 127.0.0.1, or block strangers with a firewall",
            );
        }
        if self.listen.trusted_proxies.iter().any(|network| network.to_string().ends_with("/0")) {
            say(
                "listen.trusted_proxies",
                "every peer is trusted to name its client's address; list your proxies",
            );
        }
        all
    }
}

fn names(section: &str, value: &Value, all: &mut BTreeSet<String>) {
    for (name, value) in value.as_table().into_iter().flatten() {
        let name = joined(section, name);
        match value {
            Value::Table(_) => names(&name, value, all),
            _ => drop(all.insert(name)),
        }
    }
}

/// Variables that look like ours but set nothing. They are not refused, because Kubernetes gives every container some
/// of them if there is a service called `stagedoor`.
pub fn unknown_variables(environment: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Vec<String> {
    let mut settings = BTreeSet::new();
    if let Ok(root) = Value::try_from(Config::full()) {
        names("", &root, &mut settings);
    }
    let mut all = Vec::new();
    for variable in environment {
        let Some(variable) = variable.as_ref().to_str() else { continue };
        let Some(rest) = variable.strip_prefix(PREFIX) else { continue };
        if rest.contains(LEVEL) || OURS.contains(&variable) {
            continue;
        }
        let meant = settings.iter().find(|name| name.replace('.', "_").eq_ignore_ascii_case(rest));
        let remedy = meant.map_or_else(String::new, |name| {
            format!("; write {PREFIX}{}", name.replace('.', LEVEL).to_ascii_uppercase())
        });
        all.push(format!("{variable} is not a setting and is ignored{remedy}"));
    }
    all.sort();
    all
}
