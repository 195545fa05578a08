//! What counts on writing only: which readers do not count with it, and which do.

use super::*;

/// The relations that count, those of them that count on writing only behind a bar; the
/// functions that are opaque.
fn counts(snapshot: Snapshot) -> (String, String) {
    let bound = bound(snapshot, &[rule("public.secrets.x", Method::Null)], &Known::new());
    let relations = |wanted: &dyn Fn(Oid) -> bool| {
        let known = bound.guard.counted_relations.iter().filter(|oid| wanted(**oid));
        let mut names: Vec<&str> = known.map(|oid| &*bound.guard.snapshot.relations[oid].name).collect();
        names.sort_unstable();
        names.join(" ")
    };
    let (read, written) = (
        relations(&|oid| bound.guard.counts_on_reading(oid)),
        relations(&|oid| bound.guard.counted_on_writing.contains(&oid)),
    );
    let opaque = bound.guard.opaque_functions.iter();
    let mut opaque: Vec<&str> = opaque.map(|oid| &*bound.guard.snapshot.functions[oid].name).collect();
    opaque.sort_unstable();
    (format!("{read} | {written}"), opaque.join(" "))
}

fn trigger(oid: u32, name: &str, body: &str) -> Function {
    Function {
        language: "plpgsql".into(),
        return_type: super::super::functions::TRIGGER,
        ..function(oid, name, body)
    }
}

fn view(oid: u32, name: &str, base: u32, definition: &str) -> Relation {
    Relation {
        kind: RelationKind::View,
        definition: Some(definition.into()),
        definition_relations: vec![Oid(base)],
        ..table(oid, name, &["id"])
    }
}

fn audited() -> Vec<Relation> {
    let mut goods = table(20_002, "goods", &["id"]);
    goods.trigger_functions.push(Oid(21_001));
    vec![table(20_001, "secrets", &["x"]), goods]
}

#[test]
fn what_only_reads_an_audited_table_does_not_count() {
    let mut relations = audited();
    relations.push(view(20_003, "shown", 20_002, "SELECT id FROM public.goods"));
    relations.push(view(20_004, "summed", 20_002, "SELECT count(*) AS id FROM public.goods GROUP BY id"));
    let mut child = table(20_005, "child", &["id"]);
    child.parents = vec![Oid(20_002)];
    let mut policed = table(20_006, "policed", &["id"]);
    policed.depends_on_relations = vec![Oid(20_002)];
    let mut ruled = table(20_007, "ruled", &["id"]);
    ruled.rule_references = vec![Oid(20_002)];
    relations.extend([child, policed, ruled]);
    let mut s = snapshot(relations);
    for function in [
        trigger(21_001, "keeps", "BEGIN INSERT INTO secrets VALUES (NEW.id); RETURN NEW; END"),
        function(21_002, "reads", "SELECT id FROM goods"),
        function(21_003, "writes", "UPDATE goods SET id = 1"),
        function(21_004, "calls", "SELECT writes()"),
        function(21_005, "through", "DELETE FROM shown"),
        function(21_006, "sums", "SELECT id FROM summed"),
    ] {
        s.add_function(function);
    }
    let found = counts(s);
    assert_eq!(found.0, "secrets | child goods ruled shown");
    assert_eq!(found.1, "calls keeps through writes");
}

/// Where a function that writes runs, reading is enough.
#[test]
fn what_calls_a_function_that_writes_counts_when_it_is_read() {
    let mut relations = audited();
    let mut calling = view(20_003, "calling", 20_002, "SELECT writes() AS id");
    calling.definition_relations.clear();
    calling.definition_functions.push(Oid(21_003));
    let mut checked = table(20_004, "checked", &["id"]);
    checked.depends_on_functions.push(Oid(21_003));
    let mut firing = table(20_005, "firing", &["id"]);
    firing.trigger_functions.push(Oid(21_004));
    relations.extend([calling, checked, firing]);
    let mut s = snapshot(relations);
    s.add_function(trigger(21_001, "keeps", "BEGIN INSERT INTO secrets VALUES (NEW.id); RETURN NEW; END"));
    s.add_function(function(21_003, "writes", "UPDATE goods SET id = 1"));
    s.add_function(trigger(21_004, "fires", "BEGIN PERFORM writes(); RETURN NEW; END"));
    assert_eq!(counts(s).0, "calling checked secrets | firing goods");
}

#[test]
fn rows_that_protected_keys_lead_to_count_when_they_are_read() {
    let mut secrets = table(20_001, "secrets", &["x", "firm"]);
    secrets.constraints.push(Constraint { on_delete: Action::Delete, ..foreign_key(&[2], 20_002, &[1]) });
    let mut s = snapshot(vec![secrets.clone(), table(20_002, "firms", &["id"])]);
    s.add_function(function(21_001, "locked", "SELECT xmax FROM firms"));
    assert_eq!(counts(s), ("secrets | firms".to_owned(), String::new()));
    secrets.constraints.push(Constraint { on_delete: Action::Delete, ..foreign_key(&[1], 20_002, &[1]) });
    let mut s = snapshot(vec![secrets, table(20_002, "firms", &["id"])]);
    s.add_function(function(21_001, "locked", "SELECT xmax FROM firms"));
    assert_eq!(counts(s).1, "locked");
}
