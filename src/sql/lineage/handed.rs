//! Which column of which table reference a value still is where a subquery, a CTE or
//! a view has handed it on, and which columns a join holds equal: by these too a key
//! determines ([`keys`](super::keys)).
//!
//! No promise rests on it. What a key determines is left out of what is compared, so
//! nothing depends on it, whatever is found here. Where that is wrong, by DDL that
//! nobody has seen yet (a key that is dropped, a view that is replaced), rows are told
//! apart by less than the client asked for, and by what he may see.
//!
//! Invariant: in each row of what stands in FROM, all values of one reference are of
//! one row of its table, or are NULL together.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use pg_query::NodeEnum;
use pg_query::protobuf::{AExprKind, BoolExprType, ColumnRef, JoinType, Node, RangeVar, SelectStmt};

use super::names::{inner, strings};
use super::query::Target;
use super::scope::{Field, Item, Scope};
use super::{Analysed, Walk, types};
use crate::catalog::Oid;
use crate::catalog::snapshot::{Relation, RelationKind};
use crate::sql::parse;

/// Pairs of columns that are known to be equal, in one statement: a short text may
/// name one view again and again.
const MAX_EQUAL: usize = 4_096;

/// Which column of which table reference a value is, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    /// The place in FROM: each mention of a table is one of its own, and so is each
    /// for each mention of what it stands in.
    pub reference: u32,
    pub relation: Oid,
    pub attribute: i16,
    /// It is a relation's in the FROM at hand; nothing hands it on.
    pub own: bool,
}

/// What is known of the references of a walk.
#[derive(Default)]
pub(super) struct Handed {
    /// Those that are numbered so far.
    references: u32,
    /// The last one before the query at hand.
    before: u32,
    /// Nothing is handed on in a view whose own flows are asked for: there a key that
    /// determines a value would be a promise.
    off: bool,
    /// The first of each determines the second.
    noted: Vec<(Origin, Origin)>,
    equal: HashMap<Origin, Vec<Origin>>,
    /// The columns of each reference that `equal` has something for.
    joined: HashMap<u32, Vec<Origin>>,
    pairs: usize,
    views: HashMap<Oid, Rc<Behind>>,
    /// A reference in a view, for each of the view's own.
    within: HashMap<(u32, u32), u32>,
}

/// What stands behind a view.
#[derive(Default)]
struct Behind {
    columns: Vec<Option<Origin>>,
    equal: Vec<(Origin, Origin)>,
}

impl Origin {
    pub fn handed(self) -> Self {
        Self { own: false, ..self }
    }
}

impl Handed {
    pub fn off() -> Self {
        Self { off: true, ..Self::default() }
    }

    /// How many tables and the like stand in the text so far.
    pub fn references(&self) -> u32 {
        self.references
    }

    pub fn next(&mut self) -> u32 {
        self.references = self.references.saturating_add(1);
        self.references
    }

    /// A query begins: what stood for the one around it, to be given back.
    pub fn enter(&mut self) -> u32 {
        std::mem::replace(&mut self.before, self.references)
    }

    pub fn leave(&mut self, before: u32) {
        self.before = before;
    }

    /// Does it stand in the FROM of the query at hand?
    pub fn is_here(&self, origin: Origin) -> bool {
        origin.reference > self.before
    }

    fn note(&mut self, from: Origin, to: Origin) {
        let is_here = self.is_here(from) && self.is_here(to);
        if is_here && !self.off && self.pairs < MAX_EQUAL {
            self.pairs += 1;
            self.noted.push((from, to));
        }
    }

    /// The same pairs under other numbers.
    fn repeat(&mut self, pairs: &[(Origin, Origin)], anew: &HashMap<u32, u32>) {
        let as_anew = |origin: &Origin| Some(Origin { reference: *anew.get(&origin.reference)?, ..*origin });
        let pairs = pairs.iter().filter_map(|(from, to)| Some((as_anew(from)?, as_anew(to)?)));
        for pair in pairs.take(MAX_EQUAL.saturating_sub(self.pairs)).collect::<Vec<_>>() {
            self.pairs += 1;
            self.noted.push(pair);
        }
    }

    fn all_pairs(&self) -> Vec<(Origin, Origin)> {
        let settled = self.equal.iter().flat_map(|(from, all)| all.iter().map(|to| (*from, *to)));
        settled.chain(self.noted.iter().copied()).collect()
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
        let (reference, relation_oid) = (self.handed.next(), relation.oid);
        let places: Vec<i16> = match others.is_empty() {
            true => relation.columns.iter().map(|column| column.attribute).collect(),
            false => (1..).take(fields.len()).collect(),
        };
        for (field, attribute) in fields.iter_mut().zip(places) {
            field.origin = Some(Origin { reference, relation: relation_oid, attribute, own: true });
        }
        if !others.is_empty() {
            self.meanings.refer(reference, relations, &fields);
        }
        fields
    }

    /// The columns of a query, of which those of its own FROM are handed on. `since`:
    /// the last reference before it. What it has of a query around it is not: an
    /// outer join may leave that out by itself.
    pub(super) fn hand_on(&self, fields: &mut [Field], targets: &[Target], since: u32) {
        for (field, target) in fields.iter_mut().zip(targets) {
            let origin = target.value.origin.filter(|origin| origin.reference > since);
            let origin = origin.filter(|origin| self.meanings.several(origin.reference).is_none());
            field.origin = origin.map(Origin::handed).filter(|_| !self.handed.off);
        }
    }

    /// Another mention of a CTE: of rows of its own.
    pub(super) fn mentioned_anew(&mut self, fields: &mut [Field]) -> Analysed<()> {
        self.burn(self.handed.pairs)?;
        let mut anew = HashMap::new();
        for origin in fields.iter_mut().filter_map(|field| field.origin.as_mut()) {
            let reference = anew.entry(origin.reference).or_insert_with(|| self.handed.next());
            origin.reference = *reference;
        }
        if !anew.is_empty() {
            let pairs = self.handed.all_pairs();
            self.handed.repeat(&pairs, &anew);
        }
        Ok(())
    }

    /// Grouping sets leave a key NULL where what it determines is not.
    pub(super) fn keep_origins(&self, select: &SelectStmt, targets: &mut [Target], outermost: bool) {
        let is_set = |node: &Node| matches!(node.node, Some(NodeEnum::GroupingSet(_)));
        if (!outermost || self.view) && select.group_clause.iter().any(is_set) {
            targets.iter_mut().for_each(|target| target.value.origin = None);
        }
    }

    /// Columns that `condition` holds equal in every row that comes through.
    pub(super) fn note_equal(&mut self, condition: &'a Node, scope: &Scope<'_, 'a>) {
        for (one, other) in self.equal_columns(condition, scope) {
            self.handed.note(one, other);
            self.handed.note(other, one);
        }
    }

    /// Those that a join's ON does. An outer join by one equality alone finds the same
    /// row, or none, for all rows with the same value: what is there of the other side
    /// hangs on it.
    pub(super) fn note_joined(
        &mut self,
        kind: JoinType,
        condition: &'a Node,
        scope: &Scope<'_, 'a>,
        missing: &[Item],
    ) {
        match kind {
            JoinType::JoinInner => self.note_equal(condition, scope),
            JoinType::JoinLeft | JoinType::JoinRight => {
                let is_missing = |origin: Origin| {
                    let mut fields = missing.iter().flat_map(|item| &item.source.fields);
                    fields.any(|field| field.origin.is_some_and(|of| of.reference == origin.reference))
                };
                let is_alone = matches!(inner(Some(condition)), Some(NodeEnum::AExpr(_)));
                let pair = self.equal_columns(condition, scope).pop().filter(|_| is_alone);
                match pair.map(|(one, other)| (one, other, is_missing(one), is_missing(other))) {
                    Some((one, other, true, false)) => self.handed.note(other, one),
                    Some((one, other, false, true)) => self.handed.note(one, other),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// Two columns that USING or NATURAL makes one. `alone`: no others are.
    pub(super) fn note_merged(&mut self, kind: JoinType, left: &Field, right: &Field, alone: bool) {
        let Some((left, right)) = self.equal_fields(left, right) else { return };
        match kind {
            JoinType::JoinInner => {
                self.handed.note(left, right);
                self.handed.note(right, left);
            }
            JoinType::JoinLeft if alone => self.handed.note(left, right),
            JoinType::JoinRight if alone => self.handed.note(right, left),
            _ => {}
        }
    }

    fn equal_columns(&self, condition: &'a Node, scope: &Scope<'_, 'a>) -> Vec<(Origin, Origin)> {
        let (mut found, mut left) = (Vec::new(), vec![condition]);
        while let Some(node) = left.pop() {
            match inner(Some(node)) {
                Some(NodeEnum::BoolExpr(all)) if all.boolop() == BoolExprType::AndExpr => {
                    left.extend(&all.args);
                }
                Some(NodeEnum::AExpr(operation)) if operation.kind() == AExprKind::AexprOp => {
                    let is_equal = strings(&operation.name).is_some_and(|names| names.last() == Some(&"="));
                    let field = |node: Option<&'a Node>| match inner(node) {
                        Some(NodeEnum::ColumnRef(reference)) => self.field_at(reference, scope),
                        _ => None,
                    };
                    let operands = (field(operation.lexpr.as_deref()), field(operation.rexpr.as_deref()));
                    if let (true, (Some(one), Some(other))) = (is_equal, operands) {
                        found.extend(self.equal_fields(&one, &other));
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The column that a name means, without any use of it.
    pub(super) fn field_at(&self, reference: &ColumnRef, scope: &Scope<'_, 'a>) -> Option<Field> {
        match strings(&reference.fields)?.as_slice() {
            [column] => scope.column(column),
            [source, column] => scope.source(None, source)?.field(column),
            [schema, source, column] => scope.source(Some(schema), source)?.field(column),
            _ => None,
        }
    }

    /// Two columns, if `=` of these is equality, as keys and groups have it.
    fn equal_fields(&self, one: &Field, other: &Field) -> Option<(Origin, Origin)> {
        let origins = (one.origin?, other.origin?);
        let types = [self.type_of(origins.0)?, self.type_of(origins.1)?];
        let is_sure = !one.collated && !other.collated && types::are_one(types);
        (is_sure && self.is_builtin_operator(&[], types.map(Some))).then_some(origins)
    }

    /// As the snapshot has it: that of a table of the client's may be another by then.
    /// None where the name may mean several.
    fn type_of(&self, origin: Origin) -> Option<Oid> {
        if self.meanings.several(origin.reference).is_some() {
            return None;
        }
        let relation = self.facts.snapshot.relations.get(&origin.relation)?;
        let column = relation.columns.iter().find(|column| column.attribute == origin.attribute)?;
        Some(self.without_domain(column.type_oid))
    }

    /// All that these determine by equality and by the keys of what is joined, themselves
    /// included.
    pub(super) fn determined_by(&mut self, origins: impl Iterator<Item = Origin>) -> HashSet<Origin> {
        let mut left: Vec<Origin> = origins.filter_map(|origin| self.settled(origin)).collect();
        while let Some((from, to)) = self.handed.noted.pop() {
            if let (Some(from), Some(to)) = (self.settled(from), self.settled(to)) {
                self.handed.equal.entry(from).or_default().push(to);
                self.handed.joined.entry(from.reference).or_default().push(from);
            }
        }
        let mut found = HashSet::new();
        while let Some(origin) = left.pop() {
            if !found.insert(origin) {
                continue;
            }
            left.extend(self.handed.equal.get(&origin).into_iter().flatten());
            if let Some(joined) = self.handed.joined.get(&origin.reference) {
                // With its whole key, all of a row is known.
                let is_known = |attribute: &i16| found.contains(&Origin { attribute: *attribute, ..origin });
                let key = self.key_of(origin.reference, origin.relation);
                let is_whole = key.is_some_and(|key| key.iter().all(is_known));
                left.extend(joined.iter().filter(|_| is_whole));
            }
        }
        found
    }

    /// Of a view's column, that of the table behind it.
    pub(super) fn settled(&mut self, origin: Origin) -> Option<Origin> {
        if self.meanings.several(origin.reference).is_some() {
            return Some(origin.handed());
        }
        let relation = self.facts.snapshot.relations.get(&origin.relation)?;
        if relation.kind != RelationKind::View {
            return Some(origin.handed());
        }
        if self.handed.off {
            return None;
        }
        let behind = self.behind(relation);
        let place = usize::try_from(origin.attribute).ok()?.checked_sub(1)?;
        let column = (*behind.columns.get(place)?)?;
        let key = (origin.reference, column.reference);
        if !self.handed.within.contains_key(&key) {
            self.mention_view(origin.reference, &behind);
        }
        let reference = *self.handed.within.get(&key)?;
        Some(Origin { reference, ..column })
    }

    fn mention_view(&mut self, reference: u32, behind: &Behind) {
        let mut anew = HashMap::new();
        for column in behind.columns.iter().flatten() {
            let inner = anew.entry(column.reference).or_insert_with(|| self.handed.next());
            self.handed.within.insert((reference, column.reference), *inner);
        }
        self.handed.repeat(&behind.equal, &anew);
    }

    fn behind(&mut self, view: &Relation) -> Rc<Behind> {
        if let Some(known) = self.handed.views.get(&view.oid) {
            return Rc::clone(known);
        }
        let read = view.definition.as_deref().and_then(|definition| self.read_view(definition));
        let behind = Rc::new(read.unwrap_or_default());
        self.handed.views.insert(view.oid, Rc::clone(&behind));
        behind
    }

    fn read_view(&self, definition: &str) -> Option<Behind> {
        let depth = self.depth.checked_sub(1)?;
        let parsed = parse::parse(definition, super::VIEW_DEPTH).ok()?;
        let statement = parsed.statements.first()?;
        let mut walk = Walk::new(self.facts, definition, &parsed.tokens, depth);
        walk.view = true;
        let targets = walk.statement(&statement.node, &Scope::inside(None, Vec::new())).ok()?;
        let origins = targets.iter().map(|target| target.value.origin);
        let columns = origins.map(|origin| walk.settled(origin?)).collect();
        walk.determined_by(std::iter::empty());
        Some(Behind { columns, equal: walk.handed.all_pairs() })
    }
}
