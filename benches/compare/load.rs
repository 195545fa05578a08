//! What is done through each contender: pgbench's SELECT-only script, a point
//! select of masked columns, new connections, and whole tables.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, bail};
use bauta::demo::cluster::SUPERUSER;
use bauta::demo::{Cluster, Programs};

use crate::Scale;
use crate::contender::{Certificate, Contender, DATABASE, IDLE, PASSWORD, USER};

/// Whole tables; `people` has three protected columns, `people_plain` the same
/// rows and none, `people_ten` ten, `people_METHOD` three of one method.
pub const BULK: [(&str, &str); 12] = [
    ("SELECT *, no masked column", "SELECT * FROM people_plain"),
    ("SELECT *, 3 masked columns", "SELECT * FROM people"),
    ("SELECT *, 10 masked columns", "SELECT * FROM people_ten"),
    ("SELECT *, 3 columns by redact", "SELECT * FROM people_redact"),
    ("SELECT *, 3 columns by partial", "SELECT * FROM people_partial"),
    ("SELECT *, 3 columns by hash", "SELECT * FROM people_hash"),
    ("SELECT *, 3 columns by token", "SELECT * FROM people_token"),
    ("COPY, no masked column", "COPY people_plain TO STDOUT"),
    ("COPY, 3 masked columns", "COPY people TO STDOUT"),
    ("COPY, 10 masked columns", "COPY people_ten TO STDOUT"),
    ("COPY BINARY, no masked column", "COPY people_plain TO STDOUT (FORMAT binary)"),
    ("COPY BINARY, 3 masked columns", "COPY people TO STDOUT (FORMAT binary)"),
];

/// Point selects of masked columns: each text is seen for the first time, or
/// all are one.
const NEW_TEXTS: &str =
    "\\set id random(1, 2000000000)\nSELECT id, name, email, ssn FROM people WHERE id = :id;\n";
const ONE_TEXT: &str = "SELECT id, name, email, ssn FROM people WHERE id = 4711;\n";

/// Transactions a second that every contender reaches with 16 clients.
const RATE: u32 = 8_000;

/// pgbench's time runs while it logs in: that many logins get a second more.
const LOGINS_A_SECOND: u32 = 20;

pub struct PgbenchWork {
    pub name: String,
    /// Before the first transaction.
    logins: u32,
    arguments: Vec<String>,
    script: Option<&'static str>,
    tls: bool,
}

impl PgbenchWork {
    /// pgbench's own statements, prepared.
    pub fn is_prepared(&self) -> bool {
        self.script.is_none() && self.arguments.iter().any(|argument| argument == "prepared")
    }
}

pub struct PgbenchResult {
    pub per_second: f64,
    /// Of the proxy, for 100,000 transactions, logins not counted.
    pub cpu_seconds: Option<f64>,
    /// Milliseconds, of a sample of the transactions: the middle one, and the
    /// one that 99 of 100 are faster than.
    pub latency: Option<(f64, f64)>,
}

/// Fills the database, makes the logins and bauta's service role.
pub fn prepare(
    programs: &Programs,
    cluster: &mut Cluster,
    scale: &Scale,
    certificate: &Certificate,
) -> anyhow::Result<()> {
    sql(programs, cluster, "postgres", "ALTER SYSTEM SET max_connections = 1400")?;
    // The server reads a key only from a file of its own that nobody else can read.
    for (name, pem) in [("server.crt", &certificate.cert), ("server.key", &certificate.key)] {
        let lines = pem.trim().replace('\n', ",");
        let copy = format!(
            "COPY (SELECT unnest(string_to_array('{lines}', ','))) TO PROGRAM 'umask 077; cat > {name}'"
        );
        sql(programs, cluster, "postgres", &copy)?;
    }
    sql(programs, cluster, "postgres", "ALTER SYSTEM SET ssl = on")?;
    cluster.restart(programs)?;
    for role in [USER, IDLE] {
        sql(programs, cluster, "postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'"))?;
    }
    sql(programs, cluster, "postgres", &format!("CREATE DATABASE {DATABASE} OWNER {USER}"))?;
    let mut fill = client(programs, "pgbench", cluster.port())?;
    run(fill.args(["-i", "-q", "-s", "10"]))?;
    let rows = scale.rows;
    sql(
        programs,
        cluster,
        DATABASE,
        &format!(
            "CREATE TABLE people_plain (id int4 PRIMARY KEY, name text, email text, ssn text, city text, \
             amount numeric, created timestamptz);
             INSERT INTO people_plain SELECT i, 'Person number ' || i, 'person' || i || '@example.com', \
             lpad(i::text, 9, '0'), 'City ' || i % 100, i * 1.25, timestamptz '2024-01-01' + i * interval '1 minute' \
             FROM generate_series(1, {rows}) i;
             CREATE TABLE people AS TABLE people_plain;
             ALTER TABLE people ADD PRIMARY KEY (id);
             CREATE TABLE people_ten AS SELECT id, name AS c0, email AS c1, ssn AS c2, city AS c3, \
             name || 'a' AS c4, email || 'b' AS c5, ssn || 'c' AS c6, city || 'd' AS c7, \
             name || 'e' AS c8, email || 'f' AS c9, amount, created FROM people_plain;
             CREATE TABLE people_redact AS TABLE people_plain;
             CREATE TABLE people_partial AS TABLE people_plain;
             CREATE TABLE people_hash AS TABLE people_plain;
             CREATE TABLE people_token AS TABLE people_plain;
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO {USER};
             VACUUM ANALYZE people_redact;
             VACUUM ANALYZE people_partial;
             VACUUM ANALYZE people_hash;
             VACUUM ANALYZE people_token;
             VACUUM ANALYZE people_ten;
             VACUUM ANALYZE people;
             VACUUM ANALYZE people_plain"
        ),
    )?;
    let mut set_up = Command::new(env!("CARGO_BIN_EXE_bauta"));
    let set_up = run(set_up.args(["setup-sql", "--password-env"]).env("BAUTA_SERVICE_PASSWORD", PASSWORD))?;
    sql(programs, cluster, "postgres", &String::from_utf8(set_up.stdout)?)
}

/// Every pgbench run of a round.
pub fn pgbench_works(scale: &Scale) -> Vec<PgbenchWork> {
    let mut works = Vec::new();
    for (protocol, clients) in scale.clients {
        works.push(PgbenchWork {
            name: format!("pgbench -S, {protocol}, {clients} clients"),
            arguments: vec!["-S".into(), "-M".into(), (*protocol).into(), "-c".into(), clients.to_string()],
            script: None,
            tls: false,
            logins: *clients,
        });
    }
    for clients in [16, 64] {
        works.push(PgbenchWork {
            name: format!("pgbench -S, prepared, {clients} clients, {RATE} a second"),
            arguments: ["-S", "-M", "prepared", "-c", &clients.to_string(), "-R", &RATE.to_string()]
                .map(String::from)
                .to_vec(),
            script: None,
            tls: false,
            logins: clients,
        });
    }
    let masked = |what, protocol: &str, script| PgbenchWork {
        name: format!("point select of 3 masked columns, {what}, 16 clients"),
        arguments: ["-M", protocol, "-c", "16"].map(String::from).to_vec(),
        script: Some(script),
        tls: false,
        logins: 16,
    };
    works.push(masked("prepared", "prepared", NEW_TEXTS));
    works.push(masked("simple, always the same text", "simple", ONE_TEXT));
    works.push(masked("simple, always a new text", "simple", NEW_TEXTS));
    for (name, tls) in [("connection", false), ("TLS connection", true)] {
        works.push(PgbenchWork {
            name: format!("a new {name} for each, 4 clients"),
            arguments: ["-S", "-C", "-c", "4"].map(String::from).to_vec(),
            script: None,
            tls,
            logins: 4,
        });
    }
    works
}

/// What is repeated while something grows: nothing protected, three masked columns.
pub fn growth_works() -> [PgbenchWork; 2] {
    let arguments = || ["-M", "prepared", "-c", "16"].map(String::from).to_vec();
    let plain = [arguments(), vec!["-S".into()]].concat();
    [
        PgbenchWork { name: "unprotected".into(), arguments: plain, script: None, tls: false, logins: 16 },
        PgbenchWork {
            name: "masked".into(),
            arguments: arguments(),
            script: Some(NEW_TEXTS),
            tls: false,
            logins: 16,
        },
    ]
}

/// One run of pgbench. CPU is read when pgbench reports its progress, each
/// second: the first time is after the logins.
pub fn pgbench(
    programs: &Programs,
    contender: &Contender,
    work: &PgbenchWork,
    scale: &Scale,
) -> anyhow::Result<PgbenchResult> {
    let mut command = client(programs, "pgbench", contender.port())?;
    if work.tls {
        command.env("PGSSLMODE", "require");
    }
    let seconds = scale.seconds + work.logins / LOGINS_A_SECOND;
    command.args(["-n", "-P", "1", "-T", &seconds.to_string()]).args(&work.arguments);
    let logs = tempfile::tempdir()?;
    command.args(["--log", "--sampling-rate=0.2", "--log-prefix"]).arg(logs.path().join("log"));
    let mut script_file = tempfile::NamedTempFile::new()?;
    if let Some(script) = work.script {
        std::io::Write::write_all(&mut script_file, script.as_bytes())?;
        command.arg("-f").arg(script_file.path());
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut watch = Watch::default();
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().context("stderr")?).lines() {
        let line = line?;
        match progress(&line) {
            Some((at, per_second)) => watch.note(at, per_second, contender.cpu_seconds()?),
            None => said.push_str(&line),
        }
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{}: {said}", work.name);
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // "tps = 1234.5 (without initial connection time)"; before 14 also a line that includes it.
    let per_second = number_after(&text, "tps = ").with_context(|| text.clone())?;
    Ok(PgbenchResult { per_second, cpu_seconds: watch.per_100k(), latency: latency(logs.path())? })
}

/// The proxy's CPU between the first and the last report of progress.
#[derive(Default)]
struct Watch {
    first: Option<f64>,
    last: Option<f64>,
    at: f64,
    transactions: f64,
}

impl Watch {
    fn note(&mut self, at: f64, per_second: f64, cpu: Option<f64>) {
        if self.first.is_none() {
            self.first = cpu;
        } else {
            self.transactions += per_second * (at - self.at);
            self.last = cpu;
        }
        self.at = at;
    }

    fn per_100k(&self) -> Option<f64> {
        let spent = self.last? - self.first?;
        (self.transactions > 0.0).then(|| spent / self.transactions * 100_000.0)
    }
}

/// `progress: 2.0 s, 1234.5 tps, lat …`: seconds since the start, and
/// transactions a second since the last one.
fn progress(line: &str) -> Option<(f64, f64)> {
    let (at, rest) = line.strip_prefix("progress: ")?.split_once(" s, ")?;
    Some((at.parse().ok()?, rest.split_once(" tps")?.0.parse().ok()?))
}

/// Median and 99th percentile of pgbench's logs, whose third field is the
/// latency in microseconds.
fn latency(logs: &Path) -> anyhow::Result<Option<(f64, f64)>> {
    let mut all: Vec<f64> = Vec::new();
    for file in std::fs::read_dir(logs)? {
        let text = std::fs::read_to_string(file?.path())?;
        all.extend(text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<f64>().ok()));
    }
    all.sort_by(f64::total_cmp);
    let at = |part: usize| all.get(all.len() * part / 100).map(|micros| micros / 1000.0);
    Ok(at(50).zip(at(99)))
}

/// System calls of the proxy for one statement, as strace counts them; None
/// where it is not installed. strace slows what it watches: no time is taken.
pub fn system_calls(programs: &Programs, contender: &Contender) -> anyhow::Result<Option<f64>> {
    let (Some(strace), Some(pid)) = (programs.client("strace"), contender.process_id()) else {
        return Ok(None);
    };
    let summary = tempfile::NamedTempFile::new()?;
    let mut pgbench = client(programs, "pgbench", contender.port())?;
    pgbench.args(["-n", "-S", "-M", "prepared", "-c", "16", "-t", "200"]);
    let mut watcher = Command::new(strace);
    watcher.args(["-c", "-f", "-q", "-p", &pid.to_string(), "-o"]).arg(summary.path());
    let mut watcher = watcher.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // It says nothing when it has attached.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let done = run(&mut pgbench);
    let watcher_id = nix::unistd::Pid::from_raw(i32::try_from(watcher.id())?);
    nix::sys::signal::kill(watcher_id, nix::sys::signal::Signal::SIGINT)?;
    watcher.wait()?;
    done?;
    let text = std::fs::read_to_string(summary.path())?;
    // Columns: % time, seconds, usecs/call, calls, errors, name.
    let calls = text.lines().find(|line| line.ends_with(" total"));
    let calls = calls.and_then(|line| line.split_whitespace().nth(3)?.parse::<f64>().ok());
    Ok(calls.map(|calls| calls / (16.0 * 200.0)))
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    let (_, rest) = text.rsplit_once(label)?;
    rest.split(|c: char| c.is_whitespace() || c == '/').next()?.parse().ok()
}

fn client(programs: &Programs, name: &str, port: u16) -> anyhow::Result<Command> {
    let program = programs.client(name).with_context(|| format!("{name} is not installed"))?;
    let mut command = Command::new(program);
    command.env("PGPASSWORD", PASSWORD).env("PGHOST", "127.0.0.1").env("PGPORT", port.to_string());
    command.env("PGUSER", USER).env("PGDATABASE", DATABASE).env("PGSSLMODE", "disable");
    Ok(command)
}

/// Runs statements as superuser over the server's own socket.
pub fn sql(programs: &Programs, cluster: &Cluster, database: &str, text: &str) -> anyhow::Result<()> {
    answer(programs, cluster, database, text).map(drop)
}

/// [`sql`], and what psql prints of the rows: a line each, nothing else.
pub fn answer(programs: &Programs, cluster: &Cluster, database: &str, text: &str) -> anyhow::Result<String> {
    let mut psql = client(programs, "psql", cluster.port())?;
    psql.env("PGHOST", cluster.socket_directory()).env("PGUSER", SUPERUSER).env("PGDATABASE", database);
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), text)?;
    psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f"]).arg(file.path());
    Ok(String::from_utf8(run(&mut psql)?.stdout)?)
}

fn run(command: &mut Command) -> anyhow::Result<Output> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output)
}
