//! Goal: an auditor finds who saw what, and sees every tampering, with the
//! program alone. Method: logs written through the library, damaged by hand,
//! read with `bauta audit …`; and the test vector of docs/AUDIT-FORMAT.md.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bauta::audit::chain::{FIRST, Line, Sealer};
use bauta::audit::record::{GrantCreated, RequestApproved, SessionStart};
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
        path: None,
        paths: [].into(),
        below: [].into(),
    })
}

fn decision(name: &str, use_: &'static str, what: What) -> ColumnDecision {
    ColumnDecision { column: column(name, Method::Email), use_, what }
}

fn under_grant(id: i64) -> What {
    What::Revealed(Access::Revealed {
        basis: Basis::Grant(GrantId(id)),
        until: None,
        export: false,
        counted: false,
    })
}

fn who(user: &str, session: i64) -> Arc<Who> {
    Arc::new(Who {
        session,
        user: user.into(),
        database: "shop".into(),
        client: "10.0.0.7:51234".into(),
        ..Who::default()
    })
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
        let mut desk = Self { directory, log: None };
        desk.open(rotate);
        desk
    }

    fn open(&mut self, rotate: u64) {
        let settings = LogSettings {
            file: self.path().join("audit.jsonl"),
            sql: AuditSql::Full,
            rotate,
            rotate_age: Duration::ZERO,
            node: "n1".into(),
        };
        let ring = KeyRing::open(&self.path().join("bauta.key")).unwrap();
        self.log = Some(Log::open(settings, &ring.audit_key(), Arc::new(SystemClock)).unwrap());
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
        let start = StatementStart { sql, columns: columns.into(), observed: None };
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
                max_rows: None,
                break_glass: false,
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

/// Follows the log while `feed` writes to it; every record is shown once.
fn followed(desk: &Desk, last: u64, feed: impl FnOnce()) -> Vec<u64> {
    use std::io::BufRead as _;
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_bauta"))
        .args(["audit", "tail", "-n", "1", "-f", "--json"])
        .current_dir(desk.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || {
        let record: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        record["seq"].as_u64().unwrap()
    };
    let mut seqs = vec![next()];
    feed();
    while *seqs.last().unwrap() < last {
        seqs.push(next());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    seqs
}

fn gzip(path: &Path) {
    let packed = std::fs::File::create(
        path.with_extension(format!("{}.gz", path.extension().unwrap().to_str().unwrap())),
    )
    .unwrap();
    let mut encoder = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    std::io::copy(&mut std::fs::File::open(path).unwrap(), &mut encoder).unwrap();
    encoder.finish().unwrap();
    std::fs::remove_file(path).unwrap();
}

fn archives(desk: &Desk) -> Vec<std::path::PathBuf> {
    bauta::audit::file::archives(&desk.path().join("audit.jsonl")).unwrap()
}

#[test]
fn tail_follows_over_rotations_that_are_compressed_at_once() {
    let mut desk = Desk::new(4096);
    desk.day_of_ana();
    // Far more than one file between two looks.
    let seqs = followed(&desk, 80, || {
        for _ in 0..7 {
            desk.day_of_ana();
            for archive in archives(&desk).iter().filter(|a| a.extension().unwrap() != "gz") {
                gzip(archive);
            }
        }
    });
    assert_eq!(seqs, (seqs[0]..=80).collect::<Vec<_>>());
    assert!(archives(&desk).len() > 5);
    // As many as were asked for, though the newest file has fewer.
    desk.close();
    let count = |n: &str| run(desk.path(), &["audit", "tail", "-n", n, "--json"]).stdout.lines().count();
    assert_eq!(count("9"), 9);
}

#[test]
fn compressed_files_are_searched_and_verified_and_the_chain_goes_on_behind_them() {
    let mut desk = Desk::new(4096);
    desk.day_of_ana();
    desk.day_of_ana();
    desk.close();
    // As if it had crashed right behind a rotation: the end is in an archive.
    let current = desk.path().join("audit.jsonl");
    let last = std::fs::read_to_string(&current).unwrap();
    let last: serde_json::Value = serde_json::from_str(last.lines().next().unwrap()).unwrap();
    let archive = format!("audit.jsonl.{:012}", last["seq"].as_u64().unwrap());
    std::fs::rename(&current, desk.path().join(archive)).unwrap();
    for archive in archives(&desk) {
        gzip(&archive);
    }
    desk.open(4096);
    desk.day_of_ana();
    desk.close();
    let verified = run(desk.path(), &["audit", "verify"]);
    assert!(verified.stdout.contains("30 records in "), "{}{}", verified.stdout, verified.stderr);
    assert_eq!(run(desk.path(), &["audit", "search", "--json"]).stdout.lines().count(), 30);
}

/// A month in which columns were seen for several reasons.
fn month(desk: &Desk) {
    let grant = |grant: i64, user: &str, reason: &str, by: &str| {
        desk.write(
            who(user, 0),
            Event::GrantCreated(GrantCreated {
                grant,
                columns: vec!["public.customers.email".into()],
                tags: Vec::new(),
                reason: reason.into(),
                ticket: (grant == 2).then(|| "INC-9".into()),
                requested_by: user.into(),
                approved_by: by.into(),
                expires_at: "2026-11-23T21:00:00Z".parse().unwrap(),
                once: false,
                export: false,
                max_rows: None,
                break_glass: false,
            }),
        );
    };
    let approved = |request: i64, by: &str, grant: Option<i64>| {
        let event = RequestApproved { request, by: by.into(), grant, duration_s: 600 };
        desk.write(who("ana", 0), Event::RequestApproved(event));
    };
    let email = |use_, what| decision("public.customers.email", use_, what);
    let ssn = |use_, what| decision("public.customers.ssn", use_, what);
    grant(1, "ana", "=cmd() <script>alert(1)</script>", "uid:0(root)");
    desk.statement("ana", "SELECT email FROM customers", vec![email("output", under_grant(1))], None);
    let both = vec![email("predicate", under_grant(1)), email("output", under_grant(1))];
    desk.statement("ana", "SELECT email FROM customers WHERE email LIKE 'a%'", both, None);
    // It did not run.
    let refused = vec![email("output", under_grant(1)), ssn("predicate", What::Refused)];
    desk.statement("ana", "SELECT email FROM customers WHERE ssn > '1'", refused, Some("42501"));
    // Two people approved.
    approved(7, "sam", None);
    approved(7, "kim", Some(2));
    grant(2, "bob", "refund, \"urgent\"", "kim");
    desk.statement("bob", "SELECT ssn FROM customers", vec![ssn("output", under_grant(2))], None);
    let role = What::Revealed(Access::Revealed {
        basis: Basis::Role("billing".into()),
        until: None,
        export: false,
        counted: false,
    });
    desk.statement("etl", "SELECT email FROM customers", vec![email("output", role)], None);
    desk.statement("ana", "SELECT email FROM customers", vec![email("output", What::Masked("email"))], None);
    // A number given again, after the state was begun anew.
    grant(1, "ana", "INC-12", "sam");
    let sql = Sql::whole(Arc::<str>::from("SELECT email FROM customers"), Conceal::Nothing);
    let start = StatementStart { sql, columns: Arc::from([email("output", under_grant(1))]), observed: None };
    desk.write(who("ana", 43), Event::StatementStart(start));
}

/// Times of a run, as `TIME`.
fn timeless(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("20") {
        let time = rest.get(at..at + 19).filter(|t| {
            t.bytes().zip(*b"0000-00-00T00:00:00").all(|(b, like)| match like {
                b'0' => b.is_ascii_digit(),
                b'T' => b == b'T' || b == b' ',
                other => b == other,
            })
        });
        let length = match time {
            Some(_) => {
                let tail = rest[at + 19..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
                rest[at..].len() - tail.strip_prefix('Z').unwrap_or(tail).len()
            }
            None => 2,
        };
        out.push_str(&rest[..at]);
        out.push_str(if time.is_some() { "TIME" } else { &rest[at..at + length] });
        rest = &rest[at + length..];
    }
    out + rest
}

/// The report in every form, against the files beside the tests.
#[test]
fn a_report_says_who_saw_what_and_why() {
    let mut desk = Desk::new(4096);
    month(&desk);
    desk.close();
    gzip(&archives(&desk)[0]);
    let report = |arguments: &[&str]| {
        let mut all = vec!["audit", "report"];
        all.extend_from_slice(arguments);
        let output = run(desk.path(), &all);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        output.stdout
    };
    let golden = |name: &str, got: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        // The head's mac holds the times.
        let got = timeless(got);
        let got = match got.split_once("head ") {
            Some((before, after)) => format!("{before}head {}", after[64..].to_owned()),
            None => got,
        };
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &got).unwrap();
        }
        assert_eq!(got, std::fs::read_to_string(&path).unwrap(), "{name}");
    };
    golden("report.txt", &report(&[]));
    golden("report.csv", &report(&["--csv"]));
    golden("report.jsonl", &report(&["--json"]));
    golden("report.html", &report(&["--html", "--since", "30d", "--until", "2100-01-01"]));
    let rows = |arguments: &[&str]| report(&[arguments, &["--json"]].concat()).lines().count();
    assert_eq!(rows(&[]), 4);
    assert_eq!(rows(&["--user", "ana"]), 2);
    assert_eq!(rows(&["--column", "*.*.ssn"]), 1);
    assert_eq!(rows(&["--since", "1h"]), 4);
    assert_eq!(rows(&["--until", "1h"]), 0);
    // Damage shows.
    let text = std::fs::read_to_string(desk.path().join("audit.jsonl")).unwrap();
    let changed = text.replace("\"ana\"", "\"eve\"");
    assert_ne!(text, changed);
    std::fs::write(desk.path().join("audit.jsonl"), changed).unwrap();
    let damaged = run(desk.path(), &["audit", "report"]);
    assert_eq!(damaged.code, Some(1));
    assert!(damaged.stderr.contains("THE LOG IS DAMAGED"), "{}", damaged.stderr);
    // Without the key it is a report all the same, which says so.
    std::fs::remove_file(desk.path().join("bauta.key")).unwrap();
    assert!(report(&[]).contains("The log was not verified"));
}

#[test]
fn a_head_kept_elsewhere_shows_that_the_end_was_cut_off() {
    let mut desk = Desk::new(4096);
    let log = desk.path().join("audit.jsonl");
    let head = |arguments: &[&str]| {
        let output = run(desk.path(), &[&["audit", "head"], arguments].concat());
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        output.stdout
    };
    assert_eq!(run(desk.path(), &["audit", "head"]).code, Some(1), "nothing in it yet");
    desk.day_of_ana();
    let mut journal = head(&[]);
    let newest: serde_json::Value =
        serde_json::from_str(std::fs::read_to_string(&log).unwrap().lines().last().unwrap()).unwrap();
    let expected = format!("10:{} {}\n", newest["mac"].as_str().unwrap(), log.display());
    assert_eq!(journal, expected);
    desk.day_of_ana();
    journal.push_str(&head(&["--json"]));
    desk.close();
    std::fs::write(desk.path().join("heads"), &journal).unwrap();
    let verify = |arguments: &[&str]| run(desk.path(), &[&["audit", "verify"], arguments].concat());
    let good = verify(&["--head", "heads"]);
    assert_eq!(good.code, Some(0), "{}", good.stdout);
    assert!(good.stdout.contains("it holds 2 of 2 heads that were kept"), "{}", good.stdout);
    let first = journal.split(' ').next().unwrap();
    assert_eq!(verify(&["--head", first]).code, Some(0));
    // The newest file alone does not have the older one.
    let newest_alone = verify(&["audit.jsonl", "--head", "heads"]);
    assert!(newest_alone.stdout.contains("1 are of earlier files"), "{}", newest_alone.stdout);
    assert_eq!(verify(&["audit.jsonl", "--head", first]).code, Some(1), "nothing was proved");
    // Another record under its number.
    let other = format!("10:{}", "0".repeat(64));
    let replaced = verify(&["--head", &other]);
    assert_eq!(replaced.code, Some(1));
    assert!(replaced.stdout.contains("ANOTHER LOG: record 10"), "{}", replaced.stdout);
    assert_eq!(verify(&["--head", "10:0"]).code, Some(2));
    // One line less: nothing shows but to who kept the head.
    let text = std::fs::read_to_string(&log).unwrap();
    let cut = text.trim_end().rfind('\n').map_or("", |at| &text[..=at]);
    std::fs::write(&log, cut).unwrap();
    assert_eq!(verify(&[]).code, Some(0));
    let cut = verify(&["--head", "heads", "--json"]);
    assert_eq!(cut.code, Some(1));
    assert!(cut.stdout.contains("\"log\":\"cut_off\""), "{}", cut.stdout);
    let cut = verify(&["--head", "heads"]);
    assert!(cut.stdout.contains("THE END WAS CUT OFF: record 20 was there"), "{}", cut.stdout);
}

/// What the next start says of the log that the last one left.
#[test]
fn a_log_that_was_cut_while_the_proxy_was_down_is_reported_at_its_start() {
    let server = Server::start();
    let mut bauta = Bauta::start(&server, "");
    let log = bauta.audit_file();
    let lost = |bauta: &Bauta| -> Vec<String> {
        let text = std::fs::read_to_string(bauta.audit_file()).unwrap();
        let records = text.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
        let lost = records.filter(|r| r["event"] == "log.head_lost");
        lost.map(|r| r["what"].as_str().unwrap().to_owned()).collect()
    };
    let restart = |bauta: &mut Bauta| {
        bauta.serve();
        bauta.cli_ok(&["status", "--json"]).contains("audit log: ")
    };
    // A clean end, and a crash that takes bytes nobody was told of.
    assert_eq!(psql("ana", bauta.port, "SELECT 1").out(), "1");
    bauta.stop();
    assert!(!restart(&mut bauta));
    assert_eq!(psql("ana", bauta.port, "SELECT 1").out(), "1");
    bauta.kill();
    // Or the next start seems to answer before it does.
    std::fs::remove_file(bauta.socket()).unwrap();
    std::fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(b"{\"seq\":99,\"at").unwrap();
    assert!(!restart(&mut bauta));
    bauta.stop();
    assert!(bauta.cli_ok(&["audit", "verify"]).contains("were left by a crash"));
    assert_eq!(lost(&bauta), Vec::<String>::new());
    // The last lines are gone.
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    std::fs::write(&log, lines[..lines.len() - 2].concat()).unwrap();
    assert!(restart(&mut bauta));
    assert!(bauta.log().contains("records are missing at the end of the log"));
    bauta.stop();
    assert_eq!(lost(&bauta), ["records are missing at the end of the log"]);
    // It is said once: the log is what it is now.
    assert!(!restart(&mut bauta));
    bauta.stop();
    // Taken away whole: the new chain says which one came before.
    let head = bauta.cli_ok(&["audit", "head"]);
    std::fs::rename(&log, log.with_extension("moved")).unwrap();
    assert!(restart(&mut bauta));
    bauta.stop();
    assert_eq!(lost(&bauta), ["the log was taken away: a new chain begins"]);
    let first = &bauta.audit()[0];
    let before = format!("{}:{}", first["kept_seq"], first["kept_mac"].as_str().unwrap());
    assert!(head.starts_with(&before), "{before} {head}");
    bauta.cli_ok(&["audit", "verify", "audit.moved", "--head", &before]);
}

/// The audit log knows what a state that was put back does not.
#[test]
fn a_grant_that_ended_stays_ended_when_the_state_is_restored() {
    let server = Server::start();
    let policy = "[[protect]]\ncolumn = \"public.customers.email\"\nmethod = \"email\"";
    let mut bauta = Bauta::start(&server, policy);
    let grant = |bauta: &Bauta, user: &str, more: &[&str]| {
        let given = ["grant", user, "--column", "public.customers.email", "--for", "1h", "--reason", "r"];
        bauta.cli_ok(&[&given[..], more].concat());
    };
    let sees = |bauta: &Bauta, user: &str| {
        let email = psql(user, bauta.port, "SELECT email FROM customers WHERE id = 1");
        email.out().contains('@') && !email.out().contains("***")
    };
    grant(&bauta, "ana", &[]);
    grant(&bauta, "sam", &["--once"]);
    grant(&bauta, "etl", &[]);
    let state = bauta.directory.join("bauta.db");
    let backup = bauta.directory.join("backup.db");
    let open = rusqlite::Connection::open(&state).unwrap();
    open.execute("VACUUM INTO ?", [backup.display().to_string()]).unwrap();
    drop(open);
    bauta.cli_ok(&["revoke", "1", "--reason", "done"]);
    assert!(!sees(&bauta, "ana") && sees(&bauta, "sam") && !sees(&bauta, "sam") && sees(&bauta, "etl"));
    bauta.stop();
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(bauta.directory.join(format!("bauta.db{end}")));
    }
    std::fs::copy(&backup, &state).unwrap();
    bauta.serve();
    assert!(!sees(&bauta, "ana"), "revoked after the backup");
    assert!(!sees(&bauta, "sam"), "used after the backup");
    assert!(sees(&bauta, "etl"), "in force then and now");
    let ends: Vec<_> = bauta.audit().into_iter().filter(|r| r["event"] == "grant.revoked").collect();
    let again: Vec<_> = ends.iter().filter(|r| r["by"] == "bauta").map(|r| r["grant"].clone()).collect();
    assert_eq!((ends.len(), again), (3, vec![1.into(), 2.into()]), "{ends:?}");
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
    let status = bauta.cli_ok(&["status"]);
    assert!(status.contains("degraded") && status.contains("statements are refused"), "{status}");
    // A policy that can't be recorded is not in force.
    let reloaded = bauta.cli(&["reload"]);
    assert!(reloaded.code == Some(1) && reloaded.stderr.contains("audit log"), "{reloaded:?}");
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
