//! WITH: each CTE analysed once, in its own level, recursive ones until
//! their flows no longer change (`parse_cte.c`).

use std::rc::Rc;

use pg_query::NodeEnum;
use pg_query::protobuf::{CommonTableExpr, SelectStmt, SetOperation, WithClause};

use super::names::inner;
use super::query::Target;
use super::scope::{Cte, CteState, Field, Scope, meant};
use super::value::Purpose;
use super::{Analysed, Walk, changing};
use crate::sql::analysis::Flow;

/// Flows only grow, a column at a time; more rounds than this mean an error of ours.
const MAX_ROUNDS: usize = 64;

impl<'a> Walk<'a> {
    /// Fills `level` with the CTEs of a WITH clause.
    pub(super) fn with_clause(
        &mut self,
        clause: Option<&'a WithClause>,
        level: &Scope<'_, 'a>,
    ) -> Analysed<()> {
        let Some(clause) = clause else { return Ok(()) };
        // What a write of this level may read is not neutralised: it would
        // change the wrong rows.
        if clause.ctes.iter().any(is_write) {
            return self.writing(|walk| walk.ctes(clause, level));
        }
        self.ctes(clause, level)
    }

    fn ctes(&mut self, clause: &'a WithClause, level: &Scope<'_, 'a>) -> Analysed<()> {
        let mut ctes = Vec::with_capacity(clause.ctes.len());
        for node in &clause.ctes {
            let Some(NodeEnum::CommonTableExpr(cte)) = node.node.as_ref() else {
                return self.unknown("WITH");
            };
            self.account(cte.location, &[&cte.ctename]);
            ctes.push(Cte { name: cte.ctename.clone(), node: cte, state: CteState::Pending });
        }
        if clause.recursive {
            *level.ctes.borrow_mut() = ctes;
            let count = level.ctes.borrow().len();
            for place in 0..count {
                self.cte_fields(level, place)?;
            }
            return Ok(());
        }
        for mut cte in ctes {
            let fields = self.plain_cte(cte.node, level)?;
            cte.state = CteState::Done(fields);
            level.ctes.borrow_mut().push(cte);
        }
        Ok(())
    }

    /// A CTE that a query names. One that is still to be analysed may be
    /// named inside a recursion, whose rounds are forgotten: what it finds is kept.
    pub(super) fn referenced_cte(&mut self, level: &Scope<'_, 'a>, place: usize) -> Analysed<Rc<[Field]>> {
        let is_pending =
            level.ctes.borrow().get(place).is_some_and(|cte| matches!(cte.state, CteState::Pending));
        let mark = self.mark();
        let fields = self.cte_fields(level, place)?;
        if is_pending {
            self.keep_since(&mark);
        }
        Ok(fields)
    }

    /// The columns of the CTE at `place` of `level`, analysed when first asked for.
    fn cte_fields(&mut self, level: &Scope<'_, 'a>, place: usize) -> Analysed<Rc<[Field]>> {
        let Some(cte) = level.ctes.borrow().get(place).cloned() else { return self.unknown("WITH") };
        if let Some(fields) = Self::known_fields(&cte.state) {
            return Ok(fields);
        }
        if let CteState::Busy(None) = cte.state {
            return self.refuse(format!("the recursion of \"{}\" is not understood", cte.name), -1);
        }
        self.set_cte(level, place, CteState::Busy(None));
        let fields = match recursive_select(cte.node) {
            Some(select) => self.recursive_cte(cte.node, select, level, place)?,
            None => self.plain_cte(cte.node, level)?,
        };
        self.set_cte(level, place, CteState::Done(Rc::clone(&fields)));
        Ok(fields)
    }

    fn set_cte(&mut self, level: &Scope<'_, 'a>, place: usize, state: CteState) {
        if let Some(cte) = level.ctes.borrow_mut().get_mut(place) {
            cte.state = state;
        }
    }

    fn plain_cte(&mut self, cte: &'a CommonTableExpr, level: &Scope<'_, 'a>) -> Analysed<Rc<[Field]>> {
        let Some(query) = inner(cte.ctequery.as_deref()) else { return self.unknown("WITH") };
        let since = self.handed.references();
        let targets = self.statement(query, level)?;
        let mut fields = self.cte_columns(cte, &targets, level)?;
        if let NodeEnum::SelectStmt(_) = query {
            self.hand_on(&mut fields, &targets, since);
        }
        Ok(fields.into())
    }

    /// First the non-recursive part alone, then the whole with what is known
    /// so far, until nothing new is learnt.
    fn recursive_cte(
        &mut self,
        cte: &'a CommonTableExpr,
        select: &'a SelectStmt,
        level: &Scope<'_, 'a>,
        place: usize,
    ) -> Analysed<Rc<[Field]>> {
        let mark = self.mark();
        let first = {
            let inside = Scope::inside(Some(level), Vec::new());
            self.with_clause(select.with_clause.as_ref(), &inside)?;
            let Some(left) = select.larg.as_deref() else { return self.unknown("WITH RECURSIVE") };
            self.select(left, &inside)?
        };
        let mut known: Rc<[Field]> = self.cte_columns(cte, &first, level)?.into();
        for _ in 0..MAX_ROUNDS {
            self.forget_since(&mark);
            self.set_cte(level, place, CteState::Busy(Some(Rc::clone(&known))));
            let targets = self.select(select, level)?;
            let fields: Rc<[Field]> = self.cte_columns(cte, &targets, level)?.into();
            if fields == known {
                return Ok(known);
            }
            known = fields;
        }
        self.unknown("this recursion")
    }

    /// The outputs under the CTE's column names, and those that SEARCH and CYCLE add.
    fn cte_columns(
        &mut self,
        cte: &'a CommonTableExpr,
        targets: &[Target],
        level: &Scope<'_, 'a>,
    ) -> Analysed<Vec<Field>> {
        let names = self.strings_of(&cte.aliascolnames)?;
        self.placeless(&names);
        if !names.is_empty() {
            self.keeps_places(targets.iter().map(Target::place))?;
        }
        let mut fields = changing::fields_of(targets);
        changing::take_names(&mut fields, names.into_iter().map(str::to_owned));
        if let Some(search) = &cte.search_clause {
            self.ordered_columns(&search.search_col_list, &fields)?;
            self.placeless(&[&search.search_seq_column]);
            fields.push(added(&search.search_seq_column));
        }
        if let Some(cycle) = cte.cycle_clause.as_deref() {
            self.ordered_columns(&cycle.cycle_col_list, &fields)?;
            for node in
                cycle.cycle_mark_value.as_deref().into_iter().chain(cycle.cycle_mark_default.as_deref())
            {
                let value = self.expression(node, level, Purpose::DECIDE)?;
                self.spend(&value, Purpose::DECIDE);
            }
            self.placeless(&[&cycle.cycle_mark_column, &cycle.cycle_path_column]);
            fields.push(added(&cycle.cycle_mark_column));
            fields.push(added(&cycle.cycle_path_column));
        }
        Ok(fields)
    }

    /// SEARCH and CYCLE keep these columns' values in a row of their own.
    fn ordered_columns(&mut self, nodes: &'a [pg_query::protobuf::Node], fields: &[Field]) -> Analysed<()> {
        let names = self.strings_of(nodes)?;
        self.placeless(&names);
        let is_protected = |name: &&str| meant(fields, name).is_some_and(|field| field.flow != Flow::Clean);
        match names.iter().any(is_protected) {
            true => self.unknown("SEARCH or CYCLE over a protected column"),
            false => Ok(()),
        }
    }
}

/// A column of SEARCH or CYCLE.
fn added(name: &str) -> Field {
    Field { hidden: true, ..Field::clean(name) }
}

fn is_write(node: &pg_query::protobuf::Node) -> bool {
    let Some(NodeEnum::CommonTableExpr(cte)) = node.node.as_ref() else { return true };
    !matches!(inner(cte.ctequery.as_deref()), Some(NodeEnum::SelectStmt(_)))
}

fn recursive_select(cte: &CommonTableExpr) -> Option<&SelectStmt> {
    match inner(cte.ctequery.as_deref()) {
        Some(NodeEnum::SelectStmt(select)) if select.op() == SetOperation::SetopUnion => Some(select),
        _ => None,
    }
}
