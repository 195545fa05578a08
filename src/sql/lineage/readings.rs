//! An unqualified name counts for every schema. Where the relations that it
//! may mean differ, the statement is read once for each; the server's own
//! description of its rows then tells which readings are wrong. Each place where
//! a name stands is looked up by itself: while the statement waits for the lock of
//! one, the next may come to mean another relation.
//!
//! A walk asks at each such place what to read there, and the next walk takes the
//! last choice that has another left. So a reading that means nothing to the server
//! ends all that begin with the same choices. Where there are too many, several
//! relations are read as one ([`several`](super::several)).
//!
//! Invariant: the true reading is among those that are kept, or a part of one, and
//! uses are those of all readings together.

use std::collections::{BTreeSet, HashSet};

use pg_query::NodeEnum;

use super::given::given_in_all;
use super::keys::left_out_in_all;
use super::listed::ListedColumns;
use super::query::Target;
use super::relations::TOO_MANY_NAMES;
use super::scope::Scope;
use super::several::{Choice, Grain, Meanings, Namesakes};
use super::value::unite;
use super::{Analysed, Lineage, MAX_NODES, Walk};
use crate::catalog::Oid;
use crate::catalog::guard::Facts;
use crate::error::{ClientError, sqlstate};
use crate::sql::analysis::{AmbiguousName, Chooses, Output, Reading};
use crate::sql::parse::Tokens;

/// Readings of one statement at most.
const MAX_READINGS: usize = 64;

/// Walks that look for them.
const MAX_WALKS: usize = 4 * MAX_READINGS;

/// A statement and what it is read against.
#[derive(Clone, Copy)]
struct Text<'a, 't> {
    facts: Facts<'a>,
    text: &'a str,
    node: &'a NodeEnum,
    tokens: &'t Tokens,
    depth: usize,
}

pub(super) fn analyse<'a>(
    facts: Facts<'a>,
    text: &'a str,
    node: &'a NodeEnum,
    tokens: &Tokens,
    depth: usize,
) -> Result<Lineage, ClientError> {
    let text = Text { facts, text, node, tokens, depth };
    let namesakes = Namesakes::default();
    for grain in [Grain::Each, Grain::Alike, Grain::All] {
        let helps = grain != Grain::Alike || namesakes.borrow().values().any(|known| known.has_alike());
        let readings = if helps { text.readings(grain, &namesakes)? } else { None };
        if let Some(lineage) = readings {
            return Ok(lineage);
        }
    }
    Err(too_many())
}

/// What one walk found.
struct Read {
    made: Vec<Choice>,
    places: Vec<(AmbiguousName, Vec<Oid>)>,
    /// Fuel that is left.
    fuel: usize,
    /// Of the relations that it chose, those that a client may change.
    loose: Vec<Oid>,
    held_places: HashSet<i32>,
    leaves_trace: bool,
    found: Result<(Lineage, Proof), ClientError>,
}

/// By what the server's description proves a reading wrong.
struct Proof {
    /// Relations that stand in the statement.
    resolved: HashSet<Oid>,
    origins: Vec<Vec<Oid>>,
    /// As [`Chooses::counts_others`].
    counts_others: bool,
}

impl<'a> Text<'a, '_> {
    /// All readings in one. None: there are too many.
    fn readings(&self, grain: Grain, namesakes: &Namesakes) -> Result<Option<Lineage>, ClientError> {
        let mut found = Vec::new();
        let mut no_such_name = None;
        let (mut names, mut candidates, mut left_out) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (mut leaves_trace, mut held_places) = (false, HashSet::new());
        let mut choices: Vec<Choice> = Vec::new();
        // All together cost no more than one.
        let mut fuel = MAX_NODES;
        for walks in 0..MAX_WALKS {
            let read = self.read(Meanings::following(grain, &choices, namesakes), fuel);
            fuel = read.fuel;
            for (name, relations) in read.places {
                names.insert(name);
                candidates.extend(relations);
            }
            leaves_trace |= read.leaves_trace;
            held_places.extend(read.held_places);
            match read.found {
                Ok(reading) => found.push(reading),
                Err(error) if means_nothing(&error) => {
                    left_out.extend(read.loose);
                    no_such_name = no_such_name.or(Some(error));
                }
                Err(error) if error.code == sqlstate::STATEMENT_TOO_COMPLEX && walks > 0 => return Ok(None),
                Err(error) => return Err(error),
            }
            // What is alike means nothing alike.
            let alike = read.made.iter().fold(1, |all: usize, made| all.saturating_mul(made.alike));
            if found.len().max(alike) > MAX_READINGS {
                return Ok(None);
            }
            choices = read.made;
            if !take_next(&mut choices) {
                let counts_others = found.iter().any(|(_, proof)| proof.counts_others);
                let names = names.into_iter().collect();
                let left_out = left_out.into_iter().collect();
                // Where the name is the only one that may be protected, a reading without it
                // reads nothing that is.
                let is_alone = held_places.len() < 2;
                let chooses = Chooses { names, counts_others, left_out, leaves_trace, is_alone };
                let lineage = united(found, &candidates).map(|lineage| Lineage { chooses, ..lineage });
                return lineage.ok_or_else(|| no_such_name.unwrap_or_else(too_many)).map(Some);
            }
        }
        Ok(None)
    }

    /// `listed`: what an earlier walk found out of the columns of VALUES.
    fn walk(
        &self,
        meanings: Meanings,
        fuel: usize,
        listed: ListedColumns,
    ) -> (Walk<'a>, Analysed<Vec<Target>>) {
        let mut walk = Walk::new(self.facts, self.text, self.tokens, self.depth);
        walk.fuel = fuel;
        walk.meanings = meanings;
        walk.listed = listed;
        let read = walk.statement(self.node, &Scope::inside(None, Vec::new()));
        (walk, read)
    }

    fn read(&self, meanings: Meanings, fuel: usize) -> Read {
        let (mut walk, mut targets) = self.walk(meanings, fuel, ListedColumns::new());
        let listed = if targets.is_ok() { walk.listed_columns() } else { ListedColumns::new() };
        if !listed.is_empty() {
            let again = walk.meanings.again();
            (walk, targets) = self.walk(again, walk.fuel, listed);
        }
        let places = std::mem::take(&mut walk.meanings.places);
        let chosen = places.values().flat_map(|place| &place.candidates);
        let chosen = chosen.filter(|oid| walk.resolved.contains(oid)).copied();
        let is_loose =
            |oid: &Oid| self.facts.snapshot.relations.get(oid).is_none_or(|relation| !walk.is_held(relation));
        Read {
            loose: chosen.filter(is_loose).collect(),
            held_places: std::mem::take(&mut walk.held_places),
            leaves_trace: walk.traces,
            made: walk.meanings.made.clone(),
            places: places.into_values().map(|place| (place.name, place.candidates)).collect(),
            fuel: walk.fuel,
            found: targets.and_then(|targets| finished(walk, targets)),
        }
    }
}

fn finished(mut walk: Walk<'_>, targets: Vec<Target>) -> Result<(Lineage, Proof), ClientError> {
    walk.check_types()?;
    let witnessed = walk.witnessed(&targets)?;
    let proof = Proof {
        resolved: walk.resolved.clone(),
        origins: targets.iter().map(|target| walk.origins_of(target)).collect(),
        counts_others: walk.others_move && targets.iter().any(Target::moves),
    };
    Ok((Lineage { witnessed, ..walk.finish(targets) }, proof))
}

/// The server would say so too, before it reads anything: this reading is not the one.
fn means_nothing(error: &ClientError) -> bool {
    let code = &*error.code;
    code == sqlstate::UNDEFINED_COLUMN
        || code == sqlstate::SYNTAX_ERROR
        || code == TOO_MANY_NAMES
        || code == "42P01"
}

/// The last choice that has another left is made otherwise; those behind it are
/// asked for anew. False: there is none.
fn take_next(choices: &mut Vec<Choice>) -> bool {
    while let Some(last) = choices.last_mut() {
        last.part += 1;
        if last.part < last.parts {
            return true;
        }
        choices.pop();
    }
    false
}

fn too_many() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "the relation names of this statement may mean too many things to be analysed",
    )
    .with_hint("Write names with their schemas.")
}

/// One lineage that holds for all readings. `candidates`: all relations that its names
/// may mean.
fn united(mut found: Vec<(Lineage, Proof)>, candidates: &BTreeSet<Oid>) -> Option<Lineage> {
    let mut lineages: Vec<&mut Lineage> = found.iter_mut().map(|(lineage, _)| lineage).collect();
    let tells_columns = |lineage: &&mut Lineage| lineage.outputs.iter().any(|output| !output.each.is_empty());
    if lineages.len() < 2 && !lineages.iter().any(tells_columns) {
        return found.into_iter().map(|(lineage, _)| lineage).next();
    }
    given_in_all(&mut lineages.iter_mut().map(|lineage| &mut lineage.uses).collect::<Vec<_>>());
    left_out_in_all(&mut lineages);
    let mut found = found.into_iter().map(|(lineage, proof)| {
        let excluded = candidates.iter().copied().filter(|oid| !proof.resolved.contains(oid)).collect();
        let witnessed = lineage.witnessed.clone();
        let outputs = lineage.outputs.clone();
        (lineage, Reading { outputs, excluded, origins: proof.origins, witnessed })
    });
    let (mut all, reading) = found.next()?;
    all.witnessed.clear();
    all.readings.push(reading);
    for (lineage, reading) in found {
        all.readings.push(reading);
        unite_outputs(&mut all.outputs, &lineage.outputs);
        all.uses.extend(lineage.uses);
        all.named.extend(lineage.named);
        all.touches_protected |= lineage.touches_protected;
        all.written.extend(lineage.written);
        all.read = all.read.max(lineage.read);
        all.spells_letters |= lineage.spells_letters;
        all.sensitive_literals.extend(lineage.sensitive_literals);
        all.exports.extend(lineage.exports);
        all.output_edits.extend(lineage.output_edits);
        // Each reading accounts for the same names.
        all.accounted.extend(lineage.accounted);
    }
    all.uses = super::without_repeats(all.uses);
    all.named.sort_by(|a, b| a.name.cmp(&b.name));
    all.named.dedup_by(|a, b| a.name == b.name);
    Some(all)
}

fn unite_outputs(outputs: &mut [Output], others: &[Output]) {
    if outputs.len() == others.len() {
        for (output, other) in outputs.iter_mut().zip(others) {
            output.flow = unite(&output.flow, &other.flow);
            output.each.clear();
        }
    }
}
