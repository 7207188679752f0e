//! A machine that is a directory.

use nodemetrics::{NodeMetrics, Options, Selection};
use promtext::Format;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
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
        let node = NodeMetrics::new(options).unwrap();
        let mut gathered = node.gather_all();
        gathered.families.retain(|family| {
            !family.name.starts_with("node_scrape_collector_") && &*family.name != "node_exporter_build_info"
        });
        let mut text = promtext::encode(&gathered.families, Format::Text);
        for (collector, failure) in gathered.failures {
            text.push_str(&format!("# {collector} failed: {failure}\n"));
        }
        self.damage(&node);
        text.replace(&*self.path().to_string_lossy(), "$DIR")
    }

    /// Whatever is in the files, nothing panics: gathers while one file after the other is cut, or has other bytes in it.
    fn damage(&self, node: &NodeMetrics) {
        const OTHER: &[u8] = b"\0 -9:/()[].%\n\xffkx";
        let mut random = fastrand::Rng::with_seed(7);
        let mut files = Vec::new();
        collect(self.path(), &mut files);
        for file in files {
            let whole = fs::read(&file).unwrap();
            for _ in 0..12 {
                let mut damaged = whole.clone();
                damaged.truncate(random.usize(..=whole.len()));
                for _ in 0..random.usize(..3) {
                    if let Some(byte) = random.choice(&mut damaged) {
                        *byte = OTHER[random.usize(..OTHER.len())];
                    }
                }
                if random.bool() {
                    damaged.extend([b"18446744073709551615\n".as_slice(), b" \n\n", b": : : : :\n"][random.usize(..3)]);
                }
                fs::write(&file, damaged).unwrap();
                node.gather();
            }
            fs::write(&file, whole).unwrap();
        }
    }

    /// The lines of a scrape that are series.
    pub fn series(&self, collectors: &[&str]) -> String {
        series(&self.scrape(collectors))
    }
}

/// The files below a directory, without those behind links.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            collect(&entry.path(), files);
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
}

/// The lines that are series.
pub fn series(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect()
}
