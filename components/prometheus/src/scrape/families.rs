//! What bodies say of families: types, units and what they mean.

use super::once::Once;
use promscrape::Kind;
use signals::Family;
use smol_str::SmolStr;
use std::sync::Arc;

/// The families of all targets: targets of one program have the same.
pub(super) type Families = Once<Family>;

/// The families of a target, in the order of its body.
#[derive(Default)]
pub(super) struct OfTarget {
    known: Vec<Arc<Family>>,
}

/// A family that is being read. Lines of one family follow each other.
#[derive(Default)]
pub(super) struct Reading {
    name: Vec<u8>,
    kind: Kind,
    unit: Vec<u8>,
    help: String,
    at: usize,
}

/// What a line says.
pub(super) enum Line<'b> {
    Kind(Kind),
    Unit(&'b [u8]),
    Help(&'b str),
}

impl Reading {
    /// A body begins.
    pub(super) fn start(&mut self) {
        self.clear();
        self.at = 0;
    }

    fn clear(&mut self) {
        self.name.clear();
        self.kind = Kind::Unknown;
        self.unit.clear();
        self.help.clear();
    }

    /// Reads a line about a family. What is new is appended to `out`.
    #[inline]
    pub(super) fn line(
        &mut self,
        name: &[u8],
        line: Line<'_>,
        target: &mut OfTarget,
        all: &Families,
        out: &mut Vec<Arc<Family>>,
    ) {
        if name != self.name {
            self.end(target, all, out);
            self.name.extend_from_slice(name);
        }
        match line {
            Line::Kind(kind) => self.kind = kind,
            Line::Unit(unit) => unit.clone_into(&mut self.unit),
            Line::Help(help) => help.clone_into(&mut self.help),
        }
    }

    /// The family is complete.
    fn end(&mut self, target: &mut OfTarget, all: &Families, out: &mut Vec<Arc<Family>>) {
        if self.name.is_empty() {
            return;
        }
        let at = self.at;
        self.at += 1;
        let same = target.known.get(at).is_some_and(|known| {
            known.name.as_bytes() == self.name
                && known.kind == self.kind
                && known.unit.as_bytes() == self.unit
                && *known.help == *self.help
        });
        if !same {
            let text = |bytes| SmolStr::from(String::from_utf8_lossy(bytes));
            let family = all.intern(Family {
                name: text(&self.name),
                kind: self.kind,
                unit: text(&self.unit),
                help: Arc::from(self.help.as_str()),
            });
            if !target.known.iter().any(|known| Arc::ptr_eq(known, &family)) {
                out.push(family.clone());
            }
            // As it stands in the body: one that is new moves the others on, and what is left of them goes in the end.
            target.known.insert(at, family);
        }
        self.clear();
    }

    /// The body is at its end.
    pub(super) fn finish(&mut self, target: &mut OfTarget, all: &Families, out: &mut Vec<Arc<Family>>) {
        self.end(target, all, out);
        target.known.truncate(self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(target: &mut OfTarget, all: &Families, body: &[(&str, Kind, &str)]) -> Vec<String> {
        let (mut reading, mut out) = (Reading::default(), Vec::new());
        reading.start();
        for (name, kind, help) in body {
            reading.line(name.as_bytes(), Line::Help(help), target, all, &mut out);
            reading.line(name.as_bytes(), Line::Kind(*kind), target, all, &mut out);
        }
        reading.finish(target, all, &mut out);
        assert_eq!(target.known.len(), body.len());
        out.iter()
            .map(|family| format!("{} {}", family.name, family.kind.as_str()))
            .collect()
    }

    #[test]
    fn what_is_new_is_told_once() {
        let all = Families::default();
        let (mut one, mut two) = (OfTarget::default(), OfTarget::default());
        let a = ("a_total", Kind::Counter, "A.");
        let b = ("b", Kind::Gauge, "B.");
        let c = ("c", Kind::Histogram, "");
        let nothing: [&str; 0] = [];
        assert_eq!(read(&mut one, &all, &[a, b]), ["a_total counter", "b gauge"]);
        assert_eq!(read(&mut one, &all, &[a, b]), nothing);
        assert_eq!(read(&mut one, &all, &[a, c, b]), ["c histogram"]);
        assert_eq!(read(&mut one, &all, &[a, b]), nothing);
        assert_eq!(read(&mut one, &all, &[a, ("b", Kind::Counter, "B.")]), ["b counter"]);
        assert_eq!(read(&mut one, &all, &[]), nothing);
        // Each target tells it, and they share the text.
        assert_eq!(read(&mut two, &all, &[a]), ["a_total counter"]);
        assert_eq!(read(&mut one, &all, &[a]), ["a_total counter"]);
        assert!(Arc::ptr_eq(&one.known[0], &two.known[0]));
    }
}
