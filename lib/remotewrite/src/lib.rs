//! Prometheus' remote write formats 1.0 and 2.0, in both directions and without generated code.
//!
//! - Sending: [`v1::Writer`] and [`v2::Writer`] write series straight into a buffer that is reused, and [`v1::Packer`] the snappy block at once, from labels or from [their keys](v1::WireRow). One message carries one sample,
//!   histogram or exemplar, as Prometheus sends them.
//! - Receiving: [`v1::series`] and [`v2::series`] read series one after the other; names and values are slices of the message.
//!
//! What is written is the protobuf message; on the wire it is one snappy *block*. Zero values of proto3 are left out, members of a
//! `oneof` are not.
//!
//! ```text
//! 1.0  WriteRequest { 1: repeated TimeSeries, 3: repeated MetricMetadata }
//!      TimeSeries   { 1: repeated Label { 1: name, 2: value }, 2: repeated Sample, 3: repeated Exemplar, 4: repeated Histogram }
//!      MetricMetadata { 1: type, 2: metric_family_name, 4: help, 5: unit }
//! 2.0  Request      { 4: repeated symbols string, 5: repeated TimeSeries }
//!      TimeSeries   { 1: repeated labels_refs uint32 (packed), 2: Sample, 3: Histogram, 4: Exemplar, 5: Metadata }
//! ```
//!
//! Sources: <https://prometheus.io/docs/specs/prw/remote_write_spec/>, `prometheus/prompb/{remote,types}.proto`, `io/prometheus/write/v2/types.proto`.

mod error;
mod histogram;
mod parts;
pub mod v1;
pub mod v2;

pub use error::Error;
pub use parts::{Exemplar, HistogramSample, Sample, Series};

/// `Content-Type` of a 1.0 request.
pub const V1_CONTENT_TYPE: &str = "application/x-protobuf";
/// `Content-Type` of a 2.0 request.
pub const V2_CONTENT_TYPE: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
/// `X-Prometheus-Remote-Write-Version` of a 1.0 request.
pub const V1_VERSION: &str = "0.1.0";
/// `X-Prometheus-Remote-Write-Version` of a 2.0 request.
pub const V2_VERSION: &str = "2.0.0";
