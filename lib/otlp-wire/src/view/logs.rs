//! Views of logs.

use super::common::{AnyValue, Attributes, List, Resource, Scope};
use super::view;

/// The resources of a request with their log records.
pub fn resources(request: &[u8]) -> List<'_, ResourceLogs<'_>> {
    List::new(request, 1)
}

view! {
    /// Log records of a resource.
    ResourceLogs {
        /// The resource.
        1 optional resource: Option<Resource<'a>>,
        /// Of the conventions that the resource follows.
        3 text schema_url: &'a [u8],
    }
    lists {
        /// Its scopes.
        2 => scopes: List<'a, ScopeLogs<'a>>,
    }
}

view! {
    /// Log records of a library.
    ScopeLogs {
        /// The library.
        1 optional scope: Option<Scope<'a>>,
        /// Of the conventions that the records follow.
        3 text schema_url: &'a [u8],
    }
    lists {
        /// Its records.
        2 => records: List<'a, LogRecord<'a>>,
    }
}

view! {
    /// A log record.
    LogRecord {
        /// When it happened, in nanoseconds since the Unix epoch; 0 if that is not known.
        1 fixed64 time_unix_nano: u64,
        /// When it was seen, likewise.
        11 fixed64 observed_time_unix_nano: u64,
        /// 1 (trace) to 24 (fatal 4); 0 if there is none.
        2 enumeration severity_number: i32,
        /// What the source calls it.
        3 text severity_text: &'a [u8],
        /// The body. `None` and [`AnyValue::Empty`] mean the same.
        5 any body: Option<AnyValue<'a>>,
        /// Attributes that the sender left out.
        7 uint32 dropped_attributes_count: u32,
        /// W3C trace flags in the lowest byte.
        8 fixed32 flags: u32,
        /// The trace that it belongs to.
        9 id trace_id: Option<&'a [u8; 16]>,
        /// The span.
        10 id span_id: Option<&'a [u8; 8]>,
        /// What makes it an event.
        12 text event_name: &'a [u8],
    }
    lists {
        /// Its attributes.
        6 => attributes: Attributes<'a>,
    }
}
