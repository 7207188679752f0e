//! Sensors of hardware monitors.

use crate::error::{Error, Failure};
use crate::filter::Compiled;
use crate::options::Options;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use promtext::Kind::{self, Counter, Gauge};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// What a sensor's name may begin with.
const TYPES: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

/// Makes the unit of a file that of a metric. Go divides here and multiplies there, and so the last digit depends on it.
type Scale = fn(f64) -> f64;

const SAME: Scale = |value| value;
const MILLI: Scale = |value| value * 0.001;
const MICRO: Scale = |value| value / 1_000_000.0;

/// The properties of a sensor by name; the one without a name is its value.
type Properties = BTreeMap<String, String>;

/// `hwmon`
pub(super) struct Hwmon {
    chips: Compiled,
    sensors: Compiled,
}

/// A directory of `/sys/class/hwmon`.
struct Monitor {
    dir: PathBuf,
    /// What it is called, which need not be unique.
    base: String,
    /// The text of its file `name`.
    name: Option<String>,
}

impl Hwmon {
    pub(super) fn new(options: &Options) -> Result<Hwmon, Error> {
        Ok(Hwmon {
            chips: Compiled::new(&options.hwmon_chips, "hwmon.chip_include", "hwmon.chip_exclude")?,
            sensors: Compiled::new(&options.hwmon_sensors, "hwmon.sensor_include", "hwmon.sensor_exclude")?,
        })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let class = paths.sys("class/hwmon");
        let mut monitors = Vec::new();
        for entry in read::names(&class).map_err(Failure::or_no_data)? {
            let dir = class.join(entry);
            if let (true, Some(base)) = (dir.is_dir(), base_name(&dir)) {
                let name = read::trimmed(&dir.join("name")).ok();
                monitors.push(Monitor { dir, base, name });
            }
        }
        let mut bases: HashMap<&str, u32> = HashMap::new();
        let mut names: HashMap<(&str, Option<&str>), u32> = HashMap::new();
        for monitor in &monitors {
            *bases.entry(&monitor.base).or_default() += 1;
            *names.entry((&monitor.base, monitor.name.as_deref())).or_default() += 1;
        }
        let mut result = Ok(());
        for monitor in &monitors {
            // Monitors of the same device are told apart by their name, or where that is the same, too, by their directory.
            let chip = if bases[&*monitor.base] > 1 {
                let unique = names[&(&*monitor.base, monitor.name.as_deref())] == 1;
                let suffix = monitor
                    .name
                    .as_deref()
                    .map(clean)
                    .filter(|name| unique && !name.is_empty());
                format!(
                    "{}_{}",
                    monitor.base,
                    suffix.unwrap_or_else(|| clean(&last(&monitor.dir)))
                )
            } else {
                monitor.base.clone()
            };
            if !self.chips.ignores(&chip)
                && let Err(failure) = self.chip(monitor, &chip, sink)
            {
                result = Err(failure);
            }
        }
        result
    }

    fn chip(&self, monitor: &Monitor, chip: &str, sink: &mut Sink) -> Result<(), Failure> {
        let mut sensors: BTreeMap<String, Properties> = BTreeMap::new();
        properties(&monitor.dir, &mut sensors)?;
        let device = monitor.dir.join("device");
        if device.exists() {
            properties(&device, &mut sensors)?;
        }
        if let Some(name) = monitor.name.as_deref().map(clean).filter(|name| !name.is_empty()) {
            sink.gauge(
                "node_hwmon_chip_names",
                "Annotation metric for human-readable chip names",
                &[("chip", chip), ("chip_name", &name)],
                1.0,
            );
        }
        for (sensor, properties) in &sensors {
            if !self.sensors.ignores(&format!("{chip};{sensor}")) {
                tell(sink, chip, sensor, properties);
            }
        }
        Ok(())
    }
}

fn tell(sink: &mut Sink, chip: &str, sensor: &str, properties: &Properties) {
    let labels = [("chip", chip), ("sensor", sensor)];
    let Some((kind, _, _)) = explode(sensor) else {
        return;
    };
    if let Some(label) = properties.get("label") {
        sink.gauge(
            "node_hwmon_sensor_label",
            "Label for given chip and sensor",
            &[("chip", chip), ("sensor", sensor), ("label", label)],
            1.0,
        );
    }
    let value = properties.get("").map_or("", String::as_str);
    match kind {
        "beep_enable" => {
            let enabled = f64::from(value == "1");
            sink.gauge("node_hwmon_beep_enabled", "Hardware beep enabled", &labels, enabled);
            return;
        }
        "vrm" => {
            if let Ok(value) = value.parse() {
                let name = "node_hwmon_voltage_regulator_version";
                sink.gauge(name, "Hardware voltage regulator", &labels, value);
            }
            return;
        }
        "update_interval" => {
            if let Ok(value) = value.parse::<f64>() {
                let name = "node_hwmon_update_interval_seconds";
                sink.gauge(name, "Hardware monitor update interval", &labels, value * 0.001);
            }
            return;
        }
        _ => {}
    }
    for (element, text) in properties {
        let Ok(value) = text.trim().parse::<f64>() else {
            continue;
        };
        if element == "label" {
            continue;
        }
        if kind == "freq" && element == "input" {
            if let Some(label) = properties.get("label") {
                let labels = [("chip", chip), ("sensor", &clean(label))];
                let help = "Hardware monitor for GPU frequency in MHz";
                sink.gauge("node_hwmon_freq_freq_mhz", help, &labels, MICRO(value));
            }
            continue;
        }
        // A value and an input of the same sensor must not share a name.
        let mut name = format!("node_hwmon_{kind}");
        if element == "input" {
            if properties.contains_key("") {
                name.push_str("_input");
            }
        } else if !element.is_empty() {
            name.push('_');
            name.push_str(&clean(element));
        }
        let (metric, suffix, help, scale) = describe(kind, element);
        sink.number(metric, &format!("{name}{suffix}"), &help, &labels, scale(value));
    }
}

/// The type, the end of the name, the help text and the unit of an element of a sensor.
fn describe(kind: &str, element: &str) -> (Kind, &'static str, String, Scale) {
    let gauge = |suffix, help: String, scale: Scale| (Gauge, suffix, help, scale);
    match (kind, element) {
        (_, "fault" | "alarm") => gauge("", format!("Hardware sensor {element} status ({kind})"), SAME),
        (_, "beep") => gauge(
            "_enabled",
            "Hardware monitor sensor has beeping enabled".to_owned(),
            SAME,
        ),
        ("in" | "cpu", _) => gauge("_volts", format!("Hardware monitor for voltage ({element})"), MILLI),
        ("temp", element) if element != "type" => {
            let element = if element.is_empty() { "input" } else { element };
            gauge(
                "_celsius",
                format!("Hardware monitor for temperature ({element})"),
                MILLI,
            )
        }
        ("curr", _) => gauge("_amps", format!("Hardware monitor for current ({element})"), MILLI),
        ("energy", _) => {
            let help = format!("Hardware monitor for joules used so far ({element})");
            (Counter, "_joule_total", help, MICRO)
        }
        ("power", "accuracy") => gauge(
            "",
            "Hardware monitor power meter accuracy, as a ratio".to_owned(),
            MICRO,
        ),
        ("power", "average_interval" | "average_interval_min" | "average_interval_max") => gauge(
            "_seconds",
            format!("Hardware monitor power usage update interval ({element})"),
            MILLI,
        ),
        ("power", _) => gauge(
            "_watt",
            format!("Hardware monitor for power usage in watts ({element})"),
            MICRO,
        ),
        ("humidity", _) => {
            let help =
                "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity as a percentage)";
            gauge("", format!("{help} ({element})"), MICRO)
        }
        ("fan", "input" | "min" | "max" | "target") => gauge(
            "_rpm",
            format!("Hardware monitor for fan revolutions per minute ({element})"),
            SAME,
        ),
        _ => gauge("", format!("Hardware monitor {kind} element {element}"), SAME),
    }
}

/// Reads the files of a directory that are of sensors.
fn properties(dir: &Path, sensors: &mut BTreeMap<String, Properties>) -> Result<(), Failure> {
    for file in read::names(dir)? {
        let Some((kind, number, property)) = explode(&file) else {
            continue;
        };
        if !TYPES.contains(&kind) {
            continue;
        }
        // A sensor that is off refuses to be read.
        if let Ok(value) = read::text(&dir.join(&file)) {
            let sensor = sensors.entry(format!("{kind}{number}")).or_default();
            sensor.insert(property.to_owned(), value.trim_matches('\n').to_owned());
        }
    }
    Ok(())
}

/// Splits `temp1_input` into type, number and property. Without a number it is 0.
fn explode(file: &str) -> Option<(&str, u32, &str)> {
    let digits = file.find(|c: char| c.is_ascii_digit()).unwrap_or(file.len());
    let (kind, rest) = file.split_at(digits);
    if rest.is_empty() {
        // Without a number the longest type wins: update_interval is one, not the interval of an update.
        return Some((kind, 0, ""));
    }
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, property) = rest.split_at(end);
    let property = match property.strip_prefix('_') {
        Some("") => return None,
        Some(property) => property,
        None if property.is_empty() => "",
        None => return None,
    };
    (!kind.is_empty()).then_some((kind, number.parse().ok()?, property))
}

/// What a monitor is called: its device and the bus that it is on, else its own name, else its directory.
fn base_name(dir: &Path) -> Option<String> {
    if let Ok(device) = fs::canonicalize(dir.join("device")) {
        let name = clean(&last(&device));
        let bus = device.parent().map(|bus| clean(&last(bus))).unwrap_or_default();
        if !bus.is_empty() && !name.is_empty() {
            return Some(format!("{bus}_{name}"));
        }
        if !name.is_empty() {
            return Some(name);
        }
    }
    let name = read::text(&dir.join("name"))
        .map(|name| clean(&name))
        .unwrap_or_default();
    if !name.is_empty() {
        return Some(name);
    }
    let name = clean(&last(&fs::canonicalize(dir).ok()?));
    (!name.is_empty()).then_some(name)
}

fn last(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The text in small letters, with underscores for what a metric's name cannot have.
fn clean(text: &str) -> String {
    let letter = |c: char| {
        if matches!(c, 'a'..='z' | '0'..='9' | ':' | '_') {
            c
        } else {
            '_'
        }
    };
    let cleaned: String = text.to_lowercase().chars().map(letter).collect();
    cleaned.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_of_a_sensor() {
        assert_eq!(explode("temp1_input"), Some(("temp", 1, "input")));
        assert_eq!(explode("pwm2"), Some(("pwm", 2, "")));
        assert_eq!(
            explode("power1_average_interval"),
            Some(("power", 1, "average_interval"))
        );
        assert_eq!(explode("update_interval"), Some(("update_interval", 0, "")));
        assert_eq!(explode("1_x"), None);
        assert_eq!(explode("temp1x"), None);
    }
}
