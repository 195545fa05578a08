//! What is done through each contender: pgbench's SELECT-only script, a point
//! select of masked columns, new connections, and whole tables.

use std::process::{Command, Output};

use anyhow::{Context, bail};
use bauta::demo::cluster::SUPERUSER;
use bauta::demo::{Cluster, Programs};

use crate::Scale;
use crate::contender::{DATABASE, PASSWORD, USER};

/// Whole tables; `people` has three protected columns, `people_plain` the same
/// rows and none.
pub const BULK: [(&str, &str); 4] = [
    ("SELECT *, no masked column", "SELECT * FROM people_plain"),
    ("SELECT *, 3 masked columns", "SELECT * FROM people"),
    ("COPY, no masked column", "COPY people_plain TO STDOUT"),
    ("COPY, 3 masked columns", "COPY people TO STDOUT"),
];

pub struct PgbenchWork {
    pub name: String,
    arguments: Vec<String>,
    script: Option<&'static str>,
}

pub struct PgbenchResult {
    pub per_second: f64,
    pub transactions: f64,
}

/// Fills the database, makes the logins and bauta's service role.
pub fn prepare(programs: &Programs, cluster: &mut Cluster, scale: &Scale) -> anyhow::Result<()> {
    sql(programs, cluster, "postgres", "ALTER SYSTEM SET max_connections = 1400")?;
    cluster.restart(programs)?;
    sql(programs, cluster, "postgres", &format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'"))?;
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
             GRANT SELECT ON people, people_plain TO {USER};
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
    for protocol in ["simple", "extended", "prepared"] {
        for clients in scale.clients {
            works.push(PgbenchWork {
                name: format!("pgbench -S, {protocol}, {clients} clients"),
                arguments: vec!["-S".into(), "-M".into(), protocol.into(), "-c".into(), clients.to_string()],
                script: None,
            });
        }
    }
    works.push(PgbenchWork {
        name: "point select of 3 masked columns, prepared, 16 clients".into(),
        arguments: ["-M", "prepared", "-c", "16"].map(String::from).to_vec(),
        script: Some("\\set id random(1, 100000)\nSELECT id, name, email, ssn FROM people WHERE id = :id;\n"),
    });
    works.push(PgbenchWork {
        name: "a new connection for each, 4 clients".into(),
        arguments: ["-S", "-C", "-c", "4"].map(String::from).to_vec(),
        script: None,
    });
    works
}

/// One run of pgbench.
pub fn pgbench(
    programs: &Programs,
    port: u16,
    work: &PgbenchWork,
    scale: &Scale,
) -> anyhow::Result<PgbenchResult> {
    let mut command = client(programs, "pgbench", port)?;
    command.args(["-n", "-T", &scale.seconds.to_string()]).args(&work.arguments);
    let mut script_file = tempfile::NamedTempFile::new()?;
    if let Some(script) = work.script {
        std::io::Write::write_all(&mut script_file, script.as_bytes())?;
        command.arg("-f").arg(script_file.path());
    }
    let output = run(&mut command).with_context(|| work.name.clone())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // "tps = 1234.5 (without initial connection time)"; before 14 also a line that includes it.
    let per_second = number_after(&text, "tps = ").with_context(|| text.clone())?;
    let transactions =
        number_after(&text, "transactions actually processed: ").with_context(|| text.clone())?;
    Ok(PgbenchResult { per_second, transactions })
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    let (_, rest) = text.rsplit_once(label)?;
    rest.split(|c: char| c.is_whitespace() || c == '/').next()?.parse().ok()
}

fn client(programs: &Programs, name: &str, port: u16) -> anyhow::Result<Command> {
    let program = programs.client(name).with_context(|| format!("{name} is not installed"))?;
    let mut command = Command::new(program);
    command.env("PGPASSWORD", PASSWORD).env("PGHOST", "127.0.0.1").env("PGPORT", port.to_string());
    command.env("PGUSER", USER).env("PGDATABASE", DATABASE);
    Ok(command)
}

/// Runs statements as superuser over the server's own socket.
fn sql(programs: &Programs, cluster: &Cluster, database: &str, text: &str) -> anyhow::Result<()> {
    let mut psql = client(programs, "psql", cluster.port())?;
    psql.env("PGHOST", cluster.socket_directory()).env("PGUSER", SUPERUSER).env("PGDATABASE", database);
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), text)?;
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(file.path());
    run(&mut psql).map(drop)
}

fn run(command: &mut Command) -> anyhow::Result<Output> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output)
}
