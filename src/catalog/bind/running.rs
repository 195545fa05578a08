//! Types that run code which may read protected data, where no name of it stands
//! in the text: see [`Runs`].

use std::collections::HashMap;

use crate::catalog::Oid;
use crate::catalog::closure::Counted;
use crate::catalog::functions;
use crate::catalog::guard::Runs;
use crate::catalog::snapshot::Snapshot;

/// Over what a domain is at most; more would be a catalog that contradicts itself.
const MAX_DOMAINS: usize = 32;

/// Every such type, those made of others among them.
pub(super) fn types(snapshot: &Snapshot, counted: &Counted) -> HashMap<Oid, Runs> {
    let is_opaque = |oid: &Oid| {
        counted.functions.contains(oid)
            && snapshot.functions.get(oid).is_some_and(|function| !functions::is_of_extension(function))
    };
    let mut own: HashMap<Oid, Runs> = HashMap::new();
    let mut add = |oid: Oid, runs: Runs| {
        let known = own.entry(oid).or_insert(runs);
        *known = runs.max(*known);
    };
    for (domain, functions) in &snapshot.domain_functions {
        if functions.iter().any(is_opaque) {
            add(*domain, Runs::Value);
        }
    }
    for cast in snapshot.casts.iter().filter(|cast| cast.function.as_ref().is_some_and(is_opaque)) {
        if cast.is_among_builtin() {
            add(cast.target, Runs::Cast);
        }
        [cast.source, cast.target]
            .into_iter()
            .filter(|oid| !oid.is_builtin())
            .for_each(|oid| add(oid, Runs::Use));
    }
    for operator in snapshot.operators.iter().filter(|known| known.functions.iter().any(is_opaque)) {
        let operands = [operator.left, operator.right].into_iter().flatten();
        operands.filter(|oid| !oid.is_builtin()).for_each(|oid| add(oid, Runs::Use));
    }
    for (_, types) in snapshot.support_functions.iter().filter(|(function, _)| is_opaque(function)) {
        types.iter().filter(|oid| !oid.is_builtin()).for_each(|oid| add(*oid, Runs::Use));
    }
    if own.keys().any(|oid| !oid.is_builtin()) {
        own = made_of(snapshot, own);
    }
    own
}

/// These, and all types that they are a part of.
fn made_of(snapshot: &Snapshot, own: HashMap<Oid, Runs>) -> HashMap<Oid, Runs> {
    let mut all = own.clone();
    for oid in snapshot.types.keys().filter(|oid| !oid.is_builtin()) {
        let parts = snapshot.type_parts([*oid]);
        let Some(runs) = parts.iter().filter_map(|part| own.get(part)).max() else { continue };
        let inside = if is_single(snapshot, *oid) { *runs } else { Runs::Part.max(*runs) };
        all.insert(*oid, inside);
    }
    all
}

/// Is it a domain over one of the server's own types without parts?
fn is_single(snapshot: &Snapshot, mut oid: Oid) -> bool {
    for _ in 0..MAX_DOMAINS {
        match snapshot.types.get(&oid) {
            Some(info) if info.kind == 'd' => match info.base {
                Some(base) => oid = base,
                None => return false,
            },
            Some(info) => return oid.is_builtin() && info.category != 'A' && matches!(info.kind, 'b'),
            None => return false,
        }
    }
    false
}
