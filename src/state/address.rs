//! `state.url = "postgres://…"`: libpq's URL, as far as tokio-postgres reads
//! it, with libpq's `sslmode` and `sslrootcert` as bauta's own TLS has them,
//! and `schema`, which is bauta's.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Host, SslMode};

use crate::config::{UpstreamAddress, UpstreamTls};

/// Where the tables are unless the URL says otherwise.
const SCHEMA: &str = "bauta_state";
const DEFAULT_PORT: u16 = 5432;

/// See the module. Shows no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Tried in order.
    pub hosts: Vec<UpstreamAddress>,
    /// User, password, database and what else the URL says of the session.
    pub login: tokio_postgres::Config,
    pub tls: UpstreamTls,
    pub ca: Option<PathBuf>,
    pub schema: String,
}

impl Address {
    /// `place`: what relative paths are relative to.
    ///
    /// # Errors
    /// What is wrong, without any part of the URL that may be secret.
    pub fn parse(url: &str, place: &dyn Fn(&str) -> PathBuf) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut tls, mut ca, mut schema) = (UpstreamTls::Prefer, None, SCHEMA.to_owned());
        let mut rest = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value =
                percent_decode_str(value).decode_utf8().map_err(|_| "has an option that is not UTF-8")?;
            match name {
                "sslmode" => tls = tls_mode(&value)?,
                "sslrootcert" => ca = Some(place(&value)),
                "schema" if value.is_empty() => return Err("names an empty schema".to_owned()),
                "schema" => schema = value.into_owned(),
                _ => rest.push(option),
            }
        }
        let bare = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        // The library's text may quote what it could not read: a password, say.
        let mut login: tokio_postgres::Config = bare
            .parse()
            .map_err(|_| "is not a URL like postgres://user@host/database, or has an unknown option")?;
        if login.get_user().is_none() {
            return Err("names no user: postgres://user@host/database".to_owned());
        }
        let hosts = hosts(&login)?;
        // TLS, if any, is on the stream already.
        login.ssl_mode(SslMode::Disable);
        Ok(Self { hosts, login, tls, ca, schema })
    }

    /// For people: without user and password.
    pub fn show(&self) -> String {
        let host = match self.hosts.first() {
            Some(UpstreamAddress::Tcp { host, port }) => format!("{host}:{port}"),
            Some(UpstreamAddress::Unix { directory, .. }) => directory.display().to_string(),
            None => String::new(),
        };
        let database = self.login.get_dbname().or(self.login.get_user()).unwrap_or_default();
        format!("postgres://{host}/{database}")
    }
}

fn tls_mode(name: &str) -> Result<UpstreamTls, String> {
    match name {
        "disable" => Ok(UpstreamTls::Disable),
        "prefer" => Ok(UpstreamTls::Prefer),
        "require" => Ok(UpstreamTls::Require),
        "verify-ca" => Ok(UpstreamTls::VerifyCa),
        "verify-full" => Ok(UpstreamTls::VerifyFull),
        _ => {
            Err("has an sslmode that is none of disable, prefer, require, verify-ca, verify-full".to_owned())
        }
    }
}

fn hosts(login: &tokio_postgres::Config) -> Result<Vec<UpstreamAddress>, String> {
    let ports = login.get_ports();
    let port = |index: usize| ports.get(index).or(ports.last()).copied().unwrap_or(DEFAULT_PORT);
    let hosts: Vec<UpstreamAddress> = login
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(index, host)| match host {
            Host::Tcp(host) => UpstreamAddress::Tcp { host: host.clone(), port: port(index) },
            Host::Unix(directory) => {
                UpstreamAddress::Unix { directory: Path::new(directory).to_owned(), port: port(index) }
            }
        })
        .collect();
    if hosts.is_empty() { Err("names no host: postgres://user@host/database".to_owned()) } else { Ok(hosts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, String> {
        Address::parse(url, &|path| PathBuf::from("/etc/bauta").join(path))
    }

    #[test]
    fn a_url_says_host_login_tls_and_schema() {
        let address =
            parse("postgres://ba%40uta:pa%3Fss@db.example:5433/state?sslmode=verify-full&sslrootcert=ca.crt&schema=b%22s&connect_timeout=3")
                .unwrap();
        assert_eq!(address.hosts, [UpstreamAddress::Tcp { host: "db.example".into(), port: 5433 }]);
        assert_eq!(address.login.get_user(), Some("ba@uta"));
        assert_eq!(address.login.get_password(), Some(&b"pa?ss"[..]));
        assert_eq!(address.tls, UpstreamTls::VerifyFull);
        assert_eq!(address.ca, Some("/etc/bauta/ca.crt".into()));
        assert_eq!(address.schema, "b\"s");
        assert_eq!(address.show(), "postgres://db.example:5433/state");
        let plain = parse("postgresql://bauta@a,b:6000/").unwrap();
        assert_eq!((plain.hosts.len(), plain.schema.as_str(), plain.tls), (2, SCHEMA, UpstreamTls::Prefer));
        let socket = parse("postgres://bauta@%2Frun%2Fpostgresql/state").unwrap();
        assert!(matches!(&socket.hosts[0], UpstreamAddress::Unix { port: 5432, .. }));
    }

    #[test]
    fn what_is_wrong_with_a_url_shows_nothing_secret() {
        for (wrong, says) in [
            ("postgres://host/db", "names no user"),
            ("postgres://bauta@/db", "names no host"),
            ("postgres://u:hunter2@h/db?sslmode=yes", "sslmode"),
            ("postgres://u:hunter2@h/db?hunter2=1", "unknown option"),
            ("postgres://u:hunter2@h:x/db", "is not a URL"),
            ("postgres://u:hunter2@h/db?schema=", "empty schema"),
        ] {
            let fault = parse(wrong).unwrap_err();
            assert!(fault.contains(says) && !fault.contains("hunter2"), "{wrong}: {fault}");
        }
        assert!(!format!("{:?}", parse("postgres://u:hunter2@h/db").unwrap()).contains("hunter2"));
    }
}
