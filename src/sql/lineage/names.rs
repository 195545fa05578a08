//! Reading names out of the tree, and accounting for them in the text.

use pg_query::NodeEnum;
use pg_query::protobuf::{Alias, Node, TypeName};

use super::{Analysed, Walk};
use crate::catalog::Oid;
use crate::catalog::guard::Runs;
use crate::catalog::snapshot::{Cast, Function};

/// The strings of a list of names. Anything else in it: none.
pub(super) fn strings(nodes: &[Node]) -> Option<Vec<&str>> {
    nodes
        .iter()
        .map(|node| match node.node.as_ref() {
            Some(NodeEnum::String(string)) => Some(string.sval.as_str()),
            _ => None,
        })
        .collect()
}

/// The node inside, or a refusal.
pub(super) fn inner(node: Option<&Node>) -> Option<&NodeEnum> {
    node.and_then(|node| node.node.as_ref())
}

/// `text`, `varchar`, `bpchar`: a cast to these without a length keeps a value as it is.
pub(super) const TEXT: Oid = Oid(25);
pub(super) const VARCHAR: Oid = Oid(1043);
pub(super) const BPCHAR: Oid = Oid(1042);
pub(super) const PG_CATALOG: &str = "pg_catalog";

/// Is `=` of the type another thing than equality? By area (box, circle), by the number
/// of points (path), nearly (lseg, line), without weights (tsquery).
fn is_measured(oid: Oid) -> bool {
    matches!(oid.0, 601 | 602 | 603 | 628 | 718 | 3615)
}

impl<'a> Walk<'a> {
    /// Names that stand somewhere in the text, the tree does not say where.
    pub(super) fn placeless(&mut self, names: &[&str]) {
        self.found
            .placeless
            .extend(names.iter().filter(|name| !name.is_empty()).map(|name| (*name).to_owned()));
    }

    pub(super) fn alias_names(&mut self, alias: &Alias) -> Analysed<Vec<String>> {
        self.placeless(&[&alias.aliasname]);
        let Some(columns) = strings(&alias.colnames) else { return self.unknown("a column alias") };
        self.placeless(&columns);
        Ok(columns.into_iter().map(str::to_owned).collect())
    }

    pub(super) fn account(&mut self, location: i32, names: &[&str]) {
        let span = self.places.spelled(location, names);
        self.found.accounted.push(span);
    }

    /// Accounts for a type's name and reads its modifiers.
    pub(super) fn type_name(&mut self, name: &'a TypeName) -> Analysed<()> {
        let Some(names) = strings(&name.names) else { return self.unknown("a type name") };
        self.account(name.location, &names);
        if self.has_opaque_cast(&names) || self.runs_when_used(&names) {
            return self.refuse_type(&names, name.location);
        }
        self.checks_of(&names, name.location)?;
        self.traces |= names.last().is_some_and(|name| self.cast_leaves_trace(name));
        Ok(())
    }

    /// The type that a cast keeps values in: `text`, `varchar` or `bpchar` of
    /// `pg_catalog`, without a length.
    pub(super) fn keeping_type(&self, name: &TypeName) -> Option<Oid> {
        if name.setof || name.pct_type || !name.typmods.is_empty() || !name.array_bounds.is_empty() {
            return None;
        }
        let names = strings(&name.names)?;
        let (schema, name) = match names.as_slice() {
            [name] => (None, *name),
            [schema, name] => (Some(*schema), *name),
            _ => return None,
        };
        let oid = match name {
            "text" => TEXT,
            "varchar" => VARCHAR,
            "bpchar" => BPCHAR,
            _ => return None,
        };
        let snapshot = self.facts.snapshot;
        let is_catalogs = match schema {
            Some(schema) => schema == PG_CATALOG,
            None => !self.is_also_elsewhere(name),
        };
        let user_cast = snapshot.casts.iter().any(|cast| cast.function.is_some() && cast.target == oid);
        (is_catalogs && !user_cast).then_some(oid)
    }

    /// Does a cast to a type of this name call an opaque function? Those from a
    /// user's type to one of the server's own are [`casts_opaquely`](Self::casts_opaquely)'s.
    fn has_opaque_cast(&self, names: &[&str]) -> bool {
        let oids = self.types_of(names);
        let casts = self.facts.snapshot.casts.iter();
        let mut casts = casts.filter(|cast| !cast.target.is_builtin() || cast.is_among_builtin());
        casts.any(|cast| oids.contains(&cast.target) && self.is_opaque_cast(cast))
    }

    /// Does the cast of a value of this type to one of these?
    pub(super) fn casts_opaquely(&self, source: Oid, targets: &[Oid]) -> bool {
        let mut casts = self.facts.snapshot.casts.iter().filter(|cast| cast.source == source);
        casts.any(|cast| targets.contains(&cast.target) && self.is_opaque_cast(cast))
    }

    fn is_opaque_cast(&self, cast: &Cast) -> bool {
        cast.function.is_some_and(|function| self.facts.opaque_functions.contains(&function))
    }

    /// Whatever is done with a value of such a type would be refused.
    fn runs_when_used(&self, names: &[&str]) -> bool {
        self.types_of(names).iter().any(|oid| self.runs_of(*oid) == Some(Runs::Use))
    }

    pub(super) fn types_of(&self, names: &[&str]) -> &'a [Oid] {
        let named = names.last().and_then(|name| self.facts.snapshot.types_by_name.get(*name));
        named.map(Vec::as_slice).unwrap_or_default()
    }

    /// The functions that CHECKs of types of this name call, or of what these are made of.
    ///
    /// # Errors
    /// One may read protected data unseen.
    pub(super) fn checks_of(&self, names: &[&str], location: i32) -> Analysed<Vec<&'a Function>> {
        let snapshot = self.facts.snapshot;
        let checks = snapshot.checks_of(self.types_of(names).iter().copied());
        match checks.iter().any(|function| self.facts.opaque_functions.contains(function)) {
            true => self.refuse_type(names, location),
            false => Ok(checks.iter().filter_map(|function| snapshot.functions.get(function)).collect()),
        }
    }

    pub(super) fn refuse_type<T>(&self, names: &[&str], location: i32) -> Analysed<T> {
        self.refuse_opaque("a cast to type", names.last().copied().unwrap_or_default(), None, location)
    }

    /// Does equality on this type tell whether two values are, as masks and clients
    /// take it? Types of extensions such as `citext` have an equality of their own.
    pub(super) fn has_plain_equality(&self, type_oid: Option<Oid>) -> bool {
        let Some(mut oid) = type_oid else { return true };
        for _ in 0..32 {
            match self.facts.snapshot.types.get(&oid) {
                None => return !is_measured(oid),
                Some(info) => match (info.kind, info.base, info.element) {
                    ('d', Some(base), _) => oid = base,
                    ('e', _, _) => return true,
                    (_, _, Some(element)) if info.category == 'A' => oid = element,
                    _ => return oid.is_builtin() && !is_measured(oid),
                },
            }
        }
        false
    }
}
