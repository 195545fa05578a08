//! What stands in FROM: tables, subqueries, joins, functions. Follows
//! `parse_clause.c`: a lateral item sees its left neighbours, a join without
//! an alias leaves its sides nameable.

use std::rc::Rc;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    CoercionForm, JoinExpr, JoinType, Node, RangeFunction, RangeSubselect, RangeTableSample,
};

use super::handed::Origin;
use super::names::{inner, strings};
use super::rows::RowShape;
use super::scope::{Field, Item, Scope, Source};
use super::value::{Purpose, Value, mixed};
use super::{Analysed, Walk, changing};
use crate::catalog::Oid;
use crate::sql::analysis::{Flow, UseKind};

/// Types whose columns all have one form, so that two of them meet without a
/// cast: bool, int8, int2, int4, text, date, uuid.
const NO_MODIFIER: &[Oid] = &[Oid(16), Oid(20), Oid(21), Oid(23), Oid(25), Oid(1082), Oid(2950)];

impl<'a> Walk<'a> {
    /// The items of a FROM clause. `before` are lateral neighbours.
    pub(super) fn sources(
        &mut self,
        nodes: &'a [Node],
        scope: &Scope<'_, 'a>,
        before: Vec<Item>,
    ) -> Analysed<Vec<Item>> {
        let mut items = before;
        for node in nodes {
            let more = self.source_item(node, scope, &items)?;
            items.extend(more);
        }
        Ok(items)
    }

    pub(super) fn source_item(
        &mut self,
        node: &'a Node,
        scope: &Scope<'_, 'a>,
        neighbours: &[Item],
    ) -> Analysed<Vec<Item>> {
        let mark = self.mark();
        let items = self.deeper(|walk| match node.node.as_ref() {
            Some(NodeEnum::RangeVar(named)) => Ok(vec![walk.range_var(named, scope)?]),
            Some(NodeEnum::RangeSubselect(query)) => walk.subselect(query, scope, neighbours),
            Some(NodeEnum::RangeFunction(function)) => walk.range_function(function, scope, neighbours),
            Some(NodeEnum::JoinExpr(join)) => walk.join(join, scope, neighbours),
            Some(NodeEnum::RangeTableSample(sample)) => walk.sample(sample, scope, neighbours),
            Some(NodeEnum::RangeTableFunc(table)) => {
                let lateral = Scope::inside(Some(scope), neighbours.to_vec());
                walk.xml_table(table, &lateral)
            }
            Some(NodeEnum::JsonTable(table)) => {
                let lateral = Scope::inside(Some(scope), neighbours.to_vec());
                walk.json_table(table, &lateral)
            }
            _ => walk.unknown("an item of FROM"),
        })?;
        let computes = matches!(
            node.node,
            Some(NodeEnum::RangeFunction(_) | NodeEnum::RangeTableFunc(_) | NodeEnum::JsonTable(_))
        );
        if computes {
            self.carry_literals(&mark);
        }
        Ok(items)
    }

    fn subselect(
        &mut self,
        subselect: &'a RangeSubselect,
        scope: &Scope<'_, 'a>,
        neighbours: &[Item],
    ) -> Analysed<Vec<Item>> {
        let Some(query) = inner(subselect.subquery.as_deref()) else {
            return self.unknown("a subquery");
        };
        let visible = if subselect.lateral { neighbours.to_vec() } else { Vec::new() };
        let level = Scope::inside(Some(scope), visible);
        let since = self.handed.references();
        let targets = self.statement(query, &level)?;
        let mut fields = changing::fields_of(&targets);
        self.hand_on(&mut fields, &targets, since);
        let mut source = Source { fields, row: RowShape::Record, ..Source::default() };
        self.rename(&mut source, subselect.alias.as_ref())?;
        Ok(vec![Item::visible(source)])
    }

    fn sample(
        &mut self,
        sample: &'a RangeTableSample,
        scope: &Scope<'_, 'a>,
        neighbours: &[Item],
    ) -> Analysed<Vec<Item>> {
        let Some(relation) = sample.relation.as_deref() else { return self.unknown("TABLESAMPLE") };
        let uses = self.found.uses.len();
        let items = self.source_item(relation, scope, neighbours)?;
        if self
            .found
            .uses
            .get(uses..)
            .is_some_and(|new| new.iter().any(|use_| use_.kind == UseKind::Statistics))
        {
            return self.unknown("TABLESAMPLE of statistics");
        }
        let names = self.strings_of(&sample.method)?;
        self.placeless(&names);
        // Not lateral: `transformRangeTableSample` looks further out at once.
        for argument in sample.args.iter().chain(sample.repeatable.as_deref()) {
            self.decide(argument, scope)?;
        }
        Ok(items)
    }

    fn join(
        &mut self,
        join: &'a JoinExpr,
        scope: &Scope<'_, 'a>,
        neighbours: &[Item],
    ) -> Analysed<Vec<Item>> {
        let (Some(left), Some(right)) = (join.larg.as_deref(), join.rarg.as_deref()) else {
            return self.unknown("a join");
        };
        let left = self.source_item(left, scope, neighbours)?;
        let mut seen = neighbours.to_vec();
        seen.extend(left.iter().cloned());
        let right = self.source_item(right, scope, &seen)?;
        let merged = self.merged_columns(join, &left, &right)?;
        let mut joined = joined_source(&merged, &left, &right);
        if join.is_natural && may_have_others(&left, &right) {
            self.others_move = true;
            // Which columns it has hangs on their names.
            joined.fields.iter_mut().for_each(|field| field.loose = true);
        }
        self.burn(joined.fields.len())?;

        let (left_missing, right_missing) = match join.jointype() {
            JoinType::JoinInner => (false, false),
            JoinType::JoinLeft => (false, true),
            JoinType::JoinRight => (true, false),
            _ => (true, true),
        };
        let side = |items: Vec<Item>, missing: bool| {
            items.into_iter().map(move |item| if missing { item.missing() } else { item })
        };
        let on_left = left.len();
        let sides: Vec<Item> = side(left, left_missing).chain(side(right, right_missing)).collect();
        if let Some(condition) = join.quals.as_deref() {
            let level = Scope::inside(Some(scope), sides.clone());
            self.decide(condition, &level)?;
            let missing = if left_missing { sides.get(..on_left) } else { sides.get(on_left..) };
            self.note_joined(join.jointype(), condition, &level, missing.unwrap_or_default());
        }
        let mut items: Vec<Item> = match join.alias {
            Some(_) => Vec::new(),
            None => sides.into_iter().map(|item| Item { bare: false, ..item }).collect(),
        };
        // An alias of the join hides all that is in it, this one too.
        if let (Some(alias), None) = (&join.join_using_alias, &join.alias) {
            let mut source = Source { fields: merged, ..Source::default() };
            self.rename(&mut source, Some(alias))?;
            items.push(Item { source: Rc::new(source), named: true, bare: false });
        }
        self.rename(&mut joined, join.alias.as_ref())?;
        items.push(Item::visible(joined));
        Ok(items)
    }

    /// The columns that USING or NATURAL makes one of, and their equality.
    fn merged_columns(&mut self, join: &'a JoinExpr, left: &[Item], right: &[Item]) -> Analysed<Vec<Field>> {
        let names: Vec<String> = match join.is_natural {
            true => {
                self.placeless(&["natural"]);
                self.common_columns(left, right)?
            }
            false => {
                let names = self.strings_of(&join.using_clause)?;
                self.placeless(&names);
                self.placeless(&["using"]);
                names.into_iter().map(str::to_owned).collect()
            }
        };
        self.check_implied(&["="])?;
        let mut merged = Vec::with_capacity(names.len());
        let alone = names.len() == 1;
        let (left_fields, right_fields) = (bare_fields(left), bare_fields(right));
        for name in names {
            let (Some(a), Some(b)) = (side_column(left, &name), side_column(right, &name)) else {
                return Err(self.no_column(&name));
            };
            if a.hidden || b.hidden {
                return self.unknown("joining by a column of SEARCH or CYCLE");
            }
            if a.optional || b.optional {
                return self
                    .refuse(format!("which column \"{name}\" of USING is hangs on what names mean"), -1);
            }
            let is_checked = !join.is_natural && !self.view;
            if is_checked && !(is_left_out(&left_fields, &name) && is_left_out(&right_fields, &name)) {
                let message = format!("which column \"{name}\" of USING is may be another: name it with AS");
                return self.refuse(message, -1);
            }
            let place = self.here..self.here;
            let (left, right) = (Value::of_field(&a, place.clone()), Value::of_field(&b, place));
            self.reads(&left.flow);
            self.reads(&right.flow);
            self.equality(&left, &right, &[], UseKind::Join);
            self.note_merged(join.jointype(), &a, &b, alone);
            let mut field = merged_field(join.jointype(), &a, &b);
            // Both are shown as one type, which may change the one.
            let is_one_of_two = !left.is_clean() && !right.is_clean();
            if is_one_of_two && !self.are_alike(&left, &right) {
                field.flow = mixed([&left.flow, &right.flow]);
            }
            // USING holds its name. What else is there may come and go.
            field.loose = join.is_natural && (a.loose || b.loose);
            field.unsure = false;
            field.shifts = field.shifts || a.is_uncertain() || b.is_uncertain();
            merged.push(field);
        }
        Ok(merged)
    }

    fn common_columns(&mut self, left: &[Item], right: &[Item]) -> Analysed<Vec<String>> {
        let open =
            left.iter().chain(right).filter(|item| item.bare).find_map(|item| item.source.open.clone());
        if let Some(reason) = open {
            return self.refuse(format!("NATURAL JOIN: {reason}"), -1);
        }
        let mut fields = bare_fields(left).into_iter().chain(bare_fields(right));
        if may_have_others(left, right) && fields.any(|field| field.flow != Flow::Clean) {
            return self.refuse("which columns NATURAL JOIN compares may change: name them with USING", -1);
        }
        let mut names: Vec<String> = Vec::new();
        let others = bare_fields(right);
        for field in bare_fields(left) {
            if others.iter().any(|other| other.name == field.name) && !names.contains(&field.name) {
                names.push(field.name.clone());
            }
        }
        Ok(names)
    }

    fn range_function(
        &mut self,
        function: &'a RangeFunction,
        scope: &Scope<'_, 'a>,
        neighbours: &[Item],
    ) -> Analysed<Vec<Item>> {
        let lateral = Scope::inside(Some(scope), neighbours.to_vec());
        let mut source = Source::default();
        for node in &function.functions {
            let Some(NodeEnum::List(pair)) = node.node.as_ref() else { return self.unknown("ROWS FROM") };
            let Some(call) = pair.items.first() else { return self.unknown("ROWS FROM") };
            let definitions = match inner(pair.items.get(1)) {
                Some(NodeEnum::List(list)) => list.items.as_slice(),
                _ => &[],
            };
            self.function_columns(call, definitions, function, &lateral, &mut source)?;
        }
        if function.ordinality {
            source.fields.push(Field::clean("ordinality"));
        }
        // The columns of a function in a view can't change, but there may be others
        // behind those that an alias gives.
        let unsure = self.view && source.may_have_others();
        source.unsure_alias = function.alias.is_none() && !is_called_by_name(&function.functions);
        self.rename(&mut source, function.alias.as_ref())?;
        source.fields.iter_mut().for_each(|field| field.unsure |= unsure);
        Ok(vec![Item::visible(source)])
    }

    /// The columns that one function in FROM gives. Which rows there are
    /// depends on its arguments.
    fn function_columns(
        &mut self,
        call: &'a Node,
        definitions: &'a [Node],
        function: &'a RangeFunction,
        scope: &Scope<'_, 'a>,
        source: &mut Source,
    ) -> Analysed<()> {
        let mark = self.mark();
        let value = self.expression(call, scope, Purpose::DECIDE)?;
        let runs = value.runs;
        let flow = match value.is_clean() {
            true => value.flow,
            false => self.spend(&value, Purpose::DECIDE),
        };
        let name = super::naming::column_name(call);
        let definitions = if definitions.is_empty() { function.coldeflist.as_slice() } else { definitions };
        let is_defined = !definitions.is_empty();
        let columns = match is_defined {
            true => Some(self.defined_columns(definitions)?),
            false => self.called_columns(call, &name, function),
        };
        // A definition list is what the columns are; else a name may be wrong.
        let unsure = !is_defined && !self.has_certain_columns(call, scope);
        let loose = !self.view && unsure;
        self.others_move |= unsure;
        let is_alone = function.functions.len() == 1 && !unsure && !is_defined;
        // What of the call is the client's own and runs nothing.
        let is_given = !self.view && flow == Flow::Clean && runs.is_none();
        let listed = if is_alone && is_given { self.unnested(call, &mark) } else { Vec::new() };
        let column = |name: &str, place: usize| match listed.get(place) {
            Some(value) => Field { name: name.to_owned(), ..Field::of_value(value) },
            None => Field { flow: flow.clone(), loose, unsure, runs, ..Field::clean(name) },
        };
        // A scalar function's column is called as the alias says; one of a
        // definition list keeps its name (`addRangeTableEntryForFunction`).
        let alias = function.alias.as_ref().map(|alias| alias.aliasname.clone());
        match columns.as_deref() {
            Some([only]) if !is_defined && *only == name && function.functions.len() == 1 => {
                let called = alias.clone().unwrap_or(name);
                source.alias = Some(called.clone());
                source.fields.push(column(&called, 0));
            }
            Some(columns) if !columns.is_empty() => {
                source.alias.get_or_insert(name);
                let places = columns.iter().enumerate();
                source.fields.extend(places.map(|(place, name)| column(name, place)));
            }
            _ if flow != Flow::Clean => return self.unknown("what is in the columns of a function"),
            _ => {
                source.alias.get_or_insert_with(|| name.clone());
                source.open = Some(format!("the columns of function {name} are not known: name them"));
            }
        }
        Ok(())
    }

    /// The columns of a function without a definition list, as far as they are known.
    fn called_columns(&self, call: &Node, name: &str, function: &RangeFunction) -> Option<Vec<String>> {
        let known = self.result_columns(call, name);
        let names = function.alias.as_ref().and_then(|alias| strings(&alias.colnames)).unwrap_or_default();
        if function.functions.len() > 1 || names.is_empty() {
            return known;
        }
        // More names than columns: it has others than are known.
        let room = usize::from(function.ordinality);
        let known = known.filter(|known| names.len() <= known.len() + room);
        match known {
            // The server prints a view with the names of all columns.
            None if self.view => Some(names.into_iter().map(str::to_owned).collect()),
            known => known,
        }
    }

    fn defined_columns(&mut self, definitions: &'a [Node]) -> Analysed<Vec<String>> {
        let mut names = Vec::with_capacity(definitions.len());
        for definition in definitions {
            let Some(NodeEnum::ColumnDef(column)) = definition.node.as_ref() else {
                return self.unknown("a column definition list");
            };
            if let Some(type_name) = &column.type_name {
                self.type_name(type_name)?;
            }
            self.placeless(&[&column.colname]);
            names.push(column.colname.clone());
        }
        Ok(names)
    }
}

/// The columns of a join: the merged ones, then the others of each side.
fn joined_source(merged: &[Field], left: &[Item], right: &[Item]) -> Source {
    let mut source = Source { fields: merged.to_vec(), ..Source::default() };
    for side in [left, right] {
        let open = side.iter().filter(|item| item.bare).find_map(|item| item.source.open.clone());
        source.open = source.open.or(open);
        let mut others = bare_fields(side);
        for column in merged {
            if let Some(place) = left_out(&others, &column.name) {
                others.remove(place);
            }
        }
        source.fields.extend(others.into_iter().cloned());
    }
    let is_settled = |item: &Item| item.source.is_choice || !item.source.may_have_others();
    source.is_choice = left.iter().chain(right).filter(|item| item.bare).all(is_settled);
    source.differs = left.iter().chain(right).any(|item| item.bare && item.source.differs);
    source
}

/// Where the one column of the name stands that a join merges with the other
/// side's: the one that certainly has it, if any has.
fn left_out(fields: &[&Field], name: &str) -> Option<usize> {
    let is_called = |field: &&Field| field.name == name;
    let certain = fields.iter().position(|field| is_called(field) && !field.is_uncertain());
    certain.or_else(|| fields.iter().position(is_called))
}

/// Is it certain which column of a side USING merges? Of a table that the client
/// changes, one of those that it has, all of which may come and go.
fn is_left_out(fields: &[&Field], name: &str) -> bool {
    let place = left_out(fields, name).and_then(|place| fields.get(place));
    place.is_some_and(|field| !field.is_uncertain()) || !fields.iter().any(|field| field.unsure)
}

fn bare_fields(side: &[Item]) -> Vec<&Field> {
    side.iter().filter(|item| item.bare).flat_map(|item| &item.source.fields).collect()
}

fn may_have_others(left: &[Item], right: &[Item]) -> bool {
    left.iter().chain(right).any(|item| item.bare && item.source.may_have_others())
}

/// `buildMergedJoinVar` in `parse_clause.c`: a left join shows the left
/// column, a right join the right one, as the type that both have. An inner join
/// shows the left one too, if it needs no cast.
fn merged_field(join: JoinType, left: &Field, right: &Field) -> Field {
    let type_oid = left.type_oid.filter(|oid| right.type_oid == Some(*oid));
    // Behind a cast, the server names no column.
    let origin_of = |side: &Field| match type_oid {
        Some(_) => side.origin,
        None => side.origin.map(Origin::handed),
    };
    let shown = |side: &Field| Field { type_oid, origin: origin_of(side), ..side.clone() };
    match join {
        JoinType::JoinLeft => shown(left),
        JoinType::JoinRight => shown(right),
        JoinType::JoinInner if type_oid.is_some_and(|oid| NO_MODIFIER.contains(&oid)) => left.clone(),
        JoinType::JoinInner => Field { origin: left.origin.map(Origin::handed), ..left.or(right) },
        _ => left.or(right),
    }
}

fn side_column(side: &[Item], name: &str) -> Option<Field> {
    side.iter().filter(|item| item.bare).filter_map(|item| item.source.field(name)).reduce(|a, b| a.or(&b))
}

/// Is the first function of FROM spelled as one? What stands for it in SQL's own
/// words (EXTRACT, CAST, a value function) is called differently by versions, or
/// after what is in it.
fn is_called_by_name(functions: &[Node]) -> bool {
    let Some(NodeEnum::List(pair)) = functions.first().and_then(|node| node.node.as_ref()) else {
        return false;
    };
    match pair.items.first().and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::FuncCall(call)) => call.funcformat() == CoercionForm::CoerceExplicitCall,
        _ => false,
    }
}
