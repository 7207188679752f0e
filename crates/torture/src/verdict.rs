//! The result.

use crate::tally::Counts;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

/// What arrived at an endpoint.
#[derive(Clone, Debug, Default)]
pub struct Arrivals {
    /// The endpoint.
    pub endpoint: String,
    /// The counts.
    pub counts: Counts,
    /// Those of the run in peace, if there was one.
    pub calm: Option<Counts>,
}

impl Arrivals {
    /// Arrivals of lines that had arrived before; lines that take several ways come several times in peace, too.
    pub fn repeated(&self) -> u64 {
        let usual = self.calm.as_ref().map_or(0, |calm| calm.repeated);
        self.counts.repeated.saturating_sub(usual)
    }

    /// Lines that arrived other than they should; rules that edit numbers do so in peace, too.
    pub fn altered(&self) -> u64 {
        let usual = self.calm.as_ref().map_or(0, |calm| calm.altered);
        self.counts.altered.saturating_sub(usual)
    }

    pub(crate) fn note(&self, notes: &mut Vec<String>) {
        let Some(calm) = &self.calm else { return };
        if calm.lost > 0 {
            notes.push(format!(
                "{}: the configuration drops {} of the lines, or takes their number out; they are not expected",
                self.endpoint, calm.lost
            ));
        }
        if calm.arrived == 0 {
            notes.push(format!(
                "{}: no line arrives in peace: nothing was tested",
                self.endpoint
            ));
        }
    }
}

/// A run, from its seed to its end.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What chose the order of everything.
    pub seed: u64,
    /// Lines written.
    pub written: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Names of the files.
    pub files: Vec<String>,
    /// By endpoint.
    pub arrivals: Vec<Arrivals>,
    /// Lines that the destination refuses for good.
    pub refused: u64,
    /// Lines that the program says were refused for good, if it was never restarted.
    pub rejected: Option<u64>,
    /// Most resident memory of any process, in bytes.
    pub peak_rss: u64,
    /// Bound for it, in bytes.
    pub memory_limit: Option<u64>,
    /// `kill -9`.
    pub kills: u32,
    /// SIGTERM.
    pub terms: u32,
    /// How the program ended by itself.
    pub deaths: Vec<String>,
    /// How it ended otherwise than with 0 after SIGTERM.
    pub bad_exits: Vec<String>,
    /// Rotations by kind.
    pub rotations: BTreeMap<String, u64>,
    /// How often the destination had each kind of trouble.
    pub troubles: BTreeMap<String, u64>,
    /// How long the disk was full.
    pub disk_full: Option<Duration>,
    /// Where bytes were changed.
    pub flipped: Vec<String>,
    /// Records of the queue that this hit.
    pub hit_records: usize,
    /// Their lines, which need not arrive.
    pub hit_lines: u64,
    /// Changed places that verifying the queue does not name.
    pub unnamed: Vec<String>,
    /// From the first line to the last.
    pub duration: Duration,
    /// What the user should know.
    pub notes: Vec<String>,
    /// What was asked for and could not be done.
    pub skipped: Vec<String>,
    /// The folder of the run, if it was kept.
    pub kept: Option<PathBuf>,
}

impl Verdict {
    /// Lines that had to arrive and did not, over all endpoints.
    pub fn lost(&self) -> u64 {
        self.arrivals.iter().map(|one| one.counts.lost).sum()
    }

    /// Arrivals of lines that had arrived before, over all endpoints.
    pub fn repeated(&self) -> u64 {
        self.arrivals.iter().map(Arrivals::repeated).sum()
    }

    /// Lines that overtook others of their stream, over all endpoints.
    pub fn out_of_order(&self) -> u64 {
        self.arrivals.iter().map(|one| one.counts.out_of_order).sum()
    }

    /// What is wrong.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |wrong: bool, text: String| {
            if wrong {
                faults.push(text);
            }
        };
        for one in &self.arrivals {
            let (counts, name) = (&one.counts, &one.endpoint);
            fault(counts.lost > 0, format!("{name}: {} lines lost", counts.lost));
            fault(
                counts.out_of_order > 0,
                format!("{name}: {} lines out of order", counts.out_of_order),
            );
            fault(
                one.repeated() > counts.repeatable,
                format!(
                    "{name}: {} lines repeated, and at most {} were on their way when something happened",
                    one.repeated(),
                    counts.repeatable
                ),
            );
            fault(one.altered() > 0, format!("{name}: {} lines altered", one.altered()));
            fault(
                counts.unexpected > 0,
                format!(
                    "{name}: {} lines arrived that must not, as the configuration or the destination drops them",
                    counts.unexpected
                ),
            );
        }
        if let Some(rejected) = self.rejected {
            let refused = self.refused * self.arrivals.len() as u64;
            fault(
                rejected != refused,
                format!(
                    "{refused} lines were refused by the destination, and the ledger counts {rejected} as rejected"
                ),
            );
        }
        for unnamed in &self.unnamed {
            fault(true, unnamed.clone());
        }
        for end in &self.deaths {
            fault(true, format!("the program ended by itself: {end}"));
        }
        for end in &self.bad_exits {
            fault(true, format!("the program did not stop as it should: {end}"));
        }
        if let Some(limit) = self.memory_limit {
            fault(
                self.peak_rss > limit,
                format!("{} resident, above the limit of {}", mib(self.peak_rss), mib(limit)),
            );
        }
        faults
    }

    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.faults().is_empty()
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<14}{value}");
        };
        row("seed", self.seed.to_string());
        row(
            "written",
            format!(
                "{} lines, {}, {} files",
                self.written,
                mib(self.bytes),
                self.files.len()
            ),
        );
        for one in &self.arrivals {
            if self.arrivals.len() > 1 {
                row("", one.endpoint.clone());
            }
            let counts = &one.counts;
            row("arrived", counts.arrived.to_string());
            row("lost", counts.lost.to_string());
            row(
                "duplicated",
                format!("{} (at most {} were on their way)", one.repeated(), counts.repeatable),
            );
            row("out of order", counts.out_of_order.to_string());
            for range in &counts.ranges {
                let file = self.files.get(range.file as usize).map_or("", String::as_str);
                row("", format!("lost: {file} lines {} to {}", range.from, range.to));
            }
        }
        if self.refused > 0 {
            let rejected = self.rejected.map_or_else(
                || "the ledger does not outlive restarts".to_owned(),
                |count| format!("{count} in the ledger"),
            );
            row("refused", format!("{} by the destination, {rejected}", self.refused));
        }
        let limit = self.memory_limit.map(|limit| format!(" of {}", mib(limit)));
        row(
            "peak RSS",
            format!("{}{}", mib(self.peak_rss), limit.unwrap_or_default()),
        );
        row(
            "restarts",
            format!(
                "{} (kill -9 {}, SIGTERM {}, by itself {})",
                self.kills as usize + self.terms as usize + self.deaths.len(),
                self.kills,
                self.terms,
                self.deaths.len()
            ),
        );
        row("rotations", list(&self.rotations));
        row("destination", list(&self.troubles));
        if let Some(time) = self.disk_full {
            row("disk full", format!("{time:?}"));
        }
        if !self.flipped.is_empty() {
            row(
                "changed",
                format!("{} bytes: {}", self.flipped.len(), self.flipped.join(" ")),
            );
            let missing: u64 = self.arrivals.iter().map(|one| one.counts.excused).sum();
            row(
                "",
                format!(
                    "{} records with {} lines were hit, {missing} of the lines are missing",
                    self.hit_records, self.hit_lines
                ),
            );
        }
        row("duration", format!("{:.1} s", self.duration.as_secs_f64()));
        for note in &self.notes {
            row("note", note.clone());
        }
        for skipped in &self.skipped {
            row("skipped", skipped.clone());
        }
        if let Some(dir) = &self.kept {
            row("kept", dir.display().to_string());
        }
        for fault in self.faults() {
            row("FAULT", fault);
        }
        row("result", if self.passed() { "passed" } else { "failed" }.to_owned());
        text
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let endpoints: Vec<Value> = self
            .arrivals
            .iter()
            .map(|one| {
                json!({
                    "endpoint": one.endpoint,
                    "arrived": one.counts.arrived,
                    "lost": one.counts.lost,
                    "lost_ranges": one.counts.ranges.iter().map(|range| json!({
                        "file": self.files.get(range.file as usize),
                        "from": range.from,
                        "to": range.to,
                    })).collect::<Vec<_>>(),
                    "duplicated": one.repeated(),
                    "duplicates_possible": one.counts.repeatable,
                    "out_of_order": one.counts.out_of_order,
                    "altered": one.altered(),
                    "unexpected": one.counts.unexpected,
                    "without_number": one.counts.unknown,
                    "dropped_by_rules": one.calm.as_ref().map(|calm| calm.lost),
                })
            })
            .collect();
        json!({
            "seed": self.seed,
            "passed": self.passed(),
            "faults": self.faults(),
            "written": self.written,
            "written_bytes": self.bytes,
            "files": self.files.len(),
            "lost": self.lost(),
            "duplicated": self.repeated(),
            "out_of_order": self.out_of_order(),
            "refused": self.refused,
            "rejected": self.rejected,
            "peak_rss_bytes": self.peak_rss,
            "memory_limit_bytes": self.memory_limit,
            "restarts": {"kill9": self.kills, "sigterm": self.terms, "by_itself": self.deaths.len()},
            "rotations": self.rotations,
            "destination": self.troubles,
            "disk_full_seconds": self.disk_full.map(|time| time.as_secs_f64()),
            "flipped": self.flipped,
            "hit_records": self.hit_records,
            "hit_lines": self.hit_lines,
            "missing_of_hit": self.arrivals.iter().map(|one| one.counts.excused).sum::<u64>(),
            "duration_seconds": self.duration.as_secs_f64(),
            "endpoints": endpoints,
            "notes": self.notes,
            "skipped": self.skipped,
            "kept": self.kept,
        })
    }
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}

fn list(numbers: &BTreeMap<String, u64>) -> String {
    if numbers.is_empty() {
        return "none".to_owned();
    }
    let parts: Vec<String> = numbers.iter().map(|(name, count)| format!("{name} {count}")).collect();
    parts.join(", ")
}
