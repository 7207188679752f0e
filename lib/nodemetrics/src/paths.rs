//! Where the machine's file systems are.

use crate::options::Options;
use std::path::{Path, PathBuf};

/// Where the machine's file systems are.
pub(crate) struct Paths {
    proc: PathBuf,
    sys: PathBuf,
    root: PathBuf,
    udev: PathBuf,
}

impl Paths {
    pub(crate) fn new(options: &Options) -> Paths {
        Paths {
            proc: options.procfs_path.clone(),
            sys: options.sysfs_path.clone(),
            root: options.rootfs_path.clone(),
            udev: options.udev_data_path.clone(),
        }
    }

    /// A path below `/proc`.
    pub(crate) fn proc(&self, path: &str) -> PathBuf {
        self.proc.join(path)
    }

    /// A path below `/sys`.
    pub(crate) fn sys(&self, path: &str) -> PathBuf {
        self.sys.join(path)
    }

    /// What udev knows of a device.
    pub(crate) fn udev(&self, device: &str) -> PathBuf {
        self.udev.join(device)
    }

    /// An absolute path of the machine.
    pub(crate) fn root(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The name that a mount point has on the machine.
    pub(crate) fn without_root<'p>(&self, mount_point: &'p str) -> &'p str {
        if self.root == Path::new("/") {
            return mount_point;
        }
        let root = self.root.to_string_lossy();
        match mount_point.strip_prefix(root.trim_end_matches('/')) {
            Some("") => "/",
            Some(rest) if rest.starts_with('/') => rest,
            _ => mount_point,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_is_named_as_on_the_machine() {
        let rooted = |root: &str| {
            Paths::new(&Options {
                rootfs_path: root.into(),
                ..Options::default()
            })
        };
        assert_eq!(rooted("/").without_root("/home"), "/home");
        assert_eq!(rooted("/host").without_root("/host"), "/");
        assert_eq!(rooted("/host").without_root("/host/home"), "/home");
        assert_eq!(rooted("/host").without_root("/hosts"), "/hosts");
        assert_eq!(rooted("/host").root("/home"), Path::new("/host/home"));
    }
}
