//! A PostgreSQL server for one test, copied from a template that is made once
//! in a test process: initdb, the sample shop, the logins, bauta's set-up SQL.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use bauta::demo::{Cluster, Programs, Scratch};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::psql::{Output, run_psql};
use super::{DATABASE, password};

const SHOP: &str = include_str!("shop.sql");

pub struct Server {
    cluster: Cluster,
}

/// What all tests of one process share.
struct Template {
    programs: Programs,
    scratch: Arc<Scratch>,
    data: PathBuf,
}

fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let programs = Programs::find().unwrap_or_else(|e| panic!("{e}"));
        let scratch = Arc::new(Scratch::new().expect("scratch directory"));
        let cluster =
            Cluster::create(&programs, &scratch, "template", &password("postgres")).expect("template server");
        let server = Server { cluster };
        for user in ["ana", "sam", "etl"] {
            server.sql("postgres", &format!("CREATE ROLE {user} LOGIN PASSWORD '{}'", password(user)));
        }
        server.set_up_bauta();
        server.sql("postgres", &format!("CREATE DATABASE {DATABASE}"));
        server.sql(DATABASE, SHOP);
        Template { programs, scratch, data: server.cluster.stop() }
    })
}

/// Where this process's servers and proxies keep their files.
pub(super) fn scratch() -> &'static Arc<Scratch> {
    &template().scratch
}

/// A name that no other directory of this process has.
pub(super) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Server {
    /// A server of the test's own, with the sample shop. About half a second.
    pub fn start() -> Self {
        let Template { programs, scratch, data } = template();
        let cluster = Cluster::copy_of(programs, scratch, &unique("s"), data).expect("server");
        Self { cluster }
    }

    /// One server for all tests that only read, or write in databases and
    /// schemas of their own; it lives until the test process ends.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    pub fn port(&self) -> u16 {
        self.cluster.port()
    }

    /// The directory of its Unix socket.
    pub fn socket_directory(&self) -> std::path::PathBuf {
        self.cluster.socket_directory()
    }

    /// Writes a file in the server's data directory, readable by it alone.
    pub fn write_file(&self, name: &str, content: &str) {
        self.sql(
            "postgres",
            &format!(
                "COPY (SELECT unnest(string_to_array(rtrim($x${content}$x$, E'\\n'), E'\\n'))) \
                 TO PROGRAM 'rm -f {name}; umask 077; cat > {name}';"
            ),
        );
    }

    /// Turns TLS on, with this certificate, and waits until it is.
    pub fn enable_tls(&self, certificate: &super::Certificate) {
        self.write_file("server.crt", &certificate.pem());
        self.write_file("server.key", &certificate.key_pem());
        self.sql("postgres", "ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf()");
        let started = std::time::Instant::now();
        while self.sql("postgres", "SHOW ssl").trim() != "on" {
            assert!(started.elapsed() < std::time::Duration::from_secs(10), "{}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        // The setting is seen a moment before the postmaster has loaded it.
        std::thread::sleep(std::time::Duration::from_millis(200));
    }

    /// Replaces pg_hba.conf. The Unix socket stays open to superusers.
    pub fn set_hba(&self, rules: &str) {
        self.write_file("pg_hba.conf", &format!("local all all trust\n{rules}\n"));
        self.sql("postgres", "SELECT pg_reload_conf()");
        std::thread::sleep(std::time::Duration::from_millis(300));
    }

    /// Major version of the server.
    pub fn major(&self) -> u32 {
        template().programs.major()
    }

    /// The server's own log.
    pub fn log(&self) -> String {
        self.cluster.log()
    }

    /// Runs statements as superuser, past bauta; panics when one fails.
    /// Returns unaligned rows.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let socket = self.cluster.socket_directory();
        let output = run_psql(
            &Programs::find().expect("server programs"),
            &format!("host={} port={} user=postgres dbname={database}", socket.display(), self.port()),
            "",
            &format!("\\set ON_ERROR_STOP on\n{sql}"),
        );
        assert!(output.ok(), "this failed in {database}:\n{sql}\n{}", output.stderr);
        output.stdout
    }

    /// A database of its own, made from the shop; its name.
    pub fn copy_of_shop(&self) -> String {
        static LOCK: parking_lot::Mutex<()> = parking_lot::Mutex::new(());
        // CREATE DATABASE wants nobody in its template.
        let _alone = LOCK.lock();
        let name = unique("shop_");
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {DATABASE}"));
        name
    }

    /// Stops the server hard and starts it again on the same port.
    pub fn restart(&mut self) {
        self.cluster.restart(&template().programs).expect("restart");
    }

    /// Signals the server and all its processes.
    pub fn signal(&self, signal: Signal) {
        let postmaster = self.cluster.pid();
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"));
        let children = children.unwrap_or_default();
        // The postmaster first: it makes no new ones then.
        for pid in [postmaster].into_iter().chain(children.split_whitespace().filter_map(|p| p.parse().ok()))
        {
            // One that has just ended needs no signal.
            let _ = kill(Pid::from_raw(i32::try_from(pid).expect("pid")), signal);
        }
    }

    /// A new database for the state of several nodes; its name.
    pub fn state_database(&self) -> String {
        let name = unique("state");
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER bauta"));
        name
    }

    /// Upstream sessions of a login, as the server sees them.
    pub fn sessions_of(&self, user: &str) -> usize {
        let count =
            self.sql("postgres", &format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{user}'"));
        count.trim().parse().expect("a count")
    }

    fn set_up_bauta(&self) {
        let output = Command::new(env!("CARGO_BIN_EXE_bauta"))
            .args(["setup-sql", "--password-env"])
            .env("BAUTA_SERVICE_PASSWORD", password("bauta"))
            .output()
            .expect("bauta setup-sql");
        assert!(output.status.success(), "setup-sql: {}", String::from_utf8_lossy(&output.stderr));
        self.sql("postgres", &String::from_utf8(output.stdout).expect("UTF-8"));
    }
}

/// A tokio-postgres session in the shop, with a login's own password.
pub async fn client(port: u16, user: &str, database: &str) -> tokio_postgres::Client {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(port).user(user).password(password(user)).dbname(database);
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("connect");
    tokio::spawn(connection);
    client
}

impl Output {
    /// Whether psql ended with status 0.
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }
}
