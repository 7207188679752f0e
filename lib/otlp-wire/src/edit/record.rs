//! A record with what is around it, for who decides what becomes of it.

use crate::Signal;
use crate::view::common::{Resource, Scope};
use crate::view::logs::LogRecord;
use crate::view::metrics::{ExponentialHistogramPoint, HistogramPoint, Metric, NumberPoint, SummaryPoint};
use crate::view::traces::Span;
use crate::wire::Children;

/// A record of a request. Nothing is read before it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub(super) signal: Signal,
    pub(super) bytes: &'a [u8],
    pub(super) around: Around<'a>,
}

/// Messages that a record is in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around<'a> {
    pub(super) resource: &'a [u8],
    pub(super) scope: &'a [u8],
    pub(super) metric: &'a [u8],
    /// Number of the field of the metric that has the data points.
    pub(super) data: u32,
}

/// What a record is.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'a> {
    /// A log record.
    Log(LogRecord<'a>),
    /// A span.
    Span(Span<'a>),
    /// A data point of a gauge or a sum.
    Number(NumberPoint<'a>),
    /// A data point of a histogram.
    Histogram(HistogramPoint<'a>),
    /// A data point of an exponential histogram.
    ExponentialHistogram(ExponentialHistogramPoint<'a>),
    /// A data point of a summary.
    Summary(SummaryPoint<'a>),
}

impl<'a> Record<'a> {
    /// The record on the wire.
    pub fn raw(&self) -> &'a [u8] {
        self.bytes
    }

    /// The record, read.
    pub fn kind(&self) -> Kind<'a> {
        match (self.signal, self.around.data) {
            (Signal::Logs, _) => Kind::Log(self.bytes.into()),
            (Signal::Traces, _) => Kind::Span(self.bytes.into()),
            (Signal::Metrics, 9) => Kind::Histogram(self.bytes.into()),
            (Signal::Metrics, 10) => Kind::ExponentialHistogram(self.bytes.into()),
            (Signal::Metrics, 11) => Kind::Summary(self.bytes.into()),
            (Signal::Metrics, _) => Kind::Number(self.bytes.into()),
        }
    }

    /// Its resource, as it is in the request.
    pub fn resource(&self) -> Resource<'a> {
        Children::new(self.around.resource, 1)
            .next()
            .map(Resource::from)
            .unwrap_or_default()
    }

    /// Its scope.
    pub fn scope(&self) -> Scope<'a> {
        Children::new(self.around.scope, 1)
            .next()
            .map(Scope::from)
            .unwrap_or_default()
    }

    /// Its metric, if it is a data point.
    pub fn metric(&self) -> Option<Metric<'a>> {
        (self.signal == Signal::Metrics).then(|| self.around.metric.into())
    }

    /// Number of the field with its attributes.
    pub(super) fn attributes(&self) -> u32 {
        match (self.signal, self.around.data) {
            (Signal::Logs, _) => 6,
            (Signal::Traces, _) | (Signal::Metrics, 9) => 9,
            (Signal::Metrics, 10) => 1,
            (Signal::Metrics, _) => 7,
        }
    }
}
