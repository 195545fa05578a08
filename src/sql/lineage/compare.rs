//! Operators and comparisons: the rows of the disclosure table that need
//! `equality` or `search`.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, Node};

use super::names::PG_CATALOG;
use super::scope::Scope;
use super::value::{self, Constant, Literal, Purpose, Value, all_columns, computed, same_domain};
use super::{Analysed, Walk};
use crate::catalog::Oid;
use crate::catalog::snapshot::Function;
use crate::policy::Disclosure;
use crate::sql::analysis::{Flow, Otherwise, Use, UseKind};

/// Operators that compare: their answer is a predicate wherever they stand.
const COMPARISONS: &[&str] = &[
    "=", "<>", "!=", "<", ">", "<=", ">=", "~", "~*", "!~", "!~*", "~~", "~~*", "!~~", "!~~*", "^@", "~<~",
    "~>~", "~<=~", "~>=~",
];

impl<'a> Walk<'a> {
    pub(super) fn operation(
        &mut self,
        operation: &'a AExpr,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        self.at(operation.location);
        let here = self.here;
        let names = self.strings_of(&operation.name)?;
        let mark = self.mark();
        let flow = match operation.kind() {
            AExprKind::AexprOp => {
                let value = self.operator(operation, &names, scope, purpose)?;
                self.here = here;
                self.hide_literals(&mark);
                return Ok(value);
            }
            AExprKind::AexprOpAny | AExprKind::AexprOpAll => {
                self.account_operator(operation, &names)?;
                self.any_or_all(operation, &names, scope)?
            }
            AExprKind::AexprLike
            | AExprKind::AexprIlike
            | AExprKind::AexprSimilar
            | AExprKind::AexprBetween
            | AExprKind::AexprNotBetween
            | AExprKind::AexprBetweenSym
            | AExprKind::AexprNotBetweenSym => {
                self.account_operator(operation, &names)?;
                self.account_words(operation.location);
                if names.last().is_some_and(|name| name.contains("BETWEEN")) {
                    self.check_implied(&["<", ">", "<=", ">="])?;
                }
                let operands =
                    operation.lexpr.as_deref().into_iter().chain(operands(operation.rexpr.as_deref()));
                let (value, runs) = self.spend_each(operands, scope, Purpose::DECIDE)?;
                self.meets(&Value { runs, ..Value::clean() });
                value.flow
            }
            AExprKind::AexprDistinct | AExprKind::AexprNotDistinct => {
                let (left, right) = self.both(operation, scope)?;
                self.account_words(operation.location);
                match (left.constant, right.constant) {
                    (Constant::Null, _) => self.use_nullness(&right),
                    (_, Constant::Null) => self.use_nullness(&left),
                    _ => self.compare(&left, &right, &names, operation.location)?,
                }
            }
            AExprKind::AexprNullif => {
                // It puts out the first operand too.
                let (left, right) = self.both(operation, scope)?;
                let (left, right) = (left.not_given(), right.not_given());
                let compared = self.compare(&left, &right, &names, operation.location)?;
                let flow = value::mixed([&left.flow]);
                self.hide_literals(&mark);
                let flow = match compared {
                    Flow::Clean => flow,
                    compared => computed(all_columns([&flow, &compared])),
                };
                // The operator may have wanted it as the other's type.
                let keeps = right.literal == Literal::Plain || left.type_oid == right.type_oid;
                let type_oid = left.type_oid.filter(|_| keeps);
                return Ok(Value { type_oid, ..left.becomes(flow) });
            }
            AExprKind::AexprIn => {
                let Some(left) = operation.lexpr.as_deref() else { return self.unknown("IN") };
                self.account_words(operation.location);
                // It meets every item.
                let left = self.expression(left, scope, Purpose::DECIDE)?.not_given();
                let mut items = Vec::new();
                for node in operands(operation.rexpr.as_deref()) {
                    items.push(self.expression(node, scope, Purpose::DECIDE)?);
                }
                if let Some(all) = self.all_given(&items) {
                    items = vec![all];
                }
                let mut flows = Vec::new();
                for right in &items {
                    flows.push(self.compare(&left, right, &names, operation.location)?);
                }
                computed(all_columns(&flows))
            }
            AExprKind::Undefined => return self.unknown("an operator"),
        };
        self.here = here;
        if self.found.uses.len() > mark.uses {
            self.hide_literals(&mark);
        }
        Ok(Value::of(flow))
    }

    fn operator(
        &mut self,
        operation: &'a AExpr,
        names: &[&str],
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        let name = names.last().copied().unwrap_or_default();
        if COMPARISONS.contains(&name) && operation.lexpr.is_some() {
            let (left, right) = self.both(operation, scope)?;
            return Ok(Value::of(self.compare(&left, &right, names, operation.location)?));
        }
        self.account_operator(operation, names)?;
        if let (Some(left), Some(right)) = (operation.lexpr.as_deref(), operation.rexpr.as_deref()) {
            let document = self.expression(left, scope, purpose)?;
            let key = self.expression(right, scope, purpose)?;
            self.meets_by(name, &document);
            self.meets_by(name, &key);
            if let Some(value) = self.accessed(names, &document, right) {
                return Ok(value);
            }
            if let Some(value) = self.held_against(names, [(&document, left), (&key, right)]) {
                return Ok(value);
            }
            let flows = [self.spend(&document, purpose), self.spend(&key, purpose)];
            return Ok(Value::of(computed(all_columns(&flows))));
        }
        let operands = operation.lexpr.as_deref().into_iter().chain(operation.rexpr.as_deref());
        let (value, runs) = self.spend_each(operands, scope, purpose)?;
        self.meets(&Value { runs, ..Value::clean() });
        Ok(value)
    }

    pub(super) fn both(&mut self, operation: &'a AExpr, scope: &Scope<'_, 'a>) -> Analysed<(Value, Value)> {
        let (Some(left), Some(right)) = (operation.lexpr.as_deref(), operation.rexpr.as_deref()) else {
            return self.unknown("an operator");
        };
        let left = self.expression(left, scope, Purpose::DECIDE)?;
        let right = self.expression(right, scope, Purpose::DECIDE)?;
        Ok((left, right))
    }

    /// Two operands and an operator's name (none: `=`). Rows compare element by element.
    pub(super) fn compare(
        &mut self,
        left: &Value,
        right: &Value,
        names: &[&str],
        location: i32,
    ) -> Analysed<Flow> {
        let name = names.last().copied().unwrap_or("=");
        if !names.is_empty() {
            self.check_operator(names, location)?;
        }
        self.meets_by(name, left);
        self.meets_by(name, right);
        if matches!(name, "=" | "<>" | "!=") {
            return Ok(self.equality(left, right, names, UseKind::Equality));
        }
        let flows = [self.spend(left, Purpose::DECIDE), self.spend(right, Purpose::DECIDE)];
        Ok(computed(all_columns(&flows)))
    }

    /// Whether two values are equal: the mask says so within one domain;
    /// anything else is an oracle. `names`: the operator's, none for `=`.
    pub(super) fn equality(&mut self, left: &Value, right: &Value, names: &[&str], kind: UseKind) -> Flow {
        self.meets(left);
        self.meets(right);
        if left.is_clean() && right.is_clean() {
            return Flow::Clean;
        }
        if self.view {
            let needs = match self.masks_tell(left, right) {
                true => Disclosure::Equality,
                false => Disclosure::Search,
            };
            let sides = [left, right].map(|side| (side.flow.clone(), needs));
            self.asked.extend(sides.into_iter().filter(|(flow, _)| *flow != Flow::Clean));
            return computed(all_columns([&left.flow, &right.flow]));
        }
        if let (Some(a), Some(b)) = (&left.elements, &right.elements)
            && a.len() == b.len()
        {
            for (a, b) in a.iter().zip(b) {
                self.equality(a, b, names, kind);
            }
            return Flow::Clean;
        }
        let disclosed =
            self.is_builtin_operator(names, [left.type_oid, right.type_oid]) && self.masks_tell(left, right);
        if disclosed {
            let columns = all_columns([&left.flow, &right.flow]);
            let span = self.span_of(left);
            self.add_use(Use {
                columns,
                kind,
                needs: Disclosure::Equality,
                export: false,
                only_grant: false,
                position: self.places.position(span.start),
                span,
                otherwise: Otherwise::Refuse,
                given: None,
                domain: None,
                detail: None,
            });
            return Flow::Clean;
        }
        for (side, other) in [(left, right), (right, left)] {
            if side.is_clean() {
                continue;
            }
            let purpose = Purpose { kind, ..Purpose::DECIDE };
            let span = self.span_of(side);
            let compares_tokens = self.compares_tokens(side, names);
            if compares_tokens && other.is_clean() {
                self.want_listed(side, other);
            }
            let compares = kind == UseKind::Equality && compares_tokens;
            let given = if compares { self.given_to(side, other) } else { None };
            let use_ = self.use_of(&side.flow, purpose, span, Otherwise::Refuse);
            self.add_use(Use { given, ..use_ });
        }
        Flow::Clean
    }

    /// Grouping, DISTINCT, PARTITION BY: equality among a value's own rows.
    pub(super) fn same_values(&mut self, value: &Value, kind: UseKind, span: std::ops::Range<usize>) {
        self.handles(value);
        if value.is_clean() {
            return;
        }
        if let Some(elements) = &value.elements {
            for element in elements {
                self.same_values(element, kind, span.clone());
            }
            return;
        }
        let purpose = Purpose { kind, needs: self.needs_to_compare(value), export: false, neutralise: false };
        self.add_use(self.use_of(&value.flow, purpose, span, Otherwise::Refuse));
    }

    /// What a column must disclose for its own values to be held against each other.
    pub(super) fn needs_to_compare(&self, value: &Value) -> Disclosure {
        let enough = self.keeps_equality(value) && self.is_builtin_operator(&[], [value.type_oid; 2]);
        if enough { Disclosure::Equality } else { Disclosure::Search }
    }

    /// Do masks tell whether these two are equal, as the server compares them?
    pub(super) fn masks_tell(&self, left: &Value, right: &Value) -> bool {
        same_domain(&left.flow, &right.flow)
            && self.are_alike(left, right)
            && self.keeps_equality(left)
            && self.keeps_equality(right)
    }

    pub(super) fn keeps_equality(&self, value: &Value) -> bool {
        !value.collated && self.has_plain_equality(value.type_oid)
    }

    pub(super) fn span_of(&self, value: &Value) -> std::ops::Range<usize> {
        value.points.first().map_or(self.here..self.here, |point| point.span.clone())
    }

    /// Is it `pg_catalog`'s `=`? Another schema's operator counts where its
    /// operands could be these.
    pub(super) fn is_builtin_operator(&self, names: &[&str], types: [Option<Oid>; 2]) -> bool {
        if let [schema, _] = names {
            let mut others = self.facts.snapshot.operators.iter();
            return *schema == PG_CATALOG
                && !others.any(|known| &*known.schema == PG_CATALOG && names.last() == Some(&&*known.name));
        }
        let name = names.last().copied().unwrap_or("=");
        let snapshot = self.facts.snapshot;
        let is_catalogs = |oid: &Option<Oid>| {
            oid.and_then(|oid| snapshot.types.get(&oid)).is_none_or(|info| info.oid.is_builtin())
        };
        !snapshot.operators.iter().filter(|operator| *operator.name == *name).any(|operator| {
            let takes = |operand: &Option<Oid>| types.iter().any(|known| known.is_none() || known == operand);
            (is_catalogs(&operator.left) || takes(&operator.left))
                && (is_catalogs(&operator.right) || takes(&operator.right))
        })
    }

    fn account_operator(&mut self, operation: &'a AExpr, names: &[&str]) -> Analysed<()> {
        self.check_operator(names, operation.location)
    }

    /// Accounts for an operator, refuses one that runs an opaque function.
    fn check_operator(&mut self, names: &[&str], location: i32) -> Analysed<()> {
        let token = self.places.token(location);
        let qualified = names.len() > 1;
        self.found.accounted.push(if qualified { self.places.parenthesised(location)? } else { token });
        self.check_runs(names, location)
    }

    /// The words that a comparison is spelled in: `NOT LIKE`, `IS DISTINCT FROM`.
    pub(super) fn account_words(&mut self, location: i32) {
        let mut word = Some(self.places.token(location));
        while let Some(span) = word.take_if(|span| self.places.is_comparing(span)) {
            word = self.places.after(span.end);
            self.found.accounted.push(span);
        }
    }

    /// Refuses an operator that runs an opaque function, spelled or not.
    pub(super) fn check_implied(&mut self, names: &[&str]) -> Analysed<()> {
        names.iter().try_for_each(|name| self.check_runs(&[name], -1))
    }

    fn check_runs(&mut self, names: &[&str], location: i32) -> Analysed<()> {
        let Some(name) = names.last() else { return Ok(()) };
        let schema = if names.len() > 1 { names.first() } else { None };
        let snapshot = self.facts.snapshot;
        let called = snapshot
            .operators
            .iter()
            .filter(|operator| *operator.name == **name)
            .filter(|operator| schema.is_none_or(|schema| *operator.schema == **schema));
        let called = called.flat_map(|operator| &operator.functions);
        let called: Vec<&Function> = called.filter_map(|oid| snapshot.functions.get(oid)).collect();
        self.traces |= called.iter().any(|function| self.body_leaves_trace(function));
        match called.iter().find(|function| self.facts.opaque_functions.contains(&function.oid)) {
            Some(opaque) => {
                let why = format!("It runs {}.{}.", opaque.schema, opaque.name);
                self.refuse_opaque("operator", name, Some(why), location)
            }
            None => Ok(()),
        }
    }
}

/// The right side of IN, BETWEEN and the like: a list or one operand.
fn operands(node: Option<&Node>) -> impl Iterator<Item = &Node> {
    let (list, one) = match node.and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::List(list)) => (list.items.as_slice(), None),
        _ => (&[][..], node),
    };
    list.iter().chain(one)
}
