//! The text of a function that a session without `exempt` makes. What runs in
//! it nobody sees, so it holds only what need not be judged at that moment:
//! queries, writes to rows, and PL/pgSQL's own statements. What gives a name,
//! makes or ends a prepared statement or a cursor, or works on tables that it
//! does not name is to be sent by itself.
//!
//! Invariant: each statement of a body that passes begins with a word, or is a
//! node of the grammar's, that is named here.

use pg_query::NodeEnum;
use pg_query::protobuf::{DropBehavior, DropStmt, ObjectType, VariableSetKind};

use super::change::{into, is_temporary, is_temporary_table};
use super::recoding;
use super::{Classifier, NEWER_NUMBERS};
use crate::catalog::functions::{has_word, takes_current};
use crate::sql::body::{self, Word};
use crate::sql::parse::Tokens;

/// Runs what is not in the text, or a cursor by its name: outside it shows
/// masks, inside the function values. Or reads where it was called from, which
/// tells what a token stands for: the parameters of the statement around it
/// (`log_parameter_max_length_on_error`), the line of a COPY. These stand inside
/// other statements too.
const DYNAMIC: &[&str] = &["execute", "explain", "fetch", "move", "pg_context", "pg_exception_context"];

/// What PL/pgSQL adds to SQL, but for what DYNAMIC names, OPEN and CLOSE.
const PLPGSQL: &[&str] = &[
    "assert",
    "begin",
    "call",
    "case",
    "commit",
    "continue",
    "else",
    "elseif",
    "elsif",
    "end",
    "exception",
    "exit",
    "for",
    "foreach",
    "get",
    "if",
    "loop",
    "null",
    "perform",
    "raise",
    "return",
    "rollback",
    "when",
    "while",
];

/// Commands that read and write rows, or do nothing to names and rows.
const COMMANDS: &[&str] = &[
    "comment", "delete", "grant", "insert", "listen", "lock", "merge", "notify", "revoke", "select", "show",
    "unlisten", "update", "values", "with",
];

impl Classifier<'_> {
    /// What a function with this body in SQL would do that nobody sees.
    pub(super) fn hidden_in_sql(&self, body: &str) -> Option<String> {
        if let Some(reason) = self.hidden_in_any(body) {
            return Some(reason);
        }
        let Some(nodes) = body::sql_statements(body) else { return Some(UNREAD.to_owned()) };
        let number = nodes.iter().position(|node| !self.is_plain(node))?;
        Some(format!("statement {} of its body is to be sent by itself", number.saturating_add(1)))
    }

    fn is_plain(&self, node: &NodeEnum) -> bool {
        match node {
            NodeEnum::SelectStmt(select) => into(select).is_none(),
            // SET NAMES is one of these.
            NodeEnum::VariableSetStmt(set) => {
                set.kind() != VariableSetKind::VarResetAll && !recoding::is_setting(&set.name)
            }
            NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_)
            | NodeEnum::VariableShowStmt(_)
            | NodeEnum::CallStmt(_)
            | NodeEnum::LockStmt(_)
            | NodeEnum::NotifyStmt(_)
            | NodeEnum::ListenStmt(_)
            | NodeEnum::UnlistenStmt(_)
            | NodeEnum::CommentStmt(_)
            | NodeEnum::GrantStmt(_) => true,
            NodeEnum::TruncateStmt(truncate) => {
                truncate.behavior() == DropBehavior::DropRestrict && !truncate.restart_seqs
            }
            NodeEnum::DropStmt(drop) => drops_tables(drop),
            NodeEnum::CreateStmt(_) | NodeEnum::CreateTableAsStmt(_) => self.makes_plain_table(node),
            // Names, code, settings, cursors: to be sent by themselves.
            _ => false,
        }
    }

    /// A temporary table of a name that it may have outside, too. A child would be
    /// changed with its parent, which need not be spelled elsewhere.
    fn makes_plain_table(&self, node: &NodeEnum) -> bool {
        let is_plain = match node {
            NodeEnum::CreateStmt(create) => is_temporary_table(create),
            NodeEnum::CreateTableAsStmt(create) => {
                let query = create.query.as_deref().and_then(|query| query.node.as_ref());
                let table = create.into.as_ref().and_then(|into| into.rel.as_ref());
                matches!(query, Some(NodeEnum::SelectStmt(_))) && is_temporary(table)
            }
            // Makes none.
            _ => false,
        };
        is_plain && self.makes_relied_on(node).is_none()
    }

    /// What a function with this body in PL/pgSQL would do that nobody sees.
    pub(super) fn hidden_in_plpgsql(&self, body: &str) -> Option<String> {
        if let Some(reason) = self.hidden_in_any(body) {
            return Some(reason);
        }
        let Some(words) = body::plpgsql_words(body) else { return Some(UNREAD.to_owned()) };
        if let Some(word) = words.iter().find(|word| DYNAMIC.iter().any(|known| word.is(known))) {
            return Some(format!("its body has the word {}", word.text.to_ascii_uppercase()));
        }
        let mut statements = body::plpgsql_statements(&words).into_iter();
        let hidden = statements.find(|statement| !self.passes(statement) || fills_table(statement))?;
        let beginning: Vec<&str> = hidden.iter().take(2).map(|word| word.text.as_str()).collect();
        Some(format!(
            "the statement of its body that begins \"{}\" is to be sent by itself",
            beginning.join(" ")
        ))
    }

    /// What is so in any language.
    fn hidden_in_any(&self, body: &str) -> Option<String> {
        if takes_cursor(body) {
            return Some("its body may work on a cursor of the session".to_owned());
        }
        let reads_otherwise = || {
            let tokens = Tokens::scan(body).ok();
            tokens.is_none_or(|tokens| tokens.newer_number(body, &(0..body.len())).is_some())
        };
        if self.guard.snapshot.server_version < NEWER_NUMBERS && reads_otherwise() {
            return Some(UNREAD.to_owned());
        }
        let sets = recoding::body_recodes(body) || self.guard.setters.are_in(body);
        sets.then(|| "its body may set client_encoding, or how texts are read".to_owned())
    }

    fn passes(&self, statement: &[Word]) -> bool {
        let says = |wanted: &str| statement.iter().any(|word| word.is(wanted));
        let second = |wanted: &str| statement.get(1).is_some_and(|word| word.is(wanted));
        match statement {
            [first, ..] if PLPGSQL.iter().chain(COMMANDS).any(|word| first.is(word)) => true,
            [first, ..] if first.is_sign("(") => true,
            [target, sign, ..] if [":=", "=", ".", "["].iter().any(|known| sign.is_sign(known)) => {
                target.is_name() || target.text.starts_with('$')
            }
            // SET CONSTRAINTS: an error that is still to come could be caught and shown.
            [first, ..] if first.is("set") => !says("constraints") && !says("names"),
            [first, ..] if first.is("reset") => !says("all"),
            [first, ..] if first.is("truncate") => !says("cascade") && !says("restart"),
            [first, ..] if first.is("drop") => second("table") && !says("cascade"),
            [first, ..] if first.is("create") => {
                let made = body::sql_statements(&body::spelled(statement));
                matches!(made.as_deref(), Some([table]) if self.makes_plain_table(table))
            }
            _ => false,
        }
    }
}

const UNREAD: &str = "its body can't be read for certain";

/// INTO fills variables in PL/pgSQL, unless the word in front of it looks like
/// INSERT: `SELECT 1 AS insert INTO t` makes a table. An INSERT or MERGE begins
/// the statement, or the query of RETURN QUERY or FOR, or one in WITH, or stands behind
/// WITH and before any query.
fn fills_table(statement: &[Word]) -> bool {
    let (before, statement) = statement.split_at_checked(query_of(statement)).unwrap_or((statement, &[]));
    if before.iter().any(|word| word.is("into")) {
        return true;
    }
    let begins_with = statement.first().is_some_and(|word| word.is("with"));
    let (mut depth, mut queried) = (0_usize, false);
    for (at, word) in statement.iter().enumerate() {
        let before = statement.get(..at).unwrap_or_default();
        if let [before @ .., verb] = before
            && word.is("into")
            && (verb.is("insert") || verb.is("merge"))
        {
            let is_write = before
                .last()
                .is_none_or(|last| last.is_sign("(") || last.is_sign(")") && begins_with && !queried);
            if !is_write {
                return true;
            }
        }
        if word.is_sign("(") {
            depth += 1;
        } else if word.is_sign(")") {
            depth = depth.saturating_sub(1);
        }
        queried |= depth == 0 && ["select", "values", "table"].iter().any(|query| word.is(query));
    }
    false
}

/// Where the query of `RETURN QUERY …` or `FOR r IN …` begins: no target of a loop is
/// called IN, which is reserved. Of any other statement, its own beginning.
fn query_of(statement: &[Word]) -> usize {
    match statement {
        [first, second, ..] if first.is("return") && second.is("query") => 2,
        [first, ..] if first.is("for") => {
            statement.iter().position(|word| word.is("in")).map_or(0, |at| at.saturating_add(1))
        }
        _ => 0,
    }
}

/// WHERE CURRENT OF changes what a cursor of the session has chosen.
fn takes_cursor(body: &str) -> bool {
    has_word(body, &["refcursor"]) || takes_current(body)
}

fn drops_tables(drop: &DropStmt) -> bool {
    drop.remove_type() == ObjectType::ObjectTable && drop.behavior() == DropBehavior::DropRestrict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_select_makes_a_table_by_into() {
        let fills = |body: &str| {
            let words = body::plpgsql_words(body).unwrap();
            body::plpgsql_statements(&words).into_iter().any(fills_table)
        };
        for body in [
            "BEGIN RETURN QUERY INSERT INTO flags VALUES (k) RETURNING *; END",
            "BEGIN RETURN QUERY WITH x AS (SELECT 1) INSERT INTO flags SELECT * FROM x RETURNING *; END",
            "BEGIN FOR r IN INSERT INTO flags VALUES (k) RETURNING * LOOP RETURN NEXT r; END LOOP; END",
            "BEGIN FOR a, b IN WITH x AS (INSERT INTO flags VALUES (k) RETURNING a, b) SELECT * FROM x LOOP NULL; END LOOP; END",
            "BEGIN FOR r IN REVERSE 3..1 LOOP INSERT INTO flags VALUES (r); END LOOP; END",
            "BEGIN SELECT 1 INTO v; END",
        ] {
            assert!(!fills(body), "{body}");
        }
        for body in [
            "BEGIN SELECT 1 AS insert INTO flags; END",
            "BEGIN RETURN QUERY SELECT 1 AS insert INTO flags; END",
            "BEGIN FOR r IN SELECT 1 AS insert INTO flags LOOP NULL; END LOOP; END",
            "BEGIN FOR r IN SELECT a IN insert INTO flags LOOP NULL; END LOOP; END",
            "BEGIN FOR insert INTO flags IN SELECT 1 LOOP NULL; END LOOP; END",
            "BEGIN query := 1 + insert INTO flags; END",
        ] {
            assert!(fills(body), "{body}");
        }
    }
}
