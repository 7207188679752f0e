//! Parameters of Prometheus' query API: from the URL, or from the form that a POST sends.

use crate::eval::QueryError;
use url::form_urlencoded;

/// Names and values in the order given.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Parameters of a form in the body and then of the query string: the body comes first, as in Go.
    pub(crate) fn new(query: Option<&str>, form: &[u8]) -> Self {
        let query = form_urlencoded::parse(query.unwrap_or("").as_bytes());
        let form = form_urlencoded::parse(form).into_owned();
        Params(form.chain(query.into_owned()).collect())
    }

    /// The first value, if it is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, v)| n == name && !v.is_empty());
        found.map(|(_, v)| &v[..])
    }

    /// All values that are not empty.
    pub(crate) fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.0
            .iter()
            .filter(move |(n, v)| n == name && !v.is_empty())
            .map(|(_, v)| &v[..])
    }

    /// A time in milliseconds since 1970.
    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, QueryError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        parse_time(text)
            .map(Some)
            .ok_or_else(|| invalid(name, &format!("cannot parse {text:?} to a valid timestamp")))
    }

    /// A time that has to be there.
    pub(crate) fn required_time(&self, name: &str) -> Result<i64, QueryError> {
        self.time(name)?
            .ok_or_else(|| invalid(name, "cannot parse \"\" to a valid timestamp"))
    }

    /// A duration in milliseconds: seconds, or with units.
    pub(crate) fn duration(&self, name: &str) -> Result<i64, QueryError> {
        let text = self.get(name).unwrap_or_default();
        parse_duration(text).ok_or_else(|| invalid(name, &format!("cannot parse {text:?} to a valid duration")))
    }

    /// The largest number of elements of an answer; 0 and none are no limit.
    pub(crate) fn limit(&self) -> Result<usize, QueryError> {
        match self.get("limit").map(str::parse) {
            None | Some(Ok(0)) => Ok(usize::MAX),
            Some(Ok(limit)) => Ok(limit),
            Some(Err(_)) => Err(invalid("limit", "limit must be a non-negative number")),
        }
    }
}

pub(crate) fn invalid(name: &str, what: &str) -> QueryError {
    QueryError::bad(format!("invalid parameter {name:?}: {what}"))
}

/// Seconds since 1970, or RFC 3339; milliseconds.
fn parse_time(text: &str) -> Option<i64> {
    // What lies further away is as good as never: two of Prometheus' clients send the ends of Go's time.
    const FAR: i64 = i64::MAX / 4;
    if let Ok(seconds) = text.parse::<f64>() {
        let milliseconds = (seconds * 1000.0).round();
        return (milliseconds.abs() < FAR as f64).then_some(milliseconds as i64);
    }
    match text {
        "-292273086-05-16T16:47:06Z" => return Some(-FAR),
        "292277025-08-18T07:12:54.999999999Z" => return Some(FAR),
        _ => {}
    }
    gotime::parse_rfc3339_nano(text.as_bytes()).map(|nanos| nanos.div_euclid(1_000_000))
}

fn parse_duration(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let milliseconds = seconds * 1000.0;
        return (milliseconds.abs() < i64::MAX as f64 / 4.0).then_some(milliseconds as i64);
    }
    let milliseconds = gotime::parse_prometheus_duration(text).ok()?;
    i64::try_from(milliseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, expect) in [
            ("1700000000", Some(1_700_000_000_000)),
            ("1700000000.5", Some(1_700_000_000_500)),
            ("1700000000.1234", Some(1_700_000_000_123)),
            ("1.7e9", Some(1_700_000_000_000)),
            ("2023-11-14T22:13:20.015Z", Some(1_700_000_000_015)),
            ("2023-11-14T23:13:20+01:00", Some(1_700_000_000_000)),
            ("292277025-08-18T07:12:54.999999999Z", Some(i64::MAX / 4)),
            ("1e300", None),
            ("NaN", None),
            ("yesterday", None),
        ] {
            assert_eq!(parse_time(text), expect, "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, expect) in [
            ("15", Some(15_000)),
            ("0.5", Some(500)),
            ("1m30s", Some(90_000)),
            ("", None),
            ("x", None),
            ("inf", None),
        ] {
            assert_eq!(parse_duration(text), expect, "{text}");
        }
    }

    #[test]
    fn a_form_comes_before_the_url() {
        let params = Params::new(Some("query=up&match[]=a&limit=0"), b"query=x+y&match%5B%5D=b");
        assert_eq!(params.get("query"), Some("x y"));
        assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(params.limit(), Ok(usize::MAX));
        assert!(params.required_time("start").is_err());
        assert!(Params::new(Some("limit=-1"), b"").limit().is_err());
    }
}
