//! The id of a collector that was not given one: a file in the folder of the state, as Alloy has it. It is sent to the server of the
//! `remotecfg` block and nowhere else.

use host::{Host, Random};
use serde::{Deserialize, Serialize};
use std::path::Path;

const FILE: &str = "alloy_seed.json";

#[derive(Serialize, Deserialize)]
struct Seed {
    #[serde(rename = "UID")]
    uid: String,
    created_at: String,
    version: String,
}

/// The id in the file, or one that is made and written there. Where it cannot be written, it lasts as long as the process.
pub(crate) fn read_or_create(host: &Host, storage: &Path, version: &str) -> String {
    let path = storage.join(FILE);
    let known: Option<Seed> = match host.fs.read(&path) {
        Ok(text) => serde_json::from_slice(&text).ok(),
        Err(_) => None,
    };
    if let Some(seed) = known.filter(|seed| !seed.uid.is_empty()) {
        return seed.uid;
    }
    let seed = Seed {
        uid: fresh(&*host.random),
        created_at: gotime::format_rfc3339_nano(host.clock.now()),
        version: version.to_owned(),
    };
    let text = serde_json::to_vec(&seed).expect("texts are JSON");
    let written = host.fs.create_dir_all(storage);
    if let Err(error) = written.and_then(|()| host.fs.write_atomic(&path, &text, 0o644)) {
        tracing::warn!(service = "remotecfg", file = %path.display(), err = %error, "the id of this collector cannot be kept");
    }
    seed.uid
}

fn fresh(random: &dyn Random) -> String {
    let [a, b] = [random.next_u64(), random.next_u64()].map(u64::to_le_bytes);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&a);
    bytes[8..].copy_from_slice(&b);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::{ManualClock, MemFs};
    use std::sync::Arc;

    #[test]
    fn an_id_is_made_once_and_that_of_alloy_is_kept() {
        let clock = Arc::new(ManualClock::at(0));
        let fs = MemFs::new(clock.clone());
        let host = Host {
            clock,
            fs: Arc::new(fs.clone()),
            ..Host::real()
        };
        let first = read_or_create(&host, Path::new("/a"), "v1");
        assert_eq!(uuid::Uuid::parse_str(&first).unwrap().get_version_num(), 4);
        assert_eq!(read_or_create(&host, Path::new("/a"), "v2"), first);
        let alloy = r#"{"UID":"abc","created_at":"2025-01-02T03:04:05.6Z","version":"v1.18.0"}"#;
        fs.create("/b/alloy_seed.json", alloy.as_bytes());
        assert_eq!(read_or_create(&host, Path::new("/b"), "v2"), "abc");
        // A file that is none is replaced.
        fs.create("/c/alloy_seed.json", b"{");
        let made = read_or_create(&host, Path::new("/c"), "v2");
        assert_eq!(read_or_create(&host, Path::new("/c"), "v2"), made);
    }
}
