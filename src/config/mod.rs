//! The configuration, resolved: paths absolute, secrets read, durations and
//! sizes parsed, every fault found at once with file and line.
//!
//! `raw` knows the file's shape, `read` and `rules` its keys. `docs/CONFIG.md`
//! describes them for users.

mod approvals;
mod digest;
mod fault;
mod raw;
mod read;
mod rules;
mod sinks;
mod ticket;
pub mod units;

pub use approvals::unapprovable;
pub use digest::policy_digest;
pub use fault::{Fault, Faults};
pub use rules::parse_pattern;
pub use ticket::TicketPattern;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::Digest as _;

use self::raw::{Environment, Reader, Section};
use crate::mask::{DocumentPath, MethodSpec};
use crate::notify::Template;
use crate::state::Address;

/// A configuration file holds this much at most.
const LARGEST_FILE: u64 = 16 << 20;

#[derive(Debug, Clone)]
pub struct Config {
    /// The file it came from; relative paths are relative to it.
    pub path: PathBuf,
    /// SHA-256 of the file's bytes, hex: which policy was it?
    pub sha256: String,
    pub listen: Listen,
    pub upstream: Upstream,
    pub auth: Auth,
    pub keys_file: PathBuf,
    pub state: StateUrl,
    /// How long grants count that a shared store could not be asked about.
    pub max_staleness: Duration,
    pub audit: Audit,
    pub control: Control,
    pub metrics: Option<SocketAddr>,
    pub limits: Limits,
    pub admins: Vec<Admin>,
    pub end_users: Vec<EndUser>,
    pub defaults: Defaults,
    pub notify: Vec<Notify>,
    pub protect: Vec<ProtectRule>,
    pub roles: Vec<Role>,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// All of its faults, in the order of their lines.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let text = read_file(path)?;
        Self::parse(path, &text, &|name| std::env::var(name).ok())
    }

    /// Checks a text as if it were the file at `path`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        path: &Path,
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Faults> {
        match Self::inspect(path, text, environment) {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => Err(Faults(faults)),
        }
    }

    /// Reads a file that may have faults, for `check`: what could not be read
    /// stands at its default. Never to be served.
    pub fn load_with_faults(path: &Path) -> (Option<Self>, Vec<Fault>) {
        match read_file(path) {
            Ok(text) => Self::inspect(path, &text, &|name| std::env::var(name).ok()),
            Err(faults) => (None, faults.0),
        }
    }

    fn inspect(path: &Path, text: &str, environment: Environment<'_>) -> (Option<Self>, Vec<Fault>) {
        let reader = Reader::new(path, text, environment);
        let config = reader.document().map(|document| {
            let digest = crate::audit::chain::hex(&sha2::Sha256::digest(text.as_bytes()));
            let sha256 = String::from_utf8_lossy(&digest).into_owned();
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            read::config(&reader, Section::top(&reader, document), path, sha256)
        });
        (config, reader.into_faults())
    }
}

/// The places that the commands beside `serve` need. Faults elsewhere in the
/// file, such as a variable that only the service has, don't matter to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    pub keys_file: PathBuf,
    pub audit_file: PathBuf,
    pub control_socket: PathBuf,
    /// Where in the file they are; 0: not there, defaults.
    pub lines: PlaceLines,
}

/// Lines of the keys of [`Places`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlaceLines {
    pub keys_file: usize,
    pub audit_file: usize,
    pub control_socket: usize,
}

impl Places {
    /// # Errors
    /// The file can't be read, is no TOML, or one of the three keys is faulty.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let text = read_file(path)?;
        let environment = |name: &str| std::env::var(name).ok();
        let reader = Reader::new(path, &text, &environment);
        let places = reader.document().map(|document| {
            let mut top = Section::top(&reader, document);
            let mut place = |section, key, default| {
                let found = top.section(section, section).and_then(|mut s| s.path(key));
                found.map_or_else(|| (reader.path(default), 0), |p| (p.value, p.line))
            };
            let keys = place("keys", "file", "bauta.key");
            let audit = place("audit", "file", "audit.jsonl");
            let control = place("control", "socket", "bauta.sock");
            Self {
                lines: PlaceLines { keys_file: keys.1, audit_file: audit.1, control_socket: control.1 },
                keys_file: keys.0,
                audit_file: audit.0,
                control_socket: control.0,
            }
        });
        let faults = reader.into_faults();
        match places {
            Some(places) if faults.is_empty() => Ok(places),
            _ => Err(Faults(faults)),
        }
    }
}

fn read_file(path: &Path) -> Result<String, Faults> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|f| f.take(LARGEST_FILE).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => {
            let mend = match error.kind() {
                std::io::ErrorKind::NotFound => "; `bauta init` writes one",
                _ => "",
            };
            let message = format!("can't be read: {error}{mend}");
            Err(Faults(vec![Fault { file: path.display().to_string(), line: 0, message }]))
        }
    }
}

#[derive(Debug, Clone)]
pub struct Listen {
    pub addresses: Vec<ListenAddress>,
    pub tls: Option<ListenTls>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// `host:port`; a host name is resolved when listening.
    Tcp(String),
    /// The socket's own path, `DIR/.s.PGSQL.<port>`.
    Unix(PathBuf),
}

#[derive(Debug, Clone)]
pub struct ListenTls {
    pub mode: ListenTlsMode,
    pub cert: PathBuf,
    pub key: PathBuf,
    pub client_ca: Option<PathBuf>,
    pub min_version: TlsVersion,
}

/// The oldest version of TLS that is spoken; named as by PostgreSQL's
/// `ssl_min_protocol_version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    V1_2,
    V1_3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenTlsMode {
    Prefer,
    Require,
}

#[derive(Debug, Clone)]
pub struct Upstream {
    /// The servers, tried in this order; at least one.
    pub addresses: Vec<UpstreamAddress>,
    /// Which of them will do.
    pub wanted: SessionAttrs,
    pub tls: UpstreamTls,
    pub ca: Option<PathBuf>,
    pub tls_min_version: TlsVersion,
    pub service_user: String,
    pub service_password: Option<Secret>,
    /// How often the catalog is looked at for DDL behind bauta's back.
    pub catalog_poll: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamAddress {
    Tcp { host: String, port: u16 },
    Unix { directory: PathBuf, port: u16 },
}

/// How clients say who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    Scram,
    /// By certificate; those who may, each login once.
    Cert(Vec<CertificateLogin>),
}

/// A login by certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateLogin {
    pub login: String,
    /// Names in certificates whose holder this is.
    pub certificates: Vec<String>,
    /// The role's own, for the login upstream.
    pub password: Secret,
}

/// libpq's `target_session_attrs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAttrs {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// libpq's `sslmode` names, as far as they make sense between two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamTls {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// A string that never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: String) -> Self {
        Self(value)
    }
    /// The one way to the value: named so that a reader stops at it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateUrl {
    Sqlite(PathBuf),
    /// Shared by several nodes.
    Postgres(Box<Address>),
}

#[derive(Debug, Clone)]
pub struct Audit {
    pub file: PathBuf,
    /// What this node is called, in the log and in a shared store.
    pub node: Arc<str>,
    pub sql: AuditSql,
    /// Bytes; 0: never.
    pub rotate: u64,
    /// Begin a new file when the first record of the present one is so old;
    /// zero: never.
    pub rotate_age: Duration,
    pub sinks: Vec<Sink>,
}

/// Where records go besides.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Each once: what it has taken is remembered under it.
    pub name: String,
    pub from: SinkFrom,
    pub kind: SinkKind,
}

/// Where a sink begins that has taken nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkFrom {
    /// With the oldest record that is there.
    Oldest,
    /// With the next one.
    Now,
}

#[derive(Debug, Clone)]
pub enum SinkKind {
    Stdout,
    Syslog(SyslogSink),
    Postgres(Box<PostgresSink>),
    Otlp(OtlpSink),
}

impl SinkKind {
    /// As the file names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Syslog(_) => "syslog",
            Self::Postgres(_) => "postgres",
            Self::Otlp(_) => "otlp",
        }
    }
}

#[derive(Debug, Clone)]
pub struct SyslogSink {
    pub address: SyslogAddress,
    /// RFC 5424, table 1.
    pub facility: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyslogAddress {
    /// A datagram socket.
    Unix(PathBuf),
    /// `host:port`
    Udp(String),
    /// `host:port`
    Tcp(String),
    /// TCP with TLS (RFC 5425).
    Tls(SyslogTls),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogTls {
    /// `host:port`
    pub address: String,
    /// What its certificate must be for.
    pub host: String,
    /// Who signed it; None: what this system trusts.
    pub ca: Option<PathBuf>,
    /// A certificate of one's own, and its key.
    pub own: Option<(PathBuf, PathBuf)>,
}

#[derive(Debug, Clone)]
pub struct PostgresSink {
    /// Its service role is the one that inserts.
    pub server: Upstream,
    pub database: String,
    /// Schema and table.
    pub table: [String; 2],
}

#[derive(Debug, Clone)]
pub struct OtlpSink {
    /// It may hold a token.
    pub endpoint: Secret,
    /// Its host and port.
    pub host: String,
    pub headers: Vec<(String, Secret)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditSql {
    Full,
    Normalized,
    Fingerprint,
}

#[derive(Debug, Clone)]
pub struct Control {
    pub socket: PathBuf,
    pub mode: u32,
    /// For approvers elsewhere.
    pub remote: Option<RemoteControl>,
}

/// HTTPS with client certificates.
#[derive(Debug, Clone)]
pub struct RemoteControl {
    /// `host:port`
    pub address: String,
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Who signs the callers' certificates.
    pub client_ca: PathBuf,
}

#[derive(Debug, Clone)]
pub struct Limits {
    pub max_sessions: usize,
    /// 0: no limit of its own.
    pub max_sessions_per_user: usize,
    pub startup_timeout: Duration,
    /// Zero: none.
    pub idle_timeout: Duration,
    /// A statement that the server works on for longer is cancelled; zero: none is.
    pub query_timeout: Duration,
    pub connect_timeout: Duration,
    /// How long sessions may take to become idle after SIGTERM.
    pub drain_timeout: Duration,
    pub statement_bytes: usize,
    pub message_bytes: usize,
    pub depth: usize,
    /// Threads that run sessions.
    pub workers: usize,
}

#[derive(Debug, Clone)]
pub struct Admin {
    /// Who calls on the control socket.
    pub os_user: Option<String>,
    /// A name in the certificate of who calls from elsewhere.
    pub certificate: Option<String>,
    pub login: String,
    pub rights: Rights,
    /// The same person as an end user's token names them.
    pub end_user: Option<String>,
}

/// What somebody may do by the control API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Everything but deciding about their own access.
    All,
    /// Look, ask, and decide what their roles have under `approve`.
    Approve,
}

/// A login that several people share, and how its connections name them.
#[derive(Debug, Clone)]
pub struct EndUser {
    pub login: String,
    /// Signs the tokens.
    pub key: Secret,
    /// From `iat` to `exp`, at most.
    pub max_lifetime: Duration,
    /// Nothing is revealed to a connection that names nobody.
    pub required: bool,
}

#[derive(Debug, Clone)]
pub struct Defaults {
    pub mode: Mode,
    pub refusal: RefusalMode,
    pub hold_timeout: Duration,
    pub new_columns_masked: bool,
    pub max_duration: Duration,
    pub approvals: u32,
    /// A request that nobody decides ends after this.
    pub request_timeout: Duration,
    /// A request must name a ticket of this form.
    pub ticket_pattern: Option<TicketPattern>,
    pub trusted_functions: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    /// Log what would happen, change nothing.
    Observe,
}

impl Mode {
    /// As the file spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }

    /// What must not be overlooked.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Enforce => None,
            Self::Observe => Some(
                "mode = \"observe\": NOTHING IS PROTECTED: statements run as they are, every value is shown, \
                 and the audit log says what would have been masked or refused",
            ),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalMode {
    Error,
    Hold,
}

#[derive(Debug, Clone)]
pub struct Notify {
    /// It may hold a token.
    pub url: Secret,
    /// Its host and port.
    pub host: String,
    pub events: Vec<String>,
    /// Signs the body.
    pub secret: Option<Secret>,
    /// The body; None: everything, as the control socket shows it.
    pub template: Option<Template>,
}

/// `schema.table.column`; `*` for any part.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnPattern {
    pub schema: String,
    pub table: String,
    pub column: String,
}

impl fmt::Display for ColumnPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in [&self.schema, &self.table, &self.column].into_iter().enumerate() {
            let dot = if at > 0 { "." } else { "" };
            match part.contains('.') {
                true => write!(f, "{dot}\"{part}\"")?,
                false => write!(f, "{dot}{part}")?,
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allow {
    Equality,
    Order,
    Search,
    Write,
}

#[derive(Debug, Clone)]
pub struct ProtectRule {
    /// `proxy.toml:41`, for every message about the rule.
    pub place: String,
    /// `*` or a database name.
    pub database: String,
    pub columns: Vec<ColumnPattern>,
    /// Where inside the columns' documents; none: all of them.
    pub path: Option<DocumentPath>,
    pub method: MethodSpec,
    pub domain: Option<String>,
    pub tags: Vec<String>,
    pub allow: Vec<Allow>,
}

/// A column list entry of a role: a pattern or `tag:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    Columns(ColumnPattern),
    Tag(String),
}

#[derive(Debug, Clone)]
pub struct Role {
    pub place: String,
    pub name: String,
    /// Logins.
    pub members: Vec<String>,
    /// `pg:NAME`: members of a PostgreSQL role.
    pub member_roles: Vec<String>,
    pub unmask: Vec<Scope>,
    pub request: Vec<Scope>,
    pub approve: Vec<Scope>,
    pub max_duration: Option<Duration>,
    pub refusal: Option<RefusalMode>,
    pub ticket_pattern: Option<TicketPattern>,
    pub export: bool,
    pub break_glass: bool,
    pub exempt: bool,
}

#[cfg(test)]
mod tests;
