//! Code that is no DBA's: the server runs it by itself when a statement touches
//! a relation (a trigger, rule or policy, an expression of a default, CHECK or
//! index), and it gets at protected data, though whoever made it may not see that.
//!
//! A client can put no such code anywhere. But it may have been there before
//! what it reads was protected; then it would go on, and copy.
//!
//! Invariant: code counts as a DBA's only where each function in it that reads
//! protected data belongs to a superuser, or to a role that has the privileges
//! of the owner of what it reads, or is trusted by the policy; and so does the
//! relation whose rules, policies or expressions do so. What such code writes to
//! is judged by the code that stands there.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::Oid;
use super::bind::missing;
use super::closure::Counted;
use super::functions::{self, Trusted};
use super::guard::{Strange, StrangeCode, When};
use super::mentions::words;
use super::relied::{Paths, Reach};
use super::snapshot::{ConstraintKind, Function, Named, Relation, RelationKind, Snapshot, Volatility};
use crate::policy::rules::{ANY, Rules};
use crate::sql::lineage::relations_of_statistics;

/// What `find` works on.
pub(super) struct Search<'a> {
    snapshot: &'a Snapshot,
    paths: &'a Paths<'a>,
    trusted: &'a Trusted<'a>,
    counted: &'a Counted,
    /// Relations with protected columns, and locked ones.
    protected: &'a HashSet<Oid>,
    /// Those of them that a rule names without `*`: which these are is the policy's to
    /// say, and no client's.
    named: BTreeSet<Oid>,
    /// A protected value stands in `pg_attribute` too.
    missing: bool,
    /// Roles that see all of it.
    all: RefCell<HashMap<Oid, bool>>,
    own: RefCell<HashMap<Oid, Rc<Reads>>>,
    /// What is wrong with a function and those that it calls.
    faults: RefCell<HashMap<Oid, Option<Rc<Fault>>>>,
}

/// What a function's text reads, without what it calls.
#[derive(Default)]
struct Reads {
    /// Relations that one name may mean, and whether their schema is spelled too.
    relations: Vec<Vec<(Oid, bool)>>,
    functions: Vec<Oid>,
    /// Nobody can tell what.
    anything: bool,
}

/// A function that is not trusted, and what it reads. None: it may be anything.
struct Fault {
    function: Oid,
    read: Option<Oid>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        paths: &'a Paths<'a>,
        (trusted, counted): (&'a Trusted<'a>, &'a Counted),
        protected: &'a HashSet<Oid>,
        rules: &Rules<'_>,
        missing: bool,
    ) -> Self {
        let snapshot = paths.snapshot();
        let is_named = |relation: &&Relation| {
            let patterns = rules.patterns().iter().map(|pattern| pattern.columns);
            let mut exact = patterns.filter(|columns| columns.schema != ANY && columns.table != ANY);
            exact.any(|columns| columns.matches_table(&relation.schema, &relation.name))
        };
        let relations = protected.iter().filter_map(|oid| snapshot.relations.get(oid));
        let named = relations.filter(is_named).map(|relation| relation.oid).collect();
        Self {
            snapshot,
            paths,
            trusted,
            counted,
            protected,
            named,
            missing,
            all: RefCell::default(),
            own: RefCell::default(),
            faults: RefCell::default(),
        }
    }

    /// Relations of which a statement would run such code, with what stands in the
    /// way; and where it stands itself.
    pub(super) fn find(&self) -> (HashMap<Oid, Strange>, Vec<StrangeCode>) {
        if self.is_of_one_hand() {
            return Default::default();
        }
        let counted: BTreeSet<Oid> = self.counted.relations.iter().copied().collect();
        let counted = || counted.iter().filter_map(|oid| self.snapshot.relations.get(oid));
        let placed = counted().filter(|relation| !relation.oid.is_builtin());
        let placed = placed.map(|relation| (relation.oid, self.on(relation)));
        let placed: BTreeMap<Oid, Strange> = placed.filter(|(_, strange)| !strange.0.is_empty()).collect();
        if placed.is_empty() {
            return Default::default();
        }
        let mut all: HashMap<Oid, Strange> = HashMap::new();
        for relation in counted() {
            let mut strange = placed.get(&relation.oid).cloned().unwrap_or_default();
            self.add_reached(relation, &placed, &mut strange);
            if !strange.0.is_empty() {
                all.insert(relation.oid, strange);
            }
        }
        let mut codes: Vec<StrangeCode> =
            placed.into_values().flat_map(|strange| strange.0).map(|(_, code)| (*code).clone()).collect();
        codes.sort_by(|a, b| a.what.cmp(&b.what));
        codes.dedup_by(|a, b| a.what == b.what);
        (all, codes)
    }

    /// Does all that counts, and all code, belong to who sees everything protected?
    /// So it is in most databases.
    fn is_of_one_hand(&self) -> bool {
        let counted = self.counted.relations.iter().filter_map(|oid| self.snapshot.relations.get(oid));
        let owners = counted.map(|relation| relation.owner);
        let functions = self.snapshot.functions.values().filter(|function| !function.oid.is_builtin());
        owners.chain(functions.map(|function| function.owner)).all(|role| self.sees_all(role))
    }

    /// What runs elsewhere when the relation is read or written to.
    fn add_reached(&self, relation: &Relation, placed: &BTreeMap<Oid, Strange>, strange: &mut Strange) {
        for reach in [Reach::Read, Reach::Write] {
            let reached = self.paths.reached_from(relation, reach);
            let elsewhere = placed.iter().filter(|(oid, _)| **oid != relation.oid);
            // Any one of them is reason enough.
            let first = elsewhere.into_iter().find_map(|(oid, there)| {
                let read = there.when(When::Read).filter(|_| reached.reads(*oid));
                read.or_else(|| there.when(When::Change).filter(|_| reached.changes(*oid)))
            });
            match (first, reach) {
                (Some(code), Reach::Read) => strange.add([When::Read], code),
                (Some(code), Reach::Write) => strange.add([When::Insert, When::Change], code),
                (None, _) => {}
            }
        }
        // Its triggers may write there.
        if let Some(code) = strange.when(When::Change).cloned().filter(|_| relation.truncate_triggers) {
            strange.add([When::Truncate], &code);
        }
    }

    /// What stands on the relation itself.
    fn on(&self, relation: &Relation) -> Strange {
        let mut strange = Strange::default();
        self.add_triggers(relation, &mut strange);
        self.add_policies(relation, &mut strange);
        self.add_rules(relation, &mut strange);
        self.add_expressions(relation, &mut strange);
        self.add_view(relation, &mut strange);
        strange
    }

    /// Versions up to 14 count the triggers that partitions have of their parents
    /// as internal.
    fn add_triggers(&self, relation: &Relation, strange: &mut Strange) {
        let above = self.snapshot.above(relation).into_iter();
        let whole = above.filter(|parent| parent.kind == RelationKind::PartitionedTable);
        for table in std::iter::once(relation).chain(whole) {
            for oid in &table.trigger_functions {
                let Some(fault) = self.fault(*oid) else { continue };
                let code = self.by_function("a trigger", relation, &fault);
                strange.add([When::Change], &code);
                if table.insert_trigger_functions.contains(oid) {
                    strange.add([When::Insert], &code);
                }
                if table.truncate_triggers {
                    strange.add([When::Truncate], &code);
                }
            }
        }
    }

    fn add_policies(&self, relation: &Relation, strange: &mut Strange) {
        let policy = "a policy";
        let read = self.behind(&relation.policy_relations);
        let mut codes: Vec<Arc<StrangeCode>> = Vec::new();
        codes.extend(
            self.refused_to(relation.owner, &read).map(|at| self.by_owner(policy, relation, Some(at))),
        );
        for oid in &relation.policy_functions {
            codes.extend(self.of_expression(policy, relation, *oid, true));
        }
        for code in codes {
            strange.add([When::Read, When::Insert, When::Change], &code);
        }
    }

    fn add_rules(&self, relation: &Relation, strange: &mut Strange) {
        let read = self.behind(&relation.rule_references);
        if let Some(at) = self.refused_to(relation.owner, &read) {
            let code = self.by_owner("a rule", relation, Some(at));
            strange.add([When::Insert, When::Change], &code);
        }
    }

    /// Of defaults, generated columns, CHECKs, indexes and statistics; and what
    /// rules call.
    fn add_expressions(&self, relation: &Relation, strange: &mut Strange) {
        let in_policies = |oid: &&Oid| !relation.policy_functions.contains(oid);
        let called = relation.depends_on_functions.iter().filter(in_policies).map(|oid| (*oid, true));
        let types = relation.columns.iter().map(|column| column.type_oid);
        let types = types.chain(relation.depends_on_types.iter().copied());
        // A domain is another's, who says what its CHECK calls.
        let of_domains = self.snapshot.checks_of(types).into_iter().map(|oid| (oid, oid.is_builtin()));
        for (oid, is_its_owners) in called.chain(of_domains) {
            if let Some(code) = self.of_expression("an expression", relation, oid, is_its_owners) {
                strange.add([When::Insert, When::Change], &code);
                if is_computed_again(relation) {
                    strange.add([When::Upkeep], &code);
                }
            }
        }
    }

    /// A view of a client's hands what it reads to a function of the client's.
    fn add_view(&self, relation: &Relation, strange: &mut Strange) {
        if relation.kind != RelationKind::View || self.sees_all(relation.owner) {
            return;
        }
        let read = self.behind(&relation.definition_relations);
        if self.refused_to(relation.owner, &read).is_none() {
            return;
        }
        let called = self.called(relation.definition_functions.clone());
        let keeping = called.into_iter().filter(|function| self.may_be_a_clients(function));
        for function in keeping.filter(|function| self.may_keep(function)) {
            if let Some(at) = self.refused_to(function.owner, &read) {
                let fault = Fault { function: function.oid, read: Some(at) };
                strange.add([When::Read], &self.by_function("a view", relation, &fault));
            }
        }
    }

    /// May the function leave what it is given where others find it, in a table, a
    /// setting or a notification?
    fn may_keep(&self, function: &Function) -> bool {
        let acts = |oid: &Oid| {
            let known = self.snapshot.functions.get(oid).filter(|_| oid.is_builtin());
            known.is_some_and(|known| known.volatility == Volatility::Volatile)
        };
        functions::is_opaque_by_itself(function)
            || functions::has_word(&function.body, functions::MAY_WRITE)
            || self.reads(function).functions.iter().any(acts)
    }

    /// `is_owners`: the relation's owner says what is called, and with what.
    fn of_expression(
        &self,
        place: &str,
        relation: &Relation,
        oid: Oid,
        is_owners: bool,
    ) -> Option<Arc<StrangeCode>> {
        if let Some(fault) = self.fault(oid) {
            return Some(self.by_function(place, relation, &fault));
        }
        let maker = relation.owner;
        if !is_owners || self.sees_all(maker) || self.compares(oid) {
            return None;
        }
        let read = self.read_by(oid, maker)?;
        Some(self.by_owner(place, relation, read))
    }

    /// C code of an extension by which an index compares values: nobody says with what
    /// it is called.
    fn compares(&self, oid: Oid) -> bool {
        let known = self.snapshot.functions.get(&oid);
        self.snapshot.support_functions.contains_key(&oid) && known.is_some_and(functions::is_of_extension)
    }

    /// The first function of those that run by calling this one that may not see
    /// what it reads.
    fn fault(&self, oid: Oid) -> Option<Rc<Fault>> {
        if let Some(known) = self.faults.borrow().get(&oid) {
            return known.clone();
        }
        let called = self.called(vec![oid]).into_iter().filter(|function| self.may_be_a_clients(function));
        let found = called.filter_map(|function| {
            let read = self.read_by(function.oid, function.owner)?;
            Some(Rc::new(Fault { function: function.oid, read }))
        });
        let fault = found.min_by_key(|fault| fault.function);
        self.faults.borrow_mut().insert(oid, fault.clone());
        fault
    }

    /// Only a superuser writes C, and sees everything.
    fn may_be_a_clients(&self, function: &Function) -> bool {
        let is_superusers = matches!(&*function.language, "c" | "internal") || function.oid.is_builtin();
        !is_superusers && !self.sees_all(function.owner)
    }

    /// In most databases this is who owns everything.
    fn sees_all(&self, role: Oid) -> bool {
        let compute = || self.protected.iter().all(|oid| self.sees(role, *oid));
        *self.all.borrow_mut().entry(role).or_insert_with(compute)
    }

    /// Functions that run where these are called, themselves among them, as far as
    /// the policy does not trust one.
    fn called(&self, functions: Vec<Oid>) -> Vec<&'a Function> {
        let (mut work, mut reached) = (functions, HashSet::new());
        let mut called = Vec::new();
        while let Some(oid) = work.pop() {
            let Some(function) = self.snapshot.functions.get(&oid) else { continue };
            if self.trusted.includes(function) || !reached.insert(oid) {
                continue;
            }
            called.push(function);
            if !oid.is_builtin() {
                work.extend(&self.reads(function).functions);
            }
        }
        called
    }

    /// What this role may not see of what the function reads, itself or by what it
    /// calls. None inside: it may read anything.
    fn read_by(&self, function: Oid, role: Oid) -> Option<Option<Oid>> {
        let reads: Vec<Rc<Reads>> =
            self.called(vec![function]).into_iter().map(|called| self.reads(called)).collect();
        if reads.iter().any(|reads| reads.anything) && !self.sees_everything(role) {
            return Some(None);
        }
        let groups = reads.iter().flat_map(|reads| &reads.relations);
        groups.filter_map(|group| self.refused_of(role, group)).min().map(Some)
    }

    /// What nobody can tell from a text is trusted with all that the rules name;
    /// where they name nothing, to owners of anything that they mean.
    fn sees_everything(&self, role: Oid) -> bool {
        let sees = |oid: &Oid| self.sees(role, *oid);
        match self.named.is_empty() {
            true => self.protected.iter().any(sees),
            false => self.named.iter().all(sees),
        }
    }

    fn sees(&self, role: Oid, relation: Oid) -> bool {
        let owner = self.snapshot.relations.get(&relation).map(|relation| relation.owner);
        owner.is_some_and(|owner| self.snapshot.has_privileges(role, owner))
    }

    /// A name that several relations have means each that a rule names, or whose
    /// schema is spelled; or else any: one of another client's own must not stop a
    /// DBA's code.
    fn refused_of(&self, role: Oid, group: &[(Oid, bool)]) -> Option<Oid> {
        let behind = group.iter().map(|(oid, is_spelled)| (self.behind(&[*oid]), *is_spelled));
        let behind: Vec<(Vec<Oid>, bool)> = behind.filter(|(read, _)| !read.is_empty()).collect();
        let is_meant = |(read, is_spelled): &&(Vec<Oid>, bool)| {
            *is_spelled || read.iter().any(|oid| self.named.contains(oid))
        };
        let mut meant = behind.iter().filter(is_meant).peekable();
        if meant.peek().is_some() {
            return meant.find_map(|(read, _)| self.refused_to(role, read));
        }
        let refused: Vec<Option<Oid>> = behind.iter().map(|(read, _)| self.refused_to(role, read)).collect();
        refused.iter().all(Option::is_some).then(|| refused.into_iter().flatten().min()).flatten()
    }

    fn refused_to(&self, role: Oid, read: &[Oid]) -> Option<Oid> {
        read.iter().copied().find(|oid| !self.sees(role, *oid))
    }

    /// Protected relations that stand in these, or behind them where they are views.
    fn behind(&self, relations: &[Oid]) -> Vec<Oid> {
        let (mut work, mut seen) = (relations.to_vec(), HashSet::new());
        let mut found = BTreeSet::new();
        while let Some(oid) = work.pop() {
            if !seen.insert(oid) {
                continue;
            }
            if self.protected.contains(&oid) {
                found.insert(oid);
            }
            let Some(relation) = self.snapshot.relations.get(&oid) else { continue };
            work.extend(&relation.definition_relations);
            for function in self.called(relation.definition_functions.clone()) {
                let reads = self.reads(function);
                work.extend(reads.relations.iter().flatten().map(|(oid, _)| *oid));
                if reads.anything {
                    found.extend(self.protected);
                }
            }
        }
        found.into_iter().collect()
    }

    fn reads(&self, function: &Function) -> Rc<Reads> {
        if let Some(known) = self.own.borrow().get(&function.oid) {
            return Rc::clone(known);
        }
        let reads = Rc::new(self.read(function));
        self.own.borrow_mut().insert(function.oid, Rc::clone(&reads));
        reads
    }

    fn read(&self, function: &Function) -> Reads {
        let mut reads = Reads { anything: functions::is_opaque_by_itself(function), ..Reads::default() };
        if function.oid.is_builtin() || &*function.language == "c" {
            return reads;
        }
        let body = function.body.to_ascii_lowercase();
        let spelled: HashSet<String> = words(&function.body).collect();
        let counts = |word: &String| spelled.contains(word) || (!is_plain(word) && body.contains(&**word));
        reads.anything |= self.missing && missing::is_read_by(function);
        reads.anything |= self.counted.words.iter().any(counts);
        let types = function.argument_types.iter().chain([&function.return_type]);
        reads.anything |= types.chain(&function.state_types).any(|oid| self.counted.types.contains(oid));
        let mut by_name: BTreeMap<&str, Vec<(Oid, bool)>> = BTreeMap::new();
        for named in self.paths.named_by(function).iter() {
            match named {
                Named::Function(oid) => reads.functions.push(*oid),
                Named::Type(oid) => reads.anything |= self.counted.types.contains(oid),
                Named::Relation(oid) => {
                    let Some(relation) = self.snapshot.relations.get(oid) else { continue };
                    reads.anything |=
                        relations_of_statistics(self.snapshot).any(|known| known.oid == relation.oid);
                    let is_spelled = spelled.contains(&relation.schema.to_ascii_lowercase());
                    by_name.entry(&relation.name).or_default().push((*oid, is_spelled));
                }
            }
        }
        reads.relations = by_name.into_values().collect();
        reads
    }

    fn by_function(&self, place: &str, relation: &Relation, fault: &Fault) -> Arc<StrangeCode> {
        let function = self.snapshot.functions.get(&fault.function);
        let name = function.map(|known| format!("{}.{}", known.schema, known.name)).unwrap_or_default();
        let owner = function.map(|known| self.role(known.owner)).unwrap_or_default();
        let read = self.read_text(fault.read);
        Arc::new(StrangeCode {
            what: format!(
                "{place} of {} runs {name}, which belongs to \"{owner}\" and {read}",
                relation.qualified()
            )
            .into(),
            mend: "have the function owned by the owner of what it reads or by a superuser, or name it in \
                   defaults.trusted_functions of proxy.toml"
                .into(),
        })
    }

    fn by_owner(&self, place: &str, relation: &Relation, read: Option<Oid>) -> Arc<StrangeCode> {
        let name = relation.qualified();
        Arc::new(StrangeCode {
            what: format!(
                "{place} of {name}, which belongs to \"{}\", {}",
                self.role(relation.owner),
                self.read_text(read)
            )
            .into(),
            mend: format!(
                "have {name} owned by the owner of what is read or by a superuser, or name the functions that \
                 are called in defaults.trusted_functions of proxy.toml"
            )
            .into(),
        })
    }

    fn role(&self, oid: Oid) -> Arc<str> {
        self.snapshot.roles.get(&oid).map(|role| Arc::clone(&role.name)).unwrap_or_default()
    }

    fn read_text(&self, read: Option<Oid>) -> String {
        let relation = read.and_then(|oid| self.snapshot.relations.get(&oid));
        relation
            .map_or_else(|| "may read anything".to_owned(), |known| format!("reads {}", known.qualified()))
    }
}

fn is_plain(word: &str) -> bool {
    word.chars().all(super::mentions::is_word)
}

/// Do VACUUM, ANALYZE or REINDEX compute its expressions too?
fn is_computed_again(relation: &Relation) -> bool {
    relation.constraints.iter().any(|known| match known.kind {
        ConstraintKind::Check | ConstraintKind::ForeignKey => false,
        ConstraintKind::Unique | ConstraintKind::Exclude | ConstraintKind::Computed => {
            !known.computed.is_empty()
        }
    })
}
