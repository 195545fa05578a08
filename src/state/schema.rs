//! The tables of the shared store, made at the first start and brought up to
//! date at later ones.
//!
//! Invariant: a step that was released never changes; `head.steps` counts
//! those done, and a node that knows fewer than that does not start.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::link::{Failure, Link, LinkError, Step, quoted};

/// Each takes the place of `{s}` for the schema.
const STEPS: &[&str] = &[
    "
    CREATE TABLE {s}.head (
        single BOOLEAN PRIMARY KEY DEFAULT true CHECK (single),
        steps BIGINT NOT NULL,
        version BIGINT NOT NULL
    );
    INSERT INTO {s}.head (steps, version) VALUES (0, 0);
    CREATE TABLE {s}.nodes (
        name TEXT PRIMARY KEY,
        number BIGINT NOT NULL UNIQUE,
        run TEXT NOT NULL
    );
    CREATE TABLE {s}.grants (
        id BIGINT PRIMARY KEY,
        version BIGINT NOT NULL,
        login TEXT NOT NULL,
        live BOOLEAN NOT NULL,
        unrecorded BOOLEAN NOT NULL,
        body TEXT NOT NULL
    );
    CREATE INDEX grants_version ON {s}.grants (version);
    CREATE INDEX grants_live ON {s}.grants (live);
    CREATE TABLE {s}.requests (
        id BIGINT PRIMARY KEY,
        version BIGINT NOT NULL,
        login TEXT NOT NULL,
        live BOOLEAN NOT NULL,
        body TEXT NOT NULL
    );
    CREATE INDEX requests_version ON {s}.requests (version);
    CREATE INDEX requests_live ON {s}.requests (live);
    CREATE TABLE {s}.outbox (
        id BIGSERIAL PRIMARY KEY,
        node TEXT NOT NULL,
        body TEXT NOT NULL
    );
    CREATE TABLE {s}.audit_head (
        node TEXT NOT NULL,
        log TEXT NOT NULL,
        seq BIGINT NOT NULL,
        mac TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (node, log)
    );
    CREATE TABLE {s}.catalog_column (
        database TEXT NOT NULL,
        database_oid BIGINT NOT NULL,
        relation BIGINT NOT NULL,
        attribute BIGINT NOT NULL,
        schema_name TEXT NOT NULL,
        table_name TEXT NOT NULL,
        column_name TEXT NOT NULL,
        standing TEXT NOT NULL,
        PRIMARY KEY (database, database_oid, relation, attribute)
    );
",
    "
    CREATE TABLE {s}.policies (
        node TEXT PRIMARY KEY,
        policy TEXT NOT NULL,
        seen BIGINT NOT NULL
    );
",
];

/// Nodes that start together are in each other's way this often at most.
const ATTEMPTS: usize = 10;

/// Makes what is missing.
///
/// # Errors
/// The role may not; the message says what to run. Or the tables are of a newer
/// bauta.
pub fn prepare(link: &Arc<Link>) -> Result<(), LinkError> {
    let mut attempt = 0;
    loop {
        let schema = link.address().schema.clone();
        let outcome = link.run(move |client| -> Step<'_, ()> { Box::pin(steps(client, schema)) });
        match outcome {
            Err(LinkError::Failed(failure)) if attempt < ATTEMPTS && is_race(&failure) => {
                attempt += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(LinkError::Failed(Failure::Sql(error))) if lacks_privilege(&error) => {
                return Err(Failure::Other(advice(link)).into());
            }
            other => return other,
        }
    }
}

async fn steps(client: &mut Client, schema: String) -> Result<(), Failure> {
    let place = quoted(&schema);
    let done = match client.query_one(&format!("SELECT steps FROM {place}.head"), &[]).await {
        Ok(row) => row.try_get::<_, i64>(0)?,
        Err(error) if is_missing(&error) => 0,
        Err(error) => return Err(error.into()),
    };
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if done > known {
        return Err(Failure::Other(format!(
            "its tables are of a newer bauta (version {done}, this one knows {known})"
        )));
    }
    for (step, number) in STEPS.iter().zip(1_i64..).skip(usize::try_from(done).unwrap_or(0)) {
        let transaction = client.transaction().await?;
        if number == 1 {
            let schemas = "SELECT 1 FROM information_schema.schemata WHERE schema_name = $1";
            if transaction.query_typed(schemas, &[(&schema, Type::TEXT)]).await?.is_empty() {
                transaction.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {place}")).await?;
            }
        }
        transaction.batch_execute(&step.replace("{s}", &place)).await?;
        let counted = format!("UPDATE {place}.head SET steps = $1 WHERE steps = $1 - 1");
        if transaction.execute_typed(&counted, &[(&number, Type::INT8)]).await? != 1 {
            return Err(Failure::Behind);
        }
        transaction.commit().await?;
    }
    Ok(())
}

fn is_missing(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(code) if *code == SqlState::UNDEFINED_TABLE || *code == SqlState::INVALID_SCHEMA_NAME)
}

/// Another node makes the same at this moment.
fn is_race(failure: &Failure) -> bool {
    match failure {
        Failure::Behind => true,
        Failure::Sql(error) => error
            .code()
            .is_some_and(|code| *code == SqlState::DUPLICATE_TABLE || *code == SqlState::DUPLICATE_SCHEMA),
        Failure::Other(_) => false,
    }
}

fn lacks_privilege(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
}

fn advice(link: &Link) -> String {
    let address = link.address();
    let (schema, user) = (quoted(&address.schema), quoted(address.login.get_user().unwrap_or_default()));
    format!(
        "bauta may not make its tables there. Let somebody who may run this in that database: \
         CREATE SCHEMA {schema} AUTHORIZATION {user};"
    )
}
