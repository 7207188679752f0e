//! Records as Alloy's live debugging writes them.

use crate::record::{Moment, Record};

/// One record as text for the stream of a component: what comes in, what goes out, what is dropped.
pub fn line(component: &str, record: &Record) -> String {
    let direction = match record.moment {
        Moment::Dropped => return dropped(record),
        Moment::Stage => return stage(record),
        Moment::Out => "[OUT]",
        Moment::Edge if record.to == component => "[IN]",
        Moment::Edge => "[OUT]",
    };
    match record.signal {
        "logs" => format!(
            "{direction}: timestamp: {}, entry: {}, labels: {}, structured_metadata: {}",
            record.timestamp.map(gotime::format_rfc3339_nano).unwrap_or_default(),
            record.line.as_deref().unwrap_or_default(),
            pairs(&record.labels),
            pairs(&record.metadata)
        ),
        "metrics" => {
            let millis = record.timestamp.unwrap_or_default() / 1_000_000;
            let labels = pairs(&record.labels);
            match (&record.value, &record.text) {
                (Some(value), None) => format!("{direction}: sample: ts={millis}, labels={labels}, value={value}"),
                (Some(value), Some(kind)) => {
                    format!(
                        "{direction}: {kind}: ts={millis}, labels={labels}, exemplar_labels={}, value={value}",
                        pairs(&record.metadata)
                    )
                }
                (None, text) => format!(
                    "{direction}: ts={millis}, labels={labels}, {}",
                    text.as_deref().unwrap_or_default()
                ),
            }
        }
        _ => format!(
            "{direction}: span: {}, {}, attributes: {}, ids: {}",
            record.line.as_deref().unwrap_or_default(),
            record.text.as_deref().unwrap_or_default(),
            pairs(&record.labels),
            pairs(&record.metadata)
        ),
    }
}

fn dropped(record: &Record) -> String {
    let reason = record.changed.as_ref().and_then(|changed| changed.get("reason"));
    format!(
        "<dropped>: {}",
        reason.and_then(|reason| reason.as_str()).unwrap_or("no reason given")
    )
}

fn stage(record: &Record) -> String {
    let name = record.stage.as_deref().unwrap_or_default();
    let json = |json: &Option<serde_json::Value>| json.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("[{name}]: {} => {}", json(&record.before), json(&record.changed))
}

/// `{a="x", b="y"}`.
fn pairs(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_alloy() {
        let mut record = Record::new(0, "a", "b", Moment::Edge, "logs");
        record.timestamp = Some(1_000_000_000);
        record.line = Some("hello".to_owned());
        record.labels = vec![("job".to_owned(), "x".to_owned())];
        assert_eq!(
            line("b", &record),
            "[IN]: timestamp: 1970-01-01T00:00:01Z, entry: hello, labels: {job=\"x\"}, structured_metadata: {}"
        );
        assert!(line("a", &record).starts_with("[OUT]: "));
        record.signal = "metrics";
        record.line = None;
        record.value = Some("1.5".to_owned());
        assert_eq!(
            line("b", &record),
            "[IN]: sample: ts=1000, labels={job=\"x\"}, value=1.5"
        );
    }
}
