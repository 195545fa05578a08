//! TLS on both legs, with OpenSSL on the other side (psql, PostgreSQL), and a
//! man in the middle on each.
//!
//! Method: the front door alone (see `harness::door`). The man in the middle
//! has a certificate of his own and passes every byte on: without a check of
//! the certificate he is noticed only by SCRAM's channel binding.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Command;

use bauta::config::{
    Auth, CertificateLogin, ListenTls, ListenTlsMode, Secret, TlsVersion, Upstream, UpstreamAddress,
    UpstreamTls,
};
use bauta::net::Stream;
use bauta::net::tls::ServerTls;
use bauta::net::upstream::Connector;
use bauta::wire::startup::Opening;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::door::{config, listen_tls};
use crate::harness::{Authority, Certificate, Door, Raw, Server, message, password};

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A door with TLS.
fn door(server: &Server, certificate: &Certificate, mode: ListenTlsMode) -> Door {
    let mut config = config(server);
    config.listen.tls = Some(listen_tls(certificate, mode));
    Door::open(server, config)
}

/// psql with this connection string added; what it printed on both outputs.
fn psql(port: u16, more: &str) -> (bool, String) {
    let sql = "SELECT 'in as ' || current_user";
    let output = Command::new("psql")
        .args(["-X", "-A", "-t", "-c", sql, "-d"])
        .arg(format!("host=127.0.0.1 port={port} user=ana dbname=shop {more}"))
        .env("PGPASSWORD", password("ana"))
        .env("PGSSLROOTCERT", "/nonexistent")
        .output()
        .expect("psql");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

pub fn gets_in(port: u16, more: &str) {
    assert_eq!(psql(port, more), (true, "in as ana\n".to_owned()), "{more}");
}

pub fn is_refused(port: u16, more: &str, why: &str) {
    let (ok, text) = psql(port, more);
    assert!(!ok && text.contains(why), "{more}: {text}");
}

#[test]
fn clients_use_tls_and_bind_the_login_to_the_certificate() {
    let server = Server::shared();
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384] {
        let certificate = Certificate::self_signed("localhost", algorithm);
        let door = door(server, &certificate, ListenTlsMode::Prefer);
        gets_in(door.port, "sslmode=require channel_binding=require");
        gets_in(door.port, "sslmode=require channel_binding=disable");
        gets_in(door.port, "sslmode=disable");
    }
    let unbindable = Certificate::self_signed("localhost", &rcgen::PKCS_ED25519);
    let door = door(server, &unbindable, ListenTlsMode::Prefer);
    gets_in(door.port, "sslmode=require channel_binding=prefer");
}

/// A door that demands certificates of this authority for these logins.
fn certificate_door(server: &Server, authority: &Authority, logins: &[(&str, &[&str], String)]) -> Door {
    let mut config = config(server);
    let mut tls = listen_tls(&authority.sign("localhost"), ListenTlsMode::Prefer);
    tls.client_ca = Some(authority.file.clone());
    config.listen.tls = Some(tls);
    let login = |(login, names, password): &(&str, &[&str], String)| CertificateLogin {
        login: (*login).to_owned(),
        certificates: names.iter().map(|name| (*name).to_owned()).collect(),
        password: Secret::new(password.clone()),
    };
    config.auth = Auth::Cert(logins.iter().map(login).collect());
    Door::open(server, config)
}

pub fn shows(certificate: &Certificate) -> String {
    // libpq refuses a key that others may read.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&certificate.key, mode).unwrap();
    format!("sslmode=require sslcert={} sslkey={}", certificate.cert.display(), certificate.key.display())
}

#[test]
fn a_certificate_opens_its_own_login_and_no_other() {
    let server = Server::shared();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let logins: [(&str, &[&str], String); 3] = [
        ("ana", &["ana.example.com"], password("ana")),
        ("sam", &["sam.example.com"], "an old password".to_owned()),
        ("nobody", &["nobody.example.com"], "x".to_owned()),
    ];
    let port = certificate_door(server, &authority, &logins);
    let port = port.port;
    gets_in(port, &shows(&authority.sign("ana.example.com")));
    is_refused(port, "sslmode=require", "connection requires a valid client certificate");
    is_refused(port, "sslmode=disable", "connection requires a valid client certificate");
    for name in ["sam.example.com", "ana", "eve.example.com"] {
        let shown = shows(&authority.sign(name));
        is_refused(port, &shown, "certificate authentication failed for user \"ana\"");
    }
    // The handshake itself fails: psql's words differ by version.
    is_refused(port, &shows(&stranger.sign("ana.example.com")), "");
    is_refused(
        port,
        &shows(&Certificate::self_signed("ana.example.com", &rcgen::PKCS_ECDSA_P256_SHA256)),
        "",
    );
    let as_user = |user: &str, name: &str| format!("{} user={user}", shows(&authority.sign(name)));
    is_refused(port, &as_user("sam", "sam.example.com"), "could not log in to the server as \"sam\"");
    is_refused(port, &as_user("nobody", "nobody.example.com"), "SCRAM-SHA-256 password");
    is_refused(port, &as_user("bauta", "ana.example.com"), "service role");
}

#[test]
fn with_scram_a_certificate_is_looked_at_and_not_demanded() {
    let server = Server::shared();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let mut config = config(server);
    let mut tls = listen_tls(&authority.sign("localhost"), ListenTlsMode::Prefer);
    tls.client_ca = Some(authority.file.clone());
    config.listen.tls = Some(tls);
    let door = Door::open(server, config);
    gets_in(door.port, "sslmode=require");
    gets_in(door.port, &shows(&authority.sign("anybody.example.com")));
    is_refused(door.port, &shows(&stranger.sign("anybody.example.com")), "");
}

#[test]
fn older_versions_of_tls_than_configured_are_not_spoken() {
    let server = Server::shared();
    let mut config = config(server);
    let certificate = Certificate::self_signed("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
    let mut tls = listen_tls(&certificate, ListenTlsMode::Require);
    tls.min_version = TlsVersion::V1_3;
    config.listen.tls = Some(tls);
    let door = Door::open(server, config);
    gets_in(door.port, "sslmode=require");
    is_refused(door.port, "sslmode=require ssl_max_protocol_version=TLSv1.2", "");
    // The server's own certificate comes by TLS 1.2 alone, so bauta does not log in.
    let old = Server::start();
    old.enable_tls(&certificate);
    old.sql("postgres", "ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.2'; SELECT pg_reload_conf()");
    std::thread::sleep(std::time::Duration::from_millis(500));
    for (oldest, works) in [(TlsVersion::V1_2, true), (TlsVersion::V1_3, false)] {
        let mut config = self::config(&old);
        config.upstream.tls = UpstreamTls::Require;
        config.upstream.tls_min_version = oldest;
        let door = Door::open(&old, config);
        assert_eq!(psql(door.port, "sslmode=disable").0, works, "{oldest:?}");
    }
}

#[test]
fn a_client_that_checks_the_certificate_is_satisfied_and_a_wrong_name_is_not() {
    let server = Server::shared();
    let authority = Authority::new();
    let root = format!("sslrootcert={}", authority.file.display());
    let right = door(server, &authority.sign("127.0.0.1"), ListenTlsMode::Prefer);
    gets_in(right.port, &format!("sslmode=verify-full {root}"));
    let wrong = door(server, &authority.sign("elsewhere.example"), ListenTlsMode::Prefer);
    gets_in(wrong.port, &format!("sslmode=verify-ca {root}"));
    is_refused(wrong.port, &format!("sslmode=verify-full {root}"), "does not match");
}

#[test]
fn required_tls_refuses_plaintext_sessions() {
    let server = Server::shared();
    let certificate = Certificate::self_signed("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
    let door = door(server, &certificate, ListenTlsMode::Require);
    gets_in(door.port, "sslmode=prefer");
    is_refused(door.port, "sslmode=disable", "connections without TLS are refused");
}

/// CVE-2021-23214: what came in plaintext behind the SSLRequest must not
/// become the first message of the encrypted session.
#[test]
fn plaintext_behind_an_ssl_request_is_never_read_as_a_session() {
    let server = Server::shared();
    let certificate = Certificate::self_signed("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
    let with_tls = door(server, &certificate, ListenTlsMode::Prefer);
    let without = Door::open(server, config(server));
    let startup = message::startup(0x0003_0000, &[("user", "ana"), ("database", "shop")]);
    for port in [with_tls.port, without.port] {
        let mut raw = Raw::open(port);
        raw.send(&[&SSL_REQUEST[..], &startup].concat());
        let mut answer = Vec::new();
        let _ = raw.stream().read_to_end(&mut answer);
        assert_eq!(answer, b"", "the connection ends unanswered");
    }
    // The same bytes a moment later meet the TLS handshake, which fails.
    let mut raw = Raw::open(with_tls.port);
    raw.send(&SSL_REQUEST);
    let mut byte = [0];
    raw.stream().read_exact(&mut byte).unwrap();
    assert_eq!(byte, *b"S");
    raw.send(&startup);
    let mut answer = Vec::new();
    let _ = raw.stream().read_to_end(&mut answer);
    assert_ne!(answer.first(), Some(&b'R'), "no authentication request");
}

/// One TLS connection without an SSLRequest, by OpenSSL; what came back to a
/// startup message.
fn direct_tls(port: u16, alpn: &[&str]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}")])
        .args(alpn)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("openssl");
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(&message::startup(0x0003_0000, &[("user", "ana")]));
    let _ = stdin.flush();
    let mut answer = [0; 9];
    let got = child.stdout.as_mut().unwrap().read(&mut answer).unwrap_or(0);
    let _ = child.kill();
    let _ = child.wait();
    answer[..got].to_vec()
}

#[test]
fn direct_tls_needs_the_protocols_name_in_alpn() {
    let server = Server::shared();
    let certificate = Certificate::self_signed("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
    let with_tls = door(server, &certificate, ListenTlsMode::Require);
    assert_eq!(direct_tls(with_tls.port, &["-alpn", "postgresql"]).first(), Some(&b'R'));
    assert_eq!(direct_tls(with_tls.port, &[]), b"");
    assert_eq!(direct_tls(with_tls.port, &["-alpn", "http/1.1"]), b"");
    let without = Door::open(server, config(server));
    assert_eq!(direct_tls(without.port, &["-alpn", "postgresql"]), b"");
}

/// libpq 18: direct TLS, protocol 3.2 and cancelling over TLS.
#[test]
fn a_modern_driver_logs_in_directly_with_tls_and_cancels() {
    let server = Server::shared();
    let authority = Authority::new();
    let certificate = authority.sign("127.0.0.1");
    let door = door(server, &certificate, ListenTlsMode::Require);
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv =
        Command::new(manifest.join("scripts/driver-venv.sh")).output().expect("scripts/driver-venv.sh");
    assert!(venv.status.success(), "{}", String::from_utf8_lossy(&venv.stderr));
    let login = format!(
        "host=127.0.0.1 port={} user=ana password={} dbname=shop sslmode=verify-full sslrootcert={} \
         channel_binding=require",
        door.port,
        password("ana"),
        authority.file.display()
    );
    let output = Command::new(String::from_utf8(venv.stdout).unwrap().trim())
        .arg(manifest.join("tests/driver/psycopg_tls.py"))
        .arg(login)
        .output()
        .expect("python");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let newest = if server.major() >= 18 { "30002" } else { "30000" };
    assert_eq!(
        stdout,
        format!("direct ana\nlatest protocol {newest}\ncancelled\na wrong key cancels nothing\n")
    );
}

/// Whether the session through a door with this upstream is encrypted
/// upstream; None where the login fails with 08001.
fn encrypted_upstream(server: &Server, host: &str, tls: UpstreamTls, ca: Option<&Path>) -> Option<bool> {
    let mut config = config(server);
    config.upstream.tls = tls;
    config.upstream.ca = ca.map(Path::to_owned);
    config.upstream.addresses = vec![UpstreamAddress::Tcp { host: host.into(), port: server.port() }];
    let door = Door::open(server, config);
    match Raw::connect_with(door.port, &[("user", "ana"), ("database", "shop")], &password("ana")) {
        Ok(mut raw) => {
            let rows = raw.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
            Some(rows[1].columns()[0] == Some(b"t".to_vec()))
        }
        Err(error) => {
            assert_eq!(error.field(b'C').as_deref(), Some("08001"), "{error:?}");
            None
        }
    }
}

#[test]
fn upstream_modes_demand_what_libpqs_names_say() {
    use UpstreamTls::{Disable, Prefer, Require, VerifyCa, VerifyFull};
    let authority = Authority::new();
    let other = Authority::new();
    let ca = Some(authority.file.as_path());
    let server = Server::start();
    let mode = |tls, ca| encrypted_upstream(&server, "127.0.0.1", tls, ca);
    assert_eq!(
        [mode(Disable, None), mode(Prefer, None), mode(Require, None)],
        [Some(false), Some(false), None]
    );
    assert_eq!([mode(VerifyCa, ca), mode(VerifyFull, ca)], [None, None], "a server without TLS");

    server.enable_tls(&authority.sign("127.0.0.1"));
    assert_eq!(
        [mode(Disable, None), mode(Prefer, None), mode(Require, None)],
        [Some(false), Some(true), Some(true)]
    );
    assert_eq!([mode(Require, ca), mode(VerifyCa, ca), mode(VerifyFull, ca)], [Some(true); 3]);
    let stranger = Some(other.file.as_path());
    assert_eq!([mode(Require, stranger), mode(VerifyCa, stranger), mode(VerifyFull, stranger)], [None; 3]);
    let by_name = |tls| encrypted_upstream(&server, "localhost", tls, ca);
    assert_eq!(
        [by_name(VerifyCa), by_name(VerifyFull)],
        [Some(true), None],
        "the certificate is for 127.0.0.1"
    );
}

#[test]
fn a_self_signed_server_certificate_can_be_its_own_authority() {
    let server = Server::start();
    let certificate = Certificate::self_signed_authority("127.0.0.1");
    server.enable_tls(&certificate);
    let trusts =
        |host, ca: &Certificate| encrypted_upstream(&server, host, UpstreamTls::VerifyFull, Some(&ca.cert));
    assert_eq!(trusts("127.0.0.1", &certificate), Some(true));
    assert_eq!(trusts("localhost", &certificate), None, "the name counts all the same");
    assert_eq!(trusts("127.0.0.1", &Certificate::self_signed_authority("127.0.0.1")), None);
}

/// Sits between a client and `target`, ends TLS on both sides and passes all
/// bytes on; `strip` takes SCRAM-SHA-256-PLUS out of the server's offer.
fn man_in_the_middle(target: u16, strip: bool) -> u16 {
    let own = Certificate::self_signed("127.0.0.1", &rcgen::PKCS_ECDSA_P256_SHA256);
    let (sender, port) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let tls = ServerTls::load(&ListenTls {
                mode: ListenTlsMode::Prefer,
                cert: own.cert,
                key: own.key,
                client_ca: None,
                min_version: TlsVersion::V1_2,
            })
            .unwrap();
            let upstream = Upstream {
                addresses: vec![UpstreamAddress::Tcp { host: "127.0.0.1".into(), port: target }],
                wanted: bauta::config::SessionAttrs::Any,
                tls: UpstreamTls::Require,
                tls_min_version: TlsVersion::V1_2,
                ca: None,
                service_user: String::new(),
                service_password: None,
                catalog_poll: std::time::Duration::ZERO,
            };
            let connector = Connector::new(&upstream, std::time::Duration::from_secs(5)).unwrap();
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            sender.send(listener.local_addr().unwrap().port()).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let _ = intercept(Stream::tcp(socket).unwrap(), &tls, &connector, strip).await;
            }
        });
    });
    port.recv().unwrap()
}

async fn intercept(
    mut client: Stream,
    tls: &ServerTls,
    connector: &Connector,
    strip: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    client.fill().await?;
    assert_eq!(Opening::cut(&mut client.input)?, Some(Opening::Ssl));
    client.queue(b"S");
    client.flush().await?;
    let mut client = tls.accept(client, false).await?;
    let mut server = connector.connect().await?;
    if strip {
        let mut startup = vec![0; 4096];
        let length = client.read(&mut startup).await?;
        server.write_all(&startup[..length]).await?;
        AsyncWriteExt::flush(&mut server).await?;
        let mut offer = vec![0; 4096];
        let length = server.read(&mut offer).await?;
        assert!(offer[..length].windows(18).any(|w| w == b"SCRAM-SHA-256-PLUS"));
        client.write_all(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0").await?;
        AsyncWriteExt::flush(&mut client).await?;
    }
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

#[test]
fn a_man_in_the_middle_before_bauta_is_noticed_by_the_login() {
    let server = Server::shared();
    let certificate = Certificate::self_signed("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
    let door = door(server, &certificate, ListenTlsMode::Require);
    let open = "sslmode=require channel_binding=disable";
    gets_in(man_in_the_middle(door.port, false), open);
    let bound = "sslmode=require channel_binding=prefer";
    is_refused(man_in_the_middle(door.port, false), bound, "SCRAM channel binding check failed");
    is_refused(man_in_the_middle(door.port, true), bound, "SCRAM channel binding negotiation error");
}

#[test]
fn a_man_in_the_middle_behind_bauta_is_noticed_by_the_login() {
    let server = Server::start();
    server.enable_tls(&Certificate::self_signed("localhost", &rcgen::PKCS_ECDSA_P256_SHA256));
    for strip in [false, true] {
        let mut config = config(&server);
        config.upstream.tls = UpstreamTls::Require;
        config.upstream.addresses = vec![UpstreamAddress::Tcp {
            host: "127.0.0.1".into(),
            port: man_in_the_middle(server.port(), strip),
        }];
        let door = Door::open(&server, config);
        let refused =
            Raw::connect_with(door.port, &[("user", "ana"), ("database", "shop")], &password("ana"));
        let message = refused.err().expect("refused").field(b'M').unwrap();
        assert!(message.contains("SCRAM channel binding"), "{message}");
    }
}

#[test]
fn tls_handshakes_that_stop_at_any_byte_end_and_leave_nothing_behind() {
    let server = Server::shared();
    let certificate = Certificate::self_signed("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
    let mut config = config(server);
    config.limits.startup_timeout = std::time::Duration::from_secs(1);
    config.listen.tls = Some(listen_tls(&certificate, ListenTlsMode::Prefer));
    let door = Door::open(server, config);
    let hello = [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, 7, 7, 7];
    let mut waiting = Vec::new();
    for end in 1..=hello.len() {
        let mut raw = Raw::open(door.port);
        raw.send(&hello[..end]);
        if end % 2 == 0 {
            let _ = raw.stream().shutdown(Shutdown::Both);
        } else {
            waiting.push(raw);
        }
    }
    for raw in waiting {
        let mut rest = Vec::new();
        let mut stream: &TcpStream = raw.stream();
        let _ = stream.read_to_end(&mut rest);
    }
    gets_in(door.port, "sslmode=require");
}
