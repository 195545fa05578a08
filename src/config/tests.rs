//! Goal: no mistake in the file passes silently, and each gives one line with
//! its place and the mend. Method: a file that names every key; each key is
//! mistyped, each value is given another type and put out of range, in turn.

use std::path::Path;
use std::time::Duration;

use super::*;

const ALL_KEYS: &str = r#"
[listen]
address = ["127.0.0.1:6432", "[::1]:6432", "run:6433/", "/run/bauta"]
[listen.tls]
mode = "require"
cert = "server.crt"
key = "server.key"
client_ca = "server.crt"
min_version = "TLSv1.3"
[upstream]
address = ["db.example:5432", "run/pg"]
target_session_attrs = "read-write"
tls = "verify-full"
ca = "upstream-ca.crt"
tls_min_version = "TLSv1.2"
service_user = "bauta"
service_password = { env = "SERVICE_PASSWORD" }
catalog_poll = "2s"
[auth]
method = "cert"
[[auth.login]]
login = "ana"
certificate = ["ana", "ana@example.com"]
password = { env = "SERVICE_PASSWORD" }
[keys]
file = "bauta.key"
[state]
url = "sqlite:bauta.db"
max_staleness = "45s"
[audit]
node = "gate-1"
file = "log/audit.jsonl"
sql = "normalized"
rotate = "16MB"
rotate_age = "7d"
[[audit.sink]]
kind = "stdout"
from = "now"
[[audit.sink]]
kind = "syslog"
name = "siem"
address = "udp://logs.example:514"
facility = "local3"
[[audit.sink]]
kind = "postgres"
address = ["logs.example:5432"]
tls = "verify-ca"
ca = "upstream-ca.crt"
user = "bauta_writer"
password = { env = "SERVICE_PASSWORD" }
database = "logs"
table = "audit.records"
[[audit.sink]]
kind = "otlp"
endpoint = "https://collector.example:4318/v1/logs"
headers = "Authorization=Bearer x,x-tenant=a"
[control]
socket = "bauta.sock"
mode = "0600"
[limits]
max_sessions = 50
max_sessions_per_user = 5
startup_timeout = "20s"
idle_timeout = "1h"
query_timeout = "5m"
connect_timeout = "500ms"
drain_timeout = "20s"
statement_bytes = "2MB"
workers = 3
message_bytes = "64MB"
depth = { file = "depth" }
[[admin]]
os_user = "root"
login = "root"
[defaults]
mode = "enforce"
refusal = "error"
hold_timeout = "5m"
new_columns = "show"
max_duration = "2h"
approvals = 2
request_timeout = "4h"
ticket_pattern = "INC-[0-9]+"
trusted_functions = ["app.fiscal_year"]
[[protect]]
database = "shop"
column = "public.customers.email"
method = "partial"
first = 1
last = 2
fill = "..."
tags = ["pii"]
allow = ["order", "write"]
[[protect]]
columns = ["*.*.ssn", "crm.\"a.b\".ssn"]
method = "hash"
length = { env = "LENGTH" }
domain = "ssn"
[[role]]
name = "analyst"
members = ["ana", "pg:reporting"]
request = ["tag:pii"]
approve = ["public.customers.*"]
unmask = ["*.*.ssn"]
max_duration = "30m"
refusal = "error"
ticket_pattern = "CHG-[0-9]+"
export = true
exempt = true
break_glass = true
"#;

fn environment(name: &str) -> Option<String> {
    match name {
        "SERVICE_PASSWORD" => Some("hunter2".to_owned()),
        "LENGTH" => Some("12".to_owned()),
        _ => None,
    }
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [("server.crt", ""), ("server.key", ""), ("upstream-ca.crt", ""), ("depth", "77\n")] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn parse(directory: &Path, text: &str) -> Result<Config, Faults> {
    Config::parse(&directory.join("proxy.toml"), text, &environment)
}

/// The messages, with `line: ` before each.
fn faults(text: &str) -> Vec<String> {
    let directory = directory();
    let faults = parse(directory.path(), text).expect_err(text).0;
    let here = directory.path().display().to_string();
    faults.iter().map(|f| format!("{}: {}", f.line, f.message.replace(&here, "DIR"))).collect()
}

fn all_keys() -> String {
    ALL_KEYS.replace("run:6433/", "./run:6433")
}

#[test]
fn every_key_is_read() {
    let directory = directory();
    let config = parse(directory.path(), &all_keys()).unwrap();
    assert_eq!(config.listen.addresses.len(), 4);
    assert_eq!(config.listen.addresses[2], ListenAddress::Unix(directory.path().join("run/.s.PGSQL.6433")));
    assert_eq!(config.upstream.service_password.unwrap().expose(), "hunter2");
    assert_eq!(config.limits.depth, 77);
    assert_eq!(config.limits.workers, 3);
    assert_eq!(config.limits.connect_timeout, Duration::from_millis(500));
    assert_eq!(config.limits.drain_timeout, Duration::from_secs(20));
    assert_eq!(config.audit.file, directory.path().join("log/audit.jsonl"));
    assert_eq!(config.audit.rotate_age, Duration::from_secs(7 * 86_400));
    assert_eq!(config.control.mode, 0o600);
    assert!(!config.defaults.new_columns_masked);
    assert_eq!(config.defaults.request_timeout, Duration::from_secs(4 * 3600));
    assert!(config.defaults.ticket_pattern.unwrap().fits("INC-1"));
    assert_eq!(config.protect[1].columns[1].table, "a.b");
    assert_eq!(config.protect[1].method, crate::mask::MethodSpec::Hash { length: Some(12) });
    assert!(config.protect[0].place.ends_with("proxy.toml:85"), "{}", config.protect[0].place);
    assert_eq!(config.roles[0].member_roles, ["reporting"]);
    assert!(config.roles[0].break_glass && config.roles[0].ticket_pattern.is_some());
    assert_eq!(config.sha256.len(), 64);
}

#[test]
fn an_empty_file_is_all_defaults() {
    let config = parse(Path::new("/etc/bauta"), "").unwrap();
    assert_eq!(config.listen.addresses, [ListenAddress::Tcp("127.0.0.1:6432".to_owned())]);
    assert_eq!(config.keys_file, Path::new("/etc/bauta/bauta.key"));
    assert_eq!(config.state, StateUrl::Sqlite("/etc/bauta/bauta.db".into()));
    assert_eq!(config.audit.rotate, 256 << 20);
    assert_eq!(config.limits.message_bytes, 1 << 30);
    assert_eq!(config.defaults.max_duration, Duration::from_secs(3600));
}

#[test]
fn each_mistyped_key_is_a_fault_that_names_the_right_one() {
    let text = all_keys();
    for (number, line) in (1..).zip(text.lines()) {
        let Some((key, _)) = line.split_once(" = ") else { continue };
        let mistyped = format!("{}x{}", &key[..1], &key[1..]);
        let broken: Vec<String> = text
            .lines()
            .zip(1..)
            .map(|(l, n)| if n == number { l.replacen(key, &mistyped, 1) } else { l.to_owned() })
            .collect();
        let found = faults(&broken.join("\n"));
        let expected = format!("{number}: unknown key \"{mistyped}\"");
        let said = found.iter().find(|f| f.starts_with(&expected));
        let said = said.unwrap_or_else(|| panic!("{mistyped}: {found:#?}"));
        assert!(said.contains(&format!("did you mean \"{key}\"?")), "{said}");
        // One line, but for what then is missing elsewhere.
        let elsewhere =
            ["is missing", "which no protect rule has", "needs the certificates' authority", "is for method"];
        let own = found.iter().filter(|f| !elsewhere.iter().any(|e| f.contains(e)));
        assert_eq!(own.count(), 1, "{found:#?}");
    }
}

#[test]
fn each_mistyped_section_is_a_fault_that_names_the_right_one() {
    let text = all_keys();
    for (number, line) in (1..).zip(text.lines()) {
        let Some(name) = line.strip_prefix('[') else { continue };
        let name = name.trim_matches(['[', ']']);
        let mistyped = format!("{name}x");
        let broken: Vec<String> = text
            .lines()
            .zip(1..)
            .map(|(l, n)| if n == number { l.replace(name, &mistyped) } else { l.to_owned() })
            .collect();
        let found = faults(&broken.join("\n"));
        let last = name.rsplit('.').next().unwrap();
        assert!(
            found
                .iter()
                .any(|f| f.contains("unknown key") && f.contains(&format!("did you mean \"{last}\"?"))),
            "{mistyped}: {found:#?}"
        );
    }
}

#[test]
fn each_value_of_another_type_is_a_fault_of_its_line() {
    let text = all_keys();
    for (number, line) in (1..).zip(text.lines()) {
        let Some((key, _)) = line.split_once(" = ") else { continue };
        for wrong in
            ["1979-05-27", "[[1]]", "{ a = 1 }", "-1.5", "{ env = \"NOT_SET\" }", "{ file = \"none\" }"]
        {
            let broken: Vec<String> = text
                .lines()
                .zip(1..)
                .map(|(l, n)| if n == number { format!("{key} = {wrong}") } else { l.to_owned() })
                .collect();
            let found = faults(&broken.join("\n"));
            assert!(
                found.iter().any(|f| f.starts_with(&format!("{number}: "))),
                "{key} = {wrong}: {found:#?}"
            );
        }
    }
}

/// Golden: what people read.
#[test]
fn values_out_of_range_are_named_with_their_range() {
    for (text, expected) in [
        ("listen.address = []", "1: listen.address must name at least one address"),
        (
            "listen.address = \"localhost\"",
            "1: listen.address must be \"host:port\", or a directory for a Unix socket, not \"localhost\"",
        ),
        (
            "listen.address = \":70000\"",
            "1: listen.address must be \"host:port\", or a directory for a Unix socket, not \":70000\"",
        ),
        (
            "listen.tls.mode = \"require\"",
            "1: listen.tls.cert is missing: TLS needs a certificate and its key, in PEM",
        ),
        (
            "listen.tls.cert = \"none.crt\"\nlisten.tls.key = \"server.key\"",
            "1: listen.tls.cert DIR/none.crt: No such file or directory (os error 2)",
        ),
        (
            "upstream.tls = \"verify\"",
            "1: upstream.tls must be \"disable\" or \"prefer\" or \"require\" or \"verify-ca\" or \"verify-full\", not \"verify\"",
        ),
        (
            "upstream.catalog_poll = \"0\"",
            "1: upstream.catalog_poll must be a duration from \"100ms\" to \"1h\", not \"0\"",
        ),
        ("upstream.address = []", "1: upstream.address names no server"),
        (
            "upstream.address = [\"db:5432\", \"db\"]",
            "1: upstream.address must be \"host:port\", or the directory of a Unix socket, not \"db\"",
        ),
        (
            "upstream.target_session_attrs = \"master\"",
            "1: upstream.target_session_attrs must be \"any\" or \"read-write\" or \"read-only\" or \"primary\" or \"standby\" or \"prefer-standby\", not \"master\"",
        ),
        ("upstream.service_password = 5", "1: upstream.service_password must be a text that is not empty"),
        ("state.url = \"mysql://x\"", "1: state.url must be \"sqlite:PATH\" or \"postgres://…\""),
        (
            "audit.rotate_age = \"1s\"",
            "1: audit.rotate_age must be a duration from \"1m\" to \"365d\", or \"0\": never, not \"1s\"",
        ),
        (
            "audit.rotate = \"1kB\"",
            "1: audit.rotate must be a size from \"4kB\" to \"1024GB\", or \"0\": never, not \"1kB\"",
        ),
        (
            "control.mode = \"0999\"",
            "1: control.mode must be an octal mode like \"0660\" with at least \"0600\", not \"0999\"",
        ),
        ("limits.workers = 0", "1: limits.workers must be a whole number from 1 to 1024, not 0"),
        ("limits.max_sessions = 0", "1: limits.max_sessions must be a whole number from 1 to 1000000, not 0"),
        ("limits.depth = 5000", "1: limits.depth must be a whole number from 10 to 1000, not 5000"),
        (
            "limits.idle_timeout = \"10\"",
            "1: limits.idle_timeout must be a duration from \"1s\" to \"30d\", or \"0\": none, not \"10\"",
        ),
        (
            "limits.statement_bytes = \"4GB\"",
            "1: limits.statement_bytes must be a size from \"1kB\" to \"1GB\", not \"4GB\"",
        ),
        (
            "limits.statement_bytes = \"4MB\"\nlimits.message_bytes = \"2MB\"",
            "2: limits.statement_bytes must not exceed limits.message_bytes",
        ),
        ("defaults.approvals = 0", "1: defaults.approvals must be a whole number from 1 to 10, not 0"),
        (
            "defaults.ticket_pattern = \"INC-(\"",
            "1: defaults.ticket_pattern must be a regular expression like \"INC-[0-9]+\", not \"INC-(\"",
        ),
        (
            "defaults.trusted_functions = [\"f\"]",
            "1: defaults.trusted_functions must name functions as \"schema.function\", not \"f\"",
        ),
        (
            "auth.method = \"cert\"",
            "1: auth.method \"cert\" needs the certificates' authority: listen.tls.client_ca",
        ),
        ("[[auth.login]]\nlogin = \"ana\"", "1: auth.login.password is missing"),
        ("[[auth.login]]\nlogin = \"ana\"\npassword = \"x\"", "1: auth.login is for method = \"cert\" only"),
        ("[[admin]]\nos_user = \"root\"", "1: admin.login is missing"),
        ("[[admin]]\nlogin = \"root\"", "1: admin.os_user is missing"),
        (
            "control.address = \"0.0.0.0:6433\"",
            "1: control.address needs [control.tls] with cert, key and client_ca: callers show a certificate",
        ),
        ("[end_user]\nlogin = \"bi\"", "1: end_user must be written in double brackets: [[end_user]]"),
        ("[[end_user]]\nlogin = \"bi\"", "1: end_user.key is missing"),
        (
            "[[end_user]]\nlogin = \"bi\"\nkey = \"short\"",
            "3: end_user.key must hold at least 32 bytes: `openssl rand -hex 32` makes one",
        ),
        (
            "[[end_user]]\nlogin = \"a\"\nkey = \"0123456789012345678901234567890123\"\n[[end_user]]\nlogin = \"b\"\nkey = \"0123456789012345678901234567890123\"",
            "6: end_user.key is another login's too: its tokens would count for both",
        ),
        ("[protect]\ncolumn = \"a.b.c\"", "1: protect must be written in double brackets: [[protect]]"),
        ("[[protect]]\nmethod = \"null\"", "1: protect.column is missing: \"schema.table.column\""),
        ("[[protect]]\ncolumn = \"a.b.c\"", "1: protect.method is missing"),
        (
            "[[protect]]\ncolumn = \"email\"\nmethod = \"email\"",
            "2: protect.column must be \"schema.table.column\" with * for any part (double quotes around a name with a dot), not \"email\"",
        ),
        (
            "[[protect]]\ncolumn = \"a.b.c\"\nmethod = \"emial\"",
            "3: unknown method \"emial\": did you mean \"email\"?",
        ),
        (
            "[[protect]]\ncolumn = \"a.b.c\"\nmethod = \"email\"\ndomain = \"d\"",
            "4: protect.domain does not fit: method \"email\" has no domain: remove the key",
        ),
        (
            "[[protect]]\ncolumn = \"a.b.c\"\nmethod = \"hash\"\nallow = [\"serach\"]",
            "4: protect.allow can't be \"serach\": did you mean \"search\"?",
        ),
        (
            "[[protect]]\ncolumn = \"a.b.c\"\nmethod = \"email\"\n[[protect]]\ncolumn = \"a.b.c\"\nmethod = \"null\"",
            "4: protect.column a.b.c is named by the rule at DIR/proxy.toml:1 already",
        ),
        (
            "[[protect]]\ncolumn = \"a.b.c\"\npath = \"$.a[0]\"\nmethod = \"email\"",
            "3: protect.path can't name one element of an array, whose place may change: write [*] for all of them, not \"$.a[0]\"",
        ),
        (
            "[[protect]]\ncolumn = \"a.b.c\"\npath = \"$.a\"\nmethod = \"show\"",
            "4: protect.method \"show\" does not fit a path: what no path names is shown already: remove the rule",
        ),
        (
            "[[protect]]\ncolumn = \"a.b.c\"\nmethod = \"email\"\n[[protect]]\ncolumn = \"a.b.c\"\npath = \"$.a\"\nmethod = \"null\"",
            "4: protect.column a.b.c is named as a whole by the rule at DIR/proxy.toml:1: remove one",
        ),
        (
            "[[protect]]\ncolumn = \"a.b.c\"\npath = \"$.a\"\nmethod = \"email\"\n[[protect]]\ncolumn = \"a.b.c\"\nmethod = \"null\"",
            "5: protect.column a.b.c is named with path $.a by the rule at DIR/proxy.toml:1: remove one",
        ),
        (
            "[[protect]]\ncolumn = \"a.b.c\"\npath = \"$.a[*].b\"\nmethod = \"email\"\n[[protect]]\ncolumn = \"a.b.c\"\npath = \"$.a.b\"\nmethod = \"null\"",
            "5: protect.column a.b.c has path $.a.b in the rule at DIR/proxy.toml:1 already",
        ),
        (
            "[[protect]]\ncolumn = \"a.b.c\"\npath = \"$.a.b\"\nmethod = \"email\"\n[[protect]]\ncolumn = \"a.b.c\"\npath = \"$.a\"\nmethod = \"null\"",
            "5: protect.column a.b.c has path $.a, which leads through or into $.a.b at DIR/proxy.toml:1: one of them is enough",
        ),
        (
            "[[protect]]\ncolumn = \"a.b.c\"\nmethod = \"hash\"\ndomain = \"d\"\n[[protect]]\ncolumn = \"a.b.d\"\nmethod = \"token\"\ndomain = \"d\"",
            "5: protect.domain \"d\" has method \"token\" here and \"hash\" at DIR/proxy.toml:1: one domain has one method and its options",
        ),
        (
            "[[role]]\nname = \"a\"\nrequest = [\"tag:pii\"]",
            "1: role.request names \"tag:pii\", which no protect rule has",
        ),
        (
            "[[role]]\nname = \"a\"\n[[role]]\nname = \"a\"",
            "3: role.name \"a\" is taken by the role at DIR/proxy.toml:1",
        ),
    ] {
        assert!(faults(text).contains(&expected.to_owned()), "{text}\n{:#?}", faults(text));
    }
}

#[test]
fn refusals_are_errors_unless_the_file_says_hold() {
    let directory = directory();
    let parse = |text: &str| parse(directory.path(), text);
    let role = "[[role]]\nname = \"a\"\n";
    let plain = parse(role).unwrap();
    assert_eq!((plain.defaults.refusal, plain.roles[0].refusal), (RefusalMode::Error, None));
    assert_eq!(plain.defaults.hold_timeout, Duration::from_secs(600));
    let held =
        parse(&format!("[defaults]\nrefusal = \"hold\"\nhold_timeout = \"90s\"\n{role}refusal = \"hold\""));
    let held = held.unwrap();
    assert_eq!((held.defaults.refusal, held.roles[0].refusal), (RefusalMode::Hold, Some(RefusalMode::Hold)));
    assert_eq!(held.defaults.hold_timeout, Duration::from_secs(90));
    assert!(parse("[defaults]\nhold_timeout = \"0\"").is_err());
}

#[test]
fn a_target_is_a_url_known_events_and_a_template_of_json() {
    let directory = directory();
    let read = |text: &str| parse(directory.path(), &format!("[[notify]]\n{text}"));
    let config = read("url = \"https://u:p@chat.example:8443/x?token=1\"").unwrap();
    assert_eq!(config.notify[0].host, "chat.example:8443");
    assert_eq!(config.notify[0].events.len(), 7);
    assert!(!format!("{config:?}").contains("token"));
    for wrong in [
        "events = []",
        "url = \"chat.example\"",
        "url = \"ftp://chat.example\"",
        "url = \"http://chat\"\nevents = [\"request.made\"]",
        "url = \"http://chat\"\ntemplate = '{\"text\": {{user}}}'",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

/// Whoever copies one must not be told that it is wrong.
#[test]
fn the_documented_webhooks_are_valid() {
    let documented = include_str!("../../docs/CONFIG.md");
    let blocks: Vec<&str> = documented
        .split("```toml")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.contains("[[notify]]"))
        .collect();
    assert_eq!(blocks.len(), 3, "Slack, Teams, Jira");
    for block in blocks {
        let environment =
            |name: &str| name.ends_with("_WEBHOOK").then(|| "https://hook.example/x".to_owned());
        let config = Config::parse(Path::new("proxy.toml"), block, &environment).unwrap();
        assert!(config.notify[0].template.is_some());
    }
}

#[test]
fn a_shared_store_is_read_and_its_faults_show_no_password() {
    let read = |text: &str| Config::parse(Path::new("/etc/bauta/proxy.toml"), text, &|_| None);
    let config = read("state = { url = \"postgres://u:p@h/d?sslmode=require\", max_staleness = \"5s\" }\naudit.node = \"gate-1\"")
        .unwrap();
    let StateUrl::Postgres(address) = &config.state else { panic!("{:?}", config.state) };
    assert_eq!((address.show().as_str(), address.tls), ("postgres://h:5432/d", UpstreamTls::Require));
    assert_eq!((config.max_staleness, &*config.audit.node), (Duration::from_secs(5), "gate-1"));
    for wrong in [
        "state.url = \"postgres://h/hunter2\"",
        "state.url = \"postgres://u:hunter2@h/d?sslmode=maybe\"",
        "state.max_staleness = \"1s\"",
        "audit.node = \"two words\"",
        "audit.node = \"\"",
    ] {
        let faults = read(wrong).unwrap_err().to_string();
        assert!(!faults.contains("hunter2"), "{faults}");
    }
}

#[test]
fn all_faults_come_at_once_in_the_order_of_their_lines() {
    let found = faults("[limits]\ndepth = 1\ndeep = 2\n[audit]\nsql = \"none\"\n[[protect]]\nfirst = 1\n");
    let lines: Vec<&str> = found.iter().map(|f| f.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["2", "3", "5", "6", "6"], "{found:#?}");
}

#[test]
fn a_syntax_error_names_its_line() {
    let found = faults("[limits]\ndepth = \n");
    assert!(found[0].starts_with("2: "), "{found:?}");
}

#[test]
fn no_fault_shows_a_secret() {
    for text in [
        "upstream.service_password = [\"hunter2\"]",
        "state.url = \"postgers://u:hunter2@h/d\"",
        "limits.depth = { env = \"SERVICE_PASSWORD\" }",
        "control.mode = { env = \"SERVICE_PASSWORD\" }",
    ] {
        assert!(!faults(text).concat().contains("hunter2"), "{text}: {:?}", faults(text));
    }
}

#[test]
fn patterns_read_and_show() {
    for text in ["public.customers.email", "*.*.email", "crm.\"a.b\".c"] {
        assert_eq!(parse_pattern(text).unwrap().to_string(), text);
    }
    let long = format!("a.b.{}", "c".repeat(64));
    for text in ["", "a", "a.b", "a.b.c.d", "a..c", "a.b.c*", "a.\"b.c", "a.\"b\"x.c", &long] {
        assert_eq!(parse_pattern(text), None, "{text}");
    }
}
