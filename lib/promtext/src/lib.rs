//! Prometheus metrics of a program: create, update, collect, write.
//!
//! A [`Registry`] holds collectors. [`Registry::scoped`] makes a registry within it whose series all carry some more
//! labels; it disappears as a whole when it is closed or its last handle is dropped. Families of the same name from
//! several scopes are merged; a name that is a counter here and a gauge there is an error where it is registered.
//!
//! Updates are atomic operations without a lock. ([`CounterVec`] and its like take a read lock to find a series: keep the
//! handle where it matters.)
//!
//! ```
//! use promtext::{Format, Registry};
//! let registry = Registry::new();
//! let component = registry.scoped(&[("component_id", "loki.write.default")]).unwrap();
//! let dropped = component.counter_vec("loki_write_dropped_entries_total", "Entries dropped.", &["reason"]).unwrap();
//! dropped.with(&["rate_limited"]).add(3);
//! let text = promtext::encode(&registry.gather().families, Format::Text);
//! assert!(text.ends_with(
//!     "loki_write_dropped_entries_total{component_id=\"loki.write.default\",reason=\"rate_limited\"} 3\n"
//! ));
//! ```

mod encode;
mod float;
mod metrics;
mod model;
mod negotiate;
mod parse;
mod registry;
mod vec;

pub use encode::{encode, encode_into};
pub use float::format_float;
pub use metrics::{Counter, Gauge, Histogram, exponential_buckets};
pub use model::{Bucket, Family, Kind, Label, Point, Series, valid_label_name, valid_metric_name};
pub use negotiate::{Format, negotiate};
pub use parse::{ParseError, Sample, Scrape, parse_text};
pub use registry::{Collector, Desc, GatherError, Gathered, RegisterError, Registration, Registry};
pub use vec::{CounterVec, GaugeVec, HistogramVec, Metric, MetricVec};
