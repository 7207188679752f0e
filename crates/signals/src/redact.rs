//! Taking what looks like a secret out of a line that people will see.

/// What stands in its place.
const REDACTED: &str = "<redacted>";
/// Words in the name of a value that nobody else should see.
const NAMES: [&str; 12] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "authorization",
    "credential",
    "cookie",
    "private_key",
];
/// Words in front of a credential.
const SCHEMES: [&str; 2] = ["bearer", "basic"];
/// Letters and digits in a row, mixed, that look like a key.
const KEY: usize = 24;

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/' | '=' | '~')
}

/// Whether a word looks like a key: long, with letters and digits mixed.
fn is_key(word: &str) -> bool {
    let word = word.trim_matches(['.', '-', '/', '=', '_']);
    let plain = word
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-'));
    word.len() >= KEY
        && plain
        && word.matches(['/', '-']).count() * 8 <= word.len()
        && word.bytes().filter(u8::is_ascii_digit).count() >= 4
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// A text in which values of names such as `password`, credentials behind `Bearer`, passwords in addresses, and long mixtures
/// of letters and digits are replaced. It may take too much; a person still sees what kind of line it was.
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // What the next word is the value of.
    let mut secret = false;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c) || c == '=').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let lower = word.to_ascii_lowercase();
        if word.is_empty() {
            let mut chars = after.chars();
            if let Some(c) = chars.next() {
                if secret && c == '"' && !out.ends_with(['=', ':', ' ']) {
                    // The end of a quoted name; its value comes next.
                    out.push(c);
                } else if secret && matches!(c, '"' | '\'') {
                    // A quoted value goes as a whole.
                    let inner = chars.as_str();
                    let close = inner.find(c).unwrap_or(inner.len());
                    out.push(c);
                    out.push_str(REDACTED);
                    rest = &inner[close..];
                    secret = false;
                    continue;
                } else {
                    out.push(c);
                    secret &= matches!(c, '=' | ':' | ' ');
                }
            }
            rest = chars.as_str();
            continue;
        }
        if secret && !SCHEMES.contains(&lower.as_str()) {
            out.push_str(REDACTED);
            secret = false;
        } else if is_key(word) {
            out.push_str(REDACTED);
        } else if let Some(user) = password_in_address(&out, word, after) {
            out.push_str(user);
            let at = after.find('@').unwrap_or(0);
            out.push(':');
            out.push_str(REDACTED);
            rest = &after[at..];
            secret = false;
            continue;
        } else {
            out.push_str(word);
            let named = NAMES.iter().any(|name| lower.contains(name));
            let value_follows = after.trim_start_matches(['"', '\'']).starts_with(['=', ':']);
            secret = (named && value_follows) || (SCHEMES.contains(&lower.as_str()) && after.starts_with(' '));
        }
        rest = after;
    }
    out
}

/// The user of `scheme://user:password@host`, if the text goes on like that.
fn password_in_address<'a>(before: &str, word: &'a str, after: &str) -> Option<&'a str> {
    let (user, slashes) = match word.strip_prefix("//") {
        Some(user) => (user, before.ends_with(':')),
        None => (word, before.ends_with("://")),
    };
    let password = after.strip_prefix(':')?;
    let end = password.find(['@', '/', ' ', '"'])?;
    (slashes && !user.is_empty() && password[end..].starts_with('@')).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_replaced_and_the_rest_stays() {
        for (text, expected) in [
            ("GET /health 200", "GET /health 200"),
            (
                "level=info msg=\"user logged in\" id=42",
                "level=info msg=\"user logged in\" id=42",
            ),
            ("password=hunter2 user=bob", "password=<redacted> user=bob"),
            (
                r#"{"db_password": "hun ter2", "a": 1}"#,
                r#"{"db_password": "<redacted>", "a": 1}"#,
            ),
            (r#"{"token":"abc","n":1}"#, r#"{"token":"<redacted>","n":1}"#),
            ("api_key='abc def' x", "api_key='<redacted>' x"),
            (
                "Authorization: Bearer abc.def.ghi done",
                "Authorization: Bearer <redacted> done",
            ),
            (
                "connecting to http://bob:hunter2@db:80/x",
                "connecting to http://bob:<redacted>@db:80/x",
            ),
            ("key AKIA0123456789ABCDEFabcdef0123 used", "key <redacted> used"),
            ("the token was not found", "the token was not found"),
            ("2024-05-06T07:08:09.123Z started", "2024-05-06T07:08:09.123Z started"),
            ("trace 4bf92f3577b34da6a3ce929d0e0e4736", "trace <redacted>"),
            ("password=", "password="),
            ("", ""),
        ] {
            assert_eq!(redact(text), expected, "{text}");
        }
    }
}
