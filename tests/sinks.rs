//! Goal: the records of the audit log reach every kind of sink, each of them,
//! in order, also when the sink was down or slow, the proxy restarted, the file
//! rotated or the configuration reloaded, and no sink delays a statement.
//! Method: receivers of the test's own, which speak as the real ones do, and a
//! real table.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::harness::{Authority, Bauta, Server, password, psql};

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn soon(what: &str, mut check: impl FnMut() -> bool) {
    let started = Instant::now();
    while !check() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Records that a receiver got.
#[derive(Clone, Default)]
struct Inbox(Arc<Mutex<Vec<Value>>>);

impl Inbox {
    fn put(&self, record: &str) {
        let record = serde_json::from_str(record).unwrap_or_else(|e| panic!("{e}: {record}"));
        self.0.lock().push(record);
    }

    fn seqs(&self) -> Vec<u64> {
        self.0.lock().iter().map(|record| record["seq"].as_u64().unwrap()).collect()
    }

    /// Everything that the log has at this moment comes, the first time in order.
    fn has_all(&self, bauta: &Bauta) {
        let newest = bauta.cli_ok(&["audit", "head"]);
        let newest: u64 = newest.split(':').next().unwrap().parse().unwrap();
        soon("the newest record does not come", || self.seqs().contains(&newest));
        let mut first_times = Vec::new();
        for seq in self.seqs() {
            if first_times.last().is_none_or(|last| seq > *last) {
                first_times.push(seq);
            }
        }
        assert!(first_times.len() as u64 >= newest, "{first_times:?}");
        assert!(
            first_times.iter().copied().take(usize::try_from(newest).unwrap()).eq(1..=newest),
            "{first_times:?}"
        );
    }
}

/// An RFC 5424 message taken apart: PRI, APP-NAME, MSGID, MSG.
fn parts(message: &str) -> (u32, String, String, String) {
    let (pri, rest) = message.strip_prefix('<').unwrap().split_once('>').unwrap();
    let fields: Vec<&str> = rest.splitn(8, ' ').collect();
    assert_eq!(fields[0], "1", "{message}");
    fields[1].parse::<jiff::Timestamp>().unwrap();
    assert_eq!(fields[6], "-", "no structured data");
    (pri.parse().unwrap(), fields[3].to_owned(), fields[5].to_owned(), fields[7].to_owned())
}

fn take_message(inbox: &Inbox, message: &str, facility: u32) {
    let (pri, app, event, record) = parts(message);
    assert_eq!((pri / 8, app.as_str()), (facility, "bauta"));
    let parsed: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(parsed["event"], event.as_str());
    assert_eq!(pri % 8, if parsed["refused"] == true { 4 } else { 6 }, "{record}");
    inbox.put(&record);
}

fn work(bauta: &Bauta) {
    psql("ana", bauta.port, "SELECT email FROM customers ORDER BY id LIMIT 2");
    psql("ana", bauta.port, "SELECT 1 FROM customers WHERE email LIKE 'x%'");
}

const POLICY: &str = r#"
    [[protect]]
    column = "public.customers.email"
    method = "email"
"#;

/// As a collector or webhook: answers each POST with `status`.
fn http(inbox: Inbox, status: Arc<Mutex<&'static str>>, heads: Arc<Mutex<String>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (inbox, status, heads) = (inbox.clone(), status.clone(), heads.clone());
            std::thread::spawn(move || while answer(&stream, &inbox, &status, &heads).is_some() {});
        }
    });
    port
}

fn answer(
    stream: &TcpStream,
    inbox: &Inbox,
    status: &Mutex<&'static str>,
    heads: &Mutex<String>,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    *heads.lock() = head;
    let status = *status.lock();
    if status.starts_with("200") {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let resource = &body["resourceLogs"][0];
        assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "bauta");
        for record in resource["scopeLogs"][0]["logRecords"].as_array().unwrap() {
            let text = record["body"]["stringValue"].as_str().unwrap();
            let parsed: Value = serde_json::from_str(text).unwrap();
            assert_eq!(record["eventName"], parsed["event"]);
            let at: jiff::Timestamp = parsed["at"].as_str().unwrap().parse().unwrap();
            assert_eq!(record["timeUnixNano"].as_str().unwrap(), at.as_nanosecond().to_string());
            assert_eq!(record["attributes"][0]["value"]["intValue"], parsed["seq"].to_string());
            inbox.put(text);
        }
    }
    let mut out = stream;
    write!(out, "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}").ok()
}

#[test]
fn every_kind_of_sink_gets_every_record_in_order() {
    let server = Server::start();
    server.sql(
        "postgres",
        &format!("CREATE DATABASE logs; CREATE ROLE writer LOGIN PASSWORD '{}'", password("writer")),
    );
    let documented = include_str!("../docs/OPERATIONS.md");
    let (_, table) = documented.split_once("CREATE TABLE audit.records").expect("the table's definition");
    let (table, _) = table.split_once("```").unwrap();
    server.sql("logs", &format!("CREATE SCHEMA audit; CREATE TABLE audit.records{table}"));
    let directory = tempfile::tempdir().unwrap();
    let (udp, unix, tcp, otlp) = (Inbox::default(), Inbox::default(), Inbox::default(), Inbox::default());
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp_port = datagrams.local_addr().unwrap().port();
    let inbox = udp.clone();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 70_000];
        while let Ok(n) = datagrams.recv(&mut buffer) {
            take_message(&inbox, std::str::from_utf8(&buffer[..n]).unwrap(), 10);
        }
    });
    let device = directory.path().join("log");
    let socket = UnixDatagram::bind(&device).unwrap();
    let inbox = unix.clone();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 70_000];
        while let Ok(n) = socket.recv(&mut buffer) {
            take_message(&inbox, std::str::from_utf8(&buffer[..n]).unwrap(), 13);
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp_port = listener.local_addr().unwrap().port();
    let inbox = tcp.clone();
    std::thread::spawn(move || counted(&listener, &inbox));
    let heads = Arc::<Mutex<String>>::default();
    let http_port = http(otlp.clone(), Arc::new(Mutex::new("200 OK")), heads.clone());
    std::fs::write(directory.path().join("headers"), "Authorization=Bearer let-me-in").unwrap();
    let here = directory.path().display();
    let bauta = Bauta::start(
        &server,
        &format!(
            r#"
            [audit]
            rotate = "4kB"
            [[audit.sink]]
            kind = "stdout"
            [[audit.sink]]
            kind = "syslog"
            name = "udp"
            address = "udp://127.0.0.1:{udp_port}"
            [[audit.sink]]
            kind = "syslog"
            name = "unix"
            address = "unix://{here}/log"
            facility = "audit"
            [[audit.sink]]
            kind = "syslog"
            name = "tcp"
            address = "tcp://127.0.0.1:{tcp_port}"
            [[audit.sink]]
            kind = "postgres"
            address = "127.0.0.1:{}"
            user = "writer"
            password = "{}"
            database = "logs"
            table = "audit.records"
            [[audit.sink]]
            kind = "otlp"
            endpoint = "http://127.0.0.1:{http_port}/v1/logs"
            headers = {{ file = "{here}/headers" }}
            {POLICY}"#,
            server.port(),
            password("writer"),
        ),
    );
    for _ in 0..5 {
        work(&bauta);
    }
    for inbox in [&udp, &unix, &tcp, &otlp] {
        inbox.has_all(&bauta);
    }
    let heads = heads.lock().to_lowercase();
    assert!(
        heads.starts_with("post /v1/logs ") && heads.contains("authorization: bearer let-me-in"),
        "{heads}"
    );
    let newest = bauta.cli_ok(&["audit", "head"]);
    let newest = newest.split(':').next().unwrap();
    let rows =
        || server.sql("logs", "SELECT count(*), min(seq), max(seq) FROM audit.records").trim().to_owned();
    soon("not all are in the table", || rows() == format!("{newest}|1|{newest}"));
    // As they stand in the log, byte for byte: what an auditor verifies.
    let lines = server.sql("logs", "SELECT record FROM audit.records ORDER BY seq");
    std::fs::write(directory.path().join("from-the-table"), lines).unwrap();
    bauta.cli_ok(&["audit", "verify", directory.path().join("from-the-table").to_str().unwrap()]);
    assert_eq!(
        server.sql("logs", "SELECT DISTINCT login FROM audit.records WHERE event = 'statement.start'").trim(),
        "ana"
    );
    soon("not all are on standard output", || {
        bauta.log().lines().filter(|line| line.starts_with("{\"seq\":")).count()
            == newest.parse::<usize>().unwrap()
    });
    let status: Value = serde_json::from_str(&bauta.cli_ok(&["status", "--json"])).unwrap();
    let sinks = status["sinks"].as_array().unwrap();
    assert_eq!(sinks.len(), 6);
    assert!(sinks.iter().all(|sink| sink["lag"] == 0 && sink["problem"].is_null()), "{sinks:?}");
}

/// Syslog over TCP, octet counting.
fn counted(listener: &TcpListener, inbox: &Inbox) {
    for stream in listener.incoming().flatten() {
        take_counted(stream, inbox);
    }
}

fn take_counted(stream: impl std::io::Read, inbox: &Inbox) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = Vec::new();
        if reader.read_until(b' ', &mut length).unwrap_or(0) == 0 {
            return;
        }
        let length: usize = std::str::from_utf8(&length).unwrap().trim().parse().unwrap();
        let mut message = vec![0; length];
        if reader.read_exact(&mut message).is_err() {
            return;
        }
        take_message(inbox, std::str::from_utf8(&message).unwrap(), 10);
    }
}

/// The same behind TLS, for those who show a certificate of `authority`.
fn counted_tls(authority: &Authority, inbox: Inbox) -> u16 {
    let own = authority.sign("127.0.0.1");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&authority.file).unwrap()).unwrap();
    let provider = || Arc::new(ring::default_provider());
    let callers = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(callers)
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&own.cert).unwrap()],
            PrivateKeyDer::from_pem_file(&own.key).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(config.clone()).unwrap();
            let inbox = inbox.clone();
            std::thread::spawn(move || take_counted(StreamOwned::new(session, stream), &inbox));
        }
    });
    port
}

#[test]
fn syslog_over_tls_goes_to_the_daemon_that_its_certificate_names_and_to_no_other() {
    let server = Server::start();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (inbox, others) = (Inbox::default(), Inbox::default());
    let (port, other) = (counted_tls(&authority, inbox.clone()), counted_tls(&stranger, others.clone()));
    let shown = authority.sign("bauta");
    let sink = |name: &str, host: &str, port: u16| {
        format!(
            "[[audit.sink]]\nkind = \"syslog\"\nname = \"{name}\"\naddress = \"tls://{host}:{port}\"\n\
             ca = {:?}\ncert = {:?}\nkey = {:?}\n",
            authority.file, shown.cert, shown.key
        )
    };
    let config = format!(
        "{}{}{}{POLICY}",
        sink("siem", "127.0.0.1", port),
        sink("stranger", "127.0.0.1", other),
        sink("name", "localhost", port)
    );
    let bauta = Bauta::start(&server, &config);
    work(&bauta);
    inbox.has_all(&bauta);
    let problem = |name: &str| {
        let status: Value = serde_json::from_str(&bauta.cli_ok(&["status", "--json"])).unwrap();
        let sinks = status["sinks"].as_array().unwrap();
        sinks.iter().find(|sink| sink["name"] == name).unwrap()["problem"].as_str().map(str::to_owned)
    };
    for name in ["stranger", "name"] {
        soon(name, || problem(name).is_some_and(|why| why.contains("certificate")));
    }
    assert!(problem("siem").is_none());
    assert_eq!(others.seqs(), Vec::<u64>::new());
    // Without TLS there is nothing to check.
    bauta.write_config(&format!("{}{POLICY}", sink("siem", "127.0.0.1", port).replace("tls://", "tcp://")));
    let failed = bauta.cli(&["reload"]);
    assert!(failed.code == Some(1) && failed.stderr.contains("tls://"), "{failed:?}");
}

#[test]
fn a_sink_that_is_down_delays_nothing_and_gets_all_when_it_is_back() {
    let server = Server::start();
    let inbox = Inbox::default();
    let status = Arc::new(Mutex::new("503 Service Unavailable"));
    let port = http(inbox.clone(), status.clone(), Arc::default());
    let secret = "s3cret-path";
    let config = format!(
        "[audit]\nrotate = \"4kB\"\n[[audit.sink]]\nkind = \"otlp\"\nname = \"collector\"\n\
         endpoint = \"http://127.0.0.1:{port}/{secret}\"\n{POLICY}"
    );
    let mut bauta = Bauta::start(&server, &config);
    for _ in 0..5 {
        work(&bauta);
    }
    soon("nobody hears of it", || {
        let status: Value = serde_json::from_str(&bauta.cli_ok(&["status", "--json"])).unwrap();
        let said = status["problems"][0].as_str().unwrap_or_default().to_owned();
        said.contains("collector") && said.contains("503") && status["sinks"][0]["lag"].as_u64() > Some(10)
    });
    assert!(!bauta.log().contains(secret), "{}", bauta.log());
    // It never was up, and the proxy ends and starts again.
    bauta.stop();
    bauta.serve();
    work(&bauta);
    assert_eq!(inbox.seqs(), Vec::<u64>::new());
    *status.lock() = "200 OK";
    inbox.has_all(&bauta);
    // What was taken is not sent again.
    let taken = inbox.seqs().len();
    bauta.stop();
    bauta.serve();
    work(&bauta);
    inbox.has_all(&bauta);
    let newest = inbox.seqs().last().copied().unwrap();
    assert_eq!(inbox.seqs().len() as u64, newest, "each came once; {taken} before the restart");
}

#[test]
fn a_sink_that_never_answers_delays_neither_statements_nor_the_end() {
    let server = Server::start();
    // Accepts, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let config = format!(
        "[[audit.sink]]\nkind = \"otlp\"\nendpoint = \"http://127.0.0.1:{port}/v1/logs\"\n\
         [[audit.sink]]\nkind = \"syslog\"\naddress = \"tcp://127.0.0.1:{port}\"\n{POLICY}"
    );
    let mut bauta = Bauta::start(&server, &config);
    for _ in 0..5 {
        work(&bauta);
    }
    assert_eq!(psql("ana", bauta.port, "SELECT 1").out(), "1");
    assert_eq!(bauta.stop(), Some(0));
}

#[test]
fn a_reload_takes_new_sinks_and_they_go_on_where_the_old_ones_were() {
    let server = Server::start();
    let (first, second) = (Inbox::default(), Inbox::default());
    let open = |inbox: &Inbox| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inbox = inbox.clone();
        std::thread::spawn(move || counted(&listener, &inbox));
        port
    };
    let (from, to) = (open(&first), open(&second));
    let config = |port| {
        format!(
            "[[audit.sink]]\nkind = \"syslog\"\nname = \"siem\"\naddress = \"tcp://127.0.0.1:{port}\"\n{POLICY}"
        )
    };
    let bauta = Bauta::start(&server, &config(from));
    work(&bauta);
    first.has_all(&bauta);
    bauta.write_config(&config(to));
    bauta.cli_ok(&["reload"]);
    work(&bauta);
    soon("the new one gets nothing", || second.seqs().len() > 5);
    // What came last before the reload may have come after the log was read.
    let taken = first.seqs().last().copied().unwrap();
    assert_eq!(second.seqs()[0], taken + 1, "where the old one was");
    // With a fault, the old one stays.
    bauta.write_config(&format!("[[audit.sink]]\nkind = \"syslog\"\naddress = \"1.2.3.4\"\n{POLICY}"));
    assert_eq!(bauta.cli(&["reload"]).code, Some(1));
    let before = second.seqs().len();
    work(&bauta);
    soon("the old one gets nothing", || second.seqs().len() > before);
}
