//! Errors of memory that the hardware corrected, or could not.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use std::path::Path;

/// `edac`
pub(super) fn edac(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    for (dir, controller) in read::numbered(&paths.sys("devices/system/edac/mc"), "mc") {
        let labels = [("controller", controller.as_str())];
        sink.counter(
            "node_edac_correctable_errors_total",
            "Total correctable memory errors.",
            &labels,
            read::u64(&dir.join("ce_count"))? as f64,
        );
        sink.counter(
            "node_edac_uncorrectable_errors_total",
            "Total uncorrectable memory errors.",
            &labels,
            read::u64(&dir.join("ue_count"))? as f64,
        );
        // Errors whose place is not known.
        let place = |file: &str| read::u64(&dir.join(file));
        rows(
            sink,
            &controller,
            "unknown",
            place("ce_noinfo_count")?,
            place("ue_noinfo_count")?,
        );
        for (row, number) in read::numbered(&dir, "csrow") {
            let count = |file: &str| read::u64(&row.join(file));
            rows(sink, &controller, &number, count("ce_count")?, count("ue_count")?);
            channels(&row, &controller, &number, sink)?;
        }
    }
    Ok(())
}

fn rows(sink: &mut Sink, controller: &str, row: &str, corrected: u64, uncorrected: u64) {
    let labels = [("controller", controller), ("csrow", row)];
    sink.counter(
        "node_edac_csrow_correctable_errors_total",
        "Total correctable memory errors for this csrow.",
        &labels,
        corrected as f64,
    );
    sink.counter(
        "node_edac_csrow_uncorrectable_errors_total",
        "Total uncorrectable memory errors for this csrow.",
        &labels,
        uncorrected as f64,
    );
}

fn channels(row: &Path, controller: &str, number: &str, sink: &mut Sink) -> Result<(), Failure> {
    for (path, name) in read::numbered(row, "ch") {
        let Some(channel) = name.strip_suffix("_ce_count") else {
            continue;
        };
        let label = read::trimmed(&row.join(format!("ch{channel}_dimm_label")));
        // "CPU_SrcID#0_MC#0_Chan#0" and the like.
        let label = label.map_or_else(
            |_| "unknown".to_owned(),
            |label| {
                label
                    .replace('#', "")
                    .replace("csrow", "_csrow")
                    .replace("channel", "_channel")
            },
        );
        let labels = [
            ("controller", controller),
            ("csrow", number),
            ("channel", channel),
            ("dimm_label", &label),
        ];
        sink.counter(
            "node_edac_channel_correctable_errors_total",
            "Total correctable memory errors for this channel.",
            &labels,
            read::u64(&path)? as f64,
        );
        if let Ok(count) = read::u64(&row.join(format!("ch{channel}_ue_count"))) {
            sink.counter(
                "node_edac_channel_uncorrectable_errors_total",
                "Total uncorrectable memory errors for this channel.",
                &labels,
                count as f64,
            );
        }
    }
    Ok(())
}
