//! EXPLAIN: the neutralised text, without costs, for sessions without a full
//! grant. Row estimates come from column statistics, and ANALYZE's counters
//! from the values themselves.

use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{CreateTableAsStmt, DefElem, ExplainStmt, Token};

use super::Classifier;
use crate::error::{ClientError, sqlstate};
use crate::sql::analysis::{Otherwise, Statement, StatementKind, UseKind};
use crate::sql::splice::Edit;

impl Classifier<'_> {
    pub(super) fn explain(&self, explain: &ExplainStmt) -> Statement {
        match explain.query.as_deref().and_then(|query| query.node.as_ref()) {
            Some(NodeEnum::ExecuteStmt(execute)) => {
                self.executes(execute, StatementKind::ExplainExecute { name: execute.name.clone() })
            }
            // What it would copy is not in this text.
            Some(NodeEnum::CreateTableAsStmt(create)) if runs_prepared(create) => {
                self.refused(self.not_understood())
            }
            Some(_) if !self.is_counted() => Statement::harmless(self.span.clone(), StatementKind::Explain),
            Some(
                query @ (NodeEnum::SelectStmt(_)
                | NodeEnum::InsertStmt(_)
                | NodeEnum::UpdateStmt(_)
                | NodeEnum::DeleteStmt(_)
                | NodeEnum::MergeStmt(_)),
            ) => self.explain_query(explain, query).unwrap_or_else(|error| self.refused(error)),
            _ => self.refused(self.not_understood()),
        }
    }

    fn explain_query(&self, explain: &ExplainStmt, query: &NodeEnum) -> Result<Statement, ClientError> {
        let lineage = self.lineage(query)?;
        let named = lineage.named.clone();
        let touches = lineage.touches_protected;
        let mut edits = lineage.output_edits.clone();
        let mut statement = self.with_lineage(StatementKind::Explain, lineage);
        statement.outputs = None;
        let otherwise = match is_on(explain, "analyze") {
            true => Otherwise::Refuse,
            false => {
                // Planning calls functions, and writes nothing.
                statement.defers = self.may_change_by_code();
                edits.push(self.without_costs(explain)?);
                Otherwise::Neutralise(edits)
            }
        };
        match self.grant_only(named, UseKind::Explain, otherwise) {
            Some(use_) => statement.uses.push(use_),
            // It depends on protected data without naming a protected column: nobody's grant covers it.
            None if touches => return Err(self.not_explained()),
            None => {}
        }
        Ok(statement)
    }

    /// Replaces `EXPLAIN` and its options by the harmless ones among them and COSTS OFF.
    fn without_costs(&self, explain: &ExplainStmt) -> Result<Edit, ClientError> {
        let mut options = vec!["COSTS OFF".to_owned()];
        for option in &explain.options {
            let Some(NodeEnum::DefElem(option)) = option.node.as_ref() else {
                return Err(self.not_explained());
            };
            options.extend(harmless_option(option).ok_or_else(|| self.not_explained())?);
        }
        let header = self.explain_header().ok_or_else(|| self.not_explained())?;
        Ok(Edit::new(header, format!("EXPLAIN ({}) ", options.join(", "))))
    }

    /// From EXPLAIN to the first token of the statement it explains.
    fn explain_header(&self) -> Option<Range<usize>> {
        let mut tokens = self.tokens.within(&self.span).peekable();
        let (first, _) = tokens.next_if(|(_, token)| *token == Token::Explain)?;
        let start = first.start;
        let parenthesised = tokens.peek().is_some_and(|(_, token)| *token == Token::Ascii40)
            && !self.is_parenthesised_query(&self.span);
        if parenthesised {
            let mut depth = 0_usize;
            for (_, token) in tokens.by_ref() {
                match token {
                    Token::Ascii40 => depth += 1,
                    Token::Ascii41 => depth = depth.saturating_sub(1),
                    // Option names and values.
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            while tokens
                .next_if(|(_, token)| matches!(token, Token::Analyze | Token::Analyse | Token::Verbose))
                .is_some()
            {}
        }
        let (query, _) = tokens.next()?;
        Some(start..query.start)
    }

    /// `EXPLAIN (SELECT …)`: the parenthesis belongs to the query.
    fn is_parenthesised_query(&self, span: &Range<usize>) -> bool {
        self.tokens
            .within(span)
            .map(|(_, token)| token)
            .skip(1)
            .find(|token| *token != Token::Ascii40)
            .is_some_and(|token| matches!(token, Token::Select | Token::With | Token::Values | Token::Table))
    }

    fn not_explained(&self) -> ClientError {
        ClientError::new(
            sqlstate::FEATURE_NOT_SUPPORTED,
            "EXPLAIN with these options is not available for a statement that names protected data",
        )
        .with_hint("Use EXPLAIN without options, or with VERBOSE, FORMAT, SETTINGS or GENERIC_PLAN.")
        .at(self.position(self.span.start))
    }
}

/// CREATE TABLE … AS EXECUTE.
fn runs_prepared(create: &CreateTableAsStmt) -> bool {
    matches!(
        create.query.as_deref().and_then(|query| query.node.as_ref()),
        Some(NodeEnum::ExecuteStmt(_)) | None
    )
}

fn is_on(explain: &ExplainStmt, name: &str) -> bool {
    explain.options.iter().any(|option| match option.node.as_ref() {
        Some(NodeEnum::DefElem(option)) => {
            option.defname == name && option_value(option).as_deref() != Some("off")
        }
        _ => true,
    })
}

/// The option as text where it may stay, nothing where COSTS OFF makes it
/// idle, None where it is not known.
fn harmless_option(option: &DefElem) -> Option<Option<String>> {
    let value = option_value(option)?;
    match option.defname.as_str() {
        "verbose" | "settings" | "generic_plan" => Some(Some(format!("{} {value}", option.defname))),
        "format" if ["text", "json", "xml", "yaml"].contains(&value.as_str()) => {
            Some(Some(format!("format {value}")))
        }
        "costs" | "analyze" | "buffers" | "wal" | "timing" | "summary" | "memory" | "serialize" => Some(None),
        _ => None,
    }
}

/// An option's value, lower case; booleans as `on` and `off`.
fn option_value(option: &DefElem) -> Option<String> {
    let Some(argument) = option.arg.as_deref() else { return Some("on".to_owned()) };
    match argument.node.as_ref()? {
        NodeEnum::Boolean(value) => Some(if value.boolval { "on" } else { "off" }.to_owned()),
        NodeEnum::Integer(value) => Some(if value.ival == 0 { "off" } else { "on" }.to_owned()),
        NodeEnum::String(value) => match value.sval.to_ascii_lowercase().as_str() {
            "true" | "on" => Some("on".to_owned()),
            "false" | "off" => Some("off".to_owned()),
            word if word.bytes().all(|byte| byte.is_ascii_lowercase()) => Some(word.to_owned()),
            _ => None,
        },
        _ => None,
    }
}
