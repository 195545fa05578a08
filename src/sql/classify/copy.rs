//! COPY: a table or query to the client is judged as the SELECT it stands for,
//! rows from the client as the INSERT they stand for.

use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{CopyStmt, DefElem, RangeVar, Token};

use super::{Classifier, Covered};
use crate::catalog::Oid;
use crate::catalog::snapshot::{Column, Relation};
use crate::error::{ClientError, sqlstate};
use crate::sql::analysis::{
    CopyFormat, CopyIn, CopyInFormat, CopyOut, Flow, Given, GivenValues, Like, Output, Statement,
    StatementKind, Use,
};
use crate::sql::lineage::{self, Lineage};
use crate::sql::parse;

impl Classifier<'_> {
    pub(super) fn copy(&self, copy: &CopyStmt) -> Statement {
        if !self.is_counted() {
            let harmless = Statement::harmless(self.span.clone(), StatementKind::Utility);
            return Statement { needs_exempt: is_of_server(copy).then(|| self.around_sql()), ..harmless };
        }
        self.copy_counted(copy).unwrap_or_else(|error| self.refused(error))
    }

    fn copy_counted(&self, copy: &CopyStmt) -> Result<Statement, ClientError> {
        if is_of_server(copy) {
            return Err(self.file_or_program());
        }
        match (&copy.relation, copy.query.as_deref().and_then(|query| query.node.as_ref()), copy.is_from) {
            (Some(relation), None, true) => self.copy_in(copy, relation),
            (Some(relation), None, false) => self.copy_table(copy, relation),
            (None, Some(query), false) => self.copy_query(copy, query),
            _ => Err(self.not_understood()),
        }
    }

    fn copy_query(&self, copy: &CopyStmt, query: &NodeEnum) -> Result<Statement, ClientError> {
        let lineage = self.lineage(query)?;
        let span = self.query_span().ok_or_else(|| self.not_understood())?;
        let format = self.copy_out_format(copy, &lineage)?;
        let out = CopyOut { format, like: Like::Query(span) };
        Ok(self.with_lineage(StatementKind::CopyOut(out), lineage))
    }

    /// Between the parentheses that follow COPY.
    fn query_span(&self) -> Option<Range<usize>> {
        let mut tokens = self.tokens.within(&self.span).skip(1);
        let (open, token) = tokens.next()?;
        if token != Token::Ascii40 {
            return None;
        }
        let mut depth = 1_usize;
        for (at, token) in tokens {
            match token {
                Token::Ascii40 => depth += 1,
                Token::Ascii41 => depth = depth.checked_sub(1)?,
                // The query's own tokens.
                _ => {}
            }
            if depth == 0 {
                return Some(open.end..at.start);
            }
        }
        None
    }

    /// `COPY t (a, b) TO STDOUT` copies `SELECT a, b FROM ONLY t`, without
    /// generated columns where none are named.
    fn copy_table(&self, copy: &CopyStmt, named: &RangeVar) -> Result<Statement, ClientError> {
        let Copied { name, columns, each } = self.copied(copy, named)?;
        if !each.is_empty() {
            let select = |(name, columns): &(String, Vec<String>)| {
                format!("SELECT {} FROM ONLY {name}", quoted_list(columns))
            };
            let lineage = self.for_each(named, each.iter().map(select))?;
            let like = Like::Table(format!("SELECT 1 FROM ONLY {name}"));
            let out = CopyOut { format: self.copy_format(copy)?, like };
            let statement = self.with_lineage(StatementKind::CopyOut(out), lineage);
            return Ok(Statement { outputs: None, ..statement });
        }
        let select = format!("SELECT {} FROM ONLY {name}", quoted_list(&columns));
        let lineage = self.standing_for(&select)?;
        if lineage.uses.iter().any(|use_| !use_.otherwise.edits().is_empty()) {
            return Err(self.not_understood());
        }
        let out = CopyOut { format: self.copy_out_format(copy, &lineage)?, like: Like::Table(select) };
        Ok(self.with_lineage(StatementKind::CopyOut(out), lineage))
    }

    /// The write rule, as for `INSERT INTO t (a, b) VALUES ($1, $2)`. By the option
    /// DEFAULT any of these may be its default.
    fn copy_in(&self, copy: &CopyStmt, named: &RangeVar) -> Result<Statement, ClientError> {
        let Copied { name, columns, each } = self.copied(copy, named)?;
        // Options that are not understood may be that one.
        let defaults = match self.options(copy).map(|given| given.default) {
            Ok(None) => String::new(),
            Ok(Some(_)) | Err(_) => format!(", ({})", vec!["DEFAULT"; columns.len()].join(", ")),
        };
        let insert = |name: &str, columns: &[String]| {
            let values: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
            format!("INSERT INTO {name} ({}) VALUES ({}){defaults}", quoted_list(columns), values.join(", "))
        };
        let mut lineage = match each.is_empty() {
            true => self.standing_for(&insert(&name, &columns))?,
            false => self.for_each(named, each.iter().map(|(name, columns)| insert(name, columns)))?,
        };
        if copy.where_clause.is_some() {
            let chosen = self.chosen_by(&name)?;
            lineage.uses.extend(chosen.uses);
            lineage.spells_letters |= chosen.spells_letters;
            lineage.sensitive_literals.extend(chosen.sensitive_literals);
        }
        let kind = CopyIn { columns: columns.len(), format: self.copy_in_format(copy, &columns) };
        let statement = self.with_lineage(StatementKind::CopyIn(kind), lineage);
        Ok(Statement { outputs: None, ..statement })
    }

    /// `WHERE …` chooses among the rows of the data as it would among the
    /// table's. A token in it could not become a parameter.
    fn chosen_by(&self, name: &str) -> Result<Lineage, ClientError> {
        let mut tokens = self.tokens.within(&self.span);
        let start = tokens.find(|(_, token)| *token == Token::Where).map(|(at, _)| at.end);
        let start = start.ok_or_else(|| self.not_understood())?;
        let condition = self.text.get(start..self.span.end).ok_or_else(|| self.not_understood())?;
        let head = format!("SELECT 1 FROM ONLY {name} WHERE");
        let sql = format!("{head}{condition}");
        let parsed = parse::parse(&sql, self.depth)?;
        let raw = parsed.statements.first().ok_or_else(|| self.not_understood())?;
        let mut lineage = lineage::analyse(self.guard.facts(), &sql, &raw.node, &parsed.tokens, self.depth)?;
        let here = |span: Range<usize>| {
            let place = |at: usize| at.checked_sub(head.len()).map_or(start, |within| start + within);
            place(span.start)..place(span.end)
        };
        let accounted: Vec<Range<usize>> = lineage.accounted.drain(..).map(here).collect();
        let accounted = Covered::by(&accounted);
        let mut names = self.names.iter().filter(|name| name.start >= start);
        if let Some(name) = names.find(|name| !accounted.holds(name)) {
            return Err(self.unaccounted(name));
        }
        for use_ in &mut lineage.uses {
            use_.span = here(use_.span.clone());
            use_.position = self.position(use_.span.start);
            use_.given = None;
        }
        lineage.sensitive_literals = lineage.sensitive_literals.drain(..).map(here).collect();
        Ok(lineage)
    }

    fn copy_in_format(&self, copy: &CopyStmt, columns: &[String]) -> Result<CopyInFormat, ClientError> {
        let given = self.options(copy)?;
        // "force_null", "force_not_null" and the like name columns of the data.
        let places = |names: &[String]| -> Option<Vec<usize>> {
            names.iter().map(|name| columns.iter().position(|column| column == name)).collect()
        };
        let all = || (0..columns.len()).collect::<Vec<usize>>();
        let chosen = |forced: &Forced| match forced {
            Forced::None => Some(Vec::new()),
            Forced::All => Some(all()),
            Forced::Named(names) => places(names),
        };
        let force_null = chosen(&given.force_null).ok_or_else(|| self.unknown_option("force_null"))?;
        let force_not_null =
            chosen(&given.force_not_null).ok_or_else(|| self.unknown_option("force_not_null"))?;
        let (default, utf8) = (given.default.clone(), given.utf8);
        let format = given.format().ok_or_else(|| self.unknown_option("format"))?;
        Ok(CopyInFormat { format, default, force_null, force_not_null, utf8 })
    }

    /// The lineage of a statement made of the snapshot's own names. Its places
    /// become the place of the whole COPY.
    fn standing_for(&self, sql: &str) -> Result<Lineage, ClientError> {
        let parsed = parse::parse(sql, self.depth)?;
        let raw = parsed.statements.first().ok_or_else(|| self.not_understood())?;
        let position = self.position(self.span.start);
        let analysed = lineage::analyse(self.guard.facts(), sql, &raw.node, &parsed.tokens, self.depth);
        let mut lineage = analysed.map_err(|error| error.at(position))?;
        lineage.sensitive_literals.clear();
        lineage.accounted.clear();
        // What it writes is `$1` and the like: the data's columns.
        let given = |given: GivenValues| GivenValues {
            values: given.values.into_iter().map(|v| Given { span: self.span.clone(), ..v }).collect(),
            ..given
        };
        let here =
            |use_: Use| Use { span: self.span.clone(), position, given: use_.given.map(given), ..use_ };
        lineage.uses = lineage.uses.into_iter().map(here).collect();
        Ok(lineage)
    }

    /// A name without a schema may mean several relations, if what is copied is
    /// alike in all of them.
    fn copied(&self, copy: &CopyStmt, named: &RangeVar) -> Result<Copied, ClientError> {
        let candidates = lineage::candidates(self.guard.facts(), &named.schemaname, &named.relname);
        let is_there =
            |relation: &&Relation| named.schemaname.is_empty() || *relation.schema == *named.schemaname;
        let candidates: Vec<&Relation> = candidates.into_iter().filter(is_there).collect();
        let Some(first) = candidates.first() else { return Err(self.not_understood()) };
        let wanted = self.listed_columns(copy)?;
        let wants = wanted.as_deref();
        let with_shape =
            candidates.iter().copied().filter_map(|it| Some((qualified(it), copied_columns(it, wants)?)));
        let possible: Vec<(String, Vec<ColumnShape<'_>>)> = with_shape.collect();
        let names = |shape: &[ColumnShape<'_>]| shape.iter().map(|(name, ..)| (*name).to_owned()).collect();
        let shape = possible.first().map(|(_, shape)| shape);
        let differs = possible.iter().any(|(_, other)| shape != Some(other));
        let each = match differs {
            true => possible.iter().map(|(name, shape)| (name.clone(), names(shape))).collect(),
            false => Vec::new(),
        };
        let name = match candidates.len() {
            1 => qualified(first),
            _ => quoted(&named.relname),
        };
        let of_shape = || shape.map(|shape| names(shape)).unwrap_or_default();
        Ok(Copied { name, columns: wanted.clone().unwrap_or_else(of_shape), each })
    }

    /// What is copied differs from one relation of the name to the other: where nothing
    /// that is protected is used by what stands for the COPY of any of them, it does not
    /// matter which it is, nor how many columns it has by then.
    fn for_each(
        &self,
        named: &RangeVar,
        texts: impl Iterator<Item = String>,
    ) -> Result<Lineage, ClientError> {
        let mut all: Option<Lineage> = None;
        for text in texts {
            let lineage = self.standing_for(&text)?;
            let is_clean = |output: &Output| output.flow == Flow::Clean;
            if !lineage.uses.is_empty() || !lineage.outputs.iter().all(is_clean) {
                return Err(columns_differ(&named.relname).at(self.position(self.span.start)));
            }
            match &mut all {
                None => all = Some(lineage),
                Some(all) => {
                    all.named.extend(lineage.named);
                    all.touches_protected |= lineage.touches_protected;
                    all.written.extend(lineage.written);
                    all.read = all.read.max(lineage.read);
                }
            }
        }
        all.ok_or_else(|| self.not_understood())
    }

    /// None: there is no list of columns.
    fn listed_columns(&self, copy: &CopyStmt) -> Result<Option<Vec<String>>, ClientError> {
        if copy.attlist.is_empty() {
            return Ok(None);
        }
        let name = |node: &pg_query::Node| match node.node.as_ref() {
            Some(NodeEnum::String(name)) => Ok(name.sval.clone()),
            _ => Err(self.not_understood()),
        };
        copy.attlist.iter().map(name).collect::<Result<Vec<String>, ClientError>>().map(Some)
    }

    /// The server writes each mark in a value twice, or with another before it: how
    /// long a row is would count it there.
    ///
    /// In text format a value that reads like the NULL marker looks like a
    /// NULL: any marker but `\N`, which no value is written as, asks whether
    /// a value is this one.
    fn copy_out_format(&self, copy: &CopyStmt, lineage: &Lineage) -> Result<CopyFormat, ClientError> {
        let format = self.copy_format(copy)?;
        let masks = lineage.outputs.iter().any(|output| output.flow != Flow::Clean);
        match &format {
            CopyFormat::Text { null, .. } if masks && null != "\\N" => Err(ClientError::new(
                sqlstate::FEATURE_NOT_SUPPORTED,
                "COPY of protected columns in text format marks NULL with \\N only",
            )
            .with_hint("Leave the option NULL out, or use FORMAT csv.")
            .at(self.position(self.span.start))),
            _ if masks && format.marks().into_iter().any(stands_in_values) => Err(ClientError::new(
                sqlstate::FEATURE_NOT_SUPPORTED,
                "COPY of protected columns takes no letter, digit or sign of addresses and numbers for \
                 DELIMITER, QUOTE and ESCAPE",
            )
            .with_hint("Use a tab or one of , ; | \" ' ^ ~ \\ there.")
            .at(self.position(self.span.start))),
            CopyFormat::Text { .. } | CopyFormat::Csv { .. } | CopyFormat::Binary => Ok(format),
        }
    }

    fn copy_format(&self, copy: &CopyStmt) -> Result<CopyFormat, ClientError> {
        self.options(copy)?.format().ok_or_else(|| self.unknown_option("format"))
    }

    fn options(&self, copy: &CopyStmt) -> Result<Options, ClientError> {
        let mut given = Options::default();
        for option in &copy.options {
            let Some(NodeEnum::DefElem(option)) = option.node.as_ref() else {
                return Err(self.not_understood());
            };
            let taken = match copy.is_from {
                true => given.take_from(option),
                false => given.take(option),
            };
            taken.ok_or_else(|| self.unknown_option(&option.defname))?;
        }
        Ok(given)
    }

    fn unknown_option(&self, name: &str) -> ClientError {
        ClientError::new(
            sqlstate::FEATURE_NOT_SUPPORTED,
            format!("COPY option \"{name}\" is not understood for a statement that names protected data"),
        )
        .at(self.position(self.span.start))
    }

    /// A program that the server runs can connect to it; its files and its log
    /// hold what its tables hold.
    fn around_sql(&self) -> ClientError {
        ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            "permission denied: COPY with a file or program of the server could go round bauta",
        )
        .with_hint(
            "Use COPY with STDIN or STDOUT, or psql's \\copy. A role with \"exempt = true\" in the policy may run it.",
        )
        .at(self.position(self.span.start))
    }

    fn file_or_program(&self) -> ClientError {
        ClientError::new(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            "permission denied: COPY between a protected table and a file or program of the server",
        )
        .with_hint("Use COPY … TO STDOUT or psql's \\copy.")
        .at(self.position(self.span.start))
    }
}

/// Is it common in values?
fn stands_in_values(mark: u8) -> bool {
    mark.is_ascii_alphanumeric() || b" @.:/+-_".contains(&mark)
}

impl CopyFormat {
    /// What COPY writes between and around values.
    fn marks(&self) -> Vec<u8> {
        match self {
            Self::Text { delimiter, .. } => vec![*delimiter],
            Self::Csv { delimiter, quote, escape, .. } => vec![*delimiter, *quote, *escape],
            Self::Binary => Vec::new(),
        }
    }
}

fn columns_differ(name: &str) -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        format!("more than one relation is called \"{name}\", and their columns differ"),
    )
    .with_hint("Write the schema's name in front of it.")
}

/// What a COPY copies.
struct Copied {
    /// As it stands in a statement: with its schema, if only one relation has it.
    name: String,
    columns: Vec<String>,
    /// Where that differs: each relation that the name may mean, and its columns.
    each: Vec<(String, Vec<String>)>,
}

/// Name, type and its modifier.
type ColumnShape<'a> = (&'a str, Oid, i32);

/// None: the relation has not all columns of the list. Without one, all are
/// copied but those that are generated.
fn copied_columns<'a>(relation: &'a Relation, list: Option<&[String]>) -> Option<Vec<ColumnShape<'a>>> {
    let shape = |column: &'a Column| (&*column.name, column.type_oid, column.type_modifier);
    match list {
        Some(names) => names.iter().map(|name| relation.column(name).map(shape)).collect(),
        None => {
            Some(relation.columns.iter().filter(|column| column.generated.is_none()).map(shape).collect())
        }
    }
}

fn is_of_server(copy: &CopyStmt) -> bool {
    copy.is_program || !copy.filename.is_empty()
}

/// COPY's options as PostgreSQL's `ProcessCopyOptions` reads them.
#[derive(Default)]
struct Options {
    format: Option<String>,
    delimiter: Option<u8>,
    null: Option<String>,
    header: bool,
    quote: Option<u8>,
    escape: Option<u8>,
    forced: bool,
    default: Option<String>,
    force_null: Forced,
    force_not_null: Forced,
    utf8: bool,
}

/// The columns that an option names.
#[derive(Default)]
enum Forced {
    #[default]
    None,
    All,
    Named(Vec<String>),
}

impl Options {
    /// None: an option, or a value, that bauta does not know.
    fn take(&mut self, option: &DefElem) -> Option<()> {
        match option.defname.as_str() {
            "format" => self.format = Some(string(option)?.to_ascii_lowercase()),
            "delimiter" => self.delimiter = Some(single_byte(option)?),
            "null" => self.null = Some(string(option)?.to_owned()),
            "quote" => self.quote = Some(single_byte(option)?),
            "escape" => self.escape = Some(single_byte(option)?),
            "header" => self.header = switch(option)?,
            // With a list, masked values are quoted where they need it, which every reader accepts.
            "force_quote" => self.forced = matches!(option.arg.as_deref()?.node, Some(NodeEnum::AStar(_))),
            _ => return None,
        }
        Some(())
    }

    /// As [`take`](Self::take), of COPY FROM.
    fn take_from(&mut self, option: &DefElem) -> Option<()> {
        match option.defname.as_str() {
            "default" => self.default = Some(string(option)?.to_owned()),
            "force_null" => self.force_null = forced(option)?,
            "force_not_null" => self.force_not_null = forced(option)?,
            "freeze" => return switch(option).map(|_| ()),
            "encoding" => {
                let name = string(option)?.to_ascii_lowercase();
                self.utf8 = matches!(name.as_str(), "utf8" | "utf-8" | "unicode");
                return self.utf8.then_some(());
            }
            "force_quote" => return None,
            _ => return self.take(option),
        }
        Some(())
    }

    fn format(self) -> Option<CopyFormat> {
        match self.format.as_deref() {
            None | Some("text") => Some(CopyFormat::Text {
                delimiter: self.delimiter.unwrap_or(b'\t'),
                null: self.null.unwrap_or_else(|| "\\N".to_owned()),
                header: self.header,
            }),
            Some("csv") => {
                let quote = self.quote.unwrap_or(b'"');
                Some(CopyFormat::Csv {
                    delimiter: self.delimiter.unwrap_or(b','),
                    null: self.null.unwrap_or_default(),
                    header: self.header,
                    quote,
                    escape: self.escape.unwrap_or(quote),
                    forced: self.forced,
                })
            }
            Some("binary") => Some(CopyFormat::Binary),
            Some(_) => None,
        }
    }
}

fn string(option: &DefElem) -> Option<&str> {
    match option.arg.as_deref()?.node.as_ref()? {
        NodeEnum::String(value) => Some(&value.sval),
        _ => None,
    }
}

fn forced(option: &DefElem) -> Option<Forced> {
    match option.arg.as_deref()?.node.as_ref()? {
        NodeEnum::AStar(_) => Some(Forced::All),
        NodeEnum::List(list) => {
            let name = |node: &pg_query::protobuf::Node| match node.node.as_ref() {
                Some(NodeEnum::String(name)) => Some(name.sval.clone()),
                _ => None,
            };
            list.items.iter().map(name).collect::<Option<Vec<String>>>().map(Forced::Named)
        }
        _ => None,
    }
}

fn single_byte(option: &DefElem) -> Option<u8> {
    match string(option)?.as_bytes() {
        [byte] if byte.is_ascii() => Some(*byte),
        _ => None,
    }
}

fn switch(option: &DefElem) -> Option<bool> {
    let Some(argument) = option.arg.as_deref() else { return Some(true) };
    match argument.node.as_ref()? {
        NodeEnum::Boolean(value) => Some(value.boolval),
        // A later version may count header lines.
        NodeEnum::Integer(value) => match value.ival {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        NodeEnum::String(value) => match value.sval.to_ascii_lowercase().as_str() {
            "true" | "on" | "match" => Some(true),
            "false" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn qualified(relation: &Relation) -> String {
    format!("{}.{}", quoted(&relation.schema), quoted(&relation.name))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn quoted_list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}
