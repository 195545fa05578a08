//! Binds a policy to a snapshot: a [`Guard`], and what is wrong with the fit.
//!
//! ```text
//! rules ── named columns ── renamed ones ── spread (inheritance, foreign keys, generated, foreign tables) ──
//!       parted ones ── new ones
//!       └─ what can't be bound locks its tables
//! ```
//!
//! Pure. Invariant: a column that any of these steps reaches is protected; a
//! rule that can't do what it says locks the tables that it names.

use std::collections::hash_map::Entry;
mod documents;
mod fields;
mod foreign;
mod locks;
mod memory;
pub(super) mod missing;
mod running;
mod spread;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::bindings::{Known, KnownColumn, Standing};
use super::closure::{self, Asked, Counted};
use super::finding::{Finding, Severity};
use super::functions::{self, Trusted};
use super::guard::{Facts, Guard, Reached, SetOff};
use super::relied::{Paths, Reach, Relied};
use super::setters::Setters;
use super::snapshot::{Column, Relation, RelationKind, Snapshot};
use super::{ColumnId, Oid};
use crate::config::{Allow, ColumnPattern, Defaults, ProtectRule};
use crate::error::ClientError;
use crate::mask::{self, Method, MethodSpec, ValueType};
use crate::policy::rules::{ANY, Pattern, Rules, strongest};
use crate::policy::{Disclosure, Disclosures, ProtectedColumn};
use crate::sql::Flow;
use crate::sql::prefilter::{BuildError, Prefilter};
use documents::PathReason;
use memory::RememberedTables;

/// A guard, what is known of its columns now, and what is wrong.
pub struct Bound {
    pub guard: Guard,
    pub known: Known,
    pub findings: Vec<Finding>,
}

/// Reads a view: [`crate::sql::lineage::view_flows`].
pub type ViewReader = fn(Facts<'_>, &str, usize) -> Result<Vec<Flow>, ClientError>;

/// How the finding about a pattern without a column ends.
pub(super) const MATCHES_NOTHING: &str = " matches no column";

/// Guards made by this process get different versions.
static VERSION: AtomicU64 = AtomicU64::new(1);

/// Binds `rules` to `snapshot`. Recurses through `read_view`: needs a large
/// stack.
///
/// # Errors
/// When the matcher for names can't be built.
pub fn bind(
    snapshot: Arc<Snapshot>,
    rules: &[ProtectRule],
    defaults: &Defaults,
    known: &Known,
    read_view: ViewReader,
) -> Result<Bound, BuildError> {
    let mut binding = {
        let mut binder = Binder::new(&snapshot, rules, known);
        binder.bind_named();
        binder.bind_renamed();
        binder.spread();
        binder.bind_left();
        binder.spread();
        binder.bind_new(defaults.new_columns_masked);
        binder.spread();
        binder.lock_unmatched();
        binder.spread_locks();
        binder.finish()
    };
    let trusted = Trusted::new(&defaults.trusted_functions);
    let roots = binding.protected.keys().map(|id| id.relation).chain(binding.locked.keys().copied());
    let missing = missing::bound(&snapshot, &binding.protected);
    let keyed = keyed(&snapshot, &binding.protected);
    let paths = Paths::of(&snapshot);
    let sequences = filling(&snapshot, &paths, &binding.protected);
    let asked = Asked {
        keys: asked_keys(&snapshot, &binding.protected),
        again: asked_again(&snapshot, &binding.protected),
        sequences: sequences.keys().copied().collect(),
        traced: keyed.keys().copied().collect(),
    };
    let mut counted = closure::close(&snapshot, roots, asked, &trusted, missing.is_some());
    binding.protected.extend(missing);
    counted.types.extend(fields::types(&snapshot, &binding.protected));
    let relied_on = Relied::of(&paths, &counted, &trusted);
    let reached = reached(&snapshot, &paths, &binding.protected, &counted);
    let trusts_code = snapshot.functions.values().any(|function| trusted.includes(function));
    guard(snapshot, binding, counted, (keyed, sequences), (relied_on, reached), trusts_code, read_view)
}

/// Tables, and the protected columns whose foreign keys lead to their rows.
type Keyed = HashMap<Oid, Vec<Arc<ProtectedColumn>>>;

/// Sequences, and the protected columns that get their numbers.
type Filling = HashMap<Oid, Vec<Arc<ProtectedColumn>>>;

/// Columns and locks, before the closure.
struct Binding {
    protected: HashMap<ColumnId, Arc<ProtectedColumn>>,
    locked: HashMap<Oid, Arc<str>>,
    keyed_rules: Arc<[ColumnPattern]>,
    known: Known,
    findings: Vec<Finding>,
}

fn guard(
    snapshot: Arc<Snapshot>,
    binding: Binding,
    counted: Counted,
    (keyed, sequences): (Keyed, Filling),
    (relied_on, reached): (Relied, HashMap<Oid, Reached>),
    trusts_code: bool,
    read_view: ViewReader,
) -> Result<Bound, BuildError> {
    let Binding { protected, mut locked, keyed_rules, known, mut findings } = binding;
    let set_off = set_off(&snapshot, &protected, &keyed, &counted);
    let running_types = running::types(&snapshot, &counted);
    let mut view_flows = HashMap::new();
    let shown = counted.relations.difference(&counted.on_writing.relations).copied().collect();
    for view in views_in_order(&snapshot, &shown) {
        if locked.contains_key(&view.oid) {
            continue;
        }
        if let Some(reason) = reads_locked(&snapshot, view, &locked) {
            locked.insert(view.oid, reason);
            continue;
        }
        let facts = Facts {
            snapshot: &snapshot,
            protected: &protected,
            view_flows: &view_flows,
            counted_relations: &counted.relations,
            counted_on_writing: &counted.on_writing.relations,
            locked_relations: &locked,
            opaque_functions: &counted.functions,
            keyed: &keyed,
            set_off: &set_off,
            reached: &reached,
            sequences: &sequences,
            running_types: &running_types,
        };
        let flows = match &view.definition {
            Some(definition) => {
                read_view(facts, definition, view.columns.len()).map(|flows| by_attribute(view, flows))
            }
            None => Err(unread_view()),
        };
        match flows {
            Ok(flows) => drop(view_flows.insert(view.oid, flows)),
            Err(error) => {
                let reason = format!("its definition can't be followed: {}", error.message);
                findings.push(
                    Finding::new(
                        Severity::Warning,
                        &snapshot.database,
                        format!("view {} is locked, {reason}", view.qualified()),
                    )
                    .mend("rewrite the view, or trust the functions that it calls"),
                );
                locked.insert(view.oid, reason.into());
            }
        }
    }
    let mut names = names(&snapshot, &counted);
    if protected.keys().any(|id| id.relation.is_builtin()) {
        names.insert(missing::TABLE.to_owned());
    }
    if !sequences.is_empty() {
        names.insert(closure::SETS_SEQUENCE.to_owned());
    }
    let prefilter = Prefilter::new(names.iter().map(String::as_str))?;
    findings.sort_by(|a, b| (a.severity, &a.place, &a.message).cmp(&(b.severity, &b.place, &b.message)));
    let guard = Guard {
        version: VERSION.fetch_add(1, Ordering::Relaxed),
        policy: "".into(),
        protected,
        view_flows,
        names_on_writing: names_on_writing(&snapshot, &counted),
        counted_relations: counted.relations,
        counted_on_writing: counted.on_writing.relations,
        locked_relations: locked,
        keyed_rules,
        opaque_functions: counted.functions,
        keyed,
        set_off,
        reached,
        sequences,
        running_types,
        relied_on,
        trusts_code,
        setters: Setters::of(&snapshot)?,
        far_tables: foreign::far_tables(&snapshot),
        prefilter,
        snapshot,
    };
    Ok(Bound { guard, known, findings })
}

/// Which protected columns' foreign keys lead to a row: it keeps a trace of
/// each lock (`xmax`).
fn keyed(snapshot: &Snapshot, protected: &HashMap<ColumnId, Arc<ProtectedColumn>>) -> Keyed {
    let mut keyed = Keyed::new();
    for relation in snapshot.relations.values() {
        for constraint in &relation.constraints {
            let Some((target, _)) = &constraint.references else { continue };
            for attribute in &constraint.columns {
                let id = ColumnId { relation: relation.oid, attribute: *attribute };
                if let Some(column) = protected.get(&id) {
                    keyed.entry(*target).or_default().push(column.clone());
                }
            }
        }
    }
    keyed
}

/// Tables of which each update asks something of protected columns.
fn asked_again(snapshot: &Snapshot, protected: &HashMap<ColumnId, Arc<ProtectedColumn>>) -> Vec<Oid> {
    let asks = |relation: &&Relation| {
        let mut asked = relation.constraints.iter().flat_map(|constraint| &constraint.again);
        asked.any(|attribute| {
            protected.contains_key(&ColumnId { relation: relation.oid, attribute: *attribute })
        })
    };
    let mut tables: Vec<Oid> =
        snapshot.relations.values().filter(asks).map(|relation| relation.oid).collect();
    tables.sort_unstable();
    tables
}

/// The sequences that protected columns get numbers of, or own, or that a
/// trigger or default of their table takes numbers of.
fn filling(
    snapshot: &Snapshot,
    paths: &Paths<'_>,
    protected: &HashMap<ColumnId, Arc<ProtectedColumn>>,
) -> Filling {
    let mut filling = Filling::new();
    let mut taken: HashMap<Oid, Vec<Oid>> = HashMap::new();
    for (id, column) in protected {
        let relation = snapshot.relations.get(&id.relation);
        let known = relation.and_then(|relation| relation.attribute(id.attribute));
        let taken = taken
            .entry(id.relation)
            .or_insert_with(|| relation.map(|relation| paths.sequences_of(relation)).unwrap_or_default());
        for sequence in known.into_iter().flat_map(|known| &known.sequences).chain(&*taken) {
            filling.entry(*sequence).or_default().push(Arc::clone(column));
        }
    }
    for columns in filling.values_mut() {
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        columns.dedup_by(|a, b| a.name == b.name);
    }
    filling
}

/// Tables of which to lose a row tells more of the columns whose keys lead there
/// than their masks do.
fn asked_keys(snapshot: &Snapshot, protected: &HashMap<ColumnId, Arc<ProtectedColumn>>) -> Vec<Oid> {
    let of = |relation: Oid, attribute: i16| protected.get(&ColumnId { relation, attribute });
    let told = |held: &ProtectedColumn, key: Option<&Arc<ProtectedColumn>>| {
        held.discloses.include(Disclosure::Equality) && key.is_some_and(|key| key.is_masked_like(held))
    };
    let mut keys = BTreeSet::new();
    for relation in snapshot.relations.values() {
        for constraint in &relation.constraints {
            let Some((target, columns)) = &constraint.references else { continue };
            let mut pairs = constraint.columns.iter().zip(columns);
            let asks = |(held, key): (&i16, &i16)| {
                of(relation.oid, *held).is_some_and(|held| !told(held, of(*target, *key)))
            };
            if pairs.any(asks) {
                keys.insert(*target);
            }
        }
    }
    keys.into_iter().collect()
}

/// Which protected columns a write to these relations asks about.
fn set_off(
    snapshot: &Snapshot,
    protected: &HashMap<ColumnId, Arc<ProtectedColumn>>,
    keyed: &Keyed,
    counted: &Counted,
) -> HashMap<Oid, SetOff> {
    let asked_of = |tables: &BTreeSet<Oid>| {
        let mut reached: Vec<Oid> = tables.iter().copied().collect();
        let mut columns: Vec<Arc<ProtectedColumn>> = Vec::new();
        let mut next = 0;
        while let Some(oid) = reached.get(next).copied() {
            next += 1;
            columns.extend(keyed.get(&oid).into_iter().flatten().cloned());
            let Some(relation) = snapshot.relations.get(&oid) else { continue };
            let ids =
                relation.columns.iter().map(|column| ColumnId { relation: oid, attribute: column.attribute });
            columns.extend(ids.filter_map(|id| protected.get(&id)).cloned());
            let new = relation.definition_relations.iter().filter(|base| !reached.contains(base));
            reached.extend(new.copied().collect::<Vec<_>>());
        }
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        columns.dedup_by(|a, b| a.name == b.name);
        columns
    };
    let of = |(oid, found): (&Oid, &closure::SetsOff)| {
        (*oid, SetOff { columns: asked_of(&found.asks), by_insert: found.by_insert })
    };
    counted.sets_off.iter().map(of).collect()
}

/// What is reached from those relations whose names count. The others lead to
/// nothing protected.
fn reached(
    snapshot: &Snapshot,
    paths: &Paths<'_>,
    protected: &HashMap<ColumnId, Arc<ProtectedColumn>>,
    counted: &Counted,
) -> HashMap<Oid, Reached> {
    let mut by_relation: HashMap<Oid, Vec<Arc<ProtectedColumn>>> = HashMap::new();
    for (id, column) in protected {
        by_relation.entry(id.relation).or_default().push(Arc::clone(column));
    }
    let all: Arc<[Arc<ProtectedColumn>]> = protected.values().cloned().collect();
    // What a child has of its parent is the parent's to show.
    let is_own = |relation: &Relation, other: &Relation, column: &ProtectedColumn| {
        relation.column(&column.column).is_some()
            && (other.oid == relation.oid
                || snapshot.above(other).iter().any(|above| above.oid == relation.oid))
    };
    let columns = |relation: &Relation, reach: Reach| -> Arc<[Arc<ProtectedColumn>]> {
        let Some(others) = paths.from(relation, reach) else { return Arc::clone(&all) };
        let others = others.filter_map(|oid| Some((snapshot.relations.get(&oid)?, by_relation.get(&oid)?)));
        let beyond = others.flat_map(|(other, columns)| {
            columns.iter().filter(|column| !is_own(relation, other, column)).cloned()
        });
        beyond.collect()
    };
    let relations = counted.relations.iter().filter_map(|oid| snapshot.relations.get(oid));
    let found = relations.map(|relation| {
        let by_read = columns(relation, Reach::Read);
        (relation.oid, Reached { by_read, by_write: columns(relation, Reach::Write) })
    });
    found.filter(|(_, reached)| !reached.by_write.is_empty()).collect()
}

/// A view over what is locked needs no finding of its own.
fn reads_locked(snapshot: &Snapshot, view: &Relation, locked: &HashMap<Oid, Arc<str>>) -> Option<Arc<str>> {
    let base = view.definition_relations.iter().find(|base| locked.contains_key(base))?;
    let name = snapshot.relations.get(base).map(Relation::qualified).unwrap_or_default();
    Some(format!("it reads {name}, which is locked").into())
}

fn unread_view() -> ClientError {
    ClientError::new(crate::error::sqlstate::FEATURE_NOT_SUPPORTED, "DDL in progress holds what it reads")
}

/// Flows come in the order of the columns; a guard finds them by attribute.
fn by_attribute(view: &Relation, flows: Vec<Flow>) -> Vec<Flow> {
    let last = view.columns.last().and_then(|c| usize::try_from(c.attribute).ok()).unwrap_or_default();
    let mut placed = vec![Flow::Clean; last];
    for (column, flow) in view.columns.iter().zip(flows) {
        let place = usize::try_from(column.attribute).ok().and_then(|a| a.checked_sub(1));
        if let Some(slot) = place.and_then(|place| placed.get_mut(place)) {
            *slot = flow;
        }
    }
    placed
}

/// The counted views, each after those that it reads.
fn views_in_order<'a>(snapshot: &'a Snapshot, counted: &HashSet<Oid>) -> Vec<&'a Relation> {
    let is_view = |r: &&Relation| {
        matches!(r.kind, RelationKind::View | RelationKind::MaterializedView) && !r.oid.is_builtin()
    };
    let mut views: Vec<&Relation> =
        counted.iter().filter_map(|oid| snapshot.relations.get(oid)).filter(is_view).collect();
    views.sort_by_key(|view| view.oid);
    let mut ordered: Vec<&Relation> = Vec::with_capacity(views.len());
    let open: HashSet<Oid> = views.iter().map(|view| view.oid).collect();
    let mut done: HashSet<Oid> = HashSet::new();
    // A view can't read itself, so each round places some; else the rest
    // follows as it is and is refused by what it lacks.
    while ordered.len() < views.len() {
        let before = ordered.len();
        for view in &views {
            let ready =
                view.definition_relations.iter().all(|base| done.contains(base) || !open.contains(base));
            if ready && !done.contains(&view.oid) {
                done.insert(view.oid);
                ordered.push(view);
            }
        }
        if ordered.len() == before {
            ordered.extend(views.iter().filter(|view| !done.contains(&view.oid)));
            break;
        }
    }
    ordered
}

/// Every name that counts, as the catalog stores it.
fn names(snapshot: &Snapshot, counted: &Counted) -> BTreeSet<String> {
    let mut names = names_on_any_use(snapshot, counted);
    let relations = counted.on_writing.relations.iter().filter_map(|oid| snapshot.relations.get(oid));
    names.extend(relations.map(|relation| relation.name.to_string()));
    names
}

/// Those that count whatever is done with what they name.
fn names_on_any_use(snapshot: &Snapshot, counted: &Counted) -> BTreeSet<String> {
    let relations = counted.relations.difference(&counted.on_writing.relations);
    let relations = relations.filter_map(|oid| snapshot.relations.get(oid)).map(|r| &r.name);
    let functions = counted
        .functions
        .iter()
        .filter_map(|oid| snapshot.functions.get(oid))
        .filter(|f| functions::is_callable(f))
        .map(|f| &f.name);
    let types = counted.types.iter().filter_map(|oid| snapshot.types.get(oid)).map(|t| &t.name);
    let mut names: BTreeSet<String> =
        relations.chain(functions).chain(types).map(ToString::to_string).collect();
    names.extend(counted.words.iter().cloned());
    names
}

/// Names of relations that count on writing only, where nothing else that counts has
/// one in any case: texts are searched without regard to it.
fn names_on_writing(snapshot: &Snapshot, counted: &Counted) -> HashSet<String> {
    let others: HashSet<String> =
        names_on_any_use(snapshot, counted).iter().map(|name| name.to_ascii_lowercase()).collect();
    let relations = counted.on_writing.relations.iter().filter_map(|oid| snapshot.relations.get(oid));
    let names = relations.map(|relation| relation.name.to_ascii_lowercase());
    names.filter(|name| !others.contains(name)).collect()
}

/// Why a column is protected, with what it takes.
#[derive(Clone)]
struct Reason {
    method: MethodSpec,
    domain: Arc<str>,
    tags: Vec<Arc<str>>,
    discloses: Disclosure,
    writable: bool,
    because: Arc<str>,
    place: Arc<str>,
    /// The column that a rule names, whose values these are.
    follows: Option<Names>,
    /// Not its values as they are, but what is computed from them.
    computed: bool,
    /// The place of the rule that names the column itself.
    named_by: Option<Arc<str>>,
    /// If it is masked inside its documents.
    paths: Vec<PathReason>,
}

/// Schema, table, column.
type Names = [Arc<str>; 3];

struct Binder<'a> {
    snapshot: &'a Snapshot,
    /// Of all databases.
    all_rules: &'a [ProtectRule],
    rules: Rules<'a>,
    remembered: &'a Known,
    remembered_tables: RememberedTables<'a>,
    /// In a fixed order, so that a rerun binds alike.
    columns: BTreeMap<ColumnId, Reason>,
    /// Columns that a rule declares public.
    shown: HashSet<ColumnId>,
    /// Patterns that mean some column, by place.
    matched: HashSet<usize>,
    renamed: HashSet<ColumnId>,
    fresh: HashSet<ColumnId>,
    locked: HashMap<Oid, Arc<str>>,
    domains: HashMap<Arc<str>, (&'static str, String)>,
    children: HashMap<Oid, Vec<Oid>>,
    findings: Vec<Finding>,
}

impl<'a> Binder<'a> {
    fn new(snapshot: &'a Snapshot, rules: &'a [ProtectRule], remembered: &'a Known) -> Self {
        let mut children: HashMap<Oid, Vec<Oid>> = HashMap::new();
        for relation in snapshot.relations.values() {
            for parent in &relation.parents {
                children.entry(*parent).or_default().push(relation.oid);
            }
        }
        Self {
            snapshot,
            all_rules: rules,
            rules: Rules::for_database(rules, &snapshot.database),
            remembered,
            remembered_tables: RememberedTables::of(remembered),
            columns: BTreeMap::new(),
            shown: HashSet::new(),
            matched: HashSet::new(),
            renamed: HashSet::new(),
            fresh: HashSet::new(),
            locked: HashMap::new(),
            domains: HashMap::new(),
            children,
            findings: Vec::new(),
        }
    }

    fn finding(&self, severity: Severity, message: impl Into<String>) -> Finding {
        Finding::new(severity, &self.snapshot.database, message)
    }

    /// Relations in a fixed order.
    fn relations(&self) -> Vec<&'a Relation> {
        let mut relations: Vec<&Relation> = self.snapshot.relations.values().collect();
        relations.sort_by_key(|r| r.oid);
        relations
    }

    /// Columns whose present names a rule means.
    fn bind_named(&mut self) {
        for relation in self.relations() {
            for column in &relation.columns {
                let matching = self.rules.matching(&relation.schema, &relation.name, &column.name);
                let Some(pattern) = strongest(&matching) else { continue };
                if can_be_bound(relation) {
                    self.matched.extend(matching.iter().map(|p| p.index));
                    self.note_rivals(relation, column, &matching, pattern);
                    let names = [&relation.schema, &relation.name, &column.name].map(Arc::clone);
                    self.bind_rule(relation, column, pattern, &matching, names);
                } else if pattern.columns.table != ANY && is_view(relation) {
                    self.matched.insert(pattern.index);
                    self.lock_view(relation, pattern);
                }
            }
        }
    }

    fn note_rivals(
        &mut self,
        relation: &Relation,
        column: &Column,
        all: &[Pattern<'_>],
        chosen: Pattern<'_>,
    ) {
        let rival = all.iter().find(|p| {
            p.index != chosen.index
                && p.columns.wildcards() == chosen.columns.wildcards()
                && match (&p.rule.path, &chosen.rule.path) {
                    (None, None) => p.rule.method != chosen.rule.method,
                    (Some(a), Some(b)) if a == b => p.rule.method != chosen.rule.method,
                    (Some(a), Some(b)) => a.overlaps(b),
                    (None, Some(_)) | (Some(_), None) => true,
                }
        });
        if let Some(rival) = rival {
            let name = column_name(relation, &column.name);
            let message = format!("{name} is already protected otherwise at {}", chosen.rule.place);
            self.findings
                .push(self.finding(Severity::Error, message).at(&rival.rule.place).mend("remove one"));
        }
    }

    /// `origin`: the name that the rule means, also after a rename.
    fn bind_rule(
        &mut self,
        relation: &Relation,
        column: &Column,
        pattern: Pattern<'a>,
        matching: &[Pattern<'a>],
        origin: Names,
    ) {
        let id = ColumnId { relation: relation.oid, attribute: column.attribute };
        let rule = pattern.rule;
        if rule.method == MethodSpec::Show && rule.path.is_none() {
            self.shown.insert(id);
            return;
        }
        if let Some(reason) = self.document_reason(pattern, column, matching, &origin) {
            let reason = self.fitted(relation, column, reason, Severity::Error);
            self.columns.insert(id, reason);
            return;
        }
        let domain = rule.domain.as_deref().map_or_else(|| origin.join(".").into(), Arc::from);
        let reason = Reason {
            method: rule.method.clone(),
            domain,
            tags: rule.tags.iter().map(|tag| tag.as_str().into()).collect(),
            discloses: discloses(rule),
            writable: rule.allow.contains(&Allow::Write),
            because: rule.place.as_str().into(),
            place: rule.place.as_str().into(),
            follows: Some(origin),
            computed: false,
            named_by: Some(rule.place.as_str().into()),
            paths: Vec::new(),
        };
        let reason = self.fitted(relation, column, reason, Severity::Error);
        self.columns.insert(id, reason);
    }

    /// The reason with a method that fits the column's type and domain; one
    /// that doesn't becomes `redact` or, without a codec, `null`.
    fn fitted(&mut self, relation: &Relation, column: &Column, reason: Reason, severity: Severity) -> Reason {
        let value = ValueType::resolve(self.snapshot, column.type_oid, column.type_modifier);
        let misfit = match mask::fits(&reason.method, &value) {
            Err(misfit) => Some(misfit.to_string()),
            Ok(()) => self.domain_conflict(&reason, &value),
        };
        let Some(misfit) = misfit else { return reason };
        let name = column_name(relation, &column.name);
        let expected = severity != Severity::Error && reason.method.method() == Method::Redact;
        if !expected {
            let message = match reason.because == reason.place {
                true => format!("{name}: {misfit}"),
                false => format!("{name} ({}): {misfit}", reason.because),
            };
            self.findings.push(self.finding(severity, message).at(reason.place.to_string()));
        }
        let redact = MethodSpec::of(Method::Redact);
        let method = if mask::fits(&redact, &value).is_ok() { redact } else { MethodSpec::Null };
        Reason {
            method,
            domain: name.into(),
            discloses: Disclosure::Nullness,
            writable: false,
            paths: Vec::new(),
            ..reason
        }
    }

    /// A domain has one method and one family of types, else equal values
    /// would get different tokens.
    fn domain_conflict(&mut self, reason: &Reason, value: &ValueType) -> Option<String> {
        if !reason.paths.is_empty() {
            return self.path_conflict(reason, value);
        }
        if !reason.method.method().takes_domain() {
            return None;
        }
        self.conflict_in(&reason.domain, (reason.method.name(), type_family(value)))
    }

    fn conflict_in(&mut self, domain: &Arc<str>, now: (&'static str, String)) -> Option<String> {
        let first = self.domains.entry(Arc::clone(domain)).or_insert_with(|| now.clone());
        (*first != now).then(|| {
            format!(
                "domain \"{domain}\" is used with method \"{}\" for type {} already, so it can't be \"{}\" for type {}: \
                 give this column another domain",
                first.0, first.1, now.0, now.1
            )
        })
    }

    fn lock_view(&mut self, view: &Relation, pattern: Pattern<'_>) {
        let message = format!("{} is a view, and a rule binds to columns of tables", view.qualified());
        self.findings.push(
            self.finding(Severity::Error, &message)
                .at(&pattern.rule.place)
                .mend("name the columns of the tables that it reads; the view's own follow from these"),
        );
        self.locked.entry(view.oid).or_insert_with(|| message.into());
    }

    /// Columns that were bound under another name: a rename behind bauta's
    /// back must not lay them open.
    fn bind_renamed(&mut self) {
        let mut remembered: Vec<(&ColumnId, &KnownColumn)> =
            self.remembered.iter().filter(|(_, known)| known.standing == Standing::Bound).collect();
        remembered.sort_by_key(|(id, _)| **id);
        for (id, known) in remembered {
            let Some(relation) = self.snapshot.relations.get(&id.relation) else { continue };
            let Some(column) = relation.attribute(id.attribute) else { continue };
            let matching = self.rules.matching(&known.schema, &known.table, &known.column);
            let Some(pattern) = strongest(&matching) else { continue };
            let origin = format!("{}.{}.{}", known.schema, known.table, known.column);
            let name = column_name(relation, &column.name);
            if origin == name || self.columns.contains_key(id) || self.shown.contains(id) {
                continue;
            }
            self.bind_rule(relation, column, pattern, &matching, known.names());
            if self.columns.contains_key(id) {
                self.renamed.insert(*id);
                self.findings.push(
                    self.finding(
                        Severity::Error,
                        format!("{origin} is called {name} now, and stays protected"),
                    )
                    .at(&pattern.rule.place)
                    .mend(format!("write \"{name}\" in the rule")),
                );
            }
        }
    }

    fn column(&self, id: ColumnId) -> Option<(&'a Relation, &'a Column)> {
        let relation = self.snapshot.relations.get(&id.relation)?;
        Some((relation, relation.attribute(id.attribute)?))
    }

    fn named(&self, relation: Oid, column: &str) -> Option<(&'a Relation, ColumnId)> {
        let relation = self.snapshot.relations.get(&relation)?;
        let column = relation.column(column)?;
        Some((relation, ColumnId { relation: relation.oid, attribute: column.attribute }))
    }

    fn finish(self) -> Binding {
        let mut protected = HashMap::with_capacity(self.columns.len());
        for (id, reason) in &self.columns {
            if let Some((relation, column)) = self.column(*id) {
                protected.insert(*id, Arc::new(protected_column(relation, column, reason, [].into())));
            }
        }
        for (id, below) in self.below(&protected) {
            if let (Some(reason), Some((relation, column))) = (self.columns.get(&id), self.column(id)) {
                protected.insert(id, Arc::new(protected_column(relation, column, reason, below.into())));
            }
        }
        let known = self.known_now();
        let keyed_rules = self.rules.keyed();
        Binding { protected, locked: self.locked, keyed_rules, known, findings: self.findings }
    }
}

fn pattern_names(pattern: Pattern<'_>, relation: &Relation) -> bool {
    (can_be_bound(relation) || is_view(relation))
        && pattern.columns.matches_table(&relation.schema, &relation.name)
}

fn can_be_bound(relation: &Relation) -> bool {
    matches!(relation.kind, RelationKind::Table | RelationKind::PartitionedTable | RelationKind::ForeignTable)
        && !relation.is_temporary()
}

fn is_view(relation: &Relation) -> bool {
    matches!(relation.kind, RelationKind::View | RelationKind::MaterializedView)
}

fn column_name(relation: &Relation, column: &str) -> String {
    format!("{}.{}.{column}", relation.schema, relation.name)
}

/// What the method and the rule's `allow` disclose together.
fn discloses(rule: &ProtectRule) -> Disclosure {
    let allowed = rule.allow.iter().filter_map(|allow| match allow {
        Allow::Equality => Some(Disclosure::Equality),
        Allow::Order => Some(Disclosure::Order),
        Allow::Search => Some(Disclosure::Search),
        Allow::Write => None,
    });
    allowed.chain([rule.method.discloses()]).max().unwrap_or(Disclosure::Nullness)
}

/// Types whose equal values get equal tokens.
fn type_family(value: &ValueType) -> String {
    match &*value.name {
        "text" | "varchar" | "bpchar" | "name" | "citext" => "text".to_owned(),
        other => other.to_owned(),
    }
}

fn protected_column(
    relation: &Relation,
    column: &Column,
    reason: &Reason,
    below: Arc<[Arc<ProtectedColumn>]>,
) -> ProtectedColumn {
    let column = ProtectedColumn {
        name: column_name(relation, &column.name).into(),
        schema: Arc::clone(&relation.schema),
        table: Arc::clone(&relation.name),
        column: Arc::clone(&column.name),
        discloses: Disclosures(reason.discloses),
        method: reason.method.clone(),
        domain: Arc::clone(&reason.domain),
        tags: reason.tags.clone(),
        writable: reason.writable,
        because: Arc::clone(&reason.because),
        path: None,
        paths: [].into(),
        below,
    };
    let paths = reason.protected_paths(&column);
    ProtectedColumn { paths, ..column }
}
