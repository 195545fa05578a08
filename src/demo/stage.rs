//! Everything the demo runs on: a throwaway server with the sample shop, and
//! this very program serving in front of it.
//!
//! Invariant: all of it lives in one scratch directory and ends with it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::unistd::{User, getuid};
use tokio_postgres::NoTls;

use super::cluster::{Cluster, ClusterError, SUPERUSER, free_port};
use super::programs::Programs;
use super::scratch::Scratch;
use super::session::{Login, Session, SessionError};

/// Database of the sample shop.
pub const DATABASE: &str = "shop";
const SHOP: &str = include_str!("shop.sql");
const POLICY: &str = include_str!("policy.toml");
const SERVE_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("could not {what}")]
    Io { what: &'static str, source: std::io::Error },
    #[error("could not {what}: {}", message(source))]
    Sql { what: &'static str, source: tokio_postgres::Error },
    #[error("bauta {command} failed: {output}")]
    Bauta { command: String, output: String },
    #[error("bauta serve is not ready:\n{0}")]
    NotReady(String),
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// tokio-postgres prints "db error" and keeps the message in the source.
fn message(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| db.message().to_owned())
}

pub struct Stage {
    programs: Programs,
    scratch: Arc<Scratch>,
    cluster: Cluster,
    /// Configuration, key, state, socket and audit log of the proxy.
    directory: PathBuf,
    port: u16,
    proxy: Option<Child>,
}

impl Stage {
    /// Starts PostgreSQL and fills the shop. The proxy's port is `port`, or
    /// any free one.
    pub fn raise(programs: Programs, scratch: &Arc<Scratch>, port: Option<u16>) -> Result<Self, StageError> {
        let io = |what| move |source| StageError::Io { what, source };
        let cluster = Cluster::create(&programs, scratch, "server", &random_password()?)?;
        let directory = scratch.path().join("bauta");
        std::fs::create_dir(&directory).map_err(io("make the proxy's directory"))?;
        let port = match port {
            Some(port) => port,
            None => free_port().map_err(io("find a free port"))?,
        };
        let stage = Self { programs, scratch: scratch.clone(), cluster, directory, port, proxy: None };
        stage.administer("postgres", "create the database", &format!("CREATE DATABASE {DATABASE}"))?;
        stage.administer(DATABASE, "fill the sample shop", SHOP)?;
        Ok(stage)
    }

    /// Runs `bauta setup-sql` on the server and `bauta init`, and writes the
    /// demo's policy.
    pub fn set_up_bauta(&self) -> Result<(), StageError> {
        let password = random_password()?;
        let sql =
            self.run(&["setup-sql", "--password-env"], |c| c.env("BAUTA_SERVICE_PASSWORD", &password))?;
        self.administer("postgres", "run setup-sql", &sql)?;
        self.bauta_ok(&["init", "."])?;
        let me = User::from_uid(getuid()).ok().flatten().map_or_else(|| "root".to_owned(), |user| user.name);
        let policy = POLICY
            .replace("@LISTEN@", &format!("127.0.0.1:{}", self.port))
            .replace("@UPSTREAM@", &format!("127.0.0.1:{}", self.cluster.port()))
            .replace("@SERVICE_PASSWORD@", &password)
            .replace("@OS_USER@", &me);
        std::fs::write(self.directory.join("proxy.toml"), policy)
            .map_err(|source| StageError::Io { what: "write proxy.toml", source })
    }

    /// Starts `bauta serve` and waits until it takes connections.
    pub fn serve(&mut self) -> Result<(), StageError> {
        let io = |what| move |source| StageError::Io { what, source };
        let log_file = self.directory.join("log");
        let log = std::fs::File::create(&log_file).map_err(io("make the log file"))?;
        let mut command = self.command(&["serve", "-c", "proxy.toml"]).map_err(io("find this program"))?;
        command.stdout(log.try_clone().map_err(io("open the log file"))?).stderr(log);
        // Ctrl-C is for us, who end it in order.
        let mut child = command.process_group(0).spawn().map_err(io("start bauta serve"))?;
        self.scratch.enroll(child.id(), "KILL").map_err(io("enroll bauta serve"))?;
        let started = Instant::now();
        let ready = loop {
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.socket().exists() {
                break true;
            }
            if !matches!(child.try_wait(), Ok(None)) || started.elapsed() > SERVE_TIMEOUT {
                break false;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        self.proxy = Some(child);
        if ready { Ok(()) } else { Err(StageError::NotReady(self.log())) }
    }

    /// A client of the proxy, with the login's own PostgreSQL password.
    pub fn session(&self, user: &str) -> Result<Session, StageError> {
        let login = Login { port: self.port, user, password: user, database: DATABASE };
        Ok(Session::open(self.programs.client("psql").as_deref(), &login)?)
    }

    /// Runs another command of this program in the proxy's directory, which
    /// must succeed; what it printed.
    pub fn bauta_ok(&self, arguments: &[&str]) -> Result<String, StageError> {
        self.run(arguments, |command| command)
    }

    fn run(
        &self,
        arguments: &[&str],
        adjust: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Result<String, StageError> {
        let output = self
            .command(arguments)
            .and_then(|mut command| adjust(&mut command).output())
            .map_err(|source| StageError::Io { what: "run bauta", source })?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(stdout);
        }
        let output = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        Err(StageError::Bauta { command: arguments.join(" "), output })
    }

    /// Runs statements as superuser, past bauta; the first column of the last
    /// row.
    pub fn administer(
        &self,
        database: &str,
        what: &'static str,
        sql: &str,
    ) -> Result<Option<String>, StageError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| StageError::Io { what: "start a runtime", source })?;
        let answer = runtime.block_on(async {
            let mut config = tokio_postgres::Config::new();
            config.host_path(self.cluster.socket_directory()).port(self.cluster.port());
            let (client, connection) = config.user(SUPERUSER).dbname(database).connect(NoTls).await?;
            let connection = tokio::spawn(connection);
            let messages = client.simple_query(sql).await;
            drop(client);
            // The session is over before the next statement (CREATE DATABASE) runs.
            let _ = connection.await;
            messages
        });
        let messages = answer.map_err(|source| StageError::Sql { what, source })?;
        Ok(messages.iter().rev().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The proxy's port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's port on 127.0.0.1.
    pub fn server_port(&self) -> u16 {
        self.cluster.port()
    }

    /// The proxy's control socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.join("bauta.sock")
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether `bauta serve` still runs.
    pub fn is_serving(&mut self) -> bool {
        self.proxy.as_mut().is_some_and(|proxy| matches!(proxy.try_wait(), Ok(None)))
    }

    /// What `bauta serve` printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> std::io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).current_dir(&self.directory).stdin(Stdio::null());
        command.env("BAUTA_SOCKET", self.socket()).env("BAUTA_LOG", "warn");
        Ok(command)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut proxy) = self.proxy.take() {
            // It may have ended by itself.
            let _ = proxy.kill();
            let _ = proxy.wait();
            self.scratch.dismiss(proxy.id());
        }
    }
}

/// The server is reachable by every user of this machine while it runs.
fn random_password() -> Result<String, StageError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| StageError::Io {
        what: "read random bytes",
        source: std::io::Error::other(e.to_string()),
    })?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
