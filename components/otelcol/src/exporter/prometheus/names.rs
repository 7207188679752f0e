//! Names of metrics and labels, as the Collector's translator makes them.

/// Names of units, by what UCUM has.
const UNITS: [(&str, &str); 24] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
];

/// The same behind `per`.
const PER: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

fn look_up<'a>(table: &[(&str, &'a str)], unit: &'a str) -> &'a str {
    match unit {
        "1" => "",
        "%" => "percent",
        _ => table
            .iter()
            .find(|(name, _)| *name == unit)
            .map_or(unit, |(_, name)| name),
    }
}

fn is_part(one: char) -> bool {
    one.is_alphanumeric()
}

/// The parts of a text that are letters and digits.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|one| !is_part(one)).filter(|word| !word.is_empty())
}

fn clean(text: &str) -> String {
    words(text).collect::<Vec<_>>().join("_")
}

/// What a metric is, as far as its name depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A monotonic sum.
    Counter,
    Gauge,
    Other,
}

/// The name of a metric, with unit and type as suffixes.
pub(super) fn metric(name: &str, unit: &str, kind: Kind, suffixes: bool) -> String {
    if !suffixes {
        let kept = |one: char| is_part(one) || one == '_' || one == ':';
        let parts: Vec<&str> = name.split(|one| !kept(one)).filter(|part| !part.is_empty()).collect();
        return not_a_number(parts.join("_"));
    }
    let mut tokens: Vec<String> = words(name).map(str::to_owned).collect();
    let (main, per) = match unit.split_once('/') {
        Some((main, per)) => (main.trim(), per.trim()),
        None => (unit.trim(), ""),
    };
    let braces = |unit: &str| unit.contains(['{', '}']);
    let main_name = clean(look_up(&UNITS, main));
    if !braces(main) && !main_name.is_empty() && !tokens.contains(&main_name) {
        tokens.push(main_name);
    }
    let per_name = match per {
        "1" | "%" => clean(per),
        _ => clean(look_up(&PER, per)),
    };
    if !braces(per) && !per_name.is_empty() && !tokens.contains(&per_name) {
        tokens.push("per".to_owned());
        tokens.push(per_name);
    }
    let last = match kind {
        Kind::Counter => Some("total"),
        Kind::Gauge if unit == "1" => Some("ratio"),
        _ => None,
    };
    if let Some(last) = last {
        tokens.retain(|token| token != last);
        tokens.push(last.to_owned());
    }
    not_a_number(tokens.join("_"))
}

fn not_a_number(name: String) -> String {
    match name.chars().next() {
        Some(first) if first.is_numeric() => format!("_{name}"),
        _ => name,
    }
}

/// The name of a label.
pub(crate) fn label(key: &str) -> String {
    let name: String = key.chars().map(|one| if is_part(one) { one } else { '_' }).collect();
    match name.chars().next() {
        Some(first) if first.is_numeric() => format!("key_{name}"),
        Some('_') if !name.starts_with("__") => format!("key{name}"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_get_units_and_types_as_suffixes() {
        let cases = [
            (
                "http.server.duration",
                "ms",
                Kind::Other,
                "http_server_duration_milliseconds",
            ),
            ("system.cpu.time", "s", Kind::Counter, "system_cpu_time_seconds_total"),
            (
                "requests.total.count",
                "{request}",
                Kind::Counter,
                "requests_count_total",
            ),
            ("system.io", "By/s", Kind::Gauge, "system_io_bytes_per_second"),
            ("bytes.read", "By", Kind::Gauge, "bytes_read"),
            ("cpu.utilization", "1", Kind::Gauge, "cpu_utilization_ratio"),
            ("cpu.utilization", "1", Kind::Other, "cpu_utilization"),
            ("rate", "{packet}/s", Kind::Gauge, "rate_per_second"),
            ("rate", "km/h", Kind::Gauge, "rate_km_per_hour"),
            ("2xx", "", Kind::Other, "_2xx"),
            ("größe", "%", Kind::Gauge, "größe_percent"),
            ("__a..b__", "", Kind::Other, "a_b"),
        ];
        for (name, unit, kind, expected) in cases {
            assert_eq!(metric(name, unit, kind, true), expected, "{name} {unit}");
        }
        assert_eq!(metric("a..b:c_/d", "s", Kind::Counter, false), "a_b:c__d");
        assert_eq!(metric("9a", "", Kind::Other, false), "_9a");
    }

    #[test]
    fn labels_keep_what_may_stay() {
        let cases = [
            ("http.method", "http_method"),
            ("1st", "key_1st"),
            ("_x", "key_x"),
            (".x", "key_x"),
            ("__x", "__x"),
            ("", ""),
        ];
        for (key, expected) in cases {
            assert_eq!(label(key), expected);
        }
    }
}
