//! Upper and lower case as Go's `strings` package has them: one character for one character.

/// Go's `strings.ToUpper`. Unlike Rust's, it leaves `ß` alone.
pub fn to_upper(text: &str) -> String {
    text.chars().map(upper).collect()
}

/// Go's `strings.ToLower`. Unlike Rust's, it does not look at where in a word a sigma stands.
pub fn to_lower(text: &str) -> String {
    text.chars().map(lower).collect()
}

pub(crate) fn upper(c: char) -> char {
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

pub(crate) fn lower(c: char) -> char {
    // The one character of which the lower case is two.
    if c == '\u{130}' {
        return 'i';
    }
    c.to_lowercase().next().unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_one() {
        assert_eq!(to_upper("straße éⅷ"), "STRAßE ÉⅧ");
        assert_eq!(to_lower("ΟΔΟΣ İ"), "οδοσ i");
    }
}
