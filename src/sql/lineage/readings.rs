//! An unqualified name counts for every schema. Where the relations that it
//! may mean differ, the statement is read once for each; the server's own
//! description of its rows then tells which readings are wrong. Each place where
//! a name stands is looked up by itself: while the statement waits for the lock of
//! one, the next may come to mean another relation.
//!
//! Invariant: the true reading is among those that are kept, and uses are
//! those of all readings together.

use std::collections::{BTreeMap, HashMap};

use pg_query::NodeEnum;

use super::given::given_in_all;
use super::keys::left_out_in_all;
use super::listed::ListedColumns;
use super::query::Target;
use super::scope::Scope;
use super::value::unite;
use super::{Analysed, Lineage, MAX_NODES, Walk};
use crate::catalog::Oid;
use crate::catalog::guard::Facts;
use crate::error::{ClientError, sqlstate};
use crate::sql::analysis::{Output, Reading};
use crate::sql::parse::Tokens;

/// Where an unqualified name stands → the relation that it means there.
pub(super) type Choices = HashMap<i32, Oid>;

/// Where an unqualified name stands → those that it may mean.
pub(super) type Ambiguous = BTreeMap<i32, Vec<Oid>>;

/// Readings of one statement at most: beyond, names must be qualified.
const MAX_READINGS: usize = 64;

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
    let mut ambiguous = Ambiguous::new();
    loop {
        let known = ambiguous.len();
        let mut lineages = Vec::new();
        let mut no_such_name = None;
        let combinations = combinations(&ambiguous)?;
        // All together cost no more than one.
        let fuel = MAX_NODES / combinations.len().max(1);
        for choices in combinations {
            match text.read(choices, &mut ambiguous, fuel) {
                Ok(lineage) => lineages.push(lineage),
                Err(error) if means_nothing(&error) => no_such_name = no_such_name.or(Some(error)),
                Err(error) if ambiguous.len() == known => return Err(error),
                // Another round knows more names; what is wrong stays wrong in it.
                Err(_) => {}
            }
        }
        if ambiguous.len() > known {
            continue;
        }
        return match (united(lineages), no_such_name) {
            (Some(lineage), _) => Ok(Lineage { chooses: !ambiguous.is_empty(), ..lineage }),
            (None, Some(error)) => Err(error),
            (None, None) => Err(too_many()),
        };
    }
}

impl<'a> Text<'a, '_> {
    /// `listed`: what an earlier walk found out of the columns of VALUES.
    fn walk(
        &self,
        choices: Choices,
        fuel: usize,
        listed: ListedColumns,
    ) -> (Walk<'a>, Analysed<Vec<Target>>) {
        let mut walk = Walk::new(self.facts, self.text, self.tokens, self.depth);
        walk.fuel = fuel;
        walk.choices = choices;
        walk.listed = listed;
        let read = walk.statement(self.node, &Scope::inside(None, Vec::new()));
        (walk, read)
    }

    fn read(
        &self,
        choices: Choices,
        ambiguous: &mut Ambiguous,
        fuel: usize,
    ) -> Result<(Lineage, Proof), ClientError> {
        let (mut walk, mut read) = self.walk(choices.clone(), fuel, ListedColumns::new());
        let listed = if read.is_ok() { walk.listed_columns() } else { ListedColumns::new() };
        if !listed.is_empty() {
            (walk, read) = self.walk(choices, fuel, listed);
        }
        ambiguous.append(&mut walk.ambiguous);
        let candidates = ambiguous.values().flatten();
        let excluded = candidates.copied().filter(|oid| !walk.resolved.contains(oid)).collect();
        let targets = read?;
        walk.check_types()?;
        let witnessed = walk.witnessed(&targets)?;
        // What the client may change proves nothing.
        let fixed = |target: &Target| target.value.origin.filter(|origin| origin.own && !target.loose);
        let origins = targets.iter().map(|target| fixed(target).map(|origin| origin.relation)).collect();
        Ok((Lineage { witnessed, ..walk.finish(targets) }, Proof { excluded, origins }))
    }
}

/// By what the server's description proves a reading wrong.
struct Proof {
    excluded: Vec<Oid>,
    origins: Vec<Option<Oid>>,
}

/// The server would say so too: this reading is not the one.
fn means_nothing(error: &ClientError) -> bool {
    error.code == sqlstate::UNDEFINED_COLUMN || error.code == "42P01"
}

/// Every way to choose one relation for each place.
fn combinations(ambiguous: &Ambiguous) -> Result<Vec<Choices>, ClientError> {
    let mut all = vec![Choices::new()];
    for (place, relations) in ambiguous {
        let more = |choices: &Choices| {
            let with = |oid: &Oid| {
                let mut choices = choices.clone();
                choices.insert(*place, *oid);
                choices
            };
            relations.iter().map(with).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(more).collect();
        if all.len() > MAX_READINGS {
            return Err(too_many());
        }
    }
    Ok(all)
}

fn too_many() -> ClientError {
    ClientError::new(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "the relation names of this statement may mean too many things to be analysed",
    )
    .with_hint("Write names with their schemas.")
}

/// One lineage that holds for all readings.
fn united(mut lineages: Vec<(Lineage, Proof)>) -> Option<Lineage> {
    if lineages.len() < 2 {
        return lineages.into_iter().map(|(lineage, _)| lineage).next();
    }
    given_in_all(&mut lineages.iter_mut().map(|(lineage, _)| &mut lineage.uses).collect::<Vec<_>>());
    left_out_in_all(&mut lineages.iter_mut().map(|(lineage, _)| lineage).collect::<Vec<_>>());
    let mut lineages = lineages.into_iter();
    let (mut all, Proof { excluded, origins }) = lineages.next()?;
    all.readings.push(Reading { outputs: all.outputs.clone(), excluded, origins });
    for (lineage, Proof { excluded, origins }) in lineages {
        unite_outputs(&mut all.outputs, &lineage.outputs);
        all.readings.push(Reading { outputs: lineage.outputs, excluded, origins });
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
        }
    }
}
