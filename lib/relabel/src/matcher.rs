//! Expressions, and the simple ones among them that need no engine.

use goregex::{Locations, Regex};

/// An expression that has to match a whole text.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    /// `(.*)`: everything, and group 1 is the text.
    Anything,
    /// `a|b|c`: one of these texts, which have no groups.
    OneOf(Vec<Box<str>>),
    /// Any other.
    Regex(Box<Regex>),
}

/// Up to this many texts are compared one by one; more are left to the engine.
const FEW: usize = 8;

impl Matcher {
    pub(crate) fn new(pattern: &str) -> Result<Self, goregex::Error> {
        if pattern == crate::config::ANYTHING {
            return Ok(Matcher::Anything);
        }
        let plain = pattern.chars().all(|c| !r"\.+*?()[]{}^$".contains(c));
        if plain && pattern.split('|').count() <= FEW {
            return Ok(Matcher::OneOf(pattern.split('|').map(Box::from).collect()));
        }
        Ok(Matcher::Regex(Box::new(Regex::anchored(pattern)?)))
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        match self {
            Matcher::Anything => true,
            Matcher::OneOf(texts) => texts.iter().any(|one| **one == *text),
            Matcher::Regex(regex) => regex.is_match(text.as_bytes()),
        }
    }

    /// Room for the groups of a match, if there are any to be found.
    pub(crate) fn locations(&self) -> Option<Locations> {
        match self {
            Matcher::Regex(regex) => Some(regex.capture_locations()),
            _ => None,
        }
    }

    /// Whether the text matches; then the groups are in `locations`.
    pub(crate) fn captures(&self, text: &str, locations: &mut Option<Locations>) -> bool {
        match (self, locations) {
            (Matcher::Regex(regex), Some(locations)) => regex.captures(locations, text.as_bytes()).is_some(),
            _ => self.is_match(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The short cuts match what the engine matches.
    #[test]
    fn short_cuts_match_as_the_engine_does() {
        for pattern in ["(.*)", "", "a", "a|b", "a||b", "|", "x y", "é|#", "a/b-c_d,e"] {
            let quick = Matcher::new(pattern).expect("valid");
            assert!(!matches!(quick, Matcher::Regex(_)), "{pattern:?}");
            let regex = Regex::anchored(pattern).expect("valid");
            for text in ["", "a", "b", "ab", "x y", "é", "#", "a/b-c_d,e", "a|b", "a\n"] {
                assert_eq!(
                    quick.is_match(text),
                    regex.is_match(text.as_bytes()),
                    "{pattern:?} on {text:?}"
                );
            }
        }
    }
}
