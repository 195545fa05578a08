//! Reads PostgreSQL's own rewritten query tree, as `debug_print_rewritten`
//! prints it (`outfuncs.c`), and says which table columns stand behind each
//! output and anywhere else. Views are expanded and names resolved in it.
//!
//! A node that is not known contributes every variable inside it, so that the
//! oracle never names too little.

use std::collections::{BTreeMap, BTreeSet};

/// A value of the printed tree.
#[derive(Debug, Clone)]
pub enum Tree {
    Node { name: String, fields: BTreeMap<String, Tree> },
    List(Vec<Tree>),
    Atom(String),
}

/// A column of a table: `pg_class.oid`, `pg_attribute.attnum` (0: the whole row).
pub type BaseColumn = (u32, i32);

/// What a statement does with table columns.
#[derive(Debug, Default)]
pub struct Columns {
    /// Behind each output, in order.
    pub outputs: Vec<BTreeSet<BaseColumn>>,
    /// Behind anything at all.
    pub all: BTreeSet<BaseColumn>,
}

/// Reads one printed tree.
pub fn read(text: &str) -> Tree {
    let mut tokens = tokens(text).into_iter().peekable();
    value(&mut tokens).expect("a tree")
}

/// The columns behind a rewritten statement: the list that PostgreSQL prints
/// has one QUERY for each that the rules made.
pub fn columns(tree: &Tree) -> Columns {
    let queries = match tree {
        Tree::List(items) => items.iter().collect(),
        single => vec![single],
    };
    let mut columns = Columns::default();
    for query in queries {
        let outputs = Query::new(query, None).outputs();
        if columns.outputs.is_empty() {
            columns.outputs = outputs;
        }
        Query::new(query, None).everything(query, &mut columns.all);
    }
    columns
}

struct Query<'t> {
    fields: &'t BTreeMap<String, Tree>,
    outer: Option<&'t Query<'t>>,
}

impl<'t> Query<'t> {
    fn new(tree: &'t Tree, outer: Option<&'t Query<'t>>) -> Self {
        match tree {
            Tree::Node { name, fields } if name == "QUERY" => Self { fields, outer },
            other => panic!("not a query: {other:?}"),
        }
    }

    fn list(&self, field: &str) -> &'t [Tree] {
        match self.fields.get(field) {
            Some(Tree::List(items)) => items,
            _ => &[],
        }
    }

    /// One set a visible target; RETURNING's for writes.
    fn outputs(&self) -> Vec<BTreeSet<BaseColumn>> {
        let returning = self.list("returningList");
        let is_select = self.fields.get("commandType").is_some_and(|kind| kind.atom() == "1");
        let targets = if is_select { self.list("targetList") } else { returning };
        targets
            .iter()
            .filter(|target| target.field("resjunk").atom() != "true")
            .map(|t| self.behind(t))
            .collect()
    }

    fn behind(&self, tree: &Tree) -> BTreeSet<BaseColumn> {
        let mut found = BTreeSet::new();
        self.collect(tree, &mut found);
        if let Some(setop) = self.fields.get("setOperations").filter(|tree| matches!(tree, Tree::Node { .. }))
        {
            let number: usize = tree.field("resno").atom().parse().expect("resno");
            self.set_operation(setop, number, &mut found);
        }
        found
    }

    /// Every arm of a set operation stands behind its output.
    fn set_operation(&self, tree: &Tree, number: usize, found: &mut BTreeSet<BaseColumn>) {
        match tree {
            Tree::Node { name, .. } if name == "SETOPERATIONSTMT" => {
                self.set_operation(tree.field("larg"), number, found);
                self.set_operation(tree.field("rarg"), number, found);
            }
            Tree::Node { name, .. } if name == "RANGETBLREF" => {
                let index: usize = tree.field("rtindex").atom().parse().expect("rtindex");
                self.column(index, i32::try_from(number).expect("attno"), found);
            }
            _ => {}
        }
    }

    /// Every variable of an expression, sublinks' outputs and insides included.
    fn collect(&self, tree: &Tree, found: &mut BTreeSet<BaseColumn>) {
        match tree {
            Tree::Node { name, .. } if name == "VAR" => {
                let number = |field| tree.field(field).atom().parse::<i64>().expect("a number");
                let mut level = Some(self);
                for _ in 0..number("varlevelsup") {
                    level = level.and_then(|query| query.outer);
                }
                let index = usize::try_from(number("varno")).unwrap_or(0);
                let attribute = i32::try_from(number("varattno")).expect("attno");
                if let Some(query) = level {
                    query.column(index, attribute, found);
                }
            }
            // What EXISTS selects is never evaluated.
            Tree::Node { name, fields } if name == "SUBLINK" && tree.field("subLinkType").atom() == "0" => {
                if let Some(query @ Tree::Node { .. }) = fields.get("subselect") {
                    Query::new(query, Some(self)).everything(query, found);
                }
            }
            Tree::Node { name, .. } if name == "QUERY" => {
                let query = Query::new(tree, Some(self));
                for output in query.outputs() {
                    found.extend(output);
                }
                query.everything(tree, found);
            }
            Tree::Node { fields, .. } => fields.values().for_each(|field| self.collect(field, found)),
            Tree::List(items) => items.iter().for_each(|item| self.collect(item, found)),
            Tree::Atom(_) => {}
        }
    }

    /// The base columns of column `attribute` of range table entry `index`.
    fn column(&self, index: usize, attribute: i32, found: &mut BTreeSet<BaseColumn>) {
        let Some(entry) = index.checked_sub(1).and_then(|at| self.list("rtable").get(at)) else { return };
        if attribute < 0 {
            return; // a system column
        }
        let at = usize::try_from(attribute).ok().and_then(|number| number.checked_sub(1));
        match entry.field("rtekind").atom() {
            "0" => {
                found.insert((entry.field("relid").atom().parse().expect("relid"), attribute));
            }
            "1" => self.subquery(entry.field("subquery"), at, found),
            "2" => self.nth(entry.field("joinaliasvars"), at, found),
            "5" => {
                if let Tree::List(rows) = entry.field("values_lists") {
                    rows.iter().for_each(|row| self.nth(row, at, found))
                }
            }
            "6" => self.cte(entry, at, found),
            "9" => self.nth(entry.field("groupexprs"), at, found),
            _ => self.collect(entry, found),
        }
    }

    fn nth(&self, list: &Tree, at: Option<usize>, found: &mut BTreeSet<BaseColumn>) {
        let Tree::List(items) = list else { return };
        match at.and_then(|at| items.get(at)) {
            Some(item) => self.collect(item, found),
            None => items.iter().for_each(|item| self.collect(item, found)),
        }
    }

    fn subquery(&self, tree: &Tree, at: Option<usize>, found: &mut BTreeSet<BaseColumn>) {
        let outputs = Query::new(tree, Some(self)).outputs();
        match at {
            Some(at) => found.extend(outputs.get(at).cloned().unwrap_or_default()),
            None => outputs.into_iter().for_each(|output| found.extend(output)),
        }
    }

    /// A recursive CTE's reference to itself adds nothing to its other arm.
    fn cte(&self, entry: &Tree, at: Option<usize>, found: &mut BTreeSet<BaseColumn>) {
        if entry.field("self_reference").atom() == "true" {
            return;
        }
        let mut level = Some(self);
        for _ in 0..entry.field("ctelevelsup").atom().parse::<usize>().expect("ctelevelsup") {
            level = level.and_then(|query| query.outer);
        }
        let name = entry.field("ctename").atom();
        if let Some(query) = level
            && let Some(cte) = query.list("cteList").iter().find(|cte| cte.field("ctename").atom() == name)
        {
            query.subquery(cte.field("ctequery"), at, found);
        }
    }

    /// Every variable anywhere: quals, sort keys, sublinks, CTEs, subqueries.
    fn everything(&self, tree: &Tree, found: &mut BTreeSet<BaseColumn>) {
        let Tree::Node { fields, .. } = tree else { return };
        for (name, field) in fields {
            match name.as_str() {
                // What nobody asks of a subquery or view is not evaluated; what
                // somebody asks is a variable elsewhere.
                "targetList" if self.outer.is_some() => self.sorting_targets(field, found),
                "rtable" | "cteList" => self.nested(field, found),
                _ => self.collect(field, found),
            }
        }
    }

    /// Targets that ORDER BY, GROUP BY or DISTINCT name.
    fn sorting_targets(&self, tree: &Tree, found: &mut BTreeSet<BaseColumn>) {
        let Tree::List(targets) = tree else { return };
        for target in targets.iter().filter(|target| target.field("ressortgroupref").atom() != "0") {
            self.collect(target, found);
        }
    }

    fn nested(&self, tree: &Tree, found: &mut BTreeSet<BaseColumn>) {
        match tree {
            Tree::Node { name, .. } if name == "QUERY" => {
                Query::new(tree, Some(self)).everything(tree, found)
            }
            // A join's alias list names every column of both sides; using one is a Var elsewhere.
            Tree::Node { fields, .. } => fields
                .iter()
                .filter(|(name, _)| name.as_str() != "joinaliasvars")
                .for_each(|(name, field)| match name.as_str() {
                    "subquery" | "ctequery" => self.nested(field, found),
                    _ => self.collect(field, found),
                }),
            Tree::List(items) => items.iter().for_each(|item| self.nested(item, found)),
            Tree::Atom(_) => {}
        }
    }
}

static NOTHING: Tree = Tree::Atom(String::new());

impl Tree {
    fn atom(&self) -> &str {
        match self {
            Tree::Atom(text) => text,
            _ => "",
        }
    }

    fn field(&self, name: &str) -> &Tree {
        match self {
            Tree::Node { fields, .. } => fields.get(name).unwrap_or(&NOTHING),
            _ => &NOTHING,
        }
    }
}

/// `{ } ( )` alone; atoms up to white space or one of them, a backslash
/// protecting the next character; `"…"` as one atom.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' | '(' | ')' => tokens.push(c.to_string()),
            c if c.is_whitespace() => {}
            mut c => {
                let mut token = String::new();
                loop {
                    token.push(c);
                    if c == '\\' {
                        token.extend(chars.next());
                    }
                    match chars.peek() {
                        Some('{' | '}' | '(' | ')') | None => break,
                        Some(next) if next.is_whitespace() => break,
                        Some(next) => c = *next,
                    }
                    chars.next();
                }
                tokens.push(token);
            }
        }
    }
    tokens
}

fn value(tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>) -> Option<Tree> {
    match tokens.next()?.as_str() {
        "{" => node(tokens),
        "(" => {
            let mut items = Vec::new();
            while tokens.peek()? != ")" {
                items.push(value(tokens)?);
            }
            tokens.next();
            Some(Tree::List(items))
        }
        atom => Some(Tree::Atom(atom.to_owned())),
    }
}

/// `{NAME :field value … }`; a field may print several atoms, the last of
/// which, or the only nested one, counts.
fn node(tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>) -> Option<Tree> {
    let name = tokens.next()?;
    let mut fields = BTreeMap::new();
    let mut field = String::new();
    loop {
        let next = tokens.peek()?;
        if next == "}" {
            tokens.next();
            return Some(Tree::Node { name, fields });
        }
        if let Some(named) = next.strip_prefix(':') {
            field = named.to_owned();
            tokens.next();
            continue;
        }
        let read = value(tokens)?;
        let keep = !matches!(
            (fields.get(&field), &read),
            (Some(Tree::Node { .. } | Tree::List(_) | Tree::Atom(_)), Tree::Atom(_))
        );
        if keep {
            fields.insert(field.clone(), read);
        }
    }
}

#[test]
fn reads_what_postgresql_prints() {
    let tree = read(
        "({QUERY :commandType 1 :rtable ({RANGETBLENTRY :alias <> :rtekind 0 :relid 42 :inh true}) \
         :targetList ({TARGETENTRY :expr {VAR :varno 1 :varattno 3 :varlevelsup 0} :resno 1 :resname a\\ b :resjunk false} \
         {TARGETENTRY :expr {CONST :consttype 23 :constvalue 4 [ 1 0 0 0 ]} :resno 2 :resjunk false}) \
         :jointree {FROMEXPR :quals {OPEXPR :args ({VAR :varno 1 :varattno 5 :varlevelsup 0})}} :setOperations <>})",
    );
    let columns = columns(&tree);
    assert_eq!(columns.outputs, [BTreeSet::from([(42, 3)]), BTreeSet::new()]);
    assert_eq!(columns.all, BTreeSet::from([(42, 3), (42, 5)]));
}
