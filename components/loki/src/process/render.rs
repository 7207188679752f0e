//! Templates over a record.

use super::compile::Compiler;
use super::names::{Names, Reads, Slot};
use super::record::Record;
use component::Error;
use gotemplate::{Data, Host, Template};
use std::borrow::Cow;

/// A template with the places of the extracted values that it uses.
pub struct Rendering {
    template: Template,
    /// `None` if it uses all of them.
    fields: Option<Vec<Slot>>,
}

/// Tells what a template reads.
pub fn reads(template: &str, reads: &mut Reads) {
    match Template::parse(template)
        .ok()
        .map(|template| template.referenced_fields())
    {
        Some(Some(fields)) => fields.iter().for_each(|field| reads.name(field)),
        Some(None) => reads.all(),
        // Compiling it reports the error.
        None => {}
    }
}

impl Rendering {
    /// Compiles the template of an argument.
    pub fn compile(argument: &str, template: &str, compiler: &mut Compiler) -> Result<Self, Error> {
        let (clock, random) = (compiler.host().clock.clone(), compiler.host().random.clone());
        let host = Host {
            now: std::sync::Arc::new(move || clock.now()),
            random: std::sync::Arc::new(move || random.next_u64()),
            ..Host::system()
        };
        let template =
            Template::parse_with(template, host).map_err(|error| Error::about(argument, error.to_string()))?;
        let fields = template.referenced_fields();
        Ok(Rendering {
            fields: fields.map(|fields| fields.iter().map(|field| compiler.read(field)).collect()),
            template,
        })
    }

    /// The text for a record; `value` and `entry` are the fields `.Value` and `.Entry`. `None` if rendering failed.
    pub fn render(
        &self,
        record: &Record,
        names: &Names,
        value: Option<&[u8]>,
        entry: Option<&[u8]>,
    ) -> Option<Vec<u8>> {
        let data = Fields {
            record,
            names,
            slots: self.fields.as_deref().unwrap_or_default(),
            value,
            entry,
        };
        let mut text = Vec::new();
        self.template.render_into(&data, &mut text).ok()?;
        Some(text)
    }
}

struct Fields<'a> {
    record: &'a Record,
    names: &'a Names,
    slots: &'a [Slot],
    value: Option<&'a [u8]>,
    entry: Option<&'a [u8]>,
}

impl Fields<'_> {
    fn special(&self, name: &str) -> Option<&[u8]> {
        match name {
            "Value" => self.value,
            "Entry" => self.entry,
            _ => None,
        }
    }
}

impl Data for Fields<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        if let Some(special) = self.special(name) {
            return Some(Cow::Borrowed(special));
        }
        let slot = self.slots.iter().find(|slot| slot.name == name)?;
        self.record.text(slot).map(|text| match text {
            super::extracted::Text::Borrowed(text) => Cow::Borrowed(text),
            super::extracted::Text::Owned(text) => Cow::Owned(text.as_bytes().to_vec()),
        })
    }

    fn for_each(&self, each: &mut dyn FnMut(&str, &[u8])) {
        for (name, value) in self.record.all(self.names) {
            if self.special(name).is_none()
                && let Some(text) = value.text()
            {
                each(name, &text);
            }
        }
        for name in ["Value", "Entry"] {
            if let Some(special) = self.special(name) {
                each(name, special);
            }
        }
    }
}
