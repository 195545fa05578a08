//! How a text can mean an operator or a type of the server's own without its
//! name: `LIKE` is `~~`, `integer` is `int4` (PostgreSQL's `gram.y`).

/// The words and signs that stand for an operator.
pub(super) fn of_operator(name: &str) -> Vec<&str> {
    let words: &[&str] = match name {
        "=" => &["in", "case", "nullif", "distinct", "using", "natural"],
        "<>" => &["!=", "in"],
        "<" | ">" | "<=" | ">=" => &["between"],
        "~~" | "!~~" => &["like"],
        "~~*" | "!~~*" => &["ilike"],
        "~" | "!~" => &["similar"],
        _ => &[],
    };
    words.to_vec()
}

/// The type's name, and the words that stand for it.
pub(super) fn of_type(name: &str) -> Vec<&str> {
    let others: &[&str] = match name {
        "bit" | "varbit" => &["bit"],
        "bool" => &["boolean"],
        "bpchar" | "varchar" => &["char", "character", "nchar", "national", "varying"],
        "float4" | "float8" => &["real", "float", "double"],
        "int2" => &["smallint"],
        "int4" => &["int", "integer"],
        "int8" => &["bigint"],
        "numeric" => &["decimal", "dec"],
        "time" | "timetz" => &["time"],
        "timestamp" | "timestamptz" => &["timestamp"],
        _ => &[],
    };
    [&[name], others].concat()
}
