//! Records in a PostgreSQL table, many with one statement. A record that is
//! there already is left alone, so that one sent twice is there once.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::types::ToSql;

use super::follow::Shipment;
use super::{Failure, Outlet, PATIENCE};
use crate::catalog::service::{Connection, Service};
use crate::config::PostgresSink;
use crate::net::tls::TlsFault;

/// To connect.
const CONNECT: Duration = Duration::from_secs(5);

pub(super) struct Table {
    service: Arc<Service>,
    database: String,
    insert: String,
    open: Option<Open>,
}

/// A connection, and what drives it.
struct Open {
    runtime: tokio::runtime::Runtime,
    connection: Connection,
}

impl Table {
    /// # Errors
    /// When its certificates can't be used.
    pub fn new(to: &PostgresSink) -> Result<Self, TlsFault> {
        let insert = format!(
            "INSERT INTO {} (node, seq, mac, at, event, login, record) \
             SELECT * FROM unnest($1::text[], $2::int8[], $3::text[], $4::text[]::timestamptz[], $5::text[], \
             $6::text[], $7::text[]) ON CONFLICT DO NOTHING",
            quoted(&to.table)
        );
        let service = Arc::new(Service::of(&to.server, CONNECT)?);
        Ok(Self { service, database: to.database.clone(), insert, open: None })
    }

    fn connected(&mut self) -> Result<&mut Open, Failure> {
        if let Some(open) = &self.open
            && open.connection.client.is_closed()
        {
            self.open = None;
        }
        if self.open.is_none() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|fault| Failure::of("starting a runtime", &fault))?;
            let connection = runtime
                .block_on(self.service.connect(&self.database))
                .map_err(|fault| Failure::of("connecting to the server", &fault))?;
            self.open = Some(Open { runtime, connection });
        }
        self.open.as_mut().ok_or_else(|| Failure("there is no connection".to_owned()))
    }
}

impl Outlet for Table {
    fn send(&mut self, records: &[Shipment]) -> Result<(), Failure> {
        let rows = Rows::of(records);
        let insert = self.insert.clone();
        let Open { runtime, connection } = self.connected()?;
        let parameters: [&(dyn ToSql + Sync); 7] =
            [&rows.node, &rows.seq, &rows.mac, &rows.at, &rows.event, &rows.login, &rows.record];
        let sent = runtime.block_on(async {
            tokio::time::timeout(PATIENCE, connection.client.execute(&insert, &parameters)).await
        });
        let failure = match sent {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(fault)) => Failure::of("inserting", &fault),
            Err(_) => Failure(format!("the server did not answer within {PATIENCE:?}")),
        };
        self.open = None;
        Err(failure)
    }
}

/// A column each.
#[derive(Default)]
struct Rows<'a> {
    node: Vec<&'a str>,
    seq: Vec<i64>,
    mac: Vec<String>,
    at: Vec<String>,
    event: Vec<&'a str>,
    login: Vec<Option<&'a str>>,
    record: Vec<&'a str>,
}

impl<'a> Rows<'a> {
    fn of(records: &'a [Shipment]) -> Self {
        let mut rows = Self::default();
        for Shipment { head, line, facts } in records {
            rows.node.push(&facts.node);
            rows.seq.push(i64::try_from(head.seq).unwrap_or(i64::MAX));
            rows.mac.push(String::from_utf8_lossy(&head.mac).into_owned());
            rows.at.push(facts.at.to_string());
            rows.event.push(&facts.event);
            rows.login.push(facts.user.as_deref());
            rows.record.push(line);
        }
        rows
    }
}

/// `schema.table` as PostgreSQL reads it, whatever is in the names.
fn quoted(table: &[String; 2]) -> String {
    table.each_ref().map(|part| format!("\"{}\"", part.replace('"', "\"\""))).join(".")
}
