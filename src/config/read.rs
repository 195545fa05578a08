//! From the file's sections to [`Config`]: names, defaults and ranges of every
//! key that is not a rule (`rules`).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::raw::{Reader, Section};
use super::{
    Admin, Audit, AuditSql, Auth, CertificateLogin, Config, Control, Defaults, EndUser, Limits, Listen,
    ListenAddress, ListenTls, ListenTlsMode, Mode, Notify, RefusalMode, RemoteControl, Rights, Secret,
    SessionAttrs, StateUrl, TicketPattern, TlsVersion, Upstream, UpstreamAddress, UpstreamTls,
};
use crate::notify::Template;
use crate::state::Address;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// PostgreSQL's own limit for a message.
const LARGEST_MESSAGE: u64 = 1 << 30;
pub(super) const LONGEST_GRANT: Duration = DAY.saturating_mul(365);
const DEFAULT_PORT: u16 = 6432;

/// Reads a whole document. Wherever a fault was noted, the result holds a
/// default and must not be used.
pub(super) fn config(reader: &Reader<'_>, mut top: Section<'_, '_>, path: PathBuf, sha256: String) -> Config {
    let rules = top.sections("protect");
    let given = rules.len();
    let protect = super::rules::protect(rules);
    // A rule that could not be read would make others look wrong.
    let all_rules = protect.len() == given;
    let listen = listen(reader, top.section("listen", "listen"));
    let has_client_ca = listen.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    let (state, max_staleness) = state(reader, top.section("state", "state"));
    let config = Config {
        path,
        sha256,
        listen,
        auth: auth(top.section("auth", "auth"), has_client_ca),
        upstream: upstream(top.section("upstream", "upstream")),
        keys_file: one_path(reader, top.section("keys", "keys"), "bauta.key"),
        state,
        max_staleness,
        audit: audit(reader, top.section("audit", "audit")),
        control: control(reader, top.section("control", "control")),
        metrics: metrics(top.section("metrics", "metrics")),
        limits: limits(top.section("limits", "limits")),
        admins: top.sections("admin").into_iter().filter_map(admin).collect(),
        end_users: end_users(top.sections("end_user")),
        defaults: defaults(top.section("defaults", "defaults")),
        notify: top.sections("notify").into_iter().filter_map(notify).collect(),
        protect,
        roles: super::rules::roles(top.sections("role")),
    };
    super::rules::cross_check(reader, &config, all_rules);
    top.finish();
    config
}

fn listen(reader: &Reader<'_>, section: Option<Section<'_, '_>>) -> Listen {
    let mut listen = Listen { addresses: Vec::new(), tls: None };
    if let Some(mut section) = section {
        if let Some(found) = section.list("address") {
            if found.value.is_empty() {
                section.fault(found.line, "address", "must name at least one address");
            }
            for text in &found.value {
                match listen_address(reader, text) {
                    Some(address) => listen.addresses.push(address),
                    None => section.fault(
                        found.line,
                        "address",
                        format_args!("must be \"host:port\", or a directory for a Unix socket, not {text:?}"),
                    ),
                }
            }
        }
        listen.tls = section.section("tls", "listen.tls").map(|tls| listen_tls(tls));
        section.finish();
    }
    if listen.addresses.is_empty() {
        listen.addresses.push(ListenAddress::Tcp(format!("127.0.0.1:{DEFAULT_PORT}")));
    }
    listen
}

fn listen_address(reader: &Reader<'_>, text: &str) -> Option<ListenAddress> {
    if let Some((directory, port)) = directory_address(text) {
        let port = port?;
        return Some(ListenAddress::Unix(reader.path(directory).join(format!(".s.PGSQL.{port}"))));
    }
    host_and_port(text).map(|_| ListenAddress::Tcp(text.to_owned()))
}

/// `DIR` or `DIR:port`; the inner None: the port is none.
fn directory_address(text: &str) -> Option<(&str, Option<u16>)> {
    if !text.contains('/') && text != "." {
        return None;
    }
    Some(match text.rsplit_once(':') {
        Some((directory, port)) => (directory, port.parse().ok().filter(|p| *p > 0)),
        None => (text, Some(DEFAULT_PORT)),
    })
}

/// `host:port`, `[::1]:port`.
pub(super) fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|p: &u16| *p > 0)?;
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
        None => host.to_owned(),
    };
    let plain = !host.is_empty() && !host.chars().any(|c| c.is_whitespace() || c.is_control() || c == '/');
    plain.then_some((host, port))
}

fn listen_tls(mut section: Section<'_, '_>) -> ListenTls {
    let modes = [("prefer", ListenTlsMode::Prefer), ("require", ListenTlsMode::Require)];
    let mode = section.choice("mode", &modes).map_or(ListenTlsMode::Prefer, |m| m.value);
    let mut file = |key| match section.readable(key) {
        Some(path) => path.value,
        None => {
            if !section.names(key) {
                section.fault(section.line, key, "is missing: TLS needs a certificate and its key, in PEM");
            }
            PathBuf::new()
        }
    };
    let (cert, key) = (file("cert"), file("key"));
    let client_ca = section.readable("client_ca").map(|c| c.value);
    let min_version = tls_version(&mut section, "min_version");
    section.finish();
    ListenTls { mode, cert, key, client_ca, min_version }
}

fn tls_version(section: &mut Section<'_, '_>, key: &'static str) -> TlsVersion {
    let versions = [("TLSv1.2", TlsVersion::V1_2), ("TLSv1.3", TlsVersion::V1_3)];
    section.choice(key, &versions).map_or(TlsVersion::V1_2, |v| v.value)
}

/// libpq's names.
pub(super) const UPSTREAM_TLS: [(&str, UpstreamTls); 5] = [
    ("disable", UpstreamTls::Disable),
    ("prefer", UpstreamTls::Prefer),
    ("require", UpstreamTls::Require),
    ("verify-ca", UpstreamTls::VerifyCa),
    ("verify-full", UpstreamTls::VerifyFull),
];

fn upstream(section: Option<Section<'_, '_>>) -> Upstream {
    let mut upstream = Upstream {
        addresses: Vec::new(),
        wanted: SessionAttrs::Any,
        tls: UpstreamTls::Prefer,
        ca: None,
        tls_min_version: TlsVersion::V1_2,
        service_user: "bauta".to_owned(),
        service_password: None,
        catalog_poll: SECOND,
    };
    let default = UpstreamAddress::Tcp { host: "127.0.0.1".to_owned(), port: 5432 };
    let Some(mut section) = section else {
        upstream.addresses.push(default);
        return upstream;
    };
    upstream.addresses = upstream_addresses(&mut section);
    if upstream.addresses.is_empty() {
        upstream.addresses.push(default);
    }
    let attributes = [
        ("any", SessionAttrs::Any),
        ("read-write", SessionAttrs::ReadWrite),
        ("read-only", SessionAttrs::ReadOnly),
        ("primary", SessionAttrs::Primary),
        ("standby", SessionAttrs::Standby),
        ("prefer-standby", SessionAttrs::PreferStandby),
    ];
    upstream.wanted =
        section.choice("target_session_attrs", &attributes).map_or(upstream.wanted, |a| a.value);
    upstream.tls = section.choice("tls", &UPSTREAM_TLS).map_or(upstream.tls, |m| m.value);
    upstream.ca = section.readable("ca").map(|c| c.value);
    upstream.tls_min_version = tls_version(&mut section, "tls_min_version");
    upstream.service_user = section.text("service_user").map_or(upstream.service_user, |u| u.value);
    upstream.service_password = section.secret("service_password");
    let poll = section.duration("catalog_poll", Duration::from_millis(100)..=HOUR, None);
    upstream.catalog_poll = poll.unwrap_or(upstream.catalog_poll);
    section.finish();
    upstream
}

pub(super) fn upstream_addresses(section: &mut Section<'_, '_>) -> Vec<UpstreamAddress> {
    let Some(found) = section.list("address") else { return Vec::new() };
    if found.value.is_empty() {
        section.fault(found.line, "address", "names no server");
    }
    let mut addresses = Vec::new();
    for text in &found.value {
        match upstream_address(section.reader, text) {
            Some(address) => addresses.push(address),
            None => section.fault(
                found.line,
                "address",
                format_args!("must be \"host:port\", or the directory of a Unix socket, not {text:?}"),
            ),
        }
    }
    addresses
}

fn upstream_address(reader: &Reader<'_>, text: &str) -> Option<UpstreamAddress> {
    if text.contains('/') || text == "." {
        let (directory, port) = match text.rsplit_once(':') {
            Some((directory, port)) => (directory, port.parse().ok().filter(|p| *p > 0)?),
            None => (text, 5432),
        };
        return Some(UpstreamAddress::Unix { directory: reader.path(directory), port });
    }
    let (host, port) = host_and_port(text)?;
    Some(UpstreamAddress::Tcp { host, port })
}

fn auth(section: Option<Section<'_, '_>>, has_client_ca: bool) -> Auth {
    let Some(mut section) = section else { return Auth::Scram };
    let method = section.choice("method", &[("scram", false), ("cert", true)]);
    let by_certificate = method.as_ref().is_some_and(|method| method.value);
    if let Some(found) = method.filter(|_| by_certificate && !has_client_ca) {
        section.fault(
            found.line,
            "method",
            "\"cert\" needs the certificates' authority: listen.tls.client_ca",
        );
    }
    let mut logins: Vec<CertificateLogin> = Vec::new();
    for entry in section.sections_named("login", "auth.login") {
        let line = entry.line;
        if !by_certificate {
            section.fault(line, "login", "is for method = \"cert\" only");
        }
        let Some(login) = certificate_login(entry) else { continue };
        match logins.iter().any(|known| known.login == login.login) {
            true => section.fault(line, "login", format_args!("{:?} stands here twice", login.login)),
            false => logins.push(login),
        }
    }
    section.finish();
    if by_certificate { Auth::Cert(logins) } else { Auth::Scram }
}

fn certificate_login(mut section: Section<'_, '_>) -> Option<CertificateLogin> {
    let login = section.text("login");
    let certificates = section.list("certificate");
    let password = section.secret("password");
    for key in ["login", "password"] {
        section.demand(key);
    }
    section.finish();
    let login = login?.value;
    let certificates = certificates.map_or_else(|| vec![login.clone()], |found| found.value);
    Some(CertificateLogin { login, certificates, password: password? })
}

/// A section whose only key is `file`.
fn one_path(reader: &Reader<'_>, section: Option<Section<'_, '_>>, default: &str) -> PathBuf {
    let found = section.and_then(|mut section| {
        let path = section.path("file");
        section.finish();
        path
    });
    found.map_or_else(|| reader.path(default), |p| p.value)
}

fn state(reader: &Reader<'_>, section: Option<Section<'_, '_>>) -> (StateUrl, Duration) {
    let (default, staleness) = (StateUrl::Sqlite(reader.path("bauta.db")), 30 * SECOND);
    let Some(mut section) = section else { return (default, staleness) };
    let found = section.secret("url");
    let line = section.line_of("url");
    let staleness = section.duration("max_staleness", 2 * SECOND..=HOUR, None).unwrap_or(staleness);
    section.finish();
    let Some(url) = found else { return (default, staleness) };
    (state_url(reader, line, url.expose()).unwrap_or(default), staleness)
}

/// The URL may hold a password, so no fault shows it.
fn state_url(reader: &Reader<'_>, line: usize, text: &str) -> Option<StateUrl> {
    if let Some(path) =
        text.strip_prefix("sqlite:").map(|p| p.trim_start_matches("//")).filter(|p| !p.is_empty())
    {
        return Some(StateUrl::Sqlite(reader.path(path)));
    }
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        reader.fault(line, "state.url must be \"sqlite:PATH\" or \"postgres://…\"");
        return None;
    }
    match Address::parse(text, &|path| reader.path(path)) {
        Ok(address) => Some(StateUrl::Postgres(Box::new(address))),
        Err(fault) => {
            reader.fault(line, format!("state.url {fault}"));
            None
        }
    }
}

fn audit(reader: &Reader<'_>, section: Option<Section<'_, '_>>) -> Audit {
    let mut audit = Audit {
        file: reader.path("audit.jsonl"),
        node: crate::audit::log::node_name(),
        sql: AuditSql::Full,
        rotate: 256 << 20,
        rotate_age: Duration::ZERO,
        sinks: Vec::new(),
    };
    let Some(mut section) = section else { return audit };
    audit.file = section.path("file").map_or(audit.file, |f| f.value);
    let named = section.text_as("node", "a name of 1 to 63 printable ASCII characters", |text| {
        let fits = (1..=63).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| text.into())
    });
    audit.node = named.map_or(audit.node, |n| n.value);
    let modes = [
        ("full", AuditSql::Full),
        ("normalized", AuditSql::Normalized),
        ("fingerprint", AuditSql::Fingerprint),
    ];
    audit.sql = section.choice("sql", &modes).map_or(audit.sql, |m| m.value);
    audit.rotate = section.size("rotate", 4 << 10..=1 << 40, Some("never")).map_or(audit.rotate, |r| r.value);
    let ages = 60 * SECOND..=365 * DAY;
    audit.rotate_age = section.duration("rotate_age", ages, Some("never")).unwrap_or(audit.rotate_age);
    audit.sinks = super::sinks::sinks(section.sections_named("sink", "audit.sink"));
    section.finish();
    audit
}

fn control(reader: &Reader<'_>, section: Option<Section<'_, '_>>) -> Control {
    let mut control = Control { socket: reader.path("bauta.sock"), mode: 0o660, remote: None };
    let Some(mut section) = section else { return control };
    if let Some(found) = section.path("socket") {
        // sockaddr_un has room for 107 bytes and a NUL.
        if found.value.as_os_str().len() > 107 {
            section.fault(
                found.line,
                "socket",
                "is longer than the 107 bytes that a Unix socket's path may have",
            );
        }
        control.socket = found.value;
    }
    let expected = "an octal mode like \"0660\" with at least \"0600\"";
    let mode = section.text_as("mode", expected, |text| {
        u32::from_str_radix(text, 8).ok().filter(|m| *m <= 0o777 && m & 0o600 == 0o600)
    });
    control.mode = mode.map_or(control.mode, |m| m.value);
    control.remote = remote_control(&mut section);
    section.finish();
    control
}

fn remote_control(section: &mut Section<'_, '_>) -> Option<RemoteControl> {
    let address =
        section.text_as("address", "\"host:port\"", |text| host_and_port(text).map(|_| text.to_owned()));
    let tls = section.section("tls", "control.tls");
    let (address, mut tls) = match (address, tls) {
        (Some(address), Some(tls)) => (address.value, tls),
        (Some(address), None) => {
            let mend = "needs [control.tls] with cert, key and client_ca: callers show a certificate";
            section.fault(address.line, "address", mend);
            return None;
        }
        (None, Some(tls)) => {
            tls.finish();
            if !section.names("address") {
                section.fault(section.line, "address", "is missing: [control.tls] is for it");
            }
            return None;
        }
        (None, None) => return None,
    };
    let (cert, key, client_ca) = (tls.readable("cert"), tls.readable("key"), tls.readable("client_ca"));
    for name in ["cert", "key", "client_ca"] {
        tls.demand(name);
    }
    tls.finish();
    Some(RemoteControl { address, cert: cert?.value, key: key?.value, client_ca: client_ca?.value })
}

fn metrics(section: Option<Section<'_, '_>>) -> Option<SocketAddr> {
    let mut section = section?;
    let expected = "an IP address and port like \"127.0.0.1:9187\"";
    let address = section.text_as("address", expected, |text| text.parse().ok()).map(|a| a.value);
    section.demand("address");
    section.finish();
    address
}

fn limits(section: Option<Section<'_, '_>>) -> Limits {
    let mut limits = Limits {
        max_sessions: 1000,
        max_sessions_per_user: 0,
        startup_timeout: 10 * SECOND,
        idle_timeout: Duration::ZERO,
        query_timeout: Duration::ZERO,
        connect_timeout: 5 * SECOND,
        drain_timeout: 30 * SECOND,
        statement_bytes: 1 << 20,
        message_bytes: 1 << 30,
        depth: 100,
        workers: half_the_cpus(),
    };
    let Some(mut section) = section else { return limits };
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    limits.max_sessions = section.number("max_sessions", 1..=1_000_000).map_or(limits.max_sessions, size);
    limits.max_sessions_per_user = section.number("max_sessions_per_user", 0..=1_000_000).map_or(0, size);
    let wait = Duration::from_millis(100)..=HOUR;
    limits.startup_timeout =
        section.duration("startup_timeout", wait.clone(), None).unwrap_or(limits.startup_timeout);
    limits.idle_timeout =
        section.duration("idle_timeout", SECOND..=30 * DAY, Some("none")).unwrap_or(limits.idle_timeout);
    limits.query_timeout =
        section.duration("query_timeout", SECOND..=30 * DAY, Some("none")).unwrap_or(limits.query_timeout);
    limits.connect_timeout =
        section.duration("connect_timeout", wait.clone(), None).unwrap_or(limits.connect_timeout);
    limits.drain_timeout =
        section.duration("drain_timeout", wait, Some("sessions end at once")).unwrap_or(limits.drain_timeout);
    let statement = section.size("statement_bytes", 1 << 10..=LARGEST_MESSAGE, None);
    let message = section.size("message_bytes", 1 << 10..=LARGEST_MESSAGE, None);
    limits.statement_bytes = statement.as_ref().map_or(limits.statement_bytes, |s| size(s.value));
    limits.message_bytes = message.as_ref().map_or(limits.message_bytes, |m| size(m.value));
    if limits.statement_bytes > limits.message_bytes
        && let Some(line) = message.or(statement).map(|s| s.line)
    {
        section.fault(line, "statement_bytes", "must not exceed limits.message_bytes");
    }
    limits.depth = section.number("depth", 10..=1000).map_or(limits.depth, size);
    limits.workers = section.number("workers", 1..=1024).map_or(limits.workers, size);
    section.finish();
    limits
}

/// The more sessions a thread has, the more of them one wake-up serves; and
/// the audit log and the analyses have threads of their own.
fn half_the_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2)
}

fn admin(mut section: Section<'_, '_>) -> Option<Admin> {
    let (os_user, certificate) = (section.text("os_user"), section.text("certificate"));
    let login = section.text("login");
    let rights = section.choice("rights", &[("all", Rights::All), ("approve", Rights::Approve)]);
    let end_user = section.text("end_user").map(|user| user.value);
    section.demand("login");
    if !section.names("certificate") {
        section.demand("os_user");
    }
    section.finish();
    let rights = rights.map_or(Rights::All, |found| found.value);
    let value = |found: Option<super::raw::Located<String>>| found.map(|found| found.value);
    Some(Admin {
        os_user: value(os_user),
        certificate: value(certificate),
        login: login?.value,
        rights,
        end_user,
    })
}

/// Bytes of a key of HS256, at least: as long as its hash (RFC 7518, 3.2).
const SHORTEST_KEY: usize = 32;

fn end_users(sections: Vec<Section<'_, '_>>) -> Vec<EndUser> {
    let mut found: Vec<EndUser> = Vec::new();
    for mut section in sections {
        let (login, key) = (section.text("login"), section.secret("key"));
        let lifetime = section.duration("max_lifetime", SECOND..=HOUR, None);
        let required = section.boolean("required");
        for name in ["login", "key"] {
            section.demand(name);
        }
        if let (Some(login), Some(key)) = (login, key) {
            if key.expose().len() < SHORTEST_KEY {
                section.fault(
                    section.line_of("key"),
                    "key",
                    format_args!("must hold at least {SHORTEST_KEY} bytes: `openssl rand -hex 32` makes one"),
                );
            }
            if found.iter().any(|other| other.login == login.value) {
                section.fault(login.line, "login", format_args!("{:?} has a section already", login.value));
            }
            if found.iter().any(|other| other.key == key) {
                section.fault(
                    section.line_of("key"),
                    "key",
                    "is another login's too: its tokens would count for both",
                );
            }
            found.push(EndUser {
                login: login.value,
                key,
                max_lifetime: lifetime.unwrap_or(300 * SECOND),
                required: required.unwrap_or(true),
            });
        }
        section.finish();
    }
    found
}

fn defaults(section: Option<Section<'_, '_>>) -> Defaults {
    let mut defaults = Defaults {
        mode: Mode::Enforce,
        refusal: RefusalMode::Error,
        hold_timeout: Duration::from_secs(600),
        new_columns_masked: true,
        max_duration: HOUR,
        approvals: 1,
        request_timeout: DAY,
        ticket_pattern: None,
        trusted_functions: Vec::new(),
    };
    let Some(mut section) = section else { return defaults };
    if let Some(found) = section.choice("mode", &[("enforce", Mode::Enforce), ("observe", Mode::Observe)]) {
        defaults.mode = found.value;
    }
    defaults.refusal = refusal(&mut section).unwrap_or(defaults.refusal);
    defaults.hold_timeout =
        section.duration("hold_timeout", SECOND..=DAY, None).unwrap_or(defaults.hold_timeout);
    let new_columns = section.choice("new_columns", &[("mask", true), ("show", false)]);
    defaults.new_columns_masked = new_columns.is_none_or(|n| n.value);
    defaults.max_duration =
        section.duration("max_duration", SECOND..=LONGEST_GRANT, None).unwrap_or(defaults.max_duration);
    let approvals = section.number("approvals", 1..=10).and_then(|n| u32::try_from(n).ok());
    defaults.approvals = approvals.unwrap_or(defaults.approvals);
    let open = section.duration("request_timeout", SECOND..=30 * DAY, None);
    defaults.request_timeout = open.unwrap_or(defaults.request_timeout);
    defaults.ticket_pattern = ticket_pattern(&mut section);
    if let Some(found) = section.list("trusted_functions") {
        for name in &found.value {
            if name.split('.').filter(|p| !p.is_empty()).count() != 2 {
                section.fault(
                    found.line,
                    "trusted_functions",
                    format_args!("must name functions as \"schema.function\", not {name:?}"),
                );
            }
        }
        defaults.trusted_functions = found.value;
    }
    section.finish();
    defaults
}

/// `refusal` of `[defaults]` and of a role.
pub(super) fn refusal(section: &mut Section<'_, '_>) -> Option<RefusalMode> {
    let found = section.choice("refusal", &[("error", RefusalMode::Error), ("hold", RefusalMode::Hold)])?;
    Some(found.value)
}

/// `ticket_pattern` of `[defaults]` and of a role.
pub(super) fn ticket_pattern(section: &mut Section<'_, '_>) -> Option<TicketPattern> {
    let expected = "a regular expression like \"INC-[0-9]+\"";
    section.text_as("ticket_pattern", expected, TicketPattern::parse).map(|found| found.value)
}

/// Events that can be sent to a webhook.
const NOTIFY_EVENTS: [&str; 7] = [
    "request.created",
    "request.approved",
    "request.denied",
    "request.reviewed",
    "grant.created",
    "grant.expired",
    "grant.revoked",
];

fn notify(mut section: Section<'_, '_>) -> Option<Notify> {
    let url: Option<Secret> = section.secret("url");
    let events = section.list("events");
    let secret = section.secret("secret");
    section.demand("url");
    let host = url.as_ref().and_then(|url| host_of(url.expose()));
    if url.is_some() && host.is_none() {
        section.fault(section.line_of("url"), "url", "must be \"http://…\" or \"https://…\"");
    }
    let template = section.text("template").and_then(|found| match Template::parse(&found.value) {
        Ok(template) => Some(template),
        Err(fault) => {
            section.fault(found.line, "template", fault);
            None
        }
    });
    if let Some(found) = &events {
        for event in found.value.iter().filter(|e| !NOTIFY_EVENTS.contains(&e.as_str())) {
            let mend = super::fault::suggestion(event, NOTIFY_EVENTS);
            section.fault(found.line, "events", format_args!("names no event: {event:?}{mend}"));
        }
    }
    section.finish();
    let all = || NOTIFY_EVENTS.map(str::to_owned).to_vec();
    Some(Notify { url: url?, host: host?, events: events.map_or_else(all, |e| e.value), secret, template })
}

/// Host and port of a URL that can be posted to.
pub(super) fn host_of(url: &str) -> Option<String> {
    let url: hyper::Uri = url.parse().ok()?;
    let known = matches!(url.scheme_str(), Some("http" | "https"));
    // Without user and password.
    let host = url.host().filter(|host| known && !host.is_empty())?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}
