//! What a policy comes to, in a few digits: nodes that share their state
//! compare it. Files of different nodes differ in addresses and names.

use sha2::{Digest as _, Sha256};

use super::{Config, ProtectRule, Role};

/// Digits of SHA-256 that tell two policies apart for people, too.
const DIGITS: usize = 16;

/// Of rules, roles, defaults and shared logins, wherever in the file they
/// stand. Secrets don't count. Of one version of bauta only.
pub fn policy_digest(config: &Config) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: String| {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    };
    for rule in &config.protect {
        add(format!("{:?}", ProtectRule { place: String::new(), ..rule.clone() }));
    }
    for role in &config.roles {
        add(format!("{:?}", Role { place: String::new(), ..role.clone() }));
    }
    for shared in &config.end_users {
        add(format!("{:?}", (&shared.login, shared.max_lifetime, shared.required)));
    }
    add(format!("{:?}", config.defaults));
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    digest.chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "[[protect]]\ncolumn = \"a.b.c\"\nmethod = \"token\"\n[[role]]\nname = \"r\"\n\
                          members = [\"ana\"]\nunmask = [\"a.b.*\"]\n";

    fn digest(text: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("proxy.toml");
        std::fs::write(&path, format!("upstream.address = \"127.0.0.1:1\"\n{text}")).unwrap();
        policy_digest(&Config::load(&path).unwrap())
    }

    #[test]
    fn a_policy_is_the_same_on_nodes_that_are_called_otherwise() {
        let same = digest(POLICY);
        assert_eq!(same.len(), DIGITS);
        assert_eq!(digest(&format!("audit.node = \"n2\"\nlisten.address = \"127.0.0.1:7\"\n{POLICY}")), same);
        for other in [
            POLICY.replace("token", "hash"),
            POLICY.replace("ana", "sam"),
            format!("defaults.mode = \"observe\"\n{POLICY}"),
            format!("{POLICY}[[end_user]]\nlogin = \"bi\"\nkey = \"the key that the BI server holds\"\n"),
        ] {
            assert_ne!(digest(&other), same, "{other}");
        }
    }
}
