use crate::machine::{Machine, series};
use expect_test::expect_file;
use nodemetrics::NodeMetrics;
use promtext::Point;

const CPU: &[(&str, &str)] = &[
    (
        "proc/stat",
        "cpu  300 6 90 5000 20 0 9 3 12 2\ncpu0 100 2 30 2500 15 0 8 1 8 2\ncpu1 200 4 60 2500 5 0 1 2 4 0\n\
         intr 123456 7 0 9\nctxt 998877\nbtime 1700000000\nprocesses 4321\nprocs_running 2\nprocs_blocked 1\n\
         softirq 1000 1 200 3 40 5 0 70 300 0 381\n",
    ),
    (
        "proc/cpuinfo",
        "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 142\nmodel name\t: Intel(R) Core(TM) i7\n\
         stepping\t: 10\nmicrocode\t: 0xb4\ncpu MHz\t\t: 799.998\ncache size\t: 8192 KB\nphysical id\t: 0\ncore id\t\t: 0\n\
         flags\t\t: fpu aes avx avx2\nbugs\t\t: cpu_meltdown mds\n\n\
         processor\t: 1\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 142\nmodel name\t: Intel(R) Core(TM) i7\n\
         stepping\t: 10\nmicrocode\t: 0xb4\ncpu MHz\t\t: 800.5\ncache size\t: 8192 KB\nphysical id\t: 0\ncore id\t\t: 1\n\
         flags\t\t: fpu aes avx avx2\nbugs\t\t: cpu_meltdown mds\n\n",
    ),
    ("sys/devices/system/cpu/isolated", "1\n"),
    ("sys/devices/system/cpu/offline", "\n"),
    ("sys/devices/system/cpu/cpu0/online", "1\n"),
    ("sys/devices/system/cpu/cpu0/topology/core_id", "0\n"),
    ("sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n"),
    (
        "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count",
        "5\n",
    ),
    (
        "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count",
        "30\n",
    ),
    ("sys/devices/system/cpu/cpu1/online", "0\n"),
    ("sys/devices/system/cpu/cpu1/topology/core_id", "1\n"),
    ("sys/devices/system/cpu/cpu1/topology/physical_package_id", "0\n"),
    (
        "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count",
        "0\n",
    ),
    (
        "sys/devices/system/cpu/cpu1/thermal_throttle/package_throttle_count",
        "30\n",
    ),
    ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_cur_freq", "1699981\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "3700000\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_min_freq", "800000\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1699981\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "3700000\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq", "800000\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
    (
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_available_governors",
        "performance powersave\n",
    ),
];

#[test]
fn processors() {
    let machine = Machine::new(CPU);
    expect_file!["expected/cpu.txt"].assert_eq(&machine.scrape(&["cpu", "cpufreq", "stat"]));
}

#[test]
fn processors_in_detail() {
    let machine = Machine::new(CPU);
    let mut options = machine.options(&["cpu", "stat"]);
    options.cpu.guest = false;
    options.cpu.flags_include = "^a".to_owned();
    options.cpu.bugs_include = "mds".to_owned();
    options.stat_softirq = true;
    expect_file!["expected/cpu_detail.txt"].assert_eq(&series(&machine.scrape_with(options)));
}

#[test]
fn the_frequency_is_that_of_cpuinfo_where_both_are_told() {
    let machine = Machine::new(CPU);
    let mut options = machine.options(&["cpu", "cpufreq"]);
    options.cpu.info = true;
    let text = machine.scrape_with(options);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("node_cpu_frequency_hertz"))
        .collect();
    assert_eq!(
        lines,
        [
            r#"node_cpu_frequency_hertz{core="0",cpu="0",package="0"} 7.99998e+08"#,
            r#"node_cpu_frequency_hertz{core="1",cpu="1",package="0"} 8.005e+08"#,
        ]
    );
}

#[test]
fn a_cpu_s_time_does_not_go_back() {
    let machine = Machine::new(&[("proc/stat", "cpu0 100 0 0 1000 50 0 0 0 0 0\n")]);
    let node = NodeMetrics::new(machine.options(&["cpu"])).unwrap();
    let times = || {
        let families = node.gather();
        let family = families
            .iter()
            .find(|family| &*family.name == "node_cpu_seconds_total")
            .unwrap();
        let value = |mode: &str| {
            let series = family
                .series
                .iter()
                .find(|series| series.labels.iter().any(|(_, value)| &**value == mode));
            series.map(|series| series.point.clone()).unwrap()
        };
        (value("idle"), value("iowait"))
    };
    assert_eq!(times(), (Point::Number(10.0), Point::Number(0.5)));
    machine.write("proc/stat", "cpu0 100 0 0 990 40 0 0 0 0 0\n");
    assert_eq!(times(), (Point::Number(10.0), Point::Number(0.5)));
    // Out and in again: it starts anew.
    machine.write("proc/stat", "cpu0 1 0 0 20 3 0 0 0 0 0\n");
    assert_eq!(times(), (Point::Number(0.2), Point::Number(0.03)));
}

#[test]
fn lines_of_the_kernel() {
    let machine = Machine::new(&[
        ("proc/loadavg", "0.21 0.37 0.39 1/719 19737\n"),
        ("proc/sys/kernel/random/entropy_avail", "1337\n"),
        ("proc/sys/kernel/random/poolsize", "4096\n"),
        ("proc/sys/fs/file-nr", "1024\t0\t1631329\n"),
        ("proc/sys/net/netfilter/nf_conntrack_count", "123\n"),
        ("proc/sys/net/netfilter/nf_conntrack_max", "65536\n"),
        (
            "proc/net/stat/nf_conntrack",
            "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  \
             expect_new expect_create expect_delete search_restart\n\
             0000007b 00000000 00000001 00000000 00000003 0000588a 00000000 00000000 00000005 00000006 00000007 00000008 00000000 \
             00000000 00000000 00000000 00000010\n\
             0000007b 00000000 00000001 00000000 00000003 00000001 00000000 00000000 00000005 00000006 00000007 00000008 00000000 \
             00000000 00000000 00000000 00000020\n",
        ),
        ("proc/sys/kernel/hung_task_detect_count", "3\n"),
        (
            "proc/pressure/cpu",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=14036781\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
        ),
        (
            "proc/pressure/io",
            "some avg10=0.18 avg60=0.34 avg300=0.10 total=159886802\nfull avg10=0.18 avg60=0.34 avg300=0.10 total=159229614\n",
        ),
        (
            "proc/pressure/memory",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=8\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
        ),
        (
            "proc/pressure/irq",
            "full avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n",
        ),
        (
            "proc/schedstat",
            "version 15\ntimestamp 15819019232\ncpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163039 \
             343796328169361 4767485306\ndomain0 00000000,00000003 212499247 210112015\n",
        ),
        (
            "proc/cgroups",
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t5\t47\t1\nmemory\t7\t234\t0\n",
        ),
        ("sys/fs/selinux/enforce", "1"),
        (
            "root/etc/selinux/config",
            "# c\nSELINUX=permissive\nSELINUXTYPE=targeted\n",
        ),
    ]);
    let collectors = [
        "cgroups",
        "conntrack",
        "entropy",
        "filefd",
        "kernel_hung",
        "loadavg",
        "pressure",
        "schedstat",
        "selinux",
    ];
    expect_file!["expected/kernel.txt"].assert_eq(&machine.scrape(&collectors));
}

#[test]
fn settings() {
    let machine = Machine::new(&[
        ("proc/sys/kernel/threads-max", "7801\n"),
        ("proc/sys/fs/file-nr", "1024\t0\t1631329\n"),
        ("proc/sys/kernel/seccomp/actions_avail", "kill_process log\n"),
    ]);
    let mut options = machine.options(&["sysctl"]);
    options.sysctl_include = ["kernel.threads-max", "fs.file-nr", "fs.file-nr:total,current,max"]
        .map(str::to_owned)
        .to_vec();
    options.sysctl_include_info = vec!["kernel.seccomp.actions_avail".to_owned()];
    expect_file!["expected/sysctl.txt"].assert_eq(&machine.scrape_with(options.clone()));
    for wrong in [
        "fs.file-nr:total,current",
        "kernel.threads-max:one",
        "kernel.nothing",
        "kernel.seccomp.actions_avail",
    ] {
        options.sysctl_include = vec![wrong.to_owned()];
        options.sysctl_include_info.clear();
        let text = machine.scrape_with(options.clone());
        assert!(text.starts_with("# sysctl failed: "), "{wrong}: {text}");
    }
}

#[test]
fn vulnerabilities() {
    let machine = Machine::new(&[
        ("sys/devices/system/cpu/vulnerabilities/itlb_multihit", "Not affected\n"),
        ("sys/devices/system/cpu/vulnerabilities/mds", "Vulnerable; SMT off\n"),
        ("sys/devices/system/cpu/vulnerabilities/odd", "Processor vulnerable\n"),
        (
            "sys/devices/system/cpu/vulnerabilities/spectre_v2",
            "Mitigation: Retpolines, IBPB: conditional\n",
        ),
    ]);
    expect_file!["expected/vulnerabilities.txt"].assert_eq(&machine.scrape(&["cpu_vulnerabilities"]));
}

#[test]
fn interrupts() {
    let machine = Machine::new(&[
        (
            "proc/interrupts",
            "           CPU0       CPU1\n  0:         18          0   IO-APIC   2-edge      timer\n \
             16:         10         20   IO-APIC  16-fasteoi   ehci_hcd:usb1, mmc0\nNMI:         47       5031   Non-maskable interrupts\n\
             ERR:          0\n",
        ),
        (
            "proc/softirqs",
            "                    CPU0       CPU1\n          HI:          7          1\n      NET_RX:         12         34\n\
             IRQ_POLL:          0          2\n",
        ),
    ]);
    let mut options = machine.options(&["interrupts", "softirqs"]);
    expect_file!["expected/interrupts.txt"].assert_eq(&machine.scrape_with(options.clone()));
    options.interrupts.include = "^NMI;".to_owned();
    options.interrupts_zeros = false;
    options.collectors.set = vec!["interrupts".to_owned()];
    assert_eq!(series(&machine.scrape_with(options)).lines().count(), 2);
}

#[test]
fn processes() {
    let stat = |name: &str, state: &str, threads: u32| {
        format!(
            "1 ({name}) {state} 0 1 1 0 -1 4194560 9061 9416027 94 2620 36 98 54406 13885 20 0 {threads} 0 29 109604864\n"
        )
    };
    let machine = Machine::new(&[
        ("proc/1/stat", &stat("systemd", "S", 1)),
        ("proc/1/task/1/stat", &stat("systemd", "S", 1)),
        ("proc/10/stat", &stat("a) R (b", "R", 2)),
        ("proc/10/task/10/stat", &stat("a) R (b", "R", 2)),
        ("proc/10/task/11/stat", &stat("worker", "D", 2)),
        // It ended while it was looked at.
        ("proc/11/cmdline", ""),
        ("proc/sys/kernel/threads-max", "7801\n"),
        ("proc/sys/kernel/pid_max", "4194304\n"),
    ]);
    expect_file!["expected/processes.txt"].assert_eq(&machine.scrape(&["processes"]));
}

#[test]
fn what_is_missing_or_broken_fails_alone() {
    let machine = Machine::new(&[
        ("proc/loadavg", "1 2 3\n"),
        ("proc/stat", "cpu0 x\n"),
        ("proc/pressure/cpu", "nothing\n"),
        ("proc/net/softnet_stat", "0 0\n"),
        ("proc/meminfo", "MemTotal\n"),
    ]);
    let text = machine.scrape(&[
        "cpu",
        "loadavg",
        "meminfo",
        "pressure",
        "schedstat",
        "softnet",
        "vmstat",
    ]);
    expect_file!["expected/failures.txt"].assert_eq(&text);
}
