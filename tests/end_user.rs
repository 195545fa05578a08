//! Goal: behind a shared login masks, grants, requests and the audit log are
//! those of the person that the connection names, nothing decided for one
//! person is shown to another, and a name that is not signed is none. Method:
//! the real program in front of a real server, by frames, psql and psycopg;
//! tokens made by the library that people make them with.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::driver;
use crate::harness::{Bauta, Frame, Raw, Server, message as m, password, psql};

const KEY: &str = "the key that the BI server holds";
const OTHER: &str = "the key that another server holds";
const MARIA: &str = "maria@example.com";
const EMAIL: &str = "SELECT email FROM customers WHERE id = 1";

/// `etl` is the shared login. It sees everything by itself.
const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
    tags = ["pii"]
    [[role]]
    name = "billing"
    members = ["etl"]
    unmask = ["public.customers.*"]
    [[role]]
    name = "support"
    members = ["user:otto@example.com"]
    unmask = ["public.customers.email"]
    [[role]]
    name = "analyst"
    members = ["user:maria@example.com"]
    request = ["tag:pii"]
    [[end_user]]
    login = "etl"
    key = "the key that the BI server holds"
    [[end_user]]
    login = "sam"
    key = "the key that another server holds"
"#;

fn token(person: &str, key: &str, lasts: i64) -> String {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let claims = json!({ "sub": person, "iat": now.min(now + lasts), "exp": now + lasts });
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
}

fn set(person: &str) -> String {
    format!("SET bauta.end_user = '{}'", token(person, KEY, 60))
}

fn value(frames: &[Frame]) -> String {
    let row = frames.iter().find(|f| f.tag == b'D').unwrap_or_else(|| panic!("no row: {frames:?}"));
    String::from_utf8(row.columns()[0].clone().unwrap_or_default()).unwrap()
}

fn error(frames: &[Frame]) -> String {
    frames.iter().find(|f| f.tag == b'E').and_then(|f| f.field(b'C')).unwrap_or_default()
}

fn tag(frames: &[Frame]) -> String {
    let done = frames.iter().find(|f| f.tag == b'C').unwrap_or_else(|| panic!("{frames:?}"));
    String::from_utf8_lossy(&done.body).trim_end_matches('\0').to_owned()
}

struct Bench {
    _server: Server,
    bauta: Bauta,
    truth: String,
}

impl Bench {
    fn new() -> Self {
        Self::with(POLICY)
    }
    fn with(policy: &str) -> Self {
        let server = Server::start();
        let bauta = Bauta::start(&server, policy);
        let truth = value(&Raw::connect(server.port(), "postgres").query(EMAIL));
        Self { _server: server, bauta, truth }
    }
    fn etl(&self) -> Raw {
        Raw::connect(self.bauta.port, "etl")
    }
    fn sees(&self, session: &mut Raw) -> bool {
        value(&session.query(EMAIL)) == self.truth
    }
    fn grant(&self, person: &str, more: &[&str]) {
        let user = format!("user:{person}");
        let grant =
            ["grant", &user, "--column", "public.customers.email", "--for", "5m", "--reason", "INC-4711"];
        self.bauta.cli_ok(&[&grant, more].concat());
    }
}

#[test]
fn access_is_the_persons_and_never_the_shared_logins() {
    let bench = Bench::new();
    let mut etl = bench.etl();
    // Nobody is named: the login's own role counts for nothing.
    assert!(!bench.sees(&mut etl));
    assert_eq!(tag(&etl.query(&set(MARIA))), "SET");
    assert!(!bench.sees(&mut etl));
    bench.grant(MARIA, &[]);
    assert!(bench.sees(&mut etl));
    // The next one out of the pool.
    assert_eq!(tag(&etl.query(&set("otto@example.com"))), "SET");
    assert!(bench.sees(&mut etl));
    etl.query(&set("eve@example.com"));
    assert!(!bench.sees(&mut etl));
    for (back, done) in
        [("RESET bauta.end_user", "RESET"), ("RESET ALL", "RESET"), ("DISCARD ALL", "DISCARD ALL")]
    {
        etl.query(&set(MARIA));
        assert!(bench.sees(&mut etl));
        assert_eq!(tag(&etl.query(back)), done);
        assert!(!bench.sees(&mut etl), "{back}");
    }
    // A login is not the end user of that name, nor the other way round.
    etl.query(&set("etl"));
    assert!(!bench.sees(&mut etl));
}

#[test]
fn where_nobody_need_be_named_the_login_is_itself() {
    let key = "key = \"the key that the BI server holds\"";
    let bench = Bench::with(&POLICY.replace(key, &format!("{key}\nrequired = false")));
    let mut etl = bench.etl();
    assert!(bench.sees(&mut etl));
    etl.query(&set(MARIA));
    assert!(!bench.sees(&mut etl));
    etl.query("RESET ALL");
    assert!(bench.sees(&mut etl));
}

#[test]
fn a_name_that_is_not_signed_is_none() {
    let bench = Bench::new();
    bench.grant(MARIA, &[]);
    let mut etl = bench.etl();
    for token in [
        MARIA.to_owned(),
        String::new(),
        token(MARIA, OTHER, 60),
        token(MARIA, KEY, -1),
        token(MARIA, KEY, 3600),
        token("", KEY, 60),
    ] {
        assert_eq!(error(&etl.query(&format!("SET bauta.end_user = '{token}'"))), "28000", "{token}");
        assert!(!bench.sees(&mut etl));
        let parameters = [("user", "etl"), ("database", "shop"), ("bauta.end_user", &token)];
        let refused = Raw::connect_with(bench.bauta.port, &parameters, &password("etl"));
        let Err(frame) = refused else { panic!("let in with {token}") };
        assert_eq!(frame.field(b'C').as_deref(), Some("28000"));
    }
    // A good token of another login, and a login that may name nobody.
    let good = token(MARIA, KEY, 60);
    for (login, code) in [("sam", "28000"), ("ana", "42501")] {
        let mut session = Raw::connect(bench.bauta.port, login);
        assert_eq!(error(&session.query(&format!("SET bauta.end_user = '{good}'"))), code, "{login}");
        assert!(!bench.sees(&mut session));
    }
    // What failed leaves the person who was named before.
    etl.query(&set(MARIA));
    etl.query("SET bauta.end_user = 'x'");
    assert!(bench.sees(&mut etl));
    // No token, sound or not, is kept anywhere.
    let kept = std::fs::read_to_string(bench.bauta.audit_file()).unwrap() + &bench.bauta.log();
    assert!(!kept.contains("eyJ"), "{kept}");
}

#[test]
fn other_forms_are_refused_before_a_token_goes_anywhere() {
    let bench = Bench::new();
    let mut etl = bench.etl();
    let set = set("otto@example.com");
    for sql in [format!("{set}; {EMAIL}"), set.replace("SET", "SET LOCAL"), format!("BEGIN; {set}; COMMIT")] {
        assert_eq!(error(&etl.query(&sql)), "0A000", "{sql}");
        assert!(!bench.sees(&mut etl));
    }
    // In a failed transaction it does nothing.
    etl.query("BEGIN");
    etl.query("SELECT 1/0");
    assert_eq!(error(&etl.query(&set)), "25P02");
    etl.query("ROLLBACK");
    assert!(!bench.sees(&mut etl));
    // In another it takes effect at once, and is not rolled back.
    etl.query("BEGIN");
    etl.query(&set);
    assert!(bench.sees(&mut etl));
    etl.query("ROLLBACK");
    assert!(bench.sees(&mut etl));
}

/// Behind a failed transaction that the same pipeline rolls back, a person can't
/// change: the session would not hear of it.
#[test]
fn a_person_changes_behind_no_failed_transaction_of_a_pipeline() {
    let bench = Bench::new();
    bench.grant(MARIA, &[]);
    let mut etl = bench.etl();
    etl.query(&set(MARIA));
    etl.query("BEGIN; SELECT 1 / 0");
    let run = |sql: &str| [m::parse("", sql, &[]), m::bind("", "", &[], &[]), m::execute("", 0)].concat();
    let frames = etl.exchange(&[run("ROLLBACK"), run("RESET bauta.end_user"), m::sync()].concat());
    assert_eq!(error(&frames), "0A000");
    assert_eq!(error(&etl.query("RESET bauta.end_user")), "");
    let frames = etl.query("SELECT email FROM customers WHERE id = 1");
    assert!(frames.iter().any(|f| f.tag == b'D' && String::from_utf8_lossy(&f.body).contains("***")));
}

#[test]
fn what_one_person_opened_shows_nothing_to_another() {
    let bench = Bench::new();
    bench.grant(MARIA, &[]);
    let mut etl = bench.etl();
    let all = "SELECT email FROM customers ORDER BY id";
    let search = "SELECT email FROM customers WHERE email LIKE '%@%' ORDER BY email";
    let raw = |frames: &[Frame]| {
        let shown = |f: &&Frame| f.tag == b'D' && String::from_utf8_lossy(&f.body).contains('@');
        frames.iter().filter(shown).filter(|f| !String::from_utf8_lossy(&f.body).contains("***")).count()
    };
    etl.query(&set(MARIA));
    etl.query("BEGIN");
    etl.query(&format!("DECLARE plain CURSOR WITH HOLD FOR {all}"));
    etl.query(&format!("DECLARE searching CURSOR FOR {search}"));
    etl.query(&format!("PREPARE by_sql AS {search}"));
    etl.exchange(
        &[m::parse("p", search, &[]), m::bind("c", "p", &[], &[]), m::execute("c", 2), m::sync()].concat(),
    );
    assert_eq!(raw(&etl.query("FETCH 1 FROM plain")), 1);
    assert_eq!(raw(&etl.query("FETCH 1 FROM searching")), 1);
    assert_eq!(error(&etl.query(&set("eve@example.com"))), "");
    assert_eq!(raw(&etl.query("FETCH 5 FROM plain")), 0);
    for (way, message) in [
        ("cursor", m::query("FETCH 5 FROM searching")),
        ("portal", [m::execute("c", 5), m::sync()].concat()),
        ("prepared", m::query("EXECUTE by_sql")),
        ("bound anew", [m::bind("", "p", &[], &[]), m::execute("", 0), m::sync()].concat()),
    ] {
        etl.query("SAVEPOINT s");
        let frames = etl.exchange(&message);
        assert_eq!(raw(&frames), 0, "{way}: {frames:?}");
        assert_eq!(error(&frames), "42501", "{way}: {frames:?}");
        etl.query("ROLLBACK TO s");
    }
    etl.query("COMMIT");
    assert_eq!(raw(&etl.query("FETCH 5 FROM plain")), 0);
    // Back with the first person, all of it is hers again.
    etl.query(&set(MARIA));
    assert_eq!(raw(&etl.query("FETCH 5 FROM plain")), 5);
    assert!(raw(&etl.query("EXECUTE by_sql")) > 0);
}

#[test]
fn what_one_person_asks_of_bauta_is_not_told_to_another() {
    let bench = Bench::new();
    let mut etl = bench.etl();
    etl.query(&set(MARIA));
    let ask = "SELECT id FROM bauta.request('tag:pii', '5m', 'INC-1')";
    let first = value(&etl.query(ask));
    bench.bauta.cli_ok(&["deny", &first, "--reason", "ask again"]);
    let second = value(&etl.query(ask));
    etl.query("BEGIN");
    let select = "SELECT reason FROM bauta.requests()";
    let begin = [m::parse("", select, &[]), m::bind("c", "", &[], &[]), m::execute("c", 1), m::sync()];
    assert_eq!(value(&etl.exchange(&begin.concat())), "INC-1");
    etl.query(&set("eve@example.com"));
    bench.bauta.cli_ok(&["deny", &second, "--reason", "for her alone"]);
    let frames = etl.exchange(&[m::execute("c", 1), m::sync()].concat());
    let tells = |frames: &[Frame]| {
        let text = frames.iter().map(|f| String::from_utf8_lossy(&f.body).into_owned()).collect::<String>();
        text.contains("INC-1") || text.contains("alone")
    };
    assert!(!tells(&frames), "{frames:?}");
    etl.query("ROLLBACK");
    assert!(!tells(&etl.query("SELECT 1")));
}

#[test]
fn a_once_grant_is_not_used_up_by_another_person() {
    let bench = Bench::new();
    bench.grant(MARIA, &["--once"]);
    let mut etl = bench.etl();
    for (person, sees) in [("eve@example.com", false), (MARIA, true), (MARIA, false)] {
        etl.query(&set(person));
        assert_eq!(bench.sees(&mut etl), sees, "{person}");
    }
}

#[test]
fn extended_protocol_names_the_person_too() {
    let bench = Bench::new();
    let mut etl = bench.etl();
    let name = [
        m::parse("", &set("otto@example.com"), &[]),
        m::bind("", "", &[], &[]),
        m::execute("", 0),
        m::sync(),
    ];
    // In one pipeline with what follows: it waits for the name.
    let look = [m::parse("", EMAIL, &[]), m::bind("", "", &[], &[]), m::execute("", 0), m::sync()];
    let mut frames = etl.exchange(&[name.concat(), look.concat()].concat());
    if !frames.iter().any(|f| f.tag == b'D') {
        frames.extend(etl.until_ready());
    }
    assert_eq!(tag(&frames), "SET");
    assert_eq!(value(&frames), bench.truth);
    let bad = [
        m::parse("", "SET bauta.end_user = 'x'", &[]),
        m::bind("", "", &[], &[]),
        m::execute("", 0),
        m::sync(),
    ];
    assert_eq!(error(&etl.exchange(&bad.concat())), "28000");
    assert!(bench.sees(&mut etl));
    let back = [
        m::parse("r", "RESET bauta.end_user", &[]),
        m::bind("", "r", &[], &[]),
        m::execute("", 0),
        m::sync(),
    ];
    assert_eq!(tag(&etl.exchange(&back.concat())), "RESET");
    assert!(!bench.sees(&mut etl));
}

#[test]
fn requests_are_the_persons_who_never_approves_them() {
    let bench = Bench::new();
    // She is the administrator too.
    let file = bench.bauta.directory.join("proxy.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let login = "login = \"root\"";
    assert!(config.contains(login));
    std::fs::write(&file, config.replace(login, &format!("{login}\nend_user = \"{MARIA}\""))).unwrap();
    bench.bauta.cli_ok(&["reload"]);
    let mut etl = bench.etl();
    let ask = "SELECT id FROM bauta.request('tag:pii', '5m', 'INC-4711')";
    assert_ne!(error(&etl.query(ask)), "", "nobody is named");
    etl.query(&set(MARIA));
    assert_eq!(value(&etl.query("SELECT login FROM bauta.whoami()")), "etl");
    assert_eq!(value(&etl.query("SELECT end_user FROM bauta.whoami()")), MARIA);
    let id = value(&etl.query(ask));
    let asked: Value = serde_json::from_str(&bench.bauta.cli_ok(&["requests", "--json"])).unwrap();
    assert_eq!(asked["user"], format!("user:{MARIA}"));
    // Whoever else she is on bauta's machine, she does not approve it.
    let refused = bench.bauta.cli(&["approve", &id]);
    assert!(refused.stderr.contains("the person who made it"), "{}", refused.stderr);
    bench.bauta.write_config(POLICY);
    bench.bauta.cli_ok(&["reload"]);
    bench.bauta.cli_ok(&["approve", &id]);
    assert!(bench.sees(&mut etl));
    // Another person of the same login sees neither the column nor the request.
    let mut other = bench.etl();
    other.query(&set("eve@example.com"));
    assert!(!bench.sees(&mut other));
    assert!(!other.query("SELECT id FROM bauta.requests()").iter().any(|f| f.tag == b'D'));
    let audit = bench.bauta.audit();
    let named = |event: &str| audit.iter().filter(|r| r["event"] == event && r["end_user"] == MARIA).count();
    assert!(named("statement.start") >= 2 && named("request.created") == 1 && named("grant.created") == 1);
    assert!(audit.iter().any(|r| r["end_user"] == MARIA && r["user"] == "etl"));
    let found = bench.bauta.cli_ok(&["audit", "search", "--user", MARIA, "--json"]);
    assert!(found.lines().count() >= 2, "{found}");
}

#[test]
fn a_connection_may_name_the_person_as_it_begins() {
    let bench = Bench::new();
    let good = token("otto@example.com", KEY, 60);
    let options = format!("-c geqo=off -c bauta.end_user={good}");
    for (name, given) in [("options", options.as_str()), ("bauta.end_user", good.as_str())] {
        let parameters = [("user", "etl"), ("database", "shop"), (name, given)];
        let mut etl = Raw::connect_with(bench.bauta.port, &parameters, &password("etl")).expect("let in");
        assert!(bench.sees(&mut etl), "{name}");
        assert_eq!(value(&etl.query("SHOW geqo")), if name == "options" { "off" } else { "on" });
        etl.query("DISCARD ALL");
        assert!(!bench.sees(&mut etl), "{name}");
    }
}

#[test]
fn psql_and_psycopg_name_the_person() {
    let bench = Bench::new();
    let script = format!("{};\n{EMAIL};\nSELECT end_user FROM bauta.whoami();", set("otto@example.com"));
    assert_eq!(psql("etl", bench.bauta.port, &script).out(), format!("{}\notto@example.com", bench.truth));
    let shown =
        driver::run_with("psycopg_end_user.py", bench.bauta.port, "etl", "shop", &[KEY, "otto@example.com"]);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines, ["named otto@example.com true", "reset masked", "options otto@example.com true"]);
}
