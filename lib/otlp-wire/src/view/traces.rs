//! Views of traces.

use super::common::{Attributes, List, Resource, Scope};
use super::view;

/// The resources of a request with their spans.
pub fn resources(request: &[u8]) -> List<'_, ResourceSpans<'_>> {
    List::new(request, 1)
}

view! {
    /// Spans of a resource.
    ResourceSpans {
        /// The resource.
        1 optional resource: Option<Resource<'a>>,
        /// Of the conventions that the resource follows.
        3 text schema_url: &'a [u8],
    }
    lists {
        /// Its scopes.
        2 => scopes: List<'a, ScopeSpans<'a>>,
    }
}

view! {
    /// Spans of a library.
    ScopeSpans {
        /// The library.
        1 optional scope: Option<Scope<'a>>,
        /// Of the conventions that the spans follow.
        3 text schema_url: &'a [u8],
    }
    lists {
        /// Its spans.
        2 => spans: List<'a, Span<'a>>,
    }
}

view! {
    /// A span.
    Span {
        /// The trace that it belongs to.
        1 id trace_id: Option<&'a [u8; 16]>,
        /// What identifies it in its trace.
        2 id span_id: Option<&'a [u8; 8]>,
        /// W3C `tracestate`.
        3 text trace_state: &'a [u8],
        /// The span that it is in; `None` for a root.
        4 id parent_span_id: Option<&'a [u8; 8]>,
        /// W3C trace flags in the lowest byte; bits 8 and 9 say whether the parent is remote.
        16 fixed32 flags: u32,
        /// What was done.
        5 text name: &'a [u8],
        /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer; 0 if it is not known.
        6 enumeration kind: i32,
        /// Its beginning, in nanoseconds since the Unix epoch.
        7 fixed64 start_time_unix_nano: u64,
        /// Its end, likewise.
        8 fixed64 end_time_unix_nano: u64,
        /// Attributes that the sender left out.
        10 uint32 dropped_attributes_count: u32,
        /// Events that the sender left out.
        12 uint32 dropped_events_count: u32,
        /// Links that the sender left out.
        14 uint32 dropped_links_count: u32,
        /// How it ended.
        15 status status: Option<Status<'a>>,
    }
    lists {
        /// Its attributes.
        9 => attributes: Attributes<'a>,
        /// What happened meanwhile.
        11 => events: List<'a, Event<'a>>,
        /// Other spans that it has to do with.
        13 => links: List<'a, Link<'a>>,
    }
}

view! {
    /// Something that happened during a span.
    Event {
        /// When, in nanoseconds since the Unix epoch.
        1 fixed64 time_unix_nano: u64,
        /// What.
        2 text name: &'a [u8],
        /// Attributes that the sender left out.
        4 uint32 dropped_attributes_count: u32,
    }
    lists {
        /// Its attributes.
        3 => attributes: Attributes<'a>,
    }
}

view! {
    /// A span that another one has to do with.
    Link {
        /// Its trace.
        1 id trace_id: Option<&'a [u8; 16]>,
        /// What identifies it there.
        2 id span_id: Option<&'a [u8; 8]>,
        /// W3C `tracestate`.
        3 text trace_state: &'a [u8],
        /// Attributes that the sender left out.
        5 uint32 dropped_attributes_count: u32,
        /// As those of a span.
        6 fixed32 flags: u32,
    }
    lists {
        /// Attributes of the link.
        4 => attributes: Attributes<'a>,
    }
}

view! {
    /// How a span ended.
    Status {
        /// For humans.
        2 text message: &'a [u8],
        /// 0 not set, 1 ok, 2 error.
        3 enumeration code: i32,
    }
    lists {}
}
