//! Random schedules of writing, rotating, compressing, deleting, looking, reading, acknowledging and restarting, compared with what
//! was written: every line exactly once and in order, apart from those that were not acknowledged before a crash.

use crate::world::{Collector, PATH, World, rotated, zipped};
use fastrand::Rng;
use tail::{Options, Registry};

/// Short form; `TAIL_SEEDS` asks for more, `TAIL_SEED` for one.
const SEEDS: u64 = 3_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    Rename,
    CopyTruncate,
    Mixed,
}

struct Writer {
    rng: Rng,
    next: usize,
    /// Complete lines, in order.
    lines: Vec<String>,
    partial: String,
}

impl Writer {
    fn line(&mut self) -> String {
        self.next += 1;
        let padding = match self.rng.u32(0..20) {
            0 => self.rng.usize(0..3000),
            1..4 => self.rng.usize(0..200),
            _ => self.rng.usize(0..10),
        };
        format!("{} {}", self.next, "x".repeat(padding))
    }

    fn write(&mut self, world: &World, path: &std::path::Path) {
        let mut text = String::new();
        for _ in 0..self.rng.usize(1..12) {
            let line = if self.partial.is_empty() {
                self.line()
            } else {
                String::new()
            };
            let whole = format!("{}{line}", std::mem::take(&mut self.partial));
            text.push_str(&line);
            text.push('\n');
            self.lines.push(whole);
        }
        if self.rng.u32(0..4) == 0 {
            self.partial = self.line();
            text.push_str(&self.partial);
        }
        world.append(path, text.as_bytes());
    }

    /// The file that holds an unterminated line gets no more: it counts as a line.
    fn close(&mut self) {
        if !self.partial.is_empty() {
            self.lines.push(std::mem::take(&mut self.partial));
        }
    }
}

fn rotate(world: &World, writer: &mut Writer, style: Style) {
    if !world.exists(PATH) {
        return;
    }
    let copy = match style {
        Style::Rename => false,
        Style::CopyTruncate => true,
        Style::Mixed => writer.rng.bool(),
    };
    if copy {
        world.copytruncate();
        writer.close();
        return;
    }
    world.rename();
    if writer.rng.u32(0..3) == 0 {
        // The writer goes on for a moment before it opens the new file.
        writer.write(world, &rotated(1));
    }
    writer.close();
    world.tick();
    match writer.rng.u32(0..3) {
        0 => world.fs.create(PATH, b""),
        1 => {
            world.fs.create(PATH, b"");
            writer.write(world, std::path::Path::new(PATH));
        }
        _ => {}
    }
}

fn check(seed: u64) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let style = [Style::Rename, Style::CopyTruncate, Style::Mixed][rng.usize(0..3)];
    let world = World::new();
    let mut writer = Writer {
        rng: rng.fork(),
        next: 0,
        lines: Vec::new(),
        partial: String::new(),
    };
    let mut log = vec![format!("seed {seed} {style:?}")];
    if rng.bool() {
        writer.write(&world, std::path::Path::new(PATH));
    }
    let mut collector: Collector = world.follow();
    collector.look();
    for _ in 0..rng.usize(5..60) {
        world.tick();
        match rng.u32(0..100) {
            0..30 => {
                writer.write(&world, std::path::Path::new(PATH));
                log.push(format!("write to {}", writer.next));
            }
            30..45 => {
                log.push("rotate".into());
                rotate(&world, &mut writer, style);
            }
            45..50 => {
                for n in 1..=2 {
                    rotate(&world, &mut writer, style);
                    log.push(format!("rotate {n}"));
                    writer.write(&world, std::path::Path::new(PATH));
                    log.push(format!("write to {}", writer.next));
                }
            }
            50..56 => {
                let n = rng.usize(1..4);
                if world.exists(rotated(n)) && !world.exists(zipped(n)) {
                    log.push(format!("gzip {n}"));
                    world.gzip(n);
                }
            }
            56..58 => {
                // Only what was read can be deleted without a loss.
                for _ in 0..3 {
                    world.pass(3000);
                    collector.drain();
                }
                for n in 1..60 {
                    let _ = host::Fs::remove_file(&world.fs, &rotated(n + 1));
                    let _ = host::Fs::remove_file(&world.fs, &zipped(n));
                }
                log.push("drain, delete".into());
            }
            58..72 => {
                collector.look();
                log.push("look".into());
            }
            72..84 => {
                collector.look();
                for _ in 0..rng.usize(0..6) {
                    collector.read_one();
                }
                log.push("look, read".into());
            }
            84..94 => {
                collector.ack_one();
                log.push("ack".into());
            }
            94..96 => {
                let pause = rng.i64(0..40_000);
                if writer.partial.is_empty() {
                    world.pass(pause);
                    log.push(format!("pass {pause} ms"));
                }
            }
            _ => {
                let state = collector.follower.state();
                let delivered = std::mem::take(&mut collector.delivered);
                log.push(format!("restart with {} delivered: {state:?}", delivered.len()));
                collector = world.collector(PATH, &Registry::new(), Options::default(), state);
                collector.delivered = delivered;
                if rng.bool() {
                    collector.look();
                    log.push("look".into());
                }
            }
        }
    }
    if world.exists(PATH) {
        // The last line gets its end.
        world.append(PATH, b".\n");
        let last = format!("{}.", std::mem::take(&mut writer.partial));
        writer.lines.push(last);
    }
    for _ in 0..12 {
        world.pass(700);
        collector.drain();
    }
    if collector.delivered == writer.lines {
        return Ok(());
    }
    let at = collector
        .delivered
        .iter()
        .zip(&writer.lines)
        .position(|(got, expected)| got != expected)
        .unwrap_or(collector.delivered.len().min(writer.lines.len()));
    Err(format!(
        "line {at} of {}: got {:.30?}, expected {:.30?} ({} lines delivered)\n{}\nevents: {:#?}",
        writer.lines.len(),
        collector.delivered.get(at),
        writer.lines.get(at),
        collector.delivered.len(),
        log.join("\n"),
        collector.events,
    ))
}

#[test]
fn every_line_arrives_once_and_in_order() {
    crate::world::seeds(SEEDS, check);
}
