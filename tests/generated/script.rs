//! Makes scripts: a few steps in one or two sessions, by a theme, so that
//! what one step leaves (a cursor, a token, a table) another finds.
//!
//! Invariant: wherever a statement's result depends on the order of rows (a
//! LIMIT, a cursor, a portal with a row limit), its ORDER BY is total and on
//! unprotected columns.

use super::play::{Run, SESSIONS, Script, Step, Way};
use crate::oracle_sql::{Generator, Named, Table};

/// What the schema of the generated scripts adds.
pub(super) const MORE: &[Table] = &[
    (
        "accounts",
        &[
            ("id", 'i'),
            ("customer_id", 'i'),
            ("acct", 'i'),
            ("card", 't'),
            ("opened", 'd'),
            ("rating", 'i'),
            ("nick", 't'),
            ("label", 't'),
            ("kind", 't'),
        ],
    ),
    ("transfers", &[("id", 'i'), ("acct", 'i'), ("card", 't'), ("cents", 'i')]),
    ("ledger", &[("id", 'i'), ("secret", 't'), ("memo", 't')]),
    ("ledger_high", &[("id", 'i'), ("secret", 't'), ("memo", 't')]),
    (
        "v_accounts",
        &[("id", 'i'), ("acct", 'i'), ("nick", 't'), ("label", 't'), ("email", 't'), ("city", 't')],
    ),
    ("v_deep", &[("id", 'i'), ("alias", 't'), ("mail", 't'), ("city", 't')]),
    ("v_union", &[("id", 'i'), ("text", 't')]),
    ("v_ranked", &[("id", 'i'), ("city", 't'), ("place", 'i'), ("ssn", 't')]),
];

/// Tables and views with one row for each `id`.
pub(super) const KEYED: &[Table] = &[
    ("customers", &[("id", 'i'), ("name", 't'), ("email", 't'), ("ssn", 't'), ("birth", 'd'), ("city", 't')]),
    ("staff", &[("id", 'i'), ("ssn", 't'), ("city", 't')]),
    ("contacts", &[("id", 'i'), ("email", 't'), ("note", 't')]),
    ("orders", &[("id", 'i'), ("customer_id", 'i'), ("placed", 'd')]),
    ("people", &[("id", 'i'), ("secret", 't'), ("label", 't')]),
    ("events", &[("id", 'i'), ("kind", 't'), ("payload", 't')]),
    ("v_all", &[("id", 'i'), ("email", 't'), ("phone", 't'), ("city", 't')]),
    ("v_ranked", &[("id", 'i'), ("city", 't'), ("place", 'i'), ("ssn", 't')]),
    ("m_all", &[("id", 'i'), ("email", 't')]),
    (
        "accounts",
        &[("id", 'i'), ("acct", 'i'), ("card", 't'), ("opened", 'd'), ("nick", 't'), ("label", 't')],
    ),
    ("transfers", &[("id", 'i'), ("acct", 'i'), ("card", 't'), ("cents", 'i')]),
    ("v_accounts", &[("id", 'i'), ("nick", 't'), ("label", 't'), ("email", 't'), ("city", 't')]),
    ("ledger", &[("id", 'i'), ("secret", 't'), ("memo", 't')]),
];

const CURSORS: &[&str] = &["c1", "c2"];
const STATEMENTS: &[&str] = &["p1", "p2"];
const NAMED: &[&str] = &["s1", "s2"];
const PORTALS: &[&str] = &["o1", "o2"];

/// What a script is mostly about.
#[derive(Debug, Clone, Copy)]
enum Theme {
    Queries,
    Keyed,
    Cursors,
    Prepared,
    Protocol,
    Transactions,
    Writes,
    Copies,
    Ddl,
    Tokens,
    Effects,
    Plans,
    Catalog,
}

const THEMES: &[Theme] = &[
    Theme::Queries,
    Theme::Queries,
    Theme::Queries,
    Theme::Queries,
    Theme::Keyed,
    Theme::Keyed,
    Theme::Cursors,
    Theme::Prepared,
    Theme::Protocol,
    Theme::Transactions,
    Theme::Writes,
    Theme::Writes,
    Theme::Copies,
    Theme::Ddl,
    Theme::Tokens,
    Theme::Effects,
    Theme::Plans,
    Theme::Catalog,
];

pub fn script(seed: u64) -> Script {
    let mut maker = Maker { sql: Generator::rich(seed, MORE), session: 0 };
    let theme = maker.sql.one(THEMES);
    let length = 3 + maker.sql.below(7);
    let alone = maker.sql.chance(70);
    let mut steps: Vec<Step> =
        maker.opening(theme).into_iter().map(|(way, ordered)| Step { session: 0, ordered, way }).collect();
    for _ in 0..length {
        let own = maker.sql.chance(70);
        let theme = if own { theme } else { maker.sql.one(THEMES) };
        maker.session = if alone { 0 } else { maker.sql.below(SESSIONS) };
        let (way, ordered) = maker.step(theme);
        steps.push(Step { session: maker.session, ordered, way });
    }
    Script { seed, steps }
}

pub(super) struct Maker {
    pub(super) sql: Generator,
    /// Whose step it is. What one session notifies, only itself hears: when
    /// another would is left open.
    pub(super) session: usize,
}

pub(super) type Made = (Way, bool);

pub(super) fn simple(sql: impl Into<String>) -> Made {
    (Way::Simple(sql.into()), false)
}

impl Maker {
    /// What the steps of a theme stand on.
    fn opening(&mut self, theme: Theme) -> Vec<Made> {
        let begin = simple("BEGIN");
        match theme {
            Theme::Cursors => {
                let declare =
                    |name: &str, query: String| simple(format!("DECLARE {name} CURSOR FOR {query}"));
                vec![begin, declare("c1", self.keyed().0), declare("c2", self.keyed().0)]
            }
            Theme::Prepared => {
                let prepare = |name: &str, query: String| simple(format!("PREPARE {name} AS {query}"));
                vec![prepare("p1", self.keyed().0), prepare("p2", self.query().0)]
            }
            Theme::Protocol => {
                let parse = |name, sql| (Way::Parse { name, sql }, true);
                let first = [parse("s1", self.keyed().0), parse("s2", self.keyed().0)];
                let run =
                    |portal| Run { portal, values: Vec::new(), formats: Vec::new(), limit: 2, executes: 1 };
                let bind = |name, portal| (Way::Bind { name, run: run(portal) }, true);
                let [s1, s2] = first;
                vec![s1, s2, begin, bind("s1", "o1"), bind("s2", "o2")]
            }
            Theme::Transactions => vec![begin, simple("SAVEPOINT a")],
            Theme::Ddl => vec![
                simple("CREATE TEMP TABLE made_t (id int, t text)"),
                simple("CREATE VIEW made_v AS SELECT id, city FROM staff"),
            ],
            Theme::Tokens => [0, 1].map(|which| self.seen(which)).to_vec(),
            _ => Vec::new(),
        }
    }

    pub(super) fn seen(&mut self, which: usize) -> Made {
        let sql = [
            "SELECT id, ssn FROM customers ORDER BY id",
            "SELECT id, acct, device, card FROM accounts ORDER BY id",
        ];
        (Way::Simple(sql[which].to_owned()), true)
    }

    fn step(&mut self, theme: Theme) -> Made {
        match theme {
            Theme::Queries => {
                let (sql, width) = self.query();
                self.sent(sql, width, false)
            }
            Theme::Keyed => {
                let (sql, width) = self.keyed();
                self.sent(sql, width, true)
            }
            Theme::Cursors => self.cursor(),
            Theme::Prepared => self.prepared(),
            Theme::Protocol => self.protocol(),
            Theme::Transactions => simple(self.transaction()),
            Theme::Writes => {
                let sql = self.write();
                self.sent(sql, 0, false)
            }
            Theme::Copies => self.copy(),
            Theme::Ddl => simple(self.ddl()),
            Theme::Tokens => self.token(),
            Theme::Effects => simple(self.effect()),
            Theme::Plans => simple(self.plan()),
            Theme::Catalog => self.catalog(),
        }
    }

    /// Any query, and how many columns it has.
    pub(super) fn query(&mut self) -> (String, usize) {
        let want: Vec<char> =
            (0..1 + self.sql.below(4)).map(|_| self.sql.one(&['t', 't', 't', 'i', 'd', 'b'])).collect();
        let depth = 1 + self.sql.below(3);
        (self.sql.query(&want, &[], &[], depth), want.len())
    }

    /// A query whose rows have a place each.
    pub(super) fn keyed(&mut self) -> (String, usize) {
        let first = self.sql.one(KEYED);
        let mut scope = vec![Named::table(first, "k1")];
        let mut from = format!("{} k1", first.0);
        let mut keys = "k1.id".to_owned();
        if self.sql.chance(35) {
            let second = self.sql.one(KEYED);
            scope.push(Named::table(second, "k2"));
            let on = self.sql.join_condition(&[scope[0].clone(), scope[1].clone()]);
            let kind = self.sql.one(&["JOIN", "LEFT JOIN"]);
            from = format!("{from} {kind} {} k2 ON {on}", second.0);
            keys.push_str(", k2.id");
        }
        let width = 1 + self.sql.below(4);
        let star = self.sql.chance(25);
        let outputs: Vec<String> = (0..width)
            .map(|_| {
                let kind = self.sql.one(&['t', 't', 't', 'i', 'd']);
                let depth = self.sql.below(3);
                self.sql.value(kind, &scope, &[], depth)
            })
            .collect();
        let outputs = if star { "k1.*".to_owned() } else { outputs.join(", ") };
        let condition = match self.sql.chance(35) {
            true => format!(" WHERE {}", self.sql.condition(&scope, &[], 2)),
            false => String::new(),
        };
        let direction = self.sql.one(&["", "", " DESC"]);
        let limit = match self.sql.below(6) {
            0 => " LIMIT 5".to_owned(),
            1 => " LIMIT 3 OFFSET 2".to_owned(),
            2 => " FETCH FIRST 4 ROWS ONLY".to_owned(),
            _ => String::new(),
        };
        let lock = if self.sql.chance(4) { " FOR UPDATE OF k1" } else { "" };
        let sql = format!("SELECT {outputs} FROM {from}{condition} ORDER BY {keys}{direction}{limit}{lock}");
        (sql, if star { 0 } else { width })
    }

    /// By which messages; `width` 0: as many columns as there are.
    fn sent(&mut self, sql: String, width: usize, ordered: bool) -> Made {
        if self.sql.chance(45) {
            return (Way::Simple(sql), ordered);
        }
        let (sql, values) = self.parameters(sql);
        let run = self.run(values, width, ordered);
        (Way::Extended { sql, run }, ordered)
    }

    /// Literals become parameters now and then.
    fn parameters(&mut self, sql: String) -> (String, Vec<Option<String>>) {
        if sql.contains("'Oslo'") && self.sql.chance(40) {
            return (sql.replace("'Oslo'", "$1"), vec![Some("Oslo".to_owned())]);
        }
        (sql, Vec::new())
    }

    pub(super) fn run(&mut self, values: Vec<Option<String>>, width: usize, ordered: bool) -> Run {
        let formats = match self.sql.below(4) {
            0 => Vec::new(),
            1 => vec![0],
            2 if width > 0 => (0..width).map(|_| self.sql.one(&[0, 1])).collect(),
            _ => vec![1],
        };
        let portal = if self.sql.chance(30) { self.sql.one(PORTALS) } else { "" };
        let (limit, executes) = match ordered && self.sql.chance(30) {
            true => (2, 1 + self.sql.below(3)),
            false => (0, 1),
        };
        Run { portal, values, formats, limit, executes }
    }

    fn cursor(&mut self) -> Made {
        let name = self.sql.one(CURSORS);
        match self.sql.below(12) {
            0..=2 => {
                let (query, _) = self.keyed();
                let hold = self.sql.one(&["", "", " WITH HOLD"]);
                let kind = self.sql.one(&["", "", "BINARY ", "SCROLL ", "NO SCROLL "]);
                simple(format!("DECLARE {name} {kind}CURSOR{hold} FOR {query}"))
            }
            3 => simple("BEGIN"),
            4 => simple(self.sql.one(&["COMMIT", "ROLLBACK"])),
            5 => simple(format!("MOVE {} IN {name}", self.direction())),
            6 => simple(format!("CLOSE {}", self.sql.one(&[name, "ALL"]))),
            7 => simple(format!(
                "UPDATE customers SET status = 'seen' WHERE CURRENT OF {name} RETURNING id, ssn"
            )),
            8 => {
                let query = self.keyed().0;
                let direction = self.direction();
                simple(format!(
                    "BEGIN; DECLARE {name} CURSOR FOR {query}; FETCH {direction} FROM {name}; COMMIT"
                ))
            }
            9 => {
                let run = self.run(Vec::new(), 0, true);
                (Way::Extended { sql: format!("FETCH 3 FROM {name}"), run: Run { limit: 0, ..run } }, true)
            }
            _ => (Way::Simple(format!("FETCH {} FROM {name}", self.direction())), true),
        }
    }

    fn direction(&mut self) -> &'static str {
        self.sql.one(&[
            "1",
            "3",
            "ALL",
            "NEXT",
            "FORWARD 2",
            "ABSOLUTE 2",
            "BACKWARD 1",
            "PRIOR",
            "LAST",
            "0",
        ])
    }

    fn prepared(&mut self) -> Made {
        let name = self.sql.one(STATEMENTS);
        match self.sql.below(10) {
            0..=3 => {
                let query = match self.sql.below(4) {
                    0 => self.query().0,
                    1 => self.write(),
                    _ => self.keyed().0,
                };
                let (query, values) = self.parameters(query);
                let types = if values.is_empty() { "" } else { " (text)" };
                simple(format!("PREPARE {name}{types} AS {query}"))
            }
            4 => simple(format!("EXECUTE {name}('Rome')")),
            5 => simple(format!("EXPLAIN (COSTS OFF) EXECUTE {name}")),
            6 => simple(format!("DEALLOCATE {}", self.sql.one(&[name, "ALL"]))),
            7 => simple(format!("CREATE TEMP TABLE made_e AS EXECUTE {name}")),
            _ => {
                let run = Run { limit: 0, executes: 1, ..self.run(Vec::new(), 0, false) };
                let sql = format!("EXECUTE {name}");
                if self.sql.chance(50) { simple(sql) } else { (Way::Extended { sql, run }, false) }
            }
        }
    }

    fn protocol(&mut self) -> Made {
        let name = self.sql.one(NAMED);
        match self.sql.below(10) {
            0..=3 => {
                let query = if self.sql.chance(85) { self.keyed().0 } else { self.write() };
                let sql = self.parameters(query).0;
                (Way::Parse { name, sql }, true)
            }
            4 => simple("BEGIN"),
            5 => (Way::Continue { portal: self.sql.one(PORTALS), limit: 2 }, true),
            6 => (Way::Simple(format!("FETCH 2 FROM {}", self.sql.one(PORTALS))), true),
            _ => {
                let values = if self.sql.chance(25) { vec![Some("Oslo".to_owned())] } else { Vec::new() };
                let run = self.run(values, 0, true);
                (Way::Bind { name, run }, true)
            }
        }
    }

    fn transaction(&mut self) -> String {
        self.sql
            .one(&[
                "BEGIN",
                "BEGIN",
                "START TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                "COMMIT",
                "ROLLBACK",
                "SAVEPOINT a",
                "SAVEPOINT b",
                "UPDATE customers SET status = 's' WHERE id < 3",
                "ROLLBACK TO a",
                "ROLLBACK TO b",
                "RELEASE a",
                "COMMIT AND CHAIN",
                "SELECT 1/0",
                "SELECT email::int FROM customers",
                "BEGIN; UPDATE customers SET status = 'q' WHERE id = 2; SELECT id, ssn, status FROM customers WHERE id = 2",
                "SET TRANSACTION READ ONLY",
                "LOCK TABLE customers IN SHARE MODE",
            ])
            .to_owned()
    }
}
