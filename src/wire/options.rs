//! Settings in the `options` of a startup message: `-c name=value`,
//! `--name=value`. Follows `pg_split_opts` in
//! src/backend/utils/init/postinit.c. Pure.

/// One word of the options.
struct Word<'a> {
    raw: &'a [u8],
    text: Vec<u8>,
}

/// Takes every setting of `name` out: its last value, and the options without it.
pub fn take(options: &[u8], name: &str) -> (Option<Vec<u8>>, Vec<u8>) {
    let mut words = words(options).into_iter().peekable();
    let mut value = None;
    let mut rest: Vec<&[u8]> = Vec::new();
    while let Some(word) = words.next() {
        let switch = word.text == b"-c";
        let pair = match word.text.strip_prefix(b"-c").or_else(|| word.text.strip_prefix(b"--")) {
            Some([]) if switch => words.peek().map(|next| next.text.clone()),
            Some(pair) => Some(pair.to_vec()),
            None => None,
        };
        match pair.and_then(|pair| value_of(&pair, name)) {
            Some(found) => {
                value = Some(found);
                if switch {
                    words.next();
                }
            }
            None => rest.push(word.raw),
        }
    }
    (value, rest.join(&b' '))
}

/// The value, if the pair sets `name`: dashes count as underscores, case not.
fn value_of(pair: &[u8], name: &str) -> Option<Vec<u8>> {
    let at = memchr::memchr(b'=', pair)?;
    let (given, value) = pair.split_at_checked(at)?;
    let given: Vec<u8> = given.iter().map(|byte| if *byte == b'-' { b'_' } else { *byte }).collect();
    given.eq_ignore_ascii_case(name.as_bytes()).then(|| value.get(1..).unwrap_or_default().to_vec())
}

/// Cut at white space; a backslash takes the next byte as it is.
fn words(options: &[u8]) -> Vec<Word<'_>> {
    let space = |byte: u8| byte.is_ascii_whitespace() || byte == 0x0b;
    let mut words = Vec::new();
    let mut rest = options;
    loop {
        let start = rest.iter().position(|byte| !space(*byte)).unwrap_or(rest.len());
        rest = rest.get(start..).unwrap_or_default();
        if rest.is_empty() {
            return words;
        }
        let mut text = Vec::new();
        let mut length = 0;
        while let Some(byte) = rest.get(length).copied().filter(|byte| !space(*byte)) {
            length += 1;
            match (byte, rest.get(length)) {
                (b'\\', Some(next)) => {
                    text.push(*next);
                    length += 1;
                }
                (b'\\', None) => {}
                (byte, _) => text.push(byte),
            }
        }
        let (raw, after) = rest.split_at_checked(length).unwrap_or((rest, b""));
        words.push(Word { raw, text });
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(options: &str) -> (Option<String>, String) {
        let (value, rest) = take(options.as_bytes(), "bauta.end_user");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (value.map(text), text(rest))
    }

    #[test]
    fn every_spelling_of_the_setting_is_taken_and_nothing_else() {
        for options in [
            "-c bauta.end_user=t",
            "-cbauta.end_user=t",
            "--bauta.end_user=t",
            "--bauta.end-user=t",
            "-c BAUTA.End_User=t",
            "  -c\tbauta.end_user=\\t ",
            "-c bauta.end_user=x --bauta.end_user=t",
        ] {
            assert_eq!(taken(options), (Some("t".into()), String::new()), "{options}");
        }
        assert_eq!(
            taken("-c geqo=off -c bauta.end_user=t --work-mem=4MB"),
            (Some("t".into()), "-c geqo=off --work-mem=4MB".into())
        );
        for options in ["", "-c geqo=off", "-c bauta.end_users=t", "bauta.end_user=t", "-c", "-c a\\ b=c"] {
            assert_eq!(taken(options), (None, options.into()), "{options}");
        }
    }
}
