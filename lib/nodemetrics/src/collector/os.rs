//! The operating system's release, and the machine's own description of itself.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use std::collections::HashMap;
use std::io::ErrorKind;

/// `os`
pub(super) fn os(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let path = paths.root("/etc/os-release");
    let text = match read::text(&path) {
        Err(failure) if failure.kind() == Some(ErrorKind::NotFound) => {
            read::text(&paths.root("/usr/lib/os-release")).map_err(Failure::or_no_data)?
        }
        text => text?,
    };
    let release = assignments(&text);
    let value = |key: &str| release.get(key).map_or("", String::as_str);
    let (id, id_like, name) = (value("ID"), value("ID_LIKE"), value("NAME"));
    sink.gauge(
        "node_os_info",
        "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, name, pretty_name, variant, \
         variant_id, version, version_codename, version_id.",
        &[
            ("build_id", value("BUILD_ID")),
            ("id", id),
            ("id_like", id_like),
            ("image_id", value("IMAGE_ID")),
            ("image_version", value("IMAGE_VERSION")),
            ("name", name),
            ("pretty_name", value("PRETTY_NAME")),
            ("variant", value("VARIANT")),
            ("variant_id", value("VARIANT_ID")),
            ("version", value("VERSION")),
            ("version_codename", value("VERSION_CODENAME")),
            ("version_id", value("VERSION_ID")),
        ],
        1.0,
    );
    let version = version(value("VERSION_ID"));
    if version > 0.0 {
        sink.gauge(
            "node_os_version",
            "Metric containing the major.minor part of the OS version.",
            &[("id", id), ("id_like", id_like), ("name", name)],
            version,
        );
    }
    let support_end = value("SUPPORT_END");
    if !support_end.is_empty() {
        let end: jiff::civil::Date = read::number(&path, support_end)?;
        let end = jiff::tz::TimeZone::UTC.to_timestamp(end.at(0, 0, 0, 0));
        let end = end.map_err(|_| Failure::parse(&path, support_end))?;
        sink.gauge(
            "node_os_support_end_timestamp_seconds",
            "Metric containing the end-of-life date timestamp of the OS.",
            &[],
            end.as_second() as f64,
        );
    }
    Ok(())
}

/// The lines `NAME="value"` of os-release(5).
fn assignments(text: &str) -> HashMap<&str, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key, unquote(value)))
        .collect()
}

/// A shell's word: in single quotes as it is, in double quotes or bare with backslashes taken away.
fn unquote(value: &str) -> String {
    let within = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(literal) = within('\'') {
        return literal.to_owned();
    }
    let mut plain = String::new();
    let mut letters = within('"').unwrap_or(value).chars();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

/// The first two numbers of a version; 0 if it does not begin with one.
fn version(text: &str) -> f64 {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let major = digits(text);
    let end = match text[major..].strip_prefix('.') {
        Some(minor) if major > 0 => major + 1 + digits(minor),
        _ => major,
    };
    text[..end].trim_end_matches('.').parse().unwrap_or(0.0)
}

/// The files of `/sys/class/dmi/id` and the labels that they become.
const DMI: [(&str, &str); 20] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_sku", "product_sku"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("sys_vendor", "system_vendor"),
];

/// `dmi`
pub(super) fn dmi(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let dir = paths.sys("class/dmi/id");
    let mut values = Vec::new();
    for (file, label) in DMI {
        // Serial numbers are for root alone; the label is left out then.
        if let Ok(value) = read::trimmed(&dir.join(file)) {
            values.push((label, value));
        }
    }
    if values.is_empty() {
        return Err(Failure::NoData);
    }
    let labels: Vec<(&str, &str)> = values.iter().map(|(label, value)| (*label, value.as_str())).collect();
    sink.gauge(
        "node_dmi_info",
        "A metric with a constant '1' value labeled by bios_date, bios_release, bios_vendor, bios_version, board_asset_tag, board_name, \
         board_serial, board_vendor, board_version, chassis_asset_tag, chassis_serial, chassis_vendor, chassis_version, product_family, \
         product_name, product_serial, product_sku, product_uuid, product_version, system_vendor if provided by DMI.",
        &labels,
        1.0,
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_its_first_two_numbers() {
        for (text, expected) in [
            ("22.04", 22.04),
            ("12", 12.0),
            ("3.19.1", 3.19),
            ("12.", 12.0),
            ("rolling", 0.0),
            ("", 0.0),
            (".5", 0.0),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }

    #[test]
    fn values_are_words_of_a_shell() {
        let release = assignments("# c\nNAME=\"A \\\"B\\\"\"\nID=debian\nX='\\a'\n\nBROKEN\n");
        assert_eq!(release["NAME"], "A \"B\"");
        assert_eq!(release["ID"], "debian");
        assert_eq!(release["X"], "\\a");
        assert_eq!(release.len(), 3);
    }
}
