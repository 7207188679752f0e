//! What the derives read from attributes and types.

use syn::{Attribute, Error, Expr, Field, GenericArgument, Lit, LitStr, Meta, PathArguments, Type};

/// The doc comment, lines joined.
pub fn doc(attrs: &[Attribute]) -> String {
    let lines: Vec<String> = attrs
        .iter()
        .filter(|attr| attr.path().is_ident("doc"))
        .filter_map(|attr| match &attr.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(lit) => match &lit.lit {
                    // The space after `///` is no part of the text; more of them indent lists and code.
                    Lit::Str(text) => {
                        let text = text.value();
                        Some(text.strip_prefix(' ').unwrap_or(&text).trim_end().to_owned())
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
        .collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

/// The options of `#[arg(...)]`.
#[derive(Default)]
pub struct Arg {
    pub present: bool,
    pub name: Option<LitStr>,
    pub default: Option<Option<Expr>>,
    pub block: bool,
    pub many: bool,
    pub required: bool,
    pub enum_block: bool,
    pub label: bool,
    pub flatten: bool,
}

impl Arg {
    /// Rejects options that would have no effect together.
    pub fn check(&self, field: &Field) -> syn::Result<()> {
        let kinds = [self.block, self.enum_block, self.label, self.flatten];
        let wrong = if kinds.iter().filter(|kind| **kind).count() > 1 {
            "block, enum_block, label and flatten exclude each other"
        } else if self.many && !self.block {
            "many is for blocks: #[arg(block, many)]"
        } else if self.required && !(self.block && self.many) {
            "required is for #[arg(block, many, required)]; other fields are required unless they have a default"
        } else if self.required && self.default.is_some() {
            "required and default exclude each other"
        } else if (self.enum_block || self.label) && matches!(self.default, Some(Some(_))) {
            "enum_block and label take no default"
        } else {
            return Ok(());
        };
        Err(Error::new_spanned(field, wrong))
    }
}

/// Reads `#[arg(...)]` of a field.
pub fn arg(attrs: &[Attribute]) -> syn::Result<Arg> {
    let mut arg = Arg::default();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("arg")) {
        arg.present = true;
        if matches!(attr.meta, Meta::Path(_)) {
            continue;
        }
        attr.parse_nested_meta(|meta| {
            let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            match name.as_str() {
                "name" => arg.name = Some(meta.value()?.parse()?),
                "default" => {
                    arg.default = Some(match meta.value() {
                        Ok(value) => Some(value.parse()?),
                        Err(_) => None,
                    });
                }
                "block" => arg.block = true,
                "many" => arg.many = true,
                "required" => arg.required = true,
                "enum_block" => arg.enum_block = true,
                "label" => arg.label = true,
                "flatten" => arg.flatten = true,
                _ => return Err(meta.error("unknown option")),
            }
            Ok(())
        })?;
    }
    Ok(arg)
}

/// `T` of `Outer<T>`.
pub fn inside<'a>(outer: &str, ty: &'a Type) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident != outer {
        return None;
    }
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
            GenericArgument::Type(inner) => Some(inner),
            _ => None,
        },
        _ => None,
    }
}
