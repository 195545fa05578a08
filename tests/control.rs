//! Goal: the control socket keeps the documented vocabulary (paths, bodies,
//! status codes, the shape of errors), knows who calls, and the verbs of the
//! command line speak it. Method: a real Unix socket with the real engine and
//! a SQLite file behind it, bare HTTP on one side, the real program on the
//! other; no PostgreSQL, since nothing here needs one.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bauta::audit::{self, LogSettings};
use bauta::clock::SystemClock;
use bauta::config::Config;
use bauta::control::api::{ExplainBody, Health};
use bauta::control::problem::Problem;
use bauta::control::server::{Door, OpenError};
use bauta::control::{Control, Host};
use bauta::grants::engine::Parts;
use bauta::grants::event::Answer;
use bauta::grants::model::{Actor, Ask};
use bauta::grants::sqlite::Sqlite;
use bauta::grants::{Directory, Engine, Roles};
use bauta::mask::{KeyRing, MethodSpec};
use bauta::policy::{Disclosure, Disclosures, ProtectedColumn};
use bauta::session::Registry;
use bauta::session::registry::{Introduction, Seat};
use nix::unistd::{User, getuid};
use serde_json::{Value, json};

use crate::harness::Output;

struct Shop;

impl Directory for Shop {
    fn protected_columns(&self) -> Vec<Arc<ProtectedColumn>> {
        [("customers", "email", "pii"), ("customers", "ssn", "pii"), ("orders", "card", "pci")]
            .map(|(table, column, tag)| {
                let name: Arc<str> = format!("public.{table}.{column}").into();
                Arc::new(ProtectedColumn {
                    domain: name.clone(),
                    name,
                    schema: "public".into(),
                    table: table.into(),
                    column: column.into(),
                    method: MethodSpec::Email,
                    tags: vec![tag.into()],
                    discloses: Disclosures(Disclosure::Nullness),
                    writable: false,
                    because: "proxy.toml:9".into(),
                    path: None,
                    paths: [].into(),
                    below: [].into(),
                })
            })
            .to_vec()
    }
    fn meet(&self) -> Answer<'_, ()> {
        Box::pin(async {})
    }
    fn columns_of(&self, _policy: &str) -> Vec<Arc<ProtectedColumn>> {
        self.protected_columns()
    }
    fn pg_roles(&self, _: &str) -> Vec<Arc<str>> {
        vec![]
    }
}

struct Fake(Arc<Config>);

impl Host for Fake {
    fn config(&self) -> Arc<Config> {
        self.0.clone()
    }
    fn health(&self) -> Health {
        Health { config: "proxy.toml".into(), ..Health::default() }
    }
    fn reload(&self) -> Answer<'_, Result<String, Problem>> {
        Box::pin(async { Err(Problem::invalid("proxy.toml:3: unknown key \"adress\"")) })
    }
    fn explain(&self, ask: ExplainBody) -> Answer<'_, Result<Value, Problem>> {
        Box::pin(async move { Ok(json!({ "sql": ask.sql })) })
    }
}

/// A control socket with all behind it. `maps`: the caller is this login.
struct Bench {
    directory: tempfile::TempDir,
    registry: Registry,
    engine: Arc<Engine>,
    runtime: Option<tokio::runtime::Runtime>,
}

fn me() -> String {
    User::from_uid(getuid()).unwrap().unwrap().name
}

impl Bench {
    fn new(maps: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Others may come to the socket; its mode and the rules say what they may.
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let at = |name: &str| directory.path().join(name);
        let ring = KeyRing::create(&at("bauta.key"), jiff::Timestamp::now()).unwrap();
        let admin = maps.map(|login| format!("[[admin]]\nos_user = \"{}\"\nlogin = \"{login}\"", me()));
        let text = format!(
            "[upstream]\naddress = \"127.0.0.1:5432\"\n[keys]\nfile = \"bauta.key\"\n{}\n\
             [[protect]]\ncolumn = \"public.customers.*\"\nmethod = \"email\"\ntags = [\"pii\"]\n\
             [[role]]\nname = \"analyst\"\nmembers = [\"ana\"]\nrequest = [\"tag:pii\"]\nmax_duration = \"30m\"\n\
             [[role]]\nname = \"security\"\nmembers = [\"sam\"]\napprove = [\"tag:pii\"]\n",
            admin.unwrap_or_default()
        );
        let config = Config::parse(&at("proxy.toml"), &text, &|_| None).unwrap();
        let clock = Arc::new(SystemClock);
        let settings = LogSettings::new(&config.audit);
        let log = audit::Log::open(settings, &ring.audit_key(), clock.clone()).unwrap();
        let registry = Registry::new();
        let engine = Engine::start(Parts {
            store: Box::new(Sqlite::open(&at("bauta.db")).unwrap()),
            journal: Arc::new(log),
            directory: Arc::new(Shop),
            listeners: vec![Arc::new(registry.clone())],
            clock,
            roles: Roles::new(&config),
            sessions: bauta::grants::book::SessionNumbers::alone(),
            max_staleness: Duration::from_secs(30),
        })
        .unwrap();
        let control = Control {
            engine: engine.clone(),
            sessions: registry.clone(),
            host: Arc::new(Fake(Arc::new(config))),
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let door = runtime.block_on(Door::open(&at("bauta.sock"), 0o666)).unwrap();
        runtime.spawn(door.serve(control, std::future::pending()));
        Self { directory, registry, engine, runtime: Some(runtime) }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("bauta.sock")
    }

    /// One exchange: status and body.
    fn http(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        let length = body.len();
        // What is too long is answered, and the socket closed, before it is read.
        let _ = write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: bauta\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}")))
    }

    fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.http("POST", path, &body.to_string())
    }

    fn cli(&self, arguments: &[&str]) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_bauta"))
            .args(arguments)
            .current_dir(self.directory.path())
            .env_remove("BAUTA_SOCKET")
            .output()
            .unwrap();
        Output {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn session_of(&self, login: &str) -> Seat {
        let who = Introduction {
            login: login.into(),
            database: "shop".into(),
            client: "127.0.0.1:5".into(),
            backend_pid: 1,
        };
        self.registry.enter(who, 0, jiff::Timestamp::now()).unwrap()
    }

    fn events(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.directory.path().join("audit.jsonl")).unwrap();
        let event =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].as_str().unwrap().to_owned();
        text.lines().map(event).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn for_ana() -> Value {
    json!({ "user": "ana", "columns": ["public.customers.email"], "duration": "10m", "reason": "INC-4711" })
}

fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

#[test]
fn a_grant_is_given_listed_and_revoked() {
    let bench = Bench::new(None);
    let (status, grant) = bench.post("/v1/grants", for_ana());
    assert_eq!(status, 201, "{grant}");
    let actor = format!("uid:{}({})", getuid(), me());
    for (field, expected) in [
        ("id", json!(1)),
        ("user", json!("ana")),
        ("session", json!(null)),
        ("columns", json!(["public.customers.email"])),
        ("tags", json!([])),
        ("reason", json!("INC-4711")),
        ("ticket", json!(null)),
        ("requested_by", json!(actor)),
        ("approved_by", json!(actor)),
        ("once", json!(false)),
        ("export", json!(false)),
        ("revoked_at", json!(null)),
        ("uses", json!(0)),
    ] {
        assert_eq!(grant[field], expected, "{field}");
    }
    let seconds = |field: &str| grant[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!((seconds("expires_at") - seconds("created_at")).as_secs(), 600);
    let (status, list) = bench.http("GET", "/v1/grants", "");
    assert_eq!((status, &list["items"][0]["id"]), (200, &json!(1)));
    let (status, ended) = bench.http("DELETE", "/v1/grants/1", r#"{"reason": "done"}"#);
    assert_eq!((status, &ended["status"]), (200, &json!("revoked")));
    assert!(ended["revoked_at"].is_string());
    assert_eq!(bench.http("DELETE", "/v1/grants/1", "").0, 409);
    assert_eq!(bench.http("GET", "/v1/grants?status=active", "").1["items"], json!([]));
    assert_eq!(bench.events(), ["grant.created", "grant.revoked"]);
}

#[test]
fn tables_tags_and_patterns_become_columns() {
    let bench = Bench::new(None);
    let names = |body: Value| bench.post("/v1/grants", body).1["columns"].clone();
    let both = json!(["public.customers.email", "public.customers.ssn"]);
    let nothing = with(for_ana(), "columns", json!([]));
    assert_eq!(names(with(nothing.clone(), "tables", json!(["public.customers"]))), both);
    assert_eq!(names(with(nothing.clone(), "tags", json!(["pii"]))), both);
    assert_eq!(names(with(nothing, "columns", json!(["*.customers.*"]))), both);
    let columns = bench.http("GET", "/v1/columns", "").1;
    assert_eq!(columns["items"].as_array().unwrap().len(), 3);
    assert_eq!(columns["items"][0]["method"], "email");
}

#[test]
fn a_request_goes_its_way_and_the_asker_hears_of_it() {
    let bench = Bench::new(Some("sam"));
    let seat = bench.session_of("ana");
    let body = with(for_ana(), "session", json!(seat.id));
    let (status, request) = bench.post("/v1/requests", body.clone());
    assert_eq!((status, &request["status"]), (201, &json!("pending")), "{request}");
    assert_eq!(request["duration_s"], 600);
    assert_eq!(bench.post("/v1/requests", body).0, 200, "the same open request is one");
    // sam asked, so sam may not approve: nor as the administrator that he is.
    let (status, refused) = bench.post("/v1/requests/1/approve", json!({}));
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("forbidden")));
    assert_eq!(bench.post("/v1/requests/1/deny", json!({ "reason": "oh" })).1["status"], "cancelled");
    assert_eq!(seat.take_notices()[0].message, "request 1 is cancelled: oh");
    assert_eq!(bench.post("/v1/requests/1/deny", json!({})).0, 409);
}

#[test]
fn an_approval_may_shorten_and_narrow_but_not_widen() {
    let bench = Bench::new(None);
    let seat = bench.session_of("ana");
    // As ana's SQL session files it.
    let ask = Ask {
        user: "ana".into(),
        session: None,
        columns: Shop.protected_columns()[..2].to_vec(),
        tags: vec![],
        duration: Duration::from_secs(600),
        reason: "INC-4711".into(),
        ticket: None,
        once: false,
        export: false,
        max_rows: None,
        held: None,
        break_glass: false,
    };
    let runtime = bench.runtime.as_ref().unwrap();
    runtime.block_on(bench.engine.ask(ask, Some(seat.id), Actor::login("ana"))).unwrap();
    for (body, status) in [
        (json!({ "duration": "11m" }), 400),
        (json!({ "duration": "long" }), 400),
        (json!({ "columns": ["public.orders.card"] }), 400),
        (json!({ "columns": [] }), 400),
        (json!({ "colums": [] }), 400),
    ] {
        assert_eq!(bench.post("/v1/requests/1/approve", body.clone()).0, status, "{body}");
    }
    assert_eq!(bench.http("GET", "/v1/requests?status=pending&user=ana", "").1["items"][0]["id"], 1);
    let less = json!({ "duration": "5m", "columns": ["*.*.ssn"] });
    let (status, request) = bench.post("/v1/requests/1/approve", less);
    assert_eq!((status, &request["status"], &request["grant_id"]), (200, &json!("approved"), &json!(1)));
    assert!(request["approvals"][0]["by"].as_str().unwrap().starts_with("uid:"), "{request}");
    let grant = &bench.http("GET", "/v1/grants", "").1["items"][0];
    assert_eq!(
        (&grant["columns"], &grant["requested_by"]),
        (&json!(["public.customers.ssn"]), &json!("ana"))
    );
    assert!(grant["seconds_left"].as_u64().unwrap() <= 300);
    assert!(seat.take_notices()[0].message.starts_with("grant 1 by uid:"));
    assert_eq!(bench.post("/v1/requests/1/approve", json!({})).0, 409);
    assert_eq!(bench.events(), ["request.created", "request.approved", "grant.created"]);
}

#[test]
fn bad_input_gets_the_documented_error() {
    let bench = Bench::new(None);
    let given = |key: &str, value: Value| with(for_ana(), key, value);
    for (path, body, status, code, says) in [
        ("/v1/grants", given("colums", json!([])), 400, "invalid", "did you mean \"columns\"?"),
        ("/v1/grants", given("columns", json!("x")), 400, "invalid", "columns"),
        (
            "/v1/grants",
            given("columns", json!(["public.customers.emial"])),
            422,
            "unknown_column",
            "customers.email",
        ),
        ("/v1/grants", given("tags", json!(["pi"])), 422, "unknown_column", "tag:p"),
        ("/v1/grants", given("tables", json!(["customers"])), 400, "invalid", "schema.table"),
        ("/v1/grants", given("columns", json!(["email"])), 400, "invalid", "schema.table.column"),
        ("/v1/grants", given("columns", json!([])), 400, "invalid", "no columns"),
        ("/v1/grants", given("duration", json!("10")), 400, "invalid", "15m"),
        ("/v1/grants", given("duration", json!("2h")), 400, "invalid", "at most 1h"),
        ("/v1/grants", given("duration", json!("")), 400, "invalid", "no duration"),
        ("/v1/grants", given("reason", json!(" ")), 400, "invalid", "reason"),
        ("/v1/grants", given("max_rows", json!(0)), 400, "invalid", "max_rows"),
        ("/v1/grants", given("max_rows", json!(-1)), 400, "invalid", "max_rows"),
        ("/v1/grants", given("session", json!(99)), 404, "not_found", "session 99"),
        ("/v1/grants", given("user", json!(null)), 400, "invalid", "no user"),
        ("/v1/grants", json!([1]), 400, "invalid", "object"),
        ("/v1/requests", given("columns", json!(["public.orders.card"])), 403, "forbidden", "may not ask"),
        ("/v1/requests", given("duration", json!("31m")), 400, "invalid", "at most 30m"),
        ("/v1/requests/7/approve", json!({}), 404, "not_found", "request 7"),
        ("/v1/requests/x/deny", json!({}), 404, "not_found", "request x"),
        ("/v1/explain", json!({ "user": "ana", "sql": "SELECT 1" }), 400, "invalid", "no database"),
        ("/v1/reload", json!({}), 400, "invalid", "adress"),
        ("/v1/grant", json!({}), 404, "not_found", "/v1/grant"),
        ("/v1/status", json!({}), 405, "method_not_allowed", "POST"),
        ("/v1/explain", with(for_ana(), "sql", json!("x".repeat(3 << 20))), 413, "too_large", "bytes"),
    ] {
        let (seen, answer) = bench.post(path, body.clone());
        let error = &answer["error"];
        let body = body.to_string().chars().take(200).collect::<String>();
        assert_eq!((seen, &error["code"]), (status, &json!(code)), "{path} {body}: {answer}");
        assert!(error["message"].is_string() && error.get("hint").is_some(), "{answer}");
        assert!(error.to_string().replace("\\\"", "\"").contains(says), "{path} {body}: {answer}");
    }
    for (method, path, body, status) in [
        ("POST", "/v1/grants", "{", 400),
        ("GET", "/v1/grants?usr=ana", "", 400),
        ("DELETE", "/v1/grants/5", "", 404),
        ("DELETE", "/v1/sessions/5", "", 404),
        ("DELETE", "/v1/sessions/five", "", 404),
        ("GET", "/", "", 404),
    ] {
        let (seen, answer) = bench.http(method, path, body);
        assert_eq!(seen, status, "{method} {path}: {answer}");
        assert!(answer["error"]["code"].is_string(), "{answer}");
    }
    assert_eq!(bench.http("GET", "/v1/grants", "").1["items"], json!([]));
}

#[test]
fn sessions_are_listed_and_told_to_end() {
    let bench = Bench::new(None);
    let seat = bench.session_of("ana");
    let (_, list) = bench.http("GET", "/v1/sessions", "");
    assert_eq!(list["items"][0]["user"], "ana");
    let (status, grant) = bench.post(
        "/v1/grants",
        json!({ "session": seat.id, "tags": ["pii"], "duration": "1m", "reason": "r", "once": true }),
    );
    assert_eq!((status, &grant["user"], &grant["session"]), (201, &json!("ana"), &json!(seat.id)));
    assert!(seat.take_notices()[0].message.starts_with("grant 1 by uid:"));
    let other = with(for_ana(), "user", json!("eve"));
    assert_eq!(bench.post("/v1/grants", with(other, "session", json!(seat.id))).0, 400);
    assert_eq!(bench.http("DELETE", &format!("/v1/sessions/{}", seat.id), "").0, 200);
    assert!(seat.is_killed());
    let (_, status) = bench.http("GET", "/v1/status", "");
    assert_eq!((&status["sessions"], &status["grants"]), (&json!(1), &json!(1)));
}

/// Needs root: only root can call as somebody else.
#[test]
fn a_stranger_at_the_socket_may_nothing() {
    if !getuid().is_root() {
        return;
    }
    let bench = Bench::new(None);
    // Where the program was built, others may not look.
    let program = bench.directory.path().join("bauta");
    std::fs::copy(env!("CARGO_BIN_EXE_bauta"), &program).unwrap();
    let output = Command::new(&program)
        .args(["grants", "--socket"])
        .arg(bench.socket())
        .uid(65534)
        .gid(65534)
        .current_dir("/")
        .output()
        .unwrap();
    let refusal = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(refusal.contains("uid:65534") && refusal.contains("[[admin]]"), "{refusal}");
}

#[test]
fn a_running_proxys_socket_is_never_taken() {
    let bench = Bench::new(None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let open = |path: &Path, mode| runtime.block_on(Door::open(path, mode));
    assert!(matches!(open(&bench.socket(), 0o600), Err(OpenError::Taken(_))));
    assert_eq!(bench.http("GET", "/v1/status", "").0, 200);
    // A dead process's socket is replaced, with the mode asked for.
    let stale = bench.directory.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    let door = open(&stale, 0o640).unwrap();
    assert_eq!(std::fs::metadata(&stale).unwrap().permissions().mode() & 0o777, 0o640);
    drop(door);
    assert!(!stale.exists());
    // Anything else is not.
    let file = bench.directory.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    assert!(matches!(open(&file, 0o600), Err(OpenError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn the_verbs_speak_to_the_socket_that_proxy_toml_names() {
    let bench = Bench::new(None);
    let ask = ["--column", "public.customers.email", "--for", "10m", "--reason", "INC-4711"];
    let run = |first: &[&str], rest: &[&str]| bench.cli(&[first, rest].concat());
    let granted = run(&["grant", "ana"], &ask);
    assert_eq!(granted.code, Some(0), "{}", granted.stderr);
    assert!(
        granted.stdout.starts_with("grant 1: ana sees public.customers.email until "),
        "{}",
        granted.stdout
    );
    let list = bench.cli(&["grants"]);
    let lines: Vec<_> = list.stdout.lines().collect();
    assert!(lines[0].starts_with("ID") && lines[1].starts_with("1 ") && lines.len() == 2, "{}", list.stdout);
    let json: Value = serde_json::from_str(&bench.cli(&["grants", "--json"]).stdout).unwrap();
    assert_eq!(json["user"], "ana");
    assert_eq!(run(&["request", "--user", "ana"], &ask).code, Some(0));
    assert!(bench.cli(&["requests"]).stdout.contains("pending"));
    let own = bench.cli(&["approve", "1"]);
    assert_eq!(own.code, Some(1));
    assert!(own.stderr.contains("person who made it") && own.stderr.lines().count() == 1, "{}", own.stderr);
    assert_eq!(bench.cli(&["deny", "1", "--reason", "no"]).stdout, "request 1 is cancelled\n");
    assert_eq!(bench.cli(&["requests"]).stdout.lines().count(), 1);
    assert_eq!(bench.cli(&["requests", "--all"]).stdout.lines().count(), 2);
    assert_eq!(bench.cli(&["revoke", "1", "--reason", "done"]).code, Some(0));
    assert_eq!(bench.cli(&["revoke", "1"]).code, Some(1));
    assert_eq!(bench.cli(&["revoke", "77"]).code, Some(1));
    let empty = bench.cli(&["grants", "--json"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), ""));
    assert_eq!(bench.cli(&["kill", "9"]).code, Some(1));
    assert_eq!(bench.cli(&["sessions"]).code, Some(0));
    assert!(bench.cli(&["status"]).stdout.starts_with("status    ok"));
    assert_eq!(bench.cli(&["reload"]).code, Some(1));
    // Usage.
    assert_eq!(run(&["grant"], &ask).code, Some(2));
    assert_eq!(bench.cli(&["grant", "ana", "--for", "10m", "--reason", "x"]).code, Some(2));
    assert_eq!(run(&["grant", "ana"], &["--column", "a.b.c", "--for", "10", "--reason", "x"]).code, Some(2));
    let nobody = bench.cli(&["status", "--socket", "nowhere.sock"]);
    assert_eq!(nobody.code, Some(1));
    assert!(
        nobody.stderr.contains("nowhere.sock") && nobody.stderr.contains("bauta serve"),
        "{}",
        nobody.stderr
    );
}
