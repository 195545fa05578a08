//! Relation names to columns: every relation of the snapshot that the name
//! could mean, views by where their columns come from.

use std::sync::Arc;

use pg_query::protobuf::RangeVar;

use super::changing::take_names;
use super::handed::Handed;
use super::names::strings;
use super::rows::RowShape;
use super::scope::{CteState, Field, Item, Scope, Source};
use super::several::{Grain, any_of, unlisted};
use super::value::{Purpose, Value};
use super::{Analysed, Walk, value};
use crate::catalog::guard::Facts;
use crate::catalog::snapshot::{Relation, RelationKind};
use crate::catalog::{ColumnId, Oid};
use crate::error::{ClientError, sqlstate};
use crate::mask::Method;
use crate::policy::ProtectedColumn;
use crate::sql::analysis::{Flow, Otherwise};
use crate::sql::parse;

/// The server's SQLSTATE (`buildRelationAliases` in its `parse_relation.c`).
pub(super) const TOO_MANY_NAMES: &str = "42P10";

impl<'a> Walk<'a> {
    /// A relation or CTE in FROM.
    pub(super) fn range_var(&mut self, named: &'a RangeVar, scope: &Scope<'_, 'a>) -> Analysed<Item> {
        self.at(named.location);
        let cte = match named.schemaname.is_empty() {
            true => scope.cte(&named.relname),
            false => None,
        };
        let mut source = match cte {
            Some((level, place)) => {
                self.account_relation(named)?;
                let mut fields = self.referenced_cte(level, place)?.to_vec();
                // `ctelevelsup` is 0 (`addRangeTableEntryForCTE`).
                let is_own = std::ptr::eq(level, scope);
                fields.iter_mut().for_each(|field| field.hidden &= !is_own);
                self.mentioned_anew(&mut fields)?;
                Source {
                    alias: Some(named.relname.clone()),
                    fields,
                    row: RowShape::Record,
                    ..Source::default()
                }
            }
            None => {
                let relations = self.relations(named, self.meanings.grain)?;
                self.filter_statistics(named, &relations)?;
                let mut source = self.source_of(named, &relations);
                self.others_move |= !source.is_choice && source.may_have_others();
                source.fields = self.with_origins(named, source.fields, &relations);
                source.row = self.shape_of(named, &relations);
                source
            }
        };
        self.rename(&mut source, named.alias.as_ref())?;
        Ok(Item::visible(source))
    }

    /// Applies an alias with its column names.
    pub(super) fn rename(
        &mut self,
        source: &mut Source,
        alias: Option<&pg_query::protobuf::Alias>,
    ) -> Analysed<()> {
        let Some(alias) = alias else { return Ok(()) };
        let names = self.alias_names(alias)?;
        source.alias = Some(alias.aliasname.clone());
        source.schemas.clear();
        if names.len() > source.fields.len() || (source.open.is_some() && !names.is_empty()) {
            return self.rename_open(source, names);
        }
        if !names.is_empty() {
            self.keeps_places(source.fields.iter().map(Field::place))?;
        }
        take_names(&mut source.fields, names);
        Ok(())
    }

    /// Column names for something whose columns are not known: only clean
    /// columns can hide behind them.
    fn rename_open(&mut self, source: &mut Source, names: Vec<String>) -> Analysed<()> {
        if source.open.is_none() {
            let name = source.alias.as_deref().unwrap_or("?");
            let message = format!("table \"{name}\" has fewer columns than aliases");
            return match source.may_have_others() && self.others_move {
                true => self.refuse(message, -1),
                false => self.impossible(TOO_MANY_NAMES, message),
            };
        }
        if source.differs || source.fields.iter().any(|field| field.flow != Flow::Clean) {
            return self.refuse(source.open.clone().unwrap_or_default(), -1);
        }
        source.fields = names.into_iter().map(Field::clean).collect();
        Ok(())
    }

    /// Every relation that the name could mean. Accounts for it, notes its
    /// protected columns.
    pub(super) fn relations(&mut self, named: &'a RangeVar, grain: Grain) -> Analysed<Vec<&'a Relation>> {
        self.account_relation(named)?;
        let relations = self.candidates(&named.schemaname, &named.relname);
        for relation in &relations {
            if let Some(reason) = self.facts.locked_relations.get(&relation.oid) {
                return Err(ClientError::new(
                    sqlstate::INSUFFICIENT_PRIVILEGE,
                    format!("relation \"{}.{}\" is locked: {reason}", relation.schema, relation.name),
                )
                .with_hint("A rule of the policy does not fit it any more; `bauta check` says which.")
                .at(self.places.position(self.here)));
            }
            if relation.kind == RelationKind::Other {
                return self
                    .refuse(format!("reading \"{}\" is not understood", relation.name), named.location);
            }
            if self.is_held(relation) {
                self.held_places.insert(named.location);
            }
            self.name(relation);
            self.traces |= self.reading_leaves_trace(relation);
        }
        Ok(self.chosen(named, relations, grain))
    }

    fn account_relation(&mut self, named: &RangeVar) -> Analysed<()> {
        let parts = [&named.catalogname, &named.schemaname, &named.relname];
        let parts = parts.iter().filter(|part| !part.is_empty()).count();
        let span = self.places.name(named.location, parts)?;
        self.found.accounted.push(span);
        Ok(())
    }

    pub(super) fn candidates(&self, schema: &str, name: &str) -> Vec<&'a Relation> {
        candidates(self.facts, schema, name)
    }

    /// Reading one that counts on writing only runs nothing and shows nothing protected:
    /// it is as if it did not count.
    fn name(&mut self, relation: &Relation) {
        if self.facts.counts_on_reading(relation.oid) {
            self.touch(relation);
        }
    }

    /// Every relation that is written to under this name: what the write sets off
    /// counts, whatever the relation holds.
    pub(super) fn name_written(&mut self, named: &RangeVar) {
        for relation in self.candidates(&named.schemaname, &named.relname) {
            if self.facts.counted_relations.contains(&relation.oid) {
                self.touch(relation);
            }
        }
    }

    fn touch(&mut self, relation: &Relation) {
        if !self.seen.insert(relation.oid) {
            return;
        }
        self.touches = true;
        let known = self.named.len();
        let columns = self.fields_of(relation);
        self.named.extend(value::all_columns(columns.iter().map(|field| &field.flow)));
        let reached = self.facts.reached.get(&relation.oid);
        self.named.extend(reached.into_iter().flat_map(|reached| &*reached.by_read).cloned());
        // What its policies, defaults and CHECKs read, an error may carry.
        for oid in &relation.depends_on_relations {
            if let Some(read) = self.facts.snapshot.relations.get(oid) {
                let fields = self.fields_of(read);
                self.named.extend(value::all_columns(fields.iter().map(|field| &field.flow)));
            }
        }
        let is_view = matches!(relation.kind, RelationKind::View | RelationKind::MaterializedView);
        if let (true, Some(definition)) = (is_view, relation.definition.as_deref()) {
            self.named.extend(self.inside_view(definition));
        }
        let asked = self.facts.set_off.get(&relation.oid).map(|found| &found.columns);
        let by_key = [self.facts.keyed.get(&relation.oid), self.facts.sequences.get(&relation.oid), asked];
        self.named.extend(by_key.into_iter().flatten().flatten().cloned());
        // It counts, and nobody knows for what: statistics, say.
        if self.named.len() == known {
            self.named.extend(self.all_protected());
        }
    }

    /// Protected columns that a view reads, in its outputs or elsewhere: an
    /// error may carry any of them. None where it can't be read: its outputs
    /// are named all the same.
    fn inside_view(&self, definition: &str) -> Vec<Arc<ProtectedColumn>> {
        self.within_view(definition, |walk| walk.named).unwrap_or_default()
    }

    /// What a walk through a view's definition found. None: it can't be read.
    fn within_view<T>(&self, definition: &str, found: impl FnOnce(Walk<'_>) -> T) -> Option<T> {
        let depth = self.depth.checked_sub(1)?;
        let parsed = parse::parse(definition, super::VIEW_DEPTH).ok()?;
        let statement = parsed.statements.first()?;
        let mut walk = Walk::new(self.facts, definition, &parsed.tokens, depth);
        walk.view = true;
        walk.handed = Handed::off();
        walk.statement(&statement.node, &Scope::inside(None, Vec::new())).ok()?;
        Some(found(walk))
    }

    /// The columns of one relation with what they carry.
    pub(super) fn fields_of(&self, relation: &Relation) -> Vec<Field> {
        let flows = self.facts.view_flows.get(&relation.oid);
        relation
            .columns
            .iter()
            .map(|column| {
                let own = self
                    .facts
                    .protected
                    .get(&ColumnId { relation: relation.oid, attribute: column.attribute });
                let own = match own {
                    Some(own) if own.method.method() != Method::Show => {
                        Flow::Plain { columns: vec![Arc::clone(own)], cast: false }
                    }
                    _ => Flow::Clean,
                };
                let place = usize::try_from(column.attribute).ok().and_then(|number| number.checked_sub(1));
                let inherited = flows.and_then(|flows| flows.get(place?)).cloned();
                let flow = match inherited {
                    Some(inherited) if own == Flow::Clean => inherited,
                    Some(inherited) => value::unite(&own, &inherited),
                    None => own,
                };
                let flow = match self.view && super::holds_statistics(relation, &column.name) {
                    true => value::computed(self.all_protected()),
                    false => flow,
                };
                self.through_a_view(Field {
                    flow,
                    type_oid: Some(column.type_oid),
                    collated: column.nondeterministic,
                    recased: column.recased,
                    runs: self.runs_of(column.type_oid),
                    ..Field::clean(&*column.name)
                })
            })
            .collect()
    }

    /// What the name means: one relation, several united, or one that the
    /// snapshot does not know, such as a table made earlier in the transaction.
    pub(super) fn source_of(&self, named: &RangeVar, relations: &[&Relation]) -> Source {
        let mut source = Source {
            alias: Some(named.relname.clone()),
            schemas: relations.iter().map(|relation| relation.schema.to_string()).collect(),
            // A view has none: there `v.ctid` is a function of the row.
            system: relations.iter().all(|relation| relation.kind != RelationKind::View),
            locked_by: relations.iter().flat_map(|relation| self.locked_by(relation)).collect(),
            is_choice: self.is_choice(named),
            ..Source::default()
        };
        let is_choice = source.is_choice;
        let may_change = |relation: &Relation| is_choice && self.may_change(named, &[relation]);
        let mut all = relations.iter().map(|relation| match may_change(relation) {
            true => self.fields_of(relation).into_iter().map(loosened).collect(),
            false => self.fields_of(relation),
        });
        let Some(first) = all.next() else {
            source.schemas.push(named.schemaname.clone());
            source.open = Some(format!("relation \"{}\" is not known yet: name its columns", named.relname));
            return source;
        };
        source.fields = first;
        if source.is_choice {
            source.differs = any_of(&mut source.fields, all);
            source.open = source.differs.then(|| unlisted(&named.relname));
        } else {
            all.for_each(|fields| unite_by_name(&mut source.fields, fields));
        }
        if self.may_change(named, relations) {
            if source.fields.is_empty() {
                source.open = Some(format!("relation \"{}\" may get columns: name them", named.relname));
            }
            source.fields = source.fields.into_iter().map(loosened).collect();
        }
        source
    }

    /// Protected columns whose keys lead to rows of the relation, or to its parents.
    fn locked_by(&self, relation: &Relation) -> Vec<Arc<ProtectedColumn>> {
        let keyed = |oid: &Oid| self.facts.keyed.get(oid).into_iter().flatten().cloned();
        let above = self.facts.snapshot.above(relation);
        keyed(&relation.oid).chain(above.iter().flat_map(|parent| keyed(&parent.oid))).collect()
    }

    /// SKIP LOCKED and NOWAIT tell which rows another session's keys have
    /// locked, committed or not.
    pub(super) fn spend_locks(&mut self) {
        let columns =
            self.reached_relations().into_iter().flat_map(|relation| self.locked_by(relation)).collect();
        self.spend(&Value::of(value::computed(columns)), Purpose::DECIDE);
    }

    /// A view's rows are locked in all that it reads: where it joins by a
    /// protected value, the mark on another table's row tells what that is.
    pub(super) fn spend_marks(&mut self) {
        let views = self.reached_relations();
        let definitions = views.into_iter().filter_map(|view| view.definition.as_deref());
        let joins = |walk: Walk<'_>| if walk.handed.references() > 1 { walk.asked } else { Vec::new() };
        let asked = definitions.filter_map(|definition| self.within_view(definition, joins));
        for (flow, needs) in asked.flatten().collect::<Vec<_>>() {
            let purpose = Purpose { needs, ..Purpose::DECIDE };
            self.add_use(self.use_of(&flow, purpose, self.here..self.here, Otherwise::Refuse));
        }
    }

    /// The statement's relations so far, and all that these read.
    fn reached_relations(&self) -> Vec<&'a Relation> {
        let snapshot = self.facts.snapshot;
        let mut oids: Vec<Oid> = self.resolved.iter().copied().collect();
        oids.sort_unstable();
        let mut reached = Vec::new();
        let mut next = 0;
        while let Some(oid) = oids.get(next).copied() {
            next += 1;
            let Some(relation) = snapshot.relations.get(&oid) else { continue };
            reached.push(relation);
            let children = snapshot.relations.values().filter(|child| child.parents.contains(&oid));
            for oid in children.map(|child| child.oid).chain(relation.definition_relations.iter().copied()) {
                if !oids.contains(&oid) {
                    oids.push(oid);
                }
            }
        }
        reached
    }

    /// Marks a relation list as FOR UPDATE OF does: names of this level.
    pub(super) fn locked_names(&mut self, nodes: &[pg_query::protobuf::Node]) -> Analysed<()> {
        for node in nodes {
            match node.node.as_ref() {
                Some(pg_query::NodeEnum::RangeVar(named)) => self.account_relation(named)?,
                _ => return self.unknown("a locking clause"),
            }
        }
        Ok(())
    }

    /// The fields of a CTE that is already known.
    pub(super) fn known_fields(state: &CteState) -> Option<std::rc::Rc<[Field]>> {
        match state {
            CteState::Done(fields) | CteState::Busy(Some(fields)) => Some(std::rc::Rc::clone(fields)),
            CteState::Busy(None) | CteState::Pending => None,
        }
    }

    pub(super) fn strings_of(&self, nodes: &'a [pg_query::protobuf::Node]) -> Analysed<Vec<&'a str>> {
        match strings(nodes) {
            Some(names) => Ok(names),
            None => self.unknown("a name"),
        }
    }
}

/// Unqualified names count for every schema, and so do those in a schema
/// that has nothing of the name: it may have been renamed since. `pg_temp`
/// is any session's. What is in `public` comes first: the reading that
/// `explain` shows.
pub(crate) fn candidates<'a>(facts: Facts<'a>, schema: &str, name: &str) -> Vec<&'a Relation> {
    let is_guarded = |relation: &Relation| {
        facts.counted_relations.contains(&relation.oid) || facts.locked_relations.contains_key(&relation.oid)
    };
    let named = facts.snapshot.relations_named(name);
    let mut relations: Vec<&Relation> =
        named.filter(|relation| relation.kind != RelationKind::Other || is_guarded(relation)).collect();
    let is_there = |relation: &&Relation| match schema {
        "" => true,
        "pg_temp" => relation.schema.starts_with("pg_temp"),
        schema => &*relation.schema == schema,
    };
    if relations.iter().any(is_there) {
        relations.retain(is_there);
    }
    relations.sort_by_key(|relation| (&*relation.schema != "public", &*relation.schema));
    relations
}

/// A column that the client may change: it may be of another type by then.
fn loosened(field: Field) -> Field {
    Field { loose: true, type_oid: None, ..field }
}

/// A column that only some of the relations have is theirs.
fn unite_by_name(fields: &mut Vec<Field>, others: Vec<Field>) {
    for other in others {
        match fields.iter_mut().find(|field| field.name == other.name) {
            Some(field) => *field = field.or(&other),
            None => fields.push(other),
        }
    }
}
