//! `[[audit.sink]]`: where records go besides the log's own files.

use super::raw::Section;
use super::read::{UPSTREAM_TLS, host_and_port, host_of, upstream_addresses};
use super::{
    OtlpSink, PostgresSink, Secret, SessionAttrs, Sink, SinkFrom, SinkKind, SyslogAddress, SyslogSink,
    SyslogTls, Upstream, UpstreamTls,
};

/// RFC 5424, table 1, by the names that syslog daemons use.
const FACILITIES: [(&str, u8); 14] = [
    ("user", 1),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("authpriv", 10),
    ("audit", 13),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// Keys that some kinds have.
const OTHER_KEYS: [&str; 12] = [
    "address", "facility", "tls", "ca", "cert", "key", "user", "password", "database", "table", "endpoint",
    "headers",
];

const AUTHPRIV: u8 = 10;

#[derive(Clone, Copy)]
enum Kind {
    Stdout,
    Syslog,
    Postgres,
    Otlp,
}

pub(super) fn sinks(sections: Vec<Section<'_, '_>>) -> Vec<Sink> {
    let mut sinks: Vec<Sink> = Vec::new();
    for section in sections {
        let (reader, line) = (section.reader, section.line);
        let Some(sink) = sink(section) else { continue };
        if sinks.iter().any(|other| other.name == sink.name) {
            reader.fault(
                line,
                format!("audit.sink.name {:?} is there twice: give each sink its own", sink.name),
            );
        }
        sinks.push(sink);
    }
    sinks
}

fn sink(mut section: Section<'_, '_>) -> Option<Sink> {
    let kinds = [
        ("stdout", Kind::Stdout),
        ("syslog", Kind::Syslog),
        ("postgres", Kind::Postgres),
        ("otlp", Kind::Otlp),
    ];
    let kind = section.choice("kind", &kinds);
    section.demand("kind");
    let plain = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (!text.is_empty() && text.len() <= 64 && text.chars().all(fits)).then(|| text.to_owned())
    };
    let name = section.text_as("name", "up to 64 letters, digits, - and _", plain);
    let begins = [("oldest", SinkFrom::Oldest), ("now", SinkFrom::Now)];
    let from = section.choice("from", &begins).map_or(SinkFrom::Oldest, |found| found.value);
    let Some(kind) = kind else {
        // Which of the other keys there may be is not known.
        for key in OTHER_KEYS {
            section.given(key);
        }
        section.finish();
        return None;
    };
    let kind = match kind.value {
        Kind::Stdout => Some(SinkKind::Stdout),
        Kind::Syslog => syslog(&mut section).map(SinkKind::Syslog),
        Kind::Postgres => postgres(&mut section).map(|to| SinkKind::Postgres(Box::new(to))),
        Kind::Otlp => otlp(&mut section).map(SinkKind::Otlp),
    };
    section.finish();
    let kind = kind?;
    let name = name.map_or_else(|| kind.name().to_owned(), |found| found.value);
    Some(Sink { name, from, kind })
}

fn syslog(section: &mut Section<'_, '_>) -> Option<SyslogSink> {
    let reader = section.reader;
    let expected = "\"unix:///dev/log\", \"udp://host:514\", \"tcp://host:514\" or \"tls://host:6514\"";
    let ca = section.readable("ca").map(|found| found.value);
    let (cert, key) = (section.readable("cert"), section.readable("key"));
    if cert.is_some() != key.is_some() {
        section.fault(section.line, "cert", "and key go together: a certificate of one's own and its key");
    }
    let own = cert.zip(key).map(|(cert, key)| (cert.value, key.value));
    let has_files = ca.is_some() || own.is_some();
    let address = section.text_as("address", expected, |text| {
        let (scheme, rest) = text.split_once("://")?;
        match scheme {
            "unix" if !rest.is_empty() => Some(SyslogAddress::Unix(reader.path(rest))),
            "udp" => host_and_port(rest).map(|_| SyslogAddress::Udp(rest.to_owned())),
            "tcp" => host_and_port(rest).map(|_| SyslogAddress::Tcp(rest.to_owned())),
            "tls" => host_and_port(rest).map(|(host, _)| {
                let (ca, own) = (ca.clone(), own.clone());
                SyslogAddress::Tls(SyslogTls { address: rest.to_owned(), host, ca, own })
            }),
            _ => None,
        }
    });
    section.demand("address");
    if let Some(found) =
        address.as_ref().filter(|found| has_files && !matches!(found.value, SyslogAddress::Tls(_)))
    {
        section.fault(found.line, "address", "must be \"tls://host:6514\" where ca, cert or key is given");
    }
    let facility = section.choice("facility", &FACILITIES).map_or(AUTHPRIV, |found| found.value);
    Some(SyslogSink { address: address?.value, facility })
}

fn postgres(section: &mut Section<'_, '_>) -> Option<PostgresSink> {
    let addresses = upstream_addresses(section);
    let tls = section.choice("tls", &UPSTREAM_TLS).map_or(UpstreamTls::Prefer, |found| found.value);
    let ca = section.readable("ca").map(|found| found.value);
    let user = section.text("user");
    let password = section.secret("password");
    let database = section.text("database");
    let table = section.text_as("table", "\"schema.table\"", |text| {
        let (schema, table) = text.split_once('.')?;
        let plain = !schema.is_empty() && !table.is_empty() && !table.contains('.') && !text.contains('\0');
        plain.then(|| [schema.to_owned(), table.to_owned()])
    });
    for key in ["address", "user", "database", "table"] {
        section.demand(key);
    }
    let server = Upstream {
        addresses,
        // A table that is written to.
        wanted: SessionAttrs::ReadWrite,
        tls,
        ca,
        tls_min_version: super::TlsVersion::V1_2,
        service_user: user?.value,
        service_password: password,
        catalog_poll: std::time::Duration::ZERO,
    };
    Some(PostgresSink { server, database: database?.value, table: table?.value })
}

fn otlp(section: &mut Section<'_, '_>) -> Option<OtlpSink> {
    let endpoint = section.secret("endpoint");
    section.demand("endpoint");
    let host = endpoint.as_ref().and_then(|url| host_of(url.expose()));
    if endpoint.is_some() && host.is_none() {
        let line = section.line_of("endpoint");
        section.fault(line, "endpoint", "must be \"http://…\" or \"https://…\", up to /v1/logs");
    }
    let headers = section.secret("headers");
    let read = headers.as_ref().map(|text| parse_headers(text.expose()));
    if let Some(None) = read {
        section.fault(section.line_of("headers"), "headers", "must be \"name=value,name=value\"");
    }
    Some(OtlpSink { endpoint: endpoint?, host: host?, headers: read.flatten().unwrap_or_default() })
}

/// As `OTEL_EXPORTER_OTLP_HEADERS` has them.
fn parse_headers(text: &str) -> Option<Vec<(String, Secret)>> {
    let header = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let token =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let plain = value.chars().all(|c| c == ' ' || c.is_ascii_graphic());
        (token && plain).then(|| (name.to_owned(), Secret::new(value.to_owned())))
    };
    text.split(',').filter(|pair| !pair.trim().is_empty()).map(header).collect()
}
