//! Scripted message sequences against the pure state: after each, a name must
//! mean what PostgreSQL means by it. Every test's name says what would be
//! believed wrongly, and with it shown, if the rule broke.

use super::*;
use crate::catalog::guard::Guard;

type Test = State<&'static str, ()>;

fn prepared(text: &'static str) -> Arc<Prepared> {
    Arc::new(Prepared {
        text: Bytes::from_static(text.as_bytes()),
        parameter_types: Bytes::new(),
        version: 1,
        known: Known::Harmless,
        form: Some(Form::default()),
        by_sql: false,
        may_copy_in: false,
        may_recode: false,
        misread: false,
        misread_keys: false,
        weight: None,
    })
}

fn parse(state: &mut Test, name: &'static str, text: &'static str) {
    let set = Change::SetStatement(Bytes::from_static(name.as_bytes()), prepared(text));
    state.expect(Entry::new(Kind::Parse, text).with_change(set));
}

fn bind(state: &mut Test, name: &'static str, text: &'static str, hold: bool) {
    let portal = Portal {
        prepared: prepared(text),
        hold,
        kept: false,
        is_hushed: false,
        tokens: Arc::default(),
        leads: None,
        opened: Opened::new(&Arc::new(Guard::empty()), &Bytes::new(), &Known::Harmless),
        leans: None,
        by_name: false,
        weight: None,
        shape: (),
    };
    let set = Change::SetPortal(Bytes::from_static(name.as_bytes()), portal);
    state.expect(Entry::new(Kind::Bind, text).with_change(set));
}

fn close(state: &mut Test, name: &'static str) {
    let remove = Change::RemoveStatement(Bytes::from_static(name.as_bytes()));
    state.expect(Entry::new(Kind::Close, name).with_change(remove));
}

fn send(state: &mut Test, kind: Kind) {
    state.expect(Entry::new(kind, ""));
}

fn means(state: &Test, name: &str) -> String {
    match state.statement(name.as_bytes()) {
        Lookup::Found(slot) => String::from_utf8(slot.value.text.to_vec()).unwrap(),
        Lookup::Missing => "missing".into(),
        Lookup::Wait => "wait".into(),
    }
}

fn portal_means(state: &Test, name: &str) -> String {
    match state.portal(name.as_bytes()) {
        Lookup::Found(slot) => String::from_utf8(slot.value.prepared.text.to_vec()).unwrap(),
        Lookup::Missing => "missing".into(),
        Lookup::Wait => "wait".into(),
    }
}

fn answer(state: &mut Test, count: usize) {
    for _ in 0..count {
        state.complete().unwrap();
    }
}

#[test]
fn a_pipeline_sees_its_own_statement_before_it_is_confirmed() {
    let mut state = Test::default();
    parse(&mut state, "s", "secret");
    assert_eq!(means(&state, "s"), "secret");
}

#[test]
fn a_reparse_that_fails_does_not_hide_the_old_statement() {
    let mut state = Test::default();
    parse(&mut state, "s", "secret");
    answer(&mut state, 1);
    parse(&mut state, "s", "harmless");
    send(&mut state, Kind::Sync);
    // The server may answer "already exists" and keep the old one.
    assert_eq!(means(&state, "s"), "wait");
    let dropped = state.fail(0, true);
    assert_eq!(dropped, vec![(Kind::Parse, "harmless")]);
    assert_eq!(means(&state, "s"), "secret");
    state.ready(TransactionStatus::Idle).unwrap();
    assert_eq!(means(&state, "s"), "secret");
}

#[test]
fn a_skipped_parse_is_taken_back() {
    let mut state = Test::default();
    parse(&mut state, "", "secret");
    answer(&mut state, 1);
    send(&mut state, Kind::Execute);
    parse(&mut state, "", "harmless");
    send(&mut state, Kind::Sync);
    state.fail(0, true);
    assert!(!state.is_skipping());
    assert!(!state.has_running());
    assert_eq!(means(&state, ""), "secret");
}

#[test]
fn a_failed_unnamed_parse_leaves_no_unnamed_statement() {
    let mut state = Test::default();
    parse(&mut state, "", "old");
    answer(&mut state, 1);
    parse(&mut state, "", "broken");
    parse(&mut state, "", "skipped");
    state.fail(0, true);
    assert!(state.is_skipping());
    assert_eq!(means(&state, ""), "missing");
    send(&mut state, Kind::Sync);
    assert!(!state.is_skipping());
}

#[test]
fn an_earlier_failure_does_not_overwrite_a_later_segments_statement() {
    let mut state = Test::default();
    parse(&mut state, "s", "first");
    send(&mut state, Kind::Sync);
    parse(&mut state, "s", "second");
    send(&mut state, Kind::Sync);
    state.fail(0, true);
    state.ready(TransactionStatus::Idle).unwrap();
    answer(&mut state, 1);
    assert_eq!(means(&state, "s"), "second");
    state.ready(TransactionStatus::Idle).unwrap();
    assert_eq!(means(&state, "s"), "second");
}

#[test]
fn two_failed_segments_end_where_they_began() {
    let mut state = Test::default();
    parse(&mut state, "s", "first");
    send(&mut state, Kind::Sync);
    parse(&mut state, "s", "second");
    send(&mut state, Kind::Sync);
    state.fail(0, true);
    state.ready(TransactionStatus::Idle).unwrap();
    state.fail(0, true);
    assert_eq!(means(&state, "s"), "missing");
}

#[test]
fn a_close_that_may_be_skipped_leaves_the_name_open() {
    let mut state = Test::default();
    parse(&mut state, "s", "secret");
    answer(&mut state, 1);
    send(&mut state, Kind::Execute);
    close(&mut state, "s");
    assert_eq!(means(&state, "s"), "missing");
    send(&mut state, Kind::Sync);
    assert_eq!(means(&state, "s"), "wait");
    state.fail(0, true);
    assert_eq!(means(&state, "s"), "secret");
}

#[test]
fn a_query_in_a_failed_pipeline_is_skipped_and_drops_nothing() {
    let mut state = Test::default();
    parse(&mut state, "", "secret");
    answer(&mut state, 1);
    send(&mut state, Kind::Execute);
    send(&mut state, Kind::Query);
    assert_eq!(means(&state, ""), "wait");
    let dropped: Vec<_> = state.fail(0, true).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(dropped, [Kind::Execute, Kind::Query]);
    assert!(state.is_skipping());
    assert_eq!(means(&state, ""), "secret");
}

#[test]
fn a_query_drops_the_unnamed_statement_even_if_it_fails() {
    let mut state = Test::default();
    parse(&mut state, "", "secret");
    answer(&mut state, 1);
    send(&mut state, Kind::Query);
    state.fail(0, true);
    state.ready(TransactionStatus::Idle).unwrap();
    assert_eq!(means(&state, ""), "missing");
}

/// What the server has under that name by then reads memory of something else.
#[test]
fn a_query_drops_the_unnamed_portal_even_if_it_fails_before_anything() {
    let mut state = Test::default();
    send(&mut state, Kind::Query);
    state.ready(TransactionStatus::InBlock).unwrap();
    bind(&mut state, "", "bound before", false);
    answer(&mut state, 1);
    send(&mut state, Kind::Query);
    assert_eq!(portal_means(&state, ""), "missing");
    state.fail(0, false);
    state.ready(TransactionStatus::Failed).unwrap();
    assert_eq!(portal_means(&state, ""), "missing");
}

#[test]
fn statements_of_one_query_are_final_one_by_one() {
    let mut state = Test::default();
    let mut entry = Entry::new(Kind::Query, "");
    for (index, name) in ["a", "b"].into_iter().enumerate() {
        let set = Change::SetStatement(Bytes::from_static(name.as_bytes()), prepared(name));
        entry.changes.push((index, set));
    }
    state.expect(entry);
    state.complete_statement(0);
    state.fail(0, true);
    state.ready(TransactionStatus::Idle).unwrap();
    assert_eq!((means(&state, "a"), means(&state, "b")), ("a".into(), "missing".into()));
}

#[test]
fn a_transactions_end_closes_portals_but_not_held_cursors_nor_later_ones() {
    let mut state = Test::default();
    bind(&mut state, "p", "plain", false);
    bind(&mut state, "h", "held", true);
    answer(&mut state, 2);
    send(&mut state, Kind::Sync);
    bind(&mut state, "n", "next", false);
    state.ready(TransactionStatus::Idle).unwrap();
    assert_eq!(portal_means(&state, "p"), "missing");
    assert_eq!(portal_means(&state, "h"), "held");
    assert_eq!(portal_means(&state, "n"), "next");
}

#[test]
fn deallocate_all_spares_the_unnamed_statement_and_can_be_undone() {
    let mut state = Test::default();
    parse(&mut state, "", "unnamed");
    parse(&mut state, "s", "named");
    answer(&mut state, 2);
    state.expect(Entry::new(Kind::Execute, "").with_change(Change::RemoveStatements));
    assert_eq!((means(&state, ""), means(&state, "s")), ("unnamed".into(), "missing".into()));
    state.fail(0, false);
    assert_eq!(means(&state, "s"), "named");
}

fn query(state: &mut Test, changes: &[Change<()>]) {
    let mut entry = Entry::new(Kind::Query, "");
    entry.changes.extend(changes.iter().cloned().map(|change| (0, change)));
    state.expect(entry);
}

fn set(name: &'static str, text: &'static str) -> Change<()> {
    Change::SetStatement(Bytes::from_static(name.as_bytes()), prepared(text))
}

fn remove(name: &'static str) -> Change<()> {
    Change::RemoveStatement(Bytes::from_static(name.as_bytes()))
}

#[test]
fn an_answer_to_what_was_sent_before_a_query_makes_none_of_its_names_certain() {
    let mut state = Test::default();
    parse(&mut state, "s", "secret");
    answer(&mut state, 1);
    let mut trial = Trial::default();
    state.try_out(remove("s"), &mut trial);
    state.try_out(set("s", "harmless"), &mut trial);
    assert_eq!(means(&state, "s"), "harmless");
    state.end_trial(trial);
    assert_eq!(means(&state, "s"), "secret");
    close(&mut state, "before it");
    query(&mut state, &[remove("s"), set("s", "harmless")]);
    answer(&mut state, 1);
    assert_eq!(means(&state, "s"), "wait");
    state.fail(0, false);
    state.ready(TransactionStatus::Idle).unwrap();
    assert_eq!(means(&state, "s"), "secret");
}

#[test]
fn a_lone_statement_whose_commit_fails_leaves_its_name_to_nobody() {
    for (begun, left) in [(true, "missing"), (false, "harmless")] {
        let mut state = Test::default();
        parse(&mut state, "s", "harmless");
        answer(&mut state, 1);
        query(&mut state, &[remove("s")]);
        state.fail(0, begun);
        state.ready(TransactionStatus::Idle).unwrap();
        query(&mut state, &[set("s", "secret")]);
        state.fail(0, begun);
        state.ready(TransactionStatus::Idle).unwrap();
        assert_eq!(means(&state, "s"), left);
    }
}

#[test]
fn an_execute_whose_own_commit_fails_leaves_its_names_to_nobody() {
    for (begun, left) in [(true, "missing"), (false, "harmless")] {
        let mut state = Test::default();
        parse(&mut state, "s", "harmless");
        answer(&mut state, 1);
        state.expect(Entry::new(Kind::Execute, "").with_change(Change::RemoveStatements));
        parse(&mut state, "s", "skipped");
        state.fail(0, begun);
        assert_eq!(means(&state, "s"), left);
    }
}

#[test]
fn what_is_tried_out_lays_nothing_on_what_is_sent() {
    let mut state = Test::default();
    parse(&mut state, "s", "secret");
    answer(&mut state, 1);
    parse(&mut state, "s", "harmless");
    let mut trial = Trial::default();
    for change in [set("s", "tried"), Change::RemoveStatements, set("s", "again"), remove("s"), set("t", "t")]
    {
        state.try_out(change, &mut trial);
    }
    assert_eq!((means(&state, "s"), means(&state, "t")), ("missing".into(), "t".into()));
    state.end_trial(trial);
    assert_eq!((means(&state, "s"), means(&state, "t")), ("harmless".into(), "missing".into()));
    state.fail(0, true);
    assert_eq!(means(&state, "s"), "secret");
}

#[test]
fn a_name_that_comes_back_is_removed_by_what_removed_it_again() {
    let mut state = Test::default();
    parse(&mut state, "s", "secret");
    answer(&mut state, 1);
    send(&mut state, Kind::Execute);
    close(&mut state, "s");
    send(&mut state, Kind::Sync);
    close(&mut state, "s");
    state.fail(0, true);
    state.ready(TransactionStatus::Idle).unwrap();
    assert_eq!(means(&state, "s"), "missing");
    answer(&mut state, 1);
    assert_eq!(means(&state, "s"), "missing");
}
