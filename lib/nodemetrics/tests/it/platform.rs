use crate::machine::{Machine, series};
use expect_test::{expect, expect_file};
use nodemetrics::Filter;

#[test]
fn sensors() {
    let mut files = vec![
        (
            "sys/class/hwmon/hwmon0/device",
            "-> ../../../devices/platform/coretemp.0",
        ),
        ("sys/class/hwmon/hwmon0/name", "coretemp\n"),
    ];
    for (file, content) in [
        ("temp1_input", "55000"),
        ("temp1_label", "Package id 0"),
        ("temp1_crit_alarm", "0"),
        ("temp1_fault", "1"),
        ("temp2_type", "4"),
        ("in0_input", "12250"),
        ("curr1_max", "1500"),
        ("fan1_input", "1200"),
        ("fan1_alarm", "0"),
        ("fan1_beep", "1"),
        ("pwm1", "128"),
        ("pwm1_enable", "2"),
        ("power1_average", "12500000"),
        ("power1_accuracy", "50000"),
        ("power1_average_interval", "1000"),
        ("energy1_input", "123456789"),
        ("humidity1_input", "415000"),
        ("freq1_input", "800000000"),
        ("freq1_label", "sclk"),
        ("vrm", "13.1"),
        ("beep_enable", "1"),
        ("update_interval", "2000"),
        ("intrusion0_alarm", "0"),
        ("temp3_input", "not a number"),
        ("uevent", "X=1"),
    ] {
        files.push((String::leak(format!("sys/devices/platform/coretemp.0/{file}")), content));
    }
    let machine = Machine::new(&files);
    expect_file!["expected/hwmon.txt"].assert_eq(&machine.scrape(&["hwmon"]));
    let mut options = machine.options(&["hwmon"]);
    options.hwmon_sensors = Filter::include(";fan1$");
    expect![[r#"
        node_hwmon_chip_names{chip="platform_coretemp_0",chip_name="coretemp"} 1
        node_hwmon_fan_alarm{chip="platform_coretemp_0",sensor="fan1"} 0
        node_hwmon_fan_beep_enabled{chip="platform_coretemp_0",sensor="fan1"} 1
        node_hwmon_fan_rpm{chip="platform_coretemp_0",sensor="fan1"} 1200
    "#]]
    .assert_eq(&series(&machine.scrape_with(options)));
}

#[test]
fn chips_of_the_same_device_are_told_apart() {
    let machine = Machine::new(&[
        ("sys/devices/pci/0000:00:01.0/x", ""),
        ("sys/class/hwmon/hwmon0/device", "-> ../../../devices/pci/0000:00:01.0"),
        ("sys/class/hwmon/hwmon0/name", "nvme\n"),
        ("sys/class/hwmon/hwmon1/device", "-> ../../../devices/pci/0000:00:01.0"),
        ("sys/class/hwmon/hwmon1/name", "wifi\n"),
        ("sys/class/hwmon/hwmon2/name", "acpi\n"),
    ]);
    let mut options = machine.options(&["hwmon"]);
    options.hwmon_chips = Filter::exclude("^acpi$");
    expect![[r#"
        node_hwmon_chip_names{chip="pci_0000:00:01_0_nvme",chip_name="nvme"} 1
        node_hwmon_chip_names{chip="pci_0000:00:01_0_wifi",chip_name="wifi"} 1
    "#]]
    .assert_eq(&series(&machine.scrape_with(options)));
}

#[test]
fn power_and_heat() {
    let machine = Machine::new(&[
        ("sys/class/power_supply/AC/online", "0\n"),
        ("sys/class/power_supply/AC/type", "Mains\n"),
        ("sys/class/power_supply/BAT0/capacity", "81\n"),
        ("sys/class/power_supply/BAT0/capacity_level", "Normal\n"),
        ("sys/class/power_supply/BAT0/cycle_count", "12\n"),
        ("sys/class/power_supply/BAT0/energy_now", "36580000\n"),
        ("sys/class/power_supply/BAT0/manufacturer", "LGC\n"),
        ("sys/class/power_supply/BAT0/power_now", "5002000\n"),
        ("sys/class/power_supply/BAT0/serial_number", "38109\n"),
        ("sys/class/power_supply/BAT0/status", "Discharging\n"),
        ("sys/class/power_supply/BAT0/temp", "301\n"),
        ("sys/class/power_supply/BAT0/voltage_now", "11660000\n"),
        ("sys/class/powercap/enabled", "1\n"),
        ("sys/class/powercap/intel-rapl/enabled", "1\n"),
        ("sys/class/powercap/intel-rapl:0/name", "package-0\n"),
        ("sys/class/powercap/intel-rapl:0/energy_uj", "240422366267\n"),
        ("sys/class/powercap/intel-rapl:0:0/name", "core\n"),
        ("sys/class/powercap/intel-rapl:0:0/energy_uj", "118821284256\n"),
        ("sys/class/powercap/intel-rapl:1/name", "package-1\n"),
        ("sys/class/powercap/intel-rapl:1/energy_uj", "1\n"),
        ("sys/class/powercap/intel-rapl:1:0/name", "core\n"),
        ("sys/class/powercap/intel-rapl:1:0/energy_uj", "2\n"),
        ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
        ("sys/class/thermal/thermal_zone0/temp", "12376\n"),
        ("sys/class/thermal/thermal_zone1/type", "off\n"),
        ("sys/class/thermal/cooling_device0/type", "Processor\n"),
        ("sys/class/thermal/cooling_device0/cur_state", "-1\n"),
        ("sys/class/thermal/cooling_device0/max_state", "50\n"),
        ("sys/class/watchdog/watchdog0/bootstatus", "1\n"),
        ("sys/class/watchdog/watchdog0/identity", "Software Watchdog\n"),
        ("sys/class/watchdog/watchdog0/state", "active\n"),
        ("sys/class/watchdog/watchdog0/timeout", "60\n"),
    ]);
    let collectors = ["powersupplyclass", "rapl", "thermal_zone", "watchdog"];
    expect_file!["expected/power.txt"].assert_eq(&machine.scrape(&collectors));
    let mut options = machine.options(&["powersupplyclass", "rapl"]);
    options.powersupply_ignored = "^BAT".to_owned();
    options.rapl_zone_label = true;
    expect![[r#"
        node_power_supply_info{power_supply="AC",type="Mains"} 1
        node_power_supply_online{power_supply="AC"} 0
        node_rapl_joules_total{index="0",path="$DIR/sys/class/powercap/intel-rapl:0",rapl_zone="package"} 240422.366267
        node_rapl_joules_total{index="0",path="$DIR/sys/class/powercap/intel-rapl:0:0",rapl_zone="core"} 118821.284256
        node_rapl_joules_total{index="1",path="$DIR/sys/class/powercap/intel-rapl:1",rapl_zone="package"} 1e-06
        node_rapl_joules_total{index="1",path="$DIR/sys/class/powercap/intel-rapl:1:0",rapl_zone="core"} 2e-06
    "#]]
    .assert_eq(&series(&machine.scrape_with(options)));
}

#[test]
fn graphics_cards() {
    let machine = Machine::new(&[
        ("sys/class/drm/card0/device/uevent", "DRIVER=amdgpu\nPCI_CLASS=30000\n"),
        ("sys/class/drm/card0/device/gpu_busy_percent", "4\n"),
        ("sys/class/drm/card0/device/mem_info_gtt_total", "8573157376\n"),
        ("sys/class/drm/card0/device/mem_info_vram_vendor", "samsung\n"),
        (
            "sys/class/drm/card0/device/power_dpm_force_performance_level",
            "manual\n",
        ),
        ("sys/class/drm/card0/device/unique_id", "0123456789abcdef\n"),
        ("sys/class/drm/card0-HDMI-A-1/device/uevent", "DRIVER=amdgpu\n"),
        ("sys/class/drm/card1/device/uevent", "DRIVER=i915\n"),
    ]);
    expect_file!["expected/drm.txt"].assert_eq(&machine.scrape(&["drm"]));
}

#[test]
fn errors_of_memory() {
    let machine = Machine::new(&[
        ("sys/devices/system/edac/mc/mc0/ce_count", "1\n"),
        ("sys/devices/system/edac/mc/mc0/ce_noinfo_count", "2\n"),
        ("sys/devices/system/edac/mc/mc0/ue_count", "5\n"),
        ("sys/devices/system/edac/mc/mc0/ue_noinfo_count", "6\n"),
        ("sys/devices/system/edac/mc/mc0/csrow0/ce_count", "3\n"),
        ("sys/devices/system/edac/mc/mc0/csrow0/ue_count", "4\n"),
        ("sys/devices/system/edac/mc/mc0/csrow0/ch0_ce_count", "7\n"),
        ("sys/devices/system/edac/mc/mc0/csrow0/ch0_ue_count", "8\n"),
        (
            "sys/devices/system/edac/mc/mc0/csrow0/ch0_dimm_label",
            "mc#0csrow#0channel#0\n",
        ),
        ("sys/devices/system/edac/mc/mc0/csrow0/ch1_ce_count", "9\n"),
    ]);
    expect_file!["expected/edac.txt"].assert_eq(&machine.scrape(&["edac"]));
}

#[test]
fn infiniband() {
    let machine = Machine::new(&[
        ("sys/class/infiniband/mlx4_0/board_id", "SM_1141000001000\n"),
        ("sys/class/infiniband/mlx4_0/fw_ver", "2.31.5050\n"),
        ("sys/class/infiniband/mlx4_0/hca_type", "MT4099\n"),
        ("sys/class/infiniband/mlx4_0/ports/1/state", "4: ACTIVE\n"),
        ("sys/class/infiniband/mlx4_0/ports/1/phys_state", "5: LinkUp\n"),
        ("sys/class/infiniband/mlx4_0/ports/1/rate", "40 Gb/sec (4X QDR)\n"),
        (
            "sys/class/infiniband/mlx4_0/ports/1/counters/port_rcv_data",
            "2221223609\n",
        ),
        ("sys/class/infiniband/mlx4_0/ports/1/counters/port_xmit_wait", "3599\n"),
        (
            "sys/class/infiniband/mlx4_0/ports/1/counters/link_downed",
            "N/A (no PMA)\n",
        ),
        (
            "sys/class/infiniband/mlx4_0/ports/1/counters_ext/port_rcv_data_64",
            "10\n",
        ),
        ("sys/class/infiniband/mlx4_0/ports/1/hw_counters/lifespan", "10000\n"),
        ("sys/class/infiniband/mlx4_0/ports/1/hw_counters/out_of_buffer", "3\n"),
    ]);
    expect_file!["expected/infiniband.txt"].assert_eq(&machine.scrape(&["infiniband"]));
}

#[test]
fn release_and_description() {
    let machine = Machine::new(&[
        (
            "root/usr/lib/os-release",
            "NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\nPRETTY_NAME=\"Ubuntu 20.04.2 LTS\"\nVERSION_ID=\"20.04\"\n\
             VERSION=\"20.04.2 LTS (Focal Fossa)\"\nVERSION_CODENAME=focal\nSUPPORT_END=2030-01-02\n",
        ),
        ("sys/class/dmi/id/bios_vendor", "Dell Inc.\n"),
        ("sys/class/dmi/id/product_name", "PowerEdge R6515\n"),
        ("sys/class/dmi/id/sys_vendor", "Dell Inc.\n"),
        (
            "sys/devices/system/clocksource/clocksource0/available_clocksource",
            "tsc hpet acpi_pm \n",
        ),
        (
            "sys/devices/system/clocksource/clocksource0/current_clocksource",
            "tsc\n",
        ),
    ]);
    let text = machine.scrape(&["dmi", "os", "time"]);
    let clock = ["node_time_seconds", "node_time_zone_offset_seconds"];
    let rest: String = text
        .lines()
        .filter(|line| !clock.iter().any(|name| line.contains(name)))
        .map(|line| format!("{line}\n"))
        .collect();
    expect_file!["expected/release.txt"].assert_eq(&rest);
}

#[test]
fn a_machine_without_anything_fails_nowhere_but_says_so() {
    let machine = Machine::new(&[]);
    let text = machine.scrape_with(nodemetrics::Options {
        collectors: nodemetrics::Selection {
            disable: vec!["timex".to_owned(), "time".to_owned(), "uname".to_owned()],
            ..nodemetrics::Selection::default()
        },
        ..machine.options(&[])
    });
    expect_file!["expected/nothing.txt"].assert_eq(&text);
}
