//! What a scrape configuration decides about parsing.

/// Options of a parser. The default is what Prometheus does by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Classic histograms become native histograms with custom bounds; their series are hidden (`convert_classic_histograms_to_nhcb`).
    pub convert_classic: bool,
    /// Series of classic histograms are there also if a native histogram is (`scrape_classic_histograms`).
    pub keep_classic: bool,
    /// Native histograms of protobuf are ignored (the opposite of `scrape_native_histograms`).
    pub ignore_native: bool,
    /// `_created` series of OpenMetrics are start timestamps and no series (`start_timestamp_zero_ingestion`).
    pub start_timestamps: bool,
    /// Types and units become the labels `__type__` and `__unit__` (`enable_type_and_unit_labels`).
    pub type_and_unit: bool,
}

/// A format of exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/plain`: the text format, versions 0.0.4 and 1.0.0.
    Text,
    /// `application/openmetrics-text`: OpenMetrics, versions 0.0.1 and 1.0.0.
    OpenMetrics,
    /// `application/vnd.google.protobuf`: delimited messages `io.prometheus.client.MetricFamily`.
    Protobuf,
}

impl Format {
    /// The format of a content type. Only the media type counts: parameters, and so the version, are ignored (Prometheus: `textparse.New`).
    pub fn of(content_type: &str) -> Option<Format> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        [
            ("text/plain", Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/vnd.google.protobuf", Format::Protobuf),
        ]
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(media_type))
        .map(|(_, format)| format)
    }
}
