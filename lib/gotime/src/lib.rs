//! Times, durations and byte sizes as Go programs write them.
//!
//! - [`parse_duration`] and [`format_duration`]: `time.ParseDuration` and `Duration.String`.
//! - [`Layout`]: Go's reference-time layouts (`2006-01-02 15:04:05`), compiled once, to parse and to format.
//! - [`parse_rfc3339_nano`] and [`format_rfc3339_nano`]: the common format without the machinery.
//! - [`parse_bytes`] and [`format_bytes`]: base-2 sizes (`10MiB`).
//!
//! ```
//! let layout = gotime::Layout::new("02/Jan/2006:15:04:05 -0700");
//! let parsed = layout.parse("06/May/2024:07:08:09 -0500", &gotime::Location::utc()).unwrap();
//! assert_eq!(gotime::format_rfc3339_nano(parsed.unix_nanos().unwrap()), "2024-05-06T12:08:09Z");
//! ```

mod bytes;
mod civil;
mod duration;
mod error;
mod format;
mod layout;
mod location;
mod parse;
mod prometheus;
mod rfc3339;

pub use bytes::{BytesError, format_bytes, parse_bytes};
pub use civil::{Civil, Weekday};
pub use duration::{DurationError, format_duration, parse_duration, quote};
pub use error::ParseError;
pub use layout::{Layout, named};
pub use location::{Location, LocationError};
pub use parse::Parsed;
pub use prometheus::{PrometheusDurationError, format_prometheus_duration, parse_prometheus_duration};
pub use rfc3339::{format_rfc3339_nano, parse_rfc3339_nano};

/// Go's layout constants.
pub mod layouts {
    /// `Mon Jan _2 15:04:05 2006`
    pub const ANSIC: &str = "Mon Jan _2 15:04:05 2006";
    /// `Mon Jan _2 15:04:05 MST 2006`
    pub const UNIX_DATE: &str = "Mon Jan _2 15:04:05 MST 2006";
    /// `Mon Jan 02 15:04:05 -0700 2006`
    pub const RUBY_DATE: &str = "Mon Jan 02 15:04:05 -0700 2006";
    /// `02 Jan 06 15:04 MST`
    pub const RFC822: &str = "02 Jan 06 15:04 MST";
    /// `02 Jan 06 15:04 -0700`
    pub const RFC822Z: &str = "02 Jan 06 15:04 -0700";
    /// `Monday, 02-Jan-06 15:04:05 MST`
    pub const RFC850: &str = "Monday, 02-Jan-06 15:04:05 MST";
    /// `Mon, 02 Jan 2006 15:04:05 MST`
    pub const RFC1123: &str = "Mon, 02 Jan 2006 15:04:05 MST";
    /// `Mon, 02 Jan 2006 15:04:05 -0700`
    pub const RFC1123Z: &str = "Mon, 02 Jan 2006 15:04:05 -0700";
    /// `2006-01-02T15:04:05Z07:00`
    pub const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
    /// `2006-01-02T15:04:05.999999999Z07:00`
    pub const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";
    /// `3:04PM`
    pub const KITCHEN: &str = "3:04PM";
    /// `Jan _2 15:04:05`
    pub const STAMP: &str = "Jan _2 15:04:05";
    /// `Jan _2 15:04:05.000`
    pub const STAMP_MILLI: &str = "Jan _2 15:04:05.000";
    /// `Jan _2 15:04:05.000000`
    pub const STAMP_MICRO: &str = "Jan _2 15:04:05.000000";
    /// `Jan _2 15:04:05.000000000`
    pub const STAMP_NANO: &str = "Jan _2 15:04:05.000000000";
    /// `2006-01-02 15:04:05`
    pub const DATE_TIME: &str = "2006-01-02 15:04:05";
    /// `2006-01-02`
    pub const DATE_ONLY: &str = "2006-01-02";
    /// `15:04:05`
    pub const TIME_ONLY: &str = "15:04:05";
}
