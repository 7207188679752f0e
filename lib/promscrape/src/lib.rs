//! Parsers of what a scrape brings: Prometheus' text format, OpenMetrics, delimited protobuf.
//!
//! A [`Parser`] walks over the bytes of a body. What it yields borrows from the body, and nothing is allocated for a sample. A scrape knows most
//! series from the last time: it looks for the bytes of `name{labels}`, [`Series::raw`], in its cache and decodes labels only if they are not there.
//!
//! ```
//! use promscrape::{Buffers, Entry, Format, LabelsBuf, Options, Parser};
//! let body = b"# TYPE requests counter\nrequests_total{code=\"200\"} 3 # {trace=\"a\"} 1\n# EOF\n";
//! let format = Format::of("application/openmetrics-text; version=1.0.0; charset=utf-8").unwrap();
//! let (mut buffers, mut labels) = (Buffers::new(), LabelsBuf::new());
//! let mut parser = Parser::new(body, format, Options::default(), &mut buffers);
//! while parser.advance()? {
//!     let Entry::Series(series) = parser.entry() else { continue };
//!     assert_eq!(series.raw, br#"requests_total{code="200"}"#);
//!     assert_eq!(series.value, 3.0);
//!     parser.labels(&mut labels)?;
//!     assert_eq!(labels.get("code"), Some("200"));
//!     assert_eq!(parser.exemplars().count(), 1);
//! }
//! # Ok::<(), promscrape::Error>(())
//! ```

mod entry;
mod error;
mod float;
mod labels;
mod nhcb;
mod options;
mod parser;
mod proto;
mod text;

pub use entry::{Entry, Exemplar, HistogramSample, Series};
pub use error::Error;
pub use labels::LabelsBuf;
pub use options::{Format, Options};
pub use parser::{Buffers, Parser};
pub use prommodel::{Counts, Histogram, Kind, Span};

/// A bound or a quantile as OpenMetrics writes it: like Go's `%g`, and `.0` after a whole number.
pub fn format_bound(number: f64) -> String {
    let mut text = String::new();
    float::write_open_metrics(&mut text, number);
    text
}
