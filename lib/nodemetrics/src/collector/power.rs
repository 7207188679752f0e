//! Power and heat: supplies, energy counters of processors, thermal zones, watchdogs.

use crate::error::{Error, Failure};
use crate::filter;
use crate::options::Options;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use goregex::Regex;
use std::io::ErrorKind;

/// Files of a supply, the ends of the names that their numbers have, and what one of the unit is worth.
const SUPPLY: [(&str, &str, f64); 49] = [
    ("authentic", "authentic", 1.0),
    ("calibrate", "calibrate", 1.0),
    ("capacity", "capacity", 1.0),
    ("capacity_alert_max", "capacity_alert_max", 1.0),
    ("capacity_alert_min", "capacity_alert_min", 1.0),
    ("cycle_count", "cyclecount", 1.0),
    ("online", "online", 1.0),
    ("present", "present", 1.0),
    ("time_to_empty_now", "time_to_empty_seconds", 1.0),
    ("time_to_full_now", "time_to_full_seconds", 1.0),
    ("current_boot", "current_boot", 1e6),
    ("current_max", "current_max", 1e6),
    ("current_now", "current_ampere", 1e6),
    ("energy_empty", "energy_empty", 1e6),
    ("energy_empty_design", "energy_empty_design", 1e6),
    ("energy_full", "energy_full", 1e6),
    ("energy_full_design", "energy_full_design", 1e6),
    ("energy_now", "energy_watthour", 1e6),
    ("voltage_boot", "voltage_boot", 1e6),
    ("voltage_max", "voltage_max", 1e6),
    ("voltage_max_design", "voltage_max_design", 1e6),
    ("voltage_min", "voltage_min", 1e6),
    ("voltage_min_design", "voltage_min_design", 1e6),
    ("voltage_now", "voltage_volt", 1e6),
    ("voltage_ocv", "voltage_ocv", 1e6),
    ("charge_control_limit", "charge_control_limit", 1e6),
    ("charge_control_limit_max", "charge_control_limit_max", 1e6),
    ("charge_counter", "charge_counter", 1e6),
    ("charge_empty", "charge_empty", 1e6),
    ("charge_empty_design", "charge_empty_design", 1e6),
    ("charge_full", "charge_full", 1e6),
    ("charge_full_design", "charge_full_design", 1e6),
    ("charge_now", "charge_ampere", 1e6),
    ("charge_term_current", "charge_term_current", 1e6),
    ("constant_charge_current", "constant_charge_current", 1e6),
    ("constant_charge_current_max", "constant_charge_current_max", 1e6),
    ("constant_charge_voltage", "constant_charge_voltage", 1e6),
    ("constant_charge_voltage_max", "constant_charge_voltage_max", 1e6),
    ("precharge_current", "precharge_current", 1e6),
    ("input_current_limit", "input_current_limit", 1e6),
    ("power_now", "power_watt", 1e6),
    ("temp", "temp_celsius", 10.0),
    ("temp_alert_max", "temp_alert_max_celsius", 10.0),
    ("temp_alert_min", "temp_alert_min_celsius", 10.0),
    ("temp_ambient", "temp_ambient_celsius", 10.0),
    ("temp_ambient_max", "temp_ambient_max_celsius", 10.0),
    ("temp_ambient_min", "temp_ambient_min_celsius", 10.0),
    ("temp_max", "temp_max_celsius", 10.0),
    ("temp_min", "temp_min_celsius", 10.0),
];

/// Files of a supply that become labels of the same name.
const SUPPLY_LABELS: [&str; 11] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
];

/// `powersupplyclass`
pub(super) struct Supplies {
    ignored: Regex,
}

impl Supplies {
    pub(super) fn new(options: &Options) -> Result<Supplies, Error> {
        let ignored = filter::regex("powersupply.ignored_supplies", &options.powersupply_ignored)?;
        Ok(Supplies { ignored })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        let class = paths.sys("class/power_supply");
        for supply in read::names(&class).map_err(Failure::or_no_data)? {
            if self.ignored.is_match(supply.as_bytes()) {
                continue;
            }
            let dir = class.join(&supply);
            // A file for each property that the supply has, and not all of those can be read at any time.
            for file in read::names(&dir)? {
                let Some((_, name, unit)) = SUPPLY.into_iter().find(|(known, _, _)| *known == file) else {
                    continue;
                };
                if let Ok(value) = read::i64(&dir.join(&file)) {
                    sink.gauge(
                        &format!("node_power_supply_{name}"),
                        &format!("{name} value of /sys/class/power_supply/<power_supply>."),
                        &[("power_supply", &supply)],
                        value as f64 / unit,
                    );
                }
            }
            let texts = SUPPLY_LABELS.map(|label| read::trimmed(&dir.join(label)).unwrap_or_default());
            let mut labels = vec![("power_supply", supply.as_str())];
            let texts = SUPPLY_LABELS.into_iter().zip(texts.iter().map(String::as_str));
            labels.extend(texts.filter(|(_, text)| !text.is_empty()));
            sink.gauge(
                "node_power_supply_info",
                "info of /sys/class/power_supply/<power_supply>.",
                &labels,
                1.0,
            );
        }
        Ok(())
    }
}

/// `rapl`: energy that processors used. The kernel keeps it from all but root.
pub(super) fn rapl(paths: &Paths, zone_label: bool, sink: &mut Sink) -> Result<(), Failure> {
    let no_data = |failure: Failure| match failure.kind() {
        Some(ErrorKind::NotFound | ErrorKind::PermissionDenied) => Failure::NoData,
        _ => failure,
    };
    let class = paths.sys("class/powercap");
    let mut used: Vec<String> = Vec::new();
    for entry in read::names(&class).map_err(no_data)? {
        let dir = class.join(&entry);
        // The class itself is in the list, too, and has no name.
        let Ok(name) = read::trimmed(&dir.join("name")) else {
            continue;
        };
        // "package-1" is the second package; where names do not tell, the order does.
        let (name, index) = match name.split_once('-').map(|(name, index)| (name, index.parse::<usize>())) {
            Some((name, Ok(index))) => (name.to_owned(), index),
            _ => {
                let index = used.iter().filter(|used| **used == name).count();
                (name, index)
            }
        };
        used.push(name.clone());
        let joules = read::u64(&dir.join("energy_uj")).map_err(no_data)? as f64 / 1_000_000.0;
        let (index, path) = (index.to_string(), dir.to_string_lossy().into_owned());
        if zone_label {
            sink.counter(
                "node_rapl_joules_total",
                "Current RAPL value in joules",
                &[("index", &index), ("path", &path), ("rapl_zone", &name)],
                joules,
            );
        } else {
            sink.counter(
                &format!("node_rapl_{}_joules_total", part_of_a_name(&name)),
                &format!("Current RAPL {name} value in joules"),
                &[("index", &index), ("path", &path)],
                joules,
            );
        }
    }
    Ok(())
}

/// The text with one underscore for each run of what a metric's name cannot have and the underscores around it.
pub(super) fn part_of_a_name(text: &str) -> String {
    let mut name = String::new();
    let mut run = String::new();
    for letter in text.chars().map(Some).chain([None]) {
        match letter {
            Some(letter) if !letter.is_ascii_alphanumeric() => run.push(letter),
            _ => {
                let only_underscores = run.chars().all(|letter| letter == '_');
                name.push_str(if only_underscores { &run } else { "_" });
                run.clear();
                name.extend(letter);
            }
        }
    }
    name
}

/// `thermal_zone`
pub(super) fn thermal_zone(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let class = paths.sys("class/thermal");
    for (dir, zone) in read::numbered(&class, "thermal_zone") {
        // A sensor that is switched off refuses to be read.
        let (Ok(kind), Ok(millidegrees)) = (read::trimmed(&dir.join("type")), read::i64(&dir.join("temp"))) else {
            continue;
        };
        sink.gauge(
            "node_thermal_zone_temp",
            "Zone temperature in Celsius",
            &[("zone", &zone), ("type", &kind)],
            millidegrees as f64 / 1000.0,
        );
    }
    for (dir, device) in read::numbered(&class, "cooling_device") {
        let state = |file: &str| read::i64(&dir.join(file));
        let (Ok(kind), Ok(now), Ok(most)) = (read::trimmed(&dir.join("type")), state("cur_state"), state("max_state"))
        else {
            continue;
        };
        let labels = [("name", device.as_str()), ("type", &kind)];
        sink.gauge(
            "node_cooling_device_cur_state",
            "Current throttle state of the cooling device",
            &labels,
            now as f64,
        );
        sink.gauge(
            "node_cooling_device_max_state",
            "Maximum throttle state of the cooling device",
            &labels,
            most as f64,
        );
    }
    Ok(())
}

/// `watchdog`
pub(super) fn watchdog(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let class = paths.sys("class/watchdog");
    for watchdog in read::names(&class).map_err(Failure::or_no_data)? {
        let dir = class.join(&watchdog);
        for (file, name) in [
            ("bootstatus", "bootstatus"),
            ("fw_version", "fw_version"),
            ("nowayout", "nowayout"),
            ("timeleft", "timeleft_seconds"),
            ("timeout", "timeout_seconds"),
            ("pretimeout", "pretimeout_seconds"),
            ("access_cs0", "access_cs0"),
        ] {
            if let Ok(value) = read::i64(&dir.join(file)) {
                let help = format!("Value of /sys/class/watchdog/<watchdog>/{file}");
                sink.gauge(
                    &format!("node_watchdog_{name}"),
                    &help,
                    &[("name", &watchdog)],
                    value as f64,
                );
            }
        }
        let text = |file: &str| read::trimmed(&dir.join(file)).unwrap_or_default();
        sink.gauge(
            "node_watchdog_info",
            "Info of /sys/class/watchdog/<watchdog>",
            &[
                ("name", &watchdog),
                ("options", &text("options")),
                ("identity", &text("identity")),
                ("state", &text("state")),
                ("status", &text("status")),
                ("pretimeout_governor", &text("pretimeout_governor")),
            ],
            1.0,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_becomes_part_of_a_name() {
        for (zone, expected) in [
            ("package", "package"),
            ("psys 2", "psys_2"),
            ("a_-_b", "a_b"),
            ("a__b", "a__b"),
            ("dram-", "dram_"),
        ] {
            assert_eq!(part_of_a_name(zone), expected);
        }
    }
}
