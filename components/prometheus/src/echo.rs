//! `prometheus.echo`: prints samples.

use component::prelude::*;
use prommodel::NAME;
use promtext::{Family, Format, Kind, Point, Series};
use signals::{Accepting, MetricBatch, Metrics, Receiver, Sink};
use std::collections::BTreeMap;
use std::sync::RwLock;

/// `prometheus.echo` in the catalogue.
pub const COMPONENT: Registration = Registration::of::<Echo>("prometheus.echo", Stability::GenerallyAvailable);

/// Writes the samples that it receives to the program's standard output, as targets expose them.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = Arguments::validate)]
pub struct Arguments {
    /// `text` for Prometheus' text format, or `openmetrics`.
    #[arg(default = "text".to_owned())]
    pub format: String,
}

/// What others refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// Takes samples.
    #[arg]
    pub receiver: MetricsReceiver,
}

impl Arguments {
    fn validate(&self) -> std::result::Result<(), value::Invalid> {
        Ok(self.format().map(drop)?)
    }

    fn format(&self) -> Result<Format> {
        match self.format.as_str() {
            "text" | "" => Ok(Format::Text),
            "openmetrics" => Ok(Format::OpenMetrics),
            other => Err(Error::about(
                "format",
                format!("{other:?} is neither \"text\" nor \"openmetrics\""),
            )),
        }
    }
}

/// The component.
pub struct Echo(Arc<Printer>);

struct Printer {
    id: Arc<str>,
    format: RwLock<Format>,
}

impl Component for Echo {
    type Arguments = Arguments;
    type Exports = Exports;

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        args.format().err().into_iter().collect()
    }

    fn caveats(_: &Arguments) -> Vec<Caveat> {
        vec![Caveat::best_effort("only prints: nothing is kept")]
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let printer = Arc::new(Printer {
            id: cx.id().clone(),
            format: RwLock::new(args.format()?),
        });
        cx.export(Exports {
            receiver: MetricsReceiver(Some(Receiver {
                owner: cx.id().clone(),
                sink: printer.clone(),
            })),
        });
        Ok(Echo(printer))
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        let format = args.format()?;
        Ok(Change::new(move || {
            *self.0.format.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = format;
        }))
    }
}

impl Sink<Metrics> for Printer {
    fn accept(self: Arc<Self>, batch: MetricBatch) -> Accepting {
        Box::pin(async move {
            let (metrics, mut custody) = batch.into_shared_parts();
            let format = *self.format.read().unwrap_or_else(|poisoned| poisoned.into_inner());
            print!("{}", text(&self.id, &metrics, format));
            custody.deliver_rest();
            Ok(())
        })
    }
}

/// Samples as targets expose them; times and native histograms, which these formats do not have, are comments.
fn text(id: &str, metrics: &Metrics, format: Format) -> String {
    let mut families: BTreeMap<&str, Family> = BTreeMap::new();
    metrics.each_value(|series, _, value| {
        let name = series.metric();
        let family = families.entry(name).or_insert_with(|| {
            let known = metrics.families.iter().find(|family| family.name == name);
            let help = known.map_or("", |family| &*family.help);
            let kind = match known.map(|family| family.kind) {
                Some(prommodel::Kind::Counter) => Kind::Counter,
                Some(prommodel::Kind::Gauge) => Kind::Gauge,
                _ => Kind::Untyped,
            };
            Family::new(name, help, kind)
        });
        let labels = series.iter().filter(|(name, _)| *name != NAME);
        family.series.push(Series {
            labels: labels.map(|(name, value)| (name.into(), value.into())).collect(),
            point: Point::Number(value),
        });
    });
    let families: Vec<Family> = families.into_values().collect();
    let mut out = format!("# {id}: {} samples\n", metrics.values());
    out.push_str(&promtext::encode(&families, format));
    for sample in &metrics.histograms {
        out.push_str(&format!(
            "# native histogram {} at {}: {:?}\n",
            sample.series, sample.timestamp, sample.histogram
        ));
    }
    for exemplar in &metrics.exemplars {
        out.push_str(&format!(
            "# exemplar of {} at {}: {:?} {}\n",
            exemplar.series, exemplar.timestamp, exemplar.labels, exemplar.value
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use prommodel::Table;
    use signals::Sample;

    #[test]
    fn samples_are_shown_as_they_were_exposed() {
        let table = Table::new();
        let sample = |name: &str, value| Sample {
            series: table.intern([("__name__", name), ("a", "x\"y")]),
            timestamp: 1,
            value,
        };
        let metrics = Metrics {
            samples: vec![sample("m", 1.5), sample("b", 2.0)],
            ..Metrics::default()
        };
        let shown = text("prometheus.echo.x", &metrics, Format::Text);
        let lines: Vec<&str> = shown
            .lines()
            .filter(|line| !line.starts_with("# TYPE") && !line.starts_with("# HELP"))
            .collect();
        assert_eq!(
            lines,
            [
                "# prometheus.echo.x: 2 samples",
                "b{a=\"x\\\"y\"} 2",
                "m{a=\"x\\\"y\"} 1.5"
            ]
        );
    }
}
