//! The devices of a mounted Btrfs file system, which only the file system itself can tell (linux/btrfs.h).

use rustix::io::Errno;
use rustix::ioctl::{Getter, Updater, ioctl, opcode};
use std::fs::File;
use std::io;
use std::path::Path;

/// A device of a file system.
pub(super) struct Device {
    /// Its name in `/dev`.
    pub(super) name: String,
    pub(super) uuid: String,
    pub(super) used: u64,
    pub(super) size: u64,
    /// Of writing, reading and flushing, corruptions, and wrong generations.
    pub(super) errors: [u64; 5],
}

const MAGIC: u8 = 0x94;

/// `struct btrfs_ioctl_fs_info_args`
#[repr(C)]
struct FsInfo {
    max_id: u64,
    devices: u64,
    uuid: [u8; 16],
    rest: [u64; 124],
}

/// `struct btrfs_ioctl_dev_info_args`
#[repr(C)]
struct DevInfo {
    id: u64,
    uuid: [u8; 16],
    used: u64,
    size: u64,
    unused: [u64; 379],
    path: [u8; 1024],
}

/// `struct btrfs_ioctl_get_dev_stats`
#[repr(C)]
struct DevStats {
    id: u64,
    items: u64,
    flags: u64,
    values: [u64; 5],
    unused: [u64; 121],
}

const _: () = assert!(size_of::<FsInfo>() == 1024 && size_of::<DevInfo>() == 4096 && size_of::<DevStats>() == 1032);

/// The UUID of the file system that is mounted here, without dashes, and its devices.
pub(super) fn devices(mount_point: &Path) -> io::Result<(String, Vec<Device>)> {
    let file = File::open(mount_point)?;
    let info = fs_info(&file)?;
    let mut devices = Vec::new();
    for id in 0..=info.max_id {
        match device(&file, id) {
            Ok(device) => devices.push(device),
            // Numbers of devices that were taken out are not used again.
            Err(Errno::NODEV) => {}
            Err(errno) => return Err(errno.into()),
        }
        if devices.len() as u64 == info.devices {
            break;
        }
    }
    Ok((hex(&info.uuid), devices))
}

#[allow(unsafe_code)]
fn fs_info(file: &File) -> Result<FsInfo, Errno> {
    // SAFETY: the call fills a `btrfs_ioctl_fs_info_args`, which `FsInfo` is and which is valid whatever its bits are. Another file system
    // than Btrfs does not know the call and fails.
    unsafe { ioctl(file, Getter::<{ opcode::read::<FsInfo>(MAGIC, 31) }, FsInfo>::new()) }
}

#[allow(unsafe_code)]
fn device(file: &File, id: u64) -> Result<Device, Errno> {
    let mut info = DevInfo {
        id,
        uuid: [0; 16],
        used: 0,
        size: 0,
        unused: [0; 379],
        path: [0; 1024],
    };
    // SAFETY: the call reads and fills a `btrfs_ioctl_dev_info_args`, which `DevInfo` is.
    unsafe {
        let call = Updater::<{ opcode::read_write::<DevInfo>(MAGIC, 30) }, DevInfo>::new(&mut info);
        ioctl(file, call)?;
    }
    let mut stats = DevStats {
        id,
        items: 5,
        flags: 0,
        values: [0; 5],
        unused: [0; 121],
    };
    // SAFETY: the call reads and fills a `btrfs_ioctl_get_dev_stats`, which `DevStats` is.
    unsafe {
        let call = Updater::<{ opcode::read_write::<DevStats>(MAGIC, 52) }, DevStats>::new(&mut stats);
        ioctl(file, call)?;
    }
    let path = info.path.split(|&byte| byte == 0).next().unwrap_or_default();
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    Ok(Device {
        name: String::from_utf8_lossy(name).into_owned(),
        uuid: dashed(&info.uuid),
        used: info.used,
        size: info.size,
        errors: stats.values,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn dashed(uuid: &[u8; 16]) -> String {
    [&uuid[..4], &uuid[4..6], &uuid[6..8], &uuid[8..10], &uuid[10..]]
        .map(hex)
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_written_in_two_ways() {
        let uuid: [u8; 16] = std::array::from_fn(|index| index as u8 * 17);
        assert_eq!(hex(&uuid), "00112233445566778899aabbccddeeff");
        assert_eq!(dashed(&uuid), "00112233-4455-6677-8899-aabbccddeeff");
    }

    #[test]
    fn another_file_system_does_not_answer() {
        assert!(devices(Path::new("/proc")).is_err());
    }
}
