//! What is printed of diagnostics.

use syntax::diag::{Printer, Severity};
use syntax::{Diagnostic, Diagnostics, Source};

/// How many diagnostics a report shows. A file that is no configuration at all has hundreds.
const SHOWN: usize = 20;

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
    let (shown, rest) = first(diagnostics);
    let mut text = printer.print(&shown, text_of);
    if let Some(rest) = rest {
        text.push_str(&format!("\nNot shown: {rest}.\n"));
    }
    text
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
