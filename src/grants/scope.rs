//! Names and patterns of columns: what a grant names, what a request asks for.
//!
//! Invariant: a grant names columns one by one. Patterns, tables and tags are
//! resolved when it is made, so a column that is protected later is not
//! revealed by an older grant.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::config::{ColumnPattern, Scope};
use crate::grants::Fault;
use crate::policy::ProtectedColumn;

/// More columns than this in one grant is a policy, not a grant.
pub const MAX_COLUMNS: usize = 1000;

/// One column by name, in whatever database has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnName {
    pub schema: Arc<str>,
    pub table: Arc<str>,
    pub column: Arc<str>,
}

impl ColumnName {
    pub fn of(column: &ProtectedColumn) -> Self {
        Self { schema: column.schema.clone(), table: column.table.clone(), column: column.column.clone() }
    }
    pub fn names(&self, column: &ProtectedColumn) -> bool {
        self.column == column.column && self.table == column.table && self.schema == column.schema
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", Part(&self.schema), Part(&self.table), Part(&self.column))
    }
}

/// One part of a name, quoted where the plain spelling would be read otherwise.
struct Part<'a>(&'a str);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = self.0.is_empty()
            || self.0 == "*"
            || self.0.contains(|c: char| matches!(c, '.' | '"' | ',' | ':') || c.is_whitespace());
        if quote { write!(f, "\"{}\"", self.0.replace('"', "\"\"")) } else { f.write_str(self.0) }
    }
}

impl serde::Serialize for ColumnName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ColumnName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts = split(&text, '.').filter(|p| p.len() == 3);
        let Some([schema, table, column]) = parts.and_then(|p| <[Token; 3]>::try_from(p).ok()) else {
            return Err(serde::de::Error::custom(format!("\"{text}\" is not a column's name")));
        };
        Ok(Self { schema: schema.text.into(), table: table.text.into(), column: column.text.into() })
    }
}

/// What somebody wrote between two separators.
struct Token {
    text: String,
    quoted: bool,
}

/// Cuts at `separator` outside double quotes. None: a quote is left open, or
/// stands in the middle of a word.
fn split(text: &str, separator: char) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut current = Token { text: String::new(), quoted: false };
    let mut chars = text.chars().peekable();
    let mut open = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if open && chars.peek() == Some(&'"') => {
                chars.next();
                current.text.push('"');
            }
            '"' if open => {
                open = false;
                if chars.peek().is_some_and(|next| *next != separator) {
                    return None;
                }
            }
            '"' if current.text.is_empty() && !current.quoted => {
                open = true;
                current.quoted = true;
            }
            '"' => return None,
            c if c == separator && !open => {
                tokens.push(std::mem::replace(&mut current, Token { text: String::new(), quoted: false }));
            }
            c => current.text.push(c),
        }
    }
    tokens.push(current);
    (!open).then_some(tokens)
}

/// Reads `schema.table.column`, any part `*`.
///
/// # Errors
/// [`Fault::Invalid`] that shows the form.
pub fn column_pattern(text: &str) -> Result<ColumnPattern, Fault> {
    let parts = split(text.trim(), '.').and_then(|p| <[Token; 3]>::try_from(p).ok());
    let Some(parts) = parts.filter(|p| p.iter().all(|t| !t.text.is_empty())) else {
        return Err(Fault::invalid(format!("\"{text}\" is not a column"))
            .with_hint("write schema.table.column; * stands for any part, as in public.customers.*"));
    };
    // A quoted "*" would be a column of that name; no pattern can say that.
    if parts.iter().any(|t| t.quoted && t.text == "*") {
        return Err(Fault::invalid(format!("\"{text}\": a name \"*\" cannot be written")));
    }
    let [schema, table, column] = parts.map(|t| t.text);
    Ok(ColumnPattern { schema, table, column })
}

/// Reads `schema.table`: all its protected columns.
///
/// # Errors
/// [`Fault::Invalid`] that shows the form.
pub fn table_pattern(text: &str) -> Result<ColumnPattern, Fault> {
    column_pattern(&format!("{}.*", text.trim())).map_err(|_| {
        Fault::invalid(format!("\"{text}\" is not a table"))
            .with_hint("write schema.table; * stands for any part")
    })
}

/// Reads the comma-separated list of `bauta.request()`:
/// `schema.table.column`, `schema.table.*`, `tag:NAME`.
///
/// # Errors
/// [`Fault::Invalid`] that names the entry.
pub fn list(text: &str) -> Result<Vec<Scope>, Fault> {
    let mut scopes = Vec::new();
    for entry in split_list(text) {
        let entry = entry.trim();
        scopes.push(match entry.strip_prefix("tag:") {
            Some("") => return Err(Fault::invalid("\"tag:\" names no tag")),
            Some(tag) => Scope::Tag(tag.to_owned()),
            None => Scope::Columns(column_pattern(entry)?),
        });
    }
    Ok(scopes)
}

/// Cuts at commas outside double quotes, keeping the quotes.
fn split_list(text: &str) -> impl Iterator<Item = &str> {
    let mut open = false;
    text.split(move |c: char| {
        open ^= c == '"';
        c == ',' && !open
    })
}

/// Does the pattern name this column?
pub fn matches(pattern: &ColumnPattern, column: &ProtectedColumn) -> bool {
    is_like(pattern, &column.schema, &column.table, &column.column)
}

/// Does the pattern name the column of this name?
pub fn names_it(pattern: &ColumnPattern, name: &ColumnName) -> bool {
    is_like(pattern, &name.schema, &name.table, &name.column)
}

fn is_like(pattern: &ColumnPattern, schema: &str, table: &str, column: &str) -> bool {
    let part = |wanted: &str, name: &str| wanted == "*" || wanted == name;
    part(&pattern.schema, schema) && part(&pattern.table, table) && part(&pattern.column, column)
}

/// Is this column within the scope?
pub fn covers(scope: &Scope, column: &ProtectedColumn) -> bool {
    match scope {
        Scope::Columns(pattern) => matches(pattern, column),
        Scope::Tag(tag) => column.tags.iter().any(|t| **t == **tag),
    }
}

/// The protected columns that the scopes name, sorted, each once.
///
/// # Errors
/// [`Fault::UnknownColumn`] for a scope that names none, with the nearest one
/// that exists; [`Fault::Invalid`] when there are none or too many.
pub fn resolve(
    scopes: &[Scope],
    protected: &[Arc<ProtectedColumn>],
) -> Result<Vec<Arc<ProtectedColumn>>, Fault> {
    if scopes.is_empty() {
        return Err(Fault::invalid("no columns given").with_hint("name columns, tables or tags"));
    }
    let mut found: Vec<Arc<ProtectedColumn>> = Vec::new();
    for scope in scopes {
        let before = found.len();
        found.extend(protected.iter().filter(|c| covers(scope, c)).cloned());
        if found.len() == before {
            return Err(unknown(scope, protected));
        }
    }
    found.sort_by(|a, b| parts(a).cmp(&parts(b)));
    // One name may stand for columns of several databases with different
    // rules; they are granted together, so their tags count together.
    found.dedup_by(|a, b| Arc::ptr_eq(a, b) || (parts(a) == parts(b) && a.tags == b.tags));
    if found.len() > MAX_COLUMNS {
        return Err(Fault::invalid(format!("{} columns are too many for one grant", found.len()))
            .with_hint(format!("at most {MAX_COLUMNS}")));
    }
    Ok(found)
}

fn parts(column: &ProtectedColumn) -> (&str, &str, &str) {
    (&column.schema, &column.table, &column.column)
}

/// Columns by name, in every database that has one: a grant on one of a name is
/// a grant on all of them.
pub struct Namesakes(HashMap<ColumnName, Vec<Arc<ProtectedColumn>>>);

impl Namesakes {
    /// Of all columns that are protected, in all databases that are known.
    pub fn new(protected: Vec<Arc<ProtectedColumn>>) -> Self {
        let mut named: HashMap<ColumnName, Vec<Arc<ProtectedColumn>>> = HashMap::new();
        for column in protected {
            named.entry(ColumnName::of(&column)).or_default().push(column);
        }
        Self(named)
    }

    /// Those of this name.
    pub fn of(&self, name: &ColumnName) -> &[Arc<ProtectedColumn>] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// These columns, and all others that a grant on them would show.
    pub fn with(&self, columns: &[Arc<ProtectedColumn>]) -> Vec<Arc<ProtectedColumn>> {
        let others = names(columns).into_iter().flat_map(|name| self.of(&name).to_vec());
        columns.iter().cloned().chain(others).collect()
    }
}

/// Takes out columns whose names none of the scopes means in another database, for
/// it lacks the tag there: a grant would show that one too. Their names.
pub fn leave_out(
    scopes: &[Scope],
    columns: &mut Vec<Arc<ProtectedColumn>>,
    everywhere: &Namesakes,
) -> Vec<ColumnName> {
    let is_meant = |column: &Arc<ProtectedColumn>| scopes.iter().any(|scope| covers(scope, column));
    let mut left_out = names(columns);
    left_out.retain(|name| !everywhere.of(name).iter().all(is_meant));
    columns.retain(|column| !left_out.contains(&ColumnName::of(column)));
    left_out
}

/// The names of resolved columns, each once.
pub fn names(columns: &[Arc<ProtectedColumn>]) -> Vec<ColumnName> {
    let mut names: Vec<_> = columns.iter().map(|c| ColumnName::of(c)).collect();
    names.sort();
    names.dedup();
    names
}

fn unknown(scope: &Scope, protected: &[Arc<ProtectedColumn>]) -> Fault {
    match scope {
        Scope::Tag(tag) => Fault::UnknownColumn {
            given: format!("tag:{tag}"),
            nearest: nearest(tag, protected.iter().flat_map(|c| c.tags.iter().map(|t| t.to_string())))
                .map(|t| format!("tag:{t}")),
        },
        Scope::Columns(p) => {
            let given = format!("{}.{}.{}", p.schema, p.table, p.column);
            let nearest = nearest(&given, protected.iter().map(|c| ColumnName::of(c).to_string()));
            Fault::UnknownColumn { given, nearest }
        }
    }
}

/// The candidate most like `given`, if it is like it at all.
pub fn nearest(given: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    candidates
        .map(|c| (strsim::damerau_levenshtein(given, &c), c))
        .min()
        .filter(|(distance, c)| *distance <= given.len().max(c.len()) / 3)
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::model::sample::{column, shop};

    #[test]
    fn names_are_read_as_written() {
        let name = ColumnName { schema: "a.b".into(), table: "t\"".into(), column: "c".into() };
        assert_eq!(name.to_string(), r#""a.b"."t""".c"#);
        let back: ColumnName = serde_json::from_value(serde_json::json!(name.to_string())).unwrap();
        assert_eq!(back, name);
        assert!(serde_json::from_str::<ColumnName>("\"a.b\"").is_err());
    }

    #[test]
    fn a_dotted_schema_never_reveals_another_schemas_column() {
        let pattern = column_pattern(r#""a.b".c.d"#).unwrap();
        assert!(matches(&pattern, &column("a.b", "c", "d", &[])));
        assert!(!matches(&pattern, &column("a", "b.c", "d", &[])));
    }

    #[test]
    fn patterns_and_tags_resolve_to_columns() {
        let found = resolve(&list("public.customers.*, tag:pii").unwrap(), &shop()).unwrap();
        let names: Vec<_> = names(&found).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["crm.contacts.mail", "public.customers.email", "public.customers.ssn"]);
    }

    #[test]
    fn a_tag_means_no_name_that_lacks_it_in_another_database() {
        let mut protected = shop();
        protected.push(column("crm", "contacts", "mail", &["hr"]).into());
        let everywhere = Namesakes::new(protected.clone());
        let left_out = |text: &str| -> Vec<String> {
            let scopes = list(text).unwrap();
            let mut found = resolve(&scopes, &protected).unwrap();
            let left_out = leave_out(&scopes, &mut found, &everywhere);
            assert!(found.iter().all(|c| !left_out.contains(&ColumnName::of(c))));
            left_out.iter().map(ToString::to_string).collect()
        };
        assert_eq!(left_out("tag:pii"), ["crm.contacts.mail"]);
        for text in ["tag:pii, tag:hr", "tag:pii, crm.contacts.mail", "tag:pci"] {
            assert_eq!(left_out(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn an_unknown_column_names_the_nearest() {
        let fault = resolve(&list("public.customers.emial").unwrap(), &shop()).unwrap_err();
        assert_eq!(
            fault,
            Fault::UnknownColumn {
                given: "public.customers.emial".into(),
                nearest: Some("public.customers.email".into()),
            }
        );
        let fault = resolve(&list("tag:pio").unwrap(), &shop()).unwrap_err();
        assert!(matches!(fault, Fault::UnknownColumn { nearest: Some(n), .. } if n == "tag:pii"));
    }

    #[test]
    fn malformed_lists_are_refused() {
        for text in
            ["", "email", "a.b", "a.b.c.d", "a..c", "a.b.c,", "tag:", "a.\"b.c", "a.\"*\".c", "a.b\"x\".c"]
        {
            assert!(list(text).is_err(), "{text}");
        }
        assert!(resolve(&[], &shop()).is_err());
        assert!(table_pattern("public").is_err());
        assert_eq!(table_pattern("public.customers").unwrap().column, "*");
    }
}
