//! Protect rules as the configuration gives them, matched against names:
//! which rule speaks for a column.
//!
//! Invariant: exactly one rule speaks for a column. The pattern with the
//! fewest `*` wins, then the one that comes first in the file. If it has a
//! path, all rules with a path speak for the column, each for its own.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{ColumnPattern, ProtectRule};
use crate::mask::MethodSpec;

/// Stands for any name in a pattern.
pub const ANY: &str = "*";

/// One pattern of one rule.
#[derive(Debug, Clone, Copy)]
pub struct Pattern<'a> {
    pub rule: &'a ProtectRule,
    pub columns: &'a ColumnPattern,
    /// Place among all patterns of this database, in the order of the file.
    pub index: usize,
}

/// The patterns that apply to one database.
pub struct Rules<'a> {
    patterns: Vec<Pattern<'a>>,
    /// Column name (or [`ANY`]) → places in `patterns`.
    by_column: HashMap<&'a str, Vec<usize>>,
}

impl ColumnPattern {
    /// Does it mean this column? A `*` never means the server's own schemas
    /// or a session's temporary tables.
    pub fn matches(&self, schema: &str, table: &str, column: &str) -> bool {
        self.matches_table(schema, table) && (self.column == ANY || self.column == column)
    }

    pub fn matches_table(&self, schema: &str, table: &str) -> bool {
        let schema_fits = if self.schema == ANY { !is_hidden_schema(schema) } else { self.schema == schema };
        schema_fits && (self.table == ANY || self.table == table)
    }

    /// How many parts are `*`.
    pub fn wildcards(&self) -> usize {
        [&self.schema, &self.table, &self.column].into_iter().filter(|part| *part == ANY).count()
    }
}

fn is_hidden_schema(schema: &str) -> bool {
    schema.starts_with("pg_") || matches!(schema, "information_schema" | "bauta_service")
}

impl<'a> Rules<'a> {
    /// The patterns of `rules` for `database`.
    pub fn for_database(rules: &'a [ProtectRule], database: &str) -> Self {
        let mut patterns = Vec::new();
        let mut by_column: HashMap<&str, Vec<usize>> = HashMap::new();
        for rule in rules.iter().filter(|rule| rule.database == ANY || rule.database == database) {
            for columns in &rule.columns {
                let index = patterns.len();
                by_column.entry(columns.column.as_str()).or_default().push(index);
                patterns.push(Pattern { rule, columns, index });
            }
        }
        Self { patterns, by_column }
    }

    pub fn patterns(&self) -> &[Pattern<'a>] {
        &self.patterns
    }

    /// What has a mask that hangs on a key.
    pub fn keyed(&self) -> Arc<[ColumnPattern]> {
        let keyed = self.patterns.iter().filter(|pattern| pattern.rule.method.method().is_keyed());
        keyed.map(|pattern| pattern.columns.clone()).collect()
    }

    /// Every pattern that means this column.
    pub fn matching(&self, schema: &str, table: &str, column: &str) -> Vec<Pattern<'a>> {
        let named = self.by_column.get(column).into_iter().flatten();
        let any = self.by_column.get(ANY).into_iter().flatten();
        named
            .chain(any)
            .filter_map(|index| self.patterns.get(*index).copied())
            .filter(|pattern| pattern.columns.matches(schema, table, column))
            .collect()
    }
}

/// The pattern that speaks for a column, out of all that mean it.
pub fn strongest<'a>(matching: &[Pattern<'a>]) -> Option<Pattern<'a>> {
    let rank = |pattern: &Pattern<'_>| match (&pattern.rule.path, &pattern.rule.method) {
        (None, MethodSpec::Show) => 2,
        (Some(_), _) => 1,
        (None, _) => 0,
    };
    let paths = matching.iter().any(|pattern| pattern.rule.path.is_some());
    let order = |pattern: &Pattern<'_>| {
        // Beside paths, a rule for the whole column hides more, and `show` less.
        let rank = if paths { rank(pattern) } else { 0 };
        (pattern.columns.wildcards(), rank, pattern.index)
    };
    matching.iter().copied().min_by_key(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(database: &str, columns: &[&str]) -> ProtectRule {
        ProtectRule {
            place: "proxy.toml:1".to_owned(),
            database: database.to_owned(),
            columns: columns
                .iter()
                .map(|name| {
                    let mut parts = name.split('.').map(str::to_owned);
                    let mut next = || parts.next().unwrap();
                    ColumnPattern { schema: next(), table: next(), column: next() }
                })
                .collect(),
            path: None,
            method: MethodSpec::Null,
            domain: None,
            tags: Vec::new(),
            allow: Vec::new(),
        }
    }

    #[test]
    fn the_most_exact_pattern_speaks_for_a_column() {
        let rules = [rule("*", &["*.*.email", "public.users.email", "public.*.email"])];
        let rules = Rules::for_database(&rules, "shop");
        let matching = rules.matching("public", "users", "email");
        assert_eq!(matching.len(), 3);
        assert_eq!(strongest(&matching).unwrap().columns.to_string(), "public.users.email");
    }

    #[test]
    fn a_rule_of_another_database_says_nothing() {
        let rules = [rule("crm", &["public.users.email"])];
        assert!(Rules::for_database(&rules, "shop").patterns().is_empty());
        assert_eq!(Rules::for_database(&rules, "crm").patterns().len(), 1);
    }

    #[test]
    fn a_star_never_means_the_servers_own_schemas() {
        let rules = [rule("*", &["*.*.rolname"])];
        let rules = Rules::for_database(&rules, "shop");
        assert!(rules.matching("pg_catalog", "pg_authid", "rolname").is_empty());
        assert!(rules.matching("pg_temp_3", "t", "rolname").is_empty());
        assert_eq!(rules.matching("app", "t", "rolname").len(), 1);
    }
}
