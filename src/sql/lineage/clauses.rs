//! GROUP BY, DISTINCT, ORDER BY, windows, LIMIT: which output or input a name
//! or number in them means (`findTargetlistEntrySQL92` in `parse_clause.c`),
//! and what their uses become.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{LockWaitPolicy, Node, RowExpr, SelectStmt, WindowDef, a_const};

use super::handed::Origin;
use super::keys::{Dependents, Determined, Grouped};
use super::names::inner;
use super::query::Target;
use super::scope::{Scope, Window};
use super::value::{Purpose, Value, all_columns, computed};
use super::{Analysed, Walk, begins, changing};
use crate::policy::{Disclosure, ProtectedColumn};
use crate::sql::analysis::{Flow, Otherwise, Use, UseKind};
use crate::sql::splice::Edit;

/// What an item of GROUP BY, DISTINCT ON or ORDER BY stands for.
enum Item<'t, 'a> {
    Output(&'t Target),
    Expression(&'a Node),
}

/// Which names an item of such a clause prefers.
#[derive(Clone, Copy, PartialEq)]
enum Prefers {
    Inputs,
    Outputs,
}

impl<'a> Walk<'a> {
    pub(super) fn group_by(
        &mut self,
        select: &'a SelectStmt,
        scope: &Scope<'_, 'a>,
        targets: &mut [Target],
    ) -> Analysed<Dependents> {
        let is_set = |node: &Node| matches!(node.node, Some(NodeEnum::GroupingSet(_)));
        let (mut parting, mut dependents) = (Vec::new(), Dependents::default());
        if select.group_clause.iter().any(is_set) {
            for node in flattened(&select.group_clause) {
                self.group_item(node, scope, targets, &mut parting)?;
            }
        } else {
            let mut items = Vec::with_capacity(select.group_clause.len());
            for node in flattened(&select.group_clause) {
                let compared = self.compared(node, scope, targets, Prefers::Inputs, UseKind::Grouping)?;
                items.extend(compared.map(|(value, span)| Grouped {
                    value,
                    span,
                    spelled: self.item_span(node),
                }));
            }
            (parting, dependents) = self.same_groups(items);
        }
        let parting = all_columns(&parting);
        if !parting.is_empty() {
            for target in targets.iter_mut().filter(|target| target.of_groups) {
                let flow = computed(all_columns([&computed(parting.clone()), &target.value.flow]));
                target.value = target.value.clone().becomes(flow);
            }
        }
        Ok(dependents)
    }

    /// Where an item stands that is a name or a number.
    fn item_span(&self, node: &Node) -> Option<Range<usize>> {
        let span = match node.node.as_ref()? {
            NodeEnum::ColumnRef(name) => self.places.name(name.location, name.fields.len()).ok()?,
            NodeEnum::AConst(number) => self.places.token(number.location),
            _ => return None,
        };
        (!span.is_empty()).then_some(span)
    }

    fn group_item(
        &mut self,
        node: &'a Node,
        scope: &Scope<'_, 'a>,
        targets: &[Target],
        parting: &mut Vec<Flow>,
    ) -> Analysed<()> {
        match node.node.as_ref() {
            Some(NodeEnum::GroupingSet(set)) => {
                self.at(set.location);
                for node in flattened(&set.content) {
                    self.deeper(|walk| walk.group_item(node, scope, targets, parting))?;
                }
            }
            _ => parting.push(self.grouped(node, scope, targets, Prefers::Inputs, UseKind::Grouping)?),
        }
        Ok(())
    }

    fn grouped(
        &mut self,
        node: &'a Node,
        scope: &Scope<'_, 'a>,
        targets: &[Target],
        prefers: Prefers,
        kind: UseKind,
    ) -> Analysed<Flow> {
        match self.compared(node, scope, targets, prefers, kind)? {
            Some((value, span)) => {
                self.same_values(&value, kind, span);
                Ok(self.parting(&value))
            }
            None => Ok(Flow::Clean),
        }
    }

    /// What a view tells by parting its rows by this value: nothing where the
    /// masks tell equal values anyway.
    pub(super) fn parting(&self, value: &Value) -> Flow {
        let told = |column: &Arc<ProtectedColumn>| column.discloses.include(Disclosure::Equality);
        let all_told = super::value::is_plain(&value.flow)
            && super::value::columns(&value.flow).iter().all(told)
            && self.keeps_equality(value);
        match self.view && !all_told {
            true => value.flow.clone(),
            false => Flow::Clean,
        }
    }

    /// What is compared for an item, and where it stands. None: it is dealt with.
    fn compared(
        &mut self,
        node: &'a Node,
        scope: &Scope<'_, 'a>,
        targets: &[Target],
        prefers: Prefers,
        kind: UseKind,
    ) -> Analysed<Option<(Value, Range<usize>)>> {
        match self.item(node, scope, targets, prefers)? {
            Item::Output(target) => {
                self.handles(&target.value);
                Ok(Some((target.value.clone(), target.span.clone())))
            }
            Item::Expression(node) => {
                let value = self.expression(node, scope, Purpose { kind, ..Purpose::GROUP })?;
                self.handles(&value);
                match (&value.row, self.view) {
                    (Some(_), false) => {
                        let purpose = Purpose { kind, neutralise: false, ..Purpose::GROUP };
                        self.spend(&value, purpose);
                        Ok(None)
                    }
                    _ => {
                        let span = self.span_of(&value);
                        Ok(Some((value, span)))
                    }
                }
            }
        }
    }

    /// What need not be compared is left to [`spare`](Walk::spare).
    pub(super) fn distinct(
        &mut self,
        select: &'a SelectStmt,
        scope: &Scope<'_, 'a>,
        targets: &[Target],
    ) -> Analysed<Determined> {
        let is_plain = |node: &Node| node.node.is_none();
        if !select.distinct_clause.iter().all(is_plain) {
            for node in &select.distinct_clause {
                self.grouped(node, scope, targets, Prefers::Outputs, UseKind::Distinct)?;
            }
            return Ok(Determined::default());
        }
        if select.distinct_clause.is_empty() {
            return Ok(Determined::default());
        }
        let determined = self.determined_outputs(select, targets);
        for (place, target) in targets.iter().enumerate() {
            match determined.may_leave_out(place) {
                true => self.handles(&target.value),
                false => self.same_values(&target.value, UseKind::Distinct, target.span.clone()),
            }
        }
        Ok(determined)
    }

    /// A bare name or a number may mean an output column.
    fn item<'t>(
        &mut self,
        node: &'a Node,
        scope: &Scope<'_, 'a>,
        targets: &'t [Target],
        prefers: Prefers,
    ) -> Analysed<Item<'t, 'a>> {
        let expression = Ok(Item::Expression(node));
        match node.node.as_ref() {
            Some(NodeEnum::ColumnRef(reference)) => {
                let [only] = reference.fields.as_slice() else { return expression };
                let Some(NodeEnum::String(name)) = only.node.as_ref() else { return expression };
                let mut called = targets.iter().filter(|target| target.name == name.sval);
                let certain = called.clone().find(|target| !target.is_uncertain());
                let is_input = prefers == Prefers::Inputs && scope.names_column(&name.sval);
                let target = certain.or_else(|| called.next()).filter(|_| !is_input);
                let first = scope.own_column(&name.sval).filter(|_| prefers == Prefers::Inputs);
                self.keeps_meaning(&name.sval, target, first.as_ref(), scope, targets)?;
                let Some(target) = target else { return expression };
                self.at(reference.location);
                let span = self.places.token(reference.location);
                self.found.accounted.push(span);
                Ok(Item::Output(target))
            }
            Some(NodeEnum::AConst(constant)) => {
                let number = match &constant.val {
                    Some(a_const::Val::Ival(number)) => usize::try_from(number.ival).ok(),
                    _ => None,
                };
                let target = number.and_then(|number| targets.get(number.checked_sub(1)?));
                self.at(constant.location);
                // The server's description shows the places of the statement's own outputs.
                if target.is_some() && !scope.is_outermost() {
                    self.keeps_places(targets.iter().map(Target::place))?;
                }
                Ok(target.map_or(Item::Expression(node), Item::Output))
            }
            _ => expression,
        }
    }

    pub(super) fn order_by_clause(
        &mut self,
        select: &'a SelectStmt,
        scope: &Scope<'_, 'a>,
        targets: &[Target],
        determined: &Determined,
    ) -> Analysed<()> {
        let dedups = !select.distinct_clause.is_empty();
        let groups = dedups || !select.group_clause.is_empty();
        let expression =
            Purpose { needs: if groups { Disclosure::Value } else { Disclosure::Search }, ..Purpose::SORT };
        let mut order = OrderBy::new(select);
        for node in &select.sort_clause {
            let sorted = self.sort_node(node)?;
            match self.item(sorted, scope, targets, Prefers::Outputs)? {
                Item::Output(target) => {
                    self.handles(&target.value);
                    self.sorts_by(&target.value, &order);
                    order.cut(&target.value);
                }
                Item::Expression(node) => {
                    let value = self.expression(node, scope, expression)?;
                    self.handles(&value);
                    self.sorts_by(&value, &order);
                    match dedups {
                        true => order.cut(&value),
                        false => {
                            self.sorted(&value, UseKind::OrderBy, Disclosure::Order);
                            order.keep();
                        }
                    }
                }
            }
        }
        order.beside = self.spare(determined, targets, &order.origins);
        self.cut_order(order)
    }

    /// ORDER BY after VALUES or a set operation: outputs only. `alias`: the
    /// name that they have there together.
    pub(super) fn order_by_names(
        &mut self,
        select: &'a SelectStmt,
        scope: &Scope<'_, 'a>,
        targets: &[Target],
        alias: Option<&str>,
    ) -> Analysed<()> {
        let mut order = OrderBy::new(select);
        for node in &select.sort_clause {
            let sorted = self.sort_node(node)?;
            match self.item(sorted, scope, targets, Prefers::Outputs)? {
                Item::Output(target) => {
                    self.handles(&target.value);
                    self.sorts_by(&target.value, &order);
                    order.cut(&target.value);
                }
                Item::Expression(node) => {
                    let fields = changing::fields_of(targets);
                    let alias = alias.map(str::to_owned);
                    let outputs = super::scope::Source { alias, fields, ..Default::default() };
                    let level = Scope::inside(Some(scope), vec![super::scope::Item::visible(outputs)]);
                    let value = self.expression(node, &level, Purpose::SORT)?;
                    self.handles(&value);
                    self.sorts_by(&value, &order);
                    order.cut(&value);
                }
            }
        }
        self.cut_order(order)
    }

    fn sorts_by(&mut self, value: &Value, order: &OrderBy<'_>) {
        if self.view && order.chooses {
            self.chosen_by_order.push(value.flow.clone());
        }
    }

    fn sort_node(&mut self, node: &'a Node) -> Analysed<&'a Node> {
        let Some(NodeEnum::SortBy(sort)) = node.node.as_ref() else { return self.unknown("ORDER BY") };
        if !sort.use_op.is_empty() {
            return self.unknown("ORDER BY … USING");
        }
        match sort.node.as_deref() {
            Some(node) => Ok(node),
            None => self.unknown("ORDER BY"),
        }
    }

    /// One use for all items that must be cut: they go together, since what
    /// of the clause stays in the text depends on all of them.
    fn cut_order(&mut self, order: OrderBy<'_>) -> Analysed<()> {
        if self.view || order.flows.is_empty() {
            return Ok(());
        }
        let first = order.begins().and_then(|begins| begins.first().copied()).unwrap_or(self.here);
        let loses_choice = order.loses_choice();
        let neutralises = self.show.neutralise && !order.with_ties && !loses_choice;
        let edits = match neutralises {
            true => {
                order.edits(&self.places).map(|cut| cut.into_iter().chain(order.beside.clone()).collect())
            }
            false => None,
        };
        if edits.is_none() && neutralises {
            return self.unknown("this ORDER BY");
        }
        let only_grant = order.flows.iter().any(|flow| !super::value::is_plain(flow));
        self.add_use(Use {
            columns: all_columns(&order.flows),
            kind: UseKind::OrderBy,
            needs: order.needs,
            export: false,
            only_grant,
            position: self.places.position(first),
            span: first..first,
            otherwise: edits.map_or(Otherwise::Refuse, Otherwise::Neutralise),
            given: None,
            domain: None,
            detail: loses_choice.then(|| CHOOSES_ROWS.into()),
        });
        Ok(())
    }

    /// Each window of WINDOW may build on those before it.
    pub(super) fn windows(&mut self, nodes: &'a [Node], scope: &Scope<'_, 'a>) -> Analysed<()> {
        for node in nodes {
            let Some(NodeEnum::WindowDef(window)) = node.node.as_ref() else { return self.unknown("WINDOW") };
            let known = self.window(window, scope)?;
            scope.windows.borrow_mut().push((window.name.clone(), known));
        }
        Ok(())
    }

    /// What a view computes over a window, it computes from what that is sorted
    /// by; and from what parts it, unless that may be told apart anyway.
    pub(super) fn window(&mut self, window: &'a WindowDef, scope: &Scope<'_, 'a>) -> Analysed<Window> {
        self.placeless(&[&window.name, &window.refname]);
        let named = [&window.name, &window.refname];
        let known = scope.windows.borrow();
        let built_on = known.iter().filter(|(name, _)| named.contains(&name));
        let (mut flows, mut sorts) = (Vec::new(), Vec::new());
        for (_, base) in built_on {
            flows.extend(base.flows.iter().cloned());
            sorts.extend(base.sorts.iter().cloned());
        }
        drop(known);
        let measures = measures(window);
        for value in sorts.iter().filter(|_| measures) {
            flows.push(self.sorted(value, UseKind::WindowOrder, Disclosure::Search));
        }
        for node in flattened(&window.partition_clause) {
            flows.push(self.grouped(node, scope, &[], Prefers::Inputs, UseKind::Grouping)?);
        }
        for node in &window.order_clause {
            let sorted = self.sort_node(node)?;
            let value = self.expression(sorted, scope, Purpose::WINDOW_SORT)?;
            let needs = if measures { Disclosure::Search } else { Disclosure::Order };
            flows.push(self.sorted(&value, UseKind::WindowOrder, needs));
            sorts.push(value);
        }
        for node in window.start_offset.as_deref().into_iter().chain(window.end_offset.as_deref()) {
            flows.push(self.decide(node, scope)?);
        }
        Ok(Window { flows, sorts })
    }

    pub(super) fn limit_and_locks(&mut self, select: &'a SelectStmt, scope: &Scope<'_, 'a>) -> Analysed<()> {
        for node in select.limit_offset.as_deref().into_iter().chain(select.limit_count.as_deref()) {
            self.decide(node, scope)?;
        }
        for node in &select.locking_clause {
            match inner(Some(node)) {
                Some(NodeEnum::LockingClause(lock)) => {
                    self.locked_names(&lock.locked_rels)?;
                    // Locked rows stay marked (`xmax`).
                    self.traces = true;
                    self.spend_marks();
                    if lock.wait_policy() != LockWaitPolicy::LockWaitBlock {
                        self.spend_locks();
                    }
                }
                _ => return self.unknown("a locking clause"),
            }
        }
        Ok(())
    }
}

/// `RANGE … PRECEDING`, `… FOLLOWING`: the frame ends where values are so far from
/// the row's own, which the client chooses.
fn measures(window: &WindowDef) -> bool {
    /// `FRAMEOPTION_RANGE` of PostgreSQL's `parsenodes.h`.
    const RANGE: i32 = 0x2;
    window.frame_options & RANGE != 0 && (window.start_offset.is_some() || window.end_offset.is_some())
}

/// The items of GROUP BY or PARTITION BY, lists of lists taken apart
/// (`flatten_grouping_sets` in `parse_clause.c`).
fn flattened(nodes: &[Node]) -> Vec<&Node> {
    let mut items = Vec::with_capacity(nodes.len());
    let mut left: Vec<&Node> = nodes.iter().rev().collect();
    while let Some(node) = left.pop() {
        match node.node.as_ref() {
            Some(NodeEnum::RowExpr(row)) if is_list(row) => left.extend(row.args.iter().rev()),
            _ => items.push(node),
        }
    }
    items
}

/// `(a, b)` in GROUP BY: not a row, two items.
fn is_list(row: &RowExpr) -> bool {
    row.row_format() == pg_query::protobuf::CoercionForm::CoerceImplicitCast
}

/// Why no ORDER BY is cut that DISTINCT ON takes its rows by: others would come,
/// and nothing would show it.
const CHOOSES_ROWS: &str = "DISTINCT ON takes the first row of each group in this order, which can't stay \
    without the column that it begins with. row_number() OVER (PARTITION BY … ORDER BY …) = 1 in an outer \
    query takes the same rows and sorts by the other columns only.";

/// The items of one ORDER BY: which must be cut out of the text.
struct OrderBy<'a> {
    items: &'a [Node],
    with_ties: bool,
    /// How many items at its beginning are those of DISTINCT ON: they stay together
    /// or all of it goes (`transformDistinctOnClause` in `parse_clause.c`).
    leading: usize,
    /// Which rows come hangs on it.
    chooses: bool,
    cut: Vec<usize>,
    flows: Vec<Flow>,
    /// What the items that are cut need together.
    needs: Disclosure,
    /// Columns among what is cut.
    origins: HashSet<Origin>,
    /// What must be spliced where they are cut.
    beside: Option<Edit>,
    seen: usize,
}

impl<'a> OrderBy<'a> {
    fn new(select: &'a SelectStmt) -> Self {
        let leading = select.distinct_clause.iter().filter(|node| node.node.is_some()).count();
        Self {
            items: &select.sort_clause,
            with_ties: select.limit_option() == pg_query::protobuf::LimitOption::WithTies,
            leading,
            chooses: leading > 0 || select.limit_count.is_some() || select.limit_offset.is_some(),
            cut: Vec::new(),
            flows: Vec::new(),
            needs: Disclosure::Order,
            origins: HashSet::new(),
            beside: None,
            seen: 0,
        }
    }

    fn keep(&mut self) {
        self.seen += 1;
    }

    fn cut(&mut self, value: &Value) {
        if !value.is_clean() {
            self.cut.push(self.seen);
            self.flows.push(value.flow.clone());
            self.needs = self.needs.max(value.needs_in_order());
            self.origins.extend(value.origin);
        }
        self.keep();
    }

    /// Must all of it go, where DISTINCT ON begins with what is cut?
    fn goes_whole(&self) -> bool {
        self.cut.iter().any(|item| *item < self.leading)
    }

    /// Would an item go that may be sorted by and that DISTINCT ON takes its rows by?
    fn loses_choice(&self) -> bool {
        self.goes_whole() && (self.leading..self.items.len()).any(|item| !self.cut.contains(&item))
    }

    /// Where each item begins.
    fn begins(&self) -> Option<Vec<usize>> {
        let begin = |node: &Node| match node.node.as_ref() {
            Some(NodeEnum::SortBy(sort)) => begins::begin(sort.node.as_deref()?),
            _ => None,
        };
        self.items.iter().map(begin).collect()
    }

    /// None: it can't be cut.
    fn edits(&self, places: &super::Places<'_>) -> Option<Vec<Edit>> {
        let clause = places.order_by(&self.begins()?)?;
        // A blank keeps what stood before it and behind it two words.
        let removed = |span: Range<usize>| Edit::new(span, " ");
        let is_kept = |item: &usize| !self.goes_whole() && !self.cut.contains(item);
        let kept: Vec<usize> = (0..self.items.len()).filter(is_kept).collect();
        let Some(first_kept) = kept.first().copied() else {
            return (!self.with_ties).then(|| vec![removed(clause.clause)]);
        };
        // Before the first kept item, an item goes with the comma after it; later, with the one before.
        self.cut
            .iter()
            .map(|item| {
                let own = clause.items.get(*item)?;
                match *item < first_kept {
                    true => Some(removed(own.start..clause.items.get(item + 1)?.start)),
                    false => Some(removed(clause.items.get(item.checked_sub(1)?)?.end..own.end)),
                }
            })
            .collect()
    }
}
