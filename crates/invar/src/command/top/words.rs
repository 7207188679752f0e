//! Numbers and texts as people read them.

/// How many a second, in at most six characters: `0`, `1.5`, `230`, `12.3k`, `4.5M`.
pub fn rate(per_second: f64) -> String {
    match per_second {
        r if r.is_nan() || r <= 0.0 => "0".to_owned(),
        r if r < 0.05 => "<0.1".to_owned(),
        r if r < 9.95 => format!("{r:.1}"),
        r if r < 999.5 => format!("{r:.0}"),
        r if r < 999_950.0 => format!("{:.1}k", r / 1e3),
        r if r < 999_950_000.0 => format!("{:.1}M", r / 1e6),
        r => format!("{:.1}G", r / 1e9),
    }
}

/// A count of things, as [`rate`] writes it, but whole.
pub fn count(n: f64) -> String {
    if n < 999.5 { format!("{n:.0}") } else { rate(n) }
}

/// A share of one core, as a percentage.
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if p.is_nan() || p <= 0.0 => "0%".to_owned(),
        p if p < 0.05 => "<0.1%".to_owned(),
        p if p < 99.95 => format!("{p:.1}%"),
        p => format!("{p:.0}%"),
    }
}

/// A size, in at most ten characters.
pub fn size(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = bytes.max(0.0);
    let mut unit = 0;
    while scaled >= 1023.95 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{scaled:.0} B"),
        _ => format!("{scaled:.1} {}", UNITS[unit]),
    }
}

/// A time span by its two largest units: `12s`, `5m 6s`, `3d 4h`.
pub fn span(seconds: f64) -> String {
    // Negative ones and those that are no number become 0, very long ones the largest there is.
    let seconds = seconds as u64;
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// A text on one line, without characters that a terminal takes as commands.
pub fn line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// A text in so many characters: its middle gives way, since ids differ at the ends.
pub fn squeeze(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let Some(kept) = width.checked_sub(1) else {
        return String::new();
    };
    let front = kept / 3;
    let start: String = text.chars().take(front).collect();
    let end: String = text.chars().skip(length - (kept - front)).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        let rates = [0.0, 0.01, 1.54, 9.96, 230.4, 999.7, 12_345.0, 999_990.0, 4.5e6, 7e9];
        let shown: Vec<String> = rates.iter().map(|r| rate(*r)).collect();
        assert_eq!(
            shown,
            ["0", "<0.1", "1.5", "10", "230", "1.0k", "12.3k", "1.0M", "4.5M", "7.0G"]
        );
        assert_eq!(rate(f64::NAN), "0");
        assert_eq!([count(0.0), count(7.0), count(1234.0)], ["0", "7", "1.2k"]);
        let shares: Vec<String> = [0.0, 0.0001, 0.1234, 0.99951, 2.5].iter().map(|s| share(*s)).collect();
        assert_eq!(shares, ["0%", "<0.1%", "12.3%", "100%", "250%"]);
        let sizes: Vec<String> = [0.0, 1023.0, 1023.96, 1536.0, 3e9].iter().map(|s| size(*s)).collect();
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "2.8 GiB"]);
        let spans: Vec<String> = [-1.0, 12.9, 306.0, 4000.0, 1e6].iter().map(|s| span(*s)).collect();
        assert_eq!(spans, ["0s", "12s", "5m 6s", "1h 6m", "11d 13h"]);
    }

    #[test]
    fn texts_stay_on_their_line() {
        assert_eq!(line("a\nb\u{1b}[2Jc\t\r\n"), "a b [2Jc");
        assert_eq!(squeeze("loki.write.central", 18), "loki.write.central");
        assert_eq!(squeeze("loki.write.central", 12), "lok….central");
        assert_eq!(squeeze("äöü", 2), "…ü");
        assert_eq!(squeeze("abc", 0), "");
    }
}
