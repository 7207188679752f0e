//! From the labels of a target to what is scraped (Prometheus: `scrape/target.go`).

use gotime::{format_prometheus_duration, parse_prometheus_duration};
use net::Url;
use std::collections::BTreeMap;
use std::time::Duration;

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const PATH: &str = "__metrics_path__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const CONVERT: &str = "__convert_classic_histograms_to_nhcb__";
const CLASSIC: &str = "__always_scrape_classic_histograms__";
const NATIVE: &str = "__scrape_native_histograms__";
const PARAM: &str = "__param_";
const META: &str = "__meta_";

/// What targets have that do not say otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Defaults {
    pub(super) job: String,
    pub(super) scheme: String,
    pub(super) path: String,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) params: BTreeMap<String, Vec<String>>,
    /// `convert_classic_histograms_to_nhcb`
    pub(super) convert: bool,
    /// `scrape_classic_histograms`
    pub(super) classic: bool,
    /// `scrape_native_histograms`
    pub(super) native: bool,
}

/// A target that can be scraped.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ScrapeTarget {
    /// All labels that it has in the end, those with two underscores among them.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) url: Url,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) convert: bool,
    pub(super) classic: bool,
    pub(super) native: bool,
    /// Two targets with the same are one.
    pub(super) hash: u64,
}

/// The target of some labels.
///
/// # Errors
/// Why it cannot be scraped, in the words of Prometheus.
pub(super) fn target<'l>(
    labels: impl IntoIterator<Item = (&'l str, &'l str)>,
    defaults: &Defaults,
) -> Result<ScrapeTarget, String> {
    let mut labels: BTreeMap<String, String> = labels
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut default = |name: &str, value: &str| {
        if !labels.contains_key(name) && !value.is_empty() {
            labels.insert(name.to_owned(), value.to_owned());
        }
    };
    let written = |duration: Duration| format_prometheus_duration(duration.as_millis() as u64);
    default("job", &defaults.job);
    default(INTERVAL, &written(defaults.interval));
    default(TIMEOUT, &written(defaults.timeout));
    default(PATH, &defaults.path);
    default(SCHEME, &defaults.scheme);
    for (name, value) in [
        (CONVERT, defaults.convert),
        (CLASSIC, defaults.classic),
        (NATIVE, defaults.native),
    ] {
        default(name, if value { "true" } else { "false" });
    }
    for (name, values) in &defaults.params {
        if let Some(first) = values.first() {
            default(&format!("{PARAM}{name}"), first);
        }
    }
    let address = match labels.get(ADDRESS) {
        None => return Err("no address".to_owned()),
        Some(address) if address.contains('/') => return Err(format!("{address:?} is not a valid hostname")),
        Some(address) => address.clone(),
    };
    let duration = |name: &str, what: &str| {
        let text = labels.get(name).map_or("", String::as_str);
        match parse_prometheus_duration(text) {
            Ok(0) => Err(format!("scrape {what} cannot be 0")),
            Ok(milliseconds) => Ok((Duration::from_millis(milliseconds), text)),
            Err(error) => Err(format!("error parsing scrape {what}: {error}")),
        }
    };
    let (interval, interval_text) = duration(INTERVAL, "interval")?;
    let (timeout, timeout_text) = duration(TIMEOUT, "timeout")?;
    if timeout > interval {
        return Err(format!(
            "scrape timeout cannot be greater than scrape interval ({timeout_text:?} > {interval_text:?})"
        ));
    }
    let flag = |name: &str| {
        let text = labels.get(name).map_or("", String::as_str);
        parse_bool(text).ok_or_else(|| format!("error parsing {name}: {text:?} is neither true nor false"))
    };
    let (convert, classic, native) = (flag(CONVERT)?, flag(CLASSIC)?, flag(NATIVE)?);
    labels.retain(|name, _| !name.starts_with(META));
    labels.entry("instance".to_owned()).or_insert_with(|| address.clone());
    let url = url(&labels, &defaults.params)?;
    let hash = identity(&labels, url.as_str());
    Ok(ScrapeTarget {
        labels,
        url,
        interval,
        timeout,
        convert,
        classic,
        native,
        hash,
    })
}

/// Go's `strconv.ParseBool`.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// The address of a target: parameters sorted by name, `__param_x` in place of the first value of `x`.
fn url(labels: &BTreeMap<String, String>, params: &BTreeMap<String, Vec<String>>) -> Result<Url, String> {
    let get = |name: &str| labels.get(name).map_or("", String::as_str);
    let mut params = params.clone();
    for (name, value) in labels {
        if let Some(name) = name.strip_prefix(PARAM) {
            let values = params.entry(name.to_owned()).or_default();
            match values.first_mut() {
                Some(first) => *first = value.clone(),
                None => values.push(value.clone()),
            }
        }
    }
    let path = get(PATH);
    let slash = if path.starts_with('/') || path.is_empty() {
        ""
    } else {
        "/"
    };
    let text = format!("{}://{}{slash}{path}", get(SCHEME), get(ADDRESS));
    let mut url = Url::parse(&text).map_err(|error| format!("{text:?} is no address: {error}"))?;
    if !params.is_empty() {
        let mut query = url.query_pairs_mut();
        for (name, values) in &params {
            for value in values {
                query.append_pair(name, value);
            }
        }
    }
    Ok(url)
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a.
pub(super) fn fnv(text: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
    text.bytes().fold(FNV_OFFSET, fold)
}

fn identity(labels: &BTreeMap<String, String>, url: &str) -> u64 {
    let hash = hashring::packed_label_hash(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    fnv(&format!("{hash:016}{url}"))
}

impl ScrapeTarget {
    /// How long to wait until the next scrape: scrapes of a target are at the same offset in every interval since the Unix epoch, also after a restart.
    /// `seed` differs from machine to machine, `now` is in nanoseconds since the epoch.
    pub(super) fn offset(&self, seed: u64, now: i64) -> Duration {
        let interval = (self.interval.as_nanos() as u64).max(1);
        let into = now.max(0) as u64 % interval;
        let offset = (self.hash ^ seed) % interval;
        let mut wait = interval - into + offset;
        if wait > interval {
            wait -= interval;
        }
        Duration::from_nanos(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn text(value: &Value) -> &str {
        value.as_str().expect("a text")
    }

    fn map(value: &Value) -> BTreeMap<String, String> {
        serde_json::from_value(value.clone()).expect("labels")
    }

    fn duration(value: &Value) -> Duration {
        Duration::from_millis(parse_prometheus_duration(text(value)).expect("a duration"))
    }

    fn of(labels: &BTreeMap<String, String>, defaults: &Defaults) -> Result<ScrapeTarget, String> {
        target(
            labels.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            defaults,
        )
    }

    fn defaults() -> Defaults {
        Defaults {
            job: "j".to_owned(),
            scheme: "http".to_owned(),
            path: "/metrics".to_owned(),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            params: BTreeMap::new(),
            convert: false,
            classic: false,
            native: false,
        }
    }

    #[test]
    fn labels_are_completed_as_in_prometheus() {
        let Some(vectors) = crate::vectors("scrape.json") else {
            return;
        };
        let cases = vectors["populate_labels"].as_array().expect("a list");
        assert!(cases.len() > 5);
        for case in cases {
            let config = &case["config"];
            let defaults = Defaults {
                job: text(&config["job"]).to_owned(),
                scheme: text(&config["scheme"]).to_owned(),
                path: text(&config["metrics_path"]).to_owned(),
                interval: duration(&config["interval"]),
                timeout: duration(&config["timeout"]),
                ..defaults()
            };
            let got = of(&map(&case["input"]), &defaults);
            match case["error"].as_str() {
                Some(error) => assert_eq!(got.unwrap_err(), error, "{}", case["name"]),
                None => assert_eq!(got.unwrap().labels, map(&case["labels"]), "{}", case["name"]),
            }
        }
    }

    #[test]
    fn addresses_have_their_parameters() {
        let Some(vectors) = crate::vectors("scrape.json") else {
            return;
        };
        for case in vectors["target_url"].as_array().expect("a list") {
            let params = serde_json::from_value(case["config_params"].clone()).expect("parameters");
            let target = of(&map(&case["labels"]), &Defaults { params, ..defaults() }).expect("a target");
            assert_eq!(target.url.as_str(), text(&case["url"]));
        }
        let plain = of(&BTreeMap::from([(ADDRESS.to_owned(), "h:1".to_owned())]), &defaults()).expect("a target");
        assert_eq!(plain.url.as_str(), "http://h:1/metrics");
    }

    #[test]
    fn scrapes_are_at_the_same_offset_in_every_interval() {
        let target = of(&BTreeMap::from([(ADDRESS.to_owned(), "h:1".to_owned())]), &defaults()).expect("a target");
        let interval = 60_000_000_000;
        let next = |now: i64| (now + target.offset(7, now).as_nanos() as i64) % interval;
        let first = next(1_700_000_000_000_000_000);
        for now in [1, interval - 1, interval, 1_700_000_000_123_456_789] {
            assert_eq!(next(now), first);
            assert!(target.offset(7, now) <= Duration::from_secs(60));
        }
        let other = of(&BTreeMap::from([(ADDRESS.to_owned(), "h:2".to_owned())]), &defaults()).expect("a target");
        assert_ne!(target.hash, other.hash);
        assert_ne!(target.offset(7, 0), target.offset(8, 0));
    }

    #[test]
    fn targets_are_told_apart_as_in_prometheus() {
        let Some(vectors) = crate::vectors("remotewrite.json") else {
            return;
        };
        let cases = vectors["scrape_target_hash"].as_array().expect("a list");
        assert!(!cases.is_empty());
        for case in cases {
            let hash = identity(&map(&case["labels"]), text(&case["url"]));
            assert_eq!(format!("{hash:016x}"), text(&case["target_hash_hex"]), "{case}");
        }
    }

    #[test]
    fn flags_of_a_target_win() {
        let labels = [(ADDRESS, "h:1"), (NATIVE, "T"), (CLASSIC, "0"), (CONVERT, "maybe")];
        let map = |labels: &[(&str, &str)]| labels.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let got = of(
            &map(&labels[..3]),
            &Defaults {
                classic: true,
                ..defaults()
            },
        )
        .expect("a target");
        assert!(got.native && !got.classic && !got.convert);
        assert!(
            of(&map(&labels), &defaults())
                .unwrap_err()
                .contains("neither true nor false")
        );
    }
}
