//! The time, and how well it is kept.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use promtext::Kind::{Counter, Gauge};
use std::io::{self, ErrorKind};
use std::time::{SystemTime, UNIX_EPOCH};

/// `time`
pub(super) fn time(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    sink.gauge(
        "node_time_seconds",
        "System time in seconds since epoch (1970).",
        &[],
        since.as_secs_f64(),
    );
    let zone = TimeZone::system();
    let info = zone.to_offset_info(Timestamp::now());
    sink.gauge(
        "node_time_zone_offset_seconds",
        "System time zone offset in seconds.",
        &[("time_zone", info.abbreviation())],
        f64::from(info.offset().seconds()),
    );
    for (dir, device) in read::numbered(&paths.sys("devices/system/clocksource"), "clocksource") {
        let available = read::trimmed(&dir.join("available_clocksource"))?;
        for source in available.split_ascii_whitespace() {
            sink.gauge(
                "node_time_clocksource_available_info",
                "Available clocksources read from '/sys/devices/system/clocksource'.",
                &[("device", &device), ("clocksource", source)],
                1.0,
            );
        }
        sink.gauge(
            "node_time_clocksource_current_info",
            "Current clocksource read from '/sys/devices/system/clocksource'.",
            &[
                ("device", &device),
                ("clocksource", &read::trimmed(&dir.join("current_clocksource"))?),
            ],
            1.0,
        );
    }
    Ok(())
}

/// The parts per million of adjtimex(2) come with 16 bits behind the point.
const PPM_16: f64 = 1_000_000.0 * 65536.0;
const MICROSECONDS: f64 = 1_000_000.0;
const NANOSECONDS: f64 = 1_000_000_000.0;

/// `timex`
#[allow(unsafe_code)]
pub(super) fn timex(_: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    // SAFETY: a `timex` of zeros is valid, and asks to change nothing.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes a `timex` to where one is.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state == -1 {
        let error = io::Error::last_os_error();
        return Err(match error.kind() {
            ErrorKind::PermissionDenied => Failure::NoData,
            _ => Failure::System {
                call: "adjtimex",
                error,
            },
        });
    }
    let fine = if timex.status & libc::STA_NANO != 0 {
        NANOSECONDS
    } else {
        MICROSECONDS
    };
    for (kind, name, help, value) in [
        (
            Gauge,
            "sync_status",
            "Is clock synchronized to a reliable server (1 = yes, 0 = no).",
            f64::from(state != libc::TIME_ERROR),
        ),
        (
            Gauge,
            "offset_seconds",
            "Time offset in between local system and reference clock.",
            timex.offset as f64 / fine,
        ),
        (
            Gauge,
            "frequency_adjustment_ratio",
            "Local clock frequency adjustment.",
            1.0 + timex.freq as f64 / PPM_16,
        ),
        (
            Gauge,
            "maxerror_seconds",
            "Maximum error in seconds.",
            timex.maxerror as f64 / MICROSECONDS,
        ),
        (
            Gauge,
            "estimated_error_seconds",
            "Estimated error in seconds.",
            timex.esterror as f64 / MICROSECONDS,
        ),
        (
            Gauge,
            "status",
            "Value of the status array bits.",
            f64::from(timex.status),
        ),
        (
            Gauge,
            "loop_time_constant",
            "Phase-locked loop time constant.",
            timex.constant as f64,
        ),
        (
            Gauge,
            "tick_seconds",
            "Seconds between clock ticks.",
            timex.tick as f64 / MICROSECONDS,
        ),
        (
            Gauge,
            "pps_frequency_hertz",
            "Pulse per second frequency.",
            timex.ppsfreq as f64 / PPM_16,
        ),
        (
            Gauge,
            "pps_jitter_seconds",
            "Pulse per second jitter.",
            timex.jitter as f64 / fine,
        ),
        (
            Gauge,
            "pps_shift_seconds",
            "Pulse per second interval duration.",
            f64::from(timex.shift),
        ),
        (
            Gauge,
            "pps_stability_hertz",
            "Pulse per second stability, average of recent frequency changes.",
            timex.stabil as f64 / PPM_16,
        ),
        (
            Counter,
            "pps_jitter_total",
            "Pulse per second count of jitter limit exceeded events.",
            timex.jitcnt as f64,
        ),
        (
            Counter,
            "pps_calibration_total",
            "Pulse per second count of calibration intervals.",
            timex.calcnt as f64,
        ),
        (
            Counter,
            "pps_error_total",
            "Pulse per second count of calibration errors.",
            timex.errcnt as f64,
        ),
        (
            Counter,
            "pps_stability_exceeded_total",
            "Pulse per second count of stability limit exceeded events.",
            timex.stbcnt as f64,
        ),
        (
            Gauge,
            "tai_offset_seconds",
            "International Atomic Time (TAI) offset.",
            f64::from(timex.tai),
        ),
    ] {
        sink.number(kind, &format!("node_timex_{name}"), help, &[], value);
    }
    Ok(())
}
