//! Whether a formatted text still says what the source said.

use crate::parser::parse;
use crate::scanner::{comment_text, scan};
use crate::token::{Token, TokenKind};

/// Compares a valid text with its formatted form; the error says what is different.
///
/// What may differ: blanks and line breaks between tokens, carriage returns in comments, a byte order mark, commas before a closing
/// bracket, empty labels, and back quotes around object keys, which may be double ones. Everything else is the same, in the same
/// order and byte for byte: names, numbers, string literals, operators, brackets, and comments with all blanks in them.
pub fn lossless(source: &[u8], formatted: &[u8]) -> Result<(), String> {
    let ((before, old), (after, new)) = (parse("", source), parse("", formatted));
    if let Some(diag) = old.first() {
        return Err(format!("the source has errors: {diag}"));
    }
    if let Some(diag) = new.first() {
        return Err(format!("the formatted text has errors: {diag}"));
    }
    if !before.body.same_as(&after.body) {
        return Err("the formatted text is parsed to something else".to_owned());
    }
    let (before, after) = (essence(source), essence(formatted));
    same("token", &before.tokens, &after.tokens)?;
    same("comment", &before.comments, &after.comments)
}

fn same(what: &str, before: &[String], after: &[String]) -> Result<(), String> {
    let differs = |(a, b): &(&String, &String)| a != b;
    match before.iter().zip(after).find(differs) {
        Some((a, b)) => Err(format!("{what} {a:?} became {b:?}")),
        None if before.len() == after.len() => Ok(()),
        None => Err(format!("{} {what}s became {}", before.len(), after.len())),
    }
}

/// The tokens and comments of a valid text that formatting keeps, each in order.
struct Essence {
    tokens: Vec<String>,
    comments: Vec<String>,
}

fn essence(text: &[u8]) -> Essence {
    let (mut tokens, mut comments) = (Vec::new(), Vec::new());
    let (comment, code): (Vec<Token>, Vec<Token>) = scan(text)
        .0
        .into_iter()
        .filter(|token| !matches!(token.kind, TokenKind::Terminator | TokenKind::Comma))
        .partition(|token| token.kind == TokenKind::Comment);
    comments.extend(comment.iter().map(|token| comment_text(&text[token.span.range()])));
    for (i, token) in code.iter().enumerate() {
        let bytes = &text[token.span.range()];
        let next = code.get(i + 1).map(|next| next.kind);
        match (token.kind, next) {
            // The empty label.
            (TokenKind::String, Some(TokenKind::LCurly)) if bytes == b"\"\"" => {}
            // A key is what is between its quotes, unless that is nothing.
            (TokenKind::String, Some(TokenKind::Assign)) if bytes.len() > 2 => {
                tokens.push(format!("key {}", lossy(&bytes[1..bytes.len() - 1])));
            }
            (kind, _) if kind.has_text() => tokens.push(lossy(bytes)),
            (kind, _) => tokens.push(kind.to_string()),
        }
    }
    Essence { tokens, comments }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::lossless;

    #[test]
    fn layout_may_change() {
        for (source, formatted) in [
            ("\u{feff}a=1\r\n", "a = 1"),
            ("b \"\" {} // x\r\n/* y\r\n*/", "b { } // x\n/* y\n*/"),
            ("a = [\n1,\n]", "a = [1]"),
            ("a = {`k` = ``}", "a = {\"k\" = ``}"),
        ] {
            assert_eq!(lossless(source.as_bytes(), formatted.as_bytes()), Ok(()), "{source:?}");
        }
    }

    #[test]
    fn content_may_not() {
        for (source, formatted, error) in [
            ("a = `x \ny`", "a = `x\ny`", "is parsed to something else"),
            ("a = `x`", "a = \"x\"", "is parsed to something else"),
            ("a = 1 // x ", "a = 1 // x", "comment \"// x \" became \"// x\""),
            (
                "// x\n// y\na = 1",
                "// y\n// x\na = 1",
                "comment \"// x\" became \"// y\"",
            ),
            ("a = 1 // x", "a = 1", "1 comments became 0"),
            ("a = f(\"\")", "a = f()", "is parsed to something else"),
            ("a = 1", "a = ", "the formatted text has errors"),
        ] {
            let found = lossless(source.as_bytes(), formatted.as_bytes()).unwrap_err();
            assert!(found.contains(error), "{source:?}: {found}");
        }
    }
}
