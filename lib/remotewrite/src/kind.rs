//! Types of metrics.

/// Type of a metric family, with the number that both versions give it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricKind {
    /// Not known.
    #[default]
    Unknown = 0,
    /// `counter`
    Counter = 1,
    /// `gauge`
    Gauge = 2,
    /// `histogram`
    Histogram = 3,
    /// `gaugehistogram`
    GaugeHistogram = 4,
    /// `summary`
    Summary = 5,
    /// `info`
    Info = 6,
    /// `stateset`
    StateSet = 7,
}

impl MetricKind {
    /// The type of a number; [`MetricKind::Unknown`] for one that is not defined.
    pub fn of_number(number: u64) -> Self {
        use MetricKind::*;
        [
            Unknown,
            Counter,
            Gauge,
            Histogram,
            GaugeHistogram,
            Summary,
            Info,
            StateSet,
        ]
        .get(usize::try_from(number).unwrap_or(usize::MAX))
        .copied()
        .unwrap_or_default()
    }
}
