//! What a primary key determines. Where a table's key is grouped by, its other
//! columns tell no rows apart, but PostgreSQL may sort and hash by them all the same:
//! its planner drops them (`remove_useless_groupby_columns`) not where it thinks that
//! the table has children, and may drop the key itself where another index is unique.
//! So an item of GROUP BY that the key determines is replaced by one of the key: what
//! the key determines may be put out without being grouped by
//! (`check_functional_grouping` in `pg_constraint.c`).
//!
//! SELECT DISTINCT can be told so too: `DISTINCT ON` all outputs but those that a key
//! among them determines gives the same rows, and looks at nothing else. Under
//! DISTINCT, ORDER BY names outputs alone; DISTINCT ON must have them in its list,
//! in any order (`transformDistinctOnClause` in `parse_clause.c`). So an output is
//! left out only where it is cut out of ORDER BY too.
//!
//! What stands behind a subquery, a CTE or a view, and what a join holds equal to a
//! key, is known too ([`handed`](super::handed)). The server does not know it: there,
//! what GROUP BY leaves out is put out as `any_value(c)`, which PostgreSQL has from 16 on.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{FuncCall, Node, SelectStmt};

use super::handed::Origin;
use super::names::{PG_CATALOG, inner, strings};
use super::query::Target;
use super::scope::{Field, Scope};
use super::value::{self, Value, all_columns};
use super::{Analysed, Lineage, Walk};
use crate::catalog::Oid;
use crate::catalog::snapshot::RelationKind;
use crate::policy::Disclosure;
use crate::sql::analysis::{Flow, Otherwise, Use, UseKind};
use crate::sql::splice::Edit;

/// Gives a value of a group without looking at it: see [`any_of_group`](Walk::any_of_group).
const ANY_VALUE: &str = "any_value";

/// Bytes of an ordinal in a list: `, 1664`.
const ORDINAL_BYTES: usize = 6;

/// An item of GROUP BY.
pub(super) struct Grouped {
    pub value: Value,
    /// Of what it stands for.
    pub span: Range<usize>,
    /// Its own, where it is a name or a number.
    pub spelled: Option<Range<usize>>,
}

/// Items of GROUP BY that a key determines without the server's knowledge, and a
/// spelling of one that stays.
#[derive(Default)]
pub(super) struct Dependents {
    items: Vec<Grouped>,
    key: Option<Range<usize>>,
}

/// Outputs of one SELECT DISTINCT that a key among them determines; or an item of
/// GROUP BY, in its own place.
#[derive(Debug, Clone, Default)]
pub(super) struct Determined {
    /// Their places, from 0.
    places: BTreeSet<usize>,
    /// Those that hold something protected: what may be left out.
    protected: BTreeSet<usize>,
    /// How many outputs there are.
    all: usize,
    /// `SELECT DISTINCT` in the text.
    words: Range<usize>,
    /// `DISTINCT` alone.
    word: Range<usize>,
    /// There is an ORDER BY.
    sorts: bool,
}

/// By where DISTINCT, or the item, ends in the text.
pub(super) type Distincts = BTreeMap<usize, Determined>;

impl Determined {
    pub fn may_leave_out(&self, place: usize) -> bool {
        self.protected.contains(&place)
    }

    /// At `span`, a DISTINCT that compares all but these.
    fn without(&self, left_out: &BTreeSet<usize>, span: &Range<usize>, word: &str) -> Edit {
        distinct_on((0..self.all).filter(|place| !left_out.contains(place)), span, word)
    }
}

impl<'a> Walk<'a> {
    /// GROUP BY without grouping sets: what a key among the items determines
    /// is left out. What is left parts the rows.
    pub(super) fn same_groups(&mut self, items: Vec<Grouped>) -> (Vec<Flow>, Dependents) {
        let mut parting = Vec::with_capacity(items.len());
        let own = self.own_keys(items.iter().map(|item| &item.value));
        let of_key = |item: &&Grouped| {
            item.value
                .origin
                .is_some_and(|origin| own.contains_key(&origin.reference) && !is_determined(&own, origin))
        };
        let shortest = |spelled: &mut dyn Iterator<Item = Range<usize>>| spelled.min_by_key(Range::len);
        let key = shortest(&mut items.iter().filter(of_key).filter_map(|item| item.spelled.clone()));
        let clean = items.iter().filter(|item| item.value.is_clean());
        let mut dependents = Dependents {
            key: shortest(&mut clean.filter_map(|item| item.spelled.clone())),
            items: Vec::new(),
        };
        let may_depend = !self.view && self.meanings.are_certain() && dependents.key.is_some();
        let all = match may_depend && items.iter().any(|item| !item.value.is_clean()) {
            true => self.all_keys(items.iter().map(|item| &item.value)),
            false => HashMap::new(),
        };
        for item in items {
            let is_own = item.value.origin.is_some_and(|origin| is_determined(&own, origin));
            if is_own && self.spare_item(&item, key.as_ref()) {
                continue;
            }
            let settled = item.value.origin.filter(|_| !item.value.is_clean());
            let settled = settled.and_then(|origin| self.settled(origin));
            if settled.is_some_and(|origin| is_determined(&all, origin)) {
                dependents.items.push(item);
                continue;
            }
            self.same_values(&item.value, UseKind::Grouping, item.span.clone());
            parting.push(self.parting(&item.value));
        }
        (parting, dependents)
    }

    /// Items of GROUP BY that a key determines as far as bauta knows, and the server
    /// does not (`check_functional_grouping` knows tables alone): what they put out is
    /// taken of any row of the group. `reads`: where columns are read since WHERE, and
    /// `targets` what is put out.
    pub(super) fn settle_groups(
        &mut self,
        dependents: Dependents,
        select: &SelectStmt,
        targets: &mut [Target],
        reads: usize,
    ) {
        let all: Vec<(Option<Origin>, Option<Range<usize>>)> =
            dependents.items.iter().map(|item| (item.value.origin, item.spelled.clone())).collect();
        for item in dependents.items {
            let spelled = all.iter().filter(|(origin, _)| *origin == item.value.origin);
            let own: Vec<Range<usize>> = spelled.filter_map(|(_, spelled)| spelled.clone()).collect();
            let key = dependents.key.as_ref();
            match key.and_then(|key| self.taken_of_any(&item, key, &own, select, targets, reads)) {
                Some(edits) => {
                    // The server names no column for what an aggregate gives.
                    let of_it = targets.iter_mut().filter(|target| target.value.origin == item.value.origin);
                    of_it.for_each(|target| target.value.origin = item.value.origin.map(Origin::handed));
                    let needs = self.needs_to_compare(&item.value);
                    self.leave_uncompared(&[&item.value], UseKind::Grouping, needs, edits);
                }
                None => self.same_values(&item.value, UseKind::Grouping, item.span.clone()),
            }
        }
    }

    /// Edits by which the item is not grouped by: where it is put out, any value of the
    /// group stands, which compares none of them. None where it is read elsewhere too.
    fn taken_of_any(
        &mut self,
        item: &Grouped,
        key: &Range<usize>,
        own: &[Range<usize>],
        select: &SelectStmt,
        targets: &[Target],
        reads: usize,
    ) -> Option<Vec<Edit>> {
        let origin = item.value.origin.filter(|origin| self.handed.is_here(*origin))?;
        if !self.has_any_value() {
            return None;
        }
        let mut edits = vec![Edit::new(item.spelled.clone()?, self.places.text(key))];
        let mut covered = own.to_vec();
        for node in &select.target_list {
            let Some(NodeEnum::ResTarget(output)) = node.node.as_ref() else { return None };
            let Some(NodeEnum::ColumnRef(column)) = inner(output.val.as_deref()) else { continue };
            let start = self.places.token(output.location).start;
            let target = targets.iter().find(|target| target.span.start == start);
            if target.is_none_or(|target| target.value.origin != Some(origin)) {
                continue;
            }
            let span = self.places.name(column.location, column.fields.len()).ok()?;
            let text = self.places.text(&span);
            let name = match output.name.is_empty() {
                true => format!(" AS {}", self.places.last_name(&span)?),
                false => String::new(),
            };
            edits.push(Edit::new(span.clone(), format!("{PG_CATALOG}.{ANY_VALUE}({text}){name}")));
            covered.push(span);
        }
        let is_covered = |span: &Range<usize>| covered.contains(span);
        let read = self.column_reads.get(reads..)?;
        let is_left = read.iter().any(|(of, span)| *of == origin && !is_covered(span));
        let outputs = targets.iter().filter(|target| target.value.origin == Some(origin)).count();
        let bytes = edits.iter().map(|edit| edit.text.len()).sum();
        if is_left || outputs + 1 != edits.len() {
            return None;
        }
        self.built_bytes = self.built_bytes.checked_sub(bytes)?;
        Some(edits)
    }

    /// The use of an item that a key determines: unless it may be compared, an item of
    /// the key takes its place. False: that can't be.
    fn spare_item(&mut self, item: &Grouped, key: Option<&Range<usize>>) -> bool {
        let value = &item.value;
        if self.view || (value.is_clean() && self.meanings.are_certain()) {
            return true;
        }
        let Some((place, key)) = item.spelled.as_ref().zip(key) else { return value.is_clean() };
        let Some(left) = self.built_bytes.checked_sub(key.len()) else { return value.is_clean() };
        self.built_bytes = left;
        if !self.meanings.are_certain() {
            let places = BTreeSet::from([0]);
            let protected = if value.is_clean() { BTreeSet::new() } else { places.clone() };
            let words = place.clone();
            let whole = Determined { places, protected, all: 1, words, word: place.clone(), sorts: false };
            self.distincts.insert(place.end, whole);
        }
        if !value.is_clean() {
            let edit = Edit::new(place.clone(), self.places.text(key).to_owned());
            self.leave_uncompared(&[value], UseKind::Grouping, self.needs_to_compare(value), vec![edit]);
        }
        true
    }

    /// It keeps one value of a group. What keeps all of them, as arrays do, would tell by
    /// their length when it fails.
    fn has_any_value(&self) -> bool {
        self.candidates_of(&[PG_CATALOG, ANY_VALUE]).any(|function| function.oid.is_builtin())
    }

    /// `pg_catalog.any_value(c)`, as an output: the value of one row of the group,
    /// masked as in that row. Which row it is hangs on their order, as what an ORDER BY
    /// in FROM may say, and on no value of the column.
    pub(super) fn any_of_group(&mut self, node: &'a Node, scope: &Scope<'_, 'a>) -> Analysed<Option<Value>> {
        let Some((call, argument)) = any_value(node).filter(|_| !self.view) else { return Ok(None) };
        let Some(NodeEnum::ColumnRef(column)) = inner(Some(argument)) else { return Ok(None) };
        let fits =
            |field: Field| field.flow != Flow::Clean && !field.is_uncertain() && field.type_oid.is_some();
        if !self.field_at(column, scope).is_some_and(fits) {
            return Ok(None);
        }
        self.at(call.location);
        self.account(call.location, &[PG_CATALOG, ANY_VALUE]);
        self.aggregates += 1;
        let value = self.expression(argument, scope, self.show)?;
        self.handles(&value);
        Ok(Some(Value { origin: None, ..value }))
    }

    /// What SELECT DISTINCT need not compare. Nothing where its outputs may have
    /// other places by then, or where grouping sets may leave a key NULL.
    pub(super) fn determined_outputs(&mut self, select: &SelectStmt, targets: &[Target]) -> Determined {
        let is_set = |node: &Node| matches!(node.node, Some(NodeEnum::GroupingSet(_)));
        let is_protected = |target: &Target| !target.value.is_clean();
        // What is not protected in this reading may be in another.
        let is_asked = !self.meanings.are_certain() || targets.iter().any(is_protected);
        let is_uncertain =
            (self.others_move && targets.iter().any(Target::moves)) || select.group_clause.iter().any(is_set);
        let first = select.target_list.first().and_then(|node| node.node.as_ref());
        let found = match first {
            Some(NodeEnum::ResTarget(first)) => self.places.distinct(first.location),
            _ => None,
        };
        let Some((words, word)) = found.filter(|_| is_asked && !is_uncertain && !self.view) else {
            return Determined::default();
        };
        let keys = self.all_keys(targets.iter().map(|target| &target.value));
        let mut places = BTreeSet::new();
        for (place, target) in targets.iter().enumerate() {
            let settled = target.value.origin.and_then(|origin| self.settled(origin));
            if settled.is_some_and(|origin| is_determined(&keys, origin)) {
                places.insert(place);
            }
        }
        let protects = |place: &usize| targets.get(*place).is_some_and(is_protected);
        let protected: BTreeSet<usize> = places.iter().copied().filter(protects).collect();
        let all = targets.len();
        // A list of them may be spliced twice.
        let bytes = if protected.is_empty() { 0 } else { all.saturating_mul(2 * ORDINAL_BYTES) };
        let Some(left) = self.built_bytes.checked_sub(bytes) else { return Determined::default() };
        self.built_bytes = left;
        let sorts = !select.sort_clause.is_empty();
        let determined = Determined { places, protected, all, words, word, sorts };
        if !self.meanings.are_certain() {
            self.distincts.insert(determined.word.end, determined.clone());
        }
        determined
    }

    /// The use of what DISTINCT need not compare: unless it may compare all of it, it
    /// leaves all of it out. What it is sorted by, of the columns `ordered`, is
    /// ORDER BY's use: the edit to make where that is cut. It encloses the other one,
    /// which then gives way.
    pub(super) fn spare(
        &mut self,
        determined: &Determined,
        targets: &[Target],
        ordered: &HashSet<Origin>,
    ) -> Option<Edit> {
        let is_ordered = |place: &usize| {
            let origin = targets.get(*place).and_then(|target| target.value.origin);
            origin.is_some_and(|origin| ordered.contains(&origin))
        };
        let (in_order, others): (BTreeSet<usize>, BTreeSet<usize>) =
            determined.protected.iter().partition(|place| is_ordered(place));
        let values: Vec<&Value> =
            others.iter().filter_map(|place| targets.get(*place)).map(|target| &target.value).collect();
        if let Some(needs) = values.iter().map(|value| self.needs_to_compare(value)).max() {
            let edit = determined.without(&others, &determined.word, "DISTINCT");
            self.leave_uncompared(&values, UseKind::Distinct, needs, vec![edit]);
        }
        let all = || determined.without(&determined.protected, &determined.words, "SELECT DISTINCT");
        (!in_order.is_empty()).then(all)
    }

    /// The use of values that a key determines: unless they may be compared, these
    /// edits leave them out.
    fn leave_uncompared(&mut self, values: &[&Value], kind: UseKind, needs: Disclosure, edits: Vec<Edit>) {
        let span = edits.first().map_or(self.here..self.here, Edit::span);
        self.add_use(Use {
            columns: all_columns(values.iter().map(|value| &value.flow)),
            kind,
            needs,
            export: false,
            only_grant: values.iter().any(|value| !value::is_plain(&value.flow)),
            position: self.places.position(span.start),
            span,
            otherwise: Otherwise::LeaveOut(edits),
            given: None,
            domain: None,
            detail: None,
        });
    }

    /// The table references of the FROM at hand whose whole primary key is among the
    /// values, and that key: what the server knows too.
    fn own_keys<'v>(&self, values: impl Iterator<Item = &'v Value>) -> HashMap<u32, Cow<'a, [i16]>> {
        self.whole_keys(origins(values).filter(|origin| origin.own))
    }

    /// Those that stand anywhere behind the values, by what is equal to the key too.
    fn all_keys<'v>(&mut self, values: impl Iterator<Item = &'v Value>) -> HashMap<u32, Cow<'a, [i16]>> {
        let known = self.determined_by(origins(values));
        self.whole_keys(known.into_iter())
    }

    fn whole_keys(&self, origins: impl Iterator<Item = Origin>) -> HashMap<u32, Cow<'a, [i16]>> {
        let mut present: HashMap<u32, (Oid, HashSet<i16>)> = HashMap::new();
        for origin in origins {
            let entry = present.entry(origin.reference).or_insert((origin.relation, HashSet::new()));
            entry.1.insert(origin.attribute);
        }
        let whole = present.into_iter().filter_map(|(reference, (relation, attributes))| {
            let key = self.key_of(reference, relation)?;
            key.iter().all(|column| attributes.contains(column)).then_some((reference, key))
        });
        whole.collect()
    }

    /// The key of what the reference means. Of several relations, one that is each one's.
    pub(super) fn key_of(&self, reference: u32, relation: Oid) -> Option<Cow<'a, [i16]>> {
        match self.meanings.several(reference) {
            None => self.primary_key(relation).map(Cow::Borrowed),
            Some(several) => {
                let mut keys = several.relations.iter().map(|oid| self.key_names(*oid));
                let first = keys.next()??;
                keys.all(|key| key.as_ref() == Some(&first)).then_some(())?;
                let places = first.iter().map(|name| several.attribute(name));
                places.collect::<Option<Vec<i16>>>().map(Cow::Owned)
            }
        }
    }

    /// The names of the columns of a table's key, in order of the alphabet.
    pub(super) fn key_names(&self, relation: Oid) -> Option<Vec<&'a str>> {
        let table = self.facts.snapshot.relations.get(&relation)?;
        let key = self.primary_key(relation)?;
        let columns = table.columns.iter().filter(|column| key.contains(&column.attribute));
        let mut names: Vec<&str> = columns.map(|column| &*column.name).collect();
        names.sort_unstable();
        Some(names)
    }

    /// The key that no two rows of the table share at any moment. Children by
    /// inheritance have keys of their own, so their parent has none.
    pub(super) fn primary_key(&self, relation: Oid) -> Option<&'a [i16]> {
        let snapshot = self.facts.snapshot;
        let table = snapshot.relations.get(&relation)?;
        let key = table.constraints.iter().find(|constraint| constraint.is_primary)?;
        let alone = match table.kind {
            RelationKind::PartitionedTable => true,
            RelationKind::Table => {
                !snapshot.relations.values().any(|other| other.parents.contains(&relation))
            }
            RelationKind::View
            | RelationKind::MaterializedView
            | RelationKind::ForeignTable
            | RelationKind::Sequence
            | RelationKind::Other => false,
        };
        (alone && !key.columns.is_empty()).then_some(key.columns.as_slice())
    }
}

/// The call and the argument of `pg_catalog.any_value(argument)`.
fn any_value(node: &Node) -> Option<(&FuncCall, &Node)> {
    let Some(NodeEnum::FuncCall(call)) = inner(Some(node)) else { return None };
    let is_bare = call.agg_order.is_empty()
        && call.agg_filter.is_none()
        && call.over.is_none()
        && !(call.agg_within_group || call.agg_star || call.agg_distinct || call.func_variadic);
    let is_it = strings(&call.funcname).is_some_and(|names| names == [PG_CATALOG, ANY_VALUE]);
    let [argument] = call.args.as_slice() else { return None };
    (is_bare && is_it).then_some((&**call, argument))
}

/// An explicit or nondeterministic collation holds different keys equal.
fn origins<'v>(values: impl Iterator<Item = &'v Value>) -> impl Iterator<Item = Origin> {
    values.filter(|value| !value.collated).filter_map(|value| value.origin)
}

/// Is it a column of one of these that is none of its key?
fn is_determined(keys: &HashMap<u32, Cow<'_, [i16]>>, origin: Origin) -> bool {
    keys.get(&origin.reference).is_some_and(|key| !key.contains(&origin.attribute))
}

/// Where a statement has several readings, what is spliced is the same for all: a
/// key must determine in each what DISTINCT leaves out for one.
pub(super) fn left_out_in_all(readings: &mut [&mut Lineage]) {
    let words: BTreeSet<usize> =
        readings.iter().flat_map(|reading| reading.distincts.keys().copied()).collect();
    for word in words {
        let of_reading = |reading: &&mut Lineage| reading.distincts.get(&word).cloned();
        let determined = readings.iter().map(of_reading).collect::<Option<Vec<Determined>>>();
        let fits = determined.as_deref().map_or(Fits::Nowhere, common);
        let edits = |use_: &&mut Use| use_.otherwise.edits().iter().any(|edit| edit.end == word);
        for use_ in readings.iter_mut().flat_map(|reading| &mut reading.uses).filter(edits) {
            match &fits {
                Fits::AsItIs => {}
                Fits::With(edit) => use_.otherwise = Otherwise::LeaveOut(vec![edit.clone()]),
                Fits::Nowhere => use_.otherwise = Otherwise::Refuse,
            }
        }
    }
}

/// What may be spliced for all readings of one DISTINCT.
enum Fits {
    /// What each has.
    AsItIs,
    With(Edit),
    Nowhere,
}

/// Where the readings have other numbers of outputs, those are compared that no key
/// determines in some of them: all of them must have these, and none of what is left
/// out may be sorted by.
fn common(readings: &[Determined]) -> Fits {
    let protected: BTreeSet<usize> =
        readings.iter().flat_map(|reading| reading.protected.iter().copied()).collect();
    let counts = || readings.iter().map(|reading| reading.all);
    if counts().min() == counts().max() {
        let fits = readings.iter().all(|reading| protected.is_subset(&reading.places));
        return if fits { Fits::AsItIs } else { Fits::Nowhere };
    }
    let (Some(first), Some(least)) = (readings.first(), counts().min()) else { return Fits::Nowhere };
    let undetermined = |reading: &Determined| {
        (0..reading.all).filter(|place| !reading.places.contains(place)).collect::<Vec<usize>>()
    };
    let compared: BTreeSet<usize> = readings.iter().flat_map(undetermined).collect();
    let is_there = compared.iter().all(|place| *place < least) && !compared.is_empty();
    match is_there && compared.is_disjoint(&protected) && !readings.iter().any(|reading| reading.sorts) {
        true => Fits::With(distinct_on(compared.into_iter(), &first.word, "DISTINCT")),
        false => Fits::Nowhere,
    }
}

/// At `span`, a DISTINCT that compares these.
fn distinct_on(compared: impl Iterator<Item = usize>, span: &Range<usize>, word: &str) -> Edit {
    let ordinals: Vec<String> = compared.map(|place| (place + 1).to_string()).collect();
    Edit::new(span.clone(), format!("{word} ON ({})", ordinals.join(", ")))
}
