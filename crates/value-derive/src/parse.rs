//! What the derives read from attributes and types.

use syn::{Attribute, Expr, GenericArgument, Lit, LitStr, Meta, PathArguments, Type};

/// The doc comment, lines joined.
pub fn doc(attrs: &[Attribute]) -> String {
    let lines: Vec<String> = attrs
        .iter()
        .filter(|attr| attr.path().is_ident("doc"))
        .filter_map(|attr| match &attr.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(lit) => match &lit.lit {
                    Lit::Str(text) => Some(text.value().trim().to_owned()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
        .collect();
    lines.join("\n").trim().to_owned()
}

/// The options of `#[arg(...)]`.
#[derive(Default)]
pub struct Arg {
    pub present: bool,
    pub name: Option<LitStr>,
    pub default: Option<Option<Expr>>,
    pub block: bool,
    pub many: bool,
    pub enum_block: bool,
    pub label: bool,
    pub flatten: bool,
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
