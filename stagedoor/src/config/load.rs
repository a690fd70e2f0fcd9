//! Loads a configuration from its file, the environment and flags.

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use super::{
    Config, FILE, check,
    fault::{ConfigError, Origins},
    sources::Sources,
};

/// A configuration that is consistent by itself.
#[derive(Debug)]
pub struct Loaded {
    config: Config,
    origins: Origins,
}

impl Loaded {
    /// The configuration, without looking at this machine's files.
    pub fn unlooked(self) -> Config {
        self.config
    }

    /// The names of settings of the server that are set, and that a relay alone does not have.
    pub fn of_the_server(&self) -> Vec<String> {
        self.origins.below("server.")
    }

    /// The configuration, if the files that it names exist and are valid.
    pub fn on_this_machine(self) -> Result<Config, ConfigError> {
        let faults = check::files(&self.config, &self.origins);
        if faults.is_empty() { Ok(self.config) } else { Err(ConfigError::Faults(faults)) }
    }
}

impl Config {
    /// Combines a file, environment variables and flags (`listen.address` and the like). Other programs' variables may
    /// be anything, even invalid UTF-8. The error lists every fault that was found.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
        flags: &BTreeMap<String, String>,
    ) -> Result<Loaded, ConfigError> {
        let named = file.map(Path::to_owned);
        let file = named.or_else(|| Path::new(FILE).exists().then(|| FILE.into()));
        let mut sources = Sources::default();
        if let Some(file) = file {
            sources.file(&file)?;
        }
        sources.environment(environment)?;
        sources.flags(flags);
        let config: Self = sources.read()?;
        let faults = check::faults(&config, &sources.origins);
        if faults.is_empty() {
            Ok(Loaded { config, origins: sources.origins })
        } else {
            Err(ConfigError::Faults(faults))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<Config, String> {
        let dir = std::env::temp_dir().join(format!(
            "stagedoor-config-{}-{}",
            std::process::id(),
            file.len()
        ));
        std::fs::write(&dir, file).expect("a temporary file");
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let loaded =
            Config::load(Some(&dir), pairs(environment), &pairs(flags).into_iter().collect());
        std::fs::remove_file(&dir).expect("it was there");
        loaded.map(Loaded::unlooked).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_beat_the_environment_and_the_environment_beats_the_file() {
        let file =
            "[listen]\naddress = \"127.0.0.1:1\"\noperations = \"127.0.0.1:2\"\nworkers = 3\n";
        let environment =
            [("STAGEDOOR_LISTEN__OPERATIONS", "127.0.0.1:4"), ("STAGEDOOR_LISTEN__WORKERS", "5")];
        let config = load(file, &environment, &[("listen.workers", "6")]).expect("a configuration");
        assert_eq!(config.listen.address, "127.0.0.1:1");
        assert_eq!(config.listen.operations, "127.0.0.1:4");
        assert_eq!(config.listen.workers, 6);
    }

    #[test]
    fn unknown_names_are_refused_in_every_source() {
        assert!(
            load("[listen]\nadress = \"x\"\n", &[], &[]).expect_err("a typo").contains("adress")
        );
        let typo = [("STAGEDOOR_RELAY__LIMITS__ROOM_MEMBRS_MAX", "3")];
        assert!(load("", &typo, &[]).expect_err("another typo").contains("room_membrs_max"));
        assert!(
            load("[listen]\naddress = \"nowhere\"\n#", &[], &[])
                .expect_err("no address")
                .contains("listen.address")
        );
    }

    #[test]
    fn a_cookie_without_a_list_of_origins_is_refused() {
        let refused = load("[relay]\ncookie = \"seat\"\n", &[], &[]).expect_err("no origins");
        assert!(refused.contains("relay.cookie"), "{refused}");
        let file = "[relay]\ncookie = \"seat\"\norigins = [\"https://ours.example\"]\n";
        assert!(load(file, &[], &[]).is_ok());
    }

    #[test]
    fn proxies_need_a_client_address_and_the_other_way_round() {
        for (listen, refused) in [
            ("trusted_proxies = [\"10.0.0.0/8\"]\nclient_address = \"forwarded\"", None),
            ("address = \"unix:/run/s.sock\"\nclient_address = \"x-forwarded-for\"", None),
            ("client_address = \"proxy-v2\"", Some("listen.client_address")),
            ("trusted_proxies = [\"10.0.0.0/8\"]", Some("listen.trusted_proxies")),
            ("trusted_proxies = [\"10.0.0.1/8\"]", Some("10.0.0.1/8")),
            ("client_address = \"x-real-ip\"", Some("x-real-ip")),
            ("unix_mode = \"rw\"", Some("listen.unix_mode")),
            ("address = \"unix:s.sock\"", Some("listen.address")),
        ] {
            let loaded = load(&format!("[listen]\n{listen}\n"), &[], &[]);
            match refused {
                None => assert!(loaded.is_ok(), "{listen}: {loaded:?}"),
                Some(says) => {
                    let error = loaded.expect_err(listen);
                    assert!(error.contains(says), "{listen}: {error}");
                }
            }
        }
        let variables = [
            ("STAGEDOOR_LISTEN__TRUSTED_PROXIES", "[\"10.0.0.0/8\", \"::1\"]"),
            ("STAGEDOOR_LISTEN__CLIENT_ADDRESS", "x-forwarded-for"),
        ];
        let config = load("# none", &variables, &[]).expect("a configuration");
        assert_eq!(config.listen.trusted_proxies.len(), 2);
    }

    #[test]
    fn a_variable_without_a_section_sets_nothing() {
        assert_eq!(load("# nothing", &[("STAGEDOOR_API_KEY", "x")], &[]), Ok(Config::default()));
    }
}
