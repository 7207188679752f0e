//! ZFS.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use std::path::Path;

/// Files of the module, and what their names become in those of metrics.
const FILES: [(&str, &str); 11] = [
    ("abdstats", "zfs_abd"),
    ("arcstats", "zfs_arc"),
    ("dbufstats", "zfs_dbuf"),
    ("dmu_tx", "zfs_dmu_tx"),
    ("dnodestats", "zfs_dnode"),
    ("fm", "zfs_fm"),
    ("vdev_cache_stats", "zfs_vdev_cache"),
    ("vdev_mirror_stats", "zfs_vdev_mirror"),
    ("xuio_stats", "zfs_xuio"),
    ("zfetchstats", "zfs_zfetch"),
    ("zil", "zfs_zil"),
];

/// The states that a pool can be in.
const STATES: [&str; 7] = [
    "online",
    "degraded",
    "faulted",
    "offline",
    "removed",
    "unavail",
    "suspended",
];

/// `zfs`
pub(super) fn zfs(paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
    let root = paths.proc("spl/kstat/zfs");
    let pools = read::dirs(&root).map_err(|_| Failure::NoData)?;
    for (file, part) in FILES {
        let path = root.join(file);
        let Some(text) = read::optional(read::text(&path))? else {
            continue;
        };
        for row in rows(&path, &text)? {
            let value = row.number(&path)?;
            if let Some(value) = value {
                let name = format!("node_{part}_{}", row.name.replace('-', "_"));
                sink.untyped(&name, &format!("kstat.zfs.misc.{file}.{}", row.name), &[], value);
            }
        }
    }
    for pool in pools {
        let dir = root.join(&pool);
        io(&dir.join("io"), &pool, sink)?;
        for file in read::names(&dir)?.iter().filter(|name| name.starts_with("objset-")) {
            dataset(&dir.join(file), &pool, sink)?;
        }
        let Some(state) = read::optional(read::trimmed(&dir.join("state")))? else {
            continue;
        };
        for name in STATES {
            sink.gauge(
                "node_zfs_zpool_state",
                "kstat.zfs.misc.state",
                &[("zpool", &pool), ("state", name)],
                f64::from(state.eq_ignore_ascii_case(name)),
            );
        }
    }
    Ok(())
}

/// A row `name type data` of a kstat.
struct Row<'t> {
    name: &'t str,
    kind: &'t str,
    data: &'t str,
}

impl Row<'_> {
    /// Its value, if it is a number of 64 bits.
    fn number(&self, path: &Path) -> Result<Option<f64>, Failure> {
        match self.kind {
            "3" => read::number::<i64>(path, self.data).map(|value| Some(value as f64)),
            "4" => read::number::<u64>(path, self.data).map(|value| Some(value as f64)),
            _ => Ok(None),
        }
    }
}

/// The rows below the heading `name type data`, which must be there.
fn rows<'t>(path: &Path, text: &'t str) -> Result<Vec<Row<'t>>, Failure> {
    let heading = |line: &&str| line.split_ascii_whitespace().eq(["name", "type", "data"]);
    let mut lines = text.lines();
    if lines.find(heading).is_none() {
        return Err(Failure::parse(path, text));
    }
    let row = |line: &'t str| {
        let (name, rest) = line.trim().split_once(' ')?;
        let (kind, data) = rest.trim_start().split_once(' ')?;
        let data = data.trim();
        Some(Row { name, kind, data })
    };
    Ok(lines.filter_map(row).collect())
}

/// The I/O of a pool: a row of names and a row of numbers. OpenZFS 2.1 took it away.
fn io(path: &Path, pool: &str, sink: &mut Sink) -> Result<(), Failure> {
    let Some(text) = read::optional(read::text(path))? else {
        return Ok(());
    };
    let mut lines = text.lines().skip_while(|line| !line.starts_with("nread"));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else {
        return Ok(());
    };
    for (name, value) in names.split_ascii_whitespace().zip(values.split_ascii_whitespace()) {
        let value: u64 = read::number(path, value)?;
        sink.untyped(
            &format!("node_zfs_zpool_{name}"),
            &format!("kstat.zfs.misc.io.{name}"),
            &[("zpool", pool)],
            value as f64,
        );
    }
    Ok(())
}

fn dataset(path: &Path, pool: &str, sink: &mut Sink) -> Result<(), Failure> {
    // A dataset may be gone since the directory was read.
    let Some(text) = read::optional(read::text(path))? else {
        return Ok(());
    };
    let mut dataset = "";
    for row in rows(path, &text)? {
        if row.name == "dataset_name" {
            dataset = row.data;
        } else if row.kind == "4" {
            let value: u64 = read::number(path, row.data)?;
            sink.untyped(
                &format!("node_zfs_zpool_dataset_{}", row.name.replace('-', "_")),
                &format!("kstat.zfs.misc.objset.{}", row.name),
                &[("zpool", pool), ("dataset", dataset)],
                value as f64,
            );
        }
    }
    Ok(())
}
