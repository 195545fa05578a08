//! SQL's own syntax for XML and JSON: constructors and queries are "any
//! other expression", their table functions decide which rows there are.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    JsonAggConstructor, JsonBehavior, JsonFuncExpr, JsonOutput, JsonTable, JsonTableColumn, JsonValueExpr,
    Node, RangeTableFunc, XmlExpr,
};

use super::scope::{Field, Item, Scope, Source};
use super::value::{Purpose, Value, all_columns, computed};
use super::{Analysed, Walk};
use crate::policy::Disclosure;
use crate::sql::analysis::{Flow, UseKind};

impl<'a> Walk<'a> {
    pub(super) fn structured(
        &mut self,
        node: &'a NodeEnum,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Value> {
        self.check_construct(node)?;
        let flow = match node {
            NodeEnum::XmlExpr(xml) => self.xml(xml, scope, purpose)?,
            NodeEnum::XmlSerialize(xml) => {
                if let Some(type_name) = &xml.type_name {
                    self.type_name(type_name)?;
                }
                self.spend_all(xml.expr.as_deref(), scope, purpose)?.flow
            }
            NodeEnum::JsonValueExpr(value) => self.json_value(value, scope, purpose)?,
            NodeEnum::JsonScalarExpr(json) => {
                self.json_output(json.output.as_ref())?;
                self.spend_all(json.expr.as_deref(), scope, purpose)?.flow
            }
            NodeEnum::JsonParseExpr(json) => {
                self.json_output(json.output.as_ref())?;
                self.json_values(json.expr.as_deref(), scope, purpose)?
            }
            NodeEnum::JsonSerializeExpr(json) => {
                self.json_output(json.output.as_ref())?;
                self.json_values(json.expr.as_deref(), scope, purpose)?
            }
            NodeEnum::JsonIsPredicate(json) => self.spend_all(json.expr.as_deref(), scope, purpose)?.flow,
            NodeEnum::JsonObjectConstructor(json) => {
                self.json_output(json.output.as_ref())?;
                self.json_items(&json.exprs, scope, purpose)?
            }
            NodeEnum::JsonArrayConstructor(json) => {
                self.json_output(json.output.as_ref())?;
                self.json_items(&json.exprs, scope, purpose)?
            }
            NodeEnum::JsonArrayQueryConstructor(json) => {
                self.json_output(json.output.as_ref())?;
                let Some(query) = json.query.as_deref().and_then(|query| query.node.as_ref()) else {
                    return self.unknown("JSON_ARRAY");
                };
                let targets = self.statement(query, scope)?;
                let span = self.places.parenthesised(json.location)?;
                let values = targets.into_iter().map(|target| target.value).collect();
                let value = Value::of_elements(values).cut_at(&span);
                self.spend(&self.under_name(value, "json_array"), purpose)
            }
            NodeEnum::JsonObjectAgg(json) => {
                let mut flows = vec![self.json_aggregate(json.constructor.as_deref(), scope)?];
                if let Some(pair) = json.arg.as_deref() {
                    flows.push(self.spend_all(pair.key.as_deref(), scope, purpose)?.flow);
                    flows.push(self.json_values(pair.value.as_deref(), scope, purpose)?);
                }
                computed(all_columns(&flows))
            }
            NodeEnum::JsonArrayAgg(json) => {
                let around = self.json_aggregate(json.constructor.as_deref(), scope)?;
                let inside = self.json_values(json.arg.as_deref(), scope, purpose)?;
                computed(all_columns([&around, &inside]))
            }
            NodeEnum::JsonFuncExpr(json) => self.json_function(json, scope, purpose)?,
            _ => return self.unknown("an expression"),
        };
        Ok(Value::of(flow))
    }

    /// An older server reads these as calls of functions, which anybody may make.
    pub(super) fn check_construct(&self, node: &NodeEnum) -> Analysed<()> {
        let (since, what) = match node {
            NodeEnum::JsonScalarExpr(_)
            | NodeEnum::JsonParseExpr(_)
            | NodeEnum::JsonSerializeExpr(_)
            | NodeEnum::JsonFuncExpr(_) => (170_000, "SQL/JSON"),
            NodeEnum::MergeSupportFunc(_) => (170_000, "merge_action()"),
            NodeEnum::JsonObjectConstructor(_)
            | NodeEnum::JsonArrayConstructor(_)
            | NodeEnum::JsonArrayQueryConstructor(_)
            | NodeEnum::JsonObjectAgg(_)
            | NodeEnum::JsonArrayAgg(_) => (160_000, "SQL/JSON"),
            _ => return Ok(()),
        };
        match self.facts.snapshot.server_version < since {
            true => self.unknown(&format!("{what}, which this server reads as a function's name,")),
            false => Ok(()),
        }
    }

    fn xml(&mut self, xml: &'a XmlExpr, scope: &Scope<'_, 'a>, purpose: Purpose) -> Analysed<Flow> {
        self.at(xml.location);
        self.placeless(&[&xml.name]);
        let mut flows = Vec::new();
        for node in &xml.named_args {
            let Some(NodeEnum::ResTarget(named)) = node.node.as_ref() else { return self.unknown("XML") };
            self.placeless(&[&named.name]);
            // Without AS the element is called as the column is: only a column may stand there.
            let purpose = Purpose { neutralise: purpose.neutralise && !named.name.is_empty(), ..purpose };
            flows.push(self.spend_all(named.val.as_deref(), scope, purpose)?.flow);
        }
        flows.push(self.spend_all(&xml.args, scope, purpose)?.flow);
        Ok(computed(all_columns(&flows)))
    }

    fn json_output(&mut self, output: Option<&'a JsonOutput>) -> Analysed<()> {
        match output.and_then(|output| output.type_name.as_ref()) {
            Some(type_name) => self.type_name(type_name),
            None => Ok(()),
        }
    }

    fn json_value(
        &mut self,
        value: &'a JsonValueExpr,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Flow> {
        Ok(self.spend_all(value.raw_expr.as_deref(), scope, purpose)?.flow)
    }

    fn json_values(
        &mut self,
        values: impl IntoIterator<Item = &'a JsonValueExpr>,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Flow> {
        let mut flows = Vec::new();
        for value in values {
            flows.push(self.json_value(value, scope, purpose)?);
        }
        Ok(computed(all_columns(&flows)))
    }

    /// Elements of JSON_ARRAY, pairs of JSON_OBJECT, arguments of PASSING.
    fn json_items(&mut self, nodes: &'a [Node], scope: &Scope<'_, 'a>, purpose: Purpose) -> Analysed<Flow> {
        let mut flows = Vec::new();
        for node in nodes {
            let flow = match node.node.as_ref() {
                Some(NodeEnum::JsonValueExpr(value)) => self.json_value(value, scope, purpose)?,
                Some(NodeEnum::JsonKeyValue(pair)) => {
                    flows.push(self.spend_all(pair.key.as_deref(), scope, purpose)?.flow);
                    self.json_values(pair.value.as_deref(), scope, purpose)?
                }
                Some(NodeEnum::JsonArgument(argument)) => {
                    self.placeless(&[&argument.name]);
                    self.json_values(argument.val.as_deref(), scope, purpose)?
                }
                _ => return self.unknown("JSON"),
            };
            flows.push(flow);
        }
        Ok(computed(all_columns(&flows)))
    }

    fn json_aggregate(
        &mut self,
        constructor: Option<&'a JsonAggConstructor>,
        scope: &Scope<'_, 'a>,
    ) -> Analysed<Flow> {
        let Some(constructor) = constructor else { return Ok(Flow::Clean) };
        self.at(constructor.location);
        self.aggregates += usize::from(constructor.over.is_none());
        self.json_output(constructor.output.as_ref())?;
        let mut flows = Vec::new();
        for node in &constructor.agg_order {
            let Some(NodeEnum::SortBy(sort)) = node.node.as_ref() else { return self.unknown("ORDER BY") };
            let Some(node) = sort.node.as_deref() else { return self.unknown("ORDER BY") };
            let value = self.expression(node, scope, Purpose::SORT)?;
            flows.push(self.sorted(&value, UseKind::OrderBy, Disclosure::Order));
        }
        if let Some(condition) = constructor.agg_filter.as_deref() {
            flows.push(self.decide(condition, scope)?);
        }
        if let Some(window) = constructor.over.as_deref() {
            flows.extend(self.window(window, scope)?.flows);
        }
        Ok(computed(all_columns(&flows)))
    }

    fn json_function(
        &mut self,
        json: &'a JsonFuncExpr,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Flow> {
        self.at(json.location);
        self.json_output(json.output.as_ref())?;
        let mut flows = vec![self.json_values(json.context_item.as_deref(), scope, purpose)?];
        flows.push(self.spend_all(json.pathspec.as_deref(), scope, purpose)?.flow);
        flows.push(self.json_items(&json.passing, scope, purpose)?);
        for behaviour in json.on_empty.as_deref().into_iter().chain(json.on_error.as_deref()) {
            flows.push(self.json_behaviour(behaviour, scope, purpose)?);
        }
        Ok(computed(all_columns(&flows)))
    }

    fn json_behaviour(
        &mut self,
        behaviour: &'a JsonBehavior,
        scope: &Scope<'_, 'a>,
        purpose: Purpose,
    ) -> Analysed<Flow> {
        Ok(self.spend_all(behaviour.expr.as_deref(), scope, purpose)?.flow)
    }

    pub(super) fn json_table(&mut self, table: &'a JsonTable, scope: &Scope<'_, 'a>) -> Analysed<Vec<Item>> {
        self.at(table.location);
        let mut flows = vec![self.json_values(table.context_item.as_deref(), scope, Purpose::DECIDE)?];
        if let Some(path) = table.pathspec.as_deref() {
            self.placeless(&[&path.name]);
            flows.push(self.spend_all(path.string.as_deref(), scope, Purpose::DECIDE)?.flow);
        }
        flows.push(self.json_items(&table.passing, scope, Purpose::DECIDE)?);
        if let Some(behaviour) = table.on_error.as_deref() {
            flows.push(self.json_behaviour(behaviour, scope, Purpose::DECIDE)?);
        }
        let flow = computed(all_columns(&flows));
        let mut source = Source { alias: Some("json_table".to_owned()), ..Source::default() };
        self.json_columns(&table.columns, &flow, scope, &mut source.fields)?;
        self.rename(&mut source, table.alias.as_ref())?;
        Ok(vec![Item::visible(source)])
    }

    fn json_columns(
        &mut self,
        nodes: &'a [Node],
        flow: &Flow,
        scope: &Scope<'_, 'a>,
        fields: &mut Vec<Field>,
    ) -> Analysed<()> {
        let mut nested = Vec::new();
        for node in nodes {
            let Some(NodeEnum::JsonTableColumn(column)) = node.node.as_ref() else {
                return self.unknown("JSON_TABLE");
            };
            self.json_column(column, flow, scope, fields)?;
            nested.push(&column.columns);
        }
        // Those of NESTED PATH come last (`transformJsonTableColumns`).
        for columns in nested {
            self.deeper(|walk| walk.json_columns(columns, flow, scope, fields))?;
        }
        Ok(())
    }

    fn json_column(
        &mut self,
        column: &'a JsonTableColumn,
        flow: &Flow,
        scope: &Scope<'_, 'a>,
        fields: &mut Vec<Field>,
    ) -> Analysed<()> {
        self.placeless(&[&column.name]);
        if let Some(type_name) = &column.type_name {
            self.type_name(type_name)?;
        }
        if let Some(path) = column.pathspec.as_deref() {
            self.placeless(&[&path.name]);
            self.spend_all(path.string.as_deref(), scope, Purpose::DECIDE)?;
        }
        for behaviour in column.on_empty.as_deref().into_iter().chain(column.on_error.as_deref()) {
            self.json_behaviour(behaviour, scope, Purpose::DECIDE)?;
        }
        if column.columns.is_empty() {
            fields.push(Field { flow: flow.clone(), ..Field::clean(&column.name) });
        }
        Ok(())
    }

    pub(super) fn xml_table(
        &mut self,
        table: &'a RangeTableFunc,
        scope: &Scope<'_, 'a>,
    ) -> Analysed<Vec<Item>> {
        self.at(table.location);
        let mut flows = vec![self.spend_all(table.docexpr.as_deref(), scope, Purpose::DECIDE)?.flow];
        flows.push(self.spend_all(table.rowexpr.as_deref(), scope, Purpose::DECIDE)?.flow);
        for node in &table.namespaces {
            let Some(NodeEnum::ResTarget(named)) = node.node.as_ref() else {
                return self.unknown("XMLTABLE");
            };
            self.placeless(&[&named.name]);
            flows.push(self.spend_all(named.val.as_deref(), scope, Purpose::DECIDE)?.flow);
        }
        let mut source = Source { alias: Some("xmltable".to_owned()), ..Source::default() };
        for node in &table.columns {
            let Some(NodeEnum::RangeTableFuncCol(column)) = node.node.as_ref() else {
                return self.unknown("XMLTABLE");
            };
            self.placeless(&[&column.colname]);
            if let Some(type_name) = &column.type_name {
                self.type_name(type_name)?;
            }
            for node in column.colexpr.as_deref().into_iter().chain(column.coldefexpr.as_deref()) {
                flows.push(self.spend_all([node], scope, Purpose::DECIDE)?.flow);
            }
            source.fields.push(Field::clean(&column.colname));
        }
        let flow = computed(all_columns(&flows));
        source.fields.iter_mut().for_each(|field| field.flow = flow.clone());
        self.rename(&mut source, table.alias.as_ref())?;
        Ok(vec![Item::visible(source)])
    }
}
