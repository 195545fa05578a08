//! What a statement's text costs before it is judged: the 22 queries of TPC-H
//! and a point select of masked columns when bauta first sees them, and the
//! point select again, the same and with other literals. Run with
//! `cargo bench --bench analysis`.
//!
//! `alone`: the analysis itself. `asked for`: as a session does, on another
//! thread, there and back, which on a busy machine is a wait for a processor;
//! a query that names nothing protected is not analysed then.
//!
//! Ends with status 1 if the analysis of a query of TPC-H takes 300 µs.

#[path = "../tests/harness/mod.rs"]
mod harness;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bauta::catalog::Databases;
use bauta::catalog::bindings::SqliteBindings;
use bauta::catalog::guard::Guard;
use bauta::config::{Config, Secret};
use bauta::sql::analyser::{Analyser, Verdict};
use bauta::sql::remembered::Sharing;
use bytes::Bytes;
use harness::{Server, door, password};

const SCHEMA: &str = include_str!("../tests/usable_data/tpch_schema.sql");
const QUERIES: &str = include_str!("../tests/usable_data/tpch.sql");
const POLICY: &str = include_str!("../tests/usable_data/policy.toml");

const POINT: &str = "SELECT c_name, c_phone, c_address FROM customer WHERE c_custkey = ";
/// `limits.depth` by default.
const DEPTH: usize = 100;
const ROUNDS: usize = 200;
const BAR: Duration = Duration::from_micros(300);

fn main() -> ExitCode {
    let reader = std::thread::Builder::new().stack_size(bauta::sql::parse::STACK_BYTES).spawn(run);
    match reader.expect("a thread").join().expect("no panic") {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn guard(server: &Server) -> Arc<Guard> {
    server.sql("postgres", "CREATE DATABASE tpch");
    server.sql("tpch", SCHEMA);
    let text = format!(
        "keys.file = \"k\"\nstate.url = \"sqlite:s\"\naudit.file = \"a\"\ncontrol.socket = \"c\"\n\
         listen.address = \"127.0.0.1:1\"\nupstream.address = \"127.0.0.1:1\"\n\
         upstream.service_user = \"bauta\"\n{POLICY}"
    );
    let parsed = Config::parse(Path::new("proxy.toml"), &text, &|_| None).expect("a policy");
    let mut config = door::config(server);
    config.upstream.service_password = Some(Secret::new(password("bauta")));
    config.protect = parsed.protect;
    let databases =
        Databases::start(&config, Arc::new(SqliteBindings::in_memory().expect("store"))).expect("databases");
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    runtime.block_on(databases.guard("tpch")).expect("guard")
}

fn median(mut each: impl FnMut(usize)) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|round| {
            let began = Instant::now();
            each(round);
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

/// Asks as a session does.
struct Asker {
    analyser: Analyser,
    runtime: tokio::runtime::Runtime,
    guard: Arc<Guard>,
}

impl Asker {
    fn new(guard: &Arc<Guard>, sharing: Sharing) -> Self {
        let analyser = Analyser::start(1, 64 << 20, DEPTH, sharing).expect("threads");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        Self { analyser, runtime, guard: guard.clone() }
    }

    fn ask(&self, text: &str) {
        let text = Bytes::copy_from_slice(text.as_bytes());
        match self.analyser.look_up(&self.guard, &text) {
            Verdict::Unknown => {
                drop(self.runtime.block_on(self.analyser.analyse(&self.guard, &text, usize::MAX)))
            }
            Verdict::Harmless | Verdict::Known(_) => {}
        }
    }
}

fn run() -> bool {
    let server = Server::start();
    let guard = guard(&server);
    let (apart, sharing) = (Asker::new(&guard, Sharing::Never), Asker::new(&guard, Sharing::ByOutline));
    let show = |what: &str, times: &[Duration]| {
        let times: Vec<String> =
            times.iter().map(|time| format!("{:>12.1}", time.as_nanos() as f64 / 1e3)).collect();
        println!("{what:<30}{}", times.concat());
    };
    println!("{:<30}{:>12}{:>12}   µs, medians of {ROUNDS}", "", "asked for", "alone");
    let mut good = true;
    let queries = QUERIES.lines().filter(|line| !line.starts_with("--") && !line.is_empty());
    for (number, query) in queries.map(|query| query.trim_end_matches(';')).enumerate() {
        // Spaces at the end make another text of it.
        let asked = median(|round| apart.ask(&format!("{query}{}", " ".repeat(round))));
        let alone = median(|_| drop(apart.analyser.analyse_here(&guard, query.as_bytes())));
        good &= alone < BAR;
        show(&format!("TPC-H, statement {}", number + 1), &[asked, alone]);
    }
    let point = |round: usize| format!("{POINT}{}", 100_000 + round);
    let asked = median(|round| apart.ask(&point(round)));
    let alone = median(|round| drop(apart.analyser.analyse_here(&guard, point(round).as_bytes())));
    show("point select, a new text", &[asked, alone]);
    apart.ask(&point(0));
    show("point select, the same text", &[median(|_| apart.ask(&point(0)))]);
    sharing.ask(&point(0));
    show("point select, other literals", &[median(|round| sharing.ask(&point(round)))]);
    good
}
