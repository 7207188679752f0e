//! Prometheus' data model: label sets that exist once, native histograms, types of metrics.
//!
//! # Label sets
//!
//! A [`Table`] holds every [`Label`] (a name and a value) and every [`Series`] (a label set) once. Both are handles of one word: equal ones are
//! the same memory, so they are compared and hashed by address. A series refers to its labels by number: with eleven of them it takes 80 bytes, and 10 to 20 more
//! in the table; the texts are shared by all series that have them.
//!
//! A label is kept in the form that remote write 1.0 gives it, so that a sender copies bytes and encodes nothing.
//!
//! A series has a small number, [`Series::id`], for tables of whoever remembers something about it. Numbers are used again when a series is gone;
//! [`Series::key`] tells one from the other.
//!
//! Series that come together, as those of a target do, are rows of a [`Block`]: a row takes four bytes for each label, and rows that are equal but for
//! the labels of the target are shared by all targets that have them. They are no series by themselves until somebody needs that.
//!
//! # Memory
//!
//! The table forgets what nobody else holds: by itself when it has grown by half since it looked last, and in [`Table::sweep`].
//!
//! Sources: <https://prometheus.io/docs/concepts/data_model/>, `prometheus/model/{labels,histogram}`.

mod block;
mod build;
mod histogram;
mod kind;
mod label;
mod labels;
mod reduce;
mod series;
mod table;
mod thin;
mod valid;
mod value;

pub use block::{Block, BlockBuilder, Mapped, Row};
pub use build::SeriesBuilder;
pub use histogram::{Buckets, CUSTOM_BOUNDS, Compactor, Counts, Histogram, ResetHint, Span};
pub use kind::Kind;
pub use label::Label;
pub use reduce::schema_of_factor;
pub use series::{Series, SeriesKey};
pub use table::{Stats, Table};
pub use value::{NORMAL_NAN, STALE_NAN, is_stale};

/// Name of the label that holds the name of the metric.
pub const NAME: &str = "__name__";
