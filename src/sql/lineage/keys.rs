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
//! Invariant: two values with the same [`Origin::reference`] are columns of one
//! table in the FROM of the query at hand.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, RangeVar, SelectStmt};

use super::query::Target;
use super::scope::Field;
use super::value::{self, Value, all_columns};
use super::{Lineage, Walk};
use crate::catalog::Oid;
use crate::catalog::snapshot::{Relation, RelationKind};
use crate::policy::Disclosure;
use crate::sql::analysis::{Flow, Otherwise, Use, UseKind};
use crate::sql::splice::Edit;

/// Bytes of an ordinal in a list: `, 1664`.
const ORDINAL_BYTES: usize = 6;

/// Which column of which table reference a value is, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    /// The place in FROM: each mention of a table is one of its own.
    pub reference: u32,
    pub relation: Oid,
    pub attribute: i16,
}

/// An item of GROUP BY.
pub(super) struct Grouped {
    pub value: Value,
    /// Of what it stands for.
    pub span: Range<usize>,
    /// Its own, where it is a name or a number.
    pub spelled: Option<Range<usize>>,
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
    /// Gives the columns of one table in FROM their origin. Of several that the name
    /// may mean, a column's number is its place among all of theirs.
    pub(super) fn with_origins(
        &mut self,
        named: &RangeVar,
        mut fields: Vec<Field>,
        relations: &[&Relation],
    ) -> Vec<Field> {
        let [relation, others @ ..] = relations else { return fields };
        if !others.is_empty() && !self.is_choice(named) {
            return fields;
        }
        self.references = self.references.saturating_add(1);
        let reference = self.references;
        if others.is_empty() {
            for (field, column) in fields.iter_mut().zip(&relation.columns) {
                field.origin =
                    Some(Origin { reference, relation: relation.oid, attribute: column.attribute });
            }
            return fields;
        }
        for (field, attribute) in fields.iter_mut().zip(1..) {
            field.origin = Some(Origin { reference, relation: relation.oid, attribute });
        }
        self.meanings.refer(reference, relations, &fields);
        fields
    }

    /// GROUP BY without grouping sets: what a key among the items determines
    /// is left out. What is left parts the rows.
    pub(super) fn same_groups(&mut self, items: Vec<Grouped>) -> Vec<Flow> {
        let mut parting = Vec::with_capacity(items.len());
        let keys = self.determined(items.iter().map(|item| &item.value));
        let of_key = |item: &&Grouped| {
            item.value
                .origin
                .is_some_and(|origin| keys.contains_key(&origin.reference) && !is_determined(&keys, origin))
        };
        let key = items.iter().filter(of_key).filter_map(|item| item.spelled.clone()).min_by_key(Range::len);
        for item in &items {
            let is_determined = item.value.origin.is_some_and(|origin| is_determined(&keys, origin));
            if !is_determined || !self.spare_item(item, key.as_ref()) {
                self.same_values(&item.value, UseKind::Grouping, item.span.clone());
                parting.push(self.parting(&item.value));
            }
        }
        parting
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
            self.leave_uncompared(&[value], UseKind::Grouping, self.needs_to_compare(value), edit);
        }
        true
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
        let keys = self.determined(targets.iter().map(|target| &target.value));
        let is_determined =
            |target: &Target| target.value.origin.is_some_and(|origin| is_determined(&keys, origin));
        let determined = || targets.iter().enumerate().filter(|(_, target)| is_determined(target));
        let places = determined().map(|(place, _)| place).collect();
        let protected: BTreeSet<usize> =
            determined().filter(|(_, target)| is_protected(target)).map(|(place, _)| place).collect();
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
            self.leave_uncompared(&values, UseKind::Distinct, needs, edit);
        }
        let all = || determined.without(&determined.protected, &determined.words, "SELECT DISTINCT");
        (!in_order.is_empty()).then(all)
    }

    /// The use of values that a key determines: unless they may be compared, this edit
    /// leaves them out.
    fn leave_uncompared(&mut self, values: &[&Value], kind: UseKind, needs: Disclosure, edit: Edit) {
        let span = edit.span();
        self.add_use(Use {
            columns: all_columns(values.iter().map(|value| &value.flow)),
            kind,
            needs,
            export: false,
            only_grant: values.iter().any(|value| !value::is_plain(&value.flow)),
            position: self.places.position(span.start),
            span,
            otherwise: Otherwise::LeaveOut(vec![edit]),
            given: None,
            domain: None,
            detail: None,
        });
    }

    /// The table references whose whole primary key is among the values, and that key.
    /// An explicit or nondeterministic collation holds different keys equal.
    fn determined<'v>(&self, values: impl Iterator<Item = &'v Value>) -> HashMap<u32, Cow<'a, [i16]>> {
        let mut present: HashMap<u32, (Oid, HashSet<i16>)> = HashMap::new();
        for origin in values.filter(|value| !value.collated).filter_map(|value| value.origin) {
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
    fn key_of(&self, reference: u32, relation: Oid) -> Option<Cow<'a, [i16]>> {
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
    fn primary_key(&self, relation: Oid) -> Option<&'a [i16]> {
        let snapshot = self.facts.snapshot;
        let table = snapshot.relations.get(&relation)?;
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
        let key = table.constraints.iter().find(|constraint| constraint.is_primary)?;
        (alone && !key.columns.is_empty()).then_some(key.columns.as_slice())
    }
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
