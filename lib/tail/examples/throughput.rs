//! Reads a file that is given, or one of 1 GiB that it makes, and prints how fast: `cargo run --release --example throughput [FILE]`.

use host::{Clock, RealFs, SystemClock};
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tail::{Follower, Options, Registry};

const SIZE: usize = 1 << 30;

fn generated() -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("tail-throughput-{}.log", std::process::id()));
    let mut file = std::io::BufWriter::new(fs::File::create(&path)?);
    let mut written = 0;
    for n in 0.. {
        let line = format!(
            "2024-05-06T07:08:09.123Z level=info component=api msg=\"request served\" request={n} duration=12ms\n"
        );
        file.write_all(line.as_bytes())?;
        written += line.len();
        if written >= SIZE {
            break;
        }
    }
    file.flush()?;
    Ok(path)
}

fn main() -> Result<(), Box<dyn Error>> {
    let given = std::env::args_os().nth(1).map(PathBuf::from);
    let path = match &given {
        Some(path) => path.clone(),
        None => generated()?,
    };
    let mut follower = Follower::new(Arc::new(RealFs), &Registry::new(), &path, Options::default(), None);
    let begin = Instant::now();
    let (mut bytes, mut lines, mut chunks) = (0, 0, 0);
    follower.observe(SystemClock.now())?;
    while let Some(chunk) = follower.next(SystemClock.now())? {
        bytes += chunk.end - chunk.start;
        lines += chunk.lines().count();
        chunks += 1;
        follower.ack(chunk.generation, chunk.end);
    }
    let seconds = begin.elapsed().as_secs_f64();
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    println!(
        "{mebibytes:.0} MiB, {lines} lines, {chunks} chunks in {seconds:.2} s: {:.0} MiB/s",
        mebibytes / seconds
    );
    if given.is_none() {
        fs::remove_file(&path)?;
    }
    Ok(())
}
