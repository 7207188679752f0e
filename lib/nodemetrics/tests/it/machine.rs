//! A machine that is a directory.

use nodemetrics::{NodeMetrics, Options, Selection};
use promtext::Format;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

/// A directory with `proc`, `sys`, `root` and `udev` in it.
pub struct Machine {
    dir: TempDir,
}

impl Machine {
    /// Writes files by path and content. A content of `-> target` makes a symbolic link.
    pub fn new(files: &[(&str, &str)]) -> Machine {
        let machine = Machine {
            dir: tempfile::tempdir().unwrap(),
        };
        for (path, content) in files {
            machine.write(path, content);
        }
        machine
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match content.strip_prefix("-> ") {
            Some(target) => symlink(target, path).unwrap(),
            None => fs::write(path, content).unwrap(),
        }
    }

    /// Options for these collectors on this machine.
    pub fn options(&self, collectors: &[&str]) -> Options {
        Options {
            procfs_path: self.path().join("proc"),
            sysfs_path: self.path().join("sys"),
            rootfs_path: self.path().join("root"),
            udev_data_path: self.path().join("udev"),
            collectors: Selection {
                set: collectors.iter().map(|&name| name.to_owned()).collect(),
                ..Selection::default()
            },
            ..Options::default()
        }
    }

    /// The text of a scrape with these collectors.
    pub fn scrape(&self, collectors: &[&str]) -> String {
        self.scrape_with(self.options(collectors))
    }

    /// The text of a scrape, without the families that every scrape has, then a line for each collector that failed. The directory is
    /// called `$DIR`.
    pub fn scrape_with(&self, options: Options) -> String {
        let mut gathered = NodeMetrics::new(options).unwrap().gather_all();
        gathered.families.retain(|family| {
            !family.name.starts_with("node_scrape_collector_") && &*family.name != "node_exporter_build_info"
        });
        let mut text = promtext::encode(&gathered.families, Format::Text);
        for (collector, failure) in gathered.failures {
            text.push_str(&format!("# {collector} failed: {failure}\n"));
        }
        text.replace(&*self.path().to_string_lossy(), "$DIR")
    }

    /// The lines of a scrape that are series.
    pub fn series(&self, collectors: &[&str]) -> String {
        series(&self.scrape(collectors))
    }
}

/// The lines that are series.
pub fn series(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect()
}
