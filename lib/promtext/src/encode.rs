//! Writing families in the text format and in OpenMetrics.

use crate::float::format_float;
use crate::model::{Family, Kind, Label, Point, valid_label_name, valid_metric_name};
use crate::negotiate::Format;

/// The text of a scrape.
pub fn encode(families: &[Family], format: Format) -> String {
    let mut out = String::new();
    encode_into(families, format, &mut out);
    out
}

/// Appends the text of a scrape to `out`.
pub fn encode_into(families: &[Family], format: Format, out: &mut String) {
    let mut writer = Writer { out, format };
    for family in families.iter().filter(|family| !family.series.is_empty()) {
        writer.family(family);
    }
    if format == Format::OpenMetrics {
        writer.out.push_str("# EOF\n");
    }
}

struct Writer<'o> {
    out: &'o mut String,
    format: Format,
}

impl Writer<'_> {
    fn open_metrics(&self) -> bool {
        self.format == Format::OpenMetrics
    }

    fn family(&mut self, family: &Family) {
        // OpenMetrics: `_total` belongs to the sample of a counter, not to its family.
        let stem = family.name.strip_suffix("_total").filter(|stem| !stem.is_empty());
        let (name, kind) = match (family.kind, stem) {
            (Kind::Counter, Some(stem)) if self.open_metrics() => (stem, "counter"),
            // Without the suffix it cannot be called a counter there.
            (Kind::Counter, None) if self.open_metrics() => (&*family.name, "unknown"),
            (Kind::Untyped, _) if self.open_metrics() => (&*family.name, "unknown"),
            (kind, _) => (&*family.name, kind.as_str()),
        };
        if !family.help.is_empty() {
            self.out.push_str("# HELP ");
            self.metadata_name(name);
            self.out.push(' ');
            let quotes = self.open_metrics();
            escape(self.out, &family.help, quotes);
            self.out.push('\n');
        }
        self.out.push_str("# TYPE ");
        self.metadata_name(name);
        self.out.push(' ');
        self.out.push_str(kind);
        self.out.push('\n');
        for series in &family.series {
            let labels = &series.labels;
            match &series.point {
                Point::Number(value) => self.sample(&family.name, "", labels, None, *value),
                Point::Histogram { buckets, sum, count } => {
                    for bucket in buckets.iter().filter(|bucket| bucket.le.is_finite()) {
                        self.count(&family.name, "_bucket", labels, Some(("le", bucket.le)), bucket.count);
                    }
                    self.count(&family.name, "_bucket", labels, Some(("le", f64::INFINITY)), *count);
                    self.sample(&family.name, "_sum", labels, None, *sum);
                    self.count(&family.name, "_count", labels, None, *count);
                }
                Point::Summary { quantiles, sum, count } => {
                    for &(quantile, value) in quantiles {
                        self.sample(&family.name, "", labels, Some(("quantile", quantile)), value);
                    }
                    self.sample(&family.name, "_sum", labels, None, *sum);
                    self.count(&family.name, "_count", labels, None, *count);
                }
            }
        }
    }

    fn metadata_name(&mut self, name: &str) {
        if valid_metric_name(name) {
            self.out.push_str(name);
        } else {
            self.quoted(name);
        }
    }

    fn sample(&mut self, name: &str, suffix: &str, labels: &[Label], extra: Option<(&str, f64)>, value: f64) {
        self.head(name, suffix, labels, extra);
        let text = self.number(value);
        self.out.push_str(&text);
        self.out.push('\n');
    }

    fn count(&mut self, name: &str, suffix: &str, labels: &[Label], extra: Option<(&str, f64)>, count: u64) {
        self.head(name, suffix, labels, extra);
        self.out.push_str(&count.to_string());
        self.out.push('\n');
    }

    fn head(&mut self, name: &str, suffix: &str, labels: &[Label], extra: Option<(&str, f64)>) {
        let plain = valid_metric_name(name);
        let mut separator = '{';
        if plain {
            self.out.push_str(name);
            self.out.push_str(suffix);
        } else {
            // A name outside of the old alphabet stands in quotes among the labels.
            self.out.push(separator);
            self.quoted(&format!("{name}{suffix}"));
            separator = ',';
        }
        for (name, value) in labels {
            self.out.push(separator);
            separator = ',';
            if valid_label_name(name) {
                self.out.push_str(name);
            } else {
                self.quoted(name);
            }
            self.out.push('=');
            self.quoted(value);
        }
        if let Some((name, bound)) = extra {
            self.out.push(separator);
            separator = ',';
            self.out.push_str(name);
            self.out.push('=');
            let text = self.number(bound);
            self.quoted(&text);
        }
        if separator == ',' {
            self.out.push('}');
        }
        self.out.push(' ');
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        escape(self.out, text, true);
        self.out.push('"');
    }

    fn number(&self, value: f64) -> String {
        let mut text = format_float(value);
        // OpenMetrics tells floats from integers.
        if self.open_metrics() && value.is_finite() && !text.contains(['.', 'e']) {
            text.push_str(".0");
        }
        text
    }
}

fn escape(out: &mut String, text: &str, quotes: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bucket, Series};

    fn families() -> Vec<Family> {
        let label = |name: &str, value: &str| (name.into(), value.into());
        let mut requests = Family::new("requests_total", "All \"requests\"\nof a\\b.", Kind::Counter);
        requests.push(vec![label("path", "/a\"b\\c\nd"), label("z", "é")], 3.0);
        let mut processed = Family::new("entries_processed", "", Kind::Counter);
        processed.push(Vec::new(), 1e6);
        let mut sizes = Family::new("size_bytes", "Sizes.", Kind::Histogram);
        let buckets = vec![Bucket { le: 0.5, count: 1 }, Bucket { le: 1024.0, count: 2 }];
        let point = Point::Histogram {
            buckets,
            sum: 2.5,
            count: 4,
        };
        sizes.series.push(Series {
            labels: vec![label("a", "b")],
            point,
        });
        let mut latency = Family::new("latency", "Latency.", Kind::Summary);
        let point = Point::Summary {
            quantiles: vec![(0.5, f64::NAN), (1.0, 7.0)],
            sum: 7.0,
            count: 1,
        };
        latency.series.push(Series {
            labels: Vec::new(),
            point,
        });
        let mut odd = Family::new("odd.name", "Odd.", Kind::Untyped);
        odd.push(vec![label("my.label", "v")], f64::INFINITY);
        vec![
            requests,
            processed,
            sizes,
            latency,
            odd,
            Family::new("empty", "", Kind::Gauge),
        ]
    }

    #[test]
    fn text_format() {
        let expect = r##"# HELP requests_total All "requests"\nof a\\b.
# TYPE requests_total counter
requests_total{path="/a\"b\\c\nd",z="é"} 3
# TYPE entries_processed counter
entries_processed 1e+06
# HELP size_bytes Sizes.
# TYPE size_bytes histogram
size_bytes_bucket{a="b",le="0.5"} 1
size_bytes_bucket{a="b",le="1024"} 2
size_bytes_bucket{a="b",le="+Inf"} 4
size_bytes_sum{a="b"} 2.5
size_bytes_count{a="b"} 4
# HELP latency Latency.
# TYPE latency summary
latency{quantile="0.5"} NaN
latency{quantile="1"} 7
latency_sum 7
latency_count 1
# HELP "odd.name" Odd.
# TYPE "odd.name" untyped
{"odd.name","my.label"="v"} +Inf
"##;
        assert_eq!(encode(&families(), Format::Text), expect);
    }

    #[test]
    fn open_metrics() {
        let expect = r##"# HELP requests All \"requests\"\nof a\\b.
# TYPE requests counter
requests_total{path="/a\"b\\c\nd",z="é"} 3.0
# TYPE entries_processed unknown
entries_processed 1e+06
# HELP size_bytes Sizes.
# TYPE size_bytes histogram
size_bytes_bucket{a="b",le="0.5"} 1
size_bytes_bucket{a="b",le="1024.0"} 2
size_bytes_bucket{a="b",le="+Inf"} 4
size_bytes_sum{a="b"} 2.5
size_bytes_count{a="b"} 4
# HELP latency Latency.
# TYPE latency summary
latency{quantile="0.5"} NaN
latency{quantile="1.0"} 7.0
latency_sum 7.0
latency_count 1
# HELP "odd.name" Odd.
# TYPE "odd.name" unknown
{"odd.name","my.label"="v"} +Inf
# EOF
"##;
        assert_eq!(encode(&families(), Format::OpenMetrics), expect);
        assert_eq!(encode(&[], Format::OpenMetrics), "# EOF\n");
    }
}
