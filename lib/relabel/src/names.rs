//! Which texts are label names.

/// Which names rules may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// `[a-zA-Z_][a-zA-Z0-9_]*`; anything else is an error of the rule, or leaves the labels as they are if it only turns out when
    /// the groups of an expression are filled in.
    Legacy,
    /// Any text that is not empty.
    Utf8,
    /// As [`Names::Legacy`], but a rule with another target is accepted and has no effect. This is how programs behave that check rules by
    /// one scheme and run them by the other.
    LegacyWhenApplied,
}

impl Names {
    /// Whether a rule may have this target.
    pub(crate) fn takes(self, name: &str) -> bool {
        match self {
            Names::Legacy => is_legacy_name(name),
            Names::Utf8 | Names::LegacyWhenApplied => !name.is_empty(),
        }
    }

    /// Whether a rule may have this target with references to groups.
    pub(crate) fn takes_template(self, template: &str) -> bool {
        match self {
            Names::Legacy | Names::LegacyWhenApplied => is_legacy_template(template),
            Names::Utf8 => !template.is_empty(),
        }
    }

    /// Whether a label of this name may be set.
    pub(crate) fn allows(self, name: &str) -> bool {
        match self {
            Names::Legacy | Names::LegacyWhenApplied => is_legacy_name(name),
            Names::Utf8 => !name.is_empty(),
        }
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`
pub fn is_legacy_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') && bytes.all(is_word)
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Prometheus' pattern for names with references to groups, `^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+$`: word characters, of which
/// the first is not a digit, and `$name` or `${name}`.
pub fn is_legacy_template(template: &str) -> bool {
    let bytes = template.as_bytes();
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        at += 1;
        let word = |from: usize| bytes[from..].iter().take_while(|b| is_word(**b)).count();
        match b {
            b'$' if bytes.get(at) == Some(&b'{') => {
                let length = word(at + 1);
                if length == 0 || bytes.get(at + 1 + length) != Some(&b'}') {
                    return false;
                }
                at += length + 2;
            }
            b'$' => match word(at) {
                0 => return false,
                length => at += length,
            },
            // A digit cannot come first.
            b'0'..=b'9' if at > 1 => {}
            _ if b.is_ascii_alphabetic() || b == b'_' => {}
            _ => return false,
        }
    }
    !bytes.is_empty()
}
