//! A throwaway PostgreSQL server.
//!
//! Owns one data directory and the postmaster on it. Invariant: the server
//! listens on 127.0.0.1 and on a Unix socket that only its owner can reach;
//! over TCP everybody needs a password (SCRAM), over the socket nobody does.
//! It is as fast and as forgetful as PostgreSQL can be: nothing is synced.
//!
//! PostgreSQL refuses to run as root; there the programs run as `postgres`,
//! `nobody` or the first ordinary user.

use std::io;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, chown, getuid};

use super::programs::Programs;
use super::scratch::Scratch;

/// The superuser that initdb makes.
pub const SUPERUSER: &str = "postgres";

const START_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error("no ordinary user to run PostgreSQL as: it refuses root, and neither postgres nor nobody exists")]
    NoOrdinaryUser,
    #[error("could not prepare {path}")]
    Prepare { path: PathBuf, source: io::Error },
    #[error("could not run {program}")]
    Run { program: PathBuf, source: io::Error },
    #[error("{program} failed:\n{output}")]
    Failed { program: PathBuf, output: String },
    #[error("PostgreSQL did not start:\n{log}")]
    NotReady { log: String },
}

/// A running server; dropped, it is shut down and its files are removed.
pub struct Cluster {
    scratch: Arc<Scratch>,
    directory: PathBuf,
    owner: Option<User>,
    port: u16,
    postmaster: Child,
    /// The postmaster has not been waited for.
    running: bool,
    /// Drop leaves the files to the next owner.
    keep_files: bool,
}

impl Cluster {
    /// A new, empty server in `name` under the scratch directory.
    pub fn create(
        programs: &Programs,
        scratch: &Arc<Scratch>,
        name: &str,
        superuser_password: &str,
    ) -> Result<Self, ClusterError> {
        let owner = server_owner()?;
        let directory = make_directory(scratch.path().join(name), owner.as_ref())?;
        let password_file = directory.join("password");
        std::fs::write(&password_file, superuser_password).map_err(prepare(&password_file))?;
        give_to(&password_file, owner.as_ref())?;
        let mut initdb = as_owner(&programs.server("initdb"), owner.as_ref(), &directory);
        initdb.args(["-N", "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", "-U", SUPERUSER]);
        initdb.arg("--pwfile").arg(&password_file).arg("-D").arg(directory.join("data"));
        run(initdb)?;
        std::fs::remove_file(&password_file).map_err(prepare(&password_file))?;
        let hba = directory.join("data/pg_hba.conf");
        let rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n\
                     host replication all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(&hba, rules).map_err(prepare(&hba))?;
        let settings = directory.join("data/postgresql.auto.conf");
        std::fs::write(&settings, "max_connections = 300\nshared_buffers = '64MB'\n")
            .map_err(prepare(&settings))?;
        Self::start(programs, scratch, directory, owner)
    }

    /// A server on a copy of the files of one that has been stopped with
    /// [`Cluster::stop`].
    pub fn copy_of(
        programs: &Programs,
        scratch: &Arc<Scratch>,
        name: &str,
        stopped: &Path,
    ) -> Result<Self, ClusterError> {
        let owner = server_owner()?;
        let directory = make_directory(scratch.path().join(name), owner.as_ref())?;
        let mut copy = as_owner(Path::new("cp"), owner.as_ref(), &directory);
        copy.arg("-a").arg(stopped).arg(directory.join("data"));
        run(copy)?;
        Self::start(programs, scratch, directory, owner)
    }

    fn start(
        programs: &Programs,
        scratch: &Arc<Scratch>,
        directory: PathBuf,
        owner: Option<User>,
    ) -> Result<Self, ClusterError> {
        // Another process may take the port between our look and the server's bind.
        let mut attempts = 0;
        loop {
            attempts += 1;
            let port = free_port().map_err(prepare(&directory))?;
            let postmaster = spawn_postmaster(programs, &directory, owner.as_ref(), port)?;
            let mut cluster = Self {
                scratch: scratch.clone(),
                directory: directory.clone(),
                owner: owner.clone(),
                port,
                postmaster,
                running: true,
                keep_files: false,
            };
            scratch.enroll(cluster.postmaster.id(), "QUIT").map_err(prepare(scratch.path()))?;
            match cluster.wait_until_ready() {
                Ok(()) => return Ok(cluster),
                Err(log) if attempts < 3 && log.contains("Address already in use") => {
                    // Its files are used again by the next attempt.
                    cluster.keep_files = true;
                }
                Err(log) => return Err(ClusterError::NotReady { log }),
            }
        }
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let started = Instant::now();
        let pid_file = self.directory.join("data/postmaster.pid");
        let log_file = self.directory.join("server.log");
        loop {
            // Its eighth line is the postmaster's state (miscinit.c, LOCK_FILE_LINE_PM_STATUS).
            let state = std::fs::read_to_string(&pid_file).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            let ended = !matches!(self.postmaster.try_wait(), Ok(None));
            if ended || started.elapsed() > START_TIMEOUT {
                return Err(std::fs::read_to_string(&log_file).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of its Unix socket, where no password is asked.
    pub fn socket_directory(&self) -> PathBuf {
        self.directory.join("socket")
    }

    /// The server's own log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("server.log")).unwrap_or_default()
    }

    /// The postmaster's process id.
    pub fn pid(&self) -> u32 {
        self.postmaster.id()
    }

    /// Shuts it down cleanly and keeps its data directory, for
    /// [`Cluster::copy_of`].
    pub fn stop(mut self) -> PathBuf {
        self.end(Signal::SIGINT);
        self.keep_files = true;
        self.directory.join("data")
    }

    /// Stops the server at once, as a crash would, and starts it again on the
    /// same port.
    pub fn restart(&mut self, programs: &Programs) -> Result<(), ClusterError> {
        self.end(Signal::SIGQUIT);
        self.postmaster = spawn_postmaster(programs, &self.directory, self.owner.as_ref(), self.port)?;
        self.running = true;
        self.scratch.enroll(self.postmaster.id(), "QUIT").map_err(prepare(self.scratch.path()))?;
        self.wait_until_ready().map_err(|log| ClusterError::NotReady { log })
    }

    fn end(&mut self, signal: Signal) {
        if !std::mem::take(&mut self.running) {
            return;
        }
        if let Ok(pid) = i32::try_from(self.postmaster.id()) {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(pid), signal);
        }
        let _ = self.postmaster.wait();
        self.scratch.dismiss(self.postmaster.id());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end(Signal::SIGQUIT);
        if !self.keep_files {
            // What stays is removed with the scratch directory.
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// Ports that systems don't give to outgoing connections unless told to: those
/// begin at 32768 on Linux, at 49152 where RFC 6335 is followed.
const PORTS: std::ops::Range<u16> = 12_288..32_768;

/// A TCP port of 127.0.0.1 that nobody listens on right now, and that this
/// process has not been given before. An ephemeral port would not do: any
/// outgoing connection may take it before its listener is there. Nor is one
/// tried by listening: a process that is started in that moment would keep it.
pub fn free_port() -> io::Result<u16> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    // Processes side by side look in different places first.
    let start = std::process::id().wrapping_mul(1_009);
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in PORTS {
        let step = start.wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + (step % u32::from(PORTS.end - PORTS.start)) as u16;
        match TcpStream::connect(("127.0.0.1", port)) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(port),
            Err(error) => last = error,
            Ok(_) => {}
        }
    }
    Err(last)
}

fn spawn_postmaster(
    programs: &Programs,
    directory: &Path,
    owner: Option<&User>,
    port: u16,
) -> Result<Child, ClusterError> {
    let log_file = directory.join("server.log");
    let log =
        std::fs::File::options().create(true).append(true).open(&log_file).map_err(prepare(&log_file))?;
    let program = programs.server("postgres");
    let mut command = as_owner(&program, owner, directory);
    command.arg("-D").arg(directory.join("data"));
    let socket = format!("unix_socket_directories={}", directory.join("socket").display());
    let port = format!("port={port}");
    let settings = [
        "listen_addresses=127.0.0.1",
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "password_encryption=scram-sha-256",
        "timezone=UTC",
        "log_timezone=UTC",
        &socket,
        &port,
    ];
    command.args(settings.iter().flat_map(|setting| ["-c", setting]));
    let stderr = log.try_clone().map_err(prepare(&log_file))?;
    // Its own process group: Ctrl-C is for us, who end it in order.
    command.stdout(log).stderr(stderr).process_group(0);
    command.spawn().map_err(|source| ClusterError::Run { program, source })
}

/// The user that server programs run as; None: the one we are.
fn server_owner() -> Result<Option<User>, ClusterError> {
    if !getuid().is_root() {
        return Ok(None);
    }
    let named = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
    let first = || User::from_uid(1000.into()).ok().flatten();
    named.or_else(first).map(Some).ok_or(ClusterError::NoOrdinaryUser)
}

fn make_directory(path: PathBuf, owner: Option<&User>) -> Result<PathBuf, ClusterError> {
    use std::os::unix::fs::DirBuilderExt;
    for directory in [path.clone(), path.join("socket")] {
        std::fs::DirBuilder::new().mode(0o700).create(&directory).map_err(prepare(&directory))?;
        give_to(&directory, owner)?;
    }
    Ok(path)
}

fn give_to(path: &Path, owner: Option<&User>) -> Result<(), ClusterError> {
    let Some(owner) = owner else { return Ok(()) };
    chown(path, Some(owner.uid), Some(owner.gid)).map_err(|e| prepare(path)(e.into()))
}

fn as_owner(program: &Path, owner: Option<&User>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null()).env("LC_ALL", "C");
    if let Some(owner) = owner {
        command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
    }
    command
}

fn run(mut command: Command) -> Result<(), ClusterError> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(|source| ClusterError::Run { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(ClusterError::Failed { program, output: String::from_utf8_lossy(&text).into_owned() })
}

fn prepare(path: &Path) -> impl FnOnce(io::Error) -> ClusterError {
    let path = path.to_owned();
    move |source| ClusterError::Prepare { path, source }
}
