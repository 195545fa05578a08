//! Goal: two nodes that share a store, in any order of asking, deciding, using,
//! revoking, waiting, steps of their own clocks, restarts, and a store that
//! one of them loses, or whose answers it loses: what a node reveals is covered
//! by a grant that is valid at that moment, as far as the node can know, and no
//! longer than the configured staleness; and while both reach the store, every
//! valid grant reveals on both.
//!
//! Method: random operations on two engines over one store in memory that
//! keeps the contract of `store`, and on a model of what people agreed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use proptest::prelude::*;

use super::book::{Change, Contents, SessionNumbers};
use super::decisions::Narrowing;
use super::engine::Parts;
use super::event::Event;
use super::model::sample::{ask, root, shop};
use super::model::{Actor, Ask, Grant, Request};
use super::store::{OutboxId, Reading, Store, StoreError};
use super::tests::{Ears, Hands, Paper, Shop, roles};
use super::*;
use crate::clock::Clock as _;
use crate::policy::{Access, Permits};

const STALENESS: i64 = 30;
const USERS: [&str; 2] = ["ana", "eve"];

/// How a node reaches the store.
const CONNECTED: u8 = 0;
const LOST: u8 = 1;
/// What it sends arrives; the answers don't.
const DEAF: u8 = 2;

#[derive(Default)]
struct Tables {
    version: i64,
    grants: BTreeMap<i64, (Grant, bool, i64)>,
    requests: BTreeMap<i64, (Request, i64)>,
    outbox: BTreeMap<i64, (i64, Event)>,
    last_event: i64,
}

/// One node's handle on the tables.
struct Memory {
    tables: Arc<Mutex<Tables>>,
    reach: Arc<AtomicU8>,
    clock: Arc<Hands>,
    node: i64,
    known: i64,
    owed: Vec<(OutboxId, Option<GrantId>)>,
}

impl Memory {
    fn lost() -> StoreError {
        StoreError::Lost { path: "memory".into(), cause: "the test says so".into() }
    }
    fn is(&self, reach: u8) -> bool {
        self.reach.load(Ordering::SeqCst) == reach
    }
    fn answers(&self) -> Result<(), StoreError> {
        if self.is(CONNECTED) { Ok(()) } else { Err(Self::lost()) }
    }
    fn read(&mut self, since: i64) -> Reading {
        let tables = self.tables.lock();
        let new = |version: &i64| *version > since;
        let grants = || tables.grants.values().filter(|(.., version)| new(version));
        let owed = |id: &i64| self.owed.iter().any(|(owed, _)| owed.0 == *id);
        let waiting = tables.outbox.iter().filter(|(id, (node, _))| *node == self.node && !owed(id));
        self.known = tables.version;
        Reading {
            contents: Contents {
                grants: grants().map(|(grant, ..)| grant.clone()).collect(),
                requests: tables.requests.values().filter(|(_, v)| new(v)).map(|(r, _)| r.clone()).collect(),
                last_grant: tables.grants.keys().next_back().copied().unwrap_or(0),
                last_request: tables.requests.keys().next_back().copied().unwrap_or(0),
            },
            waiting: waiting.map(|(id, (_, event))| (OutboxId(*id), event.clone())).collect(),
            unrecorded: grants().filter(|(_, unrecorded, _)| *unrecorded).map(|(g, ..)| g.id).collect(),
            as_of: Some(self.clock.now()),
        }
    }
    fn settle(&mut self) -> Result<(), StoreError> {
        if self.is(LOST) {
            return Err(Self::lost());
        }
        let mut tables = self.tables.lock();
        for (id, made) in self.owed.drain(..) {
            tables.outbox.remove(&id.0);
            if let Some(grant) = made {
                tables.version += 1;
                let version = tables.version;
                if let Some(row) = tables.grants.get_mut(&grant.0) {
                    (row.1, row.2) = (false, version);
                }
            }
        }
        drop(tables);
        self.answers()
    }
}

impl Store for Memory {
    fn load(&mut self) -> Result<Reading, StoreError> {
        Ok(self.read(-1))
    }
    fn news(&mut self) -> Result<Option<Reading>, StoreError> {
        self.answers()?;
        self.settle()?;
        let known = self.known;
        Ok(Some(self.read(known)))
    }
    fn commit(&mut self, change: &Change) -> Result<Vec<OutboxId>, StoreError> {
        if self.is(LOST) {
            return Err(Self::lost());
        }
        let mut tables = self.tables.lock();
        if tables.version != self.known {
            return Err(StoreError::Behind);
        }
        tables.version += 1;
        let version = tables.version;
        for grant in &change.grants {
            let made = change.events.iter().any(|event| event.made() == Some(grant.id));
            let unrecorded = tables.grants.get(&grant.id.0).map_or(made, |(_, unrecorded, _)| *unrecorded);
            tables.grants.insert(grant.id.0, (grant.clone(), unrecorded, version));
        }
        for request in &change.requests {
            tables.requests.insert(request.id.0, (request.clone(), version));
        }
        let mut ids = Vec::new();
        for event in &change.events {
            tables.last_event += 1;
            let id = tables.last_event;
            tables.outbox.insert(id, (self.node, event.clone()));
            ids.push(OutboxId(id));
        }
        drop(tables);
        self.answers()?;
        self.known = version;
        Ok(ids)
    }
    fn recorded(&mut self, id: OutboxId, event: &Event) -> Result<(), StoreError> {
        self.owed.push((id, event.made()));
        self.settle()
    }
    fn withdrawn(&mut self, id: OutboxId) -> Result<(), StoreError> {
        self.owed.push((id, None));
        self.settle()
    }
}

struct Node {
    engine: Option<Arc<Engine>>,
    clock: Arc<Hands>,
    reach: Arc<AtomicU8>,
    paper: Arc<Paper>,
    lost_since: Option<i64>,
}

/// Two nodes on one store.
struct Fleet {
    tables: Arc<Mutex<Tables>>,
    clock: Arc<Hands>,
    nodes: [Node; 2],
    runtime: tokio::runtime::Runtime,
}

impl Fleet {
    fn new() -> Self {
        let node = |_| Node {
            engine: None,
            clock: Hands::new(),
            reach: Arc::new(AtomicU8::new(CONNECTED)),
            paper: Arc::default(),
            lost_since: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut fleet =
            Self { tables: Arc::default(), clock: Hands::new(), nodes: [0, 1].map(node), runtime };
        // One monotonic clock: tests run on one machine.
        for node in &fleet.nodes {
            node.clock.follow(&fleet.clock);
        }
        (0..2).for_each(|index| fleet.start(index));
        fleet
    }
    fn start(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let number = i64::try_from(index).unwrap() + 1;
        let store = Memory {
            tables: self.tables.clone(),
            reach: node.reach.clone(),
            clock: self.clock.clone(),
            node: number,
            known: 0,
            owed: Vec::new(),
        };
        node.engine = Some(
            Engine::start(Parts {
                store: Box::new(store),
                journal: node.paper.clone(),
                directory: Arc::new(Shop),
                listeners: vec![Arc::new(Ears::default())],
                clock: node.clock.clone(),
                roles: roles(1),
                sessions: SessionNumbers::of(number),
                max_staleness: Duration::from_secs(u64::try_from(STALENESS).unwrap()),
            })
            .unwrap(),
        );
    }
    fn engine(&self, index: usize) -> Arc<Engine> {
        self.nodes[index].engine.clone().unwrap()
    }
    fn reach(&self, index: usize) -> u8 {
        self.nodes[index].reach.load(Ordering::SeqCst)
    }
    fn flush(&self) {
        for _ in 0..2 {
            (0..2).for_each(|index| self.runtime.block_on(self.engine(index).flush()));
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Ask { node: usize, user: usize, column: usize, seconds: u64 },
    Approve { node: usize, request: usize },
    Deny { node: usize, request: usize },
    Give { node: usize, user: usize, column: usize, seconds: u64, once: bool },
    Use { node: usize, grant: usize },
    Revoke { node: usize, grant: usize },
    Pass { seconds: u64 },
    WallClock { node: usize, seconds: i64 },
    Reach { node: usize, how: u8 },
    Restart { node: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let node = || 0..2usize;
    prop_oneof![
        3 => (node(), 0..2usize, 0..3usize, 1..100u64)
            .prop_map(|(node, user, column, seconds)| Step::Ask { node, user, column, seconds }),
        4 => (node(), 0..6usize).prop_map(|(node, request)| Step::Approve { node, request }),
        1 => (node(), 0..6usize).prop_map(|(node, request)| Step::Deny { node, request }),
        3 => (node(), 0..2usize, 0..3usize, 1..100u64, any::<bool>())
            .prop_map(|(node, user, column, seconds, once)| Step::Give { node, user, column, seconds, once }),
        2 => (node(), 0..6usize).prop_map(|(node, grant)| Step::Use { node, grant }),
        2 => (node(), 0..6usize).prop_map(|(node, grant)| Step::Revoke { node, grant }),
        4 => (1..40u64).prop_map(|seconds| Step::Pass { seconds }),
        1 => (node(), -200..200i64).prop_map(|(node, seconds)| Step::WallClock { node, seconds }),
        3 => (node(), 0..3u8).prop_map(|(node, how)| Step::Reach { node, how }),
        1 => node().prop_map(|node| Step::Restart { node }),
    ]
}

/// What was agreed.
struct Agreed {
    id: Option<GrantId>,
    user: usize,
    column: usize,
    until: i64,
    once: bool,
    /// Ended on this node, and since when.
    over: BTreeSet<(usize, i64)>,
    /// The answer to what made or ended it was lost: it may be or not.
    doubtful: bool,
}

#[derive(Default)]
struct Model {
    grants: Vec<Agreed>,
    requests: Vec<(RequestId, usize, usize, u64)>,
    elapsed: i64,
}

impl Model {
    fn agree(&mut self, id: Option<GrantId>, user: usize, column: usize, seconds: u64, once: bool) {
        let until = self.elapsed + i64::try_from(seconds).unwrap();
        let doubtful = id.is_none();
        self.grants.push(Agreed { id, user, column, until, once, over: BTreeSet::new(), doubtful });
    }
}

fn take(fleet: &mut Fleet, model: &mut Model, step: &Step) {
    match *step {
        Step::Ask { node, user, column, seconds } => {
            let wanted = ask(USERS[user], &[column], seconds);
            let by = Actor::login(USERS[user]);
            let outcome = fleet.runtime.block_on(fleet.engine(node).ask(wanted, None, by));
            // Who asks for the same again is told of the request that waits.
            if let Ok((request, true)) = outcome {
                assert_eq!(fleet.reach(node), CONNECTED, "acknowledged without the store");
                model.requests.push((request.id, user, column, seconds));
            }
        }
        Step::Approve { node, request } => {
            let Some((id, user, column, seconds)) = model.requests.get(request).copied() else { return };
            let outcome =
                fleet.runtime.block_on(fleet.engine(node).approve(id, root(), Narrowing::default()));
            match outcome {
                Ok(request) => {
                    assert_eq!(fleet.reach(node), CONNECTED, "acknowledged without the store");
                    let id = request.grant_id.unwrap();
                    assert!(!model.grants.iter().any(|g| g.id == Some(id)), "a number is given once");
                    model.agree(Some(id), user, column, seconds, false);
                }
                Err(_) if fleet.reach(node) == DEAF => model.agree(None, user, column, seconds, false),
                Err(_) => {}
            }
        }
        Step::Deny { node, request } => {
            if let Some((id, ..)) = model.requests.get(request) {
                let denied = fleet.runtime.block_on(fleet.engine(node).deny(*id, root(), None));
                assert!(denied.is_err() || fleet.reach(node) == CONNECTED, "acknowledged without the store");
                let granted =
                    |g: &Agreed| g.id.is_some_and(|id| made_by(fleet, id) == Some(model.requests[request].0));
                assert!(denied.is_err() || !model.grants.iter().any(granted), "denied after it was approved");
            }
        }
        Step::Give { node, user, column, seconds, once } => {
            let wanted = Ask { once, ..ask(USERS[user], &[column], seconds) };
            match fleet.runtime.block_on(fleet.engine(node).give(wanted, root())) {
                Ok(state) => model.agree(Some(state.grant.id), user, column, seconds, once),
                Err(_) if fleet.reach(node) == DEAF => model.agree(None, user, column, seconds, once),
                Err(_) => {}
            }
        }
        Step::Use { node, grant } => {
            let Some(id) = model.grants.get(grant).and_then(|g| g.id) else { return };
            let used = fleet.runtime.block_on(fleet.engine(node).used(&[id], 1));
            let (elapsed, reach) = (model.elapsed, fleet.reach(node));
            let agreed = &mut model.grants[grant];
            if agreed.once {
                let certain = !agreed.over.is_empty() && !agreed.doubtful;
                assert!(used.is_err() || !certain, "a once grant is used once");
                match used {
                    Ok(_) => drop(agreed.over.insert((node, elapsed))),
                    Err(_) => agreed.doubtful |= reach == DEAF,
                }
            }
        }
        Step::Revoke { node, grant } => {
            let Some(id) = model.grants.get(grant).and_then(|g| g.id) else { return };
            let revoked = fleet.runtime.block_on(fleet.engine(node).revoke(id, root(), None));
            let known = !matches!(revoked, Err(Fault::NotFound { .. }));
            if known {
                model.grants[grant].over.insert((node, model.elapsed));
                // Others learn of it when this node can tell.
                model.grants[grant].doubtful |= revoked.is_err();
            }
        }
        Step::Pass { seconds } => {
            fleet.clock.pass(seconds);
            fleet.nodes.iter().for_each(|node| node.clock.pass(seconds));
            model.elapsed += i64::try_from(seconds).unwrap();
        }
        Step::WallClock { node, seconds } => fleet.nodes[node].clock.step(seconds),
        Step::Reach { node, how } => {
            let now = model.elapsed;
            fleet.nodes[node].reach.store(how, Ordering::SeqCst);
            let since = &mut fleet.nodes[node].lost_since;
            *since = if how == CONNECTED { None } else { since.or(Some(now)) };
        }
        Step::Restart { node } => {
            if fleet.reach(node) != CONNECTED {
                return;
            }
            // What only this process knew is gone with it; it is heard no more.
            fleet.nodes[node].reach.store(LOST, Ordering::SeqCst);
            fleet.nodes[node].reach = Arc::new(AtomicU8::new(CONNECTED));
            fleet.start(node);
        }
    }
}

/// The request that a grant came of, by the store.
fn made_by(fleet: &Fleet, id: GrantId) -> Option<RequestId> {
    fleet.tables.lock().grants.get(&id.0).and_then(|(grant, ..)| grant.request)
}

fn check(fleet: &Fleet, model: &Model) {
    for (index, node) in fleet.nodes.iter().enumerate() {
        let lost_for = node.lost_since.map(|since| model.elapsed - since);
        for (user, login) in USERS.iter().enumerate() {
            let permits = fleet.engine(index).permits(login, 1, &[]);
            for (column, protected) in shop().iter().enumerate() {
                let revealed = permits.access(protected, node.clock.now()) != Access::Masked;
                let covering = || {
                    model
                        .grants
                        .iter()
                        .filter(|g| g.user == user && g.column == column && model.elapsed < g.until)
                };
                // What ended elsewhere can be unknown only to a node that can't ask.
                let may = |g: &&Agreed| {
                    let here = g.over.iter().any(|(node, _)| *node == index);
                    let unknown =
                        g.over.iter().all(|(_, at)| node.lost_since.is_some_and(|lost| lost <= *at));
                    g.doubtful || g.over.is_empty() || (!here && unknown)
                };
                let valid = lost_for.is_none_or(|lost| lost < STALENESS) && covering().any(|g| may(&g));
                assert!(!revealed || valid, "node {index} reveals {} to {login}", protected.name);
                let must = node.lost_since.is_none()
                    && covering().any(|g| !g.doubtful && g.over.is_empty() && recorded(fleet, g));
                assert!(revealed || !must, "node {index} masks {} from {login}", protected.name);
            }
        }
    }
}

/// Is it in its node's audit log, as the store knows?
fn recorded(fleet: &Fleet, agreed: &Agreed) -> bool {
    let tables = fleet.tables.lock();
    agreed.id.is_some_and(|id| tables.grants.get(&id.0).is_some_and(|(_, unrecorded, _)| !unrecorded))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn nodes_reveal_only_under_grants_that_are_valid_at_that_moment(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let mut fleet = Fleet::new();
        let mut model = Model::default();
        for step in &steps {
            take(&mut fleet, &mut model, step);
            fleet.flush();
            check(&fleet, &model);
        }
    }
}
