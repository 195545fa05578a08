//! Random SQL over the schema of the interference tests, from a seed that
//! replays. Types fit mostly, so that PostgreSQL accepts most of it; what it
//! does not accept, the tests skip.
//!
//! `generated/rich.rs` adds more kinds of expressions for `generated.rs`.

use std::fmt::Write as _;

/// Columns by table: `t` text, `i` int, `b` bool, `d` date.
const TABLES: &[Table] = &[
    (
        "customers",
        &[
            ("id", 'i'),
            ("name", 't'),
            ("email", 't'),
            ("ssn", 't'),
            ("phone", 't'),
            ("birth", 'd'),
            ("vip", 'b'),
            ("city", 't'),
            ("status", 't'),
            ("referrer", 't'),
        ],
    ),
    ("public.customers", &[("id", 'i'), ("email", 't'), ("ssn", 't'), ("city", 't')]),
    ("staff", &[("id", 'i'), ("ssn", 't'), ("city", 't')]),
    ("contacts", &[("id", 'i'), ("email", 't'), ("note", 't')]),
    ("orders", &[("id", 'i'), ("customer_id", 'i'), ("placed", 'd')]),
    ("people", &[("id", 'i'), ("secret", 't'), ("label", 't')]),
    ("people_child", &[("id", 'i'), ("secret", 't'), ("extra", 't')]),
    ("events", &[("id", 'i'), ("kind", 't'), ("payload", 't')]),
    ("v_renamed", &[("a", 'i'), ("b", 't'), ("c", 't')]),
    ("v_all", &[("id", 'i'), ("email", 't'), ("phone", 't'), ("city", 't')]),
    ("v_clean", &[("id", 'i'), ("city", 't')]),
    ("m_all", &[("id", 'i'), ("email", 't')]),
    ("archive.clients", &[("id", 'i'), ("email", 't'), ("remark", 't')]),
    ("scratch", &[("id", 'i'), ("t", 't')]),
];

pub type Columns = Vec<(String, char)>;

/// A table or view: its name, and its columns by kind.
pub type Table = (&'static str, &'static [(&'static str, char)]);

/// A name in scope and its columns.
#[derive(Clone)]
pub struct Named {
    pub name: String,
    pub columns: Columns,
}

impl Named {
    pub fn table((name, columns): Table, alias: &str) -> Self {
        let columns = columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        Self { name: if alias.is_empty() { name.to_owned() } else { alias.to_owned() }, columns }
    }
}

pub struct Generator {
    state: u64,
    names: usize,
    tables: Vec<Table>,
    /// Also makes what `generated/rich.rs` holds.
    pub is_rich: bool,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { state: seed, names: 0, tables: TABLES.to_vec(), is_rich: false }
    }

    /// With more tables, and more kinds of expressions and clauses.
    pub fn rich(seed: u64, more: &[Table]) -> Self {
        Self { state: seed, names: 0, tables: [TABLES, more].concat(), is_rich: true }
    }

    /// One statement.
    pub fn statement(&mut self) -> String {
        self.names = 0;
        match self.below(10) {
            0 => self.write(),
            _ => {
                let want: Vec<char> =
                    (0..1 + self.below(4)).map(|_| self.one(&['t', 't', 'i', 'd', 'b'])).collect();
                self.query(&want, &[], &[], 3)
            }
        }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    pub fn name(&mut self) -> String {
        self.names += 1;
        format!("n{}", self.names)
    }

    pub fn query(&mut self, want: &[char], ctes: &[Named], outer: &[Named], depth: usize) -> String {
        if depth > 0 && self.chance(15) {
            let left = self.block(want, ctes, outer, depth - 1);
            let right = self.block(want, ctes, outer, depth - 1);
            let op = self.one(&["UNION ALL", "UNION ALL", "UNION", "INTERSECT", "EXCEPT"]);
            let order = if self.chance(20) { " ORDER BY 1" } else { "" };
            return format!("{left} {op} {right}{order}");
        }
        if depth > 0 && self.chance(20) {
            let types: Vec<char> = (0..1 + self.below(3)).map(|_| self.one(&['t', 't', 'i'])).collect();
            let body = self.query(&types, ctes, outer, depth - 1);
            let name = self.name();
            let columns: Columns =
                types.iter().enumerate().map(|(n, kind)| (format!("{name}c{n}"), *kind)).collect();
            let list: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            let mut more = ctes.to_vec();
            more.push(Named { name: name.clone(), columns: columns.clone() });
            let rest = self.block(want, &more, outer, depth - 1);
            let materialized = self.one(&["", "MATERIALIZED ", "NOT MATERIALIZED "]);
            return format!("WITH {name}({}) AS {materialized}({body}) {rest}", list.join(", "));
        }
        self.block(want, ctes, outer, depth)
    }

    fn block(&mut self, want: &[char], ctes: &[Named], outer: &[Named], depth: usize) -> String {
        if self.is_rich && self.chance(6) {
            return self.rich_block(want, ctes, outer, depth);
        }
        let (from, mut scope) = self.from(ctes, outer, depth);
        let own = scope.len();
        scope.extend(outer.iter().cloned());
        let condition = match self.chance(55) {
            true => format!(" WHERE {}", self.condition(&scope, ctes, depth)),
            false => String::new(),
        };
        if self.chance(20) {
            return self.grouped(want, &scope[..own], ctes, &from, &condition);
        }
        let outputs: Vec<String> = want.iter().map(|kind| self.output(*kind, &scope, ctes, depth)).collect();
        let distinct = if self.chance(8) { "DISTINCT " } else { "" };
        let order = match self.below(10) {
            0 => format!(" ORDER BY {}", self.value('t', &scope, ctes, 0)),
            1 => " ORDER BY 1 DESC".to_owned(),
            _ => String::new(),
        };
        format!("SELECT {distinct}{} FROM {from}{condition}{order}", outputs.join(", "))
            .replace("ORDER BY 1 DESC", if distinct.is_empty() { "ORDER BY 1 DESC" } else { "ORDER BY 1" })
    }

    fn output(&mut self, kind: char, scope: &[Named], ctes: &[Named], depth: usize) -> String {
        let depth = if self.is_rich && self.chance(45) { 0 } else { depth };
        let value = self.value(kind, scope, ctes, depth);
        match self.chance(15) {
            true => format!("{value} AS {}", self.one(&["email", "id", "x", "city"])),
            false => value,
        }
    }

    fn grouped(
        &mut self,
        want: &[char],
        scope: &[Named],
        ctes: &[Named],
        from: &str,
        condition: &str,
    ) -> String {
        let kinds: Vec<char> = (0..1 + self.below(2)).map(|_| self.one(&['t', 't', 'i'])).collect();
        let open = self.mostly_open(scope);
        let keys: Vec<String> = kinds.into_iter().map(|kind| self.value(kind, &open, ctes, 0)).collect();
        let outputs: Vec<String> = want
            .iter()
            .map(|kind| {
                let inner = self.value(*kind, scope, ctes, 0);
                match kind {
                    'i' => self.one(&[
                        "count(*)".to_owned(),
                        format!("count({inner})"),
                        format!("max({inner})"),
                        format!("count(DISTINCT {inner})"),
                    ]),
                    'b' => format!("bool_or({inner})"),
                    _ => self.one(&[format!("max({inner})"), format!("min({inner})")]),
                }
            })
            .collect();
        let having = match self.chance(20) {
            true => format!(" HAVING count({}) > 1", self.value('t', scope, ctes, 0)),
            false => String::new(),
        };
        format!("SELECT {} FROM {from}{condition} GROUP BY {}{having}", outputs.join(", "), keys.join(", "))
    }

    /// A FROM clause and what it brings into scope.
    pub fn from(&mut self, ctes: &[Named], outer: &[Named], depth: usize) -> (String, Vec<Named>) {
        let (mut text, first) = self.source(ctes, outer, depth);
        let mut scope = vec![first];
        for _ in 0..self.one(&[0, 0, 1, 1, 2]) {
            let lateral: Vec<Named> = if self.chance(30) { scope.clone() } else { Vec::new() };
            let (item, named) = match lateral.is_empty() {
                true => self.source(ctes, outer, depth),
                false => {
                    let (query, named) = self.subquery(ctes, &[lateral, outer.to_vec()].concat(), depth);
                    (format!("LATERAL {query}"), named)
                }
            };
            let (a, b) = (scope[0].clone(), named.clone());
            let shared = a.columns.iter().find(|column| b.columns.contains(column)).cloned();
            match (self.below(6), shared) {
                (0, _) => write!(text, ", {item}").unwrap(),
                (1, Some((shared, _))) if scope.len() == 1 => {
                    write!(text, " JOIN {item} USING ({shared})").unwrap()
                }
                _ => {
                    let kind = self.one(&["JOIN", "LEFT JOIN", "JOIN"]);
                    let pair = [a, b.clone()];
                    let on = self.join_condition(&pair);
                    write!(text, " {kind} {item} ON {on}").unwrap();
                }
            }
            scope.push(named);
        }
        (text, scope)
    }

    pub fn join_condition(&mut self, pair: &[Named; 2]) -> String {
        let kind = self.one(&['i', 'i', 't']);
        let pair = self.mostly_open(pair);
        let of = |side: &Named| -> Vec<String> {
            side.columns
                .iter()
                .filter(|(_, k)| *k == kind)
                .map(|(c, _)| format!("{}.{c}", side.name))
                .collect()
        };
        let (left, right) = (of(&pair[0]), of(&pair[1]));
        if left.is_empty() || right.is_empty() {
            return "true".to_owned();
        }
        format!("{} = {}", self.one(&left), self.one(&right))
    }

    fn source(&mut self, ctes: &[Named], outer: &[Named], depth: usize) -> (String, Named) {
        if depth > 0 && self.chance(25) {
            return self.subquery(ctes, outer, depth);
        }
        let alias = self.name();
        if !ctes.is_empty() && self.chance(60) {
            let cte = self.one(ctes);
            return (format!("{} AS {alias}", cte.name), Named { name: alias, columns: cte.columns });
        }
        if self.is_rich && self.chance(12) {
            return self.rich_source(outer, alias);
        }
        let tables = self.tables.clone();
        let table = self.one(&tables);
        (format!("{} {alias}", table.0), Named::table(table, &alias))
    }

    fn subquery(&mut self, ctes: &[Named], outer: &[Named], depth: usize) -> (String, Named) {
        let types: Vec<char> = (0..1 + self.below(3)).map(|_| self.one(&['t', 't', 'i', 'b'])).collect();
        let body = self.query(&types, ctes, outer, depth.saturating_sub(1));
        let alias = self.name();
        let columns: Columns = types.iter().enumerate().map(|(n, kind)| (format!("s{n}"), *kind)).collect();
        let list: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        (format!("({body}) AS {alias}({})", list.join(", ")), Named { name: alias, columns })
    }

    pub fn column(&mut self, kind: char, scope: &[Named]) -> Option<String> {
        let all: Vec<(String, String)> = scope
            .iter()
            .flat_map(|named| {
                named.columns.iter().filter(|(_, k)| *k == kind).map(|(c, _)| (named.name.clone(), c.clone()))
            })
            .collect();
        if all.is_empty() {
            return None;
        }
        let (source, column) = self.one(&all);
        Some(match self.below(8) {
            0 => format!("({source}).{column}"),
            1 => column,
            _ => format!("{source}.{column}"),
        })
    }

    pub fn value(&mut self, kind: char, scope: &[Named], ctes: &[Named], depth: usize) -> String {
        if depth == 0 || self.chance(55) {
            let literal = match kind {
                't' => self.one(&["'Oslo'", "'x'", "''"]),
                'i' => self.one(&["1", "2", "7"]),
                'b' => "true",
                _ => "date '2024-01-01'",
            };
            return self.column(kind, scope).unwrap_or_else(|| literal.to_owned());
        }
        if self.is_rich && self.chance(25) {
            return self.rich_value(kind, scope, ctes, depth);
        }
        let inner = |this: &mut Self, kind| this.value(kind, scope, ctes, depth - 1);
        match kind {
            't' => self.text(scope, ctes, depth),
            'i' => match self.below(6) {
                0 => format!("length({})", inner(self, 't')),
                1 => format!("({} + {})", inner(self, 'i'), inner(self, 'i')),
                2 => format!("(SELECT count(*) FROM {})", self.aggregated(scope, ctes, depth)),
                3 => format!("rank() OVER (PARTITION BY {} ORDER BY {})", inner(self, 't'), inner(self, 'i')),
                4 => format!("count({}) OVER (ORDER BY {})", inner(self, 't'), inner(self, 't')),
                _ => format!("CASE WHEN {} THEN 1 ELSE 2 END", self.condition(scope, ctes, depth - 1)),
            },
            'b' => match self.below(3) {
                0 => format!("({} IS NULL)", inner(self, 't')),
                1 => format!("(NOT {})", inner(self, 'b')),
                _ => format!("({})", self.condition(scope, ctes, depth - 1)),
            },
            _ => format!("coalesce({}, {})", inner(self, 'd'), inner(self, 'd')),
        }
    }

    fn text(&mut self, scope: &[Named], ctes: &[Named], depth: usize) -> String {
        let a = self.value('t', scope, ctes, depth - 1);
        let b = self.value('t', scope, ctes, depth - 1);
        match self.below(18) {
            0 => format!("lower({a})"),
            1 => format!("upper(btrim({a}))"),
            2 => format!("substr({a}, 2, 3)"),
            3 => format!("({a} || {b})"),
            4 => format!("coalesce({a}, {b})"),
            5 => format!("CASE WHEN {} THEN {a} ELSE {b} END", self.condition(scope, ctes, depth - 1)),
            6 => format!(
                "(SELECT max({}) FROM {})",
                self.one(&["q.k", "q.k || 'x'"]),
                self.aggregated(scope, ctes, depth)
            ),
            7 => format!("{a}::text"),
            8 => format!("({a})::varchar(4)"),
            9 => format!("nullif({a}, {b})"),
            10 => format!("concat({a}, '-', {b})"),
            11 => format!("greatest({a}, {b})"),
            12 => format!("max({a}) OVER (ORDER BY {b})"),
            13 => format!("ltrim({a})"),
            14 => match scope.first() {
                Some(named) => format!("{}::text", named.name),
                None => a,
            },
            15 => match scope.first() {
                Some(named) => format!("row_to_json({})::text", named.name),
                None => a,
            },
            16 => format!("(ARRAY[{a}, {b}])[1]"),
            _ => format!("{a} COLLATE \"C\""),
        }
    }

    /// A derived table `q` with one text column `k`.
    fn aggregated(&mut self, scope: &[Named], ctes: &[Named], depth: usize) -> String {
        let body = self.block(&['t'], ctes, scope, depth - 1);
        format!("({body}) AS q(k)")
    }

    pub fn condition(&mut self, scope: &[Named], ctes: &[Named], depth: usize) -> String {
        let scope = &self.mostly_open(scope)[..];
        if self.is_rich && self.chance(25) {
            return self.rich_condition(scope, ctes, depth);
        }
        let plain = |this: &mut Self, kind| this.value(kind, scope, ctes, depth.saturating_sub(2));
        match self.below(if depth == 0 { 7 } else { 12 }) {
            0 | 1 => format!("{} > {}", plain(self, 'i'), self.below(9)),
            2 => format!("{} IS NOT NULL", plain(self, 't')),
            3 => format!("{} = {}", plain(self, 't'), plain(self, 't')),
            4 => format!("{} LIKE 'O%'", plain(self, 't')),
            5 => format!("{} IN ('Oslo', 'Rome')", plain(self, 't')),
            6 => format!("{} = {}", plain(self, 'i'), plain(self, 'i')),
            7 => format!(
                "({} AND {})",
                self.condition(scope, ctes, depth - 1),
                self.condition(scope, ctes, depth - 1)
            ),
            8 => format!(
                "NOT ({} OR {})",
                self.condition(scope, ctes, depth - 1),
                self.condition(scope, ctes, depth - 1)
            ),
            9 => format!("{} IN ({})", plain(self, 't'), self.query(&['t'], ctes, scope, depth - 1)),
            10 => format!("EXISTS ({})", self.query(&['i'], ctes, scope, depth - 1)),
            _ => {
                format!("{} = (SELECT min(k) FROM {})", plain(self, 't'), self.aggregated(scope, ctes, depth))
            }
        }
    }

    pub fn write(&mut self) -> String {
        let scope = [Named::table(TABLES[0], "")];
        match self.below(5) {
            0 => format!("INSERT INTO scratch (id, t) {}", self.query(&['i', 't'], &[], &[], 2)),
            1 => {
                let column = self.one(&["status", "city", "email", "referrer"]);
                let value = self.value('t', &scope, &[], 1);
                let shown = self.value('t', &scope, &[], 2);
                let condition = self.condition(&scope, &[], 2);
                format!("UPDATE customers SET {column} = {value} WHERE {condition} RETURNING id, {shown}")
            }
            2 => format!("DELETE FROM orders WHERE {}", {
                let orders = Named { name: "orders".to_owned(), columns: vec![("id".to_owned(), 'i')] };
                self.condition(&[orders], &[], 3)
            }),
            3 => {
                let shown = self.value('t', &scope, &[], 2);
                format!("INSERT INTO customers (id, city) VALUES (900, 'Oslo') RETURNING {shown}")
            }
            _ => {
                let value = self.value('t', &scope, &[], 1);
                format!(
                    "UPDATE scratch SET t = {value} FROM customers WHERE customers.id = scratch.id AND {}",
                    self.condition(&scope, &[], 1)
                )
            }
        }
    }
}

#[test]
fn a_seed_gives_the_same_statements_again() {
    let statements = |seed| {
        let mut generator = Generator::new(seed);
        (0..50).map(|_| generator.statement()).collect::<Vec<_>>()
    };
    assert_eq!(statements(1), statements(1));
    assert_ne!(statements(1), statements(2));
}
