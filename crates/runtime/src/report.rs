//! What is printed of diagnostics.

use syntax::diag::{Printer, Severity};
use syntax::{Diagnostic, Diagnostics, Source};

/// How many diagnostics a report shows. A file that is no configuration at all has hundreds.
const SHOWN: usize = 20;

/// How many of the instances that led to a place are named: the first and the last of them.
const INSTANCES: usize = 8;

/// Diagnostics as a person reads them: each with its place and a snippet of the source. Of many the first errors are shown, and
/// how many more there are.
pub fn report(diagnostics: &Diagnostics, sources: &[Source], color: bool) -> String {
    let printer = Printer {
        color,
        ..Default::default()
    };
    let text_of = |name: &str| {
        sources
            .iter()
            .find(|source| source.name().as_ref() == name)
            .map(Source::text)
    };
    let (shown, rest) = first(&once(diagnostics));
    let mut text = printer.print(&shown, text_of);
    if let Some(rest) = rest {
        text.push_str(&format!("\nNot shown: {rest}.\n"));
    }
    text
}

/// What is wrong in many instances of a module in the same way, once: what led to the first of them, and how many more there are.
fn once(diagnostics: &[Diagnostic]) -> Vec<Diagnostic> {
    let mut all: Vec<(Diagnostic, usize)> = Vec::new();
    for one in diagnostics {
        let same = |other: &Diagnostic| {
            let place = |one: &Diagnostic| (one.severity, one.start, one.end);
            !other.trace.instances().is_empty()
                && !one.trace.instances().is_empty()
                && place(other) == place(one)
                && (&other.file, &other.message, &other.hint) == (&one.file, &one.message, &one.hint)
        };
        match all.iter_mut().find(|(other, _)| same(other)) {
            Some((_, more)) => *more += 1,
            None => all.push((one.clone(), 0)),
        }
    }
    let told = all.into_iter().map(|(mut one, more)| {
        let Some(trace) = one.trace.edit() else { return one };
        let instances = if more == 1 { "instance" } else { "instances" };
        if let (Some(outermost), 1..) = (trace.first_mut(), more) {
            outermost.push_str(&format!(", and in {more} more {instances}"));
        }
        let left_out = trace.len().saturating_sub(INSTANCES);
        if left_out > 1 {
            let middle = INSTANCES / 2;
            trace.splice(middle..middle + left_out, [format!("{left_out} others")]);
        }
        one
    });
    told.collect()
}

/// What is shown, and what is said of the rest. No warning is shown in place of an error.
fn first(diagnostics: &[Diagnostic]) -> (Vec<Diagnostic>, Option<String>) {
    let count = |severity| diagnostics.iter().filter(|one| one.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let more = [
        (errors.saturating_sub(SHOWN), "error"),
        (warnings.saturating_sub(SHOWN.saturating_sub(errors)), "warning"),
    ];
    let [mut errors, mut warnings] = [errors - more[0].0, warnings - more[1].0];
    let is_shown = |one: &&Diagnostic| {
        let left = match one.severity {
            Severity::Error => &mut errors,
            Severity::Warning => &mut warnings,
        };
        let shown = *left > 0;
        *left = left.saturating_sub(1);
        shown
    };
    let shown = diagnostics.iter().filter(is_shown).cloned().collect();
    let more = more.iter().filter(|(count, _)| *count > 0);
    let more = more.map(|(count, what)| format!("{count} more {what}{}", if *count == 1 { "" } else { "s" }));
    let more: Vec<String> = more.collect();
    (shown, (!more.is_empty()).then(|| more.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(warnings: usize, errors: usize) -> String {
        let warnings = (0..warnings).map(|n| Diagnostic::warning(format!("w{n}")));
        let errors = (0..errors).map(|n| Diagnostic::error(format!("e{n}")));
        report(&Diagnostics(warnings.chain(errors).collect()), &[], false)
    }

    #[test]
    fn what_is_wrong_in_every_instance_is_said_once() {
        let of = |message: &str, instance: &str| Diagnostic::error(message).within("i at c:1").within(instance);
        let all = vec![
            of("a", "m \"x\" at c:2"),
            of("b", "m \"x\" at c:2"),
            of("a", "m \"y\" at c:3"),
            of("a", "m \"z\" at c:4"),
            of("b", "m \"y\" at c:3"),
            Diagnostic::error("c"),
            Diagnostic::error("c"),
        ];
        let expected = "Error: -: a\n  in i at c:1\n  in m \"x\" at c:2, and in 2 more instances\n\n\
            Error: -: b\n  in i at c:1\n  in m \"x\" at c:2, and in 1 more instance\n\nError: -: c\n\nError: -: c\n";
        assert_eq!(report(&Diagnostics(all), &[], false), expected);
    }

    #[test]
    fn of_a_long_way_to_a_place_the_ends_are_named() {
        let of = |depth: usize| {
            let mut one = Diagnostic::error("a");
            one.trace.around((1..=depth).map(|n| format!("m{n}")));
            report(&Diagnostics(vec![one]), &[], false)
        };
        let lines = |text: String| -> Vec<String> { text.lines().skip(1).map(|line| line.trim().to_owned()).collect() };
        assert_eq!(lines(of(9)).len(), 9);
        let expected = [
            "in m32",
            "in m31",
            "in m30",
            "in m29",
            "in 24 others",
            "in m4",
            "in m3",
            "in m2",
            "in m1",
        ];
        assert_eq!(lines(of(32)), expected);
    }

    #[test]
    fn a_long_report_is_cut_and_errors_go_before_warnings() {
        let last = |text: &str| text.lines().last().unwrap_or_default().to_owned();
        let shown = |text: &str| text.lines().filter(|line| line.contains(": -: ")).count();
        let table = [
            (0, 20, 20, "Error: -: e19"),
            (0, 21, 20, "Not shown: 1 more error."),
            (30, 25, 20, "Not shown: 5 more errors and 30 more warnings."),
            (30, 15, 20, "Not shown: 25 more warnings."),
            (6, 15, 20, "Not shown: 1 more warning."),
            (5, 15, 20, "Error: -: e14"),
        ];
        for (warnings, errors, expected, end) in table {
            let text = many(warnings, errors);
            assert_eq!((shown(&text), last(&text).as_str()), (expected, end), "{text}");
        }
        // In their order, and every error.
        let text = many(30, 15);
        assert!(
            text.starts_with("Warning: -: w0\n") && text.contains("w4\n") && !text.contains("w5\n"),
            "{text}"
        );
        assert!(text.contains("Error: -: e14\n"), "{text}");
    }
}
