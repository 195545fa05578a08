//! The body of a webhook as the configuration has it: JSON with `{{name}}`
//! inside its strings.

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// Index in [`NAMES`].
    Name(usize),
}

/// What may stand in a template, in the order of [`Template::fill`]'s values.
pub const NAMES: [&str; 12] = [
    "event",
    "at",
    "request",
    "grant",
    "user",
    "columns",
    "duration",
    "reason",
    "ticket",
    "status",
    "by",
    "expires_at",
];

impl Template {
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, behind) = after.split_once("}}").ok_or("has {{ without }}")?;
            let name = name.trim();
            let index = NAMES
                .iter()
                .position(|known| *known == name)
                .ok_or_else(|| format!("names {{{{{name}}}}}, which is none of {}", NAMES.join(", ")))?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Name(index));
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let template = Self { pieces };
        // With quotes in every value, a name outside a string shows.
        let sample = template.fill(&NAMES.map(|_| "\" x".to_owned()));
        match serde_json::from_str::<serde_json::Value>(&sample) {
            Ok(_) => Ok(template),
            Err(fault) => Err(format!("is no JSON with its names inside strings: {fault}")),
        }
    }

    /// The body, each value escaped as part of a JSON string.
    pub fn fill(&self, values: &[String; NAMES.len()]) -> String {
        let mut body = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => body.push_str(text),
                Piece::Name(index) => {
                    let value = values.get(*index).map(String::as_str).unwrap_or_default();
                    let quoted = serde_json::Value::from(value).to_string();
                    let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"'));
                    body.push_str(inner.unwrap_or_default());
                }
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_names_stay_inside_strings() {
        let template = Template::parse(r#"{"text": "{{ user }}: {{reason}}"}"#).unwrap();
        let mut values = NAMES.map(str::to_owned);
        values[4] = "ana".to_owned();
        values[7] = "say \"hi\"\n\\".to_owned();
        let body: serde_json::Value = serde_json::from_str(&template.fill(&values)).unwrap();
        assert_eq!(body["text"], "ana: say \"hi\"\n\\");
        for wrong in [r#"{"text": {{user}}}"#, r#"{"text": "{{usr}}"}"#, r#"{"text": "{{user"}"#, "text"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }
}
