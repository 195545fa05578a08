//! Foreign tables, which may lead back to a protected one on the same server.

use super::*;
use crate::catalog::snapshot::Remote;

fn foreign(oid: u32, name: &str, columns: &[&str], to: Option<(Option<&str>, &str)>) -> Relation {
    let remote = to.map(|(database, table)| Remote {
        database: database.map(Into::into),
        schema: "public".into(),
        table: table.into(),
    });
    Relation { kind: RelationKind::ForeignTable, remote, ..table(oid, name, columns) }
}

#[tokio::test]
async fn an_unprotected_foreign_table_is_reported() {
    let far = |oid, name| foreign(oid, name, &["ssn"], None);
    let snapshot =
        snapshot(vec![table(20_000, "customers", &["ssn"]), far(20_001, "far"), far(20_002, "near")]);
    let rules = [rule("public.customers.ssn", Method::Redact), rule("public.near.ssn", Method::Redact)];
    let bound = bound(snapshot, &rules, &Known::default());
    let advice = crate::catalog::advice::advise(Arc::new(bound.guard), Vec::new()).await;
    let reported: Vec<&str> = advice
        .iter()
        .filter(|finding| finding.message.contains("foreign table"))
        .map(|f| &*f.message)
        .collect();
    assert_eq!(reported, ["foreign table public.far is not protected, whatever table it leads to"]);
}

#[test]
fn a_foreign_table_over_a_protected_one_is_protected_like_it() {
    let mut renamed = foreign(20_010, "far", &["id", "x"], Some((Some("shop"), "customers")));
    renamed.columns[1].remote = Some("ssn".into());
    let relations = vec![
        table(20_000, "customers", &["id", "ssn"]),
        renamed,
        // Over a foreign table, over a view, over nothing that is known.
        foreign(20_011, "farther", &["x"], Some((None, "far"))),
        view(20_001, "v", &[20_000]),
        foreign(20_012, "over_view", &["c"], Some((None, "v"))),
        view(20_002, "vv", &[20_001]),
        foreign(20_013, "over_views", &["c"], Some((None, "vv"))),
        foreign(20_014, "others", &["ssn"], Some((None, "elsewhere"))),
        foreign(20_015, "public_one", &["ssn"], Some((None, "customers"))),
    ];
    let rules = [rule("public.customers.ssn", Method::Token), rule("public.public_one.ssn", Method::Show)];
    let bound = bound(snapshot(relations), &rules, &Known::default());
    assert_eq!(
        methods(&bound),
        set(&[
            "public.customers.ssn token",
            "public.far.x token",
            "public.farther.x token",
            "public.over_view.c redact",
            "public.over_views.c redact",
        ])
    );
    let domain = |oid| &bound.guard.protected[&ColumnId { relation: Oid(oid), attribute: 2 }].domain;
    assert_eq!(domain(20_010), domain(20_000));
}

#[test]
fn a_foreign_table_follows_the_rules_of_the_database_that_it_leads_to() {
    let crm = ProtectRule { database: "crm".into(), ..rule("public.people.name", Method::Hash) };
    let relations = vec![
        foreign(20_010, "people_there", &["name"], Some((Some("crm"), "people"))),
        foreign(20_011, "people_here", &["name"], Some((Some("shop"), "people"))),
    ];
    let bound = bound(snapshot(relations), &[crm], &Known::default());
    assert_eq!(methods(&bound), set(&["public.people_there.name hash"]));
}

#[test]
fn statistics_read_through_a_foreign_table_are_masked() {
    let stats = Relation {
        schema: "pg_catalog".into(),
        kind: RelationKind::View,
        ..table(12_000, "pg_stats", &["attname", "histogram_bounds"])
    };
    let mut far = foreign(20_010, "far", &["attname", "histogram_bounds"], None);
    far.remote = Some(Remote { database: None, schema: "pg_catalog".into(), table: "pg_stats".into() });
    let rules = [rule("public.t.x", Method::Null)];
    let bound = bound(snapshot(vec![table(20_000, "t", &["x"]), stats, far]), &rules, &Known::default());
    assert_eq!(methods(&bound), set(&["public.far.histogram_bounds redact", "public.t.x null"]));
}

/// The other server is sent what a parameter held as text.
#[test]
fn parents_of_foreign_tables_are_far_too() {
    let child = Relation { parents: vec![Oid(20_000)], ..foreign(20_001, "child", &["x"], None) };
    let relations = vec![table(20_000, "parent", &["x"]), child, table(20_002, "near", &["x"])];
    let far = bound(snapshot(relations), &[], &Known::default()).guard.far_tables;
    assert_eq!(far.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([Oid(20_000), Oid(20_001)]));
}
