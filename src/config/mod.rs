//! The configuration, resolved: paths absolute, secrets read, durations and
//! sizes parsed, every fault found at once with file and line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::mask::MethodSpec;

#[derive(Debug, Clone)]
pub struct Config {
    /// The file it came from; relative paths are relative to it.
    pub path: PathBuf,
    pub listen: Listen,
    pub upstream: Upstream,
    pub keys_file: PathBuf,
    pub state: StateUrl,
    pub audit: Audit,
    pub control: Control,
    pub metrics: Option<SocketAddr>,
    pub limits: Limits,
    pub admins: Vec<Admin>,
    pub defaults: Defaults,
    pub notify: Vec<Notify>,
    pub protect: Vec<ProtectRule>,
    pub roles: Vec<Role>,
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
    /// `DIR/.s.PGSQL.<port>`; `DIR:port` or `DIR` (port 6432).
    Unix(PathBuf),
}

#[derive(Debug, Clone)]
pub struct ListenTls {
    pub mode: ListenTlsMode,
    pub cert: PathBuf,
    pub key: PathBuf,
    pub client_ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenTlsMode {
    Prefer,
    Require,
}

#[derive(Debug, Clone)]
pub struct Upstream {
    /// `host:port`, or a directory with a Unix socket.
    pub address: UpstreamAddress,
    pub tls: UpstreamTls,
    pub ca: Option<PathBuf>,
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
    Postgres(Secret),
}

#[derive(Debug, Clone)]
pub struct Audit {
    pub file: PathBuf,
    pub sql: AuditSql,
    /// Bytes; 0: never.
    pub rotate: u64,
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
}

#[derive(Debug, Clone)]
pub struct Limits {
    pub max_sessions: usize,
    /// 0: no limit of its own.
    pub max_sessions_per_user: usize,
    pub startup_timeout: Duration,
    /// Zero: none.
    pub idle_timeout: Duration,
    pub connect_timeout: Duration,
    pub statement_bytes: usize,
    pub message_bytes: usize,
    pub depth: usize,
}

#[derive(Debug, Clone)]
pub struct Admin {
    pub os_user: String,
    pub login: String,
}

#[derive(Debug, Clone)]
pub struct Defaults {
    pub mode: Mode,
    pub refusal: RefusalMode,
    pub hold_timeout: Duration,
    pub new_columns_masked: bool,
    pub max_duration: Duration,
    pub approvals: u32,
    pub trusted_functions: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    /// Log what would happen, change nothing.
    Observe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalMode {
    Error,
    Hold,
}

#[derive(Debug, Clone)]
pub struct Notify {
    pub url: Secret,
    pub events: Vec<String>,
    pub secret: Option<Secret>,
}

/// `schema.table.column`; `*` for any part.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnPattern {
    pub schema: String,
    pub table: String,
    pub column: String,
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
    pub export: bool,
    pub break_glass: bool,
    pub exempt: bool,
}
