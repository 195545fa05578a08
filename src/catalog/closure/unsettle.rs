//! What takes rows away that protected foreign keys lead to, or gives them
//! other keys: an error, or its absence, tells whether some protected value is
//! such a key. A statement that names the table is judged by its own words;
//! here is what does so behind another name: functions, tables with such a
//! trigger or rule, foreign tables that lead there.
//!
//! Reading a table of keys tells nothing: what only reads it need not count.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::super::handed;
use super::super::mentions::{self, Text};
use super::super::relied::builds_sql;
use super::{Closure, written_from};
use crate::catalog::Oid;
use crate::catalog::functions::{self, has_word};
use crate::catalog::snapshot::{Column, Function, Named, Relation, RelationKind};
use crate::sql::body::{Word, WordKind, plpgsql_words};

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
    work: Vec<(Oid, Way)>,
    seen: HashSet<(Oid, Way)>,
}

impl Search {
    fn add(&mut self, relations: impl IntoIterator<Item = Oid>, way: Way) {
        let new = relations.into_iter().map(|oid| (oid, way)).filter(|step| self.seen.insert(*step));
        self.work.extend(new);
    }
}

impl<'a> Closure<'a> {
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
        let mut search = Search { keys, work: Vec::new(), seen: HashSet::new() };
        search.add([start], way);
        while let Some((oid, way)) = search.work.pop() {
            let Some(relation) = self.snapshot.relations.get(&oid) else { continue };
            self.counted.relations.insert(oid);
            self.counted.on_writing.relations.remove(&oid);
            if matches!(way, Way::Writes | Way::Changes) {
                let entry = self.counted.sets_off.entry(oid).or_default();
                entry.asks.insert(search.keys);
                entry.by_insert |= way == Way::Writes;
            }
            self.follow_way(relation, way, &mut search);
            let keys = match way {
                Way::Keys => self.key_columns(relation),
                Way::Writes | Way::Changes | Way::Updates => HashSet::new(),
            };
            for function in self.writers(relation, way, &keys) {
                self.count_writer(function, &mut search);
            }
            for (table, function) in self.handed_writers(relation, way, &keys) {
                search.add([table.oid], way_of(table, function));
            }
        }
    }

    /// The columns of a relation that may be keys which any foreign key leads to,
    /// folded as words are: its own, those of its children, any of a view's.
    fn key_columns(&self, relation: &Relation) -> HashSet<String> {
        let snapshot = self.snapshot;
        let folded = |column: &Column| mentions::fold(&column.name);
        if relation.kind == RelationKind::View {
            return relation.columns.iter().map(folded).collect();
        }
        let mut family = vec![relation];
        let mut next = 0;
        while let Some(parent) = family.get(next) {
            next += 1;
            let children = self.links.children.get(&parent.oid).into_iter().flatten();
            let new: Vec<&Relation> = children.filter_map(|oid| snapshot.relations.get(oid)).collect();
            family.extend(new);
        }
        let led_to = |table: &&Relation| {
            let keys = self.links.keys_led_to.get(&table.oid).into_iter().flatten();
            keys.filter_map(|at| table.attribute(*at)).map(folded).collect::<Vec<_>>()
        };
        family.iter().flat_map(led_to).collect()
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
    fn writers(&self, relation: &Relation, way: Way, keys: &HashSet<String>) -> Vec<Oid> {
        let named = self.links.mentions.of(&relation.name).into_iter().filter_map(|text| match text {
            Text::Function(oid) => Some(oid),
            Text::View(_) => None,
        });
        let recorded = self.links.dependent_functions.get(&relation.oid).into_iter().flatten().copied();
        let writes = |function: &Function| changes_keys(&function.body, way, keys);
        named.chain(recorded).filter(|oid| self.snapshot.functions.get(oid).is_some_and(writes)).collect()
    }

    /// Other tables whose triggers hand the relation's name to a function that does
    /// so by SQL that it builds, or calls one that does.
    fn handed_writers(
        &self,
        relation: &Relation,
        way: Way,
        keys: &HashSet<String>,
    ) -> Vec<(&'a Relation, Oid)> {
        let handed = self.handed.get_or_init(|| self.names_handed());
        let named = handed.get(&relation.oid).into_iter().flatten();
        let writes = |function: Oid| changes_keys(&self.code_of(function), way, keys);
        let writing = named.filter(|(table, function)| table.oid != relation.oid && writes(*function));
        writing.copied().collect()
    }

    /// Relations, and triggers that hand their names to functions that can use them.
    fn names_handed(&self) -> HashMap<Oid, Vec<(&'a Relation, Oid)>> {
        let mut taking: HashMap<Oid, bool> = HashMap::new();
        let mut named: HashMap<Oid, Vec<(&Relation, Oid)>> = HashMap::new();
        for table in self.snapshot.relations.values() {
            for (function, text) in handed::texts(self.snapshot, table, handed::asks_for_table) {
                let takes = || !self.code_of(function.oid).is_empty();
                if !*taking.entry(function.oid).or_insert_with(takes) {
                    continue;
                }
                for name in self.snapshot.spelled_in(&text) {
                    if let Named::Relation(oid) = name {
                        named.entry(oid).or_default().push((table, function.oid));
                    }
                }
            }
        }
        named
    }

    /// The text of a function that builds SQL, and of those that it calls. Empty:
    /// none of them does, or it is trusted.
    fn code_of(&self, function: Oid) -> String {
        let (mut work, mut reached) = (vec![function], HashSet::new());
        let (mut code, mut is_dynamic) = (String::new(), false);
        while let Some(oid) = work.pop() {
            let Some(function) = self.snapshot.functions.get(&oid).filter(|_| !oid.is_builtin()) else {
                continue;
            };
            if self.trusted.includes(function) || !reached.insert(oid) {
                continue;
            }
            // Nobody knows what code in C does with a name.
            let is_c = &*function.language == "c";
            is_dynamic |= is_c || builds_sql(function);
            code.push_str(if is_c { "delete" } else { &function.body });
            code.push_str(";\n");
            work.extend(self.snapshot.named_by(function).into_iter().filter_map(|named| match named {
                Named::Function(called) => Some(called),
                Named::Relation(_) | Named::Type(_) => None,
            }));
        }
        if is_dynamic { code } else { String::new() }
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
            self.counted.on_writing.functions.remove(&oid);
            let users = [&self.links.function_users, &self.links.trigger_users];
            let users = users.into_iter().filter_map(|users| users.get(&oid)).flatten();
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

/// Does a body that names a relation do to it what changes keys?
fn changes_keys(body: &str, way: Way, keys: &HashSet<String>) -> bool {
    match way {
        Way::Keys => takes_keys(body, keys),
        Way::Writes => has_word(body, &["insert", "update", "delete", "merge", "copy"]),
        Way::Changes => has_word(body, &["update", "delete", "merge"]),
        Way::Updates => has_word(body, &["update", "merge"]),
    }
}

/// Does a body that names a table of keys take rows from it, or SET one of
/// these columns?
fn takes_keys(body: &str, columns: &HashSet<String>) -> bool {
    if has_word(body, &["delete", "merge"]) {
        return true;
    }
    if !has_word(body, &["update"]) {
        return false;
    }
    // What SQL in a string sets may be told to it.
    let words = plpgsql_words(body).filter(|_| !has_word(body, &["execute"]));
    words.is_none_or(|words| set_columns(&words).any(|word| columns.contains(&mentions::fold(&word.text))))
}

/// What SET lists assign to: the name behind SET or a comma of the list, or the
/// names in parentheses there. A list ends with its statement, or where its own
/// FROM, WHERE or RETURNING begins.
fn set_columns(words: &[Word]) -> impl Iterator<Item = &Word> {
    let mut depth = 0_usize;
    // How deep the list stands, and whether a target is to come.
    let mut list: Option<(usize, bool)> = None;
    words
        .iter()
        .enumerate()
        .filter(move |(at, word)| {
            let is_target = word.is_name() && list.is_some_and(|(_, comes)| comes);
            let before = at.checked_sub(1).and_then(|at| words.get(at));
            list = match list {
                _ if word.is("set") => Some((depth, true)),
                _ if word.is_sign(";") => None,
                Some((of, _)) if word.is_sign(")") && depth <= of => None,
                Some((of, _)) if depth == of && word.is_sign(",") => Some((of, true)),
                Some((of, true)) if depth == of && !word.is_sign("(") => Some((of, false)),
                Some((of, true)) if depth == of.saturating_add(1) && word.is_sign(")") => Some((of, false)),
                Some((of, _)) if depth == of && (word.is("where") || word.is("returning")) => None,
                Some((of, _))
                    if depth == of && word.is("from") && before.is_none_or(|it| !it.is("distinct")) =>
                {
                    None
                }
                list => list,
            };
            match &*word.text {
                "(" | "[" if word.kind == WordKind::Sign => depth = depth.saturating_add(1),
                ")" | "]" if word.kind == WordKind::Sign => depth = depth.saturating_sub(1),
                _ => {}
            }
            is_target
        })
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_no_key_takes_none() {
        let keys = HashSet::from(["id".to_owned()]);
        for (body, takes) in [
            ("SELECT name FROM rooms WHERE id = i", false),
            ("UPDATE rooms SET name = 'x' WHERE id = i", false),
            ("BEGIN UPDATE rooms SET name = 'x'; RETURN id; END", false),
            ("UPDATE rooms SET name = 'x', \"id\" = 4 WHERE id = i", true),
            ("UPDATE rooms SET name = substring(name FROM 1 FOR 3), id = j WHERE id = i", true),
            ("UPDATE rooms SET name = (a IS DISTINCT FROM b)::text, id = j", true),
            ("UPDATE rooms SET open = a IS DISTINCT FROM b, id = j", true),
            ("UPDATE rooms SET name = (SELECT name FROM x WHERE id = 3, 4) WHERE id = i", false),
            ("UPDATE rooms SET (name, id) = (SELECT 'x', 4)", true),
            ("UPDATE rooms SET (name, open) = (id, true)", false),
            ("WITH w AS (UPDATE rooms SET name = 'x') SELECT a, id FROM w", false),
            ("UPDATE rooms SET name[1] = 'x', ID = 4", true),
            ("UPDATE rooms SET set = 1, id = 4", true),
            ("UPDATE rooms SET U&\"id\" = 4", true),
            ("EXECUTE 'UPDATE rooms SET id = $1' USING j", true),
            ("EXECUTE format('UPDATE rooms SET %I = 1', x)", true),
            ("EXECUTE format('SELECT id FROM rooms WHERE %I = 1', x)", false),
            ("DELETE FROM rooms", true),
            ("MERGE INTO rooms USING x ON true WHEN MATCHED THEN DELETE", true),
        ] {
            assert_eq!(takes_keys(body, &keys), takes, "{body}");
        }
    }
}
