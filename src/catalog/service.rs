//! The service connection: the role that reads catalogs and verifiers.
//!
//! Owns the names of what `bauta setup-sql` makes on the server, and how a
//! connection of that role is made: over the same TLS as everybody's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, NoTls, Row, Statement};

use crate::config::{Config, Secret, SessionAttrs, Upstream};
use crate::net::tls::TlsFault;
use crate::net::upstream::{Attempt, ConnectError, Connector, Standing, Target};

/// Holds the functions that `setup-sql` makes. Real, unlike schema `bauta`.
pub const SCHEMA: &str = "bauta_service";

/// Channel on which the optional event trigger tells of DDL.
pub const DDL_CHANNEL: &str = "bauta_catalog";

/// What `pg_stat_activity` shows of service connections.
const APPLICATION: &str = "bauta";

#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("connecting to the server")]
    Connect(#[from] ConnectError),
    #[error("logging in as \"{user}\" to database \"{database}\"")]
    Login { user: String, database: String, source: tokio_postgres::Error },
    #[error("no server of the list is {}", .0.name())]
    Unsuitable(SessionAttrs),
    #[error("logging in as \"{user}\" took longer than {limit:?}")]
    Slow { user: String, limit: Duration },
}

/// How to connect as the service role. Made from the configuration.
pub struct Service {
    connector: Connector,
    user: String,
    password: Option<Secret>,
    patience: Duration,
}

/// A connection of the service role. `changed` hears of DDL, and ends with
/// the connection.
pub struct Connection {
    pub client: Client,
    pub changed: mpsc::Receiver<()>,
    /// By their texts: what is asked again and again is planned once.
    statements: Mutex<HashMap<Box<str>, Statement>>,
}

impl Connection {
    /// Runs a query that will be asked again on this connection.
    ///
    /// # Errors
    /// When the server answers with one, or the connection has ended.
    pub async fn query(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = self.statement(sql).await?;
        self.client.query(&statement, parameters).await
    }

    /// As [`Connection::query`], for the only row.
    ///
    /// # Errors
    /// Also for any other number of rows.
    pub async fn query_one(&self, sql: &str) -> Result<Row, tokio_postgres::Error> {
        let statement = self.statement(sql).await?;
        self.client.query_one(&statement, &[]).await
    }

    async fn statement(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        let known = self.statements.lock().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.lock().insert(sql.into(), statement.clone());
        Ok(statement)
    }
}

impl Service {
    /// # Errors
    /// When the certificates for the upstream's TLS can't be used.
    pub fn new(config: &Config) -> Result<Self, TlsFault> {
        Self::of(&config.upstream, config.limits.connect_timeout)
    }

    /// For other servers than the protected ones, with a role of their own.
    ///
    /// # Errors
    /// As [`Service::new`].
    pub fn of(upstream: &Upstream, patience: Duration) -> Result<Self, TlsFault> {
        Ok(Self {
            connector: Connector::new(upstream, patience)?,
            user: upstream.service_user.clone(),
            password: upstream.service_password.clone(),
            patience,
        })
    }

    /// Logs in to `database`. The connection is served by a task of the
    /// calling runtime until its client is dropped.
    ///
    /// # Errors
    /// When the server can't be reached or refuses the role.
    pub async fn connect(self: &Arc<Self>, database: &str) -> Result<Connection, ServiceError> {
        let session = |target: Arc<Target>, wanted: SessionAttrs| async move {
            let connection = self.connect_to(&target, database).await.map_err(Attempt::Next)?;
            match wanted == SessionAttrs::Any || wanted.accept(self.standing(&connection, database).await?) {
                true => Ok(connection),
                false => Err(Attempt::Next(ServiceError::Unsuitable(wanted))),
            }
        };
        self.connector.first(session).await
    }

    async fn standing(
        &self,
        connection: &Connection,
        database: &str,
    ) -> Result<Standing, Attempt<ServiceError>> {
        let sql = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool";
        let row = connection.client.query_one(sql, &[]).await;
        let row = row.map_err(|source| Attempt::Next(self.login_fault(database, source)))?;
        Ok(Standing { in_recovery: row.get(0), read_only: row.get(1) })
    }

    fn login_fault(&self, database: &str, source: tokio_postgres::Error) -> ServiceError {
        ServiceError::Login { user: self.user.clone(), database: database.to_owned(), source }
    }

    /// As [`connect`](Self::connect), to this one of the servers.
    pub(super) async fn connect_to(
        &self,
        target: &Target,
        database: &str,
    ) -> Result<Connection, ServiceError> {
        let stream = target.connect().await?;
        let mut config = tokio_postgres::Config::new();
        // TLS, if any, is on the stream already.
        config.user(&self.user).dbname(database).ssl_mode(SslMode::Disable).application_name(APPLICATION);
        // Or a client's own `concat_ws` in schema public would run as this role.
        // Compiling a query of the catalog takes longer than running it, and
        // planning it anew often too.
        // What is set for the database, whose owner may be a client's role, must not
        // change what a query means.
        config.options(
            "-c search_path=pg_catalog -c jit=off -c plan_cache_mode=force_generic_plan \
             -c standard_conforming_strings=on -c quote_all_identifiers=off -c statement_timeout=0 \
             -c lock_timeout=0 -c default_transaction_isolation=read\\ committed -c row_security=on \
             -c IntervalStyle=postgres -c DateStyle=ISO -c bytea_output=hex -c xmloption=content",
        );
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        let login = timeout(self.patience, config.connect_raw(stream, NoTls));
        let slow = |_| ServiceError::Slow { user: self.user.clone(), limit: self.patience };
        let (client, mut connection) =
            login.await.map_err(slow)?.map_err(|source| self.login_fault(database, source))?;
        let (tell, changed) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                match std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                    // One message waiting says as much as many.
                    Some(Ok(AsyncMessage::Notification(_))) => drop(tell.try_send(())),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        tracing::debug!(%error, "service connection ended");
                        return;
                    }
                    None => return,
                }
            }
        });
        Ok(Connection { client, changed, statements: Mutex::default() })
    }
}

/// The error with what caused it, in one line for the log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}
