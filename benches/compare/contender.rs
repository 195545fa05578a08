//! The ways to the server that are compared, each a process of its own.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bauta::demo::cluster::free_port;
use bauta::demo::{Cluster, Programs, Scratch};
use bauta::mask::KeyRing;
use nix::unistd::{SysconfVar, User, chown, getuid, sysconf};
use tempfile::TempDir;

/// Every login's password; the server lives as long as the run.
pub const PASSWORD: &str = "bench";
pub const USER: &str = "bench";
pub const DATABASE: &str = "bench";
/// Whose sessions do nothing.
pub const IDLE: &str = "idle";

/// bauta with its log on a file system in memory, where a sync costs nothing.
pub const UNSYNCED: &str = "bauta, log in memory";

/// Linux' file system in memory; see tmpfs(5).
const MEMORY: &str = "/dev/shm";

/// First argument of this program when it is the relay.
pub const RELAY: &str = "relay";

/// What the server, pgbouncer and bauta show to clients that ask for TLS.
pub struct Certificate {
    /// PEM.
    pub cert: String,
    pub key: String,
}

impl Certificate {
    pub fn new() -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        Ok(Self { cert: made.cert.pem(), key: made.signing_key.serialize_pem() })
    }

    fn write(&self, directory: &Path) -> std::io::Result<()> {
        std::fs::write(directory.join("server.crt"), &self.cert)?;
        std::fs::write(directory.join("server.key"), &self.key)?;
        std::fs::set_permissions(directory.join("server.key"), std::fs::Permissions::from_mode(0o600))
    }
}

pub struct Contender {
    name: &'static str,
    port: u16,
    /// None: the server itself.
    process: Option<Child>,
    scratch: Arc<Scratch>,
    directory: PathBuf,
    /// Files of it elsewhere.
    _memory: Option<TempDir>,
}

impl Contender {
    /// Starts all of them; pgbouncer where it is installed.
    pub fn all(
        programs: &Programs,
        scratch: &Arc<Scratch>,
        cluster: &Cluster,
        certificate: &Certificate,
    ) -> anyhow::Result<Vec<Contender>> {
        let upstream = cluster.port();
        let mut contenders = vec![Self {
            name: "direct",
            port: upstream,
            process: None,
            scratch: scratch.clone(),
            directory: PathBuf::new(),
            _memory: None,
        }];
        let mut start = |name, command: &dyn Fn(u16, &Path) -> anyhow::Result<Command>| {
            Self::start(name, scratch, command).map(|contender| contenders.push(contender))
        };
        start("tcp relay", &|port, _| relay_command(port, upstream))?;
        if let Some(program) = pgbouncer(programs) {
            start("pgbouncer", &|port, directory| {
                certificate.write(directory)?;
                pgbouncer_command(&program, port, upstream, directory)
            })?;
        }
        contenders.push(Self::bauta(scratch, upstream, certificate, "")?);
        Ok(contenders)
    }

    /// A bauta of its own; `config` is added to its configuration.
    pub fn bauta(
        scratch: &Arc<Scratch>,
        upstream: u16,
        certificate: &Certificate,
        config: &str,
    ) -> anyhow::Result<Self> {
        Self::start("bauta", scratch, &|port, directory| {
            certificate.write(directory)?;
            bauta_command(port, upstream, directory, Path::new("audit.jsonl"), config)
        })
    }

    /// None: this machine has no file system in memory.
    pub fn unsynced(
        scratch: &Arc<Scratch>,
        upstream: u16,
        certificate: &Certificate,
    ) -> anyhow::Result<Option<Self>> {
        if !Path::new(MEMORY).is_dir() {
            return Ok(None);
        }
        let memory = tempfile::Builder::new().prefix("bauta-bench").tempdir_in(MEMORY)?;
        let log = memory.path().join("audit.jsonl");
        let mut contender = Self::start(UNSYNCED, scratch, &|port, directory| {
            certificate.write(directory)?;
            bauta_command(port, upstream, directory, &log, "")
        })?;
        contender._memory = Some(memory);
        Ok(Some(contender))
    }

    /// pgbouncer as the server of a bauta, for more sessions than a server has
    /// room for: those of [`IDLE`] hold no connection of the server's. `users`
    /// are lines of its `auth_file`. None: it is not installed.
    pub fn pool(
        programs: &Programs,
        scratch: &Arc<Scratch>,
        upstream: u16,
        users: &str,
    ) -> anyhow::Result<Option<Self>> {
        let Some(program) = pgbouncer(programs) else { return Ok(None) };
        let start = |port, directory: &Path| {
            std::fs::write(directory.join("users"), users)?;
            let config = format!(
                "[databases]\n* = host=127.0.0.1 port={upstream}\n[users]\n{IDLE} = pool_mode=transaction\n\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
                 auth_type = scram-sha-256\nauth_file = users\npool_mode = session\nmax_client_conn = 12000\n\
                 default_pool_size = 100\nlog_connections = 0\nlog_disconnections = 0\n\
                 server_tls_sslmode = disable\nignore_startup_parameters = options\n"
            );
            std::fs::write(directory.join("pgbouncer.ini"), config)?;
            as_ordinary_user(&program, directory, &["users", "pgbouncer.ini"])
        };
        Self::start("pool", scratch, &start).map(Some)
    }

    fn start(
        name: &'static str,
        scratch: &Arc<Scratch>,
        command: &dyn Fn(u16, &Path) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix(&name.replace(' ', "-"))
            .disable_cleanup(true)
            .tempdir_in(scratch.path())?
            .keep();
        let log_file = directory.join("log");
        let log = std::fs::File::create(&log_file)?;
        let port = free_port()?;
        let mut command = command(port, &directory)?;
        command.current_dir(&directory).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        scratch.enroll(child.id(), "KILL")?;
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if child.try_wait()?.is_some() || started.elapsed() > Duration::from_secs(30) {
                bail!("{name} did not start:\n{}", std::fs::read_to_string(&log_file)?);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { name, port, process: Some(child), scratch: scratch.clone(), directory, _memory: None })
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where a proxy runs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// None: the server itself.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// User and system time of the proxy so far.
    pub fn cpu_seconds(&self) -> anyhow::Result<Option<f64>> {
        let Some(process) = &self.process else { return Ok(None) };
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id()))?;
        // Fields 14 and 15; the second, the program's name, may hold anything (proc(5)).
        let after_name = stat.rsplit_once(") ").context("/proc/PID/stat")?.1;
        let fields: Vec<&str> = after_name.split(' ').collect();
        let ticks: f64 = [11, 12].iter().filter_map(|i| fields.get(*i)?.parse::<f64>().ok()).sum();
        let per_second = sysconf(SysconfVar::CLK_TCK)?.context("clock ticks")? as f64;
        Ok(Some(ticks / per_second))
    }

    /// Resident memory of the proxy.
    pub fn resident_kb(&self) -> anyhow::Result<Option<f64>> {
        let Some(process) = &self.process else { return Ok(None) };
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        Ok(line.split_whitespace().next().and_then(|kb| kb.parse().ok()))
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
            self.scratch.dismiss(process.id());
        }
    }
}

fn relay_command(port: u16, upstream: u16) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([RELAY, &format!("127.0.0.1:{port}"), &format!("127.0.0.1:{upstream}")]);
    Ok(command)
}

/// Copies bytes both ways and looks at none: the least that a proxy does.
#[tokio::main]
pub async fn relay(listen: SocketAddr, upstream: SocketAddr) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    loop {
        let (mut client, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut server = tokio::net::TcpStream::connect(upstream).await?;
            client.set_nodelay(true)?;
            server.set_nodelay(true)?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await
        });
    }
}

fn pgbouncer(programs: &Programs) -> Option<PathBuf> {
    // Debian keeps it in sbin, which is not in everybody's PATH.
    programs
        .client("pgbouncer")
        .or_else(|| Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|p| p.is_file()))
}

fn pgbouncer_command(program: &Path, port: u16, upstream: u16, directory: &Path) -> anyhow::Result<Command> {
    std::fs::write(directory.join("users"), format!("\"{USER}\" \"{PASSWORD}\"\n"))?;
    let config = format!(
        "[databases]\n* = host=127.0.0.1 port={upstream}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = users\n\
         pool_mode = session\nmax_client_conn = 2000\ndefault_pool_size = 1200\n\
         log_connections = 0\nlog_disconnections = 0\nserver_reset_query =\nserver_tls_sslmode = disable\n\
         client_tls_sslmode = allow\nclient_tls_cert_file = server.crt\nclient_tls_key_file = server.key\n\
         max_prepared_statements = 100\n"
    );
    // Versions before 1.21 end on a setting that they don't know.
    let version = Command::new(program).arg("--version").output()?;
    let old = ["1.1", "1.20"]
        .iter()
        .any(|v| String::from_utf8_lossy(&version.stdout).contains(&format!("PgBouncer {v}")));
    let config = if old { config.replace("max_prepared_statements = 100\n", "") } else { config };
    std::fs::write(directory.join("pgbouncer.ini"), config)?;
    as_ordinary_user(program, directory, &["users", "pgbouncer.ini", "server.crt", "server.key"])
}

/// pgbouncer with these files of its directory.
fn as_ordinary_user(program: &Path, directory: &Path, files: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(program);
    command.args(["-q", "pgbouncer.ini"]);
    if getuid().is_root() {
        // It refuses root, as the server does.
        let user = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.context("no ordinary user to run pgbouncer as")?;
        let files = files.iter().map(|name| directory.join(name));
        for path in std::iter::once(directory.to_owned()).chain(files) {
            chown(&path, Some(user.uid), Some(user.gid))?;
        }
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Ok(command)
}

/// Protects three columns of `people`, and nothing that pgbench's own
/// statements name.
fn bauta_command(
    port: u16,
    upstream: u16,
    directory: &Path,
    log: &Path,
    more: &str,
) -> anyhow::Result<Command> {
    KeyRing::create(&directory.join("bauta.key"), jiff::Timestamp::now())?;
    let config = format!(
        r#"
        listen.address = "127.0.0.1:{port}"
        upstream.address = "127.0.0.1:{upstream}"
        upstream.tls = "disable"
        upstream.service_user = "bauta"
        upstream.service_password = "{PASSWORD}"
        keys.file = "bauta.key"
        state.url = "sqlite:bauta.db"
        audit.file = "{log}"
        control.socket = "bauta.sock"
        limits.max_sessions = 12000
        listen.tls.mode = "prefer"
        listen.tls.cert = "server.crt"
        listen.tls.key = "server.key"

        [[protect]]
        column = "public.people.name"
        method = "redact"
        [[protect]]
        column = "public.people.email"
        method = "email"
        [[protect]]
        column = "public.people.ssn"
        method = "token"
        [[protect]]
        columns = ["public.people_ten.c0", "public.people_ten.c4", "public.people_ten.c8"]
        method = "redact"
        [[protect]]
        columns = ["public.people_ten.c1", "public.people_ten.c5", "public.people_ten.c9"]
        method = "email"
        [[protect]]
        columns = ["public.people_ten.c2", "public.people_ten.c6"]
        method = "token"
        [[protect]]
        columns = ["public.people_ten.c3", "public.people_ten.c7"]
        method = "hash"
        {more}"#,
        log = log.display()
    );
    let by_method = ["redact", "partial", "hash", "token"].map(|method| {
        let columns = ["name", "email", "ssn"].map(|column| format!("\"public.people_{method}.{column}\""));
        let more = if method == "partial" { "first = 2\n" } else { "" };
        format!("\n[[protect]]\ncolumns = [{}]\nmethod = \"{method}\"\n{more}", columns.join(", "))
    });
    let config = config + &by_method.concat();
    std::fs::write(directory.join("proxy.toml"), config)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_bauta"));
    command.args(["serve", "-c", "proxy.toml"]).env("BAUTA_LOG", "warn");
    Ok(command)
}
