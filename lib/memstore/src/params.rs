//! Parameters of Loki's query API: from the URL, or from the form that a POST sends.

use url::form_urlencoded;

use crate::query::{Direction, QueryError};

/// Nanoseconds of an hour: how far a query looks back if it does not say.
pub(crate) const HOUR: i64 = 3600 * SECOND;
const SECOND: i64 = 1_000_000_000;

/// Names and values in the order given.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Parameters of the query string and then of a form in the body.
    pub(crate) fn new(query: Option<&str>, form: &[u8]) -> Self {
        let query = form_urlencoded::parse(query.unwrap_or("").as_bytes());
        Params(
            query
                .into_owned()
                .chain(form_urlencoded::parse(form).into_owned())
                .collect(),
        )
    }

    /// The first value, if it is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, v)| n == name && !v.is_empty())
            .map(|(_, v)| &v[..])
    }

    /// All values that are not empty.
    pub(crate) fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.0
            .iter()
            .filter(move |(n, v)| n == name && !v.is_empty())
            .map(|(_, v)| &v[..])
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, QueryError> {
        self.get(name)
            .ok_or_else(|| QueryError(format!("parameter \"{name}\" is missing")))
    }

    /// A time in nanoseconds since 1970.
    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, QueryError> {
        self.get(name)
            .map(|text| {
                parse_time(text).ok_or_else(|| {
                    QueryError(format!(
                        "parameter \"{name}\": \"{text}\" is not a time: use nanoseconds or seconds since 1970, or RFC 3339"
                    ))
                })
            })
            .transpose()
    }

    /// `start` and `end`; an end that is missing is `now`, a start that is missing is `since` (or an hour) before the end.
    pub(crate) fn span(&self, now: i64) -> Result<(i64, i64), QueryError> {
        let end = self.time("end")?;
        let since = match self.get("since") {
            None => HOUR,
            Some(text) => parse_duration(text).ok_or_else(|| {
                QueryError(format!(
                    "parameter \"since\": \"{text}\" is not a duration: write it as 90s, 15m or 1h30m"
                ))
            })?,
        };
        // A span in the future looks back from its end, one in the past from now: as Loki.
        let start = match self.time("start")? {
            Some(start) => start,
            None => end.unwrap_or(now).min(now).saturating_sub(since),
        };
        let end = end.unwrap_or(now);
        if end < start {
            return Err(QueryError("parameter \"end\" is before \"start\"".into()));
        }
        Ok((start, end))
    }

    /// How many entries are wanted; `default` if it is not said.
    pub(crate) fn limit(&self, default: usize, max: usize) -> Result<usize, QueryError> {
        let Some(text) = self.get("limit") else {
            return Ok(default.min(max));
        };
        match text.parse() {
            Ok(limit) if limit > max => Err(QueryError(format!(
                "parameter \"limit\": {limit} is more than {max}, the most that one query gives"
            ))),
            Ok(limit) if limit > 0 => Ok(limit),
            _ => Err(QueryError(format!(
                "parameter \"limit\": \"{text}\" is not a number above 0"
            ))),
        }
    }

    pub(crate) fn direction(&self) -> Result<Direction, QueryError> {
        match self.get("direction").map(str::to_ascii_lowercase).as_deref() {
            None | Some("backward") => Ok(Direction::Backward),
            Some("forward") => Ok(Direction::Forward),
            Some(other) => Err(QueryError(format!(
                "parameter \"direction\": \"{other}\" is neither forward nor backward"
            ))),
        }
    }
}

/// Loki's forms of a time: a whole number of at most ten digits is in seconds, a longer one in nanoseconds, one with a dot
/// in seconds; anything else is RFC 3339.
fn parse_time(text: &str) -> Option<i64> {
    if text.contains('.')
        && let Ok(seconds) = text.parse::<f64>()
    {
        let nanos = seconds * SECOND as f64;
        return (nanos.abs() < i64::MAX as f64).then_some(nanos as i64);
    }
    if let Ok(number) = text.parse::<i64>() {
        return if text.len() <= 10 {
            number.checked_mul(SECOND)
        } else {
            Some(number)
        };
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

/// A Prometheus duration (`1h30m`, units in falling order) in nanoseconds.
fn parse_duration(text: &str) -> Option<i64> {
    const DAY: i64 = 24 * HOUR;
    const UNITS: [(&str, i64); 7] = [
        ("y", 365 * DAY),
        ("w", 7 * DAY),
        ("d", DAY),
        ("h", HOUR),
        ("m", 60 * SECOND),
        ("s", SECOND),
        ("ms", SECOND / 1000),
    ];
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total = 0i64;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit()).filter(|&at| at > 0)?;
        let (number, tail) = rest.split_at(unit_at);
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let (_, nanos) = units.find(|(name, _)| *name == unit)?;
        total = number.parse::<i64>().ok()?.checked_mul(*nanos)?.checked_add(total)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::new(Some(query), b"")
    }

    #[test]
    fn times() {
        for (text, expect) in [
            ("1700000000", Some(1_700_000_000 * SECOND)),
            ("1700000000000000001", Some(1_700_000_000_000_000_001)),
            ("1700000000.5", Some(1_700_000_000 * SECOND + SECOND / 2)),
            ("2023-11-14T22:13:20.000000001Z", Some(1_700_000_000 * SECOND + 1)),
            ("2023-11-14T23:13:20+01:00", Some(1_700_000_000 * SECOND)),
            ("1e300.", None),
            ("yesterday", None),
            ("9999-01-01T00:00:00Z", None),
        ] {
            assert_eq!(parse_time(text), expect, "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, expect) in [
            ("1h30m", Some(HOUR + HOUR / 2)),
            ("500ms", Some(SECOND / 2)),
            ("1w2d", Some(9 * 24 * HOUR)),
            ("0", Some(0)),
            ("30m1h", None),
            ("1", None),
            ("h", None),
            ("", None),
            ("1x", None),
            ("9999999999y", None),
        ] {
            assert_eq!(parse_duration(text), expect, "{text}");
        }
    }

    #[test]
    fn spans() {
        let now = 10_000 * SECOND;
        let span = |query: &str| params(query).span(now).map_err(|e| e.to_string());
        assert_eq!(span(""), Ok((now - HOUR, now)));
        assert_eq!(span("since=5m"), Ok((now - 300 * SECOND, now)));
        assert_eq!(span("start=5&end=7"), Ok((5 * SECOND, 7 * SECOND)));
        assert_eq!(span("end=5000&since=1s"), Ok((4999 * SECOND, 5000 * SECOND)));
        assert_eq!(span("end=20000&since=1s"), Ok((9999 * SECOND, 20_000 * SECOND)));
        assert_eq!(
            span("start=7&end=5"),
            Err("parameter \"end\" is before \"start\"".into())
        );
        assert!(span("start=x").is_err());
        assert!(span("since=x").is_err());
    }

    #[test]
    fn limits_and_directions() {
        assert_eq!(params("").limit(100, 5000), Ok(100));
        assert_eq!(params("limit=7").limit(100, 5000), Ok(7));
        for bad in ["limit=0", "limit=-1", "limit=x", "limit=5001"] {
            assert!(params(bad).limit(100, 5000).is_err(), "{bad}");
        }
        assert_eq!(params("direction=FORWARD").direction(), Ok(Direction::Forward));
        assert_eq!(params("").direction(), Ok(Direction::Backward));
        assert!(params("direction=up").direction().is_err());
    }

    #[test]
    fn a_form_adds_to_the_url() {
        let params = Params::new(
            Some("match[]=%7Ba%3D%221%22%7D&query="),
            b"match%5B%5D={b=%222%22}&query=x+y",
        );
        assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["{a=\"1\"}", "{b=\"2\"}"]);
        assert_eq!(params.get("query"), Some("x y"));
        assert!(params.required("start").is_err());
    }
}
