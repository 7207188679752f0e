//! What comes from targets and senders of metrics.

use prommodel::{Counts, Histogram, SeriesBuilder, Span, Table};
use promscrape::{Buffers, Entry, Format, LabelsBuf, Options, Parser};
use remotewrite::{Exemplar, HistogramSample, Sample, Series, v1, v2};

/// A body of a scrape is parsed to its end or to an error, whatever the options; knowing what comes next changes nothing; histograms are such that their
/// buckets can be walked over. The first byte says which format, the second which options.
pub fn scrape(bytes: &[u8]) {
    let [kind, bits, body @ ..] = bytes else { return };
    let format = [Format::Text, Format::OpenMetrics, Format::Protobuf][usize::from(kind % 3)];
    let bit = |at: u8| bits >> at & 1 == 1;
    let options = Options {
        convert_classic: bit(0),
        keep_classic: bit(1),
        ignore_native: bit(2),
        start_timestamps: bit(3),
        type_and_unit: bit(4),
    };
    let mut buffers = Buffers::new();
    let (mut labels, mut raws, mut entries) = (LabelsBuf::new(), Vec::new(), Vec::new());
    let mut parser = Parser::new(body, format, options, &mut buffers);
    loop {
        let more = parser.advance();
        entries.push(format!("{more:?} {:?}", parser.entry()));
        assert!(entries.len() <= 2 * body.len() + 3, "a parser that does not end");
        if more != Ok(true) {
            break;
        }
        raws.push(match parser.entry() {
            Entry::Series(series) => series.raw.to_vec(),
            Entry::Histogram(sample) => {
                fits(sample.histogram);
                Vec::new()
            }
            _ => Vec::new(),
        });
        let _ = parser.labels(&mut labels);
        for exemplar in parser.exemplars() {
            let _ = exemplar.labels(&mut labels);
        }
    }
    let mut parser = Parser::new(body, format, options, &mut buffers);
    let mut next = raws.iter();
    for entry in &entries {
        let raw = next.next().map_or(&b""[..], |raw| raw);
        let more = parser.advance_expecting(raw);
        assert_eq!(&format!("{more:?} {:?}", parser.entry()), entry, "expecting {raw:?}");
    }
}

fn fits(histogram: &Histogram) {
    let total = |spans: &[Span]| spans.iter().map(|span| u64::from(span.length)).sum::<u64>();
    let (positive, negative) = match &histogram.counts {
        Counts::Integer(buckets) => (buckets.positive.len(), buckets.negative.len()),
        Counts::Float(buckets) => (buckets.positive.len(), buckets.negative.len()),
    };
    assert_eq!(total(&histogram.positive_spans), positive as u64, "{histogram:?}");
    assert_eq!(total(&histogram.negative_spans), negative as u64, "{histogram:?}");
}

/// A request of remote write is refused, or says the same after it was written again. The first byte says of which version it is.
pub fn remotewrite(bytes: &[u8]) {
    let Some((kind, message)) = bytes.split_first() else {
        return;
    };
    if kind % 2 == 0 {
        let Ok(parts) = v1::series(message).collect::<Result<Vec<_>, _>>() else {
            return;
        };
        let mut writer = v1::Writer::default();
        parts.iter().for_each(|part| write_v1(&mut writer, part));
        let again: Result<Vec<_>, _> = v1::series(writer.message()).collect();
        let again = again.expect("what was written can be read");
        assert_eq!(said_v1(&parts), said_v1(&again));
        packed(&parts);
    } else {
        let Ok(series) = v2::series(message) else { return };
        let Ok(series) = series.collect::<Result<Vec<_>, _>>() else {
            return;
        };
        let mut writer = v2::Writer::default();
        series.iter().for_each(|series| write_v2(&mut writer, series));
        let mut message = Vec::new();
        writer.finish(&mut message);
        let again = v2::series(&message).expect("symbols that were written can be read");
        let again: Result<Vec<_>, _> = again.collect();
        let again = again.expect("what was written can be read");
        assert_eq!(said(&series), said(&again));
    }
    // Whatever can be read can be checked.
    let histograms = |series: &Series<'_>| series.histograms.iter().for_each(|one| drop(one.histogram.validate()));
    v1::series(message).flatten().for_each(|part| match part {
        v1::Part::Series(series) => histograms(&series),
        v1::Part::Metadata(_) => {}
    });
}

/// Samples that are packed are those that the other writer writes.
fn packed(parts: &[v1::Part<'_>]) {
    let table = Table::new();
    let mut kept = Vec::new();
    let (mut writer, mut packer) = (v1::Writer::default(), v1::Packer::default());
    for part in parts {
        let v1::Part::Series(series) = part else { continue };
        let mut builder = SeriesBuilder::new(&table);
        series.labels.iter().for_each(|(name, value)| builder.set(name, value));
        let labels = builder.build();
        for sample in &series.samples {
            writer.sample(&labels, *sample);
            packer.row(&labels, *sample);
        }
        kept.push(labels);
    }
    let message = snap::raw::Decoder::new().decompress_vec(packer.block());
    assert!(message.expect("it is a block") == writer.message());
}

fn write_v1(writer: &mut v1::Writer, part: &v1::Part<'_>) {
    match part {
        v1::Part::Series(series) => {
            let labels = v1::EncodedLabels::new(series.labels.iter().copied());
            series.samples.iter().for_each(|one| writer.sample(&labels, *one));
            for one in &series.histograms {
                writer.histogram(&labels, &one.histogram, one.timestamp);
            }
            for one in &series.exemplars {
                writer.exemplar(&labels, one.labels.iter().copied(), one.value, one.timestamp);
            }
        }
        v1::Part::Metadata(one) => writer.metadata(one.family, one.kind, one.help, one.unit),
    }
}

fn write_v2(writer: &mut v2::Writer, series: &Series<'_>) {
    let metadata = v2::Metadata {
        kind: series.kind,
        help: series.help,
        unit: series.unit,
    };
    let labels = || series.labels.iter().copied();
    series
        .samples
        .iter()
        .for_each(|one| writer.sample(labels(), metadata, *one));
    for one in &series.histograms {
        writer.histogram(labels(), metadata, &one.histogram, one.timestamp, one.start_timestamp);
    }
    if !series.exemplars.is_empty() {
        writer.exemplars(labels(), metadata, None, &series.exemplars);
    }
}

fn said_v1(parts: &[v1::Part<'_>]) -> Vec<String> {
    let said = parts.iter().flat_map(|part| match part {
        v1::Part::Series(series) => {
            // This version has no place for them.
            let mut series = series.clone();
            series.samples.iter_mut().for_each(|one| one.start_timestamp = 0);
            series.histograms.iter_mut().for_each(|one| one.start_timestamp = 0);
            said(&[series])
        }
        v1::Part::Metadata(one) => vec![format!("{one:?}")],
    });
    said.collect()
}

/// What series say, however their records are distributed.
fn said(series: &[Series<'_>]) -> Vec<String> {
    let one = |series: &Series<'_>| {
        let about = format!(
            "{:?} {:?} {:?} {:?}",
            series.labels, series.kind, series.help, series.unit
        );
        let samples = series.samples.iter().map(|one: &Sample| format!("{one:?}"));
        let histograms = series.histograms.iter().map(|one: &HistogramSample| format!("{one:?}"));
        let exemplars = series.exemplars.iter().map(|one: &Exemplar<'_>| format!("{one:?}"));
        let all = samples.chain(histograms).chain(exemplars);
        all.map(|record| format!("{about}: {record}")).collect::<Vec<_>>()
    };
    series.iter().flat_map(one).collect()
}
