//! Goal: both kinds of state store keep the same contract. Method: one body of
//! checks, run on a SQLite file and on a schema of a PostgreSQL server; what
//! only a shared store promises is checked with two handles on one schema.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bauta::clock::Now;
use bauta::grants::book::Change;
use bauta::grants::event::Event;
use bauta::grants::model::{Actor, Ended, EndedHow, Grant, Request, RequestStatus};
use bauta::grants::postgres::Postgres;
use bauta::grants::sqlite::Sqlite;
use bauta::grants::store::{Reading, Store, StoreError};
use bauta::grants::{ColumnName, GrantId, RequestId};
use bauta::state::{Address, Link};

use crate::harness::{Server, password};

/// Opens the store again, as a new process of the same node would.
type Open<'a> = &'a dyn Fn() -> Box<dyn Store>;

fn now() -> Now {
    Now { wall: "2026-01-01T00:00:00Z".parse().unwrap(), mono: Instant::now() }
}

fn grant(id: i64) -> Grant {
    let wall = now().wall;
    Grant {
        id: GrantId(id),
        user: "ana".into(),
        session: None,
        columns: vec![ColumnName { schema: "public".into(), table: "t".into(), column: "ü\"'".into() }],
        tags: vec!["pii".into()],
        reason: "INC-1 \\ \u{1F512}".into(),
        ticket: None,
        once: false,
        export: false,
        max_rows: Some(3),
        break_glass: false,
        request: Some(RequestId(1)),
        requested_by: Actor::login("ana"),
        approved_by: Actor::login("sam"),
        created_at: wall,
        expires_at: wall + Duration::from_secs(60),
        ended: None,
        uses: 0,
        rows: 0,
        reserved: 0,
    }
}

fn request(id: i64) -> Request {
    let wall = now().wall;
    let grant = grant(id);
    Request {
        id: RequestId(id),
        user: grant.user,
        session: None,
        asked_in: Some(7),
        columns: grant.columns.clone(),
        tags: grant.tags,
        duration: Duration::from_secs(60),
        reason: grant.reason,
        ticket: None,
        once: false,
        export: false,
        max_rows: None,
        held: false,
        break_glass: false,
        review: None,
        requested_by: grant.requested_by,
        status: RequestStatus::Pending,
        approvals: vec![],
        agreed_columns: grant.columns,
        agreed_duration: Duration::from_secs(60),
        created_at: wall,
        expires_at: wall + Duration::from_secs(3600),
        decided_by: None,
        decided_at: None,
        decision_reason: None,
        grant_id: None,
    }
}

fn ended(id: i64) -> Grant {
    let how = EndedHow::Revoked;
    Grant { ended: Some(Ended { at: now().wall, how, by: Actor::system(), reason: None }), ..grant(id) }
}

fn change(grants: &[Grant], requests: &[Request], events: &[Event]) -> Change {
    Change { at: now(), grants: grants.to_vec(), requests: requests.to_vec(), events: events.to_vec() }
}

/// What is stored and acknowledged is there for the next process, as it was.
fn keeps_what_it_acknowledged(open: Open<'_>) {
    let mut store = open();
    let empty = store.load().unwrap();
    assert_eq!((empty.contents.last_grant, empty.contents.grants.len(), empty.waiting.len()), (0, 0, 0));
    let made = Event::GrantCreated(grant(1));
    let asked = Event::RequestCreated(request(1));
    let ids = store.commit(&change(&[grant(1)], &[request(1)], &[asked.clone(), made.clone()])).unwrap();
    assert_eq!(ids.len(), 2);
    assert!(ids[0] < ids[1], "events keep their order");
    drop(store);

    let mut store = open();
    let Reading { contents, waiting, unrecorded, .. } = store.load().unwrap();
    assert_eq!((contents.grants, contents.requests), (vec![grant(1)], vec![request(1)]));
    assert_eq!((contents.last_grant, contents.last_request), (1, 1));
    assert_eq!(waiting, [(ids[0], asked.clone()), (ids[1], made.clone())]);
    assert!(unrecorded.contains(&GrantId(1)), "no audit log has it yet");
    store.recorded(ids[0], &asked).unwrap();
    store.recorded(ids[1], &made).unwrap();
    // A count, an end, a decision: whole entries in their new form.
    store.commit(&change(&[Grant { uses: 4, rows: 9, ..grant(1) }], &[], &[])).unwrap();
    let denied = Request { status: RequestStatus::Denied, ..request(1) };
    store.commit(&change(&[ended(1), grant(2)], std::slice::from_ref(&denied), &[])).unwrap();
    drop(store);

    let Reading { contents, waiting, unrecorded, .. } = open().load().unwrap();
    assert_eq!((contents.grants, contents.requests), (vec![ended(1), grant(2)], vec![denied]));
    assert_eq!(contents.last_grant, 2, "numbers are not given again");
    assert!(waiting.is_empty() && unrecorded.is_empty());
}

/// An event that was withdrawn is recorded by nobody.
fn forgets_what_was_withdrawn(open: Open<'_>) {
    let mut store = open();
    let last = store.load().unwrap().contents.last_grant;
    let made = Event::GrantCreated(grant(last + 1));
    let ids = store.commit(&change(&[grant(last + 1)], &[], &[made])).unwrap();
    store.withdrawn(ids[0]).unwrap();
    store.commit(&change(&[ended(last + 1)], &[], &[])).unwrap();
    drop(store);
    let reading = open().load().unwrap();
    assert!(reading.waiting.is_empty());
    let stored = reading.contents.grants.iter().find(|g| g.id.0 == last + 1).unwrap();
    assert!(stored.ended.is_some());
}

/// A change is written whole or not at all, however large.
fn takes_a_large_change(open: Open<'_>) {
    let mut store = open();
    let last = store.load().unwrap().contents.last_grant;
    let grants: Vec<Grant> = (1..=200).map(|n| grant(last + n)).collect();
    let events: Vec<Event> = grants.iter().cloned().map(Event::GrantCreated).collect();
    let ids = store.commit(&change(&grants, &[], &events)).unwrap();
    assert!(ids.is_sorted() && ids.len() == 200);
    drop(store);
    let reading = open().load().unwrap();
    let live: Vec<&Grant> =
        reading.contents.grants.iter().filter(|g| g.ended.is_none() && g.id.0 > last).collect();
    assert_eq!(live.len(), 200);
    assert_eq!(reading.unrecorded.len(), 200);
}

fn conforms(open: Open<'_>) {
    keeps_what_it_acknowledged(open);
    forgets_what_was_withdrawn(open);
    takes_a_large_change(open);
}

#[test]
fn sqlite_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let path: PathBuf = directory.path().join("bauta.db");
    // A program that another test starts holds every file for a moment.
    let deadline = Instant::now() + Duration::from_secs(20);
    conforms(&|| loop {
        match Sqlite::open(&path) {
            Err(StoreError::InUse { .. }) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            opened => return Box::new(opened.unwrap()),
        }
    });
}

/// The URL of a database for state.
pub fn url(port: u16, database: &str) -> String {
    format!("postgres://bauta:{}@127.0.0.1:{port}/{database}", password("bauta"))
}

fn link(url: &str) -> Arc<Link> {
    Link::open(Address::parse(url, &|path| path.into()).unwrap()).unwrap()
}

fn node(url: &str, name: &str) -> Postgres {
    Postgres::open(link(url), name).unwrap()
}

#[test]
fn postgres_keeps_the_contract() {
    let server = Server::shared();
    let url = url(server.port(), &server.state_database());
    conforms(&|| Box::new(node(&url, "n1")));
    // In a schema of another name too.
    let other = format!("{url}?schema=else%20where");
    conforms(&|| Box::new(node(&other, "n1")));
}

#[test]
fn two_nodes_never_both_decide_on_the_same_state() {
    let server = Server::shared();
    let url = url(server.port(), &server.state_database());
    let (mut one, mut two) = (node(&url, "n1"), node(&url, "n2"));
    assert_ne!(one.sessions(), two.sessions(), "a session's number means one session");
    one.load().unwrap();
    two.load().unwrap();
    one.commit(&change(&[], &[request(1)], &[])).unwrap();
    let approved = Request { status: RequestStatus::Approved, ..request(1) };
    let made = Event::GrantCreated(grant(1));
    // Decided without knowing of the request: it does not count.
    let blind = two.commit(&change(&[grant(1)], &[], std::slice::from_ref(&made)));
    assert!(matches!(blind, Err(StoreError::Behind)), "{blind:?}");
    let news = two.news().unwrap().unwrap();
    assert_eq!(news.contents.requests, [request(1)]);
    assert!(news.contents.grants.is_empty() && news.waiting.is_empty());
    let ids = two
        .commit(&change(&[grant(1)], std::slice::from_ref(&approved), std::slice::from_ref(&made)))
        .unwrap();
    // The other decides about the same request at the same time.
    let denied = Request { status: RequestStatus::Denied, ..request(1) };
    let late = one.commit(&change(&[], &[denied], &[]));
    assert!(matches!(late, Err(StoreError::Behind)), "{late:?}");
    let news = one.news().unwrap().unwrap();
    assert_eq!((&news.contents.grants, &news.contents.requests), (&vec![grant(1)], &vec![approved]));
    assert!(news.unrecorded.contains(&GrantId(1)), "it does not count before the other's audit log has it");
    assert!(news.waiting.is_empty(), "the other's events are the other's to record");
    two.recorded(ids[0], &made).unwrap();
    let news = one.news().unwrap().unwrap();
    assert_eq!(news.contents.grants, [grant(1)]);
    assert!(news.unrecorded.is_empty());
    assert!(one.news().unwrap().unwrap().contents.grants.is_empty(), "nothing is new twice");
}

#[test]
fn a_newer_process_of_the_same_name_shuts_the_older_out() {
    let server = Server::shared();
    let url = url(server.port(), &server.state_database());
    let mut old = node(&url, "n1");
    old.load().unwrap();
    let numbers = old.sessions();
    let mut new = node(&url, "n1");
    new.load().unwrap();
    assert_eq!(new.sessions(), numbers);
    assert!(matches!(old.commit(&change(&[grant(1)], &[], &[])), Err(StoreError::Replaced { .. })));
    assert!(matches!(old.news(), Err(StoreError::Replaced { .. })));
    new.commit(&change(&[grant(1)], &[], &[])).unwrap();
}

#[test]
fn nodes_that_start_together_make_the_tables_once() {
    let server = Server::shared();
    let url = url(server.port(), &server.state_database());
    let nodes: Vec<_> = (0..6)
        .map(|n| {
            let url = url.clone();
            std::thread::spawn(move || node(&url, &format!("n{n}")).sessions().first())
        })
        .collect();
    let mut numbers: Vec<i64> = nodes.into_iter().map(|n| n.join().unwrap()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 6);
}

#[test]
fn a_role_that_may_not_make_the_tables_is_told_the_sql() {
    let server = Server::shared();
    let database = server.state_database();
    server.sql(
        &database,
        &format!(
            "REVOKE CREATE ON DATABASE {database} FROM PUBLIC; ALTER DATABASE {database} OWNER TO postgres"
        ),
    );
    let url = url(server.port(), &database);
    let message = Postgres::open(link(&url), "n1").err().unwrap().to_string();
    let told = "CREATE SCHEMA \"bauta_state\" AUTHORIZATION \"bauta\";";
    assert!(message.contains(told), "{message}");
    server.sql(&database, told);
    node(&url, "n1").load().unwrap();
    // And one of a newer bauta is left alone.
    server.sql(&database, "UPDATE bauta_state.head SET steps = 99");
    let message = Postgres::open(link(&url), "n1").err().unwrap().to_string();
    assert!(message.contains("newer bauta (version 99"), "{message}");
}
