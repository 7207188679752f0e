use nodemetrics::{Error, Filter, NodeMetrics, Options, Selection};

fn error(change: impl FnOnce(&mut Options)) -> String {
    let mut options = Options::default();
    options.collectors.enable = vec!["interrupts".to_owned(), "slabinfo".to_owned()];
    change(&mut options);
    NodeMetrics::new(options).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_bad_expression_is_named() {
    let bad = || "a(".to_owned();
    for (option, error) in [
        ("netdev.device_exclude", error(|o| o.netdev.devices.exclude = bad())),
        ("netdev.device_include", error(|o| o.netdev.devices.include = bad())),
        (
            "netclass.ignored_devices",
            error(|o| o.netclass.ignored_devices = bad()),
        ),
        ("disk.device_exclude", error(|o| o.diskstats.exclude = bad())),
        ("disk.device_include", error(|o| o.diskstats.include = bad())),
        (
            "filesystem.mount_points_exclude",
            error(|o| o.filesystem.mount_points.exclude = bad()),
        ),
        (
            "filesystem.fs_types_exclude",
            error(|o| o.filesystem.fs_types.exclude = bad()),
        ),
        ("netstat.fields", error(|o| o.netstat_fields = bad())),
        ("vmstat.fields", error(|o| o.vmstat_fields = bad())),
        ("cpu.flags_include", error(|o| o.cpu.flags_include = bad())),
        ("cpu.bugs_include", error(|o| o.cpu.bugs_include = bad())),
        ("arp.device_exclude", error(|o| o.arp.exclude = bad())),
        ("hwmon.chip_include", error(|o| o.hwmon_chips.include = bad())),
        ("hwmon.sensor_include", error(|o| o.hwmon_sensors.include = bad())),
        ("infiniband.device_exclude", error(|o| o.infiniband.exclude = bad())),
        ("powersupply.ignored_supplies", error(|o| o.powersupply_ignored = bad())),
        ("tapestats.ignored_devices", error(|o| o.tape_ignored = bad())),
        ("interrupts.name_include", error(|o| o.interrupts.include = bad())),
        ("slabinfo.slabs_exclude", error(|o| o.slabs.exclude = bad())),
    ] {
        assert_eq!(
            error,
            format!("{option}: error parsing regexp: missing closing ): `a(`")
        );
    }
}

#[test]
fn what_excludes_each_other() {
    let both = || Filter {
        include: "a".to_owned(),
        exclude: "b".to_owned(),
    };
    assert_eq!(
        error(|o| o.netdev.devices = both()),
        "netdev.device_include and netdev.device_exclude are mutually exclusive"
    );
    assert_eq!(
        error(|o| o.filesystem.mount_points = both()),
        "filesystem.mount_points_include and filesystem.mount_points_exclude are mutually exclusive"
    );
}

#[test]
fn names_that_mean_nothing() {
    assert_eq!(
        error(|o| o.ipvs_backend_labels = vec!["proto".into(), "port".into()]),
        "unknown IPVS backend label: port"
    );
    assert_eq!(
        error(|o| o.collectors.disable = vec!["cpus".into()]),
        "unknown collector: cpus"
    );
    assert_eq!(
        nodemetrics::unsupported(&Selection {
            enable: vec!["systemd".into()],
            ..Selection::default()
        }),
        ["systemd"]
    );
    let bad = NodeMetrics::new(Options {
        collectors: Selection {
            set: vec!["x".into()],
            ..Selection::default()
        },
        ..Options::default()
    });
    assert_eq!(bad.map(|_| ()).unwrap_err(), Error::UnknownCollector("x".into()));
}

#[test]
fn a_collector_that_is_off_does_not_check_its_options() {
    let options = Options {
        vmstat_fields: "a(".to_owned(),
        collectors: Selection {
            disable: vec!["vmstat".to_owned()],
            ..Selection::default()
        },
        ..Options::default()
    };
    let node = NodeMetrics::new(options).unwrap();
    assert!(node.collectors().all(|name| name != "vmstat"));
    let families = node.gather();
    let success = families
        .iter()
        .find(|family| &*family.name == "node_scrape_collector_success")
        .unwrap();
    assert_eq!(success.series.len(), node.collectors().count());
}

#[test]
fn the_build_is_told() {
    let mut options = Options::default();
    options.collectors.set = vec!["loadavg".to_owned()];
    options.build.version = "1.2.3".to_owned();
    options.build.branch = "main".to_owned();
    let families = NodeMetrics::new(options).unwrap().gather();
    let build = families
        .iter()
        .find(|family| &*family.name == "node_exporter_build_info")
        .unwrap();
    let labels: Vec<&str> = build.series[0].labels.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        labels,
        ["branch", "goarch", "goos", "goversion", "revision", "tags", "version"]
    );
    assert!(build.series[0].labels.iter().any(|(_, value)| &**value == "1.2.3"));
}
