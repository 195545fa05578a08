//! More kinds of expressions and clauses than the judge of lineage gets:
//! casts and divisions that fail, functions with effects, odd FROM items.

use crate::oracle_sql::{Generator, Named};

/// Names of protected columns in the tables and views: most statements must
/// have conditions on others, or nearly all would be refused.
const PROTECTED: &[&str] = &[
    "acct", "alias", "b", "birth", "c", "card", "email", "mail", "name", "nick", "opened", "payload",
    "phone", "rating", "secret", "ssn", "text", "vip",
];

impl Generator {
    /// The scope, as a rich generator narrows it for conditions.
    pub fn mostly_open(&mut self, scope: &[Named]) -> Vec<Named> {
        if !self.is_rich || self.chance(35) {
            return scope.to_vec();
        }
        let open = |named: &Named| {
            let columns = named.columns.iter().filter(|(column, _)| !PROTECTED.contains(&column.as_str()));
            Named { name: named.name.clone(), columns: columns.cloned().collect() }
        };
        scope.iter().map(open).collect()
    }

    pub fn rich_value(&mut self, kind: char, scope: &[Named], ctes: &[Named], depth: usize) -> String {
        match kind {
            't' => self.rich_text(scope, ctes, depth),
            'i' => self.rich_int(scope, ctes, depth),
            'b' => format!("({})", self.rich_condition(scope, ctes, depth)),
            _ => self.rich_date(scope, ctes, depth),
        }
    }

    fn rich_text(&mut self, scope: &[Named], ctes: &[Named], depth: usize) -> String {
        let a = self.value('t', scope, ctes, depth - 1);
        let b = self.value('t', scope, ctes, depth - 1);
        let i = self.value('i', scope, ctes, depth - 1);
        match self.below(32) {
            0 => format!("format('%s/%s', {a}, {b})"),
            1 => format!("json_build_object('k', {a})::text"),
            2 => format!("to_json({a})::text"),
            3 => format!("({a})::int::text"),
            4 => format!("show_it({a})"),
            5 => format!("pg_catalog.upper({a})"),
            6 => format!("md5({a})"),
            7 => format!("xmlelement(name e, {a})::text"),
            8 => format!("overlay({a} placing 'x' from {i})"),
            9 => format!("regexp_replace({a}, '[aeiou]', {b})"),
            10 => format!("split_part({a}, '@', {i})"),
            11 => format!("first_value({a}) OVER (PARTITION BY {b} ORDER BY {a})"),
            12 => format!("min({a}) OVER (PARTITION BY {b})"),
            13 => format!("CASE {a} WHEN {b} THEN 'same' ELSE {a} END"),
            14 => format!("(SELECT string_agg(v, ',' ORDER BY v) FROM unnest(ARRAY[{a}, {b}]) v)"),
            15 => format!("(VALUES ({a}))"),
            16 => format!("set_config('my.a', {a}, false)"),
            17 => format!("repeat({a}, 2)"),
            18 => format!("quote_nullable({a})"),
            19 => format!("noted({a})"),
            20 => format!("pg_typeof({a})::text"),
            21 => format!("encode(convert_to({a}, 'UTF8'), 'hex')"),
            22 => format!("translate({a}, 'ao', 'oa')"),
            23 => format!("({a})::char(3)::text"),
            24 => format!("({a})::mail"),
            25 => format!("to_char({}, 'YYYY-MM')", self.value('d', scope, ctes, depth - 1)),
            26 => format!("({i})::text"),
            27 => format!("trim(both 'a' from {a})"),
            28 => format!("least({a}, {b})"),
            29 => format!("lower({a}) || upper({b})"),
            30 => format!("(SELECT {a})"),
            _ => match scope.first() {
                Some(named) => format!("to_jsonb({}) ->> {a}", named.name),
                None => format!("chr(64 + {i})"),
            },
        }
    }

    fn rich_int(&mut self, scope: &[Named], ctes: &[Named], depth: usize) -> String {
        let a = self.value('t', scope, ctes, depth - 1);
        let i = self.value('i', scope, ctes, depth - 1);
        let j = self.value('i', scope, ctes, depth - 1);
        match self.below(16) {
            0 => format!("(100 / ({i} - {}))", self.below(9)),
            1 => format!("({a})::int"),
            2 => format!("ascii({a})"),
            3 => format!("strpos({a}, 'o')"),
            4 => format!("dense_rank() OVER (ORDER BY {i})"),
            5 => format!("sum({i}) OVER (PARTITION BY {a})"),
            6 => format!("count(*) FILTER (WHERE {i} > 3) OVER ()"),
            7 => format!("ntile(2) OVER (ORDER BY {i}, {a})"),
            8 => format!("coalesce({i}, {j})"),
            9 => format!("extract(year FROM {})::int", self.value('d', scope, ctes, depth - 1)),
            10 => format!("nullif({i}, {j})"),
            11 => format!("(SELECT {i})"),
            12 => format!("twice(({i})::int)"),
            13 => format!("hashtext({a})"),
            14 => format!("mod({i}, {j})"),
            _ => match scope.first() {
                Some(named) => format!("salary_of({})::int", named.name),
                None => format!("abs({i})"),
            },
        }
    }

    fn rich_date(&mut self, scope: &[Named], ctes: &[Named], depth: usize) -> String {
        let d = self.value('d', scope, ctes, depth - 1);
        let i = self.value('i', scope, ctes, depth - 1);
        match self.below(4) {
            0 => format!("({d} + ({i})::int)"),
            1 => format!("date_trunc('year', {d})::date"),
            2 => format!("greatest({d}, date '1990-01-01')"),
            _ => format!("({})::date", self.value('t', scope, ctes, depth - 1)),
        }
    }

    pub fn rich_condition(&mut self, scope: &[Named], ctes: &[Named], depth: usize) -> String {
        let inside = depth.saturating_sub(1);
        let a = self.value('t', scope, ctes, inside);
        let b = self.value('t', scope, ctes, inside);
        let i = self.value('i', scope, ctes, inside);
        let row = scope.first().map_or_else(|| "'x'".to_owned(), |named| format!("{}.*", named.name));
        match self.below(22) {
            20 => format!("ROW({row}, {a}) = ROW({row}, {b})"),
            21 => format!("({row}, {a}) IN (({a}, {row}), ({row}, {b}))"),
            0 => format!("{a} IS DISTINCT FROM {b}"),
            1 => format!("{a} ~ '^[a-n]'"),
            2 => format!("({a}, {i}) = ({b}, 3)"),
            3 => format!("({i}, {a}) > (3, {b})"),
            4 => format!("{a} = ANY (ARRAY[{b}, 'Rome'])"),
            5 => format!("{i} BETWEEN 2 AND 20"),
            6 => format!("{a} SIMILAR TO '%(a|o)%'"),
            7 => format!("100 / ({i} - {}) > 0", self.below(12)),
            8 => format!("{a} NOT IN ('Oslo', {b})"),
            9 => format!("{a} = ANY ({})", self.query(&['t'], ctes, scope, inside)),
            10 => format!("{i} > ALL ({})", self.query(&['i'], ctes, scope, inside)),
            11 => format!("({i} IS NULL) IS NOT TRUE"),
            12 => format!("{a} OPERATOR(pg_catalog.=) {b}"),
            13 => format!("{a} BETWEEN SYMMETRIC {b} AND 'P'"),
            14 => format!("{a} ILIKE '%O%'"),
            15 => format!("{a} ISNULL"),
            16 => format!("{a} COLLATE \"C\" = {b}"),
            17 => format!("({a} = {b}) IS UNKNOWN"),
            18 => format!("({a})::int = {i}"),
            _ => format!("({}) < 3", self.query(&['i'], ctes, scope, inside)),
        }
    }

    /// FROM items that are no table.
    pub fn rich_source(&mut self, outer: &[Named], alias: String) -> (String, Named) {
        let text = self.value('t', outer, &[], 1);
        let number = self.value('i', outer, &[], 1);
        if self.chance(40) {
            return self.starred_source(&text, &number, alias);
        }
        let (item, columns) = match self.below(8) {
            0 => (format!("generate_series(1, least({number}, 4)) {alias}(n)"), vec![("n", 'i')]),
            1 => (format!("unnest(ARRAY[{text}, 'x']) {alias}(t)"), vec![("t", 't')]),
            2 => (
                format!("(VALUES ({text}, {number}), ('Oslo', 1)) {alias}(t, n)"),
                vec![("t", 't'), ("n", 'i')],
            ),
            3 => (format!("account_names(4) {alias}(t)"), vec![("t", 't')]),
            4 => (
                format!("customers {alias}(id, renamed, mail) TABLESAMPLE SYSTEM (100)"),
                vec![("id", 'i'), ("mail", 't')],
            ),
            5 => (format!("ONLY people {alias}"), vec![("id", 'i'), ("secret", 't'), ("label", 't')]),
            6 => (
                format!("ROWS FROM (unnest(ARRAY[{text}]), generate_series(1, 2)) {alias}(t, n)"),
                vec![("t", 't'), ("n", 'i')],
            ),
            _ => (
                format!("json_each_text(json_build_object('k', {text}, 'l', {number})) {alias}(k, v)"),
                vec![("k", 't'), ("v", 't')],
            ),
        };
        let columns = columns.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect();
        (item, Named { name: alias, columns })
    }

    /// FROM items in which places behind a star, or names that are not written,
    /// decide what a column is.
    fn starred_source(&mut self, text: &str, number: &str, alias: String) -> (String, Named) {
        const COUNTED: &str = "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 2)";
        let (item, columns) = match self.below(9) {
            0 => (
                format!(
                    "(SELECT v.* FROM (SELECT {number}, {text}) s, staff, LATERAL (VALUES (s.*, ssn, staff.id)) v) {alias}(n, t, ssn, id)"
                ),
                vec![("n", 'i'), ("t", 't'), ("ssn", 't'), ("id", 'i')],
            ),
            1 => (
                format!("(SELECT * FROM unnest('a:1'::tsvector) u, staff) {alias}(l, p, w, id, ssn)"),
                vec![("l", 't'), ("id", 'i'), ("ssn", 't')],
            ),
            2 => (
                format!("(SELECT * FROM unnest(ARRAY[{number}]) u, staff) {alias}(n, id, ssn)"),
                vec![("n", 'i'), ("id", 'i'), ("ssn", 't')],
            ),
            3 => (
                format!(
                    "({COUNTED} CYCLE n SET cy USING pa SELECT * FROM (SELECT * FROM r, staff) s) {alias}(n, id, ssn)"
                ),
                vec![("n", 'i'), ("id", 'i'), ("ssn", 't')],
            ),
            4 => (
                format!(
                    "({COUNTED} SEARCH DEPTH FIRST BY n SET o SELECT r.n, staff.*, {text} FROM r JOIN staff ON true) {alias}(n, id, ssn)"
                ),
                vec![("n", 'i'), ("id", 'i'), ("ssn", 't')],
            ),
            5 => (
                format!(
                    "json_to_record('{{\"json_to_record\": 1, \"email\": \"x\"}}') AS {alias}(json_to_record int, email text)"
                ),
                vec![("json_to_record", 'i'), ("email", 't')],
            ),
            6 => (
                format!(
                    "staff {alias} TABLESAMPLE bernoulli (CASE WHEN {text} = 'x' THEN 50 ELSE 100 END) REPEATABLE ({number})"
                ),
                vec![("id", 'i'), ("ssn", 't')],
            ),
            7 => (
                format!("(staff JOIN customers USING (id) AS customers) {alias}(id, ssn)"),
                vec![("id", 'i'), ("ssn", 't'), ("email", 't')],
            ),
            _ => (
                format!("(SELECT (x).*, {text} FROM (SELECT id, ssn FROM staff) x) {alias}(id, ssn, t)"),
                vec![("id", 'i'), ("ssn", 't'), ("t", 't')],
            ),
        };
        let columns = columns.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect();
        (item, Named { name: alias, columns })
    }

    /// Blocks of unusual shape, with the columns that are wanted.
    pub fn rich_block(&mut self, want: &[char], ctes: &[Named], outer: &[Named], depth: usize) -> String {
        let (from, scope) = self.from(ctes, outer, depth.saturating_sub(1));
        let inside = depth.saturating_sub(1);
        let key = self.value('t', &scope, ctes, 0);
        let other = self.value('i', &scope, ctes, 0);
        let outputs: Vec<String> = want.iter().map(|kind| self.value(*kind, &scope, ctes, inside)).collect();
        let folded: Vec<String> = want
            .iter()
            .zip(&outputs)
            .map(|(kind, output)| match kind {
                'i' => self.one(&[format!("sum({output})::int"), "count(*)".to_owned()]),
                'b' => format!("every({output})"),
                't' => self.one(&[
                    format!("string_agg({output}, ',' ORDER BY {output})"),
                    format!("(array_agg({output} ORDER BY {other}, {output}))[1]"),
                    format!("mode() WITHIN GROUP (ORDER BY {output})"),
                    format!("max({output}) FILTER (WHERE {other} > 2)"),
                    format!("joined({output} ORDER BY {output})"),
                ]),
                _ => format!("max({output})"),
            })
            .collect();
        let (outputs, folded) = (outputs.join(", "), folded.join(", "));
        match self.below(6) {
            0 => format!("SELECT {folded} FROM {from} GROUP BY GROUPING SETS (({key}), ({other}), ())"),
            1 => format!("SELECT {folded} FROM {from} GROUP BY ROLLUP ({key}, {other})"),
            2 => format!("SELECT {folded} FROM {from} HAVING count(DISTINCT {key}) > 1"),
            3 => format!("SELECT {outputs} FROM {from} WINDOW w AS (PARTITION BY {key} ORDER BY {other})"),
            4 => format!(
                "SELECT {folded} FROM {from} WHERE {} GROUP BY ()",
                self.condition(&scope, ctes, inside)
            ),
            _ => {
                let values: Vec<String> =
                    want.iter().map(|kind| self.value(*kind, outer, ctes, inside)).collect();
                format!("VALUES ({})", values.join(", "))
            }
        }
    }
}
