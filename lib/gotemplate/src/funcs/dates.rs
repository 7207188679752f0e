//! Dates and durations.
//!
//! A time is a map with one hidden entry, its nanoseconds since 1970, and entries for the methods of Go's `time.Time`
//! that take no arguments, so that `{{ now.Unix }}` works.

use super::args::{Args, TIME, strval, to_i64};
use super::{Context, Function, Result, f, fail, int, map, text};
use gotime::{Layout, Location, format_duration, parse_duration};
use gotmpl::Value;

const SECOND: i64 = 1_000_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    f("now", 0, 0, |c, _| Ok(time((c.host.now)()))),
    f("date", 2, 2, |c, a| {
        Ok(format(c, a.str(0)?, a.get(1), &Location::local()))
    }),
    f("dateInZone", 3, 3, in_zone),
    f("date_in_zone", 3, 3, in_zone),
    f("htmlDate", 1, 1, |c, a| {
        Ok(format(c, "2006-01-02", a.get(0), &Location::local()))
    }),
    f("htmlDateInZone", 2, 2, |c, a| {
        Ok(format(
            c,
            "2006-01-02",
            a.get(0),
            &Location::load(a.str(1)?).unwrap_or(Location::utc()),
        ))
    }),
    f("dateModify", 2, 2, |_, a| {
        Ok(modified(a)?.unwrap_or_else(|_| a.get(1).clone()))
    }),
    f("date_modify", 2, 2, |_, a| {
        Ok(modified(a)?.unwrap_or_else(|_| a.get(1).clone()))
    }),
    f("mustDateModify", 2, 2, |_, a| modified(a)?.map_err(fail)),
    f("must_date_modify", 2, 2, |_, a| modified(a)?.map_err(fail)),
    f("toDate", 2, 2, |_, a| Ok(parsed(a)?.unwrap_or_else(|_| time(i64::MIN)))),
    f("mustToDate", 2, 2, |_, a| parsed(a)?.map_err(fail)),
    f("unixEpoch", 1, 1, |_, a| match nanos_of(a.get(0)) {
        Some(nanos) => Ok(text(nanos.div_euclid(SECOND).to_string())),
        None => Err(fail("wrong type for value; expected time.Time")),
    }),
    f("ago", 1, 1, |c, a| {
        let since = (c.host.now)().saturating_sub(instant(c, a.get(0)));
        // To the next second.
        let rounded = since.saturating_add(SECOND / 2).div_euclid(SECOND) * SECOND;
        Ok(text(format_duration(rounded)))
    }),
    f("duration", 1, 1, |_, a| {
        Ok(text(format_duration(to_i64(a.get(0)).saturating_mul(SECOND))))
    }),
    f("durationRound", 1, 1, |c, a| {
        let nanos = match a.get(0) {
            Value::String(duration) => parse_duration(duration).unwrap_or(0),
            value => match nanos_of(value) {
                Some(nanos) => (c.host.now)().saturating_sub(nanos),
                None => to_i64(value),
            },
        };
        Ok(text(rough(nanos)))
    }),
];

fn time(nanos: i64) -> Value {
    let seconds = nanos.div_euclid(SECOND);
    let location = Location::local();
    let civil = location.civil(seconds);
    let named = |layout: &str| text(Layout::new(layout).format_nanos(nanos, &location));
    map([
        (TIME, int(nanos)),
        ("Unix", int(seconds)),
        ("UnixMilli", int(nanos.div_euclid(1_000_000))),
        ("UnixMicro", int(nanos.div_euclid(1_000))),
        ("UnixNano", int(nanos)),
        ("Year", int(civil.year)),
        ("Month", named("January")),
        ("Day", int(i64::from(civil.day))),
        ("YearDay", int(i64::from(civil.day_of_year()))),
        ("Weekday", named("Monday")),
        ("Hour", int(i64::from(civil.hour))),
        ("Minute", int(i64::from(civil.minute))),
        ("Second", int(i64::from(civil.second))),
        ("Nanosecond", int(nanos.rem_euclid(SECOND))),
    ])
}

fn nanos_of(value: &Value) -> Option<i64> {
    match value.field(TIME) {
        Some(Value::Int(nanos)) => Some(*nanos),
        _ => None,
    }
}

/// A time or a number of seconds since 1970; anything else is now.
fn instant(context: &Context, value: &Value) -> i64 {
    match value {
        Value::Int(seconds) => seconds.saturating_mul(SECOND),
        value => nanos_of(value).unwrap_or_else(|| (context.host.now)()),
    }
}

fn format(context: &Context, layout: &str, value: &Value, location: &Location) -> Value {
    text(Layout::new(layout).format_nanos(instant(context, value), location))
}

fn in_zone(context: &Context, a: &Args<'_>) -> Result {
    let location = Location::load(a.str(2)?).unwrap_or(Location::utc());
    Ok(format(context, a.str(0)?, a.get(1), &location))
}

type Outcome = std::result::Result<std::result::Result<Value, String>, gotmpl::TemplateError>;

fn modified(a: &Args<'_>) -> Outcome {
    let nanos = nanos_of(a.get(1)).ok_or_else(|| fail(format!("expected a time, got \"{}\"", strval(a.get(1)))))?;
    let by = parse_duration(a.str(0)?);
    Ok(by
        .map(|by| time(nanos.saturating_add(by)))
        .map_err(|error| error.to_string()))
}

fn parsed(a: &Args<'_>) -> Outcome {
    let location = Location::local();
    let parsed = Layout::new(a.str(0)?).parse(a.str(1)?, &location);
    Ok(match parsed {
        Ok(parsed) => Ok(time(parsed.unix_nanos().unwrap_or(i64::MIN))),
        Err(error) => Err(error.to_string()),
    })
}

/// The largest unit of a duration that it fills more than once.
fn rough(nanos: i64) -> String {
    const HOUR: u64 = 3_600_000_000_000;
    let magnitude = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    let units = [
        (HOUR * 24 * 365, "y"),
        (HOUR * 24 * 30, "mo"),
        (HOUR * 24, "d"),
        (HOUR, "h"),
        (HOUR / 60, "m"),
        (HOUR / 3600, "s"),
    ];
    match units.iter().find(|(unit, _)| magnitude > *unit) {
        Some((unit, name)) => format!("{sign}{}{name}", magnitude / unit),
        None => "0s".to_owned(),
    }
}
