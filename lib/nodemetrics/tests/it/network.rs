use crate::machine::{Machine, series};
use expect_test::{expect, expect_file};
use nodemetrics::Filter;

#[test]
fn devices() {
    let machine = Machine::new(&[
        (
            "proc/net/dev",
            "Inter-|   Receive                                                |  Transmit\n \
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n  \
             eth0:1000 20 3 4 5 6 7 8 9000 10 11 12 13 14 15 16\n    lo: 1 2 0 0 0 0 0 0 1 2 0 0 0 0 0 0\n",
        ),
        ("sys/class/net/eth0/statistics/rx_nohandler", "71\n"),
        (
            "proc/net/arp",
            "IP address       HW type     Flags       HW address            Mask     Device\n\
             192.168.1.250    0x1         0x2         50:50:50:50:50:50     *        eth0\n\
             192.168.1.251    0x1         0x0         00:00:00:00:00:00     *        eth0\n\
             10.0.0.1         0x1         0x2         50:50:50:50:50:51     *        docker0\n",
        ),
        ("sys/class/net/bonding_masters", "bond0 bond1\n"),
        ("sys/class/net/bond0/bonding/slaves", "eth0 eth1\n"),
        ("sys/class/net/bond0/lower_eth0/bonding_slave/mii_status", "up\n"),
        ("sys/class/net/bond0/slave_eth1/bonding_slave/mii_status", "down\n"),
        ("sys/class/net/bond1/bonding/slaves", "\n"),
    ]);
    let mut options = machine.options(&["arp", "bonding", "netdev"]);
    options.arp = Filter::exclude("^docker");
    options.netdev.devices = Filter::include("^eth");
    expect_file!["expected/netdev.txt"].assert_eq(&machine.scrape_with(options));
}

#[test]
fn classes_of_devices() {
    let mut files = vec![("sys/class/net/bonding_masters", "\n")];
    for (file, content) in [
        ("addr_assign_type", "3"),
        ("address", "01:01:01:01:01:01"),
        ("broadcast", "ff:ff:ff:ff:ff:ff"),
        ("carrier", "1"),
        ("carrier_changes", "2"),
        ("carrier_up_count", "1"),
        ("carrier_down_count", "1"),
        ("dev_id", "0x20"),
        ("dormant", "1"),
        ("duplex", "full"),
        ("flags", "0x1303"),
        ("ifalias", "uplink"),
        ("ifindex", "2"),
        ("iflink", "2"),
        ("link_mode", "1"),
        ("mtu", "1500"),
        ("name_assign_type", "2"),
        ("netdev_group", "0"),
        ("operstate", "up"),
        ("speed", "1000"),
        ("tx_queue_len", "1000"),
        ("type", "1"),
    ] {
        files.push((String::leak(format!("sys/devices/eth0/{file}")), content));
    }
    files.push(("sys/class/net/eth0", "-> ../../devices/eth0"));
    files.push(("sys/class/net/wlan0/operstate", "down\n"));
    files.push(("sys/class/net/wlan0/flags", "0x1002\n"));
    files.push(("sys/class/net/wlan0/speed", "-1\n"));
    let machine = Machine::new(&files);
    expect_file!["expected/netclass.txt"].assert_eq(&machine.scrape(&["netclass"]));

    let mut options = machine.options(&["netclass"]);
    options.netclass.ignored_devices = "^eth".to_owned();
    options.netclass.ignore_invalid_speed = true;
    expect![[r#"
        node_network_flags{device="wlan0"} 4098
        node_network_info{address="",adminstate="down",broadcast="",device="wlan0",duplex="",ifalias="",operstate="down"} 1
        node_network_up{device="wlan0"} 0
    "#]]
    .assert_eq(&series(&machine.scrape_with(options)));
}

#[test]
fn protocols_and_sockets() {
    let machine = Machine::new(&[
        (
            "proc/net/netstat",
            "TcpExt: SyncookiesSent SyncookiesRecv DelayedACKs\nTcpExt: 1 2 3\nIpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 6286396970 \
             2786264347\n",
        ),
        (
            "proc/net/snmp",
            "Tcp: RtoAlgorithm MaxConn ActiveOpens InErrs\nTcp: 1 -1 3556 5\nUdp: InDatagrams NoPorts\nUdp: 88542 120\n",
        ),
        (
            "proc/net/snmp6",
            "Ip6InReceives                   \t7\nIp6InOctets                     \t460\nUdp6NoPorts                     \t6\n",
        ),
        (
            "proc/net/sockstat",
            "sockets: used 229\nTCP: inuse 4 orphan 0 tw 4 alloc 17 mem 1\nUDP: inuse 0 mem 0\nFRAG: inuse 0 memory 0\n",
        ),
        ("proc/net/sockstat6", "TCP6: inuse 17\nFRAG6: inuse 0 memory 0\n"),
        (
            "proc/net/softnet_stat",
            "00015c73 00020e76 F0000769 00000000 00000000 00000000 00000000 00000000 00000001 00000002 00000003 00000004 00000005\n\
             01663fb2 00000000 000109a4 00000000 00000000 00000000 00000000 00000000 00000000\n",
        ),
        (
            "proc/net/udp",
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n    0: 00000000:0016 \
             00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 2740 1 ffff88003d3af3c0 100 0 0 10 0\n    1: \
             00000000:0017 00000000:0000 0A 00000010:00000002 00:00000000 00000000     0        0 2740 1\n",
        ),
        (
            "proc/net/tcp",
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 00000000:0016 \
             00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 1 1\n   1: 0100007F:0016 0100007F:1000 01 \
             00000005:00000000 00:00000000 00000000     0        0 1 1\n   2: 0100007F:0016 0100007F:1001 0C 00000000:00000000 \
             00:00000000 00000000     0        0 1 1\n",
        ),
    ]);
    let collectors = ["netstat", "sockstat", "softnet", "tcpstat", "udp_queues"];
    let text = machine
        .scrape(&collectors)
        .replace(&rustix::param::page_size().to_string(), "PAGE");
    expect_file!["expected/sockets.txt"].assert_eq(&text);
}

#[test]
fn ipvs() {
    let machine = Machine::new(&[
        (
            "proc/net/ip_vs_stats",
            "   Total Incoming Outgoing         Incoming         Outgoing\n   Conns  Packets  Packets            Bytes            Bytes\n \
             16AA370 E33656E5        0     51D8C8883AB3        0\n\n Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n",
        ),
        (
            "proc/net/ip_vs",
            "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward \
             Weight ActiveConn InActConn\nTCP  C0A80016:0CEA wlc\n  -> C0A85216:0CEA      Tunnel  100    248        2\n  -> \
             C0A85318:0CEA      Tunnel  100    248        2\nFWM  10001000 wlc\n  -> C0A83215:0CEA      Route   0      0          1\n\
             TCP  [2620:0000:0000:0000:0000:0000:0000:0001]:0050 sh\n  -> [2620:0000:0000:0000:0000:0000:0000:0002]:0050      Route   1      \
             0          0\n",
        ),
    ]);
    let mut options = machine.options(&["ipvs"]);
    expect_file!["expected/ipvs.txt"].assert_eq(&machine.scrape_with(options.clone()));
    options.ipvs_backend_labels = vec!["local_port".to_owned()];
    expect![[r#"
        node_ipvs_backend_connections_active{local_port="0"} 0
        node_ipvs_backend_connections_active{local_port="3306"} 496
        node_ipvs_backend_connections_active{local_port="80"} 0
    "#]]
    .assert_eq(
        &series(&machine.scrape_with(options))
            .lines()
            .take(3)
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
    );
}

#[test]
fn addresses_of_devices() {
    let machine = Machine::new(&[("proc/net/dev", "a\nb\n")]);
    let mut options = machine.options(&["netdev"]);
    options.netdev.address_info = true;
    let text = machine.scrape_with(options);
    let loopback = r#"node_network_address_info{address="127.0.0.1",device="lo",netmask="8",scope="link-local"} 1"#;
    assert!(text.lines().any(|line| line == loopback), "{text}");
}
