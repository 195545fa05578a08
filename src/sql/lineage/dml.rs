//! INSERT, UPDATE, DELETE, MERGE: their sources, conditions and RETURNING.
//! What they write is judged in [`writes`](super::writes).

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    BoolExprType, CmdType, DeleteStmt, InsertStmt, MergeMatchKind, MergeStmt, MergeWhenClause, Node,
    OnConflictAction, OnConflictClause, RangeVar, ReturningClause, ReturningOptionKind, SelectStmt,
    SetOperation, UpdateStmt,
};

use super::names::inner;
use super::query::Target;
use super::scope::{Item, Scope, Source};
use super::several::Grain;
use super::value::{Constant, Purpose, Value};
use super::writes::Written;
use super::{Analysed, Does, Walk, WrittenTo, begins};
use crate::catalog::snapshot::{Relation, RelationKind};
use crate::policy::Disclosure;
use crate::sql::analysis::{Flow, GivenValues, Otherwise, Use, UseKind};

/// The relation that a statement writes to.
pub(super) struct Destination<'a> {
    /// Its name in the text.
    pub span: Range<usize>,
    pub item: Item,
    pub relations: Vec<&'a Relation>,
    /// Where its rows may lie; see [`Walk::rows_held_in`].
    pub held_in: Vec<(&'a Relation, bool)>,
}

impl<'a> Walk<'a> {
    fn destination(&mut self, named: Option<&'a RangeVar>, does: Does) -> Analysed<Destination<'a>> {
        let Some(named) = named else { return self.unknown("the written table") };
        self.at(named.location);
        // The write rule is each relation's own.
        let relations = self.relations(named, Grain::Each)?;
        self.name_written(named);
        if super::statistics::is_statistics(&named.relname) {
            return self.refuse("writing to column statistics is not understood", named.location);
        }
        let mut source = self.source_of(named, &relations);
        self.rename(&mut source, named.alias.as_ref())?;
        let held_in = self.rows_held_in(&relations);
        let tables = relations.iter().copied().chain(held_in.iter().map(|(table, _)| *table));
        self.written.push(WrittenTo { relations: tables.map(|table| table.oid).collect(), does });
        let span = self.places.token(named.location);
        let to = Destination { span, item: Item::visible(source), relations, held_in };
        self.set_off(&to, does == Does::default());
        Ok(to)
    }

    /// Outputs inside are written somewhere: NULLs in their place would be stored.
    pub(super) fn writing<T>(&mut self, inner: impl FnOnce(&mut Self) -> Analysed<T>) -> Analysed<T> {
        self.showing(Purpose::CARRY, inner)
    }

    /// Outputs inside decide which rows are changed: NULLs in their place would
    /// change others.
    fn choosing<T>(&mut self, inner: impl FnOnce(&mut Self) -> Analysed<T>) -> Analysed<T> {
        self.showing(Purpose::HOLD, inner)
    }

    /// As [`choosing`](Self::choosing), where what is chosen says which rows are made.
    fn making<T>(&mut self, inner: impl FnOnce(&mut Self) -> Analysed<T>) -> Analysed<T> {
        self.showing(Purpose { export: true, ..Purpose::HOLD }, inner)
    }

    fn showing<T>(&mut self, show: Purpose, inner: impl FnOnce(&mut Self) -> Analysed<T>) -> Analysed<T> {
        let before = std::mem::replace(&mut self.show, show);
        let result = inner(self);
        self.show = before;
        result
    }

    pub(super) fn insert(&mut self, insert: &'a InsertStmt, outer: &Scope<'_, 'a>) -> Analysed<Vec<Target>> {
        let level = Scope::inside(Some(outer), Vec::new());
        self.writing(|walk| walk.with_clause(insert.with_clause.as_ref(), &level))?;
        let updates = |conflict: &&OnConflictClause| conflict.action() == OnConflictAction::OnconflictUpdate;
        let upserts = insert.on_conflict_clause.as_deref().filter(updates).is_some();
        let to = self.destination(insert.relation.as_ref(), Does { updates: upserts, deletes: false })?;
        if upserts {
            self.ask_again(&to);
        }
        let columns = self.insert_columns(&insert.cols, &to, &level)?;
        match inner(insert.select_stmt.as_deref()) {
            // DEFAULT VALUES.
            None => self.write_row(&to, &columns, []),
            Some(NodeEnum::SelectStmt(select)) if is_values(select) => {
                self.insert_values(select, &columns, &to, &level)?;
            }
            Some(query) => {
                let targets = self.writing(|walk| walk.statement(query, &level))?;
                let given = |target: Target| {
                    let moves = target.moves();
                    (Written::of(target.value, target.span), moves)
                };
                self.write_row(&to, &columns, targets.into_iter().map(given));
            }
        }
        if let Some(conflict) = insert.on_conflict_clause.as_deref() {
            self.on_conflict(conflict, &to, &level)?;
        }
        let mut made = Source::clone(&to.item.source);
        if !upserts {
            // A row just made shows no lock.
            made.locked_by.clear();
        }
        let scope = Scope::inside(Some(&level), vec![Item { source: Rc::new(made), ..to.item.clone() }]);
        self.returning(insert.returning_clause.as_ref(), &scope, &to)
    }

    /// The columns that an INSERT names, or all of the table's.
    fn insert_columns(
        &mut self,
        nodes: &'a [Node],
        to: &Destination<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Analysed<Vec<String>> {
        if nodes.is_empty() {
            return Ok(to.item.source.fields.iter().map(|field| field.name.clone()).collect());
        }
        let mut columns = Vec::with_capacity(nodes.len());
        for node in nodes {
            let Some(NodeEnum::ResTarget(column)) = node.node.as_ref() else {
                return self.unknown("a column to insert");
            };
            self.account(column.location, &[&column.name]);
            self.written_part(&column.indirection, scope)?;
            columns.push(column.name.clone());
        }
        Ok(columns)
    }

    fn insert_values(
        &mut self,
        select: &'a SelectStmt,
        columns: &[String],
        to: &Destination<'a>,
        outer: &Scope<'_, 'a>,
    ) -> Analysed<()> {
        let level = Scope::inside(Some(outer), Vec::new());
        self.writing(|walk| walk.with_clause(select.with_clause.as_ref(), &level))?;
        for row in &select.values_lists {
            let Some(NodeEnum::List(row)) = row.node.as_ref() else { return self.unknown("VALUES") };
            self.written_row(&row.items, &level, columns, to)?;
        }
        Ok(())
    }

    /// A list of values, each on its way into a column; `t.*` there is its columns.
    fn written_row(
        &mut self,
        nodes: &'a [Node],
        scope: &Scope<'_, 'a>,
        columns: &[String],
        to: &Destination<'a>,
    ) -> Analysed<()> {
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            match self.writing(|walk| walk.star(node, scope, Purpose::CARRY))? {
                Some(fields) => {
                    self.burn(fields.len())?;
                    items.extend(fields.into_iter().map(|field| {
                        let moves = field.moves();
                        (Written::of(field.value, field.span), moves)
                    }));
                }
                None => items.push((self.written(node, scope)?, false)),
            }
        }
        self.write_row(to, columns, items);
        Ok(())
    }

    /// Values for `columns`, each with whether its `*` may stand for other
    /// columns by then: it, and what is behind it, may then get into any of
    /// the columns that follow.
    fn write_row(
        &mut self,
        to: &Destination<'a>,
        columns: &[String],
        items: impl IntoIterator<Item = (Written, bool)>,
    ) {
        let items: Vec<(Written, bool)> = items.into_iter().collect();
        let beside: Rc<[String]> = match items.iter().any(|(_, moves)| *moves) {
            true => columns.into(),
            false => {
                let given = columns.iter().zip(&items);
                let given = given.filter(|(_, (written, _))| written.value.constant == Constant::No);
                given.map(|(column, _)| column.clone()).collect()
            }
        };
        self.leave_out(to, columns, &items, &beside);
        self.check_left_out(to, columns.get(..items.len()).unwrap_or(columns));
        let mut first_moving = None;
        for (number, (mut written, moves)) in items.into_iter().enumerate() {
            written.beside = Rc::clone(&beside);
            if moves && first_moving.is_none() {
                first_moving = Some(number);
            }
            match first_moving {
                None => self.write(to, columns.get(number).map(String::as_str), &written),
                Some(first) => {
                    let written = written.elsewhere();
                    let reached = columns.get(first..).unwrap_or_default();
                    reached.iter().for_each(|column| self.write(to, Some(column), &written));
                    if reached.is_empty() {
                        self.write(to, None, &written);
                    }
                }
            }
        }
    }

    fn on_conflict(
        &mut self,
        conflict: &'a OnConflictClause,
        to: &Destination<'a>,
        outer: &Scope<'_, 'a>,
    ) -> Analysed<()> {
        let scope = Scope::inside(Some(outer), vec![to.item.clone()]);
        if let Some(infer) = conflict.infer.as_deref() {
            self.at(infer.location);
            self.placeless(&[&infer.conname]);
            self.arbiter_constraint(&infer.conname, to);
            for node in &infer.index_elems {
                let Some(NodeEnum::IndexElem(element)) = node.node.as_ref() else {
                    return self.unknown("ON CONFLICT");
                };
                self.placeless(&[&element.name]);
                let names = self.strings_of(&element.collation)?;
                self.placeless(&names);
                let names = self.strings_of(&element.opclass)?;
                self.placeless(&names);
                if let Some(field) = to.item.source.field(&element.name).filter(|_| !element.name.is_empty())
                {
                    let value = Value::of_field(&field, self.here..self.here);
                    self.spend(&value, Purpose { kind: UseKind::Equality, ..Purpose::DECIDE });
                }
                if let Some(node) = element.expr.as_deref() {
                    self.choosing(|walk| walk.decide(node, &scope))?;
                }
            }
            if let Some(condition) = infer.where_clause.as_deref() {
                self.choosing(|walk| walk.decide(condition, &scope))?;
            }
        }
        if conflict.action() != OnConflictAction::OnconflictUpdate {
            return Ok(());
        }
        let excluded = Source {
            alias: Some("excluded".to_owned()),
            schemas: Vec::new(),
            system: false,
            ..Source::clone(&to.item.source)
        };
        let excluded = Item { source: Rc::new(excluded), named: true, bare: false };
        let scope = Scope::inside(Some(outer), vec![to.item.clone(), excluded]);
        self.assignments(&conflict.target_list, &scope, to, Some("excluded"))?;
        if let Some(condition) = conflict.where_clause.as_deref() {
            self.match_rows(condition, &scope, &to.item)?;
        }
        Ok(())
    }

    /// `ON CONFLICT ON CONSTRAINT x` compares the constraint's columns.
    fn arbiter_constraint(&mut self, name: &str, to: &Destination<'a>) {
        for relation in &to.relations {
            let fields = self.fields_of(relation);
            let Some(constraint) = relation.constraints.iter().find(|known| &*known.name == name) else {
                continue;
            };
            for (column, field) in relation.columns.iter().zip(fields) {
                if constraint.columns.contains(&column.attribute) {
                    let value = Value::of_field(&field, self.here..self.here);
                    self.spend(&value, Purpose { kind: UseKind::Equality, ..Purpose::DECIDE });
                }
            }
        }
    }

    pub(super) fn update(&mut self, update: &'a UpdateStmt, outer: &Scope<'_, 'a>) -> Analysed<Vec<Target>> {
        let level = Scope::inside(Some(outer), Vec::new());
        self.writing(|walk| walk.with_clause(update.with_clause.as_ref(), &level))?;
        let to = self.destination(update.relation.as_ref(), Does { updates: true, deletes: false })?;
        self.ask_again(&to);
        let items = self.writing(|walk| walk.sources(&update.from_clause, &level, vec![to.item.clone()]))?;
        let scope = Scope::inside(Some(&level), items);
        self.assignments(&update.target_list, &scope, &to, None)?;
        if let Some(condition) = update.where_clause.as_deref() {
            self.match_rows(condition, &scope, &to.item)?;
        }
        self.returning(update.returning_clause.as_ref(), &scope, &to)
    }

    pub(super) fn delete(&mut self, delete: &'a DeleteStmt, outer: &Scope<'_, 'a>) -> Analysed<Vec<Target>> {
        let level = Scope::inside(Some(outer), Vec::new());
        self.choosing(|walk| walk.with_clause(delete.with_clause.as_ref(), &level))?;
        let to = self.destination(delete.relation.as_ref(), Does { updates: false, deletes: true })?;
        let items =
            self.choosing(|walk| walk.sources(&delete.using_clause, &level, vec![to.item.clone()]))?;
        let scope = Scope::inside(Some(&level), items);
        if let Some(condition) = delete.where_clause.as_deref() {
            self.choosing(|walk| walk.decide(condition, &scope))?;
        }
        self.unsettle(&to, None, &to.span);
        self.returning(delete.returning_clause.as_ref(), &scope, &to)
    }

    pub(super) fn merge(&mut self, merge: &'a MergeStmt, outer: &Scope<'_, 'a>) -> Analysed<Vec<Target>> {
        let level = Scope::inside(Some(outer), Vec::new());
        self.writing(|walk| walk.with_clause(merge.with_clause.as_ref(), &level))?;
        let to = self.destination(merge.relation.as_ref(), Does { updates: true, deletes: true })?;
        let Some(source) = merge.source_relation.as_deref() else { return self.unknown("MERGE") };
        // WHEN NOT MATCHED misses one side or the other.
        let items = self.writing(|walk| walk.source_item(source, &level, &[]))?;
        let mut items: Vec<Item> = items.into_iter().map(Item::missing).collect();
        items.push(to.item.clone().missing());
        let scope = Scope::inside(Some(&level), items);
        let makes_rows = merge.merge_when_clauses.iter().any(makes_row);
        if let Some(condition) = merge.join_condition.as_deref() {
            match makes_rows {
                true => self.making(|walk| walk.decide(condition, &scope)).map(drop)?,
                false => self.match_rows(condition, &scope, &to.item.clone().missing())?,
            }
        }
        for node in &merge.merge_when_clauses {
            let Some(NodeEnum::MergeWhenClause(when)) = node.node.as_ref() else {
                return self.unknown("MERGE");
            };
            self.merge_when(when, &scope, &to)?;
        }
        self.returning(merge.returning_clause.as_ref(), &scope, &to)
    }

    /// A condition that decides which rows of `own` are changed, to what else stands
    /// in `scope`. What it asks of such a row alone shows in which rows those are;
    /// what it holds against the others shows in what is written, too.
    fn match_rows(&mut self, condition: &'a Node, scope: &Scope<'_, 'a>, own: &Item) -> Analysed<()> {
        let alone = Scope::inside(scope.outer, vec![own.clone()]);
        let mark = self.mark();
        for part in conjuncts(condition) {
            match self.asks_alone(part, &alone) {
                true => self.choosing(|walk| walk.decide(part, scope))?,
                false => self.making(|walk| walk.decide(part, scope))?,
            };
        }
        self.hide_literals(&mark);
        Ok(())
    }

    /// Does each name of the condition certainly mean what it means where the row is
    /// alone? What it asks is found where all the others stand too: a name that the
    /// row's own table may not have is one of theirs.
    fn asks_alone(&mut self, condition: &'a Node, alone: &Scope<'_, 'a>) -> bool {
        let (before, doubts) = (self.mark(), self.doubts);
        let is_understood = self.choosing(|walk| walk.decide(condition, alone)).is_ok();
        self.forget_since(&before);
        is_understood && self.doubts == doubts
    }

    fn merge_when(
        &mut self,
        when: &'a MergeWhenClause,
        scope: &Scope<'_, 'a>,
        to: &Destination<'a>,
    ) -> Analysed<()> {
        let scope = &self.side_of(when, scope)?;
        if let Some(condition) = when.condition.as_deref() {
            // Whichever WHEN takes a row of the source, the others don't make one of it.
            match when.match_kind() {
                MergeMatchKind::MergeWhenNotMatchedByTarget => {
                    self.making(|walk| walk.decide(condition, scope)).map(drop)?;
                }
                _ => self.match_rows(condition, scope, &to.item.clone().missing())?,
            }
        }
        match when.command_type() {
            CmdType::CmdUpdate => {
                self.ask_again(to);
                self.assignments(&when.target_list, scope, to, None)
            }
            CmdType::CmdInsert => {
                let columns = self.insert_columns(&when.target_list, to, scope)?;
                self.written_row(&when.values, scope, &columns, to)
            }
            CmdType::CmdDelete => {
                self.unsettle(to, None, &(self.here..self.here));
                Ok(())
            }
            CmdType::CmdNothing => Ok(()),
            CmdType::Undefined
            | CmdType::CmdUnknown
            | CmdType::CmdSelect
            | CmdType::CmdMerge
            | CmdType::CmdUtility => self.unknown("MERGE"),
        }
    }

    /// What a WHEN of MERGE sees (`setNamespaceForMergeWhen` in `parse_merge.c`): a
    /// column of the side that is missing would hide one that only may have its name.
    /// The target stands last; parts of a source that is a join keep their names.
    fn side_of<'s>(&self, when: &MergeWhenClause, both: &Scope<'s, 'a>) -> Analysed<Scope<'s, 'a>> {
        let mut items = both.items.clone();
        match when.match_kind() {
            MergeMatchKind::MergeWhenMatched => {}
            MergeMatchKind::MergeWhenNotMatchedByTarget => drop(items.pop()),
            MergeMatchKind::MergeWhenNotMatchedBySource => {
                let sources = items.len().saturating_sub(1);
                items.iter_mut().take(sources).for_each(|item| item.bare = false);
            }
            MergeMatchKind::Undefined => return self.unknown("MERGE"),
        }
        Ok(Scope::inside(both.outer, items))
    }

    /// SET lists. `excluded`: the row that ON CONFLICT could not insert.
    fn assignments(
        &mut self,
        nodes: &'a [Node],
        scope: &Scope<'_, 'a>,
        to: &Destination<'a>,
        excluded: Option<&str>,
    ) -> Analysed<()> {
        for node in nodes {
            let Some(NodeEnum::ResTarget(column)) = node.node.as_ref() else { return self.unknown("SET") };
            let Some(value) = column.val.as_deref() else { return self.unknown("SET") };
            self.account(column.location, &[&column.name]);
            let mut written = self.written(value, scope)?;
            if !column.indirection.is_empty() {
                self.written_part(&column.indirection, scope)?;
                // A part of a value is changed: what is there is never just replaced by NULL.
                written = written.elsewhere();
            }
            written.changes = true;
            written.is_present = is_present(value, &column.name, &to.item.source);
            let is_alone = column.indirection.is_empty() && to.item.source.alias.as_deref() != excluded;
            written.is_excluded = is_alone && excluded.is_some_and(|row| is_field(value, row, &column.name));
            self.write(to, Some(&column.name), &written);
        }
        Ok(())
    }

    /// `.field` and `[subscript]` behind a column's name: the subscript of a
    /// document's key, or where in an array something stands, is stored too.
    fn written_part(&mut self, steps: &'a [Node], scope: &Scope<'_, 'a>) -> Analysed<()> {
        for step in steps {
            match step.node.as_ref() {
                Some(NodeEnum::String(field)) => self.placeless(&[&field.sval]),
                Some(NodeEnum::AIndices(indices)) => {
                    for node in indices.lidx.as_deref().into_iter().chain(indices.uidx.as_deref()) {
                        let subscript = self.written(node, scope)?;
                        if !subscript.value.is_clean() {
                            self.export(&subscript);
                        }
                    }
                }
                _ => return self.unknown("a part of a written column"),
            }
        }
        Ok(())
    }

    /// A value on its way into a column.
    fn written(&mut self, node: &'a Node, scope: &Scope<'_, 'a>) -> Analysed<Written> {
        let mark = self.mark();
        let value = self.writing(|walk| {
            let value = walk.expression(node, scope, Purpose::CARRY)?;
            Ok(walk.shown(value, Purpose::CARRY))
        })?;
        let span = match value.points.is_empty() {
            true => {
                let begin = begins::begin(node).and_then(|begin| i32::try_from(begin).ok());
                self.places.token(begin.unwrap_or(-1))
            }
            false => self.span_of(&value),
        };
        let mut written = Written::of(value, span);
        written.literals = self.found.literals.get(mark.literals..).unwrap_or_default().to_vec();
        Ok(written)
    }

    fn returning(
        &mut self,
        clause: Option<&'a ReturningClause>,
        scope: &Scope<'_, 'a>,
        to: &Destination<'a>,
    ) -> Analysed<Vec<Target>> {
        let Some(clause) = clause else { return Ok(Vec::new()) };
        let mut reached = to.relations.iter().chain(to.held_in.iter().map(|(relation, _)| relation));
        if reached.any(|relation| self.answers_itself(relation)) {
            return self.refuse("what RETURNING shows is made by a rule or trigger of the relation", -1);
        }
        let mut aliases = [
            (ReturningOptionKind::ReturningOptionOld, "old"),
            (ReturningOptionKind::ReturningOptionNew, "new"),
        ]
        .map(|(kind, name)| (kind, name.to_owned()));
        for node in &clause.options {
            let Some(NodeEnum::ReturningOption(option)) = node.node.as_ref() else {
                return self.unknown("RETURNING");
            };
            self.placeless(&[&option.value]);
            let chosen = aliases.iter_mut().filter(|(kind, _)| *kind == option.option());
            chosen.for_each(|(_, name)| name.clone_from(&option.value));
        }
        let mut items = scope.items.clone();
        for (_, alias) in aliases {
            let taken = items.iter().any(|item| item.is_called(None, &alias));
            if !taken {
                let source =
                    Source { alias: Some(alias), schemas: Vec::new(), ..Source::clone(&to.item.source) };
                items.push(Item { source: Rc::new(source), named: true, bare: false });
            }
        }
        let scope = Scope::inside(scope.outer, items);
        let (purpose, mark) = (self.show, self.mark());
        let targets = self.targets(&clause.exprs, &scope, purpose)?;
        self.carry_literals(&mark);
        Ok(targets)
    }

    /// Its rules, or INSTEAD OF triggers, say what comes back: a rule's own
    /// RETURNING list may hold anything.
    fn answers_itself(&self, relation: &Relation) -> bool {
        let instead = relation.kind == RelationKind::View && !relation.trigger_functions.is_empty();
        (relation.has_rules || instead) && self.facts.counted_relations.contains(&relation.oid)
    }

    /// The use of a written column's neighbours or of itself.
    pub(super) fn use_write(
        &mut self,
        flow: &Flow,
        needs: Disclosure,
        span: Range<usize>,
        given: Option<GivenValues>,
    ) {
        let use_ = Use { given, ..self.write_use(flow, needs, span) };
        self.add_use(use_);
    }

    /// As [`use_write`](Self::use_write), where the text alone does not show why.
    pub(super) fn use_write_because(&mut self, flow: &Flow, span: &Range<usize>, why: impl Into<Arc<str>>) {
        let use_ = Use { detail: Some(why.into()), ..self.write_use(flow, Disclosure::Search, span.clone()) };
        self.add_use(use_);
    }

    fn write_use(&self, flow: &Flow, needs: Disclosure, span: Range<usize>) -> Use {
        let purpose = Purpose { kind: UseKind::Write, needs, export: false, neutralise: false };
        Use { only_grant: false, ..self.use_of(flow, purpose, span, Otherwise::Refuse) }
    }
}

/// What AND connects.
fn conjuncts(condition: &Node) -> Vec<&Node> {
    let mut parts = Vec::new();
    let mut work = vec![condition];
    while let Some(node) = work.pop() {
        match node.node.as_ref() {
            Some(NodeEnum::BoolExpr(both)) if both.boolop() == BoolExprType::AndExpr => {
                work.extend(both.args.iter().rev());
            }
            _ => parts.push(node),
        }
    }
    parts
}

fn makes_row(node: &Node) -> bool {
    match node.node.as_ref() {
        Some(NodeEnum::MergeWhenClause(when)) => when.command_type() == CmdType::CmdInsert,
        _ => true,
    }
}

fn is_values(select: &SelectStmt) -> bool {
    !select.values_lists.is_empty()
        && matches!(select.op(), SetOperation::SetopNone | SetOperation::Undefined)
        && select.sort_clause.is_empty()
        && select.limit_count.is_none()
        && select.limit_offset.is_none()
}

/// `row.column`, by itself.
fn is_field(node: &Node, row: &str, column: &str) -> bool {
    let Some(NodeEnum::ColumnRef(reference)) = node.node.as_ref() else { return false };
    matches!(super::names::strings(&reference.fields).as_deref(), Some([first, name]) if *first == row && *name == column)
}

/// `SET x = x`, `SET x = t.x`: the value that is there already.
fn is_present(node: &Node, column: &str, to: &Source) -> bool {
    let Some(NodeEnum::ColumnRef(reference)) = node.node.as_ref() else { return false };
    match super::names::strings(&reference.fields).as_deref() {
        Some([name]) => *name == column,
        Some([source, name]) => *name == column && to.alias.as_deref() == Some(source),
        _ => false,
    }
}
