use crate::machine::{Machine, series};
use expect_test::{expect, expect_file};
use nodemetrics::Filter;

#[test]
fn disks() {
    let machine = Machine::new(&[
        (
            "proc/diskstats",
            "   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n   8       0 sda 25354637 34367663 1003346126 18492372 28444756 11134226 505697032 \
             63877960 0 9653880 82621804 1 2 3 4000 5 6000\n   8       1 sda1 250 0 2000 36 0 0 0 0 0 36 36\n 253       0 dm-0 59910002 0 \
             1003337218 46229572 39231014 0 505692696 1158557800 0 11325968 1206301256\n  11       0 sr0 0 0 0 0 0 0 0 0 0 0 0\n",
        ),
        (
            "udev/b8:0",
            "S:disk/by-id/x\nE:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=1\nE:ID_ATA_WRITE_CACHE_ENABLED=0\nE:ID_ATA_ROTATION_RATE_RPM=7200\n\
             E:ID_MODEL=TOSHIBA_KSDB4U86\nE:ID_PATH=pci-0000:3b:00.0-sas\nE:ID_REVISION=0102\nE:ID_SERIAL=long\nE:ID_SERIAL_SHORT=2160A0\n\
             E:ID_WWN=0x7c72382b8de36a64\n",
        ),
        (
            "udev/b253:0",
            "E:DM_NAME=nvme0n1_crypt\nE:DM_UUID=CRYPT-LUKS2-jolaul\nE:DM_VG_NAME=system\nE:DM_LV_NAME=root\nE:ID_FS_TYPE=ext4\n\
             E:ID_FS_USAGE=filesystem\nE:ID_FS_UUID=58d2dc41\nE:ID_FS_VERSION=1.0\n",
        ),
        ("sys/block/sda/queue/rotational", "1\n"),
    ]);
    let mut options = machine.options(&["diskstats"]);
    expect_file!["expected/diskstats.txt"].assert_eq(&machine.scrape_with(options.clone()));
    // What is included replaces what is left out by default.
    options.diskstats.include = "^(sda1|loop0)$".to_owned();
    let text = series(&machine.scrape_with(options));
    let devices = text.lines().filter(|line| line.starts_with("node_disk_io_now"));
    assert_eq!(
        devices.collect::<Vec<_>>(),
        [
            r#"node_disk_io_now{device="loop0"} 0"#,
            r#"node_disk_io_now{device="sda1"} 0"#
        ]
    );
}

#[test]
fn file_systems() {
    let machine = Machine::new(&[
        (
            "proc/1/mountinfo",
            "25 1 253:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n26 25 0:5 / /proc rw - proc proc rw\n27 25 253:2 / \
             /mnt/a\\040b ro,relatime - xfs /dev/sdb1 rw\n28 25 253:3 / /gone rw - ext4 /dev/sdc1 rw,emergency_ro\n29 25 253:2 / \
             /mnt/a\\040b rw - xfs /dev/sdb1 rw\n30 25 0:30 / /sys/fs rw - ext4 /dev/sdd1 rw\n",
        ),
        ("root/mnt/a b/file", ""),
    ]);
    let mut options = machine.options(&["filesystem"]);
    options.rootfs_path = machine.path().join("root");
    // Sizes are those of the test's own disk: how large is left out here, that there is a size is not.
    let text = machine.scrape_with(options.clone());
    let sizes = ["_bytes{", "_files{", "_files_free{"];
    let cut: String = text
        .lines()
        .map(|line| match sizes.iter().any(|size| line.contains(size)) {
            true => format!("{} SIZE\n", line.rsplit_once(' ').unwrap().0),
            false => format!("{line}\n"),
        })
        .collect();
    expect_file!["expected/filesystem.txt"].assert_eq(&cut);

    options.filesystem.mount_points = Filter::include("^/$");
    options.filesystem.fs_types = Filter::exclude("^xfs$");
    expect![[r#"
        node_filesystem_device_error{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/"} 0
    "#]]
    .assert_eq(
        &series(&machine.scrape_with(options))
            .lines()
            .filter(|line| line.contains("device_error{"))
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
    );
}

#[test]
fn mounts_of_ourselves_where_the_first_process_is_hidden() {
    let machine = Machine::new(&[
        ("proc/self/mountinfo", "25 1 253:1 / / rw - ext4 /dev/sda1 rw\n"),
        ("root/file", ""),
    ]);
    assert!(machine.series(&["filesystem"]).contains(r#"device="/dev/sda1""#));
}

#[test]
fn software_raid() {
    let machine = Machine::new(&[
        (
            "proc/mdstat",
            "Personalities : [raid6] [raid5] [raid1]\nmd127 : active raid1 sdi2[0] sdj2[1]\n      312319552 blocks [2/2] [UU]\n\n\
             md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]\n      195310144 blocks [2/1] [U_]\n      [=>...................]  recovery \
             =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec\n\nunused devices: <none>\n",
        ),
        ("sys/block/md6/md/level", "raid1\n"),
        ("sys/block/md6/md/raid_disks", "2\n"),
        ("sys/block/md6/md/degraded", "1\n"),
        ("sys/block/md127/md/level", "raid1\n"),
        ("sys/block/md127/md/raid_disks", "3 (2)\n"),
        ("sys/block/md127/md/degraded", "0\n"),
        ("sys/block/sda/size", "1\n"),
    ]);
    expect_file!["expected/mdadm.txt"].assert_eq(&machine.scrape(&["mdadm"]));
}

#[test]
fn mirrored_disks() {
    let machine = Machine::new(&[(
        "proc/drbd",
        "version: 8.4.3 (api:1/proto:86-101)\nsrcversion: 1A9F77B1CA5FF92235C2213\n\n 1: cs:Connected ro:Primary/Secondary \
         ds:UpToDate/Diskless C r-----\n    ns:17324442 nr:10961011 dw:28263521 dr:118696670 al:1100 bm:221 lo:12345 pe:12346 ua:12347 \
         ap:12348 ep:1 wo:d oos:12349\n",
    )]);
    expect_file!["expected/drbd.txt"].assert_eq(&machine.scrape(&["drbd"]));
}

#[test]
fn nvme_tapes_and_fibre_channel() {
    let machine = Machine::new(&[
        ("sys/class/nvme/nvme0/firmware_rev", "1B2QEXP7\n"),
        ("sys/class/nvme/nvme0/model", "Samsung SSD 970 PRO 512GB\n"),
        ("sys/class/nvme/nvme0/serial", "S680HF8N190894I\n"),
        ("sys/class/nvme/nvme0/state", "live\n"),
        ("sys/class/nvme/nvme0/cntlid", "1997\n"),
        ("sys/class/nvme/nvme0/nvme0c0n1/nuse", "488281250\n"),
        ("sys/class/nvme/nvme0/nvme0c0n1/size", "3906250000\n"),
        ("sys/class/nvme/nvme0/nvme0c0n1/queue/logical_block_size", "4096\n"),
        ("sys/class/nvme/nvme0/nvme0c0n1/ana_state", "optimized\n"),
        ("sys/class/scsi_tape/st0/stats/in_flight", "1\n"),
        ("sys/class/scsi_tape/st0/stats/io_ns", "9247011087720\n"),
        ("sys/class/scsi_tape/st0/stats/other_cnt", "1409\n"),
        ("sys/class/scsi_tape/st0/stats/read_byte_cnt", "979383912\n"),
        ("sys/class/scsi_tape/st0/stats/read_cnt", "3741\n"),
        ("sys/class/scsi_tape/st0/stats/read_ns", "33788355744\n"),
        ("sys/class/scsi_tape/st0/stats/resid_cnt", "19\n"),
        ("sys/class/scsi_tape/st0/stats/write_byte_cnt", "1496246784000\n"),
        ("sys/class/scsi_tape/st0/stats/write_cnt", "53772916\n"),
        ("sys/class/scsi_tape/st0/stats/write_ns", "5233597394395\n"),
        ("sys/class/scsi_tape/nst0/stats/in_flight", "1\n"),
        ("sys/class/fc_host/host0/speed", "16 Gbit\n"),
        ("sys/class/fc_host/host0/port_state", "Online\n"),
        (
            "sys/class/fc_host/host0/port_type",
            "Point-To-Point (direct nport connection)\n",
        ),
        ("sys/class/fc_host/host0/port_id", "0x000002\n"),
        ("sys/class/fc_host/host0/port_name", "0x1000e0071bce95f2\n"),
        ("sys/class/fc_host/host0/fabric_name", "0x0\n"),
        ("sys/class/fc_host/host0/dev_loss_tmo", "30\n"),
        ("sys/class/fc_host/host0/statistics/rx_frames", "0x3\n"),
        ("sys/class/fc_host/host0/statistics/tx_frames", "0x1f\n"),
        (
            "sys/class/fc_host/host0/statistics/dumped_frames",
            "0xffffffffffffffff\n",
        ),
        ("sys/class/fc_host/host1/port_state", "Unknown\n"),
    ]);
    expect_file!["expected/storage.txt"].assert_eq(&machine.scrape(&["fibrechannel", "nvme", "tapestats"]));
}

#[test]
fn file_systems_that_count() {
    const BTRFS: &str = "sys/fs/btrfs/0abb23a9-579b-43e6-ad30-227ef47fcb9d";
    let files: Vec<(String, &str)> = [
        ("label", "fixture\n"),
        ("metadata_uuid", "0abb23a9-579b-43e6-ad30-227ef47fcb9d\n"),
        ("devices/loop25/size", "20971520\n"),
        ("devices/loop26/size", "20971520\n"),
        ("devices/loop27/size", "20971520\n"),
        (
            "commit_stats",
            "commits 2\nlast_commit_ms 1500\nmax_commit_ms 2000\ntotal_commit_ms 3500\n",
        ),
        ("allocation/global_rsv_size", "16777216\n"),
        ("allocation/data/bytes_reserved", "0\n"),
        ("allocation/data/raid0/used_bytes", "808189952\n"),
        ("allocation/data/raid0/total_bytes", "2147483648\n"),
        ("allocation/metadata/bytes_reserved", "1\n"),
        ("allocation/metadata/raid5/used_bytes", "933888\n"),
        ("allocation/metadata/raid5/total_bytes", "1073741824\n"),
        ("allocation/system/bytes_reserved", "0\n"),
        ("allocation/system/raid1/used_bytes", "16384\n"),
        ("allocation/system/raid1/total_bytes", "8388608\n"),
    ]
    .into_iter()
    .map(|(file, content)| (format!("{BTRFS}/{file}"), content))
    .collect();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(file, content)| (file.as_str(), *content)).collect();
    files.extend([
        ("sys/fs/btrfs/features/raid1c34", "0\n"),
        (
            "sys/fs/xfs/sda1/stats/stats",
            "extent_alloc 1 2 3 4\nabt 5 6 7 8\nblk_map 9 10 11 12 13 14 15\nbmbt 16 17 18 19\ndir 20 21 22 23\ntrans 0 1 2\n\
             ig 24 25 26 27 28 29 30\nlog 1 2 3 4 5\nrw 31 32\nvnodes 33 34 35 36 37 38 39 40\nbuf 1 2 3\nxpc 1 2 3\n",
        ),
        ("sys/fs/xfs/stats/stats", "not one of a file system\n"),
        (
            "proc/spl/kstat/zfs/arcstats",
            "6 1 0x01 91 4368 5266997922 97951858082072\nname                            type data\nhits                            4    \
             8772612\nmemory_available_bytes           3    -922337203685477580\nnot-a-number 7 text\n",
        ),
        ("proc/spl/kstat/zfs/zil", "7 1 0x01 14 672 1 2\nname type data\nzil_commit_count 4 10\n"),
        (
            "proc/spl/kstat/zfs/pool1/io",
            "12 3 0x00 1 80 79205351707403 395818011156865\nnread    nwritten reads    writes   wtime    wlentime wupdate  rtime    \
             rlentime rupdate  wcnt     rcnt\n1884160  3206144  22       132      7155162  104112268 79210489694949 24168078 104112268 \
             79210489849220 0        0\n",
        ),
        ("proc/spl/kstat/zfs/pool1/state", "DEGRADED\n"),
        (
            "proc/spl/kstat/zfs/pool1/objset-0x36",
            "36 1 0x01 7 2160 5 6\nname                            type data\ndataset_name                    7    pool1/data set\n\
             writes                          4    4\nnwritten                        4    12302\n",
        ),
    ]);
    let machine = Machine::new(&files);
    expect_file!["expected/filesystems_that_count.txt"].assert_eq(&machine.scrape(&["btrfs", "xfs", "zfs"]));
}

#[test]
fn bcache() {
    const SET: &str = "sys/fs/bcache/deaddd54-c735-46d5-868e-f331c5fd7c74";
    let files: Vec<(String, &str)> = [
        ("average_key_size", "0\n"),
        ("btree_cache_size", "256.0k\n"),
        ("cache_available_percent", "100\n"),
        ("congested", "0\n"),
        ("root_usage_percent", "0\n"),
        ("tree_depth", "0\n"),
        ("internal/active_journal_entries", "1\n"),
        ("internal/btree_nodes", "0\n"),
        ("internal/btree_read_average_duration_us", "1305\n"),
        ("internal/cache_read_races", "0\n"),
        ("bdev0/dirty_data", "1.5k\n"),
        (
            "bdev0/writeback_rate_debug",
            "rate:\t\t1.1M/sec\ndirty:\t\t20.4G\ntarget:\t\t20.4G\nproportional:\t427.5k\nintegral:\t-790.0k\nchange:\t\t321.5k/sec\n\
             next io:\t17ms\n",
        ),
        ("bdev0/stats_total/bypassed", "0\n"),
        ("bdev0/stats_total/cache_hits", "546\n"),
        ("bdev0/stats_total/cache_misses", "13\n"),
        ("bdev0/stats_total/cache_readaheads", "13\n"),
        ("cache0/io_errors", "0\n"),
        ("cache0/metadata_written", "512\n"),
        ("cache0/written", "1.0M\n"),
        ("cache0/priority_stats", "Unused:\t\t99%\nMetadata:\t1%\nAverage:\t10473\n"),
    ]
    .into_iter()
    .map(|(file, content)| (format!("{SET}/{file}"), content))
    .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(file, content)| (file.as_str(), *content)).collect();
    let machine = Machine::new(&files);
    let mut options = machine.options(&["bcache"]);
    options.bcache_priority_stats = true;
    expect_file!["expected/bcache.txt"].assert_eq(&machine.scrape_with(options));
}

#[test]
fn nfs() {
    let machine = Machine::new(&[
        (
            "proc/net/rpc/nfs",
            "net 70 70 69 45\nrpc 1218785755 374636 1218815394\nproc2 18 16 57 74 52 71 73 45 86 0 52 83 61 17 53 50 23 70 82\n\
             proc3 22 0 1061909262 48906 4077635 117661341 5 29391916 2570425 2993289 590 0 0 7815 15 1130 0 3983 92385 13332 2 1 23729\n\
             proc4 48 98 51 54 83 85 23 24 1 28 73 68 83 12 84 39 68 59 58 88 29 74 69 96 21 84 15 53 86 54 66 56 97 36 49 32 85 81 11 58 32 \
             67 13 28 35 1 90 26 0\n",
        ),
        (
            "proc/net/rpc/nfsd",
            "rc 0 6 18622\nfh 1 0 0 0 0\nio 157286400 72864\nth 8 0 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000\n\
             ra 32 0 0 0 0 0 0 0 0 0 0 7\nnet 972 55 917 1\nrpc 18628 3 1 2 0\nproc2 18 2 69 0 0 4410 0 0 0 0 0 0 0 0 0 0 0 99 2\n\
             proc3 22 2 112 0 2719 111 0 0 0 0 0 0 0 0 0 0 0 27 216 0 2 1 0\nproc4 2 2 10853\n\
             proc4ops 40 0 0 0 1098 2 0 0 0 0 8179 5896 0 0 0 0 5900 0 0 2 0 2 0 9609 0 2 150 1272 0 0 0 1236 0 0 0 0 3 3 0 0 4\n\
             wdeleg_getattr 15\n",
        ),
    ]);
    expect_file!["expected/nfs.txt"].assert_eq(&machine.scrape(&["nfs", "nfsd"]));
}

#[test]
fn mounts_of_nfs() {
    let machine = Machine::new(&[
        (
            "proc/self/mountinfo",
            "1 1 0:5 / / rw shared:8 - ext4 /dev/sda1 rw\n2 1 0:30 / /mnt/test rw - nfs4 192.168.1.1:/srv/test \
             rw,vers=4.0,addr=192.168.1.1,local_lock=none\n3 1 0:30 / /mnt/again rw - nfs4 192.168.1.1:/srv/test rw,addr=192.168.1.1\n\
             4 1 0:31 / /mnt/old rw - nfs 192.168.1.2:/old rw,addr=192.168.1.2\n",
        ),
        (
            "proc/self/mountstats",
            "device /dev/sda1 mounted on / with fstype ext4\n\
             device 192.168.1.1:/srv/test mounted on /mnt/test with fstype nfs4 statvers=1.1\n\topts:\trw,vers=4.0\n\tage:\t13968\n\t\
             caps:\tcaps=0xfff7\n\tevents:\t52 226 0 0 1 13 398 0 0 331 0 47 0 0 77 0 0 77 99 0 0 0 0 0 0 0 27\n\t\
             bytes:\t1207640230 2 3 4 1210214218 6 295483 8\n\tRPC iostats version: 1.0  p/v: 100003/4 (nfs)\n\t\
             xprt:\ttcp 832 1 2 3 11 6428 6429 4 12154 5 24 26 5726\n\tper-op statistics\n\t        NULL: 0 0 0 0 0 0 0 0\n\t        \
             READ: 1298 1299 1 207680 1210292152 6 79386 79407 0\n\n\
             device 192.168.1.1:/srv/test mounted on /mnt/again with fstype nfs4 statvers=1.1\n\tage:\t13968\n\txprt:\ttcp 832 1 2 3 11 \
             6428 6429 4 12154 5 24 26 5726\n\tper-op statistics\n\t        NULL: 0 0 0 0 0 0 0 0\n\n\
             device 192.168.1.2:/old mounted on /mnt/old with fstype nfs statvers=1.1\n\tage:\t1\n\txprt:\tudp 832 1 10 20 30 40 50 60 70 \
             80\n\tper-op statistics\n\n",
        ),
    ]);
    expect_file!["expected/mountstats.txt"].assert_eq(&machine.scrape(&["mountstats"]));
}
