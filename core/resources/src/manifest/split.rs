//! Cutting a stream of YAML documents apart at its markers.
//!
//! YAML reserves `---` and `...` at the start of a line for markers, even inside block scalars, so
//! cutting by lines is exact.

/// One document's text and the line it starts at, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk<'t> {
    pub(super) line: usize,
    pub(super) text: &'t str,
}

/// The documents that contain anything; the marker line belongs to the document that follows it.
pub(super) fn split(text: &str) -> Vec<Chunk<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut chunks, mut start, mut at, mut first_line) = (Vec::new(), 0, 0, 1);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if is_marker(line, "---") {
            push(&mut chunks, first_line, &text[start..at]);
            (start, first_line) = (at, index + 1);
        } else if is_marker(line, "...") {
            push(&mut chunks, first_line, &text[start..at]);
            (start, first_line) = (at + line.len(), index + 2);
        }
        at += line.len();
    }
    push(&mut chunks, first_line, &text[start..]);
    chunks
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Keeps a document unless it holds only comments, directives and its marker; the line is that of
/// its first content.
fn push<'t>(chunks: &mut Vec<Chunk<'t>>, line: usize, text: &'t str) {
    let is_content = |line: &str| {
        let marker = is_marker(line, "---");
        let rest = if marker { &line[3..] } else { line }.trim();
        !(rest.is_empty() || rest.starts_with('#') || (!marker && line.starts_with('%')))
    };
    if text.split_inclusive('\n').any(is_content) {
        chunks.push(Chunk { line, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(usize, &str)> {
        split(text).into_iter().map(|chunk| (chunk.line, chunk.text)).collect()
    }

    #[test]
    fn markers_separate_and_empty_documents_vanish() {
        assert_eq!(parts("a: 1\n---\nb: 2\n"), [(1, "a: 1\n"), (2, "---\nb: 2\n")]);
        assert_eq!(parts("# only\n---\n---\n# a comment\n--- {b: 2}\n"), [(5, "--- {b: 2}\n")]);
        assert_eq!(parts("a: 1\n...\nb: 2"), [(1, "a: 1\n"), (3, "b: 2")]);
        assert_eq!(parts("---\r\na: 1\r\n---\r\n"), [(1, "---\r\na: 1\r\n")]);
        assert_eq!(parts(""), []);
    }

    #[test]
    fn dashes_elsewhere_are_content() {
        let text = "a: |\n  ---\n  b\nc: --- x\n----\n";
        assert_eq!(parts(text), [(1, text)]);
    }
}
