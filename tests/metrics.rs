//! Goal: what `[metrics] address` tells agrees with what happened and with the
//! audit log, holds no value and no text, and says when statements can't run.
//! Method: the real program, scraped after statements of every decision; its
//! log, server and drain broken under it.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bauta::demo::cluster::free_port;
use bauta::telemetry::names;
use nix::sys::signal::Signal;

use crate::harness::{Bauta, Raw, Server, psql};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
"#;

/// Status and body.
pub fn get(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: bauta\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text.split_once("\r\n\r\n").unwrap().1.to_owned())
}

struct Metered {
    bauta: Bauta,
    port: u16,
}

impl Metered {
    fn start(server: &Server) -> Self {
        let port = free_port().unwrap();
        let bauta = Bauta::start(
            server,
            &format!(
                "metrics.address = \"127.0.0.1:{port}\"\naudit.sink = [{{ kind = \"stdout\" }}]\n{POLICY}"
            ),
        );
        Self { bauta, port }
    }

    /// Status and body.
    fn get(&self, path: &str) -> (u16, String) {
        get(self.port, path)
    }

    fn scrape(&self) -> Scrape {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200);
        Scrape(text)
    }

    fn becomes(&self, ready: bool, said: &str) {
        let started = Instant::now();
        loop {
            let (status, body) = self.get("/readyz");
            if (status == 200) == ready && body.contains(said) {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "ready: {ready}\n{status} {body}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

struct Scrape(String);

impl Scrape {
    fn value(&self, series: &str) -> u64 {
        let line = self.0.lines().find(|line| line.strip_prefix(series).is_some_and(|l| l.starts_with(' ')));
        let line = line.unwrap_or_else(|| panic!("no {series} in\n{}", self.0));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    fn names(&self) -> BTreeSet<&str> {
        self.0.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect()
    }
}

#[test]
fn metrics_agree_with_the_audit_log() {
    let server = Server::start();
    let metered = Metered::start(&server);
    let bauta = &metered.bauta;
    psql("ana", bauta.port, "SELECT 1; SELECT count(*) FROM orders");
    psql("ana", bauta.port, "SELECT id, email FROM customers ORDER BY id LIMIT 3");
    psql("ana", bauta.port, "SELECT id FROM customers WHERE email LIKE 'rosa%'");
    psql("ana", bauta.port, "SELECT 1 / 0");
    psql("ana", bauta.port, "SELECT pg_sleep(0.3)");
    bauta.cli_ok(&["grant", "ana", "--column", "public.customers.email", "--for", "5m", "--reason", "INC-1"]);
    psql("ana", bauta.port, "SELECT email, email FROM customers ORDER BY id LIMIT 4");
    let _ = psql("nobody", bauta.port, "SELECT 1");
    // Outcomes reach the log a moment later.
    let started = Instant::now();
    let ends = loop {
        let records = bauta.audit().into_iter();
        let ends: Vec<_> = records.filter(|r| r["event"] == "statement.end").collect();
        if ends.len() == 7 {
            break ends;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{} of 7", ends.len());
        std::thread::sleep(Duration::from_millis(20));
    };
    let scrape = metered.scrape();
    let statements =
        |decision: &str| scrape.value(&format!("bauta_statements_total{{decision=\"{decision}\"}}"));
    assert_eq!(statements("masked"), 1);
    assert_eq!(statements("refused"), 1);
    assert_eq!(statements("revealed"), 1);
    assert_eq!(statements("passed"), 4);
    assert_eq!(scrape.value("bauta_cells_total{treatment=\"masked\"}"), 3);
    assert_eq!(scrape.value("bauta_cells_total{treatment=\"revealed\"}"), 8);
    assert_eq!(scrape.value("bauta_refusals_total{use=\"predicate\"}"), 1);
    assert_eq!(scrape.value("bauta_refusals_total{use=\"statement\"}"), 0);
    assert_eq!(scrape.value("bauta_statement_errors_total"), 1);
    assert_eq!(scrape.value("bauta_logins_refused_total{stage=\"authentication\"}"), 1);
    assert_eq!(scrape.value("bauta_grants"), 1);
    assert_eq!(scrape.value("bauta_grant_events_total{event=\"grant.created\"}"), 1);
    assert_eq!(scrape.value("bauta_audit_writable"), 1);
    assert_eq!(scrape.value("bauta_catalogs"), 1);
    let rows: u64 = ends.iter().map(|end| end["rows"].as_u64().unwrap()).sum();
    assert_eq!(scrape.value("bauta_rows_total"), rows);
    assert_eq!(scrape.value("bauta_statement_duration_seconds_count"), 6);
    let answers = |series: &str| scrape.value(&format!("bauta_upstream_response_duration_seconds_{series}"));
    assert!(answers("count") >= 6, "one for each Query");
    assert!(answers("bucket{le=\"0.25\"}") < answers("count"), "one slept");
    assert!(scrape.value("bauta_audit_records_total") >= 14);
    assert!(scrape.value("process_resident_memory_bytes") > 1 << 20);
    // Nothing of what was asked or shown.
    for said in ["rosa", "SELECT", "\"ana", "INC-1", "@", "e+308"] {
        assert!(!scrape.0.contains(said), "{said} in\n{}", scrape.0);
    }
}

#[test]
fn every_metric_has_its_name_in_one_place_and_the_dashboard_knows_no_other() {
    let metered = Metered::start(Server::shared());
    let known: BTreeSet<&str> = names::ALL.iter().map(|name| name.name).collect();
    assert_eq!(metered.scrape().names(), known);
    let dashboard = include_str!("../deploy/grafana/bauta.json");
    serde_json::from_str::<serde_json::Value>(dashboard).unwrap();
    let words = dashboard.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let used: BTreeSet<&str> = words
        .filter(|word| word.starts_with("bauta_") || word.starts_with("process_"))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word))
        .collect();
    assert_eq!(used.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(known.difference(&used).collect::<Vec<_>>(), Vec::<&&str>::new(), "not on the dashboard");
    let operations = include_str!("../docs/OPERATIONS.md");
    for name in known {
        assert!(operations.contains(name), "{name} is not in docs/OPERATIONS.md");
    }
}

#[test]
fn readiness_says_what_keeps_statements_from_running() {
    let server = Server::start();
    let mut metered = Metered::start(&server);
    assert_eq!(metered.get("/healthz"), (200, "ok\n".to_owned()));
    metered.becomes(true, "ready");
    // The role that everything leans on can't log in.
    server.sql("postgres", "ALTER ROLE bauta NOLOGIN");
    metered.becomes(false, "the server can't be reached");
    server.sql("postgres", "ALTER ROLE bauta LOGIN");
    metered.becomes(true, "ready");
    // Something else stands where the log was.
    let log = metered.bauta.audit_file();
    std::fs::rename(&log, log.with_extension("moved")).unwrap();
    std::fs::create_dir(&log).unwrap();
    assert_ne!(psql("ana", metered.bauta.port, "SELECT 1").out(), "1");
    metered.becomes(false, "audit log");
    assert_eq!(metered.scrape().value("bauta_audit_writable"), 0);
    assert!(metered.scrape().value("bauta_audit_failures_total") > 0);
    assert_eq!(metered.get("/healthz").0, 200, "it lives");
    std::fs::remove_dir(&log).unwrap();
    metered.becomes(true, "ready");
    // A drain is seen while sessions finish.
    let mut working = Raw::connect(metered.bauta.port, "ana");
    working.query("BEGIN");
    metered.bauta.signal(Signal::SIGTERM);
    metered.becomes(false, "shutting down");
    working.query("COMMIT");
    assert_eq!(metered.bauta.stop(), Some(0));
}
