//! Loading and reloading a large configuration: flat, and as instances of a module.

use super::program::{self, Program};
use crate::process::usage;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Args)]
pub struct Options {
    /// Number of components.
    #[arg(long, default_value_t = 5000)]
    components: usize,
    /// Number of reloads that change one component.
    #[arg(long, default_value_t = 20)]
    reloads: usize,
    /// An Invar binary to measure instead of building one.
    #[arg(long, value_name = "BINARY")]
    binary: Option<PathBuf>,
}

/// Components in a pipeline; a quarter of them are sinks.
const PIPELINE: usize = 4;

pub fn run(options: &Options) -> Result<()> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => super::release_binary()?,
    };
    let dir = std::env::temp_dir().join(format!("invar-bench-load-{}", std::process::id()));
    println!(
        "{:<14} {:>10} {:>9} {:>14} {:>14} {:>14} {:>9}",
        "configuration", "components", "ready ms", "reload ms", "slowest ms", "no change ms", "RSS MiB"
    );
    [("flat", flat as fn(usize, usize) -> String), ("modules", modules)]
        .into_iter()
        .try_for_each(|(name, text)| {
            fs::create_dir_all(&dir)?;
            let outcome = measure(&binary, &dir, name, text, options);
            fs::remove_dir_all(&dir).context("cannot remove the temporary folder")?;
            outcome
        })
}

/// One pipeline. `threshold` is what a reload changes.
fn pipeline(out: &mut String, label: &str, threshold: &str, path: &str) {
    let _ = write!(
        out,
        r#"
local.file_match "{label}" {{
	path_targets = [{{ __path__ = {path}, job = "bench" }}]
}}

loki.source.file "{label}" {{
	targets    = local.file_match.{label}.targets
	forward_to = [loki.process.{label}.receiver]
}}

loki.process "{label}" {{
	stage.json {{
		expressions = {{ level = "", took = "" }}
	}}
	stage.drop {{
		source      = "took"
		expression  = "^{threshold}$"
	}}
	forward_to = [loki.write.{label}.receiver]
}}

loki.write "{label}" {{
	endpoint {{
		url = "http://127.0.0.1:9/loki/api/v1/push"
	}}
}}
"#
    );
}

fn flat(components: usize, version: usize) -> String {
    let mut out = String::new();
    for at in 0..components / PIPELINE {
        let threshold = if at == 0 { version } else { 0 };
        pipeline(
            &mut out,
            &format!("p{at}"),
            &threshold.to_string(),
            &format!("\"/nowhere/{at}/*.log\""),
        );
    }
    out
}

fn modules(components: usize, version: usize) -> String {
    let mut out = String::from("declare \"shipper\" {\n\targument \"path\" { }\n");
    pipeline(&mut out, "p", "0", "argument.path.value");
    out.push_str("}\n");
    for at in 0..components / PIPELINE {
        let changed = if at == 0 { version } else { 0 };
        let _ = write!(
            out,
            "\nshipper \"s{at}\" {{\n\tpath = \"/nowhere/{at}/{changed}*.log\"\n}}\n"
        );
    }
    out
}

fn measure(binary: &Path, dir: &Path, name: &str, text: fn(usize, usize) -> String, options: &Options) -> Result<()> {
    let config = dir.join("config.alloy");
    fs::write(&config, text(options.components, 0))?;
    let port = super::free_port()?;
    let started = Instant::now();
    let mut program = Program::spawn(program::invar(binary, &config, dir, port), dir)?;
    let deadline = started + Duration::from_secs(120);
    while !request(port, "GET", "/-/ready").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
        if let Some(status) = program.ended()? {
            bail!("the program ended with {status}; see {}", dir.join("log").display());
        }
        if Instant::now() > deadline {
            bail!("not ready after two minutes");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let ready = started.elapsed();
    let mut changed = Vec::new();
    for version in 1..=options.reloads {
        fs::write(&config, text(options.components, version))?;
        changed.push(reload(port)?);
    }
    let unchanged = reload(port)?;
    changed.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{name:<14} {:>10} {:>9.0} {:>14.1} {:>14.1} {:>14.1} {:>9.1}",
        options.components,
        ms(ready),
        ms(changed[changed.len() / 2]),
        ms(changed[changed.len() - 1]),
        ms(unchanged),
        usage(program.id())?.rss as f64 / f64::from(1 << 20),
    );
    Ok(())
}

fn reload(port: u16) -> Result<Duration> {
    let started = Instant::now();
    let answer = request(port, "POST", "/-/reload")?;
    if !answer.starts_with("HTTP/1.1 200") {
        bail!("the reload was answered with {answer}");
    }
    Ok(started.elapsed())
}

fn request(port: u16, method: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
