//! Points of several numbers: histograms and summaries.

use super::convert::{Context, Converter, NO_VALUE, millis_of, value_of};
use otlp_wire::metrics::{Buckets, Exemplar, ExponentialHistogramPoint, HistogramPoint, SummaryPoint};
use prommodel::{CUSTOM_BOUNDS, Compactor, Counts, Histogram, STALE_NAN, Span};

/// The coarsest and the finest resolution of Prometheus.
const COARSEST: i32 = -4;
const FINEST: i32 = 8;
/// Empty buckets that stay between others.
const GAP: i64 = 2;
/// The width of the zero bucket if a point does not give it.
const ZERO_THRESHOLD: f64 = 1e-128;

const STALE: f64 = f64::from_bits(STALE_NAN);

/// A histogram as `_sum`, `_count` and `_bucket`.
pub(super) fn classic(this: &mut Converter<'_, '_>, context: &Context<'_>, point: &HistogramPoint<'_>) -> Option<()> {
    if this.options.custom_buckets {
        return custom(this, context, point);
    }
    let attributes = point.attributes();
    let key = this.key(context, attributes);
    let start = this.start(point.start_time_unix_nano);
    let time = millis_of(point.time_unix_nano);
    let gone = point.flags & NO_VALUE != 0;
    let value = |value: f64| if gone { STALE } else { value };
    if let Some(sum) = point.sum {
        let series = this.series(context, key, 1, "_sum", None, attributes);
        this.push(&series, start, time, value(sum));
    }
    let series = this.series(context, key, 2, "_count", None, attributes);
    this.push(&series, start, time, value(point.count as f64));
    // Pairs of bound and count, since bounds may be out of order.
    let counts = point.bucket_counts.iter();
    let mut buckets: Vec<(f64, u64)> = point.explicit_bounds.iter().zip(counts).collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut examples: Vec<(f64, Exemplar<'_>)> = point
        .exemplars()
        .filter_map(|exemplar| Some((value_of(exemplar.value()?), exemplar)))
        .collect();
    examples.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut examples = examples.into_iter().peekable();
    let mut below = 0u64;
    for (bound, count) in buckets {
        below = below.wrapping_add(count);
        let series = this.series(context, key, 3, "_bucket", Some(("le", bound)), attributes);
        let taken = this.push(&series, start, time, value(below as f64));
        let mine: Vec<Exemplar<'_>> = std::iter::from_fn(|| examples.next_if(|(value, _)| *value < bound))
            .map(|(_, exemplar)| exemplar)
            .collect();
        if taken {
            this.exemplars(&series, mine.into_iter());
        }
    }
    let series = this.series(context, key, 3, "_bucket", Some(("le", f64::INFINITY)), attributes);
    if this.push(&series, start, time, value(point.count as f64)) {
        this.exemplars(&series, examples.map(|(_, exemplar)| exemplar));
    }
    Some(())
}

/// The same as a native histogram with its bounds.
fn custom(this: &mut Converter<'_, '_>, context: &Context<'_>, point: &HistogramPoint<'_>) -> Option<()> {
    let mut histogram = Histogram::default();
    if point.flags & NO_VALUE != 0 {
        histogram.sum = STALE;
    } else {
        let counts: Vec<u64> = point.bucket_counts.iter().collect();
        let buckets = histogram.integer();
        buckets.count = point.count;
        buckets.positive = differences(counts.iter().copied());
        histogram.positive_spans = vec![Span {
            offset: 0,
            length: u32::try_from(counts.len()).ok()?,
        }];
        histogram.custom_values = point.explicit_bounds.iter().collect();
        histogram.sum = point.sum.unwrap_or_default();
        histogram.compact(GAP, &mut Compactor::default());
    }
    histogram.schema = CUSTOM_BOUNDS;
    native(
        this,
        context,
        histogram,
        point.time_unix_nano,
        point.attributes(),
        point.exemplars(),
    )
}

fn differences(counts: impl Iterator<Item = u64>) -> Vec<i64> {
    let mut last = 0u64;
    counts
        .map(|count| {
            let difference = count.wrapping_sub(last) as i64;
            last = count;
            difference
        })
        .collect()
}

/// Where buckets lie and what is in them. Bucket `i` of OTLP begins where that of Prometheus ends.
fn buckets(buckets: Option<Buckets<'_>>) -> Option<(Vec<Span>, Vec<i64>)> {
    let Some(buckets) = buckets else {
        return Some((Vec::new(), Vec::new()));
    };
    let counts = differences(buckets.bucket_counts);
    if counts.is_empty() {
        return Some((Vec::new(), Vec::new()));
    }
    let length = u32::try_from(counts.len()).ok()?;
    let offset = buckets.offset.checked_add(1)?;
    offset.checked_add(i32::try_from(length).ok()?)?;
    Some((vec![Span { offset, length }], counts))
}

/// An exponential histogram as a native one.
pub(super) fn exponential(
    this: &mut Converter<'_, '_>,
    context: &Context<'_>,
    point: &ExponentialHistogramPoint<'_>,
) -> Option<()> {
    if point.scale < COARSEST {
        return None;
    }
    let mut histogram = Histogram::default();
    if point.flags & NO_VALUE != 0 {
        histogram.schema = point.scale.min(FINEST);
        histogram.sum = STALE;
    } else {
        let (positive_spans, positive) = buckets(point.positive)?;
        let (negative_spans, negative) = buckets(point.negative)?;
        let counts = histogram.integer();
        (counts.count, counts.zero_count) = (point.count, point.zero_count);
        (counts.positive, counts.negative) = (positive, negative);
        (histogram.positive_spans, histogram.negative_spans) = (positive_spans, negative_spans);
        histogram.schema = point.scale;
        histogram.sum = point.sum.unwrap_or_default();
        histogram.fit(0, FINEST);
        histogram.compact(GAP, &mut Compactor::default());
    }
    histogram.zero_threshold = match point.zero_threshold {
        width if width > 0.0 => width,
        _ => ZERO_THRESHOLD,
    };
    native(
        this,
        context,
        histogram,
        point.time_unix_nano,
        point.attributes(),
        point.exemplars(),
    )
}

fn native<'e>(
    this: &mut Converter<'_, '_>,
    context: &Context<'_>,
    histogram: Histogram,
    nanos: u64,
    attributes: otlp_wire::common::Attributes<'_>,
    exemplars: impl Iterator<Item = Exemplar<'e>>,
) -> Option<()> {
    debug_assert!(matches!(histogram.counts, Counts::Integer(_)));
    let key = this.key(context, attributes);
    let series = this.series(context, key, 4, "", None, attributes);
    if this.push_histogram(&series, millis_of(nanos), histogram) {
        this.exemplars(&series, exemplars);
    }
    Some(())
}

/// A summary as `_sum`, `_count` and a series for each quantile.
pub(super) fn summary(this: &mut Converter<'_, '_>, context: &Context<'_>, point: &SummaryPoint<'_>) -> Option<()> {
    let attributes = point.attributes();
    let key = this.key(context, attributes);
    let start = this.start(point.start_time_unix_nano);
    let time = millis_of(point.time_unix_nano);
    let gone = point.flags & NO_VALUE != 0;
    let value = |value: f64| if gone { STALE } else { value };
    let series = this.series(context, key, 1, "_sum", None, attributes);
    this.push(&series, start, time, value(point.sum));
    let series = this.series(context, key, 2, "_count", None, attributes);
    this.push(&series, start, time, value(point.count as f64));
    for quantile in point.quantile_values() {
        let extra = Some(("quantile", quantile.quantile));
        let series = this.series(context, key, 5, "", extra, attributes);
        this.push(&series, start, time, value(quantile.value));
    }
    Some(())
}
