//! Prints what this machine's metrics are, or, with `--time N`, the CPU time that each of N gathers takes on average.
//!
//! `--procfs`, `--sysfs`, `--rootfs`, `--udev` and `--textfile` take directories, `--set` and `--enable` lists of collectors with commas.

#[cfg(target_os = "linux")]
mod linux {
    use nodemetrics::{NodeMetrics, Options};
    use std::process::ExitCode;
    use std::time::Instant;

    pub fn main() -> ExitCode {
        let mut options = Options::default();
        let mut times: Option<u32> = None;
        let mut arguments = std::env::args().skip(1);
        while let (Some(name), value) = (arguments.next(), arguments.next().unwrap_or_default()) {
            let list = || value.split(',').map(str::to_owned).collect();
            match name.as_str() {
                "--time" => times = value.parse().ok(),
                "--procfs" => options.procfs_path = value.into(),
                "--sysfs" => options.sysfs_path = value.into(),
                "--rootfs" => options.rootfs_path = value.into(),
                "--udev" => options.udev_data_path = value.into(),
                "--textfile" => options.textfile_directories.push(value),
                "--set" => options.collectors.set = list(),
                "--enable" => options.collectors.enable = list(),
                other => {
                    eprintln!("unknown argument: {other}");
                    return ExitCode::FAILURE;
                }
            }
        }
        let node = match NodeMetrics::new(options) {
            Ok(node) => node,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        };
        let Some(times) = times else {
            let gathered = node.gather_all();
            print!("{}", promtext::encode(&gathered.families, promtext::Format::Text));
            for (collector, failure) in gathered.failures {
                eprintln!("{collector}: {failure}");
            }
            return ExitCode::SUCCESS;
        };
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let mut bytes = 0;
        for _ in 0..times {
            bytes = promtext::encode(&node.gather(), promtext::Format::Text).len();
        }
        let each = |seconds: f64| seconds * 1000.0 / f64::from(times);
        println!(
            "{times} gathers of {bytes} bytes: {:.3} ms CPU, {:.3} ms each",
            each(cpu_seconds() - cpu),
            each(start.elapsed().as_secs_f64()),
        );
        ExitCode::SUCCESS
    }

    /// The CPU time of this process, of user and system.
    fn cpu_seconds() -> f64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    }
}

#[cfg(target_os = "linux")]
use linux::main;

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("there is no /proc here");
}
