//! A client's session with the demo: psql where it is installed, since that is
//! what people will use, or else a driver.
//!
//! Invariant: [`Session::run`] returns what the client showed for exactly that
//! statement, or fails within [`ANSWER_TIMEOUT`].

use std::io::{BufRead, BufReader, PipeReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Printed by psql after each statement's output.
const END: &str = "@@ end of answer @@";

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("could not start psql")]
    Start(#[source] std::io::Error),
    #[error("could not connect as {login}")]
    Connect { login: String, source: tokio_postgres::Error },
    #[error("psql did not take a statement")]
    Send(#[source] std::io::Error),
    #[error("no answer within {ANSWER_TIMEOUT:?}; so far: {0}")]
    TimedOut(String),
    #[error("the session ended; it said: {0}")]
    Ended(String),
}

/// Who connects, and where to.
pub struct Login<'a> {
    pub port: u16,
    pub user: &'a str,
    pub password: &'a str,
    pub database: &'a str,
}

pub enum Session {
    Psql { child: Child, lines: Receiver<String> },
    Driver { runtime: tokio::runtime::Runtime, client: Client },
}

impl Session {
    /// Connects; `psql` None: with the driver.
    pub fn open(psql: Option<&Path>, login: &Login<'_>) -> Result<Self, SessionError> {
        match psql {
            Some(program) => open_psql(program, login).map_err(SessionError::Start),
            None => open_driver(login),
        }
    }

    /// Runs one statement, without its semicolon. Rows come one a line, columns
    /// parted by `|`; errors as `ERROR:  42501: message`, with a HINT line.
    pub fn run(&mut self, sql: &str) -> Result<String, SessionError> {
        match self {
            Self::Psql { child, lines } => {
                let stdin = child.stdin.as_mut().ok_or_else(|| SessionError::Ended(String::new()))?;
                // The shell prints the mark after psql has flushed its own output.
                writeln!(stdin, "{sql};\n\\! echo '{END}'").map_err(SessionError::Send)?;
                stdin.flush().map_err(SessionError::Send)?;
                answer(lines)
            }
            Self::Driver { runtime, client } => Ok(runtime.block_on(drive(client, sql))),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Self::Psql { child, .. } = self {
            drop(child.stdin.take());
            // psql may be stuck in a statement; it has nothing to lose.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn answer(lines: &Receiver<String>) -> Result<String, SessionError> {
    let mut seen = Vec::new();
    loop {
        match lines.recv_timeout(ANSWER_TIMEOUT) {
            Ok(line) if line == END => return Ok(seen.join("\n")),
            Ok(line) => seen.push(line),
            Err(RecvTimeoutError::Timeout) => return Err(SessionError::TimedOut(seen.join("\n"))),
            Err(RecvTimeoutError::Disconnected) => return Err(SessionError::Ended(seen.join("\n"))),
        }
    }
}

fn open_psql(program: &Path, login: &Login<'_>) -> std::io::Result<Session> {
    // One pipe for both, so that errors stand where they happened.
    let (output, input) = std::io::pipe()?;
    let Login { port, user, database, .. } = login;
    let mut child = Command::new(program)
        .args(["-X", "-q", "-A", "-t", "-v", "VERBOSITY=verbose", "-P", "pager=off", "-d"])
        .arg(format!("host=127.0.0.1 port={port} user={user} dbname={database} connect_timeout=10"))
        .env("PGPASSWORD", login.password)
        .env("LC_ALL", "C")
        .env_remove("PGOPTIONS")
        .stdin(Stdio::piped())
        .stdout(input.try_clone()?)
        .stderr(input)
        .spawn()?;
    match read_lines(output) {
        Ok(lines) => Ok(Session::Psql { child, lines }),
        Err(e) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(e)
        }
    }
}

fn read_lines(output: PipeReader) -> std::io::Result<Receiver<String>> {
    let (sender, receiver) = channel();
    std::thread::Builder::new().name("demo-psql".into()).spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Where in its source the server raised an error is noise here.
            if !line.starts_with("LOCATION:") && sender.send(line).is_err() {
                break;
            }
        }
    })?;
    Ok(receiver)
}

fn open_driver(login: &Login<'_>) -> Result<Session, SessionError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(SessionError::Start)?;
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(login.port).user(login.user).dbname(login.database);
    config.password(login.password).connect_timeout(ANSWER_TIMEOUT);
    let connect = |source| SessionError::Connect { login: login.user.to_owned(), source };
    let (client, connection) = runtime.block_on(config.connect(NoTls)).map_err(connect)?;
    runtime.spawn(connection);
    Ok(Session::Driver { runtime, client })
}

/// Shows a reply as psql would.
async fn drive(client: &Client, sql: &str) -> String {
    let messages = match client.simple_query(sql).await {
        Ok(messages) => messages,
        Err(error) => return shown_error(&error),
    };
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|i| row.get(i).unwrap_or("")).collect::<Vec<_>>().join("|"))
        }
        _ => None,
    });
    rows.collect::<Vec<_>>().join("\n")
}

fn shown_error(error: &tokio_postgres::Error) -> String {
    let Some(db) = error.as_db_error() else { return format!("ERROR:  {error}") };
    let hint = db.hint().map(|hint| format!("\nHINT:  {hint}")).unwrap_or_default();
    format!("{}:  {}: {}{hint}", db.severity(), db.code().code(), db.message())
}
