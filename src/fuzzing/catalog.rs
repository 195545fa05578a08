//! A small catalog made by hand, with a policy bound to it.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use crate::catalog::Oid;
use crate::catalog::bind::bind;
use crate::catalog::bindings::Known;
use crate::catalog::guard::Guard;
use crate::catalog::snapshot::{
    Column, Constraint, ConstraintKind, Function, Relation, RelationKind, Snapshot, TypeInfo, Volatility,
};
use crate::config::Config;
use crate::sql::lineage::view_flows;

const TEXT: Oid = Oid(25);
const INT4: Oid = Oid(23);

const POLICY: &str = r#"
keys.file = "k"
state.url = "sqlite:s"
audit.file = "a"
control.socket = "c"
listen.address = "127.0.0.1:1"
upstream.address = "127.0.0.1:1"
upstream.service_user = "bauta"
[[protect]]
columns = ["public.customers.email", "public.customers.name"]
method = "redact"
[[protect]]
columns = ["public.customers.ssn", "public.staff.ssn"]
method = "token"
domain = "ssn"
"#;

const FUNCTIONS: &[&str] = &[
    "lower",
    "upper",
    "btrim",
    "count",
    "max",
    "min",
    "sum",
    "substr",
    "length",
    "concat",
    "row_to_json",
    "array_agg",
    "string_agg",
    "generate_series",
    "unnest",
    "rank",
    "row_number",
    "lag",
    "set_config",
    "nextval",
];

static GUARD: LazyLock<Arc<Guard>> = LazyLock::new(|| Arc::new(made()));

pub fn guard() -> Arc<Guard> {
    Arc::clone(&GUARD)
}

fn made() -> Guard {
    let config = Config::parse(Path::new("proxy.toml"), POLICY, &|_| None).expect("the policy");
    let mut snapshot = Snapshot { database: "shop".into(), ..Snapshot::default() };
    for (oid, name) in [(TEXT, "text"), (INT4, "int4"), (Oid(16), "bool"), (Oid(1043), "varchar")] {
        snapshot.add_type(named_type(oid, name));
    }
    for (name, oid) in FUNCTIONS.iter().zip(20_000..) {
        snapshot.add_function(function(Oid(oid), name));
    }
    let columns = ["id", "name", "email", "ssn", "phone", "salary", "city", "status"];
    let key = Constraint {
        kind: ConstraintKind::Unique,
        computed: Vec::new(),
        is_primary: true,
        nulls_tell: false,
        ..Constraint::computed("customers_pkey".into(), vec![1])
    };
    snapshot.add_relation(Relation { constraints: vec![key], ..table(Oid(30_001), "customers", &columns) });
    snapshot.add_relation(table(Oid(30_002), "staff", &["id", "ssn", "city"]));
    snapshot.add_relation(table(Oid(30_003), "orders", &["id", "customer_id", "amount", "placed"]));
    snapshot.add_relation(table(Oid(30_004), "scratch", &["id", "t"]));
    snapshot.add_relation(Relation {
        kind: RelationKind::View,
        definition: Some("SELECT c.id, c.email FROM public.customers c".into()),
        definition_relations: vec![Oid(30_001)],
        ..table(Oid(30_005), "v_all", &["id", "email"])
    });
    let bound = bind(Arc::new(snapshot), &config.protect, &config.defaults, &Known::default(), view_flows);
    bound.expect("a matcher").guard
}

fn table(oid: Oid, name: &str, columns: &[&str]) -> Relation {
    let column = |(name, attribute): (&&str, i16)| Column {
        attribute,
        name: (*name).into(),
        type_oid: if *name == "id" { INT4 } else { TEXT },
        type_modifier: -1,
        ..Column::default()
    };
    Relation {
        oid,
        schema: "public".into(),
        name: name.into(),
        kind: RelationKind::Table,
        columns: columns.iter().zip(1..).map(column).collect(),
        ..Relation::default()
    }
}

fn named_type(oid: Oid, name: &str) -> TypeInfo {
    TypeInfo {
        oid,
        schema: "pg_catalog".into(),
        name: name.into(),
        kind: 'b',
        category: 'S',
        element: None,
        base: None,
        modifier: -1,
        relation: None,
        extension: None,
    }
}

fn function(oid: Oid, name: &str) -> Function {
    Function {
        oid,
        schema: "pg_catalog".into(),
        name: name.into(),
        language: "internal".into(),
        volatility: if matches!(name, "set_config" | "nextval") {
            Volatility::Volatile
        } else {
            Volatility::Stable
        },
        kind: 'f',
        body: "".into(),
        unreadable: false,
        returns_set: false,
        return_type: TEXT,
        argument_types: Vec::new(),
        extension: None,
        support: Vec::new(),
        outputs: Vec::new(),
        state_types: Vec::new(),
    }
}
