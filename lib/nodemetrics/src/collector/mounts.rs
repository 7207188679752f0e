//! The mounted file systems.

use crate::error::Failure;
use crate::paths::Paths;
use crate::read;
use std::path::Path;

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// What is mounted.
    pub(super) device: String,
    /// Where, as the machine names it.
    pub(super) point: String,
    /// The type of the file system.
    pub(super) fs_type: String,
    /// The device number's halves.
    pub(super) major: String,
    /// The device number's halves.
    pub(super) minor: String,
    /// Whether nothing can be written.
    pub(super) read_only: bool,
}

/// The mounts of the first process, which are the machine's. In a container that may not look at it, our own.
pub(super) fn mounts(paths: &Paths) -> Result<Vec<Mount>, Failure> {
    let first = paths.proc("1/mountinfo");
    let own = paths.proc("self/mountinfo");
    let (path, text) = match read::text(&first) {
        Ok(text) => (first, text),
        Err(_) => {
            let text = read::text(&own)?;
            (own, text)
        }
    };
    text.lines().map(|line| parse(paths, &path, line)).collect()
}

/// Reads `36 35 98:0 /in/fs /mount/point rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue` (proc_pid_mountinfo(5)).
fn parse(paths: &Paths, path: &Path, line: &str) -> Result<Mount, Failure> {
    let malformed = || Failure::parse(path, line);
    let (place, file_system) = line.split_once(" - ").ok_or_else(malformed)?;
    let place: Vec<&str> = place.split(' ').collect();
    let file_system: Vec<&str> = file_system.split(' ').collect();
    let (&[_, _, number, _, point, options, ..], &[fs_type, device, super_options, ..]) =
        (place.as_slice(), file_system.as_slice())
    else {
        return Err(malformed());
    };
    let (major, minor) = number.split_once(':').ok_or_else(malformed)?;
    let is = |list: &str, option: &str| list.split(',').any(|word| word == option);
    // A backslash stands for itself as \134 and stays so, as upstream.
    let point = point.replace(r"\040", " ").replace(r"\011", "\t");
    Ok(Mount {
        device: device.to_owned(),
        point: paths.without_root(&point).to_owned(),
        fs_type: fs_type.to_owned(),
        major: major.to_owned(),
        minor: minor.to_owned(),
        read_only: is(options, "ro") || is(super_options, "ro") || is(super_options, "emergency_ro"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    #[test]
    fn a_line_of_mountinfo() {
        let paths = Paths::new(&Options::default());
        let line = r"36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 - ext3 /dev/root rw,emergency_ro";
        let mount = parse(&paths, Path::new("mountinfo"), line).unwrap();
        assert_eq!(
            mount,
            Mount {
                device: "/dev/root".to_owned(),
                point: "/mnt 2".to_owned(),
                fs_type: "ext3".to_owned(),
                major: "98".to_owned(),
                minor: "0".to_owned(),
                read_only: true,
            }
        );
        for line in [
            "",
            "36 35 98:0 / /",
            "36 35 980 / / rw - ext3 /dev/root rw",
            "36 35 98:0 / / rw - ext3",
        ] {
            assert!(parse(&paths, Path::new("mountinfo"), line).is_err(), "{line}");
        }
    }
}
