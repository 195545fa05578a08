//! How long a revocation takes to reach a session on another node: from the
//! start of `bauta revoke` on one until a session that streams revealed rows
//! through the other has got its error. Run with `cargo bench --bench
//! revocation`; `REVOCATIONS` says how many, 200 by default.
//!
//! Two real nodes share their state in a real PostgreSQL, which also serves
//! the rows. A row comes every 2 ms, so that much is the measure's own.
//!
//! Ends with status 1 if the 99th percentile is not under a second.

#[path = "../tests/harness/mod.rs"]
mod harness;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use harness::{Bauta, Raw, Server, message, password};

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
"#;

/// Rows that the server sends one by one: each fills its buffer.
const STREAM: &str =
    "SELECT email, repeat('x', 20000), pg_sleep(0.002) FROM customers, generate_series(1, 10000)";
const BAR: Duration = Duration::from_secs(1);

fn node(server: &Server, database: &str, name: &str) -> Bauta {
    let url = format!("postgres://bauta:{}@127.0.0.1:{}/{database}", password("bauta"), server.port());
    Bauta::start(server, &format!("[state]\nurl = \"{url}\"\n[audit]\nnode = \"{name}\"\n{POLICY}"))
}

/// One grant and its end; how long the end took.
fn revocation(decides: &Bauta, session: &mut Raw) -> Duration {
    let column = "public.customers.email";
    let grant =
        decides.cli_ok(&["grant", "ana", "--column", column, "--for", "10m", "--reason", "r", "--json"]);
    let grant: serde_json::Value = serde_json::from_str(&grant).expect("a grant");
    let id = grant["id"].to_string();
    // The other node learns of the grant in its own time.
    loop {
        let rows = session.query("SELECT email FROM customers WHERE id = 1");
        let email =
            rows.iter().find(|f| f.tag == b'D').and_then(|f| f.columns()[0].clone()).unwrap_or_default();
        if !String::from_utf8_lossy(&email).contains("***") {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    session.send(&message::query(STREAM));
    while session.receive().expect("rows").tag != b'D' {}
    std::thread::scope(|scope| {
        let began = Instant::now();
        scope.spawn(|| decides.cli_ok(&["revoke", &id]));
        loop {
            let frame = session.receive().expect("an answer");
            match frame.tag {
                b'D' => {}
                b'E' => {
                    let took = began.elapsed();
                    assert_eq!(frame.field(b'C').as_deref(), Some("42501"), "{frame:?}");
                    session.until_ready();
                    return took;
                }
                other => panic!("the stream ended without an error: {other}"),
            }
        }
    })
}

fn main() -> ExitCode {
    let count = std::env::var("REVOCATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(200_usize).max(1);
    let server = Server::start();
    let database = server.state_database();
    let (one, other) = (node(&server, &database, "one"), node(&server, &database, "other"));
    // A policy meets the catalog with a node's first session.
    Raw::connect(one.port, "ana").query("SELECT 1 FROM customers");
    let mut session = Raw::connect(other.port, "ana");
    let mut times: Vec<Duration> = (0..count).map(|_| revocation(&one, &mut session)).collect();
    times.sort_unstable();
    let at =
        |hundredths: usize| times.get((times.len() * hundredths).div_ceil(100).saturating_sub(1)).copied();
    let (median, late, last) = (at(50), at(99), times.last().copied());
    let show = |time: Option<Duration>| format!("{:.1} ms", time.unwrap_or_default().as_secs_f64() * 1000.0);
    println!("{count} revocations, from `bauta revoke` on one node to the end of a stream on another:");
    println!("median {}, 99th percentile {}, longest {}", show(median), show(late), show(last));
    if late.is_some_and(|late| late < BAR) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
