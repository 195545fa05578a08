//! Goal: certificates, keys and authorities are renewed without a restart:
//! whoever connects next meets the new ones, who is connected notices nothing,
//! and files that can't be used leave everything as it was. Method: the real
//! program with throwaway authorities; psql, which checks what it is shown.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use bauta::demo::cluster::free_port;
use nix::sys::signal::Signal;

use crate::harness::{Authority, Bauta, Certificate, Output, Raw, Server, password};
use crate::tls::{gets_in, is_refused, shows};

const TLS: &str = r#"
    [listen.tls]
    mode = "require"
    cert = "server.crt"
    key = "server.key"
    client_ca = "clients.crt"
"#;

fn install(bauta: &Bauta, certificate: &Certificate) {
    std::fs::copy(&certificate.cert, bauta.directory.join("server.crt")).unwrap();
    std::fs::copy(&certificate.key, bauta.directory.join("server.key")).unwrap();
}

fn trust(bauta: &Bauta, authority: &Authority) {
    std::fs::copy(&authority.file, bauta.directory.join("clients.crt")).unwrap();
}

fn checks(authority: &Authority) -> String {
    format!("sslmode=verify-full sslrootcert={}", authority.file.display())
}

/// A psql that stays.
struct Session {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Session {
    fn open(port: u16, authority: &Authority) -> Self {
        let mut child = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", "-d"])
            .arg(format!("host=127.0.0.1 port={port} user=ana dbname=shop {}", checks(authority)))
            .env("PGPASSWORD", password("ana"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql");
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, stdin, stdout: BufReader::new(stdout) }
    }

    fn says(&mut self, word: &str) {
        writeln!(self.stdin, "SELECT '{word}';").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), word);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn a_new_certificate_and_authority_count_from_the_next_connection_on() {
    let server = Server::start();
    let (old, new) = (Authority::new(), Authority::new());
    let mut bauta = Bauta::prepare(&server, TLS);
    install(&bauta, &old.sign("127.0.0.1"));
    trust(&bauta, &old);
    bauta.serve();
    let by = |authority: &Authority| format!("{} {}", checks(&new), shows(&authority.sign("somebody")));
    let mut session = Session::open(bauta.port, &old);
    session.says("before");

    install(&bauta, &new.sign("127.0.0.1"));
    trust(&bauta, &new);
    bauta.cli_ok(&["reload"]);
    gets_in(bauta.port, &checks(&new));
    is_refused(bauta.port, &checks(&old), "SSL error");
    gets_in(bauta.port, &by(&new));
    is_refused(bauta.port, &by(&old), "");
    session.says("after");

    // The same on SIGHUP, which answers nobody.
    install(&bauta, &old.sign("127.0.0.1"));
    bauta.signal(Signal::SIGHUP);
    until("the old certificate is back", || bauta.log().matches("configuration reloaded").count() == 2);
    gets_in(bauta.port, &checks(&old));
    session.says("and ever");
}

#[test]
fn files_that_cannot_be_used_leave_everything_as_it_was() {
    let server = Server::start();
    let authority = Authority::new();
    let mut bauta = Bauta::prepare(&server, TLS);
    let good = authority.sign("127.0.0.1");
    install(&bauta, &good);
    trust(&bauta, &authority);
    bauta.serve();
    let mut session = Session::open(bauta.port, &authority);
    session.says("before");
    // What else is new in the file must not count either.
    bauta
        .write_config(&format!("{TLS}[[protect]]\ncolumn = \"public.customers.email\"\nmethod = \"redact\""));
    let put = |name: &str, text: &str| std::fs::write(bauta.directory.join(name), text).unwrap();
    let broken: [(&str, &str, &str); 4] = [
        ("server.crt", "-----BEGIN CERTIFICATE-----\nnothing\n", "server.crt"),
        ("server.crt", "", "holds no certificate"),
        ("server.key", &authority.sign("127.0.0.1").key_pem(), "server.key"),
        ("clients.crt", "no certificate\n", "clients.crt"),
    ];
    for (file, text, said) in broken {
        let sound = std::fs::read_to_string(bauta.directory.join(file)).unwrap();
        put(file, text);
        let failed = bauta.cli(&["reload"]);
        assert!(failed.code == Some(1) && failed.stderr.contains(said), "{file}: {failed:?}");
        gets_in(bauta.port, &checks(&authority));
        put(file, &sound);
    }
    put("server.key", "");
    bauta.signal(Signal::SIGHUP);
    until("SIGHUP says why", || bauta.log().contains("the configuration was not reloaded: TLS: "));
    gets_in(bauta.port, &checks(&authority));
    session.says("after");
    assert!(!bauta.cli_ok(&["status"]).contains("1 protected columns"));
    put("server.key", &good.key_pem());
    bauta.cli_ok(&["reload"]);
    session.says("and ever");
}

#[test]
fn the_control_address_takes_new_certificates_too() {
    let server = Server::start();
    let (old, new) = (Authority::new(), Authority::new());
    let port = free_port().unwrap();
    let config = format!(
        "[control]\naddress = \"127.0.0.1:{port}\"\n[control.tls]\ncert = \"server.crt\"\nkey = \"server.key\"\n\
         client_ca = \"clients.crt\"\n[[admin]]\ncertificate = \"boss\"\nlogin = \"boss\""
    );
    let mut bauta = Bauta::prepare(&server, &config);
    install(&bauta, &old.sign("127.0.0.1"));
    trust(&bauta, &old);
    bauta.serve();
    Raw::connect(bauta.port, "ana");
    let status = |authority: &Authority| -> Output {
        let boss = authority.sign("boss");
        let path = |path: &Path| path.display().to_string();
        let (ca, cert, key) = (path(&authority.file), path(&boss.cert), path(&boss.key));
        let url = format!("https://127.0.0.1:{port}");
        bauta.cli(&["status", "--url", &url, "--ca", &ca, "--cert", &cert, "--key", &key])
    };
    assert_eq!((status(&old).code, status(&new).code), (Some(0), Some(1)));
    install(&bauta, &new.sign("127.0.0.1"));
    trust(&bauta, &new);
    bauta.cli_ok(&["reload"]);
    assert_eq!((status(&old).code, status(&new).code), (Some(1), Some(0)));
    std::fs::write(bauta.directory.join("server.key"), "").unwrap();
    let failed = bauta.cli(&["reload"]);
    assert!(failed.code == Some(1) && failed.stderr.contains("control.tls: "), "{failed:?}");
    assert_eq!(status(&new).code, Some(0));
}
