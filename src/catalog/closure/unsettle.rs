//! What takes rows away that protected foreign keys lead to, or gives them
//! other keys: an error, or its absence, tells whether some protected value is
//! such a key. A statement that names the table is judged by its own words;
//! here is what does so behind another name: functions, tables with such a
//! trigger or rule, foreign tables that lead there.
//!
//! Reading a table of keys tells nothing: what only reads it need not count.

use std::collections::{BTreeSet, HashSet};

use super::super::mentions::{self, Text};
use super::{Closure, written_from};
use crate::catalog::Oid;
use crate::catalog::functions::{self, has_word};
use crate::catalog::snapshot::{Function, Relation};

/// What a write to a relation asks, whatever it writes there.
#[derive(Debug, Clone, Default)]
pub struct SetsOff {
    /// The tables whose protected values, or keys of such, it is about.
    pub asks: BTreeSet<Oid>,
    /// A new row asks too.
    pub by_insert: bool,
}

/// How a relation leads to keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    /// Its rows are key rows, or keep or write them by constraints.
    Keys,
    /// Whatever is written there may change key rows.
    Writes,
    /// So does what changes or takes away a row there.
    Changes,
    /// An update asks about its row, and is judged by itself.
    Updates,
}

/// The work of one table of keys.
struct Search {
    keys: Oid,
    /// The columns that foreign keys lead to.
    columns: Vec<String>,
    work: Vec<(Oid, Way)>,
    seen: HashSet<(Oid, Way)>,
}

impl Search {
    fn add(&mut self, relations: impl IntoIterator<Item = Oid>, way: Way) {
        let new = relations.into_iter().map(|oid| (oid, way)).filter(|step| self.seen.insert(*step));
        self.work.extend(new);
    }
}

impl Closure<'_> {
    /// Follows what changes rows of `keys`, to which protected foreign keys lead.
    pub(super) fn count_keys(&mut self, keys: Vec<Oid>) {
        for table in keys {
            self.search_from(table, table, Way::Keys);
        }
    }

    /// Follows what updates rows of these, which asks about them whatever it sets.
    pub(super) fn count_updates(&mut self, tables: Vec<Oid>) {
        for table in tables {
            self.search_from(table, table, Way::Updates);
        }
    }

    /// A write through a foreign table asks what constraints and triggers ask
    /// of the table that it leads to.
    pub(super) fn count_far_writes(&mut self) {
        let is_counted = |target: &&Oid| self.counted.relations.contains(target);
        let targets: Vec<Oid> = self.links.far_tables.keys().filter(is_counted).copied().collect();
        for target in targets {
            for far in self.links.far_tables.get(&target).cloned().unwrap_or_default() {
                self.search_from(target, far, Way::Writes);
            }
        }
    }

    fn search_from(&mut self, keys: Oid, start: Oid, way: Way) {
        let mut search =
            Search { keys, columns: self.key_columns(keys), work: Vec::new(), seen: HashSet::new() };
        search.add([start], way);
        while let Some((oid, way)) = search.work.pop() {
            let Some(relation) = self.snapshot.relations.get(&oid) else { continue };
            self.counted.relations.insert(oid);
            if matches!(way, Way::Writes | Way::Changes) {
                let entry = self.counted.sets_off.entry(oid).or_default();
                entry.asks.insert(search.keys);
                entry.by_insert |= way == Way::Writes;
            }
            self.follow_way(relation, way, &mut search);
            for function in self.writers(relation, way, &search) {
                self.count_writer(function, &mut search);
            }
        }
    }

    /// The columns of a table that any foreign key leads to, folded as words are.
    fn key_columns(&self, keys: Oid) -> Vec<String> {
        let Some(table) = self.snapshot.relations.get(&keys) else { return Vec::new() };
        let constraints = self.snapshot.relations.values().flat_map(|relation| &relation.constraints);
        let led_to = constraints.filter_map(|key| key.references.as_ref()).filter(|(to, _)| *to == keys);
        let columns = led_to.flat_map(|(_, columns)| columns).filter_map(|at| table.attribute(*at));
        columns.map(|column| mentions::fold(&column.name)).collect()
    }

    fn follow_way(&self, relation: &Relation, way: Way, search: &mut Search) {
        let snapshot = self.snapshot;
        let readers = self.links.relation_readers.get(&relation.oid).into_iter().flatten();
        let readers: Vec<&Relation> = readers.filter_map(|oid| snapshot.relations.get(oid)).collect();
        let with_rules = readers.iter().filter(|reader| reader.rule_references.contains(&relation.oid));
        search.add(with_rules.map(|reader| reader.oid), Way::Writes);
        let far = self.links.far_tables.get(&relation.oid).into_iter().flatten().copied();
        search.add(relation.parents.iter().copied(), way);
        match way {
            Way::Keys => {
                search.add(readers.iter().map(|reader| reader.oid), way);
                search.add(written_from(relation), way);
                search.add(far, Way::Changes);
            }
            Way::Writes | Way::Changes | Way::Updates => {
                let views =
                    readers.iter().filter(|reader| reader.definition_relations.contains(&relation.oid));
                search.add(views.map(|reader| reader.oid), way);
                if way != Way::Updates {
                    search.add(written_from(relation), Way::Changes);
                    search.add(far, way);
                }
            }
        }
    }

    /// The functions whose text does to the relation what changes keys.
    fn writers(&self, relation: &Relation, way: Way, search: &Search) -> Vec<Oid> {
        let named = self.links.mentions.of(&relation.name).into_iter().filter_map(|text| match text {
            Text::Function(oid) => Some(oid),
            Text::View(_) => None,
        });
        let recorded = self.links.dependent_functions.get(&relation.oid).into_iter().flatten().copied();
        let writes = |function: &Function| match way {
            Way::Keys => takes_keys(&function.body, &search.columns),
            Way::Writes => has_word(&function.body, &["insert", "update", "delete", "merge", "copy"]),
            Way::Changes => has_word(&function.body, &["update", "delete", "merge"]),
            Way::Updates => has_word(&function.body, &["update", "merge"]),
        };
        named.chain(recorded).filter(|oid| self.snapshot.functions.get(oid).is_some_and(writes)).collect()
    }

    /// The function is opaque, and so is what calls it; a write to a table of
    /// whose triggers it is one asks what it asks.
    fn count_writer(&mut self, function: Oid, search: &mut Search) {
        let mut work = vec![function];
        let mut reached = HashSet::new();
        while let Some(oid) = work.pop() {
            let Some(function) = self.snapshot.functions.get(&oid) else { continue };
            if self.trusted.includes(function) || !reached.insert(oid) {
                continue;
            }
            self.counted.functions.insert(oid);
            let users = self.links.function_users.get(&oid).into_iter().flatten();
            for user in users.filter_map(|user| self.snapshot.relations.get(user)) {
                search.add([user.oid], way_of(user, oid));
            }
            let links = [&self.links.dependent_functions, &self.links.aggregates];
            work.extend(links.into_iter().filter_map(|link| link.get(&oid)).flatten());
            if functions::is_callable(function) {
                for text in self.links.mentions.of(&function.name) {
                    match text {
                        Text::Function(caller) => work.push(caller),
                        Text::View(view) => search.add([view], Way::Writes),
                    }
                }
            }
        }
    }
}

/// What runs a function of these that a relation has.
fn way_of(user: &Relation, function: Oid) -> Way {
    let is_in = |list: &[Oid]| list.contains(&function);
    let by_change_alone = is_in(&user.trigger_functions)
        && !is_in(&user.insert_trigger_functions)
        && !is_in(&user.depends_on_functions);
    if by_change_alone { Way::Changes } else { Way::Writes }
}

/// Does a body that names a table of keys take rows from it, or SET one of
/// these columns?
fn takes_keys(body: &str, columns: &[String]) -> bool {
    if has_word(body, &["delete", "merge"]) {
        return true;
    }
    body.split(';').any(|statement| {
        let mut is_set = false;
        mentions::words(statement).any(|word| {
            match word.as_str() {
                "set" => is_set = true,
                "where" | "from" | "returning" => is_set = false,
                _ => {}
            }
            is_set && columns.contains(&word)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::takes_keys;

    #[test]
    fn what_changes_no_key_takes_none() {
        let keys = ["id".to_owned()];
        for (body, takes) in [
            ("SELECT name FROM rooms WHERE id = i", false),
            ("UPDATE rooms SET name = 'x' WHERE id = i", false),
            ("BEGIN UPDATE rooms SET name = 'x'; RETURN id; END", false),
            ("UPDATE rooms SET name = 'x', \"id\" = 4 WHERE id = i", true),
            ("DELETE FROM rooms", true),
            ("MERGE INTO rooms USING x ON true WHEN MATCHED THEN DELETE", true),
        ] {
            assert_eq!(takes_keys(body, &keys), takes, "{body}");
        }
    }
}
