//! Which columns each rule was bound to, and which columns a protected table
//! had: so that a renamed column stays protected, and a new one shows.
//!
//! Kept in a table of its own in the state store, so that a restart forgets
//! nothing. Invariant: a column that was bound is found again by its number,
//! whatever it is called now.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_postgres::types::{ToSql, Type};

use super::{ColumnId, Oid};
use crate::state::link::{Failure, Link, Step, quoted};

/// What is known of a column of a table that has something protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownColumn {
    /// Names when the table was first seen, or when a rule last matched; of a
    /// followed or computed column, those of the column that it comes from.
    pub schema: Arc<str>,
    pub table: Arc<str>,
    pub column: Arc<str>,
    pub standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was there when the table was first protected.
    Seen,
    /// A rule matched these names.
    Bound,
    /// Its values were those of the column that the names mean, as a child's,
    /// a partition's or a foreign key's are: they still are when it is
    /// detached.
    Followed,
    /// Its values were computed from those of the column that the names mean:
    /// they still are when it is generated no more (`DROP EXPRESSION`).
    Computed,
    /// It came later: masked until a rule names it.
    New,
}

impl KnownColumn {
    /// Schema, table, column.
    pub fn names(&self) -> [Arc<str>; 3] {
        [&self.schema, &self.table, &self.column].map(Arc::clone)
    }
}

/// The known columns of one database.
pub type Known = HashMap<ColumnId, KnownColumn>;

/// Why a state store failed.
type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    #[error("opening the column bindings in {path}")]
    Open { path: String, source: Cause },
    #[error("reading the column bindings of database \"{database}\"")]
    Read { database: String, source: Cause },
    #[error("writing the column bindings of database \"{database}\"")]
    Write { database: String, source: Cause },
}

/// Where bindings are kept. `database_oid` tells a database from one of the
/// same name that was dropped.
pub trait BindingStore: Send + Sync {
    /// # Errors
    /// When the store can't be read.
    fn load(&self, database: &str, database_oid: Oid) -> Result<Known, BindingError>;
    /// Replaces what is known of the database.
    ///
    /// # Errors
    /// When the store can't be written.
    fn save(&self, database: &str, database_oid: Oid, known: &Known) -> Result<(), BindingError>;
}

/// Bindings in the SQLite state file.
pub struct SqliteBindings {
    connection: Mutex<rusqlite::Connection>,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS column_memory (
    database      TEXT NOT NULL,
    database_oid  INTEGER NOT NULL,
    relation      INTEGER NOT NULL,
    attribute     INTEGER NOT NULL,
    schema_name   TEXT NOT NULL,
    table_name    TEXT NOT NULL,
    column_name   TEXT NOT NULL,
    standing      TEXT NOT NULL,
    PRIMARY KEY (database, relation, attribute)
)";

impl SqliteBindings {
    /// Opens or makes the table in the state file.
    ///
    /// # Errors
    /// When the file can't be opened as a database.
    pub fn open(path: &Path) -> Result<Self, BindingError> {
        let fault = |source: rusqlite::Error| BindingError::Open {
            path: path.display().to_string(),
            source: source.into(),
        };
        let connection = rusqlite::Connection::open(path).map_err(fault)?;
        // Grants live in the same file and are written by others.
        connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(fault)?;
        connection.execute_batch(SCHEMA).map_err(fault)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Reads what is there, for `check`: a proxy may be running on the file.
    ///
    /// # Errors
    /// When there is no such file, or it can't be read.
    pub fn open_read_only(path: &Path) -> Result<Self, BindingError> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags).map_err(|source| {
            BindingError::Open { path: path.display().to_string(), source: source.into() }
        })?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Kept nowhere: for `check` and tests.
    ///
    /// # Errors
    /// When SQLite can't be used at all.
    pub fn in_memory() -> Result<Self, BindingError> {
        Self::open(Path::new(":memory:"))
    }
}

impl Standing {
    fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Bound => "bound",
            Self::Followed => "followed",
            Self::Computed => "computed",
            Self::New => "new",
        }
    }

    /// What can't be read counts as new: masked.
    fn from_name(name: &str) -> Self {
        match name {
            "seen" => Self::Seen,
            "bound" => Self::Bound,
            "followed" => Self::Followed,
            "computed" => Self::Computed,
            _ => Self::New,
        }
    }
}

impl BindingStore for SqliteBindings {
    fn load(&self, database: &str, database_oid: Oid) -> Result<Known, BindingError> {
        let fault = |source: rusqlite::Error| BindingError::Read {
            database: database.to_owned(),
            source: source.into(),
        };
        let connection = self.connection.lock();
        let mut query = connection
            .prepare(
                "SELECT relation, attribute, schema_name, table_name, column_name, standing \
                 FROM column_memory WHERE database = ?1 AND database_oid = ?2",
            )
            .map_err(fault)?;
        let rows = query
            .query_map((database, database_oid.0), |row| {
                let id = ColumnId { relation: Oid(row.get(0)?), attribute: row.get(1)? };
                let text = |column| row.get::<_, String>(column).map(Arc::from);
                let known = KnownColumn {
                    schema: text(2)?,
                    table: text(3)?,
                    column: text(4)?,
                    standing: Standing::from_name(&row.get::<_, String>(5)?),
                };
                Ok((id, known))
            })
            .map_err(fault)?;
        rows.collect::<Result<Known, _>>().map_err(fault)
    }

    fn save(&self, database: &str, database_oid: Oid, known: &Known) -> Result<(), BindingError> {
        let fault = |source: rusqlite::Error| BindingError::Write {
            database: database.to_owned(),
            source: source.into(),
        };
        let mut connection = self.connection.lock();
        let transaction = connection.transaction().map_err(fault)?;
        transaction.execute("DELETE FROM column_memory WHERE database = ?1", [database]).map_err(fault)?;
        {
            let mut insert = transaction
                .prepare("INSERT INTO column_memory VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
                .map_err(fault)?;
            for (id, column) in known {
                insert
                    .execute((
                        database,
                        database_oid.0,
                        id.relation.0,
                        id.attribute,
                        &*column.schema,
                        &*column.table,
                        &*column.column,
                        column.standing.name(),
                    ))
                    .map_err(fault)?;
            }
        }
        transaction.commit().map_err(fault)
    }
}

/// Bindings in the store that several nodes share: what one has seen protects
/// on all.
pub struct SharedBindings {
    link: Arc<Link>,
}

impl SharedBindings {
    /// Whose tables are there.
    pub fn new(link: Arc<Link>) -> Self {
        Self { link }
    }
}

impl BindingStore for SharedBindings {
    fn load(&self, database: &str, database_oid: Oid) -> Result<Known, BindingError> {
        let name = database.to_owned();
        let table = quoted(&self.link.address().schema);
        let found = self.link.run(move |client| -> Step<'_, Known> {
            Box::pin(async move {
                let text = format!(
                    "SELECT relation, attribute, schema_name, table_name, column_name, standing \
                     FROM {table}.catalog_column WHERE database = $1 AND database_oid = $2"
                );
                let oid = i64::from(database_oid.0);
                let rows = client.query_typed(&text, &[(&name, Type::TEXT), (&oid, Type::INT8)]).await?;
                rows.iter().map(read_shared).collect()
            })
        });
        found.map_err(|e| BindingError::Read { database: database.to_owned(), source: e.into() })
    }

    fn save(&self, database: &str, database_oid: Oid, known: &Known) -> Result<(), BindingError> {
        let (name, known) = (database.to_owned(), known.clone());
        let table = quoted(&self.link.address().schema);
        let saved = self.link.run(move |client| -> Step<'_, ()> {
            Box::pin(async move { write_shared(client, &table, &name, database_oid, &known).await })
        });
        saved.map_err(|e| BindingError::Write { database: database.to_owned(), source: e.into() })
    }
}

fn read_shared(row: &tokio_postgres::Row) -> Result<(ColumnId, KnownColumn), Failure> {
    let (relation, attribute): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let wrong = |_| Failure::Other("a column binding's number is out of range".to_owned());
    let id = ColumnId {
        relation: Oid(relation.try_into().map_err(wrong)?),
        attribute: attribute.try_into().map_err(wrong)?,
    };
    let text = |column| row.try_get::<_, &str>(column).map(Arc::from);
    let known = KnownColumn {
        schema: text(2)?,
        table: text(3)?,
        column: text(4)?,
        standing: Standing::from_name(row.try_get(5)?),
    };
    Ok((id, known))
}

/// Whole or not at all.
async fn write_shared(
    client: &mut tokio_postgres::Client,
    table: &str,
    database: &str,
    oid: Oid,
    known: &Known,
) -> Result<(), Failure> {
    let oid = i64::from(oid.0);
    let transaction = client.transaction().await?;
    let gone = format!("DELETE FROM {table}.catalog_column WHERE database = $1 AND database_oid = $2");
    transaction.execute_typed(&gone, &[(&database, Type::TEXT), (&oid, Type::INT8)]).await?;
    let put = format!(
        "INSERT INTO {table}.catalog_column VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (database, database_oid, relation, attribute) DO NOTHING"
    );
    for (id, column) in known {
        let (relation, attribute) = (i64::from(id.relation.0), i64::from(id.attribute));
        let (schema, name) = (&*column.schema, &*column.table);
        let (column, standing) = (&*column.column, column.standing.name());
        let row: [(&(dyn ToSql + Sync), Type); 8] = [
            (&database, Type::TEXT),
            (&oid, Type::INT8),
            (&relation, Type::INT8),
            (&attribute, Type::INT8),
            (&schema, Type::TEXT),
            (&name, Type::TEXT),
            (&column, Type::TEXT),
            (&standing, Type::TEXT),
        ];
        transaction.execute_typed(&put, &row).await?;
    }
    transaction.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_survives_and_belongs_to_one_database() {
        let store = SqliteBindings::in_memory().unwrap();
        let id = ColumnId { relation: Oid(16_400), attribute: 3 };
        let column = KnownColumn {
            schema: "public".into(),
            table: "customers".into(),
            column: "email".into(),
            standing: Standing::Bound,
        };
        let known = Known::from([(id, column)]);
        store.save("shop", Oid(5), &known).unwrap();
        store.save("crm", Oid(6), &Known::new()).unwrap();
        assert_eq!(store.load("shop", Oid(5)).unwrap(), known);
        // Dropped and made anew: nothing is known of it.
        assert!(store.load("shop", Oid(7)).unwrap().is_empty());
    }
}
