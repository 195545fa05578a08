//! Binding and closure on hand-built snapshots: shapes that are hard to make,
//! or to see, on a server. A failing test's name says what would leak.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::bind::{Bound, bind};
use super::bindings::{Known, Standing};
use super::guard::{Facts, Runs};
use super::snapshot::{
    Action, Cast, Column, Constraint, ConstraintKind, Function, Operator, Relation, RelationKind, Snapshot,
    TypeInfo, Volatility,
};
use super::{ColumnId, Oid, Severity};
use crate::config::{Allow, ColumnPattern, Defaults, Mode, ProtectRule, RefusalMode};
use crate::error::ClientError;
use crate::mask::{Method, MethodSpec};
use crate::policy::{Disclosure, Disclosures};
use crate::sql::Flow;

const TEXT: Oid = Oid(25);
const INT4: Oid = Oid(23);

fn defaults() -> Defaults {
    Defaults {
        mode: Mode::Enforce,
        refusal: RefusalMode::Error,
        hold_timeout: std::time::Duration::ZERO,
        new_columns_masked: true,
        max_duration: std::time::Duration::ZERO,
        approvals: 1,
        request_timeout: std::time::Duration::from_secs(86_400),
        ticket_pattern: None,
        trusted_functions: Vec::new(),
    }
}

fn rule(column: &str, method: Method) -> ProtectRule {
    let mut parts = column.split('.').map(str::to_owned);
    let mut next = || parts.next().unwrap();
    ProtectRule {
        place: "proxy.toml:7".to_owned(),
        database: "*".to_owned(),
        columns: vec![ColumnPattern { schema: next(), table: next(), column: next() }],
        path: None,
        method: MethodSpec::of(method),
        domain: None,
        tags: Vec::new(),
        allow: Vec::new(),
    }
}

fn in_domain(column: &str, method: Method, domain: &str) -> ProtectRule {
    ProtectRule { domain: Some(domain.to_owned()), ..rule(column, method) }
}

fn column(attribute: i16, name: &str, type_oid: Oid) -> Column {
    Column { attribute, name: name.into(), type_oid, type_modifier: -1, ..Column::default() }
}

fn table(oid: u32, name: &str, columns: &[&str]) -> Relation {
    Relation {
        oid: Oid(oid),
        schema: "public".into(),
        name: name.into(),
        kind: RelationKind::Table,
        columns: columns.iter().zip(1..).map(|(name, at)| column(at, name, TEXT)).collect(),
        ..Relation::default()
    }
}

fn view(oid: u32, name: &str, reads: &[u32]) -> Relation {
    Relation {
        kind: RelationKind::View,
        definition: Some(format!("reads {reads:?}").into()),
        definition_relations: reads.iter().copied().map(Oid).collect(),
        ..table(oid, name, &["c"])
    }
}

fn function(oid: u32, name: &str, body: &str) -> Function {
    Function {
        oid: Oid(oid),
        schema: "public".into(),
        name: name.into(),
        language: "sql".into(),
        volatility: Volatility::Volatile,
        kind: 'f',
        body: body.into(),
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

fn foreign_key(from: &[i16], to: u32, keys: &[i16]) -> Constraint {
    Constraint {
        name: "fk".into(),
        kind: ConstraintKind::ForeignKey,
        columns: from.to_vec(),
        computed: Vec::new(),
        references: Some((Oid(to), keys.to_vec())),
        on_delete: Action::None,
        on_update: Action::None,
        is_primary: false,
        nulls_tell: false,
        is_unproven: false,
        is_deferrable: false,
        again: Vec::new(),
    }
}

fn type_info(oid: u32, name: &str, kind: char) -> TypeInfo {
    TypeInfo {
        oid: Oid(oid),
        schema: "pg_catalog".into(),
        name: name.into(),
        kind,
        category: 'S',
        element: None,
        base: None,
        modifier: -1,
        relation: None,
        extension: None,
    }
}

fn snapshot(relations: Vec<Relation>) -> Snapshot {
    let mut snapshot = Snapshot { database: "shop".into(), database_oid: Oid(5), ..Snapshot::default() };
    snapshot.add_type(type_info(25, "text", 'b'));
    snapshot.add_type(TypeInfo { category: 'N', ..type_info(23, "int4", 'b') });
    for relation in relations {
        snapshot.add_relation(relation);
    }
    snapshot
}

/// Stands for lineage: a view shows what it reads, or can't be read.
fn read_view(_facts: Facts<'_>, definition: &str, columns: usize) -> Result<Vec<Flow>, ClientError> {
    match definition.contains("666") {
        true => Err(ClientError::new("0A000", "not understood")),
        false => Ok(vec![Flow::Clean; columns]),
    }
}

fn bound(snapshot: Snapshot, rules: &[ProtectRule], known: &Known) -> Bound {
    bind(Arc::new(snapshot), rules, &defaults(), known, read_view).unwrap()
}

fn methods(bound: &Bound) -> BTreeSet<String> {
    bound.guard.protected.values().map(|c| format!("{} {}", c.name, c.method.name())).collect()
}

fn set(expected: &[&str]) -> BTreeSet<String> {
    expected.iter().map(|s| (*s).to_owned()).collect()
}

fn counted(bound: &Bound) -> BTreeSet<String> {
    let relations = &bound.guard.snapshot.relations;
    bound.guard.counted_relations.iter().map(|oid| relations[oid].name.to_string()).collect()
}

#[test]
fn foreign_keys_in_a_circle_are_all_protected() {
    let mut a = table(20_001, "a", &["x", "free"]);
    let mut b = table(20_002, "b", &["y"]);
    let mut c = table(20_003, "c", &["z", "pair"]);
    a.constraints.push(foreign_key(&[1], 20_003, &[1]));
    b.constraints.push(foreign_key(&[1], 20_001, &[1]));
    c.constraints.push(foreign_key(&[1], 20_002, &[1]));
    // Only the column that stands opposite counts.
    c.constraints.push(foreign_key(&[2], 20_001, &[2]));
    let bound = bound(snapshot(vec![a, b, c]), &[rule("public.a.x", Method::Token)], &Known::new());
    assert_eq!(methods(&bound), set(&["public.a.x token", "public.b.y token", "public.c.z token"]));
    let domains: BTreeSet<_> = bound.guard.protected.values().map(|c| c.domain.to_string()).collect();
    assert_eq!(domains, set(&["public.a.x"]), "equal values get equal tokens");
}

#[test]
fn a_public_foreign_key_column_ends_the_chain() {
    let a = table(20_001, "a", &["x"]);
    let mut b = table(20_002, "b", &["y"]);
    b.constraints.push(foreign_key(&[1], 20_001, &[1]));
    let mut c = table(20_003, "c", &["z"]);
    c.constraints.push(foreign_key(&[1], 20_002, &[1]));
    let rules = [rule("public.a.x", Method::Hash), rule("public.b.y", Method::Show)];
    let bound = bound(snapshot(vec![a, b, c]), &rules, &Known::new());
    assert_eq!(methods(&bound), set(&["public.a.x hash"]));
}

#[test]
fn a_parent_of_a_protected_child_is_protected_whatever_its_own_rule_says() {
    let parent = table(20_001, "parent", &["x"]);
    let mut child = table(20_002, "child", &["id", "x"]);
    child.parents = vec![Oid(20_001)];
    let rules = [rule("public.parent.x", Method::Show), rule("public.child.x", Method::Null)];
    let bound = bound(snapshot(vec![parent, child]), &rules, &Known::new());
    assert_eq!(methods(&bound), set(&["public.child.x null", "public.parent.x null"]));
    assert!(bound.findings.iter().any(|f| f.severity == Severity::Error), "{:?}", bound.findings);
}

#[test]
fn a_parent_tells_no_more_of_its_childrens_rows_than_their_own_rules() {
    let of = |parent: ProtectRule, child: ProtectRule| {
        let mut below = table(20_002, "child", &["x"]);
        below.parents = vec![Oid(20_001)];
        let bound =
            bound(snapshot(vec![table(20_001, "parent", &["x"]), below]), &[parent, child], &Known::new());
        let warned = bound.findings.iter().any(|f| f.severity == Severity::Warning);
        (methods(&bound).into_iter().find(|told| told.starts_with("public.parent")).unwrap(), warned)
    };
    let child = |method| ProtectRule { place: "proxy.toml:9".to_owned(), ..rule("public.child.x", method) };
    let redacted = ("public.parent.x redact".to_owned(), true);
    assert_eq!(of(rule("public.parent.x", Method::Hash), child(Method::Redact)), redacted);
    assert_eq!(of(rule("public.parent.x", Method::Hash), child(Method::Hash)), redacted);
    let searched = ProtectRule { allow: vec![Allow::Search], ..rule("public.parent.x", Method::Redact) };
    assert_eq!(of(searched, child(Method::Redact)), redacted);
    // What hides as much, and one rule for both, is as it was.
    let hidden = rule("public.parent.x", Method::Redact);
    assert_eq!(of(hidden, child(Method::Hash)), ("public.parent.x redact".to_owned(), false));
    let both = |column| rule(column, Method::Hash);
    assert_eq!(
        of(both("public.parent.x"), both("public.child.x")),
        ("public.parent.x hash".to_owned(), false)
    );
}

#[test]
fn a_tag_opens_what_is_computed_of_several_columns_only_if_all_have_it() {
    let tagged = |column, tags: &[&str]| ProtectRule {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..rule(column, Method::Redact)
    };
    let rules = [tagged("public.t.x", &["contact", "both"]), tagged("public.t.y", &["health", "both"])];
    let made = |generated: Option<&str>| {
        let mut t = table(20_001, "t", &["x", "y"]);
        let computed = |at, name, from: &[i16]| Column {
            generated: generated.map(Into::into),
            generated_from: from.to_vec(),
            ..column(at, name, TEXT)
        };
        t.columns.extend([computed(3, "of_both", &[1, 2]), computed(4, "of_one", &[1])]);
        snapshot(vec![t])
    };
    let tags = |bound: &Bound, attribute| {
        let id = ColumnId { relation: Oid(20_001), attribute };
        bound.guard.protected[&id].tags.iter().map(|tag| tag.to_string()).collect::<Vec<String>>()
    };
    let computed = bound(made(Some("")), &rules, &Known::new());
    assert_eq!(tags(&computed, 3), ["both"]);
    assert_eq!(tags(&computed, 4), ["contact", "both"]);
    // They keep what they hold, and nobody knows any more what of.
    let kept = bound(made(None), &rules, &computed.known);
    assert_eq!((tags(&kept, 3), tags(&kept, 4)), (Vec::new(), Vec::new()));
}

#[test]
fn a_column_of_two_protected_ones_tells_no_more_of_either_than_its_rule() {
    let rules = |first: ProtectRule, second: ProtectRule| {
        [
            ProtectRule { place: "proxy.toml:1".to_owned(), ..first },
            ProtectRule { place: "proxy.toml:9".to_owned(), ..second },
        ]
    };
    // Two foreign keys, in either order.
    let keys = |rules: &[ProtectRule], order: [u32; 2]| {
        let mut held = table(20_003, "held", &["x"]);
        held.constraints.extend(order.map(|to| foreign_key(&[1], to, &[1])));
        let tables = vec![table(20_001, "a", &["x"]), table(20_002, "b", &["x"]), held];
        let bound = bound(snapshot(tables), rules, &Known::new());
        let id = ColumnId { relation: Oid(20_003), attribute: 1 };
        let warned = bound.findings.iter().any(|finding| finding.severity == Severity::Warning);
        let column = &bound.guard.protected[&id];
        (column.method.method(), column.writable, warned)
    };
    let hash = || rule("public.b.x", Method::Hash);
    let written = || ProtectRule { allow: vec![Allow::Write], ..hash() };
    for order in [[20_001, 20_002], [20_002, 20_001]] {
        // The stricter one may have come first, and is as it was.
        let redacted = (Method::Redact, false, order[0] == 20_002);
        assert_eq!(keys(&rules(rule("public.a.x", Method::Redact), hash()), order), redacted);
        assert_eq!(keys(&rules(rule("public.a.x", Method::Redact), written()), order), redacted);
        let own = ProtectRule { place: "proxy.toml:20".to_owned(), ..rule("public.held.x", Method::Token) };
        let [a, b] = rules(rule("public.a.x", Method::Redact), hash());
        assert_eq!(keys(&[a, b, own], order).0, Method::Token);
        let of_one = |column| ProtectRule { domain: Some("one".to_owned()), ..rule(column, Method::Hash) };
        let alike = rules(of_one("public.a.x"), of_one("public.b.x"));
        assert_eq!(keys(&alike, order), (Method::Hash, false, false));
    }
    // Two parents.
    let mut child = table(20_003, "child", &["x"]);
    child.parents = vec![Oid(20_001), Oid(20_002)];
    let tables = vec![table(20_001, "b", &["x"]), table(20_002, "a", &["x"]), child.clone()];
    let bound_two =
        bound(snapshot(tables), &rules(rule("public.a.x", Method::Redact), hash()), &Known::new());
    assert_eq!(
        methods(&bound_two),
        set(&["public.a.x redact", "public.b.x redact", "public.child.x redact"])
    );
    // A table's own rule holds for its partitions, whatever their keys lead to.
    child.parents = vec![Oid(20_001)];
    child.constraints.push(foreign_key(&[1], 20_002, &[1]));
    let tables = vec![table(20_001, "b", &["x"]), table(20_002, "a", &["x"]), child];
    let ruled = bound(snapshot(tables), &rules(rule("public.a.x", Method::Redact), hash()), &Known::new());
    assert_eq!(methods(&ruled), set(&["public.a.x redact", "public.b.x hash", "public.child.x hash"]));
}

#[test]
fn a_generated_column_of_a_generated_column_and_gaps_of_dropped_ones_are_followed() {
    let mut t = table(20_001, "t", &["x"]);
    t.columns.push(Column { generated: Some("".into()), generated_from: vec![1], ..column(5, "y", TEXT) });
    t.columns.push(Column { generated: Some("".into()), generated_from: vec![3], ..column(7, "z", TEXT) });
    let mut v = view(20_002, "v", &[20_001]);
    v.columns = vec![column(1, "a", TEXT), column(4, "b", TEXT)];
    let bound = bound(snapshot(vec![t, v]), &[rule("public.t.x", Method::Hash)], &Known::new());
    assert_eq!(methods(&bound), set(&["public.t.x hash", "public.t.y redact"]));
    // A guard finds a view's flows by attribute.
    assert_eq!(bound.guard.view_flows[&Oid(20_002)].len(), 4);
}

#[test]
fn a_view_that_cannot_be_followed_is_locked() {
    let mut chain = vec![table(666, "base", &["x"]), view(20_001, "v1", &[666])];
    chain[0].oid = Oid(20_666);
    chain[1].definition_relations = vec![Oid(20_666)];
    // Made before what it reads: order must not matter.
    chain.push(view(19_000, "v2", &[20_001]));
    let bound = bound(snapshot(chain), &[rule("public.base.x", Method::Null)], &Known::new());
    assert_eq!(counted(&bound), set(&["base", "v1", "v2"]));
    assert!(bound.guard.locked_relations.contains_key(&Oid(20_001)));
}

#[test]
fn a_renamed_column_stays_protected_under_its_old_domain() {
    let before = bound(
        snapshot(vec![table(20_001, "t", &["x"])]),
        &[rule("public.t.x", Method::Token)],
        &Known::new(),
    );
    let id = ColumnId { relation: Oid(20_001), attribute: 1 };
    assert_eq!(before.known[&id].standing, Standing::Bound);
    let renamed = table(20_001, "u", &["y"]);
    let once = bound(snapshot(vec![renamed.clone()]), &[rule("public.t.x", Method::Token)], &before.known);
    let again = bound(snapshot(vec![renamed]), &[rule("public.t.x", Method::Token)], &once.known);
    for bound in [once, again] {
        let column = &bound.guard.protected[&id];
        assert_eq!((&*column.name, &*column.domain), ("public.u.y", "public.t.x"));
        assert!(bound.guard.locked_relations.is_empty());
    }
}

#[test]
fn a_swapped_table_protects_the_old_and_the_new_one() {
    let rules = [rule("public.t.x", Method::Null)];
    let before = bound(snapshot(vec![table(20_001, "t", &["x"])]), &rules, &Known::new());
    let swapped = snapshot(vec![table(20_001, "t_old", &["x"]), table(20_002, "t", &["x"])]);
    let bound = bound(swapped, &rules, &before.known);
    assert_eq!(methods(&bound), set(&["public.t.x null", "public.t_old.x null"]));
}

#[test]
fn a_column_that_came_with_a_table_made_anew_is_masked() {
    let rules = [rule("public.t.x", Method::Null)];
    let before = bound(snapshot(vec![table(20_001, "t", &["id", "x"])]), &rules, &Known::new());
    let gone = bound(snapshot(Vec::new()), &rules, &before.known);
    let back = snapshot(vec![table(20_009, "t", &["id", "x", "secret"])]);
    let bound = bound(back, &rules, &gone.known);
    assert_eq!(methods(&bound), set(&["public.t.x null", "public.t.secret redact"]));
}

#[test]
fn a_new_column_stays_masked_until_a_rule_names_it() {
    let rules = vec![rule("public.t.x", Method::Null)];
    let first = bound(snapshot(vec![table(20_001, "t", &["x"])]), &rules, &Known::new());
    let wider = || snapshot(vec![table(20_001, "t", &["x", "new"])]);
    let second = bound(wider(), &rules, &first.known);
    let third = bound(wider(), &rules, &second.known);
    assert_eq!(methods(&third), set(&["public.t.x null", "public.t.new redact"]));
    let public = [rules.clone(), vec![rule("public.t.new", Method::Show)]].concat();
    let fourth = bound(wider(), &public, &third.known);
    assert_eq!(methods(&fourth), set(&["public.t.x null"]));
}

#[test]
fn a_dropped_column_locks_the_table_its_partitions_and_its_long_values() {
    let rules = [rule("public.t.x", Method::Null)];
    let mut t = table(20_001, "t", &["other"]);
    t.toast = Some(Oid(20_005));
    let mut part = table(20_002, "t_1", &["other"]);
    part.parents = vec![Oid(20_001)];
    let mut toast = table(20_005, "pg_toast_20001", &["chunk_data"]);
    toast.schema = "pg_toast".into();
    toast.kind = RelationKind::Other;
    let bound = bound(snapshot(vec![t, part, toast, table(20_003, "free", &["x"])]), &rules, &Known::new());
    let locked: BTreeSet<u32> = bound.guard.locked_relations.keys().map(|o| o.0).collect();
    assert_eq!(locked, [20_001, 20_002, 20_005].into());
}

#[test]
fn the_long_values_of_a_protected_table_are_locked() {
    let mut t = table(20_001, "t", &["x"]);
    t.toast = Some(Oid(20_005));
    let mut toast = table(20_005, "pg_toast_20001", &["chunk_data"]);
    toast.kind = RelationKind::Other;
    let bound = bound(snapshot(vec![t, toast]), &[rule("public.t.x", Method::Null)], &Known::new());
    assert!(bound.guard.locked_relations.contains_key(&Oid(20_005)));
    assert!(bound.guard.prefilter.hits_any(b"table pg_toast.pg_toast_20001"));
}

#[test]
fn one_domain_has_one_method_and_one_family_of_types() {
    let mut t = table(20_001, "t", &["a", "b", "c"]);
    t.columns[2].type_oid = INT4;
    let rules = [
        in_domain("public.t.a", Method::Token, "d"),
        in_domain("public.t.b", Method::Hash, "d"),
        in_domain("public.t.c", Method::Token, "d"),
    ];
    let bound = bound(snapshot(vec![t]), &rules, &Known::new());
    assert_eq!(methods(&bound), set(&["public.t.a token", "public.t.b redact", "public.t.c redact"]));
    assert_eq!(bound.findings.iter().filter(|f| f.severity == Severity::Error).count(), 2);
}

#[test]
fn a_method_that_does_not_fit_still_hides() {
    let mut t = table(20_001, "t", &["a"]);
    t.columns[0].type_oid = INT4;
    let bound = bound(snapshot(vec![t]), &[rule("public.t.a", Method::Email)], &Known::new());
    assert_eq!(methods(&bound), set(&["public.t.a redact"]));
    assert_eq!(bound.findings[0].severity, Severity::Error);
    assert_eq!(bound.findings[0].place.as_deref(), Some("proxy.toml:7"));
}

#[test]
fn allow_widens_what_a_mask_discloses_and_never_narrows_it() {
    let rules =
        [ProtectRule { allow: vec![Allow::Order, Allow::Write], ..rule("public.t.a", Method::Token) }];
    let bound = bound(snapshot(vec![table(20_001, "t", &["a"])]), &rules, &Known::new());
    let column = bound.guard.protected.values().next().unwrap();
    assert_eq!(column.discloses, Disclosures(Disclosure::Order));
    assert!(column.writable);
}

#[test]
fn what_reads_through_functions_types_casts_and_operators_counts() {
    let mut s = snapshot(vec![table(20_001, "secrets", &["x"]), table(20_002, "uses_domain", &["d"])]);
    s.relations.get_mut(&Oid(20_002)).unwrap().columns[0].type_oid = Oid(30_002);
    s.add_function(function(21_001, "peek", "SELECT max(x) FROM Secrets"));
    s.add_function(function(21_002, "peek_again", "SELECT \"peek\"()"));
    s.add_function(function(21_003, "fine", "SELECT 1"));
    s.add_function(Function { kind: 'a', support: vec![Oid(21_002)], ..function(21_004, "agg", "") });
    s.add_type(TypeInfo { base: Some(TEXT), ..type_info(30_001, "dom", 'd') });
    s.add_type(TypeInfo { base: Some(Oid(30_001)), ..type_info(30_002, "dom2", 'd') });
    s.domain_functions.insert(Oid(30_001), vec![Oid(21_001)]);
    s.add_type(type_info(30_003, "money2", 'b'));
    s.casts.push(Cast { source: Oid(30_003), target: TEXT, function: Some(Oid(21_001)), is_binary: false });
    let operator = |oid, name: &str, left| Operator {
        oid: Oid(oid),
        schema: "public".into(),
        name: name.into(),
        left: Some(left),
        right: Some(TEXT),
        functions: vec![Oid(21_001)],
    };
    s.operators.extend([operator(40_001, "=", Oid(30_003)), operator(40_002, "@#@", TEXT)]);
    let bound = bound(s, &[rule("public.secrets.x", Method::Null)], &Known::new());
    assert_eq!(counted(&bound), set(&["secrets", "uses_domain"]));
    let opaque: BTreeSet<u32> = bound.guard.opaque_functions.iter().map(|o| o.0).collect();
    assert_eq!(opaque, [21_001, 21_002, 21_004].into());
    for text in ["select peek()", "select agg(1)", "select 'x'::dom2", "select x::money2", "select 1 @#@ 2"] {
        assert!(bound.guard.prefilter.hits_any(text.as_bytes()), "{text} passes unread");
    }
    assert!(!bound.guard.prefilter.hits_any(b"select fine() = 1"), "= holds every text up");
}

#[test]
fn a_function_that_writes_a_schema_means_its_relation_alone() {
    let there = Relation { schema: "archive".into(), ..table(20_002, "staff", &["x"]) };
    let mut s = snapshot(vec![table(20_001, "staff", &["x"]), there]);
    for (oid, body) in [
        (21_001, "SELECT x FROM archive.staff s"),
        (21_002, "SELECT x FROM archive.staff, staff"),
        (21_003, "SELECT x FROM public.staff"),
        (21_004, "SELECT x FROM gone.staff"),
        (21_005, "SELECT x FROM staff archive WHERE archive.staff = 1"),
    ] {
        s.add_function(function(oid, "peek", body));
    }
    let bound = bound(s, &[rule("public.staff.x", Method::Null)], &Known::new());
    let opaque: BTreeSet<u32> = bound.guard.opaque_functions.iter().map(|o| o.0).collect();
    assert_eq!(opaque, [21_002, 21_003, 21_004, 21_005].into());
}

#[test]
fn a_type_runs_code_by_all_that_it_is_made_of() {
    let mut s = snapshot(vec![table(20_001, "secrets", &["x"]), table(20_002, "lists", &["l"])]);
    s.relations.get_mut(&Oid(20_002)).unwrap().columns[0].type_oid = Oid(30_002);
    s.add_function(function(21_001, "peek", "SELECT max(x) FROM secrets"));
    s.add_function(function(21_002, "fine", "SELECT 1"));
    s.add_function(Function {
        language: "c".into(),
        extension: Some("unheard_of".into()),
        ..function(21_003, "in_c", "")
    });
    s.add_type(TypeInfo { kind: 'b', ..type_info(TEXT.0, "text", 'b') });
    s.add_type(TypeInfo { base: Some(TEXT), ..type_info(30_001, "dom", 'd') });
    s.add_type(TypeInfo { element: Some(Oid(30_001)), category: 'A', ..type_info(30_002, "_dom", 'b') });
    s.add_type(type_info(30_003, "range_of_it", 'r'));
    s.add_type(type_info(30_004, "own", 'b'));
    s.add_type(type_info(30_005, "in_c", 'b'));
    s.add_type(TypeInfo { base: Some(TEXT), ..type_info(30_006, "harmless", 'd') });
    s.domain_functions.insert(Oid(30_001), vec![Oid(21_001)]);
    s.domain_functions.insert(Oid(30_006), vec![Oid(21_002)]);
    s.type_dependencies.insert(Oid(30_003), vec![Oid(30_001)]);
    s.operators.push(Operator {
        oid: Oid(40_001),
        schema: "public".into(),
        name: "<+>".into(),
        left: Some(Oid(30_004)),
        right: Some(TEXT),
        // Its own, and its negator's.
        functions: vec![Oid(21_002), Oid(21_001)],
    });
    s.casts.push(Cast { source: Oid(30_005), target: TEXT, function: Some(Oid(21_003)), is_binary: false });
    let bound = bound(s, &[rule("public.secrets.x", Method::Null)], &Known::new());
    let mut running: Vec<(u32, Runs)> =
        bound.guard.running_types.iter().map(|(oid, runs)| (oid.0, *runs)).collect();
    running.sort_unstable_by_key(|(oid, _)| *oid);
    let expected = [(30_001, Runs::Value), (30_002, Runs::Part), (30_003, Runs::Part), (30_004, Runs::Use)];
    assert_eq!(running, expected);
    assert_eq!(counted(&bound), set(&["secrets", "lists"]));
    assert!(bound.guard.prefilter.hits_any(b"select a <+> b"));
}

#[test]
fn an_argument_default_or_an_operator_in_a_body_is_a_detour_too() {
    let mut s = snapshot(vec![table(20_001, "secrets", &["x"])]);
    s.add_function(function(21_001, "peek", "SELECT max(x) FROM secrets"));
    s.add_function(function(21_002, "by_default", "SELECT $1"));
    s.add_function(function(21_003, "by_operator", "SELECT $1 @#@ $2"));
    s.add_function(function(21_004, "atomic", ""));
    s.function_dependencies.insert(Oid(21_002), vec![Oid(21_001)]);
    s.function_dependencies.insert(Oid(21_004), vec![Oid(20_001)]);
    s.operators.push(Operator {
        oid: Oid(40_001),
        schema: "public".into(),
        name: "@#@".into(),
        left: Some(TEXT),
        right: Some(TEXT),
        functions: vec![Oid(21_001)],
    });
    let bound = bound(s, &[rule("public.secrets.x", Method::Null)], &Known::new());
    let opaque: BTreeSet<u32> = bound.guard.opaque_functions.iter().map(|o| o.0).collect();
    assert_eq!(opaque, [21_001, 21_002, 21_003, 21_004].into());
}

#[test]
fn a_change_that_cascades_into_a_protected_table_counts() {
    let mut t = table(20_001, "t", &["x", "region"]);
    t.constraints.push(Constraint { on_delete: Action::SetNull, ..foreign_key(&[2], 20_002, &[1]) });
    let mut u = table(20_003, "u", &["region"]);
    u.constraints.push(foreign_key(&[1], 20_004, &[1]));
    let relations = vec![t, table(20_002, "regions", &["id"]), u, table(20_004, "others", &["id"])];
    let bound = bound(snapshot(relations), &[rule("public.t.x", Method::Null)], &Known::new());
    // Its error would show a row of t.
    assert_eq!(counted(&bound), set(&["t", "regions"]));
}

#[test]
fn the_rows_that_a_protected_foreign_key_leads_to_count() {
    let mut t = table(20_001, "t", &["x", "region"]);
    t.constraints.push(foreign_key(&[1], 20_002, &[1]));
    t.constraints.push(foreign_key(&[2], 20_003, &[1]));
    let mut grades = table(20_002, "grades", &["id", "ladder"]);
    grades.constraints.push(Constraint { on_delete: Action::SetNull, ..foreign_key(&[2], 20_004, &[1]) });
    let others = [(20_003, "regions"), (20_004, "ladders"), (20_005, "others")];
    let mut relations: Vec<Relation> = others.map(|(oid, name)| table(oid, name, &["id"])).into();
    relations.extend([t, grades]);
    let bound = bound(snapshot(relations), &[rule("public.t.x", Method::Null)], &Known::new());
    assert_eq!(counted(&bound), set(&["t", "grades", "ladders"]));
}

/// A trigger that takes keys away answers whoever writes to its table; one that
/// leaves keys alone, or what the mask tells anyway, is no hindrance.
#[test]
fn what_takes_keys_away_behind_another_name_counts() {
    let trigger = |oid: u32, name: &str, body: &str| Function {
        language: "plpgsql".into(),
        return_type: super::functions::TRIGGER,
        ..function(oid, name, body)
    };
    let built = |method: Method, rules: &[ProtectRule]| {
        let mut t = table(20_001, "t", &["x", "boss"]);
        t.constraints.push(foreign_key(&[1], 20_002, &[1]));
        let triggered = |oid: u32, name: &str, function: u32, by_insert: bool| {
            let mut table = table(oid, name, &["id"]);
            table.trigger_functions.push(Oid(function));
            table.insert_trigger_functions.extend(by_insert.then_some(Oid(function)));
            table
        };
        let mut s = snapshot(vec![
            t,
            table(20_002, "grades", &["id", "name"]),
            triggered(20_003, "left", 21_001, false),
            triggered(20_004, "made", 21_001, true),
            triggered(20_005, "named", 21_002, true),
        ]);
        s.add_function(trigger(
            21_001,
            "drops",
            "BEGIN DELETE FROM grades WHERE id = OLD.id; RETURN NULL; END",
        ));
        s.add_function(trigger(
            21_002,
            "names",
            "BEGIN UPDATE grades SET name = 'x' WHERE id = 1; RETURN NULL; END",
        ));
        let rules: Vec<ProtectRule> =
            [in_domain("public.t.x", method, "grade")].into_iter().chain(rules.iter().cloned()).collect();
        bound(s, &rules, &Known::new())
    };
    let asking = |bound: &Bound| -> BTreeSet<(u32, bool)> {
        bound.guard.set_off.iter().map(|(oid, found)| (oid.0, found.by_insert)).collect()
    };
    let hidden = built(Method::Null, &[]);
    assert_eq!(asking(&hidden), [(20_003, false), (20_004, true)].into());
    assert_eq!(counted(&hidden), set(&["t", "grades", "left", "made"]));
    let told = built(Method::Token, &[in_domain("public.grades.id", Method::Token, "grade")]);
    assert_eq!(asking(&told), [].into());
}

#[test]
fn each_guard_has_its_own_version() {
    let versions: BTreeSet<u64> =
        (0..3).map(|_| bound(snapshot(Vec::new()), &[], &Known::new()).guard.version).collect();
    assert_eq!(versions.len(), 3);
}

/// What was computed is there still; what is computed anew from others is not.
#[test]
fn a_column_that_is_generated_no_more_stays_masked_while_a_rule_names_its_source() {
    let rules = [rule("public.t.a", Method::Token)];
    let generated = |from: &[i16]| Column {
        generated: Some("".into()),
        generated_from: from.to_vec(),
        ..column(3, "g", TEXT)
    };
    let with = |last: Column| {
        let mut t = table(20_001, "t", &["a", "b"]);
        t.columns.push(last);
        snapshot(vec![t])
    };
    let before = bound(with(generated(&[1])), &rules, &Known::new());
    let id = ColumnId { relation: Oid(20_001), attribute: 3 };
    assert_eq!(before.known[&id].standing, Standing::Computed);
    let once = bound(with(column(3, "g", TEXT)), &rules, &before.known);
    let again = bound(with(column(3, "g", TEXT)), &rules, &once.known);
    assert_eq!(methods(&again), set(&["public.t.a token", "public.t.g redact"]));
    let shown = [rules[0].clone(), rule("public.t.g", Method::Show)];
    for free in [
        bound(with(generated(&[2])), &rules, &before.known),
        bound(with(column(3, "g", TEXT)), &shown, &before.known),
    ] {
        assert_eq!(methods(&free), set(&["public.t.a token"]));
    }
    assert_eq!(methods(&bound(with(column(3, "g", TEXT)), &[], &before.known)), set(&[]));
}

/// Who may see one of them by a tag must not see the other in it.
#[test]
fn a_generated_column_has_the_tags_that_all_its_sources_have() {
    let tagged = |column: &str, tags: &[&str]| ProtectRule {
        tags: tags.iter().map(ToString::to_string).collect(),
        ..rule(column, Method::Redact)
    };
    let rules = [
        tagged("public.t.a", &["contact", "pii"]),
        tagged("public.t.b", &["health", "pii"]),
        tagged("public.far.k", &["pii"]),
    ];
    let generated = |name: &str, attribute: i16, from: &[i16]| Column {
        generated: Some("".into()),
        generated_from: from.to_vec(),
        ..column(attribute, name, TEXT)
    };
    let mut t = table(20_001, "t", &["a", "b", "key"]);
    // Protected only because of the key, when the column after it is bound already.
    t.constraints.push(foreign_key(&[3], 20_003, &[2]));
    t.columns.extend([generated("ab", 4, &[1, 2]), generated("aa", 5, &[1]), generated("ak", 6, &[1, 3])]);
    let mut far = table(20_003, "far", &["k"]);
    far.columns.push(generated("g", 2, &[1]));
    let guard = bound(snapshot(vec![t, far]), &rules, &Known::new()).guard;
    let tags = |attribute: i16| {
        let id = ColumnId { relation: Oid(20_001), attribute };
        guard.protected[&id].tags.iter().map(|tag| tag.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(tags(4), ["pii"]);
    assert_eq!(tags(5), ["contact", "pii"]);
    assert_eq!(tags(6), ["pii"]);
}

#[test]
fn what_is_generated_from_a_new_column_is_as_new() {
    let rules = [rule("public.t.a", Method::Null)];
    let before = bound(snapshot(vec![table(20_001, "t", &["a"])]), &rules, &Known::new());
    let mut t = table(20_001, "t", &["a", "b"]);
    t.columns.push(Column { generated: Some("".into()), generated_from: vec![2], ..column(3, "g", TEXT) });
    let added = bound(snapshot(vec![t.clone()]), &rules, &before.known);
    t.columns[2].generated = None;
    let parted = bound(snapshot(vec![t]), &rules, &added.known);
    assert_eq!(methods(&parted), set(&["public.t.a null", "public.t.b redact", "public.t.g redact"]));
}

mod foreign;
mod written;
