//! A name that may mean several relations: which of them are one choice.
//!
//! Taken one by one, the server's description tells what each is. Where that is too
//! much, relations that differ in nothing but whose columns they are become one, and
//! where that is too much, all of them: what stands in FROM then has the columns of
//! all. A name means the column of any that has it, and where not all have it, what
//! it means further out too (`Field::optional`). A list of all its columns, or its
//! row, hangs on which relation it is: those are refused.
//!
//! Invariant: in each reading that becomes a part of one, a name carries no more than
//! it does in that one: flows are united, and what is united discloses no more than
//! each part of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use pg_query::protobuf::RangeVar;

use super::query::Target;
use super::scope::Field;
use super::{Walk, statistics};
use crate::catalog::snapshot::{Relation, RelationKind};
use crate::catalog::{ColumnId, Oid};
use crate::policy::ProtectedColumn;
use crate::sql::analysis::{AmbiguousName, Flow};

/// Relations that are given for one name.
const GIVEN: usize = 3;

/// How finely the relations that a name may mean are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Grain {
    #[default]
    Each,
    /// Those that are alike are one.
    Alike,
    /// All are one, but for what is written to.
    All,
}

/// What was chosen at one place of a name: a part of the relations that it may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub place: i32,
    /// The part's number, and how many there are.
    pub part: usize,
    pub parts: usize,
    /// How many of the parts are alike.
    pub alike: usize,
}

/// What is known of the relations of each name, for all readings of a statement.
pub(super) type Namesakes = Rc<RefCell<HashMap<String, Rc<Candidates>>>>;

/// Relations that a name may mean.
#[derive(Debug)]
pub(super) struct Candidates {
    differ: bool,
    /// In order, together those that are alike.
    alike: Vec<Vec<Oid>>,
}

/// What names without a schema mean in one reading.
#[derive(Debug, Default)]
pub(super) struct Meanings {
    pub grain: Grain,
    namesakes: Namesakes,
    /// What is to be chosen; at any other place the first.
    given: HashMap<i32, usize>,
    /// What was chosen, in the order in which the walk asked.
    pub made: Vec<Choice>,
    /// Places of names that may mean several relations that differ.
    pub places: BTreeMap<i32, Place>,
    /// By the number of their reference: see [`Origin`](super::handed::Origin).
    references: HashMap<u32, Several>,
}

#[derive(Debug)]
pub(super) struct Place {
    pub name: AmbiguousName,
    pub candidates: Vec<Oid>,
}

/// What one mention of a name may mean in one reading.
#[derive(Debug)]
pub(super) struct Several {
    pub relations: Vec<Oid>,
    /// All their columns.
    names: Vec<String>,
}

impl Meanings {
    pub fn following(grain: Grain, choices: &[Choice], namesakes: &Namesakes) -> Self {
        let given = choices.iter().map(|choice| (choice.place, choice.part)).collect();
        Self { grain, given, namesakes: Rc::clone(namesakes), ..Self::default() }
    }

    /// The same choices.
    pub fn again(&self) -> Self {
        Self::following(self.grain, &self.made, &self.namesakes)
    }

    /// Was nothing to be chosen so far? Then what was read is the same in all readings.
    pub fn are_certain(&self) -> bool {
        self.places.is_empty()
    }

    pub fn refer(&mut self, reference: u32, relations: &[&Relation], fields: &[Field]) {
        let relations = relations.iter().map(|relation| relation.oid).collect();
        let names = fields.iter().map(|field| field.name.clone()).collect();
        self.references.insert(reference, Several { relations, names });
    }

    pub fn several(&self, reference: u32) -> Option<&Several> {
        self.references.get(&reference)
    }

    /// The number of the part to read. `alike`: how many of the parts are like each.
    fn choose(&mut self, place: i32, alike: &[usize]) -> usize {
        let parts = alike.len();
        let part = self.given.get(&place).copied().filter(|part| *part < parts).unwrap_or(0);
        if parts > 1 && !self.made.iter().any(|choice| choice.place == place) {
            let alike = alike.get(part).copied().unwrap_or(1);
            self.made.push(Choice { place, part, parts, alike });
        }
        part
    }
}

impl Candidates {
    pub fn has_alike(&self) -> bool {
        self.alike.iter().any(|group| group.len() > 1)
    }
}

impl Several {
    /// The number of the column in its [`Origin`](super::handed::Origin).
    pub fn attribute(&self, name: &str) -> Option<i16> {
        let place = self.names.iter().position(|known| known == name)?;
        i16::try_from(place.checked_add(1)?).ok()
    }

    fn name(&self, attribute: i16) -> Option<&str> {
        let place = usize::try_from(attribute).ok()?.checked_sub(1)?;
        self.names.get(place).map(String::as_str)
    }
}

impl<'a> Walk<'a> {
    /// May the name mean several relations that differ?
    pub(super) fn is_choice(&self, named: &RangeVar) -> bool {
        named.schemaname.is_empty() && self.meanings.places.contains_key(&named.location)
    }

    /// Of several relations that differ, those that this reading is about.
    pub(super) fn chosen(
        &mut self,
        named: &RangeVar,
        relations: Vec<&'a Relation>,
        grain: Grain,
    ) -> Vec<&'a Relation> {
        let known = (named.schemaname.is_empty() && !self.view && relations.len() > 1)
            .then(|| self.candidates_known(&named.relname, &relations))
            .filter(|known| known.differ);
        let chosen = match known {
            Some(known) => self.part_of(named, relations, grain, &known),
            None => relations,
        };
        self.resolved.extend(chosen.iter().map(|relation| relation.oid));
        chosen
    }

    fn candidates_known(&self, name: &str, relations: &[&'a Relation]) -> Rc<Candidates> {
        if let Some(known) = self.meanings.namesakes.borrow().get(name) {
            return Rc::clone(known);
        }
        let oids = |group: Vec<&Relation>| group.into_iter().map(|relation| relation.oid).collect();
        let known = Rc::new(Candidates {
            differ: self.differ(relations),
            alike: self.alike(relations).into_iter().map(oids).collect(),
        });
        self.meanings.namesakes.borrow_mut().insert(name.to_owned(), Rc::clone(&known));
        known
    }

    fn differ(&self, relations: &[&Relation]) -> bool {
        let mut all = relations.iter().map(|relation| (self.is_held(relation), self.fields_of(relation)));
        let first = all.next();
        all.any(|other| Some(other) != first)
    }

    fn part_of(
        &mut self,
        named: &RangeVar,
        relations: Vec<&'a Relation>,
        grain: Grain,
        known: &Candidates,
    ) -> Vec<&'a Relation> {
        let place = Place {
            name: AmbiguousName {
                name: named.relname.clone(),
                relations: relations.iter().take(GIVEN).map(|relation| relation.qualified()).collect(),
            },
            candidates: relations.iter().map(|relation| relation.oid).collect(),
        };
        self.meanings.places.insert(named.location, place);
        if grain == Grain::All && may_be_one(named, &relations) {
            return relations;
        }
        let group_of = |oid: Oid| known.alike.iter().find(|group| group.contains(&oid));
        let (parts, alike_to): (Vec<Vec<Oid>>, Vec<usize>) = match grain {
            Grain::Alike => known.alike.iter().map(|group| (group.clone(), 1)).unzip(),
            Grain::Each | Grain::All => {
                let alike = |oid: Oid| group_of(oid).map_or(1, Vec::len);
                relations.iter().map(|relation| (vec![relation.oid], alike(relation.oid))).unzip()
            }
        };
        let part = self.meanings.choose(named.location, &alike_to);
        let meant = parts.into_iter().nth(part).unwrap_or_default();
        relations.into_iter().filter(|relation| meant.contains(&relation.oid)).collect()
    }

    /// The same relations, those together that differ in nothing but whose columns
    /// they are.
    fn alike(&self, relations: &[&'a Relation]) -> Vec<Vec<&'a Relation>> {
        let mut groups: Vec<(Vec<Field>, Vec<&Relation>)> = Vec::new();
        for relation in relations {
            let fields = self.fields_of(relation);
            let is_alike = |(others, group): &&mut (Vec<Field>, Vec<&'a Relation>)| {
                group
                    .first()
                    .is_some_and(|other| self.is_built_alike(relation, other) && are_alike(&fields, others))
            };
            match groups.iter_mut().find(is_alike) {
                Some((_, group)) => group.push(relation),
                None => groups.push((fields, vec![relation])),
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }

    fn is_built_alike(&self, one: &Relation, other: &Relation) -> bool {
        let is_held = self.is_held(one) == self.is_held(other);
        is_held && one.kind == other.kind && self.key_names(one.oid) == self.key_names(other.oid)
    }

    /// What an output is if the server says that it is this or that column. `known`: the
    /// columns of relations that were asked for before.
    pub(super) fn each_of(
        &self,
        target: &Target,
        known: &mut HashMap<Oid, Vec<Field>>,
    ) -> Vec<(ColumnId, Flow)> {
        let origin = target.value.origin.filter(|origin| origin.own && !target.loose);
        let origin = origin.filter(|_| !target.value.is_clean());
        let several = origin.and_then(|origin| Some((self.meanings.several(origin.reference)?, origin)));
        let Some((several, origin)) = several else { return Vec::new() };
        let Some(name) = several.name(origin.attribute) else { return Vec::new() };
        let column = |oid: &Oid| {
            let relation = self.facts.snapshot.relations.get(oid)?;
            let fields = known.entry(*oid).or_insert_with(|| self.fields_of(relation));
            let place = relation.columns.iter().position(|column| *column.name == *name)?;
            let id = ColumnId { relation: *oid, attribute: relation.columns.get(place)?.attribute };
            Some((id, fields.get(place)?.flow.clone()))
        };
        several.relations.iter().filter_map(column).collect()
    }

    /// The relations whose column an output is, if it is one that nobody moves: what
    /// the client may change proves nothing.
    pub(super) fn origins_of(&self, target: &Target) -> Vec<Oid> {
        let fixed = target.value.origin.filter(|origin| origin.own && !target.loose);
        let Some(origin) = fixed else { return Vec::new() };
        match self.meanings.several(origin.reference) {
            Some(several) => several.relations.clone(),
            None => vec![origin.relation],
        }
    }
}

/// Can one stand for all of them? What has no `ctid` calls a function by that name;
/// statistics are read through a filter.
fn may_be_one(named: &RangeVar, relations: &[&Relation]) -> bool {
    let is_table = |relation: &Relation| match relation.kind {
        RelationKind::Table
        | RelationKind::PartitionedTable
        | RelationKind::MaterializedView
        | RelationKind::ForeignTable => Some(true),
        RelationKind::View => Some(false),
        RelationKind::Sequence | RelationKind::Other => None,
    };
    let mut all = relations.iter().map(|relation| is_table(relation));
    let first = all.next().flatten();
    first.is_some() && all.all(|other| other == first) && !statistics::is_statistics(&named.relname)
}

/// Adds the columns of other relations that a name may mean. Do their lists differ, or
/// may they come to? A column of the client's own relation may be gone by then; it
/// carries nothing, under whatever name.
pub(super) fn any_of(fields: &mut Vec<Field>, others: impl Iterator<Item = Vec<Field>>) -> bool {
    let mut differs = false;
    for others in others {
        let names = |fields: &[Field]| fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
        let is_loose = |fields: &[Field]| fields.iter().any(|field| field.loose);
        differs |= names(fields) != names(&others) || is_loose(fields) != is_loose(&others);
        for field in fields.iter_mut() {
            match others.iter().find(|other| other.name == field.name) {
                Some(other) => {
                    let optional = field.optional || other.optional || field.loose != other.loose;
                    *field = Field { optional, ..field.or(other) };
                }
                None => field.optional = true,
            }
        }
        let is_new = |other: &Field| !fields.iter().any(|field| field.name == other.name);
        let new: Vec<Field> = others.into_iter().filter(is_new).collect();
        fields.extend(new.into_iter().map(|field| Field { optional: true, ..field }));
    }
    differs
}

/// Why the columns of what a name means can't be listed.
pub(super) fn unlisted(name: &str) -> String {
    format!("which columns \"{name}\" has hangs on which relation of that name is meant: write its schema")
}

/// Is each column of the one like the other's, whose ever they are?
fn are_alike(fields: &[Field], others: &[Field]) -> bool {
    let is_alike = |(one, other): (&Field, &Field)| {
        let as_other = Field { flow: other.flow.clone(), ..one.clone() };
        as_other == *other && carry_alike(&one.flow, &other.flow)
    };
    fields.len() == others.len() && fields.iter().zip(others).all(is_alike)
}

fn carry_alike(one: &Flow, other: &Flow) -> bool {
    match (one, other) {
        (Flow::Clean, Flow::Clean) => true,
        (Flow::Plain { columns, cast }, Flow::Plain { columns: others, cast: also }) => {
            let mut pairs = columns.iter().zip(others);
            cast == also
                && columns.len() == others.len()
                && pairs.all(|(column, other)| is_protected_alike(column, other))
        }
        (one, other) => one == other,
    }
}

fn is_protected_alike(one: &ProtectedColumn, other: &ProtectedColumn) -> bool {
    one.is_shown_like(other)
        && one.discloses == other.discloses
        && one.writable == other.writable
        && one.path == other.path
        && are_split_alike(one, other)
        && one.below.len() == other.below.len()
        && one.below.iter().zip(&*other.below).all(|(one, other)| is_protected_alike(one, other))
}

/// Is the same protected inside both?
fn are_split_alike(one: &ProtectedColumn, other: &ProtectedColumn) -> bool {
    let mut pairs = one.paths.iter().zip(&*other.paths);
    one.paths.len() == other.paths.len()
        && pairs.all(|(part, of)| {
            part.path == of.path && part.inside == of.inside && is_protected_alike(&part.column, &of.column)
        })
}
