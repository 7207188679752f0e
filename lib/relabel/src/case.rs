//! Upper and lower case as Go's `strings` package has them: one character for one character.

/// Appends `strings.ToUpper(text)`. Unlike Rust's, it leaves `ß` alone.
pub(crate) fn upper(text: &str, out: &mut String) {
    out.extend(text.chars().map(|c| {
        let mut mapped = c.to_uppercase();
        match (mapped.next(), mapped.next()) {
            (Some(single), None) => single,
            _ => c,
        }
    }));
}

/// Appends `strings.ToLower(text)`. Unlike Rust's, it does not look at where in a word a sigma stands.
pub(crate) fn lower(text: &str, out: &mut String) {
    out.extend(text.chars().map(|c| match c {
        // The one character of which the lower case is two.
        '\u{130}' => 'i',
        _ => c.to_lowercase().next().unwrap_or(c),
    }));
}
