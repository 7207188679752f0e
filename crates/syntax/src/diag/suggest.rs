/// The candidate that `name` was probably meant to be, if one is close enough: at most a third of its characters differ, and at
/// most three. Ties go to the first candidate.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().collect();
    let limit = (name.len() / 3).clamp(1, 3);
    let mut best = None;
    for candidate in candidates {
        let other: Vec<char> = candidate.chars().collect();
        if other.len().abs_diff(name.len()) > limit {
            continue;
        }
        let distance = distance(&name, &other);
        // A name of one character shares nothing with another one.
        if distance <= limit && distance < name.len() && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Number of insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut cost = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(before_last[j - 2] + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_near_names_only() {
        let names = ["forward_to", "targets", "labels", "url", "job"];
        for (name, expected) in [
            ("foward_to", Some("forward_to")),
            ("forwrad_to", Some("forward_to")),
            ("target", Some("targets")),
            ("label", Some("labels")),
            ("ulr", Some("url")),
            ("urls", Some("url")),
            ("xyz", None),
            ("j", None),
            ("", None),
            ("completely_different", None),
        ] {
            assert_eq!(suggest(name, names), expected, "{name}");
        }
        assert_eq!(suggest("ab", ["abc", "abd"]), Some("abc"));
    }
}
