//! Sessions through the real program: how they begin, live through trouble,
//! and end on both sides.
//!
//! Goal: a clean end whatever happens, never a hung client, never a session
//! left on the server. Method: `bauta serve` in front of a server of the
//! test's own, whose `pg_stat_activity` tells what is left.

use std::io::Read;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::harness::{Bauta, Certificate, Raw, Server, message, password, psql};

fn soon(what: &str, mut check: impl FnMut() -> bool) {
    let started = Instant::now();
    while !check() {
        assert!(started.elapsed() < Duration::from_secs(15), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn nothing_left(server: &Server) {
    soon("sessions are left on the server", || server.sessions_of("ana") == 0);
}

#[test]
fn a_client_that_vanishes_leaves_no_session_on_the_server() {
    let server = Server::start();
    let bauta = Bauta::start(&server, "");
    // Idle; in a transaction; waiting for an answer; in the middle of a result.
    drop(Raw::connect(bauta.port, "ana"));
    let mut raw = Raw::connect(bauta.port, "ana");
    raw.query("BEGIN");
    drop(raw);
    let mut raw = Raw::connect(bauta.port, "ana");
    raw.send(&message::query("SELECT pg_sleep(600)"));
    std::thread::sleep(Duration::from_millis(200));
    drop(raw);
    let mut raw = Raw::connect(bauta.port, "ana");
    raw.send(&message::query("SELECT repeat('x', 10000) FROM generate_series(1, 100000)"));
    raw.receive().unwrap();
    drop(raw);
    // PostgreSQL itself notices a client that left only when it writes to it.
    soon("sessions are left on the server", || {
        let left =
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'ana' AND query NOT LIKE '%pg_sleep%'";
        server.sql("postgres", left).trim() == "0"
    });
    server.sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ana'");
    soon("bauta forgets them", || bauta.cli_ok(&["sessions", "--json"]).trim().is_empty());
    assert_eq!(psql("ana", bauta.port, "SELECT 1").out(), "1");
}

/// Rows that never stop coming leave the thread's other sessions their turn.
#[test]
fn a_long_result_delays_nobody() {
    let server = Server::start();
    let policy = "limits.workers = 1\n[[protect]]\ncolumn = \"public.customers.email\"\nmethod = \"email\"";
    let bauta = Bauta::start(&server, policy);
    let mut short = Raw::connect(bauta.port, "ana");
    let mut long = Raw::connect(bauta.port, "ana");
    long.send(&message::query(
        "SELECT c.email, repeat('x', 100) FROM customers c, generate_series(1, 12000)",
    ));
    long.receive().unwrap();
    let mut rows = long.stream().try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        while rows.read(&mut buffer).is_ok_and(|read| !buffer[..read].ends_with(b"Z\0\0\0\x05I")) {}
    });
    for _ in 0..10 {
        assert_eq!(short.query("SELECT email FROM customers WHERE id = 1").len(), 4);
    }
    assert!(!reader.is_finished(), "ten statements waited for all rows of another");
    drop(long);
    reader.join().unwrap();
}

#[test]
fn a_server_that_restarts_ends_sessions_with_an_error_and_serves_the_next() {
    let mut server = Server::start();
    let bauta = Bauta::start(&server, "");
    let mut idle = Raw::connect(bauta.port, "ana");
    let mut busy = Raw::connect(bauta.port, "ana");
    busy.send(&message::query("SELECT pg_sleep(600)"));
    std::thread::sleep(Duration::from_millis(200));
    server.restart();
    for raw in [&mut idle, &mut busy] {
        let frames = raw.until_ready();
        assert!(raw.receive().is_none(), "the session ended");
        let error = frames.iter().find(|f| f.tag == b'E').expect("an error says so");
        assert!(
            error.field(b'C').unwrap().starts_with("57P") || error.field(b'C').unwrap().starts_with("08")
        );
    }
    soon("the next session is served", || psql("ana", bauta.port, "SELECT 1").out() == "1");
}

#[test]
fn a_drain_ends_idle_sessions_at_once_and_lets_a_transaction_finish() {
    let server = Server::start();
    let mut bauta = Bauta::start(&server, "");
    let mut idle = Raw::connect(bauta.port, "ana");
    let mut working = Raw::connect(bauta.port, "ana");
    working.query("CREATE TEMP TABLE t (a int)");
    working.query("BEGIN; INSERT INTO t VALUES (1)");
    bauta.signal(Signal::SIGTERM);
    let error = idle.receive().expect("a word of farewell");
    assert_eq!(error.field(b'C').as_deref(), Some("57P01"));
    assert!(idle.receive().is_none());
    let frames = working.query("SELECT a FROM t");
    assert_eq!(frames[1].columns(), [Some(b"1".to_vec())], "the transaction goes on");
    let frames = working.query("COMMIT");
    assert_eq!(frames[0].body, b"COMMIT\0");
    let started = Instant::now();
    assert_eq!(bauta.stop(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "nothing was left to wait for");
    nothing_left(&server);
}

#[test]
fn a_drain_has_a_deadline_after_which_sessions_are_told_and_ended() {
    let server = Server::start();
    let mut bauta = Bauta::start(&server, "limits.drain_timeout = \"0\"");
    let mut working = Raw::connect(bauta.port, "ana");
    working.query("BEGIN");
    bauta.signal(Signal::SIGTERM);
    let error = working.receive().expect("a word of farewell");
    assert_eq!(error.field(b'C').as_deref(), Some("57P01"));
    assert_eq!(bauta.stop(), Some(0));
    nothing_left(&server);
}

/// As systemd would hear it (Type=notify, WatchdogSec=).
#[test]
fn a_service_manager_is_told_when_clients_can_connect_and_when_it_stops() {
    let server = Server::start();
    let bauta = Bauta::prepare(&server, "");
    let socket = bauta.directory.join("notify");
    let heard = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    heard.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let next = || {
        let mut text = [0; 256];
        let length = heard.recv(&mut text).expect("a word to the service manager");
        String::from_utf8_lossy(&text[..length]).trim().to_owned()
    };
    let mut child = bauta
        .command(&["serve", "-c", "proxy.toml"])
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", "300000")
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    assert_eq!(next(), "READY=1");
    assert_eq!(psql("ana", bauta.port, "SELECT 1").out(), "1", "ready means ready");
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1");
    }
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    while next() != "STOPPING=1" {}
    assert!(child.wait().unwrap().success());
}

#[test]
fn no_file_descriptors_left_means_waiting_and_not_spinning() {
    let server = Server::start();
    let bauta = Bauta::start(&server, "");
    let pid = i32::try_from(bauta.pid()).unwrap();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let limit = open + 20;
    let set = |soft: usize| {
        let done =
            Command::new("prlimit").arg(format!("--pid={pid}")).arg(format!("--nofile={soft}:")).status();
        assert!(done.expect("prlimit").success());
    };
    set(limit);
    let waiting: Vec<_> = (0..40).map(|_| Raw::open(bauta.port)).collect();
    std::thread::sleep(Duration::from_millis(300));
    let before = cpu_ticks(pid);
    std::thread::sleep(Duration::from_secs(1));
    let spent = cpu_ticks(pid) - before;
    assert!(spent < 30, "{spent} of 100 ticks: it spins");
    drop(waiting);
    set(limit + 1000);
    soon("it accepts again", || psql("ana", bauta.port, "SELECT 1").out() == "1");
}

/// User and system time of a process, in hundredths of a second.
fn cpu_ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let field = |n: usize| fields.split_whitespace().nth(n).unwrap().parse::<u64>().unwrap();
    field(11) + field(12)
}

#[test]
fn tls_and_unix_sockets_are_served_as_the_file_says_and_certificates_reload() {
    let server = Server::start();
    let mut bauta = Bauta::prepare(&server, "");
    let install = |bauta: &Bauta, certificate: &Certificate| {
        std::fs::copy(&certificate.cert, bauta.directory.join("server.crt")).unwrap();
        std::fs::copy(&certificate.key, bauta.directory.join("server.key")).unwrap();
    };
    let first = Certificate::self_signed_authority("127.0.0.1");
    install(&bauta, &first);
    bauta.write_config(&format!(
        "listen.address = [\"127.0.0.1:{0}\", \"{1}:{0}\"]\n\
         [listen.tls]\nmode = \"require\"\ncert = \"server.crt\"\nkey = \"server.key\"\n",
        bauta.port,
        bauta.directory.display(),
    ));
    bauta.serve();
    let gets_in = |connection: &str| {
        let output = Command::new("psql")
            .args(["-X", "-A", "-t", "-c", "SELECT current_user", "-d"])
            .arg(format!("{connection} port={} user=ana dbname=shop", bauta.port))
            .env("PGPASSWORD", password("ana"))
            .output()
            .expect("psql");
        String::from_utf8_lossy(&output.stdout) == "ana\n"
    };
    let trusting = |c: &Certificate| {
        format!("host=127.0.0.1 sslmode=verify-full channel_binding=require sslrootcert={}", c.cert.display())
    };
    assert!(gets_in(&format!("host={}", bauta.directory.display())));
    assert!(gets_in(&trusting(&first)));
    assert!(!gets_in("host=127.0.0.1 sslmode=disable"));
    let second = Certificate::self_signed_authority("127.0.0.1");
    install(&bauta, &second);
    bauta.signal(Signal::SIGHUP);
    soon("the new certificate is shown", || gets_in(&trusting(&second)));
    assert!(!gets_in(&trusting(&first)));
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    let server = Server::start();
    let bauta = Bauta::start(&server, "");
    let mut raw = Raw::connect(bauta.port, "ana");
    raw.send(&message::query("SELECT pg_sleep(0.3), 'answer'"));
    raw.stream().shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    raw.stream().read_to_end(&mut rest).unwrap();
    assert!(rest.windows(6).any(|w| w == b"answer"));
    nothing_left(&server);
}

/// A thousand logins and as many refusals leave memory and file descriptors
/// where they were.
#[test]
fn connects_and_disconnects_leave_memory_and_descriptors_where_they_were() {
    let server = Server::start();
    let bauta = Bauta::start(&server, "");
    let round = |logins: usize| {
        let threads: Vec<_> = (0..5)
            .map(|_| {
                let port = bauta.port;
                std::thread::spawn(move || {
                    for _ in 0..logins / 5 {
                        Raw::connect(port, "ana").send(&message::terminate());
                        let wrong = [("user", "ana"), ("database", "shop")];
                        assert!(Raw::connect_with(port, &wrong, "wrong").is_err());
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        nothing_left(&server);
    };
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", bauta.pid())).unwrap().count();
    round(200);
    soon("connections are closed", || descriptors() < 60);
    let (before, memory) = (descriptors(), resident_kb(bauta.pid()));
    round(1000);
    soon("connections are closed", || descriptors() <= before);
    let grown = resident_kb(bauta.pid()).saturating_sub(memory);
    assert!(grown < 4_000, "{grown} KB more after 1000 logins");
}

fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
