//! The columns that decisions are made about: each mask method over each
//! family of types, and what a rule may allow beyond it.

use std::fmt::Write as _;

pub struct Subject {
    /// What the file calls it.
    pub name: &'static str,
    pub kind: &'static str,
    /// Lines of its rule.
    pub rule: &'static str,
    /// A value of the type, as a literal.
    pub literal: &'static str,
}

const fn subject(
    name: &'static str,
    kind: &'static str,
    rule: &'static str,
    literal: &'static str,
) -> Subject {
    Subject { name, kind, rule, literal }
}

pub const SUBJECTS: &[Subject] = &[
    subject("redact text", "text", "method = 'redact'", "'guess'"),
    subject("redact int", "int", "method = 'redact'", "7"),
    subject("redact date", "date", "method = 'redact'", "date '2020-02-02'"),
    subject("redact bool", "bool", "method = 'redact'", "true"),
    subject("redact json", "jsonb", "method = 'redact'", "'{}'::jsonb"),
    subject("redact array", "text[]", "method = 'redact'", "ARRAY['guess']"),
    subject("null text", "text", "method = 'null'", "'guess'"),
    subject("partial text", "text", "method = 'partial'", "'guess'"),
    subject("email text", "text", "method = 'email'", "'guess@example.com'"),
    subject("hash text", "text", "method = 'hash'\ndomain = 'ht'", "'guess'"),
    subject("hash int", "int", "method = 'hash'\ndomain = 'hi'", "7"),
    subject("token text", "text", "method = 'token'\ndomain = 'tt'", "'guess'"),
    subject("token int", "int8", "method = 'token'\ndomain = 'ti'", "7"),
    subject(
        "token uuid",
        "uuid",
        "method = 'token'\ndomain = 'tu'",
        "'00000000-0000-4000-8000-000000000000'::uuid",
    ),
    subject("fpe text", "text", "method = 'fpe'\ndomain = 'ft'", "'4111-1111-1111-1111'"),
    subject("fake text", "text", "method = 'fake'\nkind = 'name'", "'guess'"),
    subject("generalize date", "date", "method = 'generalize'\nto = 'year'", "date '2020-02-02'"),
    subject("noise numeric", "numeric", "method = 'noise'\npercent = 5", "7.5"),
    subject("redact text, allow equality", "text", "method = 'redact'\nallow = ['equality']", "'guess'"),
    subject("redact int, allow order", "int", "method = 'redact'\nallow = ['order']", "7"),
    subject("redact text, allow search", "text", "method = 'redact'\nallow = ['search']", "'guess'"),
    subject(
        "token text, allow write",
        "text",
        "method = 'token'\ndomain = 'tw'\nallow = ['write']",
        "'guess'",
    ),
    subject("show text", "text", "method = 'show'", "'guess'"),
];

impl Subject {
    /// The column's name in the tables.
    pub fn column(&self) -> String {
        self.name.replace(", ", "_").replace(' ', "_")
    }

    /// How the decision names its own mask.
    pub fn mask(&self) -> String {
        let method = self.name.split(' ').next().unwrap_or_default();
        format!("masked {method}")
    }

    pub fn is_text(&self) -> bool {
        self.kind == "text"
    }
}

pub fn schema() -> String {
    let columns: Vec<String> = SUBJECTS.iter().map(|s| format!("{} {}", s.column(), s.kind)).collect();
    let columns = columns.join(", ");
    format!(
        "CREATE TABLE golden (id int PRIMARY KEY, other text, {columns});
         CREATE TABLE twin (id int PRIMARY KEY, other text, {columns});
         CREATE TABLE plain (id int, t text);
         CREATE VIEW v_golden AS SELECT * FROM golden;
         CREATE FUNCTION noted(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT t';"
    )
}

pub fn policy() -> String {
    let mut policy = String::new();
    for subject in SUBJECTS {
        let column = subject.column();
        writeln!(
            policy,
            "[[protect]]\ncolumns = ['public.golden.{column}', 'public.twin.{column}']\n{}",
            subject.rule
        )
        .expect("write");
    }
    policy
}
