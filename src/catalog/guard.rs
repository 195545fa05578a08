//! A snapshot with the policy bound to it, and what follows from both: which
//! columns are protected, which relations depend on them, which functions
//! are opaque, which names count. Immutable; one per database, swapped whole.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::functions::is_callable;
use super::relied::Relied;
use super::setters::Setters;
use super::snapshot::{Named, Snapshot};
use super::{ColumnId, Oid};
use crate::config::ColumnPattern;
use crate::policy::ProtectedColumn;
use crate::sql::Flow;
use crate::sql::prefilter::Prefilter;

/// What the analyser works on. `version` changes whenever anything in it
/// does: cached analyses are keyed by it.
pub struct Guard {
    pub version: u64,
    /// Whose rules these are: [`Config::sha256`](crate::config::Config). Roles
    /// of another policy must not decide about them.
    pub policy: Arc<str>,
    pub snapshot: Arc<Snapshot>,
    /// Protected columns of tables, partitions, children and foreign tables.
    pub protected: HashMap<ColumnId, Arc<ProtectedColumn>>,
    /// Where each output column of a view or materialized view comes from,
    /// only for those that depend on something protected. Index = attribute - 1.
    pub view_flows: HashMap<Oid, Vec<Flow>>,
    /// Relations whose name counts: protected ones and all that depends on them.
    pub counted_relations: HashSet<Oid>,
    /// Of these, those that count on writing only: they show nothing protected, and a
    /// write to one sets off what may.
    pub counted_on_writing: HashSet<Oid>,
    /// In lower case, names that count since they are names of such, and for nothing else.
    pub names_on_writing: HashSet<String>,
    /// Relations that a broken rule or an unreadable definition makes
    /// unusable: every statement that names one is refused, with this reason.
    pub locked_relations: HashMap<Oid, Arc<str>>,
    /// What the policy gives a keyed mask in this database, whether it is there or not.
    pub keyed_rules: Arc<[ColumnPattern]>,
    /// Functions whose calls are refused.
    pub opaque_functions: HashSet<Oid>,
    /// The policy trusts a function by name that nobody reads: it may do anything,
    /// also to the names of a session's statements and cursors.
    pub trusts_code: bool,
    /// Functions that set what texts and values are read by.
    pub setters: Setters,
    /// Names that code running over protected data relies on: a new object of
    /// one of them could receive values.
    pub relied_on: Relied,
    /// Tables whose rows foreign keys of protected columns lead to, and these columns.
    pub keyed: HashMap<Oid, Vec<Arc<ProtectedColumn>>>,
    /// Relations to which a write asks about protected values, whatever it writes.
    pub set_off: HashMap<Oid, SetOff>,
    /// Relations that lead on to protected columns of others.
    pub reached: HashMap<Oid, Reached>,
    /// Sequences, and the protected columns that get their numbers.
    pub sequences: HashMap<Oid, Vec<Arc<ProtectedColumn>>>,
    /// Types of which a value, or the making of one, runs opaque code.
    pub running_types: HashMap<Oid, Runs>,
    /// Foreign tables, and the parents of any: another server runs a part of
    /// what is asked of them, and its text holds what the client's parameters held.
    pub far_tables: HashSet<Oid>,
    /// Finds counted names in a text without parsing it.
    pub prefilter: Prefilter,
}

/// What a write to a relation sets off.
#[derive(Debug, Clone)]
pub struct SetOff {
    /// What it asks about.
    pub columns: Vec<Arc<ProtectedColumn>>,
    /// A new row asks too.
    pub by_insert: bool,
}

/// When a type runs code that may read protected data, though no text names it. Each
/// does so whenever those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runs {
    /// A value of another type becomes one of it: a cast between types of the
    /// server's own.
    Cast,
    /// Likewise a literal or a NULL: the CHECK or the default of a domain over a
    /// type without parts.
    Value,
    /// Likewise what is compared with it, or united: the domain is inside an
    /// array, a range or a row, which PostgreSQL takes as it is where it takes a
    /// domain for what that is over.
    Part,
    /// Whatever else is done with a value, but to show it: casts and operators of
    /// the type's own.
    Use,
}

/// Protected columns of other relations that code of a relation's gets at, so
/// that an error or notice may tell of them.
#[derive(Debug, Clone, Default)]
pub struct Reached {
    /// When it is read: by policies, or what a view calls.
    pub by_read: Arc<[Arc<ProtectedColumn>]>,
    /// When it is written to: by triggers and foreign keys too.
    pub by_write: Arc<[Arc<ProtectedColumn>]>,
}

/// The part of a guard that lineage reads; borrowed, so that a guard under
/// construction can be analysed too (views in dependency order).
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub snapshot: &'a Snapshot,
    pub protected: &'a HashMap<ColumnId, Arc<ProtectedColumn>>,
    pub view_flows: &'a HashMap<Oid, Vec<Flow>>,
    pub counted_relations: &'a HashSet<Oid>,
    pub counted_on_writing: &'a HashSet<Oid>,
    pub locked_relations: &'a HashMap<Oid, Arc<str>>,
    pub opaque_functions: &'a HashSet<Oid>,
    pub keyed: &'a HashMap<Oid, Vec<Arc<ProtectedColumn>>>,
    pub set_off: &'a HashMap<Oid, SetOff>,
    pub reached: &'a HashMap<Oid, Reached>,
    pub sequences: &'a HashMap<Oid, Vec<Arc<ProtectedColumn>>>,
    pub running_types: &'a HashMap<Oid, Runs>,
}

impl<'a> Facts<'a> {
    /// Every column of the database, and every place in one, whose masks are those
    /// of `like`, in order of name. What a parent shows of a child goes with it.
    pub fn domain_of(self, like: &ProtectedColumn) -> Vec<Arc<ProtectedColumn>> {
        let mut all: Vec<Arc<ProtectedColumn>> = Vec::new();
        for (id, column) in self.protected {
            let own = places(column).filter(|place| place.is_masked_like(like));
            all.extend(own.filter(|place| !self.goes_with_a_parent(*id, place)).cloned());
        }
        all.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
        all
    }

    /// Does it count whatever is done with the relation?
    pub fn counts_on_reading(self, relation: Oid) -> bool {
        self.counted_relations.contains(&relation) && !self.counted_on_writing.contains(&relation)
    }

    /// Does who may see a parent's column see this one of a child, as it is?
    fn goes_with_a_parent(self, id: ColumnId, column: &ProtectedColumn) -> bool {
        let Some(relation) = self.snapshot.relations.get(&id.relation) else { return false };
        self.snapshot.above(relation).into_iter().any(|parent| {
            let same = parent.column(&column.column);
            let id = same.map(|same| ColumnId { relation: parent.oid, attribute: same.attribute });
            let above = id.and_then(|id| self.protected.get(&id));
            let shows = |place: &Arc<ProtectedColumn>| {
                place.is_masked_like(column)
                    && place.path == column.path
                    && !place.below.iter().any(|below| below.name == column.name)
            };
            above.is_some_and(|above| places(above).any(shows))
        })
    }
}

/// The column, and what is protected inside it.
fn places(column: &Arc<ProtectedColumn>) -> impl Iterator<Item = &Arc<ProtectedColumn>> {
    std::iter::once(column).chain(column.paths.iter().map(|path| &path.column))
}

impl Guard {
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            snapshot: &self.snapshot,
            protected: &self.protected,
            view_flows: &self.view_flows,
            counted_relations: &self.counted_relations,
            counted_on_writing: &self.counted_on_writing,
            locked_relations: &self.locked_relations,
            opaque_functions: &self.opaque_functions,
            keyed: &self.keyed,
            set_off: &self.set_off,
            reached: &self.reached,
            sequences: &self.sequences,
            running_types: &self.running_types,
        }
    }

    /// Does it count whatever is done with the relation?
    pub fn counts_on_reading(&self, relation: Oid) -> bool {
        self.facts().counts_on_reading(relation)
    }

    /// Does making a value of this type, or using one, call a function that may
    /// read protected data unseen?
    pub fn is_opaque_type(&self, oid: Oid) -> bool {
        self.running_types.contains_key(&oid)
            || self.snapshot.checks_of([oid]).iter().any(|function| self.opaque_functions.contains(function))
    }

    /// Functions of users' that what this text is planned as may hold by their OIDs: those
    /// that it or their bodies spell, those of its operators and types, and those of
    /// casts, which no text names. Not those that it can't call.
    pub fn may_call(&self, text: &[u8]) -> HashSet<Oid> {
        let snapshot = &self.snapshot;
        let escapes = text.windows(3).any(|three| three.eq_ignore_ascii_case(b"u&\""));
        let unread = std::str::from_utf8(text).is_err();
        let text = String::from_utf8_lossy(text);
        let mut work = self.named_in(&text);
        if escapes || unread {
            let hidden = snapshot.functions.values().filter(|it| escapes || !it.name.is_ascii());
            work.extend(hidden.map(|function| Named::Function(function.oid)));
        }
        work.extend(snapshot.casts.iter().filter_map(|cast| cast.function).map(Named::Function));
        let (mut called, mut types) = (HashSet::new(), HashSet::new());
        while let Some(named) = work.pop() {
            match named {
                Named::Function(oid) => {
                    let known = snapshot.functions.get(&oid).filter(|_| !oid.is_builtin());
                    let Some(function) = known.filter(|function| is_callable(function)) else { continue };
                    if !self.opaque_functions.contains(&oid) && called.insert(oid) {
                        work.extend(snapshot.named_by(function));
                        work.extend(self.named_in(&function.body));
                    }
                }
                Named::Type(oid) if types.insert(oid) => {
                    work.extend(snapshot.run_by_type(oid).into_iter().map(Named::Function));
                }
                // Its name is kept by a lock, and what hangs on it is recorded by OID.
                Named::Type(_) | Named::Relation(_) => {}
            }
        }
        called
    }

    fn named_in(&self, text: &str) -> Vec<Named> {
        let operators = self.snapshot.operators.iter().filter(|operator| text.contains(&*operator.name));
        let functions = operators.flat_map(|operator| &operator.functions).copied();
        self.snapshot.spelled_in(text).into_iter().chain(functions.map(Named::Function)).collect()
    }

    pub fn column(&self, id: ColumnId) -> Option<&Arc<ProtectedColumn>> {
        self.protected.get(&id)
    }
}

#[cfg(test)]
impl Guard {
    /// Nothing is protected, and there is nothing.
    pub fn empty() -> Self {
        Self {
            version: 1,
            policy: "".into(),
            snapshot: Arc::new(Snapshot::default()),
            protected: Default::default(),
            view_flows: Default::default(),
            counted_relations: Default::default(),
            counted_on_writing: Default::default(),
            names_on_writing: Default::default(),
            locked_relations: Default::default(),
            keyed_rules: Default::default(),
            opaque_functions: Default::default(),
            trusts_code: false,
            setters: Default::default(),
            relied_on: Default::default(),
            keyed: Default::default(),
            set_off: Default::default(),
            reached: Default::default(),
            sequences: Default::default(),
            running_types: Default::default(),
            far_tables: Default::default(),
            prefilter: Prefilter::new(std::iter::empty()).unwrap(),
        }
    }
}
