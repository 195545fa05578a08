//! Goal: an auditor finds who saw what, and sees every tampering, with the
//! program alone. Method: logs written through the library, damaged by hand,
//! read with `bauta audit …`; and the test vector of docs/AUDIT-FORMAT.md.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bauta::audit::chain::{FIRST, Line, Sealer};
use bauta::audit::record::{GrantCreated, SessionStart};
use bauta::audit::{Conceal, Event, Log, LogSettings, Record, Sql, StatementEnd, StatementStart, Who};
use bauta::clock::SystemClock;
use bauta::config::AuditSql;
use bauta::grants::GrantId;
use bauta::mask::keys::KeyRing;
use bauta::mask::{Method, MethodSpec};
use bauta::policy::decide::{ColumnDecision, What};
use bauta::policy::{Access, Basis, Disclosure, Disclosures, ProtectedColumn};

use crate::harness::{Bauta, Output, Server, psql};

const KEY_FILE: &str = "1 2026-01-31T12:00:00Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_bauta"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn column(name: &str, method: Method) -> Arc<ProtectedColumn> {
    let mut parts = name.split('.').map(Arc::<str>::from);
    Arc::new(ProtectedColumn {
        name: name.into(),
        schema: parts.next().unwrap(),
        table: parts.next().unwrap(),
        column: parts.next().unwrap(),
        method: MethodSpec::of(method),
        domain: name.into(),
        tags: Vec::new(),
        discloses: Disclosures(Disclosure::Nullness),
        writable: false,
        because: "proxy.toml:1".into(),
    })
}

fn decision(name: &str, use_: &'static str, what: What) -> ColumnDecision {
    ColumnDecision { column: column(name, Method::Email), use_, what }
}

fn under_grant(id: i64) -> What {
    What::Revealed(Access::Revealed { basis: Basis::Grant(GrantId(id)), until: None, export: false })
}

fn who(user: &str, session: i64) -> Arc<Who> {
    Arc::new(Who { session, user: user.into(), database: "shop".into(), client: "10.0.0.7:51234".into() })
}

/// A log in a directory of its own, with the key file and a configuration.
struct Desk {
    directory: tempfile::TempDir,
    log: Option<Log>,
}

impl Desk {
    fn new(rotate: u64) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("bauta.key");
        std::fs::write(&key, KEY_FILE).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(directory.path().join("proxy.toml"), "keys.file = \"bauta.key\"\n").unwrap();
        let settings = LogSettings {
            file: directory.path().join("audit.jsonl"),
            sql: AuditSql::Full,
            rotate,
            node: "n1".into(),
        };
        let ring = KeyRing::open(&key).unwrap();
        let log = Log::open(settings, &ring.audit_key(), Arc::new(SystemClock)).unwrap();
        Self { directory, log: Some(log) }
    }

    fn write(&self, who: Arc<Who>, event: Event) -> bauta::audit::Ticket {
        let log = self.log.as_ref().unwrap();
        let ticket = log.post(Record { who, event }).unwrap();
        log.durable_blocking(ticket).unwrap();
        ticket
    }

    fn statement(&self, user: &str, sql: &str, columns: Vec<ColumnDecision>, sqlstate: Option<&'static str>) {
        let who = who(user, 42);
        let sql = Sql::whole(Arc::<str>::from(sql), Conceal::Nothing);
        let start = StatementStart { sql, columns: columns.into() };
        let start = self.write(who.clone(), Event::StatementStart(start));
        let rows = if sqlstate.is_some() { 0 } else { 3 };
        let elapsed = Duration::from_micros(1500);
        let refused = sqlstate.is_some();
        let sqlstate = sqlstate.map(Into::into);
        let end = StatementEnd { start, rows, bytes: 99, elapsed, sqlstate, refused };
        self.write(who, Event::StatementEnd(end));
    }

    fn day_of_ana(&self) {
        let start = SessionStart { backend_pid: 7, tls: true, application: "psql".into() };
        self.write(who("ana", 42), Event::SessionStart(start));
        let masked = decision("public.customers.email", "output", What::Masked("email"));
        self.statement("ana", "SELECT id,\n  email FROM customers", vec![masked], None);
        self.statement(
            "ana",
            "SELECT 1 FROM customers WHERE email LIKE 'a%'",
            vec![decision("public.customers.email", "predicate", What::Refused)],
            Some("42501"),
        );
        self.write(
            who("ana", 42),
            Event::GrantCreated(GrantCreated {
                grant: 3,
                columns: vec!["public.customers.email".into()],
                tags: Vec::new(),
                reason: "INC-4711".into(),
                ticket: None,
                requested_by: "ana".into(),
                approved_by: "uid:0(root)".into(),
                expires_at: "2026-11-23T21:00:00Z".parse().unwrap(),
                once: false,
                export: false,
            }),
        );
        let revealed = decision("public.customers.email", "output", under_grant(3));
        let ssn = decision("public.customers.ssn", "output", What::Masked("token"));
        self.statement("ana", "SELECT * FROM customers", vec![revealed, ssn], None);
        self.statement("bob", "SELECT 1", Vec::new(), None);
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn close(&mut self) {
        self.log = None;
    }
}

/// Times differ from run to run.
fn without_times(text: &str) -> String {
    let cut = |l: &str| match l.get(..4) {
        Some(year) if year.bytes().all(|b| b.is_ascii_digit()) => format!("TIME{}", &l[20..]),
        _ => l.to_owned(),
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_search_reads_as_what_somebody_did() {
    let mut desk = Desk::new(0);
    desk.day_of_ana();
    desk.close();
    let found = run(desk.path(), &["audit", "search", "--user", "ana"]);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    assert_eq!(
        without_times(&found.stdout),
        "\
TIME  ana@shop  session 42  session.start  from 10.0.0.7:51234, application \"psql\", backend pid 7, tls true
TIME  ana@shop  session 42  3 rows, 1.5 ms
    masked      public.customers.email (email)
    SELECT id, email FROM customers
TIME  ana@shop  session 42  refused (42501)
    refused     public.customers.email as predicate
    SELECT 1 FROM customers WHERE email LIKE 'a%'
TIME  ana@shop  session 42  grant.created  public.customers.email, approved by \"uid:0(root)\", expires at \"2026-11-23T21:00:00.000000Z\", grant 3, reason \"INC-4711\", requested by \"ana\"
TIME  ana@shop  session 42  3 rows, 1.5 ms
    revealed    public.customers.email under grant 3
    masked      public.customers.ssn (token)
    SELECT * FROM customers"
    );
}

#[test]
fn each_condition_of_a_search_selects_over_rotated_files() {
    let mut desk = Desk::new(4096);
    for _ in 0..4 {
        desk.day_of_ana();
    }
    desk.close();
    let files = std::fs::read_dir(desk.path()).unwrap().count();
    assert!(files > 5, "rotated: {files} files");
    let count = |arguments: &[&str]| {
        let mut all = vec!["audit", "search", "--json"];
        all.extend_from_slice(arguments);
        let found = run(desk.path(), &all);
        assert_eq!(found.code, Some(0), "{}", found.stderr);
        assert!(found.stdout.lines().all(|l| serde_json::from_str::<serde_json::Value>(l).is_ok()));
        found.stdout.lines().count()
    };
    assert_eq!(count(&[]), 4 * 10);
    assert_eq!(count(&["--user", "ana"]), 4 * 8);
    assert_eq!(count(&["--user", "an"]), 0);
    assert_eq!(count(&["--session", "42"]), 4 * 10);
    assert_eq!(count(&["--session", "4"]), 0);
    assert_eq!(count(&["--column", "public.customers.ssn"]), 4 * 2);
    assert_eq!(count(&["--column", "*.*.email"]), 4 * 7);
    assert_eq!(count(&["--column", "*.*.email", "--decision", "revealed"]), 4 * 2);
    assert_eq!(count(&["--column", "*.*.ssn", "--decision", "revealed"]), 0);
    assert_eq!(count(&["--decision", "refused"]), 4 * 2);
    assert_eq!(count(&["--grant", "3"]), 4 * 3);
    assert_eq!(count(&["--grant", "33"]), 0);
    assert_eq!(count(&["--since", "1h"]), 4 * 10);
    assert_eq!(count(&["--until", "1h"]), 0);
    assert_eq!(run(desk.path(), &["audit", "search", "--decision", "none"]).code, Some(2));
}

#[test]
fn verify_names_the_first_bad_record_and_why() {
    let mut desk = Desk::new(4096);
    desk.day_of_ana();
    desk.day_of_ana();
    desk.close();
    let good = run(desk.path(), &["audit", "verify"]);
    assert_eq!(good.code, Some(0), "{}", good.stdout);
    assert!(good.stdout.contains("20 records in ") && good.stdout.contains(" are good, seq 1 to 20; head "));
    let rotated = desk.path().join("audit.jsonl.000000000001");
    let text = std::fs::read_to_string(&rotated).unwrap();

    let damage = |damaged: &str, line: u32, why: &str| {
        std::fs::write(&rotated, damaged).unwrap();
        let bad = run(desk.path(), &["audit", "verify"]);
        assert_eq!(bad.code, Some(1), "{}", bad.stdout);
        assert!(bad.stdout.contains(&format!("audit.jsonl.000000000001:{line} (seq ")), "{}", bad.stdout);
        assert!(bad.stdout.contains(why), "{}", bad.stdout);
    };
    damage(&text.replace("SELECT id", "SELECT xx"), 2, "edited: its mac does not fit its bytes");
    let without: String =
        text.lines().enumerate().filter(|(n, _)| *n != 2).map(|(_, l)| format!("{l}\n")).collect();
    damage(&without, 3, "1 record(s) before it were removed (expected seq 3)");
    let mut swapped: Vec<&str> = text.lines().collect();
    swapped.swap(1, 2);
    damage(&(swapped.join("\n") + "\n"), 2, "1 record(s) before it were removed");

    std::fs::write(&rotated, &text).unwrap();
    let other_key = desk.path().join("other.key");
    KeyRing::create(&other_key, "2026-11-23T20:00:00Z".parse().unwrap()).unwrap();
    let bad = run(desk.path(), &["audit", "verify", "--key", "other.key"]);
    assert_eq!(bad.code, Some(1));
    assert!(bad.stdout.contains("made with another key"), "{}", bad.stdout);

    std::fs::remove_file(&rotated).unwrap();
    let cut = run(desk.path(), &["audit", "verify"]);
    assert!(cut.stdout.contains("earlier files are not among these"), "{}", cut.stdout);
}

#[test]
fn tail_shows_the_newest_records() {
    let mut desk = Desk::new(0);
    desk.day_of_ana();
    desk.close();
    let lines = run(desk.path(), &["audit", "tail", "-n", "2", "--json"]).stdout;
    let seqs: Vec<u64> = lines
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, [9, 10]);
    assert_eq!(run(desk.path(), &["audit", "tail", "-n", "99", "--json"]).stdout.lines().count(), 10);
}

/// Names of members in their order.
fn names(line: &str) -> Vec<&str> {
    line.split(['{', ','])
        .filter_map(|m| m.strip_prefix('"')?.split_once("\":").map(|(name, _)| name))
        .collect()
}

/// The vector in docs/AUDIT-FORMAT.md, from its key to its mac.
#[test]
fn the_documented_test_vector_holds() {
    let text = include_str!("../docs/AUDIT-FORMAT.md");
    let lines: Vec<&str> = text.lines().filter(|l| l.starts_with("{\"seq\":")).collect();
    assert_eq!(lines.len(), 2, "two lines of the vector");
    assert!(text.contains(KEY_FILE.trim()));
    // What bauta writes for that statement today.
    let mut desk = Desk::new(0);
    let masked = decision("public.customers.email", "output", What::Masked("email"));
    desk.statement("ana", "SELECT id, email FROM customers", vec![masked], None);
    desk.close();
    let written = std::fs::read_to_string(desk.path().join("audit.jsonl")).unwrap();
    for (written, documented) in written.lines().zip(&lines) {
        let members = |line: &str| {
            let mut record: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            record.retain(|m, _| {
                !["at", "node", "client", "rows", "bytes", "ms", "prev", "mac"].contains(&m.as_str())
            });
            record
        };
        assert_eq!(members(written), members(documented));
        assert_eq!(names(written), names(documented), "the order of members");
    }
    let sealer = Sealer::new(&KeyRing::parse(KEY_FILE).unwrap().audit_key());
    let mut prev = FIRST;
    for line in lines {
        let parsed = Line::parse(line.as_bytes()).unwrap();
        assert_eq!(parsed.prev, &prev);
        assert!(sealer.fits(&parsed), "mac of {line}");
        serde_json::from_str::<serde_json::Value>(line).unwrap();
        prev = *parsed.mac;
    }
}

/// The real program in front of a real server.
#[test]
fn what_an_analyst_did_is_found_afterwards_without_the_values() {
    let server = Server::start();
    let bauta = Bauta::start(
        &server,
        r#"
        [[protect]]
        column = "public.customers.email"
        method = "email"
        [[protect]]
        column = "public.customers.ssn"
        method = "token"
        "#,
    );
    psql("ana", bauta.port, "SELECT email FROM customers WHERE id = 1");
    let refused = psql("ana", bauta.port, "SELECT id FROM customers WHERE email = 'guess@example.com'");
    assert!(refused.stderr.contains("permission denied"), "{}", refused.stderr);
    // A text that can't be analysed shows no literal.
    psql("ana", bauta.port, "SELECT ssn FROM customers WHERE ssn = '123-45-6789' )");
    bauta.cli_ok(&[
        "grant",
        "ana",
        "--column",
        "public.customers.email",
        "--for",
        "2m",
        "--reason",
        "INC-4711",
    ]);
    let real = psql("ana", bauta.port, "SELECT email FROM customers WHERE id = 1");
    assert!(real.out().contains('@') && !real.out().contains("***"), "{}", real.out());

    let found = bauta.cli_ok(&["audit", "search", "--user", "ana"]);
    for expected in [
        "masked      public.customers.email (email)",
        "refused     public.customers.email as",
        "refused (42501)",
        "SELECT id FROM customers WHERE email = ?",
        "revealed    public.customers.email under grant 1",
        "grant.created  public.customers.email",
        "INC-4711",
    ] {
        assert!(found.contains(expected), "{expected}\n{found}");
    }
    let log = std::fs::read_to_string(bauta.audit_file()).unwrap();
    for value in ["guess@example.com", "123-45-6789", real.out()] {
        assert!(!log.contains(value), "{value} is in the log");
    }
    assert!(bauta.cli_ok(&["audit", "verify"]).contains(" are good, seq 1 to "));
}

#[test]
fn while_the_log_is_gone_statements_are_refused_and_then_go_on() {
    let server = Server::start();
    let mut bauta = Bauta::start(&server, "");
    assert_eq!(psql("ana", bauta.port, "SELECT 1").out(), "1");
    // A directory in its place: nothing can be written there.
    let file = bauta.audit_file();
    let moved = file.with_extension("moved");
    std::fs::rename(&file, &moved).unwrap();
    std::fs::create_dir(&file).unwrap();
    let refused = psql("ana", bauta.port, "SELECT 2");
    assert!(refused.stderr.contains("could not write the audit log"), "{}", refused.stderr);
    assert_eq!(refused.out(), "");
    std::fs::remove_dir(&file).unwrap();
    let began = std::time::Instant::now();
    while psql("ana", bauta.port, "SELECT 3").out() != "3" {
        assert!(began.elapsed() < Duration::from_secs(10), "service did not resume");
    }
    assert_eq!(bauta.stop(), Some(0));
    let moved = moved.display().to_string();
    let verified = bauta.cli_ok(&["audit", "verify", &moved, "audit.jsonl"]);
    assert!(verified.contains(" are good, seq 1 to "), "{verified}");
    assert!(std::fs::read_to_string(&file).unwrap().contains("\"event\":\"log.resumed\""));
}
