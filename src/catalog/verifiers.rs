//! Reads roles' password verifiers through the function that `setup-sql` made.
//!
//! Invariant: every question goes to the server, so that a changed or
//! withdrawn password counts at once; nothing is cached here.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::{Client, Statement};

use super::service::{SCHEMA, Service, chain};
use crate::auth::{Stored, VerifierUnavailable};

/// The database that `setup-sql` is run in, if its help is followed.
const FIRST: &str = "postgres";
/// Databases that are tried before giving up.
const MOST: usize = 200;
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the database that has the function.
pub(super) struct Source {
    client: Client,
    statement: Statement,
    service: Arc<Service>,
}

pub(super) struct VerifierReader {
    service: Arc<ArcSwap<Service>>,
    source: Mutex<Option<Arc<Source>>>,
}

impl VerifierReader {
    pub(super) fn new(service: Arc<ArcSwap<Service>>) -> Self {
        Self { service, source: Mutex::new(None) }
    }

    pub(super) async fn read(&self, login: &str) -> Result<Stored, VerifierUnavailable> {
        let slow = |_| VerifierUnavailable(format!("no answer within {PATIENCE:?}"));
        timeout(PATIENCE, self.read_unbounded(login)).await.map_err(slow)?
    }

    async fn read_unbounded(&self, login: &str) -> Result<Stored, VerifierUnavailable> {
        let source = self.source(None).await?;
        match ask(&source, login).await {
            Ok(stored) => Ok(stored),
            // The server may have been restarted since; a new connection tells.
            Err(_) => {
                let again = self.source(Some(&source)).await?;
                ask(&again, login).await.map_err(|error| VerifierUnavailable(chain(&error)))
            }
        }
    }

    /// The connection in use, or a new one in place of `broken`.
    async fn source(&self, broken: Option<&Arc<Source>>) -> Result<Arc<Source>, VerifierUnavailable> {
        let mut held = self.source.lock().await;
        let service = self.service.load_full();
        if let Some(source) = held.as_ref() {
            let is_broken = broken.is_some_and(|b| Arc::ptr_eq(b, source)) || source.client.is_closed();
            if !is_broken && Arc::ptr_eq(&source.service, &service) {
                return Ok(Arc::clone(source));
            }
        }
        let source = Arc::new(find(service).await?);
        *held = Some(Arc::clone(&source));
        Ok(source)
    }
}

/// The first database that has the function: `postgres`, else any.
pub(super) async fn find(service: Arc<Service>) -> Result<Source, VerifierUnavailable> {
    let first = service.connect(FIRST).await;
    let list = match first {
        Ok(connection) => {
            let others = databases(&connection.client).await.map_err(|e| VerifierUnavailable(chain(&e)))?;
            if let Some(statement) = prepare(&connection.client).await? {
                return Ok(Source { client: connection.client, statement, service });
            }
            others
        }
        Err(error) => match service.connect("template1").await {
            Ok(connection) => {
                databases(&connection.client).await.map_err(|e| VerifierUnavailable(chain(&e)))?
            }
            Err(_) => return Err(VerifierUnavailable(chain(&error))),
        },
    };
    for database in list.iter().filter(|name| *name != FIRST).take(MOST) {
        // A database that the role may not enter can't be the one.
        let Ok(connection) = service.connect(database).await else { continue };
        if let Some(statement) = prepare(&connection.client).await? {
            return Ok(Source { client: connection.client, statement, service });
        }
    }
    Err(VerifierUnavailable(format!(
        "no database has the function {SCHEMA}.verifier: run \"bauta setup-sql | psql\" on the server"
    )))
}

/// Databases that can be connected to, by name.
pub(super) async fn databases(client: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
    let sql = "SELECT datname::text FROM pg_catalog.pg_database \
               WHERE datallowconn AND NOT datistemplate ORDER BY datname";
    client.query(sql, &[]).await?.iter().map(|row| row.try_get(0)).collect()
}

/// None: the function isn't there, or the role may not call it.
async fn prepare(client: &Client) -> Result<Option<Statement>, VerifierUnavailable> {
    let sql = format!(
        "SELECT v.verifier, coalesce(v.valid_until <= pg_catalog.now(), false) FROM {SCHEMA}.verifier($1) v"
    );
    match client.prepare(&sql).await {
        Ok(statement) => Ok(Some(statement)),
        Err(error) if error.as_db_error().is_some() => Ok(None),
        Err(error) => Err(VerifierUnavailable(chain(&error))),
    }
}

async fn ask(source: &Source, login: &str) -> Result<Stored, tokio_postgres::Error> {
    let row = source.client.query_opt(&source.statement, &[&login]).await?;
    let Some(row) = row else { return Ok(Stored::Unknown) };
    let is_expired: bool = row.try_get(1)?;
    let verifier: Option<&str> = row.try_get(0)?;
    Ok(match is_expired {
        // PostgreSQL answers as for a wrong password.
        true => Stored::Unknown,
        false => Stored::from_row(Some(verifier)),
    })
}
