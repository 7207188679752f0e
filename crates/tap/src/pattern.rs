//! Which edges somebody wants to see.

/// A pattern over global ids of components, `loki.process.*`, or over edges, `loki.source.file.*->loki.process.default`. `*` stands for
/// any text, `?` for any one character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    edge: Option<(String, String)>,
}

impl Pattern {
    /// Any text is a pattern; the empty one means all edges.
    pub fn new(text: &str) -> Pattern {
        let text = text.trim();
        let edge = text
            .split_once("->")
            .map(|(from, to)| (or_any(from.trim()), or_any(to.trim())));
        Pattern {
            text: or_any(text),
            edge,
        }
    }

    /// Whether it covers an edge, by the ids of its ends. A pattern for components covers the edges that lead to one or come from it.
    pub fn matches(&self, from: &str, to: &str) -> bool {
        match &self.edge {
            Some((sender, receiver)) => wild(sender, from) && wild(receiver, to),
            None => wild(&self.text, from) || wild(&self.text, to),
        }
    }

    /// Whether it covers what happens inside a component.
    pub fn matches_component(&self, id: &str) -> bool {
        match &self.edge {
            Some(_) => false,
            None => wild(&self.text, id),
        }
    }
}

fn or_any(text: &str) -> String {
    match text {
        "" => "*".to_owned(),
        text => text.to_owned(),
    }
}

/// Whether a pattern with `*` and `?` matches a whole text. Linear in both for one star, and never exponential: only the last star is
/// ever tried again.
fn wild(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_components_and_edges() {
        let cases = [
            ("loki.process.a", true),
            ("loki.*", true),
            ("*", true),
            ("", true),
            ("*.b", true),
            ("loki.process.?", true),
            ("loki.process", false),
            ("x", false),
            ("loki.process.a->*", true),
            ("loki.process.a -> loki.write.b", true),
            ("->loki.write.b", true),
            ("loki.write.b->*", false),
            ("*->loki.process.a", false),
            ("l*k*i*.*.*b", true),
        ];
        for (pattern, expected) in cases {
            assert_eq!(
                Pattern::new(pattern).matches("loki.process.a", "loki.write.b"),
                expected,
                "{pattern}"
            );
        }
        assert!(Pattern::new("loki.*").matches_component("loki.process.a"));
        assert!(!Pattern::new("loki.*->*").matches_component("loki.process.a"));
    }
}
