//! Semantic versions.

use super::{Function, f, fail, int, map, text};
use gotmpl::Value;
use std::cmp::Ordering;

pub(super) const FUNCTIONS: &[Function] = &[
    f("semver", 1, 1, |_, a| {
        let source = a.str(0)?;
        let version = Version::parse(source).ok_or_else(|| fail("invalid semantic version"))?;
        Ok(map([
            ("Major", int(version.numbers[0] as i64)),
            ("Minor", int(version.numbers[1] as i64)),
            ("Patch", int(version.numbers[2] as i64)),
            ("Prerelease", text(version.prerelease)),
            ("Metadata", text(version.metadata)),
            ("Original", text(source)),
        ]))
    }),
    f("semverCompare", 2, 2, |_, a| {
        let version = Version::parse(a.str(1)?).ok_or_else(|| fail("invalid semantic version"))?;
        Ok(Value::Bool(satisfies(a.str(0)?, &version)?))
    }),
];

#[derive(Clone, Debug)]
struct Version {
    numbers: [u64; 3],
    /// How many of the numbers were written; `x` ends them.
    given: usize,
    prerelease: String,
    metadata: String,
}

impl Version {
    /// `v1.2.3-rc.1+build`, of which all but the first number may be missing.
    fn parse(source: &str) -> Option<Version> {
        let version = Version::parse_partial(source)?;
        (version.given > 0).then_some(version)
    }

    fn parse_partial(source: &str) -> Option<Version> {
        let source = source.strip_prefix('v').unwrap_or(source);
        let (source, metadata) = source.split_once('+').unwrap_or((source, ""));
        let (source, prerelease) = source.split_once('-').unwrap_or((source, ""));
        let mut version = Version {
            numbers: [0; 3],
            given: 0,
            prerelease: prerelease.to_owned(),
            metadata: metadata.to_owned(),
        };
        let mut wild = false;
        let parts: Vec<&str> = source.split('.').collect();
        if parts.len() > 3 {
            return None;
        }
        for (index, part) in parts.into_iter().enumerate() {
            if matches!(part, "x" | "X" | "*") {
                wild = true;
                continue;
            }
            if wild || part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            version.numbers[index] = part.parse().ok()?;
            version.given = index + 1;
        }
        Some(version)
    }

    fn compare(&self, other: &Version) -> Ordering {
        self.numbers
            .cmp(&other.numbers)
            .then_with(|| match (&*self.prerelease, &*other.prerelease) {
                ("", "") => Ordering::Equal,
                ("", _) => Ordering::Greater,
                (_, "") => Ordering::Less,
                (a, b) => compare_prerelease(a, b),
            })
    }

    /// The first version above all that agree with this one in the first `count` numbers.
    fn bump(&self, count: usize) -> Version {
        let mut numbers = [0; 3];
        numbers[..count].copy_from_slice(&self.numbers[..count]);
        if let Some(last) = count.checked_sub(1) {
            numbers[last] = numbers[last].saturating_add(1);
        }
        Version {
            numbers,
            given: 3,
            prerelease: String::new(),
            metadata: String::new(),
        }
    }
}

/// Identifier by identifier: numbers by value and below text; a longer list above its beginning.
fn compare_prerelease(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Alternatives by `||`, each of conditions by comma or space, all of which have to hold.
fn satisfies(constraint: &str, version: &Version) -> Result<bool, gotmpl::TemplateError> {
    let mut any = false;
    for alternative in constraint.split("||") {
        let mut all = true;
        for (operator, bound) in conditions(alternative, constraint)? {
            all &= holds(operator, &bound, version);
        }
        any |= all;
    }
    Ok(any)
}

type Conditions = Vec<(&'static str, Version)>;

fn conditions(source: &str, whole: &str) -> Result<Conditions, gotmpl::TemplateError> {
    let invalid = || fail(format!("improper constraint: {whole}"));
    let mut out = Vec::new();
    if let Some((low, high)) = source.split_once(" - ") {
        out.push((">=", Version::parse_partial(low.trim()).ok_or_else(invalid)?));
        out.push(("<=", Version::parse_partial(high.trim()).ok_or_else(invalid)?));
        return Ok(out);
    }
    let operators = ["!=", ">=", "=>", "<=", "=<", "~>", "=", ">", "<", "~", "^"];
    let mut rest = source.trim();
    while !rest.is_empty() {
        let operator = operators.into_iter().find(|operator| rest.starts_with(operator));
        rest = rest[operator.map_or(0, str::len)..].trim_start();
        let end = rest
            .find([',', ' ', '<', '>', '=', '!', '~', '^'])
            .unwrap_or(rest.len());
        out.push((
            operator.unwrap_or("="),
            Version::parse_partial(&rest[..end]).ok_or_else(invalid)?,
        ));
        rest = rest[end..].trim_start_matches([',', ' ']);
    }
    if out.is_empty() { Err(invalid()) } else { Ok(out) }
}

fn holds(operator: &str, bound: &Version, version: &Version) -> bool {
    // Pre-releases satisfy only conditions that name one.
    if !version.prerelease.is_empty() && bound.prerelease.is_empty() {
        return false;
    }
    let order = version.compare(bound);
    let within = |upper: Version| order != Ordering::Less && version.compare(&upper) == Ordering::Less;
    let equal = match bound.given {
        0 => true,
        3 => order == Ordering::Equal,
        given => within(bound.bump(given)),
    };
    match operator {
        "=" => equal,
        "!=" => !equal,
        ">" if bound.given < 3 => !equal && order == Ordering::Greater,
        ">" => order == Ordering::Greater,
        ">=" | "=>" => order != Ordering::Less,
        "<" => order == Ordering::Less,
        "<=" | "=<" if bound.given < 3 => equal || order == Ordering::Less,
        "<=" | "=<" => order != Ordering::Greater,
        "~" | "~>" if bound.given == 0 => true,
        "~" | "~>" => within(bound.bump(bound.given.min(2))),
        _ => match (bound.given, bound.numbers) {
            (0, _) => true,
            (1, _) => within(bound.bump(1)),
            (_, [major, ..]) if major > 0 => within(bound.bump(1)),
            (given, [_, minor, _]) if given == 2 || minor > 0 => within(bound.bump(2)),
            _ => within(bound.bump(3)),
        },
    }
}
