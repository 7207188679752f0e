//! Metrics of the configuration that was loaded last.

use promtext::{Counter, Gauge, GaugeVec, RegisterError, Registry};
use sha2::{Digest, Sha256};

/// Told by the program about each load. Clones share the metrics.
#[derive(Clone)]
pub struct ConfigMetrics {
    hash: GaugeVec,
    cluster: String,
    successful: Gauge,
    success_time: Gauge,
    failures: Counter,
}

impl ConfigMetrics {
    /// Registers the metrics; `cluster` is the name of the cluster, empty without one.
    pub fn new(registry: &Registry, cluster: &str) -> Result<Self, RegisterError> {
        Ok(ConfigMetrics {
            hash: registry.gauge_vec(
                "alloy_config_hash",
                "Hash of the currently active config file.",
                &["sha256", "cluster_name"],
            )?,
            cluster: cluster.to_owned(),
            successful: registry.gauge("alloy_config_last_load_successful", "Config loaded successfully.")?,
            success_time: registry.gauge(
                "alloy_config_last_load_success_timestamp_seconds",
                "Timestamp of the last successful configuration load.",
            )?,
            failures: registry.counter("alloy_config_load_failures_total", "Configuration load failures.")?,
        })
    }

    /// A load succeeded at `now`, nanoseconds since the Unix epoch. `files` are the contents in order of the files' names.
    pub fn loaded<F: AsRef<[u8]>>(&self, files: impl IntoIterator<Item = F>, now: i64) {
        self.show_hash(digest(files));
        self.successful.set(1.0);
        // A float holds microseconds of our time exactly enough.
        self.success_time.set(now as f64 / 1e9);
    }

    /// The files were read, and refused.
    pub fn refused<F: AsRef<[u8]>>(&self, files: impl IntoIterator<Item = F>) {
        self.show_hash(digest(files));
        self.failed();
    }

    /// The files could not be read.
    pub fn unreadable(&self) {
        self.show_hash([0; 32]);
        self.failed();
    }

    fn failed(&self) {
        self.successful.set(0.0);
        self.failures.inc();
    }

    fn show_hash(&self, hash: [u8; 32]) {
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.hash.retain(|values, _| *values[0] == *hex);
        self.hash.with(&[&hex, &self.cluster]).set(1.0);
    }
}

fn digest<F: AsRef<[u8]>>(files: impl IntoIterator<Item = F>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.as_ref());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hash_at_a_time() {
        let registry = Registry::new();
        let metrics = ConfigMetrics::new(&registry, "").unwrap();
        let text = || promtext::encode(&registry.gather().families, promtext::Format::Text);
        metrics.loaded(["a", "bc"], 1_500_000_000);
        let loaded = text();
        assert!(
            loaded.contains("sha256=\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""),
            "{loaded}"
        );
        assert!(
            loaded.contains("alloy_config_last_load_success_timestamp_seconds 1.5\n"),
            "{loaded}"
        );
        assert!(loaded.contains("alloy_config_last_load_successful 1\n"), "{loaded}");
        assert!(loaded.contains("alloy_config_load_failures_total 0\n"), "{loaded}");
        metrics.unreadable();
        let failed = text();
        assert_eq!(failed.matches("alloy_config_hash{").count(), 1, "{failed}");
        assert!(failed.contains(&format!("sha256=\"{}\"", "0".repeat(64))), "{failed}");
        assert!(failed.contains("alloy_config_last_load_successful 0\n"), "{failed}");
        assert!(failed.contains("alloy_config_load_failures_total 1\n"), "{failed}");
    }
}
