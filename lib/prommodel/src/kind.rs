//! Types of metrics.

/// The type of a family. The numbers are those of both versions of remote write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `untyped` in the text format, `unknown` in OpenMetrics, or no type at all.
    #[default]
    Unknown = 0,
    /// Only goes up.
    Counter = 1,
    /// Goes up and down.
    Gauge = 2,
    /// Observations in buckets.
    Histogram = 3,
    /// Buckets that may go down.
    GaugeHistogram = 4,
    /// Quantiles that the target calculated.
    Summary = 5,
    /// Labels that say something; the value is 1.
    Info = 6,
    /// One of several states.
    StateSet = 7,
}

impl Kind {
    /// The name, as in OpenMetrics and in the label `__type__`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Unknown => "unknown",
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::GaugeHistogram => "gaugehistogram",
            Kind::Summary => "summary",
            Kind::Info => "info",
            Kind::StateSet => "stateset",
        }
    }

    /// Whether `_created` series of such a family are start timestamps (OpenMetrics 1.0: counter, histogram, summary).
    pub fn has_start(self) -> bool {
        matches!(self, Kind::Counter | Kind::Summary | Kind::Histogram)
    }

    /// The type of a number; [`Kind::Unknown`] for one that is not defined.
    pub fn of_number(number: u64) -> Kind {
        use Kind::*;
        let kinds = [
            Unknown,
            Counter,
            Gauge,
            Histogram,
            GaugeHistogram,
            Summary,
            Info,
            StateSet,
        ];
        let kind = usize::try_from(number).ok().and_then(|number| kinds.get(number));
        kind.copied().unwrap_or_default()
    }
}
