//! Statements behind DDL that is not committed.
//!
//! A client's own new function, operator, type or cast could be what a statement
//! calls, and no snapshot knows it. It gets a value only where one is used: a column
//! that a query shows as it is goes from the table to the client, and what is
//! unprotected may go anywhere. Invariant: where a statement is settled, each protected
//! column that it names, by a star or a row too, is an output of its own SELECT.

use super::namesakes::GIVEN;
use crate::catalog::Oid;
use crate::catalog::snapshot::Snapshot;
use crate::error::{ClientError, sqlstate};
use crate::sql::analysis::{Statement, StatementKind};
use crate::sql::lineage::{Lineage, Read};

/// As [`Statement::settled`].
pub(super) fn is_settled(lineage: &Lineage) -> bool {
    lineage.read <= Read::Shown && lineage.uses.is_empty()
}

/// A function or operator that no snapshot knows yet could change what the
/// rest of the text means.
pub fn uncommitted_code() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "a statement that names protected data cannot run after uncommitted DDL in the same transaction",
    )
    .with_hint("Commit the DDL first, and send this statement by itself.")
}

/// Which of several relations a name means is told by their columns, and these may
/// be others by then.
pub fn uncommitted_names(statement: &Statement) -> ClientError {
    with_schemas(
        statement,
        "which relation a name without a schema means cannot be told after uncommitted DDL in the same \
         transaction",
    )
}

/// The owner of a relation that a name may mean changes it while the statement waits, so
/// that it is read as it was taken not to be. What that shows is held back; what it leaves
/// behind, and where an original is sent, can't be. None: `login` is no such owner, or
/// nothing protected is read then.
pub fn changed_by_owner(
    statement: &Statement,
    snapshot: &Snapshot,
    login: &str,
    has_originals: bool,
) -> Option<ClientError> {
    let chooses = &statement.chooses;
    let is_query = matches!(statement.kind, StatementKind::Query);
    let only_shows = is_query && statement.only_reads && !chooses.leaves_trace;
    if chooses.left_out.is_empty() || (!has_originals && (only_shows || chooses.is_alone)) {
        return None;
    }
    let roles = snapshot.memberships.get(login);
    let may_change = |oid: &Oid| match (snapshot.relations.get(oid), roles) {
        (Some(relation), Some(roles)) => &*relation.owner == login || roles.contains(&relation.owner),
        _ => true,
    };
    chooses.left_out.iter().any(may_change).then(|| {
        with_schemas(
            statement,
            "which relation a name without a schema means cannot be told for certain: you may change one of \
             them while the statement waits",
        )
    })
}

fn with_schemas(statement: &Statement, why: &str) -> ClientError {
    let error = ClientError::new(sqlstate::FEATURE_NOT_SUPPORTED, why);
    let names = statement.chooses.names.iter();
    let mut names: Vec<&str> = names.flat_map(|it| &it.relations).map(String::as_str).collect();
    names.truncate(GIVEN);
    error.with_hint(format!("Write the name with its schema: {}.", names.join(" or ")))
}

#[cfg(test)]
mod tests {
    use crate::fuzzing::catalog;
    use crate::sql::analyser::analyse;
    use crate::sql::analysis::CatalogChange;
    use crate::sql::parse::with_room;

    fn analysed(text: &str) -> crate::sql::Analysis {
        with_room(|| analyse(&catalog::guard(), text.as_bytes(), 100)).unwrap()
    }

    #[test]
    fn ddl_holds_up_what_it_may_change_the_meaning_of() {
        let shown = "SELECT email FROM customers";
        let called = "SELECT email FROM customers ORDER BY email";
        for (ddl, change, holds) in [
            ("CREATE TYPE mood AS ENUM ('a')", CatalogChange::Code, true),
            ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", CatalogChange::Code, true),
            ("CREATE DOMAIN d AS int", CatalogChange::Code, true),
            ("CREATE RULE r AS ON INSERT TO scratch DO NOTHING", CatalogChange::Code, true),
            ("CREATE VIEW v AS SELECT 1 AS one", CatalogChange::Relations, false),
            ("CREATE MATERIALIZED VIEW v AS SELECT 1 AS one", CatalogChange::Relations, false),
            ("CREATE POLICY p ON scratch USING (true)", CatalogChange::Relations, false),
            (
                "CREATE TRIGGER t BEFORE INSERT ON scratch EXECUTE FUNCTION f()",
                CatalogChange::Relations,
                false,
            ),
            ("CREATE VIEW v AS SELECT email FROM customers", CatalogChange::Code, true),
            ("ALTER TYPE mood ADD VALUE 'b'", CatalogChange::Indexes, false),
            ("CREATE SCHEMA IF NOT EXISTS app", CatalogChange::Indexes, false),
        ] {
            let statements = analysed(&format!("{ddl}; {called}")).statements;
            assert_eq!(statements[0].catalog_change, change, "{ddl}");
            assert_eq!(statements[1].refusal.is_some(), holds, "{ddl}");
            let hides = statements[0].needs_exempt.is_some();
            let statements = analysed(&format!("{ddl}; {shown}")).statements;
            assert_eq!(statements[1].refusal.is_some(), hides, "{ddl}");
        }
    }
}
