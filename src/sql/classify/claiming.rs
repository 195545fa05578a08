//! New tables and columns that a rule with a keyed mask means by their names.
//!
//! A token leads back to its original wherever a rule says so, and a client's
//! own table has triggers, CHECKs and defaults of the client's: they would
//! receive it. A table filled beforehand would show the mask of any guess. So a
//! session without `exempt` makes nothing, in any database, that would be masked
//! by a key once it is there. Invariant: a statement that gives a table or a
//! column a name, or moves it, is among those looked through here, or needs
//! `exempt` anyway. Temporary tables are no rule's.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableStmt, AlterTableType, CreateStmt, CreateTableAsStmt, Node, ObjectType, RangeVar, Token,
};

use super::change::{into, is_temporary};
use super::{Classifier, name_of};
use crate::config::ColumnPattern;
use crate::error::{ClientError, sqlstate};
use crate::policy::rules::ANY;
use crate::sql::analysis::Statement;

/// A table as a statement makes, alters or moves it.
struct Claim<'n> {
    /// None: as the search_path says.
    schema: Option<&'n str>,
    table: &'n str,
    columns: Columns,
}

enum Columns {
    /// New there, at most those of these names.
    Named(Vec<String>),
    /// Any.
    Unknown,
}

impl Claim<'_> {
    fn fits(&self, pattern: &ColumnPattern) -> bool {
        let schema = self.schema.is_none_or(|schema| pattern.schema == ANY || pattern.schema == schema);
        if pattern.table != ANY {
            return schema && pattern.table == self.table;
        }
        match &self.columns {
            Columns::Named(names) if pattern.column == ANY => schema && !names.is_empty(),
            // In any schema: it may be moved, or have children elsewhere.
            Columns::Named(names) => names.contains(&pattern.column),
            Columns::Unknown => true,
        }
    }
}

impl Classifier<'_> {
    /// Holds the statement back if what it makes would be masked by a key.
    pub(super) fn claims_no_mask(&self, node: &NodeEnum, statement: Statement) -> Statement {
        let claims = &self.guard.keyed_rules;
        if claims.is_empty() || statement.refusal.is_some() || statement.needs_exempt.is_some() {
            return statement;
        }
        let is_claimed = match node {
            // A schema that rules name, or a composite type whose tables nobody spells.
            NodeEnum::RenameStmt(rename) if rename.rename_type() == ObjectType::ObjectSchema => {
                claims.iter().find(|pattern| pattern.schema == rename.newname)
            }
            NodeEnum::RenameStmt(rename) if rename.rename_type() == ObjectType::ObjectAttribute => {
                claims.iter().find(|pattern| pattern.column == ANY || pattern.column == rename.newname)
            }
            node => {
                let made = self.claims(node);
                claims.iter().find(|pattern| made.iter().any(|claim| claim.fits(pattern)))
            }
        };
        match is_claimed {
            Some(pattern) => Statement { needs_exempt: Some(self.claimed(pattern)), ..statement },
            None => statement,
        }
    }

    fn claims<'n>(&self, node: &'n NodeEnum) -> Vec<Claim<'n>> {
        match node {
            NodeEnum::CreateStmt(create) => self.created(create).into_iter().collect(),
            NodeEnum::CreateTableAsStmt(create) => self.filled(create).into_iter().collect(),
            NodeEnum::SelectStmt(select) => {
                let target = into(select).filter(|target| !is_temporary(Some(target)));
                target.map(|target| self.selected(target, Some(node))).into_iter().collect()
            }
            NodeEnum::AlterTableStmt(alter) => self.altered(alter).into_iter().collect(),
            NodeEnum::RenameStmt(rename) => {
                let Some(table) = rename.relation.as_ref() else { return Vec::new() };
                let schema = schema_of(table);
                match rename.rename_type() {
                    ObjectType::ObjectColumn => {
                        let columns = Columns::Named(vec![rename.newname.clone()]);
                        vec![Claim { schema, table: &table.relname, columns }]
                    }
                    // ALTER INDEX renames tables too (`RenameRelation` in `tablecmds.c`).
                    ObjectType::ObjectTable
                    | ObjectType::ObjectForeignTable
                    | ObjectType::ObjectMatview
                    | ObjectType::ObjectIndex => {
                        vec![Claim { schema, table: &rename.newname, columns: Columns::Named(Vec::new()) }]
                    }
                    _ => Vec::new(),
                }
            }
            NodeEnum::AlterObjectSchemaStmt(moved) => {
                let claim = |table: &'n RangeVar| Claim {
                    schema: Some(&moved.newschema),
                    table: &table.relname,
                    columns: Columns::Unknown,
                };
                moved.relation.as_ref().map(claim).into_iter().collect()
            }
            NodeEnum::CreateSchemaStmt(create) => {
                let within = Some(create.schemaname.as_str()).filter(|name| !name.is_empty());
                let parts = create.schema_elts.iter().filter_map(|part| part.node.as_ref());
                parts
                    .flat_map(|part| self.claims(part))
                    .map(|claim| Claim { schema: claim.schema.or(within), ..claim })
                    .collect()
            }
            NodeEnum::ExplainStmt(explain) => {
                let inner = explain.query.as_deref().and_then(|query| query.node.as_ref());
                inner.map(|node| self.claims(node)).unwrap_or_default()
            }
            // Makes and moves no table.
            _ => Vec::new(),
        }
    }

    fn created<'n>(&self, create: &'n CreateStmt) -> Option<Claim<'n>> {
        let table = create.relation.as_ref().filter(|table| !is_temporary(Some(table)))?;
        let takes_over = |part: &Node| matches!(part.node, Some(NodeEnum::TableLikeClause(_)));
        let is_listed = create.inh_relations.is_empty()
            && create.of_typename.is_none()
            && !create.table_elts.iter().any(takes_over);
        let columns = if is_listed { self.words() } else { Columns::Unknown };
        Some(Claim { schema: schema_of(table), table: &table.relname, columns })
    }

    fn filled<'n>(&self, create: &'n CreateTableAsStmt) -> Option<Claim<'n>> {
        let into = create.into.as_deref()?;
        let table = into.rel.as_ref().filter(|table| !is_temporary(Some(table)))?;
        Some(self.selected(table, create.query.as_deref().and_then(|query| query.node.as_ref())))
    }

    /// A table made of a query's rows. What a `*` stands for may be other columns
    /// by then, of something made in the transaction or in another session.
    fn selected<'n>(&self, table: &'n RangeVar, query: Option<&NodeEnum>) -> Claim<'n> {
        let columns = match query {
            Some(NodeEnum::SelectStmt(_)) if !self.has_star() => self.words(),
            Some(_) | None => Columns::Unknown,
        };
        Claim { schema: schema_of(table), table: &table.relname, columns }
    }

    fn altered<'n>(&self, alter: &'n AlterTableStmt) -> Option<Claim<'n>> {
        let table = alter.relation.as_ref()?;
        let adds = |node: &Node| match node.node.as_ref() {
            Some(NodeEnum::AlterTableCmd(command)) => command.subtype() == AlterTableType::AtAddColumn,
            _ => true,
        };
        if !alter.cmds.iter().any(adds) {
            return None;
        }
        Some(Claim { schema: schema_of(table), table: &table.relname, columns: self.words() })
    }

    /// The names in the statement, any of which may be a column's.
    fn words(&self) -> Columns {
        if self.escapes {
            return Columns::Unknown;
        }
        let texts = self.tokens.within(&self.span).filter_map(|(at, _)| self.text.get(at));
        Columns::Named(texts.map(name_of).collect())
    }

    /// Is there a `*` that stands for columns, or TABLE, which is one?
    /// An operand stands on either side of one that multiplies.
    fn has_star(&self) -> bool {
        let tokens: Vec<(&str, Token)> = self
            .tokens
            .within(&self.span)
            .filter_map(|(at, token)| Some((self.text.get(at)?, token)))
            .collect();
        let tables = tokens.iter().filter(|(_, token)| *token == Token::Table).count();
        let stars = tokens.iter().enumerate().filter(|(_, (text, _))| *text == "*");
        let is_columns = |at: usize| {
            let before = at.checked_sub(1).and_then(|at| tokens.get(at));
            let behind = tokens.get(at.saturating_add(1));
            let counts =
                before.is_some_and(|(text, _)| *text == "(") && behind.is_some_and(|(text, _)| *text == ")");
            let begins = before.is_none_or(|(text, token)| {
                matches!(*text, "," | ".")
                    || matches!(token, Token::All | Token::Distinct | Token::Returning | Token::Select)
            });
            let ends = behind.is_none_or(|(text, token)| {
                matches!(*text, "," | ")") || matches!(token, Token::From | Token::Into)
            });
            !counts && (begins || ends)
        };
        tables > 1 || stars.map(|(at, _)| at).any(is_columns)
    }

    fn claimed(&self, pattern: &ColumnPattern) -> ClientError {
        ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!("permission denied: the policy has a mask for {pattern}, which this could come to be"),
        )
        .with_hint(
            "Use another name, name the columns instead of *, or make a temporary table. A role with \"exempt = true\" in the policy may make it.",
        )
        .at(self.position(self.span.start))
    }
}

fn schema_of(table: &RangeVar) -> Option<&str> {
    Some(table.schemaname.as_str()).filter(|schema| !schema.is_empty())
}
