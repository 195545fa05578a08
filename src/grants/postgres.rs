//! State in a PostgreSQL database that several nodes share.
//!
//! `head.version` numbers the changes. A commit names the version that its
//! decision was made with and raises it by one, so two nodes' decisions never
//! both build on the same state; each row carries the version that wrote it,
//! so what is new is what is above the version known here.
//!
//! A grant is `unrecorded` until its node's audit log has it: other nodes do
//! not reveal under it before.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, IsolationLevel, Row, Transaction};

use super::book::{Change, Contents, SessionNumbers};
use super::event::Event;
use super::model::{Grant, Request};
use super::store::{OutboxId, Reading, Store, StoreError};
use crate::clock::Now;
use crate::state::link::{Failure, Link, LinkError, Step, quoted};
use crate::state::schema;

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// Nodes that start together are in each other's way this often at most.
const ATTEMPTS: usize = 20;
/// Ended entries that a start reads back for lists.
const RECENT: i64 = 1000;

/// The store. See the module.
pub struct Postgres {
    link: Arc<Link>,
    sql: Arc<Sql>,
    /// What this node is called.
    node: String,
    /// Which of its processes this is: a newer one of that name ends its use.
    run: String,
    number: i64,
    /// The newest version whose changes are known here.
    known: i64,
    /// Recorded, and the store could not be told yet.
    recorded: Vec<(OutboxId, Option<i64>)>,
}

impl Postgres {
    /// Enters this process as the node's. An older one of that name, if any
    /// still runs, is shut out.
    ///
    /// # Errors
    /// The server can't be used.
    pub fn open(link: Arc<Link>, node: &str) -> Result<Self, StoreError> {
        let path = link.address().show();
        schema::prepare(&link).map_err(|e| fault(e, &path, "prepare the tables"))?;
        let sql = Arc::new(Sql::new(&link.address().schema));
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|e| StoreError::Refused {
            doing: "name the process",
            path: path.clone(),
            cause: e.to_string(),
        })?;
        let run = u128::from_le_bytes(random).to_string();
        let mut attempts = 0;
        let number = loop {
            attempts += 1;
            let (sql, node, run) = (sql.clone(), node.to_owned(), run.clone());
            let entered =
                link.run(move |client| -> Step<'_, i64> { Box::pin(enter(client, sql, node, run)) });
            match entered {
                Ok(number) => break number,
                // Another node took the number first.
                Err(LinkError::Failed(Failure::Behind)) if attempts < ATTEMPTS => {}
                Err(e) => return Err(fault(e, &path, "enter the node")),
            }
        };
        Ok(Self { link, sql, node: node.to_owned(), run, number, known: 0, recorded: Vec::new() })
    }

    /// What the sessions of this node are called.
    pub fn sessions(&self) -> SessionNumbers {
        SessionNumbers::of(self.number)
    }

    fn call<T: Send + 'static>(
        &self,
        doing: &'static str,
        step: impl for<'a> FnOnce(&'a mut Client, Arc<Sql>) -> Step<'a, T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let sql = self.sql.clone();
        let path = || self.link.address().show();
        self.link.run(move |client| step(client, sql)).map_err(|e| fault(e, &path(), doing))
    }

    /// What [`changes`] finds.
    fn read(&mut self, since: Option<i64>) -> Result<Reading, StoreError> {
        let asked = Instant::now();
        let node = self.node.clone();
        let found = self.call("read", move |client, sql| Box::pin(changes(client, sql, node, since)))?;
        self.check_run(found.run.as_deref())?;
        let told: BTreeSet<i64> = self.recorded.iter().map(|(id, _)| id.0).collect();
        let unrecorded = found.grants.iter().filter(|row| row.unrecorded).map(|row| super::GrantId(row.id));
        let reading = Reading {
            contents: Contents {
                grants: self.bodies(&found.grants)?,
                requests: self.bodies(&found.requests)?,
                last_grant: found.last_grant,
                last_request: found.last_request,
            },
            unrecorded: unrecorded.collect(),
            waiting: found
                .waiting
                .iter()
                .filter(|row| !told.contains(&row.id))
                .map(|row| Ok((OutboxId(row.id), self.body(row)?)))
                .collect::<Result<_, StoreError>>()?,
            as_of: Some(Now { wall: found.at, mono: asked }),
        };
        self.known = found.version;
        Ok(reading)
    }

    fn bodies<T: DeserializeOwned>(&self, rows: &[Stored]) -> Result<Vec<T>, StoreError> {
        rows.iter().map(|row| self.body(row)).collect()
    }

    fn body<T: DeserializeOwned>(&self, row: &Stored) -> Result<T, StoreError> {
        let damaged = |e: serde_json::Error| StoreError::Damaged {
            id: row.id,
            path: self.link.address().show(),
            cause: e.to_string(),
        };
        serde_json::from_str(&row.body).map_err(damaged)
    }

    fn check_run(&self, run: Option<&str>) -> Result<(), StoreError> {
        if run == Some(&self.run) { Ok(()) } else { Err(StoreError::Replaced { node: self.node.clone() }) }
    }

    /// Tells the store what the audit log has, as far as that is owed.
    fn settle(&mut self) -> Result<(), StoreError> {
        while let Some((id, made)) = self.recorded.first().copied() {
            let notifies = self.link.notifies();
            let version =
                self.call("write", move |client, sql| Box::pin(forget(client, sql, id.0, made, notifies)))?;
            self.recorded.remove(0);
            // Only if nothing else came between is it known what that is.
            if version == Some(self.known.saturating_add(1)) {
                self.known = self.known.saturating_add(1);
            }
        }
        Ok(())
    }
}

impl Store for Postgres {
    fn load(&mut self) -> Result<Reading, StoreError> {
        self.read(None)
    }

    fn news(&mut self) -> Result<Option<Reading>, StoreError> {
        self.settle()?;
        let asked = Instant::now();
        let node = self.node.clone();
        let (version, at, run) = self.call("read", move |client, sql| Box::pin(glance(client, sql, node)))?;
        self.check_run(run.as_deref())?;
        if version == self.known {
            let as_of = Some(Now { wall: at, mono: asked });
            return Ok(Some(Reading { as_of, ..Reading::default() }));
        }
        // An older state than was known: a server that lost its newest changes.
        let since = if version > self.known { self.known } else { -1 };
        self.read(Some(since)).map(Some)
    }

    fn watch(&mut self, news: Arc<Notify>) {
        self.link.watch(news);
    }

    fn commit(&mut self, change: &Change) -> Result<Vec<OutboxId>, StoreError> {
        let write = Write::new(change, &self.node, &self.run, self.known)
            .map_err(|e| fault(LinkError::Failed(e), &self.link.address().show(), "write"))?;
        let notifies = self.link.notifies();
        let ids = self.call("write", move |client, sql| Box::pin(write.carry_out(client, sql, notifies)))?;
        let Some(ids) = ids else { return Err(StoreError::Replaced { node: self.node.clone() }) };
        self.known = self.known.saturating_add(1);
        Ok(ids.into_iter().map(OutboxId).collect())
    }

    fn recorded(&mut self, id: OutboxId, event: &Event) -> Result<(), StoreError> {
        self.recorded.push((id, event.made().map(|grant| grant.0)));
        self.settle()
    }

    fn withdrawn(&mut self, id: OutboxId) -> Result<(), StoreError> {
        self.recorded.push((id, None));
        self.settle()
    }
}

/// The statements, with the schema's name in them.
struct Sql {
    schema: String,
    channel: String,
}

impl Sql {
    fn new(schema: &str) -> Self {
        Self { schema: quoted(schema), channel: format!("NOTIFY {}", quoted(schema)) }
    }
    /// `text` with each `{s}` replaced.
    fn of(&self, text: &str) -> String {
        text.replace("{s}", &self.schema)
    }
}

/// One row of a table, its body as text.
struct Stored {
    id: i64,
    body: String,
    unrecorded: bool,
}

impl Stored {
    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self { id: row.try_get(0)?, body: row.try_get(1)?, unrecorded: row.try_get(2)? })
    }
    fn all(rows: &[Row]) -> Result<Vec<Self>, tokio_postgres::Error> {
        rows.iter().map(Self::read).collect()
    }
}

/// What a look at the tables found.
struct Found {
    version: i64,
    at: Timestamp,
    run: Option<String>,
    grants: Vec<Stored>,
    requests: Vec<Stored>,
    waiting: Vec<Stored>,
    last_grant: i64,
    last_request: i64,
}

/// Microseconds since 1970: no date type is needed.
const HEAD: &str = "SELECT version, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT), \
                    (SELECT run FROM {s}.nodes WHERE name = $1) FROM {s}.head";

async fn enter(client: &mut Client, sql: Arc<Sql>, node: String, run: String) -> Result<i64, Failure> {
    let transaction = client.transaction().await?;
    let taken = sql.of("UPDATE {s}.nodes SET run = $2 WHERE name = $1 RETURNING number");
    let parameters: [Parameter<'_>; 2] = [(&node, Type::TEXT), (&run, Type::TEXT)];
    let mut rows = transaction.query_typed(&taken, &parameters).await?;
    if rows.is_empty() {
        let new = "INSERT INTO {s}.nodes (name, number, run) \
                   SELECT $1, coalesce(max(number), 0) + 1, $2 FROM {s}.nodes RETURNING number";
        rows = transaction.query_typed(&sql.of(new), &parameters).await?;
    }
    let number = rows.first().map(|row| row.try_get(0)).transpose()?;
    transaction.commit().await?;
    number.ok_or_else(|| Failure::Other("the node was not entered".to_owned()))
}

async fn glance(
    client: &mut Client,
    sql: Arc<Sql>,
    node: String,
) -> Result<(i64, Timestamp, Option<String>), Failure> {
    head(&client.query_typed_one(&sql.of(HEAD), &[(&node, Type::TEXT)]).await?)
}

fn head(row: &Row) -> Result<(i64, Timestamp, Option<String>), Failure> {
    let micros: i64 = row.try_get(1)?;
    let at = Timestamp::from_microsecond(micros).map_err(|e| Failure::Other(e.to_string()))?;
    Ok((row.try_get(0)?, at, row.try_get(2)?))
}

/// One look at one moment. `since`: what is above that version; None: what has
/// not ended, and the newest of what has.
async fn changes(
    client: &mut Client,
    sql: Arc<Sql>,
    node: String,
    since: Option<i64>,
) -> Result<Found, Failure> {
    let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let transaction = snapshot.start().await?;
    let row = transaction.query_typed_one(&sql.of(HEAD), &[(&node, Type::TEXT)]).await?;
    let (version, at, run) = head(&row)?;
    let waiting = sql.of("SELECT id, body, false FROM {s}.outbox WHERE node = $1 ORDER BY id");
    let waiting = transaction.query_typed(&waiting, &[(&node, Type::TEXT)]).await?;
    let found = Found {
        version,
        at,
        run,
        grants: rows_of(&transaction, &sql, "grants", "unrecorded", since).await?,
        requests: rows_of(&transaction, &sql, "requests", "false", since).await?,
        waiting: Stored::all(&waiting)?,
        last_grant: last(&transaction, &sql, "grants").await?,
        last_request: last(&transaction, &sql, "requests").await?,
    };
    transaction.commit().await?;
    Ok(found)
}

async fn rows_of(
    transaction: &Transaction<'_>,
    sql: &Sql,
    table: &str,
    flag: &str,
    since: Option<i64>,
) -> Result<Vec<Stored>, Failure> {
    let columns = format!("SELECT id, body, {flag} FROM {{s}}.{table}");
    let rows = match since {
        Some(since) => {
            let above = format!("{columns} WHERE version > $1 ORDER BY id");
            transaction.query_typed(&sql.of(&above), &[(&since, Type::INT8)]).await?
        }
        None => {
            let recent = format!("{columns} WHERE NOT live ORDER BY id DESC LIMIT $1");
            let mut rows = transaction.query_typed(&sql.of(&recent), &[(&RECENT, Type::INT8)]).await?;
            let live = format!("{columns} WHERE live ORDER BY id");
            rows.reverse();
            rows.extend(transaction.query_typed(&sql.of(&live), &[]).await?);
            rows
        }
    };
    Ok(Stored::all(&rows)?)
}

async fn last(transaction: &Transaction<'_>, sql: &Sql, table: &str) -> Result<i64, Failure> {
    let text = sql.of(&format!("SELECT coalesce(max(id), 0) FROM {{s}}.{table}"));
    Ok(transaction.query_typed_one(&text, &[]).await?.try_get(0)?)
}

/// A change as it goes into the tables.
struct Write {
    node: String,
    run: String,
    known: i64,
    /// Id, login, live, unrecorded, body.
    grants: Vec<(i64, String, bool, bool, String)>,
    /// Id, login, live, body.
    requests: Vec<(i64, String, bool, String)>,
    events: Vec<String>,
}

impl Write {
    fn new(change: &Change, node: &str, run: &str, known: i64) -> Result<Self, Failure> {
        let made: BTreeSet<_> = change.events.iter().filter_map(Event::made).collect();
        let grant =
            |g: &Grant| Ok((g.id.0, g.user.clone(), g.ended.is_none(), made.contains(&g.id), json(g)?));
        let request = |r: &Request| Ok((r.id.0, r.user.clone(), r.is_open(), json(r)?));
        Ok(Self {
            node: node.to_owned(),
            run: run.to_owned(),
            known,
            grants: change.grants.iter().map(grant).collect::<Result<_, Failure>>()?,
            requests: change.requests.iter().map(request).collect::<Result<_, Failure>>()?,
            events: change.events.iter().map(json).collect::<Result<_, _>>()?,
        })
    }

    /// None: a newer process of this node's name uses the store.
    async fn carry_out(
        self,
        client: &mut Client,
        sql: Arc<Sql>,
        notifies: bool,
    ) -> Result<Option<Vec<i64>>, Failure> {
        let transaction = client.transaction().await?;
        let next = sql.of("UPDATE {s}.head SET version = version + 1 WHERE version = $1");
        if transaction.execute_typed(&next, &[(&self.known, Type::INT8)]).await? != 1 {
            return Err(Failure::Behind);
        }
        let mine = sql.of("SELECT 1 FROM {s}.nodes WHERE name = $1 AND run = $2");
        let me: [Parameter<'_>; 2] = [(&self.node, Type::TEXT), (&self.run, Type::TEXT)];
        if transaction.query_typed(&mine, &me).await?.is_empty() {
            return Ok(None);
        }
        let version = self.known.saturating_add(1);
        let put = sql.of(
            "INSERT INTO {s}.grants (id, version, login, live, unrecorded, body) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, live = excluded.live, body = excluded.body, \
             unrecorded = {s}.grants.unrecorded AND excluded.live",
        );
        for (id, login, live, unrecorded, body) in &self.grants {
            let row: [Parameter<'_>; 6] = [
                (id, Type::INT8),
                (&version, Type::INT8),
                (login, Type::TEXT),
                (live, Type::BOOL),
                (unrecorded, Type::BOOL),
                (body, Type::TEXT),
            ];
            transaction.execute_typed(&put, &row).await?;
        }
        let put = sql.of(
            "INSERT INTO {s}.requests (id, version, login, live, body) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, live = excluded.live, body = excluded.body",
        );
        for (id, login, live, body) in &self.requests {
            let row: [Parameter<'_>; 5] = [
                (id, Type::INT8),
                (&version, Type::INT8),
                (login, Type::TEXT),
                (live, Type::BOOL),
                (body, Type::TEXT),
            ];
            transaction.execute_typed(&put, &row).await?;
        }
        let mut ids = Vec::with_capacity(self.events.len());
        let put = sql.of("INSERT INTO {s}.outbox (node, body) VALUES ($1, $2) RETURNING id");
        for event in &self.events {
            let row = [(&self.node as &(dyn ToSql + Sync), Type::TEXT), (event, Type::TEXT)];
            ids.push(transaction.query_typed_one(&put, &row).await?.try_get(0)?);
        }
        if notifies {
            transaction.batch_execute(&sql.channel).await?;
        }
        transaction.commit().await?;
        Ok(Some(ids))
    }
}

/// An event that needs no recording any more; with `made`, that grant counts
/// on all nodes, which is a change of its own.
async fn forget(
    client: &mut Client,
    sql: Arc<Sql>,
    id: i64,
    made: Option<i64>,
    notifies: bool,
) -> Result<Option<i64>, Failure> {
    let gone = sql.of("DELETE FROM {s}.outbox WHERE id = $1");
    let Some(grant) = made else {
        client.execute_typed(&gone, &[(&id, Type::INT8)]).await?;
        return Ok(None);
    };
    let transaction = client.transaction().await?;
    let next = sql.of("UPDATE {s}.head SET version = version + 1 RETURNING version");
    let version: i64 = transaction.query_typed_one(&next, &[]).await?.try_get(0)?;
    let counts = sql.of("UPDATE {s}.grants SET unrecorded = false, version = $2 WHERE id = $1");
    transaction.execute_typed(&counts, &[(&grant, Type::INT8), (&version, Type::INT8)]).await?;
    transaction.execute_typed(&gone, &[(&id, Type::INT8)]).await?;
    if notifies {
        transaction.batch_execute(&sql.channel).await?;
    }
    transaction.commit().await?;
    Ok(Some(version))
}

fn json<T: serde::Serialize>(entry: &T) -> Result<String, Failure> {
    serde_json::to_string(entry).map_err(|e| Failure::Other(e.to_string()))
}

fn fault(error: LinkError, path: &str, doing: &'static str) -> StoreError {
    let path = path.to_owned();
    match error {
        LinkError::Failed(Failure::Behind) => StoreError::Behind,
        LinkError::Lost(cause) => StoreError::Lost { path, cause },
        LinkError::Failed(_) | LinkError::Tls(_) | LinkError::Thread(_) => {
            StoreError::Refused { doing, path, cause: crate::catalog::service::chain(&error) }
        }
    }
}
