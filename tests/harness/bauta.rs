//! The real `bauta serve` in front of a test's server, in a directory of its
//! own.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bauta::demo::cluster::free_port;
use bauta::mask::KeyRing;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, getuid};

use super::server::{Server, scratch, unique};
use super::{Output, password};

const READY_TIMEOUT: Duration = Duration::from_secs(30);

pub struct Bauta {
    /// On 127.0.0.1.
    pub port: u16,
    /// Everything of this proxy: `proxy.toml`, key, state, socket, audit file.
    pub directory: PathBuf,
    upstream: u16,
    /// BAUTA_LOG; None: the program's own choice.
    pub log_filter: Option<&'static str>,
    child: Option<Child>,
}

impl Bauta {
    /// Starts the proxy with this configuration, which is laid over one that
    /// names the server, a port, the key, state, audit file and socket, and
    /// makes whoever runs the tests the admin `root`.
    pub fn start(server: &Server, config: &str) -> Self {
        let mut bauta = Self::prepare(server, config);
        bauta.serve();
        bauta
    }

    /// Everything but starting it: for tests of `check` and the like.
    pub fn prepare(server: &Server, config: &str) -> Self {
        let directory = scratch().path().join(unique("b"));
        std::fs::create_dir(&directory).expect("directory");
        let port = free_port().expect("free port");
        let bauta = Self { port, directory, upstream: server.port(), log_filter: None, child: None };
        KeyRing::create(&bauta.directory.join("bauta.key"), jiff::Timestamp::now()).expect("key file");
        bauta.write_config(config);
        bauta
    }

    /// Writes the configuration anew; takes effect with `reload` or a restart.
    pub fn write_config(&self, config: &str) {
        let me = User::from_uid(getuid()).ok().flatten().expect("a user");
        let base = format!(
            r#"
            listen.address = "127.0.0.1:{}"
            upstream.address = "127.0.0.1:{}"
            upstream.service_user = "bauta"
            upstream.service_password = "{}"
            keys.file = "bauta.key"
            state.url = "sqlite:bauta.db"
            audit.file = "audit.jsonl"
            control.socket = "bauta.sock"
            admin = [{{ os_user = "{}", login = "root" }}]
            "#,
            self.port,
            self.upstream,
            password("bauta"),
            me.name,
        );
        let mut merged: toml::Table = base.parse().expect("base");
        merge(&mut merged, config.parse().expect("the test's configuration"));
        std::fs::write(self.directory.join("proxy.toml"), merged.to_string()).expect("proxy.toml");
    }

    /// Starts `bauta serve` and waits until it answers.
    pub fn serve(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.join("log"))
            .expect("log file");
        let child = self
            .command(&["serve", "-c", "proxy.toml"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("log file"))
            .stderr(log)
            .spawn()
            .expect("bauta serve");
        scratch().enroll(child.id(), "KILL").expect("enroll");
        self.child = Some(child);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() || !self.socket().exists() {
            let ended = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten());
            assert!(ended.is_none(), "bauta serve ended ({}):\n{}", ended.unwrap(), self.log());
            assert!(started.elapsed() < READY_TIMEOUT, "bauta serve is not ready:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs another command of the program (`grant`, `audit`, …) in this
    /// proxy's directory, towards its control socket.
    pub fn cli(&self, arguments: &[&str]) -> Output {
        self.run(arguments)
    }

    /// [`Bauta::cli`] that must end with status 0; its output.
    pub fn cli_ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.code, Some(0), "{arguments:?}: {}{}\n{}", output.stdout, output.stderr, self.log());
        output.stdout
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.join("bauta.sock")
    }

    pub fn audit_file(&self) -> PathBuf {
        self.directory.join("audit.jsonl")
    }

    /// The audit log's records so far.
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.audit_file()).unwrap_or_default();
        // The last line may be half written.
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect()
    }

    /// What `serve` printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Process id of `bauta serve`.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("running").id()
    }

    /// SIGTERM, and its exit status once it has ended.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        let mut child = self.child.take().expect("running");
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("wait") {
                scratch().dismiss(child.id());
                self.assert_no_panic();
                return status.code();
            }
            if started.elapsed() > READY_TIMEOUT {
                let _ = child.kill();
                panic!("bauta serve does not end on SIGTERM:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL, as a crash would end it.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            scratch().dismiss(child.id());
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).expect("signal");
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).stdin(Stdio::null()).output().expect("bauta");
        Output {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        }
    }

    /// The program, in this proxy's directory, with its control socket.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bauta"));
        command.args(arguments).current_dir(&self.directory);
        command.env("BAUTA_SOCKET", self.socket()).env("RUST_BACKTRACE", "1");
        if let Some(filter) = self.log_filter {
            command.env("BAUTA_LOG", filter);
        }
        command
    }

    fn assert_no_panic(&self) {
        let log = self.log();
        assert!(!log.contains("panicked at"), "bauta panicked:\n{log}");
    }
}

impl Drop for Bauta {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of bauta on port {}\n{}", self.port, self.log());
        } else {
            self.assert_no_panic();
        }
    }
}

/// Lays `over` on `base`: tables are merged, arrays of tables are joined,
/// anything else is replaced.
fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(table)) => merge(under, table),
            (Some(toml::Value::Array(under)), toml::Value::Array(array)) if key == "admin" => {
                under.extend(array)
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
