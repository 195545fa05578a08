//! Goal: approvers elsewhere come in by certificate alone, are who `[[admin]]`
//! says, and may no more than their roles allow. Method: the real program with
//! throwaway authorities and certificates, called by its own command line and
//! by bare TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use serde_json::Value;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use bauta::demo::cluster::free_port;

use crate::harness::{Authority, Bauta, Certificate, Output, Raw, Server};

struct Bench {
    _server: Server,
    bauta: Bauta,
    authority: Authority,
    port: u16,
}

impl Bench {
    fn new() -> Self {
        let server = Server::start();
        let authority = Authority::new();
        let own = authority.sign("127.0.0.1");
        let port = free_port().expect("free port");
        let me = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
        let policy = format!(
            r#"
            admin = [
                {{ os_user = "{me}", login = "root" }},
                {{ certificate = "sam", login = "sam", rights = "approve" }},
                {{ certificate = "kim", login = "kim", rights = "approve" }},
                {{ certificate = "boss", login = "boss" }},
            ]
            [control]
            address = "127.0.0.1:{port}"
            [control.tls]
            cert = {:?}
            key = {:?}
            client_ca = {:?}
            [[protect]]
            column = "public.customers.email"
            method = "email"
            tags = ["pii"]
            [[role]]
            name = "analyst"
            members = ["ana", "sam"]
            request = ["tag:pii"]
            [[role]]
            name = "security"
            members = ["sam"]
            approve = ["tag:pii"]
            "#,
            own.cert, own.key, authority.file,
        );
        let bauta = Bauta::start(&server, &policy);
        // The policy meets the catalog with the first session.
        Raw::connect(bauta.port, "ana").query("SELECT 1");
        Self { _server: server, bauta, authority, port }
    }

    fn call(&self, who: &Certificate, arguments: &[&str]) -> Output {
        let (url, ca) =
            (format!("https://127.0.0.1:{}", self.port), self.authority.file.display().to_string());
        let (cert, key) = (who.cert.display().to_string(), who.key.display().to_string());
        let place = ["--url", &url, "--ca", &ca, "--cert", &cert, "--key", &key];
        self.bauta.cli(&[arguments, &place].concat())
    }

    fn refused(&self, who: &Certificate, arguments: &[&str], why: &str) {
        let output = self.call(who, arguments);
        assert_eq!(output.code, Some(1), "{arguments:?}: {}", output.stdout);
        assert!(output.stderr.contains(why), "{arguments:?}: {}", output.stderr);
    }

    fn done(&self, who: &Certificate, arguments: &[&str]) -> String {
        let output = self.call(who, arguments);
        assert_eq!(output.code, Some(0), "{arguments:?}: {}", output.stderr);
        output.stdout
    }

    fn asked(&self) -> String {
        let ask = "SELECT id FROM bauta.request('public.customers.email', '5m', 'INC-4711')";
        let frames = Raw::connect(self.bauta.port, "ana").query(ask);
        let row = frames.iter().find(|f| f.tag == b'D').unwrap_or_else(|| panic!("{frames:?}"));
        String::from_utf8(row.columns()[0].clone().unwrap()).unwrap()
    }
}

const ASK: [&str; 7] = ["request", "--column", "public.customers.email", "--for", "5m", "--reason", "r"];

#[test]
fn an_approver_elsewhere_decides_by_role_and_nothing_else() {
    let bench = Bench::new();
    let [sam, kim, boss] = ["sam", "kim", "boss"].map(|name| bench.authority.sign(name));
    let id = bench.asked();
    // No role of his approves it.
    bench.refused(&kim, &["approve", &id], "may not decide");
    bench.done(&sam, &["approve", &id, "--for", "4m"]);
    let grants = bench.done(&sam, &["grants", "--json"]);
    let grant: Value = serde_json::from_str(&grants).unwrap();
    assert_eq!(grant["approved_by"], "cert:sam");
    assert!(bench.bauta.audit().iter().any(|r| r["event"] == "request.approved" && r["by"] == "cert:sam"));
    // Himself he does not approve.
    let own: Value = serde_json::from_str(&bench.done(&sam, &[&ASK[..], &["--json"]].concat())).unwrap();
    assert_eq!((own["user"].as_str(), own["requested_by"].as_str()), (Some("sam"), Some("sam")));
    bench.refused(&sam, &["approve", &own["id"].to_string()], "the person who made it");
    // Nor anything that takes an administrator.
    let give = ["grant", "ana", "--column", "public.customers.email", "--for", "5m", "--reason", "r"];
    let session = Raw::connect(bench.bauta.port, "ana");
    let sessions = bench.done(&sam, &["sessions", "--json"]);
    let listed: Value = serde_json::from_str(sessions.lines().next().unwrap()).unwrap();
    bench.refused(&sam, &give, "may not grant");
    bench.refused(&sam, &["revoke", &grant["id"].to_string()], "may not revoke");
    bench.refused(&sam, &["kill", &listed["id"].to_string()], "may not end sessions");
    bench.refused(&sam, &["reload"], "may not reload");
    bench.refused(&sam, &["explain", "-d", "shop", "-U", "ana", "SELECT 1"], "may not explain");
    let lead = ["token", "resolve", "--column", "public.customers.email", "tok_x"];
    bench.refused(&sam, &lead, "may not lead tokens back");
    drop(session);
    for arguments in [&give[..], &["revoke", &grant["id"].to_string()], &["reload"]] {
        bench.done(&boss, arguments);
    }
}

#[test]
fn who_shows_no_certificate_of_the_authority_has_no_connection() {
    let bench = Bench::new();
    let stranger = Authority::new().sign("sam");
    let expired = bench.authority.sign_expired("sam");
    for certificate in [&stranger, &expired, &Certificate::self_signed("sam", &rcgen::PKCS_ECDSA_P256_SHA256)]
    {
        let output = bench.call(certificate, &["requests"]);
        assert_eq!(output.code, Some(1));
        assert!(!output.stderr.contains("may not"), "it was answered: {}", output.stderr);
    }
    // A certificate of the authority that nobody is mapped to.
    bench.refused(&bench.authority.sign("eve"), &["requests"], "cert:eve may not use");
    assert_eq!(answer_to_nobody(&bench, None), "");
    assert_eq!(answer_to_nobody(&bench, Some(&bench.authority)), "");
    // The caller checks the proxy's certificate too.
    let sam = bench.authority.sign("sam");
    let other = Authority::new();
    let (url, ca) = (format!("https://127.0.0.1:{}", bench.port), other.file.display().to_string());
    let (cert, key) = (sam.cert.display().to_string(), sam.key.display().to_string());
    let output = bench.bauta.cli(&["requests", "--url", &url, "--ca", &ca, "--cert", &cert, "--key", &key]);
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    bench.done(&sam, &["requests"]);
}

/// What somebody without a certificate reads; `authority`: over TLS.
fn answer_to_nobody(bench: &Bench, authority: Option<&Authority>) -> String {
    let request = b"GET /v1/requests HTTP/1.1\r\nhost: bauta\r\nconnection: close\r\n\r\n";
    let mut socket = TcpStream::connect(("127.0.0.1", bench.port)).unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let mut read = Vec::new();
    let Some(authority) = authority else {
        socket.write_all(request).unwrap();
        let _ = socket.read_to_end(&mut read);
        return String::from_utf8_lossy(&read).matches("HTTP").collect();
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&authority.file).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket);
    // With TLS 1.3 the refusal comes after what the client sent.
    let _ = tls.write_all(request);
    let _ = tls.read_to_end(&mut read);
    String::from_utf8_lossy(&read).into_owned()
}
