//! Runs psql, the client that most people meet bauta with.

use std::io::Write;
use std::process::{Command, Stdio};

use bauta::demo::Programs;

use super::{DATABASE, password};

/// What psql printed.
#[derive(Debug)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    /// Exit status; None: ended by a signal.
    pub code: Option<i32>,
}

impl Output {
    /// Standard output without the last line's end.
    pub fn out(&self) -> &str {
        self.stdout.trim_end_matches('\n')
    }
}

/// Runs a script in the shop as `user`, over TCP with the user's password:
/// each statement in its own Query; backslash commands work. Rows come
/// unaligned, without headers.
pub fn psql(user: &str, port: u16, sql: &str) -> Output {
    psql_in(DATABASE, user, port, sql)
}

/// [`psql`] in another database.
pub fn psql_in(database: &str, user: &str, port: u16, sql: &str) -> Output {
    run_psql(
        &Programs::find().expect("server programs"),
        &format!("host=127.0.0.1 port={port} user={user} dbname={database} connect_timeout=10"),
        &password(user),
        sql,
    )
}

pub(super) fn run_psql(programs: &Programs, connection: &str, password: &str, sql: &str) -> Output {
    let mut child = Command::new(programs.client("psql").expect("psql is installed"))
        .args(["-X", "-q", "-A", "-t", "-P", "pager=off", "-f", "-", "-d", connection])
        .env_clear()
        .env("PGPASSWORD", password)
        .env("PGAPPNAME", "psql")
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .env("PGCLIENTENCODING", "UTF8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql");
    let mut stdin = child.stdin.take().expect("piped");
    let script = sql.to_owned();
    // psql may print more than a pipe holds before it has read all of it.
    let writer = std::thread::spawn(move || {
        // psql may end before the end of the script (ON_ERROR_STOP).
        let _ = stdin.write_all(script.as_bytes());
    });
    let output = child.wait_with_output().expect("psql");
    writer.join().expect("writer");
    Output {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code(),
    }
}
