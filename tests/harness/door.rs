//! bauta's front door alone, in this process: listeners, TLS, startup,
//! authentication and the login upstream as in `bauta serve`, and behind them
//! bytes copied both ways instead of a relay. What fails here is the
//! handshake's fault.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bauta::auth::{Stored, VerifierFuture, Verifiers};
use bauta::clock::SystemClock;
use bauta::config::{
    Audit, AuditSql, Auth, Config, Control, Defaults, Limits, Listen, ListenAddress, ListenTls, Mode,
    RefusalMode, StateUrl, TlsVersion, Upstream, UpstreamAddress, UpstreamTls,
};
use bauta::demo::cluster::free_port;
use bauta::net::workers::Ending;
use bauta::net::{Drain, Front, Stream, listen, serve};
use bauta::session::handshake::{Door as Handshake, Refused, establish};
use bauta::session::registry::Registry;
use parking_lot::Mutex;

use super::Server;

/// Roles' passwords as the server holds them, read past bauta.
pub struct ServerVerifiers {
    config: tokio_postgres::Config,
}

impl Verifiers for ServerVerifiers {
    fn verifier<'a>(&'a self, login: &'a str) -> VerifierFuture<'a> {
        Box::pin(async move {
            let (client, connection) = self.config.connect(tokio_postgres::NoTls).await.expect("superuser");
            let connection = tokio::spawn(connection);
            let row = client
                .query_opt("SELECT rolpassword FROM pg_authid WHERE rolname = $1::text::name", &[&login])
                .await
                .expect("pg_authid");
            connection.abort();
            let text: Option<Option<String>> = row.map(|row| row.get(0));
            Ok(Stored::from_row(text.as_ref().map(|t| t.as_deref())))
        })
    }
}

/// A running door; dropped, it drains.
pub struct Door {
    pub port: u16,
    pub handshake: Arc<Handshake>,
    drain: Drain,
    server: Option<std::thread::JoinHandle<()>>,
    /// Connections that were refused, in the order of their end.
    pub refused: Arc<Mutex<Vec<Refused>>>,
}

/// A configuration for this server; tests change what they are about.
pub fn config(server: &Server) -> Config {
    Config {
        sha256: String::new(),
        path: PathBuf::from("proxy.toml"),
        listen: Listen { addresses: Vec::new(), tls: None },
        upstream: Upstream {
            addresses: vec![UpstreamAddress::Tcp { host: "127.0.0.1".into(), port: server.port() }],
            wanted: bauta::config::SessionAttrs::Any,
            tls: UpstreamTls::Prefer,
            ca: None,
            tls_min_version: TlsVersion::V1_2,
            service_user: "bauta".into(),
            service_password: None,
            catalog_poll: Duration::from_secs(1),
        },
        auth: Auth::Scram,
        keys_file: PathBuf::new(),
        state: StateUrl::Sqlite(PathBuf::new()),
        max_staleness: Duration::from_secs(30),
        audit: Audit {
            file: PathBuf::new(),
            node: "n1".into(),
            sql: AuditSql::Full,
            rotate: 0,
            rotate_age: Duration::ZERO,
            sinks: Vec::new(),
        },
        control: Control { socket: PathBuf::new(), mode: 0o660, remote: None },
        metrics: None,
        limits: Limits {
            max_sessions: 100,
            max_sessions_per_user: 0,
            startup_timeout: Duration::from_secs(10),
            idle_timeout: Duration::ZERO,
            query_timeout: Duration::ZERO,
            connect_timeout: Duration::from_secs(5),
            drain_timeout: Duration::ZERO,
            statement_bytes: 1 << 20,
            message_bytes: 1 << 30,
            depth: 100,
            workers: 2,
        },
        admins: Vec::new(),
        end_users: Vec::new(),
        defaults: Defaults {
            mode: Mode::Enforce,
            refusal: RefusalMode::Error,
            hold_timeout: Duration::from_secs(600),
            new_columns_masked: true,
            max_duration: Duration::from_secs(3600),
            approvals: 1,
            request_timeout: Duration::from_secs(86_400),
            ticket_pattern: None,
            trusted_functions: Vec::new(),
        },
        notify: Vec::new(),
        protect: Vec::new(),
        roles: Vec::new(),
    }
}

/// TLS towards clients with this certificate, in `mode`.
pub fn listen_tls(certificate: &super::Certificate, mode: bauta::config::ListenTlsMode) -> ListenTls {
    ListenTls {
        mode,
        cert: certificate.cert.clone(),
        key: certificate.key.clone(),
        client_ca: None,
        min_version: TlsVersion::V1_2,
    }
}

impl Door {
    /// Opens a door to the server, on 127.0.0.1 and on the addresses of the
    /// configuration.
    pub fn open(server: &Server, config: Config) -> Self {
        let mut superuser = tokio_postgres::Config::new();
        superuser
            .host_path(server.socket_directory())
            .port(server.port())
            .user("postgres")
            .dbname("postgres");
        Self::open_with(config, Arc::new(ServerVerifiers { config: superuser }))
    }

    pub fn open_with(mut config: Config, verifiers: Arc<dyn Verifiers>) -> Self {
        let port = free_port().expect("free port");
        config.listen.addresses.push(ListenAddress::Tcp(format!("127.0.0.1:{port}")));
        let listeners = listen::bind(&config.listen.addresses).expect("bind");
        let handshake = Arc::new(Handshake {
            front: Arc::new(Front::open(&config).expect("front")),
            verifiers,
            registry: Registry::new(),
            mock_key: [7; 32].into(),
            clock: Arc::new(SystemClock),
        });
        let drain = Drain::new();
        let refused = Arc::new(Mutex::new(Vec::new()));
        let ending =
            Ending { drain: drain.clone(), deadline: Duration::from_secs(1), at_deadline: Box::new(|| ()) };
        let (door, heard) = (handshake.clone(), refused.clone());
        let session = move |stream| visit(stream, door.clone(), heard.clone());
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listeners, 2, ending, session, || std::future::ready(()))).expect("serve");
        });
        Self { port, handshake, drain, server: Some(server), refused }
    }

    /// Stops accepting, and ends what runs after a second.
    pub fn close(&mut self) {
        self.drain.begin();
        if let Some(server) = self.server.take() {
            server.join().expect("the door's thread");
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
    }
}

async fn visit(stream: Stream, door: Arc<Handshake>, heard: Arc<Mutex<Vec<Refused>>>) {
    let established = Box::pin(establish(stream, &door)).await;
    match established {
        Ok(None) => {}
        Err(refused) => heard.lock().push(refused),
        Ok(Some(mut session)) => {
            if session.client.flush().await.is_ok() {
                let (client, upstream) = (&mut session.client, &mut session.upstream);
                let _ = tokio::io::copy_bidirectional(client, upstream).await;
            }
        }
    }
}
