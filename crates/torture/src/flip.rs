//! Changing bytes in the queue of a program that does not run.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wal::{Inspect, RealDisk};

/// What was changed, and what that hit.
#[derive(Debug, Default)]
pub struct Flipped {
    /// Where: file and offset.
    pub places: Vec<String>,
    /// Records that cannot be read any more.
    pub records: usize,
    /// Their log lines.
    pub lines: Vec<Vec<u8>>,
    /// What is wrong with the way in which the damage is told.
    pub faults: Vec<String>,
}

/// Flips one random bit in each of `count` random bytes of the segments, and finds out which records that hit and whether looking
/// through the log names each of them.
pub fn segments(files: &[PathBuf], count: u32, random: &mut fastrand::Rng) -> Result<Flipped, String> {
    let mut logs: BTreeMap<PathBuf, BTreeMap<u64, Vec<u8>>> = BTreeMap::new();
    for file in files {
        let log = file.parent().unwrap_or(Path::new(".")).to_owned();
        if let Entry::Vacant(new) = logs.entry(log) {
            let records = readable(new.key())?;
            new.insert(records);
        }
    }
    let places = flip(files, count, random)?;
    let mut flipped = Flipped {
        places: places
            .iter()
            .map(|(path, at)| format!("{}:{at}", path.display()))
            .collect(),
        ..Flipped::default()
    };
    for (log, mut before) in logs {
        let after = readable(&log)?;
        before.retain(|seq, _| !after.contains_key(seq));
        flipped.records += before.len();
        for payload in before.values() {
            flipped.lines.extend(lines(payload));
        }
        let damages = Inspect::new(Arc::new(RealDisk), &log)
            .verify()
            .map_err(|error| format!("the log in {} cannot be verified: {error}", log.display()))?;
        // A record whose header was hit is named by its place alone.
        let places_alone = damages.iter().filter(|damage| damage.seq.is_none()).count();
        let unnamed: Vec<u64> = before
            .into_keys()
            .filter(|seq| !damages.iter().any(|damage| damage.seq == Some(*seq)))
            .collect();
        if unnamed.len() > places_alone {
            flipped.faults.push(format!(
                "verifying the queue names {places_alone} places for the records {unnamed:?}, which were hit"
            ));
        }
    }
    Ok(flipped)
}

/// Payloads of the records that can be read.
fn readable(log: &Path) -> Result<BTreeMap<u64, Vec<u8>>, String> {
    let mut found = BTreeMap::new();
    Inspect::new(Arc::new(RealDisk), log)
        .records(0, |record| {
            found.insert(record.entry.seq, record.payload.to_vec());
            true
        })
        .map_err(|error| format!("the log in {} cannot be read: {error}", log.display()))?;
    Ok(found)
}

/// Log lines of a record: a push with its tenant before it.
fn lines(payload: &[u8]) -> Vec<Vec<u8>> {
    let body = payload
        .get(..2)
        .map(|length| usize::from(u16::from_le_bytes([length[0], length[1]])))
        .and_then(|length| payload.get(2 + length..));
    let message = body
        .and_then(|body| lokipush::decompress(body, 1 << 30).ok())
        .unwrap_or_default();
    let limits = lokipush::Limits {
        max_bytes: 1 << 30,
        max_entries: usize::MAX,
    };
    let Ok(request) = lokipush::PushRequest::from_protobuf(&message, limits) else {
        return Vec::new();
    };
    let entries = request.streams.into_iter().flat_map(|stream| stream.entries);
    entries.map(|entry| entry.line.into_owned()).collect()
}

/// Flips one random bit in each of `count` random bytes of the files; says where.
fn flip(files: &[PathBuf], count: u32, random: &mut fastrand::Rng) -> Result<Vec<(PathBuf, u64)>, String> {
    let mut places = Vec::new();
    for _ in 0..count {
        let path = &files[random.usize(0..files.len())];
        let change = || -> io::Result<u64> {
            let mut file = File::options().read(true).write(true).open(path)?;
            let at = random.u64(0..file.metadata()?.len().max(1));
            let mut byte = [0];
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut byte)?;
            byte[0] ^= 1 << random.u8(0..8);
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&byte)?;
            Ok(at)
        };
        let mut change = change;
        let at = change().map_err(|error| format!("cannot change {:?}: {error}", path.display().to_string()))?;
        places.push((path.clone(), at));
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wal::{Append, Options, Targets, Wal};

    #[test]
    fn what_is_hit_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let mut encoder = lokipush::Encoder::default();
        let mut compressor = lokipush::Compressor::default();
        let log = Wal::open(
            Arc::new(RealDisk),
            Arc::new(host::SystemClock),
            dir.path(),
            Options::default(),
        )
        .unwrap();
        log.cursor("a").unwrap();
        for n in 0..50 {
            encoder.clear();
            encoder.begin_stream("{a=\"b\"}");
            encoder.plain_entry(0, format!("line {n}").as_bytes());
            let body = compressor.compress(encoder.finish()).unwrap();
            log.append(&Append {
                kind: 1,
                items: 1,
                bytes: 6,
                targets: Targets::All,
                keys: &[1],
                payload: &[&[0, 0], body],
            })
            .unwrap();
        }
        log.close().unwrap();
        let files = crate::storage::segments(dir.path());
        let flipped = segments(&files, 5, &mut fastrand::Rng::with_seed(2)).unwrap();
        assert_eq!(flipped.places.len(), 5);
        assert!(flipped.records > 0 && flipped.records <= 5, "{flipped:?}");
        assert_eq!(flipped.lines.len(), flipped.records);
        assert!(flipped.lines[0].starts_with(b"line "));
        assert_eq!(flipped.faults, Vec::<String>::new());
    }
}
