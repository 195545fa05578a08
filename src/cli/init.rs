//! `bauta init`: a commented configuration, a key file, and what to do next.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::output::line;
use crate::clock::{Clock, SystemClock};
use crate::mask::KeyRing;

/// The repository's own `proxy.toml`, so that it can't go stale unseen.
const TEMPLATE: &str = include_str!("../../proxy.toml");
const CONFIG_FILE: &str = "proxy.toml";
const KEY_FILE: &str = "bauta.key";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing is ever overwritten: with a proxy.toml or bauta.key there already, nothing is written."
)]
pub struct Args {
    /// Where to write; made if it isn't there
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let directory = &args.directory;
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let (config, key) = (directory.join(CONFIG_FILE), directory.join(KEY_FILE));
    for path in [&config, &key] {
        if fs::symlink_metadata(path).is_ok() {
            bail!("{} is there already; nothing was written", path.display());
        }
    }
    KeyRing::create(&key, SystemClock.now().wall)?;
    write_new(&config, &template(&caller())).with_context(|| format!("writing {}", config.display()))?;
    report(&config, &key)
}

fn report(config: &Path, key: &Path) -> anyhow::Result<ExitCode> {
    let given = match config == Path::new("./proxy.toml") {
        true => String::new(),
        false => format!(" -c {}", config.display()),
    };
    line(format!("wrote {}", config.display()))?;
    line(format!(
        "wrote {} (mode 0600): keep a copy, tokens can't be turned back without it",
        key.display()
    ))?;
    line("\nNext, with a password of your choice for the service role:\n")?;
    line("  export BAUTA_SERVICE_PASSWORD=…")?;
    line("  bauta setup-sql --password-env | psql -U postgres -d postgres")?;
    line(format!("  bauta check{given}     # after writing your [[protect]] rules"))?;
    line(format!("  bauta serve{given}"))?;
    Ok(ExitCode::SUCCESS)
}

/// The operating-system user who runs this: the first administrator.
fn caller() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten();
    user.map_or_else(|| "root".to_owned(), |u| u.name)
}

fn template(admin: &str) -> String {
    TEMPLATE
        .replace("os_user = \"root\"", &format!("os_user = {admin:?}"))
        .replace("login = \"root\"", &format!("login = {admin:?}"))
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn environment(name: &str) -> Option<String> {
        let known = [
            ("BAUTA_SERVICE_PASSWORD", "x"),
            ("CHAT_WEBHOOK", "https://chat.example/hook"),
            ("NOTIFY_SECRET", "x"),
        ];
        known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_template_is_a_valid_configuration() {
        let text = template("ana");
        let config = Config::parse(Path::new("proxy.toml"), &text, &environment).unwrap();
        assert_eq!(config.admins[0].os_user.as_deref(), Some("ana"));
        assert!(config.protect.is_empty());
    }

    /// Whoever takes away the # before a setting must not be surprised.
    #[test]
    fn each_commented_setting_of_the_template_is_valid_and_shows_the_default() {
        let directory = tempfile::tempdir().unwrap();
        for file in ["server.crt", "server.key", "upstream-ca.crt", "approvers-ca.crt"] {
            fs::write(directory.path().join(file), "").unwrap();
        }
        fs::write(directory.path().join("superset-end-users.key"), [b'k'; 32]).unwrap();
        let setting =
            |l: &str| l.starts_with("#[") || l.starts_with('#') && l[1..].starts_with(char::is_alphabetic);
        let all: String = TEMPLATE
            .lines()
            .map(|l| if setting(l) { format!("{}\n", &l[1..]) } else { format!("{l}\n") })
            .collect();
        let path = directory.path().join("proxy.toml");
        let parse = |text: &str| Config::parse(&path, text, &environment).unwrap();
        let (all, plain) = (parse(&all), parse(TEMPLATE));
        assert_eq!((all.protect.len(), all.roles.len()), (4, 3));
        assert_eq!(format!("{:?}", all.limits), format!("{:?}", plain.limits));
        assert_eq!(format!("{:?}", all.audit), format!("{:?}", plain.audit));
        assert_eq!((&all.control.socket, all.control.mode), (&plain.control.socket, plain.control.mode));
        assert_eq!(all.control.remote.unwrap().address, "0.0.0.0:6433");
        assert_eq!(all.end_users[0].max_lifetime, std::time::Duration::from_secs(300));
        assert!(all.end_users[0].required);
        assert_eq!(all.upstream.catalog_poll, plain.upstream.catalog_poll);
        assert_eq!(all.defaults.max_duration, plain.defaults.max_duration);
    }
}
