//! A shop's catalog made by hand, with protected columns of every kind.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::catalog::guard::Facts;
use crate::catalog::snapshot::{
    Action, Cast, Column, Constraint, ConstraintKind, Function, Operator, Relation, RelationKind, Snapshot,
    TypeInfo, Volatility,
};
use crate::catalog::{ColumnId, Oid};
use crate::clock::{Clock, Now, SystemClock};
use crate::error::ClientError;
use crate::grants::GrantId;
use crate::mask::{DocumentPath, Method, MethodSpec};
use crate::policy::decide::{Decision, decide};
use crate::policy::{
    Access, Basis, Disclosure, Disclosures, Inside, Permits, ProtectedColumn, ProtectedPath,
};
use crate::sql::analysis::{Flow, Statement, StatementKind};
use crate::sql::lineage::{Lineage, analyse, view_flows};
use crate::sql::parse;

const TEXT: u32 = 25;
/// A pseudo-type: any row.
const RECORD: u32 = 2249;
const INT: u32 = 23;
const BOOL: u32 = 16;
const DATE: u32 = 1082;
const JSON: u32 = 114;
const JSONB: u32 = 3802;
const CITEXT: u32 = 90_001;
const ROW: u32 = 90_100;

/// Everything that `Facts` borrows.
pub struct Shop {
    pub snapshot: Snapshot,
    protected: HashMap<ColumnId, Arc<ProtectedColumn>>,
    view_flows: HashMap<Oid, Vec<Flow>>,
    counted: HashSet<Oid>,
    counted_on_writing: HashSet<Oid>,
    locked: HashMap<Oid, Arc<str>>,
    opaque: HashSet<Oid>,
    keyed: HashMap<Oid, Vec<Arc<ProtectedColumn>>>,
    set_off: HashMap<Oid, crate::catalog::guard::SetOff>,
    reached: HashMap<Oid, crate::catalog::guard::Reached>,
    sequences: HashMap<Oid, Vec<Arc<ProtectedColumn>>>,
    pub running: HashMap<Oid, crate::catalog::guard::Runs>,
}

/// `name:type` and, for a protected one, `=method[/domain][+allow]`.
const TABLES: &[(u32, &str, &str, &str)] = &[
    (
        101,
        "public",
        "customers",
        "id:int first_name:text email:text=email phone:text=partial ssn:text=token/ssn birth:date=redact \
         vip:bool=redact salary:int=redact+order zip:text=redact+search pin:text=redact+write \
         country:text backup_email:text tags:text",
    ),
    (
        102,
        "public",
        "employees",
        "id:int ssn:text=token/ssn name:text boss:int badge:text=hash nick:citext=hash/nick",
    ),
    (103, "public", "orders", "id:int customer_id:int total:int placed:date"),
    (104, "public", "users", "id:int login:text pw:text=redact"),
    (105, "auth", "users", "id:int login:text pw:text"),
    (106, "auth", "sessions", "id:int user_id:int token:text"),
    (107, "public", "locked", "id:int secret:text"),
    (108, "public", "Odd Name", "id:int \"Sec ret\":text=redact"),
    (109, "public", "homes", "id:int place:text=redact"),
    (
        110,
        "pg_catalog",
        "pg_stats",
        "schemaname:text tablename:text attname:text inherited:bool null_frac:int most_common_vals:text",
    ),
    (111, "pg_catalog", "pg_class", "oid:int relname:text"),
    (113, "archive", "people", "id:int mail:text"),
    (114, "public", "people", "id:int name:text mail:text=email"),
    (115, "public", "events", "id:int payload:jsonb=document raw:json=document free:jsonb"),
    (112, "public", "notes", "id:int customer_id:int body:text"),
];

const VIEWS: &[(u32, &str, &str, &str)] = &[
    (201, "public", "customer_names", "SELECT c.id, c.first_name FROM public.customers c"),
    (
        202,
        "public",
        "contacts",
        "SELECT c.id, c.email AS mail, lower(c.email) AS low, substr(c.ssn, 1, 3) AS area FROM public.customers c",
    ),
    (
        203,
        "public",
        "contacts_of",
        "SELECT v.mail, o.id AS order_id FROM (public.contacts v JOIN public.orders o ON ((v.id = o.customer_id)))",
    ),
    (
        204,
        "public",
        "judged",
        "SELECT c.id, (c.email ~~ 'a%'::text) AS early, CASE WHEN c.vip THEN 'v'::text ELSE c.country END AS kind, count(c.ssn) OVER () AS n, max(c.birth) OVER () AS last FROM public.customers c WHERE (c.ssn > '5'::text)",
    ),
    (
        205,
        "public",
        "event_users",
        "SELECT e.id, (e.payload -> 'user'::text) AS who, (e.payload ->> 'kind'::text) AS kind, ((e.payload -> 'user'::text) ->> 'email'::text) AS email FROM public.events e",
    ),
];

/// Where every document is protected: `path=method[/domain][+allow]`.
const PATHS: &[&str] = &[
    "$.user.email=email",
    "$.user.ssn=token/ssn",
    "$.user.pin=redact+search",
    "$.items[*].price=noise",
    "$.tags[*]=redact",
    "$.key=hash/key",
];

/// Functions of `pg_catalog`, by volatility.
const STABLE: &str = "lower upper btrim ltrim rtrim count min max sum avg substr substring length concat \
    row_to_json to_json to_jsonb json_agg any_value array_agg string_agg md5 left right replace position strpos \
    coalesce rank row_number lag lead first_value ntile date_part extract timezone like_escape \
    generate_series unnest jsonb_each json_each now percentile_disc mode num_nulls upper_inf \
    json_build_object format jsonb_extract_path jsonb_extract_path_text json_extract_path_text jsonb_set \
    jsonb_array_elements jsonb_path_query encode json_populate_record bool_or similar_to_escape overlaps";
const VOLATILE: &str = "random nextval setval set_config pg_notify pg_sleep pg_advisory_lock";

impl Shop {
    pub fn new() -> Self {
        let mut shop = Self {
            snapshot: Snapshot { database: "shop".into(), server_version: 180_000, ..Snapshot::default() },
            protected: HashMap::new(),
            view_flows: HashMap::new(),
            counted: HashSet::new(),
            counted_on_writing: HashSet::new(),
            locked: HashMap::new(),
            opaque: HashSet::new(),
            keyed: HashMap::new(),
            set_off: HashMap::new(),
            reached: HashMap::new(),
            sequences: HashMap::new(),
            running: HashMap::new(),
        };
        shop.add_types();
        shop.add_functions();
        for (oid, schema, name, columns) in TABLES {
            shop.add_table(Oid(*oid), schema, name, columns);
        }
        shop.constrain();
        shop.counted.insert(Oid(107));
        shop.locked.insert(Oid(107), "the rule at proxy.toml:3 names a column that does not exist".into());
        for (oid, schema, name, definition) in VIEWS {
            shop.add_view(Oid(*oid), schema, name, definition);
        }
        shop
    }

    fn add_types(&mut self) {
        let types = [
            (TEXT, "pg_catalog", "text", 'b'),
            (1043, "pg_catalog", "varchar", 'b'),
            (1042, "pg_catalog", "bpchar", 'b'),
            (INT, "pg_catalog", "int4", 'b'),
            (BOOL, "pg_catalog", "bool", 'b'),
            (DATE, "pg_catalog", "date", 'b'),
            (JSON, "pg_catalog", "json", 'b'),
            (JSONB, "pg_catalog", "jsonb", 'b'),
            (2249, "pg_catalog", "record", 'p'),
            (2283, "pg_catalog", "anyelement", 'p'),
            (CITEXT, "public", "citext", 'b'),
            (90_002, "public", "mail_domain", 'd'),
        ];
        let arrays = [(1009, TEXT, "_text"), (1182, DATE, "_date")];
        let arrays = arrays.map(|(oid, of, name)| (oid, "pg_catalog", name, 'b', Some(Oid(of))));
        let all = types.map(|(oid, schema, name, kind)| (oid, schema, name, kind, None));
        for (oid, schema, name, kind, element) in all.into_iter().chain(arrays) {
            self.snapshot.add_type(TypeInfo {
                oid: Oid(oid),
                schema: schema.into(),
                name: name.into(),
                kind,
                category: if element.is_some() { 'A' } else { 'S' },
                element,
                base: (kind == 'd').then_some(Oid(TEXT)),
                modifier: -1,
                relation: None,
                extension: (name == "citext").then(|| "citext".into()),
            });
        }
        for (target, is_binary) in [(TEXT, true), (1043, true), (INT, false)] {
            let (source, target) = (Oid(CITEXT), Oid(target));
            self.snapshot.casts.push(Cast { source, target, function: None, is_binary });
        }
        self.snapshot.operators.push(Operator {
            oid: Oid(95_000),
            schema: "public".into(),
            name: "=".into(),
            left: Some(Oid(CITEXT)),
            right: Some(Oid(CITEXT)),
            functions: vec![Oid(95_001)],
        });
        self.snapshot.operators.push(Operator {
            oid: Oid(95_002),
            schema: "app".into(),
            name: "@@@".into(),
            left: Some(Oid(TEXT)),
            right: Some(Oid(TEXT)),
            functions: vec![Oid(30_001)],
        });
    }

    fn add_functions(&mut self) {
        let stable = STABLE.split_whitespace().map(|name| ("pg_catalog", name, Volatility::Stable));
        let volatile = VOLATILE.split_whitespace().map(|name| ("pg_catalog", name, Volatility::Volatile));
        for (number, (schema, name, volatility)) in stable.chain(volatile).enumerate() {
            let result = if ["jsonb_each", "json_each"].contains(&name) { RECORD } else { INT };
            self.add_function(Oid(u32::try_from(12_000 + number).unwrap()), schema, name, volatility, result);
        }
        self.add_function(Oid(30_000), "app", "fiscal_year", Volatility::Immutable, INT);
        self.add_function(Oid(30_001), "app", "leak", Volatility::Stable, TEXT);
        self.add_function(Oid(30_002), "app", "remember", Volatility::Volatile, INT);
        // A client's own: earlier in its search_path it would receive raw values.
        self.add_function(Oid(30_003), "evil", "rtrim", Volatility::Immutable, TEXT);
        self.opaque.insert(Oid(30_001));
        self.add_table_function(30_004, "app", "tree", "node level");
        self.add_table_function(30_005, "app", "either", "one two");
        self.add_table_function(30_006, "other", "either", "one three");
    }

    fn add_table_function(&mut self, oid: u32, schema: &str, name: &str, outputs: &str) {
        self.add_function(Oid(oid), schema, name, Volatility::Stable, RECORD);
        if let Some(function) = self.snapshot.functions.get_mut(&Oid(oid)) {
            function.outputs = outputs.split(' ').map(Into::into).collect();
        }
    }

    fn add_function(&mut self, oid: Oid, schema: &str, name: &str, volatility: Volatility, result: u32) {
        self.snapshot.add_function(Function {
            oid,
            schema: schema.into(),
            name: name.into(),
            language: "internal".into(),
            volatility,
            kind: 'f',
            body: "".into(),
            unreadable: false,
            returns_set: false,
            return_type: Oid(result),
            argument_types: if name == "row_to_json" { vec![Oid(RECORD)] } else { Vec::new() },
            extension: None,
            support: Vec::new(),
            outputs: Vec::new(),
            state_types: Vec::new(),
        });
    }

    fn add_table(&mut self, oid: Oid, schema: &str, name: &str, columns: &str) {
        let mut relation = Relation {
            oid,
            schema: schema.into(),
            name: name.into(),
            kind: RelationKind::Table,
            ..Relation::default()
        };
        let mut rest = columns;
        let mut attribute = 0;
        while !rest.trim().is_empty() {
            rest = rest.trim_start();
            let (column, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once("\":").unwrap(),
                None => rest.split_once(':').unwrap(),
            };
            let (kind, after) = after.split_once(' ').unwrap_or((after, ""));
            rest = after;
            attribute += 1;
            let (kind, rule) = match kind.split_once('=') {
                Some((kind, rule)) => (kind, Some(rule)),
                None => (kind, None),
            };
            relation.columns.push(Column {
                attribute,
                name: column.into(),
                type_oid: type_of(kind),
                type_modifier: -1,
                ..Column::default()
            });
            if let Some(rule) = rule {
                self.counted.insert(oid);
                let id = ColumnId { relation: oid, attribute };
                self.protected.insert(id, Arc::new(protected(schema, name, column, rule)));
            }
        }
        self.snapshot.add_type(TypeInfo {
            oid: Oid(ROW + oid.0),
            schema: schema.into(),
            name: name.into(),
            kind: 'c',
            category: 'C',
            element: None,
            base: None,
            modifier: -1,
            relation: Some(oid),
            extension: None,
        });
        self.snapshot.add_relation(relation);
    }

    fn constrain(&mut self) {
        let customers = self.snapshot.relations.get_mut(&Oid(101)).unwrap();
        let constraint = |name: &str, kind, columns: &[i16]| Constraint {
            name: name.into(),
            kind,
            columns: columns.to_vec(),
            computed: if kind == ConstraintKind::Check { columns.to_vec() } else { Vec::new() },
            references: None,
            on_delete: Action::None,
            on_update: Action::None,
            is_primary: name.ends_with("_pkey"),
            nulls_tell: kind == ConstraintKind::Check,
            is_unproven: false,
            is_deferrable: false,
            again: Vec::new(),
        };
        customers.constraints = vec![
            constraint("customers_pkey", ConstraintKind::Unique, &[1]),
            constraint("customers_email_key", ConstraintKind::Unique, &[3]),
            constraint("other_mail", ConstraintKind::Check, &[3, 12]),
        ];
        for (table, name) in
            [(103, "orders_pkey"), (104, "users_pkey"), (113, "people_pkey"), (114, "people_pkey")]
        {
            let key = constraint(name, ConstraintKind::Unique, &[1]);
            self.snapshot.relations.get_mut(&Oid(table)).unwrap().constraints = vec![key];
        }
        let key = |name: &str, column: i16, to: (u32, i16)| Constraint {
            references: Some((Oid(to.0), vec![to.1])),
            ..constraint(name, ConstraintKind::ForeignKey, &[column])
        };
        let employees = self.snapshot.relations.get_mut(&Oid(102)).unwrap();
        employees.constraints =
            vec![key("employees_ssn_fkey", 2, (101, 5)), key("employees_badge_fkey", 5, (108, 1))];
    }

    /// As the server prints it.
    pub fn set_default(&mut self, table: &str, column: &str, default: &str) {
        let mut tables = self.snapshot.relations.values_mut().filter(|known| &*known.name == table);
        let columns = tables.next().unwrap().columns.iter_mut();
        columns.filter(|known| &*known.name == column).for_each(|known| known.default = Some(default.into()));
    }

    fn add_view(&mut self, oid: Oid, schema: &str, name: &str, definition: &str) {
        let count = view_width(definition);
        let flows = view_flows(self.facts(), definition, count).unwrap();
        let names = view_names(self, definition);
        let columns = names
            .into_iter()
            .zip(1..)
            .map(|(name, attribute)| Column {
                attribute,
                name: name.into(),
                type_oid: Oid(TEXT),
                type_modifier: -1,
                ..Column::default()
            })
            .collect();
        self.view_flows.insert(oid, flows);
        self.counted.insert(oid);
        self.snapshot.add_relation(Relation {
            oid,
            schema: schema.into(),
            name: name.into(),
            kind: RelationKind::View,
            columns,
            definition: Some(definition.into()),
            ..Relation::default()
        });
    }

    pub fn facts(&self) -> Facts<'_> {
        Facts {
            snapshot: &self.snapshot,
            protected: &self.protected,
            view_flows: &self.view_flows,
            counted_relations: &self.counted,
            counted_on_writing: &self.counted_on_writing,
            locked_relations: &self.locked,
            opaque_functions: &self.opaque,
            keyed: &self.keyed,
            set_off: &self.set_off,
            reached: &self.reached,
            sequences: &self.sequences,
            running_types: &self.running,
        }
    }

    pub fn lineage(&self, sql: &str) -> Result<Lineage, ClientError> {
        let parsed = parse::parse(sql, 100)?;
        let [statement] = parsed.statements.as_slice() else { panic!("one statement: {sql}") };
        analyse(self.facts(), sql, &statement.node, &parsed.tokens, 100)
    }

    /// The decision for a session that may see `granted` for ten minutes.
    pub fn decide(&self, sql: &str, granted: &[&str]) -> Decision {
        self.decide_with(
            sql,
            &Granted { columns: granted, export: false, counted: false, now: SystemClock.now() },
        )
    }

    pub fn decide_with(&self, sql: &str, permits: &Granted<'_>) -> Decision {
        let base = Statement::harmless(0..sql.len(), StatementKind::Query);
        let statement = match self.lineage(sql) {
            Err(error) => Statement { refusal: Some(error), ..base },
            Ok(lineage) => Statement {
                outputs: Some(lineage.outputs),
                readings: lineage.readings,
                uses: lineage.uses,
                named: lineage.named,
                touches_protected: lineage.touches_protected,
                sensitive_literals: lineage.sensitive_literals,
                ..base
            },
        };
        decide(&statement, permits, false, permits.now)
    }
}

/// A session with grants on these columns.
pub struct Granted<'a> {
    pub columns: &'a [&'a str],
    pub export: bool,
    pub counted: bool,
    pub now: Now,
}

impl Granted<'_> {
    pub fn until(&self) -> Instant {
        self.now.mono + Duration::from_secs(600)
    }
}

impl Permits for Granted<'_> {
    fn access(&self, column: &ProtectedColumn, _now: Now) -> Access {
        match self.columns.contains(&&*column.name) {
            true => Access::Revealed {
                basis: Basis::Grant(GrantId(1)),
                until: Some(self.until()),
                export: self.export,
                counted: self.counted,
            },
            false => Access::Masked,
        }
    }
}

fn type_of(name: &str) -> Oid {
    Oid(match name {
        "text" => TEXT,
        "int" => INT,
        "bool" => BOOL,
        "date" => DATE,
        "json" => JSON,
        "jsonb" => JSONB,
        "citext" => CITEXT,
        other => panic!("type {other}"),
    })
}

fn protected(schema: &str, table: &str, column: &str, rule: &str) -> ProtectedColumn {
    if rule != "document" {
        return protected_by(schema, table, column, rule);
    }
    let of_path = |(path, rule): (&str, &str)| {
        let value = protected_by(schema, table, column, rule);
        ProtectedPath::new(DocumentPath::parse(path).unwrap(), value, Inside::Document)
    };
    let paths: Vec<ProtectedPath> = PATHS.iter().map(|path| of_path(path.split_once('=').unwrap())).collect();
    let method = MethodSpec::Document(paths.iter().map(ProtectedPath::rule).collect());
    let column = protected_by(schema, table, column, "redact");
    ProtectedColumn { method, paths: paths.into(), ..column }
}

fn protected_by(schema: &str, table: &str, column: &str, rule: &str) -> ProtectedColumn {
    let (rule, allow) = rule.split_once('+').unwrap_or((rule, ""));
    let (method, domain) = rule.split_once('/').unwrap_or((rule, ""));
    let method = Method::ALL.into_iter().find(|known| known.name() == method).unwrap();
    let name = format!("{schema}.{table}.{column}");
    let allowed = match allow {
        "order" => Disclosure::Order,
        "search" => Disclosure::Search,
        _ => Disclosure::Nullness,
    };
    ProtectedColumn {
        domain: if domain.is_empty() { name.as_str().into() } else { domain.into() },
        name: name.into(),
        schema: schema.into(),
        table: table.into(),
        column: column.into(),
        method: MethodSpec::of(method),
        tags: Vec::new(),
        discloses: Disclosures(method.discloses().max(allowed)),
        writable: allow == "write",
        because: "test".into(),
        path: None,
        paths: [].into(),
        below: [].into(),
    }
}

fn view_width(definition: &str) -> usize {
    let parsed = parse::parse(definition, 100).unwrap();
    match &parsed.statements[0].node {
        pg_query::NodeEnum::SelectStmt(select) => select.target_list.len(),
        _ => panic!("a view is a SELECT"),
    }
}

fn view_names(shop: &Shop, definition: &str) -> Vec<String> {
    shop.lineage(definition).unwrap().outputs.into_iter().map(|output| output.name).collect()
}
