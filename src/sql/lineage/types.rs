//! What is known of a value's type, as far as it decides what a mask, an
//! equality or a NULL test means, or how many columns a function in FROM has.
//!
//! Invariant: what is not certain of a type counts as the worse.

use pg_query::NodeEnum;
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{AExprKind, ColumnRef, Node, TypeName};

use super::functions::SCALAR_ARRAYS;
use super::names::{BPCHAR, PG_CATALOG, TEXT, VARCHAR, strings};
use super::scope::{Field, Scope};
use super::value::{self, Literal, Purpose, Value, unite};
use super::{Walk, given};
use crate::catalog::Oid;
use crate::catalog::functions::is_well_known_extension;
use crate::catalog::snapshot::TypeInfo;
use crate::sql::analysis::Flow;

const TEXT_ARRAY: Oid = Oid(1009);
const INT8: Oid = Oid(20);
const INT2: Oid = Oid(21);
const INT4: Oid = Oid(23);
const FLOAT4: Oid = Oid(700);
const FLOAT8: Oid = Oid(701);
const DATE: Oid = Oid(1082);
const TIMESTAMP: Oid = Oid(1114);
const TIMESTAMPTZ: Oid = Oid(1184);
const NUMERIC: Oid = Oid(1700);
const MACADDR8: Oid = Oid(774);

/// Types that cast implicitly to none that can't hold all their values, in
/// versions 13 to 18 (`pg_cast.dat`): numbers to wider ones, `oid` and its kin to
/// each other, texts to each other, `inet`, times to `timetz` and `interval`; and
/// those that cast implicitly to nothing.
#[rustfmt::skip]
const NEVER_FAILING: &[Oid] = &[
    // bool, bytea, "char", name, int2, int4, text, json, xml, float4, float8
    Oid(16), Oid(17), Oid(18), Oid(19), INT2, INT4, TEXT, Oid(114), Oid(142), FLOAT4, FLOAT8,
    // oid, regproc, regprocedure, regoper, regoperator, regclass, regtype, regconfig,
    // regdictionary, regnamespace, regrole, regcollation
    Oid(26), Oid(24), Oid(2202), Oid(2203), Oid(2204), Oid(2205), Oid(2206), Oid(3734), Oid(3769),
    Oid(4089), Oid(4096), Oid(4191),
    // xid, cid, tid, point, lseg, path, box, polygon, line, circle
    Oid(28), Oid(29), Oid(27), Oid(600), Oid(601), Oid(602), Oid(603), Oid(604), Oid(628), Oid(718),
    // cidr, inet, macaddr, money, bpchar, varchar, bit, varbit
    Oid(650), Oid(869), Oid(829), Oid(790), BPCHAR, VARCHAR, Oid(1560), Oid(1562),
    // time, timestamptz, interval, timetz, uuid, pg_lsn, tsvector, tsquery, jsonb, jsonpath
    Oid(1083), TIMESTAMPTZ, Oid(1186), Oid(1266), Oid(2950), Oid(3220), Oid(3614), Oid(3615), Oid(3802),
    Oid(4072),
    // int4range, numrange, tsrange, tstzrange, daterange, int8range, and multiranges of these
    Oid(3904), Oid(3906), Oid(3908), Oid(3910), Oid(3912), Oid(3926), Oid(4451), Oid(4532), Oid(4533),
    Oid(4534), Oid(4535), Oid(4536),
];

/// Types that values of several get, each cast implicitly to those behind it.
const WIDER: &[Oid] = &[INT2, INT4, INT8, NUMERIC, FLOAT4, FLOAT8, DATE, TIMESTAMP, TIMESTAMPTZ];

/// See [`Walk::equal_as_text`].
const EQUAL_AS_TEXT: &[Oid] = &[
    TEXT,
    VARCHAR,
    BPCHAR,
    INT2,
    INT4,
    INT8,
    DATE,
    TIMESTAMP,
    // bool, bytea, "char", name, oid, uuid
    Oid(16),
    Oid(17),
    Oid(18),
    Oid(19),
    Oid(26),
    Oid(2950),
];

/// Domains over domains; more would be a catalog that contradicts itself.
const MAX_DOMAINS: usize = 32;

/// Types without fields whose names are no keywords.
const SCALARS: &[&str] = &[
    "bool",
    "bytea",
    "date",
    "float8",
    "inet",
    "int2",
    "json",
    "jsonb",
    "name",
    "numeric",
    "oid",
    "timestamp",
    "timestamptz",
];

/// Is it the name of a type of `pg_catalog` that arrays in FROM may be of?
pub(super) fn is_scalar_type(name: &str) -> bool {
    SCALARS.contains(&name) || given::is_castable(name)
}

/// Is `=` of these two what keys and groups hold equal, and nothing else?
pub(super) fn are_one(types: [Oid; 2]) -> bool {
    // text and varchar; oid, uuid, date.
    const ALIKE: &[&[Oid]] = &[&[INT2, INT4, INT8], &[TEXT, VARCHAR], &[Oid(26)], &[Oid(2950)], &[DATE]];
    ALIKE.iter().any(|alike| types.iter().all(|oid| alike.contains(oid)))
}

/// Do values of these types sort as they do in this one?
pub(super) fn sorts_alike(types: &[Oid], oid: Oid) -> bool {
    let is_text = |oid: Oid| matches!(oid, TEXT | VARCHAR);
    !types.is_empty() && types.iter().all(|own| *own == oid || (is_text(*own) && is_text(oid)))
}

/// `ARRAY['…']` is one of texts, wherever it stands.
pub(super) fn of_array(elements: &[Node]) -> Literal {
    let is_text = |node: &Node| match &node.node {
        Some(NodeEnum::AConst(constant)) => matches!(constant.val, Some(Val::Sval(_))),
        _ => false,
    };
    match !elements.is_empty() && elements.iter().all(is_text) {
        true => Literal::Cast(TEXT_ARRAY),
        false => Literal::No,
    }
}

/// Types of `pg_catalog` that `min` and `max` take as they are (`pg_aggregate`), or by
/// relabelling: numbers, moments, text, addresses and the like.
const OWN_EXTREMES: &[u32] = &[
    17, 19, 20, 21, 23, 25, 26, 27, 650, 700, 701, 790, 869, 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1266,
    1700, 3220, 5069,
];

impl<'a> Walk<'a> {
    /// The type itself, of a domain what it is over.
    /// Are `min` and `max` of the type its own, and so of the order that ORDER BY takes?
    /// `citext` and `"char"` are cast to text for them.
    pub(super) fn has_own_extremes(&self, oid: Oid) -> bool {
        match self.base(oid) {
            Some(info) => info.kind == 'e' || info.category == 'A' || OWN_EXTREMES.contains(&info.oid.0),
            None => OWN_EXTREMES.contains(&oid.0),
        }
    }

    fn base(&self, mut oid: Oid) -> Option<&'a TypeInfo> {
        for _ in 0..MAX_DOMAINS {
            match self.facts.snapshot.types.get(&oid)? {
                info if info.kind != 'd' => return Some(info),
                info => oid = info.base?,
            }
        }
        None
    }

    /// `typtype` of a type, of a domain that of what it is over.
    pub(super) fn base_kind(&self, oid: Oid) -> Option<char> {
        self.base(oid).map(|info| info.kind)
    }

    /// Is it an array type, or a domain over one (`typcategory`)?
    pub(super) fn is_array(&self, oid: Oid) -> bool {
        self.facts.snapshot.types.get(&oid).is_some_and(|info| info.category == 'A')
    }

    /// Is its type so? A protected column that stands there as it is tells, where
    /// its own type is not known. Of anything else, it may be.
    pub(super) fn has_type(&self, value: &Value, is_so: impl Fn(Oid) -> bool) -> bool {
        match (value.type_oid, &value.flow) {
            (Some(oid), _) => is_so(oid),
            (None, Flow::Plain { .. }) => self.column_types(&value.flow).any(is_so),
            (None, _) => true,
        }
    }

    fn column_types(&self, flow: &Flow) -> impl Iterator<Item = Oid> {
        value::columns(flow).iter().filter_map(|column| {
            let relation = self.facts.snapshot.relation(&column.schema, &column.table);
            relation.and_then(|relation| relation.column(&column.column)).map(|column| column.type_oid)
        })
    }

    /// The types that a plain value may have, without domains.
    pub(super) fn base_types(&self, value: &Value) -> Vec<Oid> {
        let types: Vec<Oid> = match (value.type_oid, &value.flow) {
            (Some(oid), _) => vec![oid],
            (None, Flow::Plain { .. }) => self.column_types(&value.flow).collect(),
            (None, _) => Vec::new(),
        };
        types.into_iter().map(|oid| self.without_domain(oid)).collect()
    }

    pub(super) fn without_domain(&self, oid: Oid) -> Oid {
        self.base(oid).map_or(oid, |info| info.oid)
    }

    /// The type of what is one of these (`select_common_type` in `parse_coerce.c`).
    /// Of what has no mask of its own, the category is enough where no cast fails.
    pub(super) fn common_type(
        &self,
        flow: &Flow,
        types: impl Iterator<Item = Option<Oid>> + Clone,
    ) -> Option<Oid> {
        let place = |oid: Oid| WIDER.iter().position(|known| *known == self.without_domain(oid));
        let width = |oid: Oid| place(oid).unwrap_or(WIDER.len());
        match flow {
            Flow::Clean | Flow::Plain { .. } => {
                let first = types.clone().flatten().next();
                first.filter(|_| types.clone().all(|oid| oid == first))
            }
            Flow::Derived { .. } | Flow::Mixed { .. } | Flow::Computed { .. } => {
                types.flatten().reduce(|widest, oid| if width(oid) > width(widest) { oid } else { widest })
            }
        }
    }

    /// Where two plain values meet, do they stay what they are? `bpchar` has
    /// its blanks at the end ignored, `name` is cut at 63 bytes, and with them
    /// what meets them. Masks see neither.
    pub(super) fn are_alike(&self, left: &Value, right: &Value) -> bool {
        let (left, right) = (self.base_types(left), self.base_types(right));
        let all = || left.iter().chain(&right);
        let is_one = all().all(|oid| left.first() == Some(oid));
        let keeps = all().all(|oid| matches!(*oid, TEXT | VARCHAR));
        !left.is_empty() && !right.is_empty() && (is_one || keeps)
    }

    /// May the value have blanks at its end that `bpchar` drops?
    pub(super) fn is_padded(&self, value: &Value) -> bool {
        let types = self.base_types(value);
        !types.is_empty() && types.iter().all(|oid| *oid == BPCHAR)
    }

    /// Are values of these types equal where their texts are, whatever the session
    /// sets? A moment's text depends on a zone, a float's on a number of digits; a
    /// numeric's tells more apart than its own equality, as does that of `citext`.
    pub(super) fn equal_as_text(&self, types: &[Oid]) -> bool {
        let is_enum = |oid: &Oid| self.base_kind(*oid) == Some('e');
        !types.is_empty() && types.iter().all(|oid| EQUAL_AS_TEXT.contains(oid) || is_enum(oid))
    }

    /// A column of a view that shows this, cast to the column's type.
    pub(super) fn through_a_view(&self, field: Field) -> Field {
        let (Flow::Plain { cast: true, .. }, Some(oid)) = (&field.flow, field.type_oid) else { return field };
        let types: Vec<Oid> = self.column_types(&field.flow).map(|oid| self.without_domain(oid)).collect();
        let collated = field.collated || !self.equal_as_text(&types);
        let reordered = field.reordered || !sorts_alike(&types, oid);
        Field { collated, reordered, ..field }
    }

    /// What is one of these two: no mask of its own where one changes the other.
    pub(super) fn united(&self, left: &Value, right: &Value) -> Flow {
        match unite(&left.flow, &right.flow) {
            Flow::Plain { columns, .. } if !self.are_alike(left, right) => Flow::Mixed { columns },
            flow => flow,
        }
    }

    /// Values that meet get one type (`select_common_type` in `parse_coerce.c`).
    /// Where the cast to it fails for some values of a protected one, that one
    /// must not be there.
    pub(super) fn meet(&mut self, values: Vec<Value>, purpose: Purpose) -> Vec<Value> {
        if self.view || values.iter().all(Value::is_clean) {
            return values;
        }
        let fails: Vec<bool> = values
            .iter()
            .map(|value| !value.is_clean() && values.iter().any(|other| self.may_fail(value, other)))
            .collect();
        let met = values.into_iter().zip(fails);
        met.map(|(value, fails)| if fails { Value::of(self.spend(&value, purpose)) } else { value }).collect()
    }

    /// May making a type of both fail for some values of the one?
    fn may_fail(&self, value: &Value, other: &Value) -> bool {
        let types = self.base_types(value);
        let others = match other.literal {
            Literal::Plain => return false,
            Literal::Cast(oid) => vec![oid],
            Literal::No => self.base_types(other),
        };
        let among = |allowed: &[Oid]| !others.is_empty() && others.iter().all(|oid| allowed.contains(oid));
        let is_one = |oid| among(&[oid]);
        types.is_empty()
            || types.iter().any(|oid| match *oid {
                INT8 => !among(&[INT2, INT4, INT8, NUMERIC, FLOAT4, FLOAT8]),
                NUMERIC => !among(&[INT2, INT4, INT8, NUMERIC]),
                DATE => !is_one(DATE),
                TIMESTAMP => !among(&[DATE, TIMESTAMP]),
                MACADDR8 => !is_one(MACADDR8),
                oid => !NEVER_FAILING.contains(&oid) && !is_one(oid) && !self.relabels(oid, &others),
            })
    }

    /// Does making this type one of those look at no value? The common type is that of
    /// a value that is there (`select_common_type`), and `citext` is a `text` as it is.
    fn relabels(&self, oid: Oid, others: &[Oid]) -> bool {
        let snapshot = self.facts.snapshot;
        let extension = snapshot.types.get(&oid).and_then(|info| info.extension.as_deref());
        let relabels = |to: &Oid| {
            snapshot.casts.iter().any(|cast| cast.source == oid && cast.target == *to && cast.is_binary)
        };
        extension.is_some_and(is_well_known_extension) && !others.is_empty() && others.iter().all(relabels)
    }

    /// What a cast to the type of this name gives, if that is one of `pg_catalog`.
    pub(super) fn cast_to(&self, name: &TypeName) -> Literal {
        let names = strings(&name.names).unwrap_or_default();
        let (bare, qualified) = match names.as_slice() {
            [bare] => (*bare, false),
            [PG_CATALOG, bare] => (*bare, true),
            _ => return Literal::No,
        };
        if name.setof || name.pct_type || (!qualified && self.is_also_elsewhere(bare)) {
            return Literal::No;
        }
        let of_array = format!("_{bare}");
        let wanted = if name.array_bounds.is_empty() { bare } else { of_array.as_str() };
        let oids = self.facts.snapshot.types_by_name.get(wanted).map_or(&[][..], Vec::as_slice);
        match oids.iter().find(|oid| oid.is_builtin()) {
            Some(oid) => Literal::Cast(*oid),
            None => Literal::No,
        }
    }

    /// A cast to the type that the value has already, without a length, is none
    /// (`coerce_type` in `parse_coerce.c`).
    pub(super) fn own_type(&self, value: &Value, name: &TypeName) -> Option<Oid> {
        let names = strings(&name.names)?;
        let is_known = names.last().is_some_and(|name| is_scalar_type(name));
        let is_plain = is_known && name.typmods.is_empty() && name.array_bounds.is_empty();
        match self.cast_to(name) {
            Literal::Cast(oid) if is_plain && value.type_oid == Some(oid) => Some(oid),
            Literal::Cast(_) | Literal::No | Literal::Plain => None,
        }
    }

    /// One of these values, nobody knows which.
    pub(super) fn any_of(&self, values: Vec<Value>) -> Value {
        let keeps = values.windows(2).all(|pair| match pair {
            [left, right] => self.are_alike(left, right),
            _ => true,
        });
        let types: Vec<Option<Oid>> = values.iter().map(|value| value.type_oid).collect();
        let value = Value::one_of(values);
        let flow = match value.flow.clone() {
            Flow::Plain { columns, .. } if !keeps => Flow::Mixed { columns },
            flow => flow,
        };
        Value { type_oid: self.common_type(&flow, types.into_iter()), flow, ..value }
    }

    /// Is it certainly an array whose elements have no fields? Then `unnest`
    /// gives one column; else as many as there are fields
    /// (`addRangeTableEntryForFunction` in `parse_relation.c`).
    pub(super) fn is_scalar_array(&self, node: &Node, scope: &Scope<'_, 'a>) -> bool {
        match node.node.as_ref() {
            Some(NodeEnum::AArrayExpr(array)) => {
                let is_flat = |node: &Node| self.is_scalar(node, scope) || self.is_scalar_array(node, scope);
                !array.elements.is_empty() && array.elements.iter().all(is_flat)
            }
            Some(NodeEnum::TypeCast(cast)) => {
                let is_array = |name: &TypeName| !name.array_bounds.is_empty();
                cast.type_name.as_ref().is_some_and(|name| is_array(name) && self.names_scalar(name))
            }
            Some(NodeEnum::ColumnRef(reference)) => {
                let element = self.type_at(reference, scope).and_then(|oid| self.base(oid)?.element);
                element.is_some_and(|oid| self.is_array_of_scalars(oid))
            }
            Some(NodeEnum::FuncCall(call)) => strings(&call.funcname)
                .and_then(|names| self.builtin(&names))
                .is_some_and(|name| SCALAR_ARRAYS.contains(&name)),
            Some(NodeEnum::CoalesceExpr(all)) => {
                all.args.iter().any(|node| self.is_scalar_array(node, scope))
            }
            _ => false,
        }
    }

    fn is_array_of_scalars(&self, element: Oid) -> bool {
        matches!(self.base_kind(element), Some('b' | 'e' | 'r' | 'm'))
    }

    /// Has it certainly no fields, and is it no array of what has some?
    fn is_scalar(&self, node: &Node, scope: &Scope<'_, 'a>) -> bool {
        match node.node.as_ref() {
            Some(NodeEnum::AConst(_) | NodeEnum::SqlvalueFunction(_) | NodeEnum::BoolExpr(_)) => true,
            Some(NodeEnum::TypeCast(cast)) => {
                cast.type_name.as_ref().is_some_and(|name| self.names_scalar(name))
            }
            Some(NodeEnum::ColumnRef(reference)) => self
                .type_at(reference, scope)
                .is_some_and(|oid| self.is_array_of_scalars(oid) && !self.is_array(oid)),
            // Their operands are of types without fields, and so is what they give.
            Some(NodeEnum::AExpr(operation)) if operation.kind() == AExprKind::AexprOp => {
                let operands = operation.lexpr.iter().chain(&operation.rexpr);
                let names = strings(&operation.name).unwrap_or_default();
                operands.into_iter().all(|node| self.is_scalar(node, scope))
                    && !names.is_empty()
                    && self.is_builtin_operator(&names, [None; 2])
            }
            _ => false,
        }
    }

    /// The type of a column that nobody may make another.
    fn type_at(&self, reference: &ColumnRef, scope: &Scope<'_, 'a>) -> Option<Oid> {
        let field = self.field_at(reference, scope)?;
        field.type_oid.filter(|_| !field.is_uncertain())
    }

    /// Is it a type of `pg_catalog` without fields, by a name that is nobody else's?
    fn names_scalar(&self, name: &TypeName) -> bool {
        let is_certain = !name.setof && !name.pct_type;
        let named = match strings(&name.names).as_deref() {
            Some([super::names::PG_CATALOG, name]) => Some(*name),
            Some([name]) if is_scalar_type(name) && !self.is_also_elsewhere(name) => Some(*name),
            _ => None,
        };
        let Some(named) = named.filter(|_| is_certain) else { return false };
        let mut types =
            self.facts.snapshot.types_named(named).filter(|known| &*known.schema == super::names::PG_CATALOG);
        types.next().is_some_and(|known| self.is_array_of_scalars(known.oid) && known.category != 'A')
    }
}
