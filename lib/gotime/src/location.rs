//! Time zones.

use crate::civil::Civil;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::fmt;

/// A place whose clocks tell the time: UTC, or a zone of the IANA database (the system's, or the bundled one where the
/// system has none).
#[derive(Clone, Debug, PartialEq)]
pub struct Location(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Utc,
    Zone(TimeZone),
}

/// A name that is in no time zone database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationError(String);

impl fmt::Display for LocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown time zone {}", self.0)
    }
}

impl std::error::Error for LocationError {}

impl Location {
    /// Coordinated universal time.
    pub const fn utc() -> Location {
        Location(Kind::Utc)
    }

    /// The location of an IANA name like `Europe/Berlin`. As in Go, the empty name and `UTC` are UTC and `Local` is the
    /// machine's zone.
    pub fn load(name: &str) -> Result<Location, LocationError> {
        match name {
            "" | "UTC" => Ok(Location::utc()),
            "Local" => Ok(Location::local()),
            _ => TimeZone::get(name)
                .map(|zone| Location(Kind::Zone(zone)))
                .map_err(|_| LocationError(name.to_owned())),
        }
    }

    /// The machine's own zone; UTC if it has none.
    pub fn local() -> Location {
        match TimeZone::try_system() {
            Ok(zone) if !zone.is_unknown() && zone != TimeZone::UTC => Location(Kind::Zone(zone)),
            _ => Location::utc(),
        }
    }

    /// Seconds east of UTC at the instant `unix` (seconds since 1970).
    pub fn offset(&self, unix: i64) -> i32 {
        match &self.0 {
            Kind::Utc => 0,
            Kind::Zone(zone) => zone.to_offset(timestamp(unix)).seconds(),
        }
    }

    /// Seconds east of UTC and the abbreviation of the zone (`CEST`) at the instant `unix`.
    pub fn zone(&self, unix: i64) -> (i32, Cow<'_, str>) {
        match &self.0 {
            Kind::Utc => (0, Cow::Borrowed("UTC")),
            Kind::Zone(zone) => {
                let info = zone.to_offset_info(timestamp(unix));
                (info.offset().seconds(), Cow::Owned(info.abbreviation().to_owned()))
            }
        }
    }

    /// The instant at which clocks here show `civil`, which is given in seconds since 1970 as if it were UTC. Where the
    /// clocks are put forward or back there is none or there are two; the choice then is that of Go's `time.Date`.
    pub(crate) fn resolve(&self, civil: i64) -> i64 {
        let Kind::Zone(_) = &self.0 else { return civil };
        let first = self.offset(civil);
        if first == 0 {
            return civil;
        }
        civil - i64::from(self.offset(civil - i64::from(first)))
    }

    /// The offset of the zone that is abbreviated `name` here, preferably the one in use at `civil`.
    pub(crate) fn offset_of(&self, name: &str, civil: i64) -> Option<i32> {
        let zone = match &self.0 {
            Kind::Utc => return (name == "UTC").then_some(0),
            Kind::Zone(zone) => zone,
        };
        let guess = self.resolve(civil);
        let now = zone.to_offset_info(timestamp(guess));
        if now.abbreviation() == name {
            return Some(now.offset().seconds());
        }
        let around = zone
            .following(timestamp(guess))
            .take(2)
            .chain(zone.preceding(timestamp(guess)).take(8));
        around
            .filter(|t| t.abbreviation() == name)
            .map(|t| t.offset().seconds())
            .next()
    }

    /// What clocks here show at the instant `unix`.
    pub fn civil(&self, unix: i64) -> Civil {
        Civil::from_seconds(unix + i64::from(self.offset(unix)))
    }
}

/// Instants before -9999 and after 9999 have the offset of the nearest one.
fn timestamp(unix: i64) -> Timestamp {
    Timestamp::from_second(unix).unwrap_or(if unix < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(Location::load(""), Ok(Location::utc()));
        assert_eq!(Location::load("UTC"), Ok(Location::utc()));
        assert_eq!(
            Location::load("Mars/Base").unwrap_err().to_string(),
            "unknown time zone Mars/Base"
        );
        let berlin = Location::load("Europe/Berlin").unwrap();
        assert_eq!(berlin.zone(1_720_000_000), (7200, "CEST".into()));
        assert_eq!(berlin.offset_of("CET", 1_720_000_000), Some(3600));
        assert_eq!(berlin.offset_of("EST", 1_720_000_000), None);
        assert_eq!(berlin.civil(0).hour, 1);
    }
}
