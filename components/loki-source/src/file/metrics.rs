//! Metrics, as Alloy names them.

use promtext::{CounterVec, Gauge, GaugeVec, RegisterError, Registry};

pub(super) struct Metrics {
    read_bytes: GaugeVec,
    file_bytes: GaugeVec,
    read_lines: CounterVec,
    pub(super) active: Gauge,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, RegisterError> {
        Ok(Metrics {
            read_bytes: registry.gauge_vec("loki_source_file_read_bytes_total", "Number of bytes read.", &["path"])?,
            file_bytes: registry.gauge_vec("loki_source_file_file_bytes_total", "Number of bytes total.", &["path"])?,
            read_lines: registry.counter_vec(
                "loki_source_file_read_lines_total",
                "Number of lines read.",
                &["path"],
            )?,
            active: registry.gauge("loki_source_file_files_active_total", "Number of active files.")?,
        })
    }

    pub(super) fn progress(&self, path: &str, read: u64, size: u64) {
        self.read_bytes.with(&[path]).set(read as f64);
        self.file_bytes.with(&[path]).set(size as f64);
    }

    pub(super) fn lines(&self, path: &str, lines: u64) {
        self.read_lines.with(&[path]).add(lines);
    }

    pub(super) fn forget(&self, path: &str) {
        self.read_bytes.remove(&[path]);
        self.file_bytes.remove(&[path]);
        self.read_lines.remove(&[path]);
    }
}
