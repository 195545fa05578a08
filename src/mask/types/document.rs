//! json, jsonb and xml. jsonb's binary form is a version byte, 1, and its text
//! (`jsonb_send` in `jsonb.c`).

use super::Literal;

pub fn json(value: Option<&str>) -> Result<Literal, String> {
    let text = value.unwrap_or("{}");
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(Literal::textual(text)),
        Err(_) => Err("\"value\" must be JSON; a text needs its own double quotes".to_owned()),
    }
}

pub fn jsonb(value: Option<&str>) -> Result<Literal, String> {
    let mut literal = json(value)?;
    if value.is_some_and(|v| v.contains("\\u0000")) {
        return Err("\"value\" must not hold \\u0000, which jsonb refuses".to_owned());
    }
    literal.binary.insert(0, 1);
    Ok(literal)
}

/// An empty element reads both as content and as a document.
pub fn xml(value: Option<&str>) -> Result<Literal, String> {
    match value {
        None => Ok(Literal::textual("<redacted/>")),
        Some(v) if !v.contains(['<', '&', '\0']) => Ok(Literal::textual(v)),
        Some(_) => Err("\"value\" must be a text without < and &".to_owned()),
    }
}
