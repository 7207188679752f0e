use crate::machine::Machine;
use expect_test::expect_file;

#[test]
fn memory() {
    let machine = Machine::new(&[
        (
            "proc/meminfo",
            "MemTotal:        3742148 kB\nActive(anon):    2068484 kB\nHugePages_Total:       3\nHugepagesize:       2048 kB\n\
             DirectMap4k:      226392 kB\n",
        ),
        (
            "proc/vmstat",
            "nr_free_pages 977769\npgpgin 7344136\npgfault 2320168809\nthp_fault_alloc 3\noom_kill 0\n",
        ),
        (
            "sys/devices/system/node/node0/meminfo",
            "Node 0 MemTotal:       134182340 kB\nNode 0 Active(file):    52400 kB\n\nNode 0 HugePages_Free:     0\n",
        ),
        (
            "sys/devices/system/node/node0/numastat",
            "numa_hit 193460335812\nlocal_node 193454780853\n",
        ),
        (
            "proc/swaps",
            "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/zram0                              partition\t8388604\t76\t100\n",
        ),
        ("sys/kernel/mm/ksm/full_scans", "323\n"),
        ("sys/kernel/mm/ksm/general_profit", "-4096\n"),
        ("sys/kernel/mm/ksm/run", "1\n"),
        ("sys/kernel/mm/ksm/sleep_millisecs", "20\n"),
        (
            "proc/buddyinfo",
            "Node 0, zone      DMA      1      0      1 \nNode 0, zone   Normal   4381   1093    185 \n",
        ),
        (
            "proc/slabinfo",
            "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables\n\
             tw_sock_TCP          704        864        256           32              2 : tunables    0    0    0\n\
             dmaengine-unmap-128 1206 1320 1088 30 8 : tunables 0 0 0\n",
        ),
        (
            "proc/zoneinfo",
            "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 95612\n      nr_dirtied   42\n  pages free     3952\n        \
             min      33\n        low      41\n        spanned  4095\n        protection: (0, 2877, 7826)\n      nr_free_pages 3952\n      \
             numa_hit     1\n  pagesets\n    cpu: 0\n              count: 0\n              high:  0\n",
        ),
    ]);
    let collectors = [
        "buddyinfo",
        "ksmd",
        "meminfo",
        "meminfo_numa",
        "slabinfo",
        "swap",
        "vmstat",
        "zoneinfo",
    ];
    expect_file!["expected/memory.txt"].assert_eq(&machine.scrape(&collectors));
}
