//! Edits of the original text. Neutralising never prints SQL; it edits spans
//! of what the client wrote.

use std::borrow::Cow;
use std::ops::Range;

/// Replaces `span` (bytes of the client's text) by `text`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edit {
    pub start: usize,
    pub end: usize,
    pub text: String,
    /// Edits of `text`: what of a row this session sees.
    pub shown: Vec<Edit>,
}

impl Edit {
    pub fn new(span: Range<usize>, text: impl Into<String>) -> Self {
        Self { start: span.start, end: span.end, text: text.into(), shown: Vec::new() }
    }

    pub fn span(&self) -> Range<usize> {
        self.start..self.end
    }

    /// What stands there in the end.
    pub fn spelled(&self) -> Cow<'_, [u8]> {
        match self.shown.as_slice() {
            [] => Cow::Borrowed(self.text.as_bytes()),
            shown => Cow::Owned(apply(self.text.as_bytes(), shown)),
        }
    }

    /// The same edit, by which a session sees no more than by the other?
    pub fn shows_no_more_than(&self, other: &Self) -> bool {
        self.span() == other.span()
            && self.text == other.text
            && self.shown.iter().all(|shown| other.shown.contains(shown))
    }
}

/// Edits that can't be applied together: a mistake of the analysis.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("edits of the statement do not fit together or do not fit its text")]
pub struct UnfitEdits;

/// Brings edits from different uses together: in order, each once, and one
/// inside another gives way to it, since what the outer one replaces is never
/// evaluated. Of a row that several uses show in part, it shows what all of them do.
///
/// # Errors
/// Two edits overlap without one holding the other.
pub fn compose(mut edits: Vec<Edit>) -> Result<Vec<Edit>, UnfitEdits> {
    edits.sort_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)).then(a.text.cmp(&b.text)));
    edits.dedup();
    let mut kept: Vec<Edit> = Vec::with_capacity(edits.len());
    for edit in edits {
        match kept.last_mut() {
            Some(last) if edit.start < last.end && edit.end <= last.end => {
                if edit.span() == last.span() {
                    if edit.text != last.text {
                        return Err(UnfitEdits);
                    }
                    last.shown.retain(|shown| edit.shown.contains(shown));
                }
            }
            Some(last) if edit.start < last.end => return Err(UnfitEdits),
            _ => kept.push(edit),
        }
    }
    Ok(kept)
}

/// What is sent instead where edits do not fit the text: the server's parser
/// refuses it.
const UNFIT: &[u8] = b"bauta: statement refused";

/// The text with edits that [`compose`] made, in any order.
pub fn apply(text: &[u8], edits: &[Edit]) -> Vec<u8> {
    spliced(text, edits).unwrap_or_else(|| UNFIT.to_vec())
}

fn spliced(text: &[u8], edits: &[Edit]) -> Option<Vec<u8>> {
    let mut ordered: Vec<&Edit> = edits.iter().collect();
    ordered.sort();
    let mut out = Vec::with_capacity(text.len() + ordered.iter().map(|edit| edit.text.len()).sum::<usize>());
    let mut at = 0_usize;
    for edit in ordered {
        out.extend_from_slice(text.get(at..edit.start)?);
        out.extend_from_slice(&edit.spelled());
        text.get(edit.span())?;
        at = edit.end;
    }
    out.extend_from_slice(text.get(at..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: usize, end: usize, text: &str) -> Edit {
        Edit::new(start..end, text)
    }

    #[test]
    fn an_edit_inside_another_gives_way() {
        let composed = compose(vec![edit(7, 12, "x"), edit(3, 20, "y"), edit(7, 12, "x"), edit(20, 21, "")]);
        assert_eq!(composed, Ok(vec![edit(3, 20, "y"), edit(20, 21, "")]));
        assert_eq!(compose(vec![edit(3, 8, "x"), edit(5, 10, "y")]), Err(UnfitEdits));
        assert_eq!(compose(vec![edit(3, 8, "x"), edit(3, 8, "y")]), Err(UnfitEdits));
    }

    #[test]
    fn what_one_use_does_not_show_of_a_row_is_not_shown() {
        let fields = [edit(1, 5, "a"), edit(7, 11, "b")];
        let row = |shown: &[Edit]| Edit { shown: shown.to_vec(), ..edit(7, 8, "(NULL, NULL)") };
        let (all, second) = (row(&fields), row(&fields[1..]));
        assert_eq!(apply(b"SELECT r FROM t", std::slice::from_ref(&all)), b"SELECT (a, b) FROM t");
        assert_eq!(compose(vec![all.clone(), second.clone()]), Ok(vec![second.clone()]));
        assert!(second.shows_no_more_than(&all) && all.shows_no_more_than(&all));
        assert!(!all.shows_no_more_than(&second) && !all.shows_no_more_than(&edit(7, 8, "NULL")));
    }

    #[test]
    fn edits_apply_in_order_of_place() {
        let edits = [edit(9, 10, "(b)"), edit(7, 8, "(a)")];
        assert_eq!(apply(b"SELECT a,b FROM t", &edits), b"SELECT (a),(b) FROM t");
    }

    #[test]
    fn text_whose_edits_do_not_fit_is_never_sent_raw() {
        for edits in [vec![edit(2, 9, "")], vec![edit(0, 2, "x"), edit(1, 3, "y")], vec![edit(2, 1, "")]] {
            assert_eq!(apply(b"abc", &edits), UNFIT);
        }
    }
}
