//! `#[derive(Block)]`

use crate::parse::{Arg, arg, doc, inside};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Path, Result};

pub fn derive(input: DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(name, "Block can be derived for a struct"));
    };
    let mut validate: Option<Path> = None;
    for attr in input.attrs.iter().filter(|attr| attr.path().is_ident("block")) {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("validate") {
                validate = Some(meta.value()?.parse()?);
                return Ok(());
            }
            Err(meta.error("unknown option"))
        })?;
    }
    let empty = syn::punctuated::Punctuated::new();
    let fields = match &data.fields {
        Fields::Named(fields) => &fields.named,
        Fields::Unit => &empty,
        Fields::Unnamed(_) => return Err(Error::new_spanned(name, "Block needs named fields")),
    };
    let mut table = Vec::new();
    let mut defaults = Vec::new();
    for field in fields {
        let options = arg(&field.attrs)?;
        if !options.present {
            return Err(Error::new_spanned(field, "say what this field is with #[arg]"));
        }
        let (entry, default) = one(name, field, &options)?;
        table.push(entry);
        defaults.push(default);
    }
    let text = doc(&input.attrs);
    let validate = match validate {
        Some(function) => quote!(|any| {
            let this: &#name = any.downcast_ref().expect("a schema is used with its own type");
            #function(this).map_err(::std::convert::Into::into)
        }),
        None => quote!(|_| Ok(())),
    };
    let title = name.to_string();
    Ok(quote! {
        #[automatically_derived]
        impl ::value::Block for #name {
            fn schema() -> &'static ::value::Schema {
                static SCHEMA: ::value::Schema = ::value::Schema {
                    name: #title,
                    doc: #text,
                    fields: &[#(#table),*],
                    validate: #validate,
                    defaults: || Box::new(<#name as ::value::Block>::defaults()),
                };
                &SCHEMA
            }

            fn defaults() -> Self {
                #name { #(#defaults),* }
            }
        }
        #[automatically_derived]
        impl ::value::FromValue for #name {
            fn ty() -> ::value::Type {
                ::value::Type::Object(<#name as ::value::Block>::schema())
            }
            fn zero() -> Self {
                <#name as ::value::Block>::defaults()
            }
            fn from_value(value: &::value::Value) -> ::std::result::Result<Self, ::value::ValueError> {
                ::value::decode_object(value)
            }
            fn to_value(&self) -> ::value::Value {
                ::value::encode_object(self)
            }
        }
    })
}

fn one(owner: &syn::Ident, field: &syn::Field, options: &Arg) -> Result<(TokenStream, TokenStream)> {
    let ident = field
        .ident
        .as_ref()
        .ok_or_else(|| Error::new_spanned(field, "a name is needed"))?;
    let ty = &field.ty;
    let plain = ident.to_string();
    let plain = plain.strip_prefix("r#").unwrap_or(&plain);
    let name = options
        .name
        .as_ref()
        .map_or_else(|| plain.to_owned(), |name| name.value());
    let text = doc(&field.attrs);
    let this = quote!(let this: &mut #owner = any.downcast_mut().expect("a schema is used with its own type"););
    let this_ref = quote!(let this: &#owner = any.downcast_ref().expect("a schema is used with its own type"););
    let given = match &options.default {
        Some(Some(expr)) => Some(quote!(#expr)),
        _ => None,
    };
    options.check(field)?;
    let (required, kind, default) = if options.label {
        let kind = quote!(::value::FieldKind::Label {
            set: |any, label| { #this this.#ident = label.to_owned(); },
            get: |any| { #this_ref this.#ident.clone() },
        });
        (false, kind, quote!(String::new()))
    } else if options.flatten {
        let kind = quote!(::value::FieldKind::Flatten {
            schema: <#ty as ::value::Block>::schema,
            inner: |any| { #this &mut this.#ident },
            inner_ref: |any| { #this_ref &this.#ident },
        });
        (
            false,
            kind,
            given.unwrap_or(quote!(<#ty as ::value::Block>::defaults())),
        )
    } else if options.enum_block {
        let item = inside("Vec", ty).ok_or_else(|| Error::new_spanned(ty, "enum_block needs a Vec"))?;
        let kind = quote!(::value::FieldKind::Enum {
            variants: <#item as ::value::BlockEnum>::variants,
            push: |any, name, body, first| {
                #this
                if first { this.#ident.clear(); }
                this.#ident.push(<#item as ::value::BlockEnum>::decode(name, body)?);
                Ok(())
            },
            get: |any| { #this_ref this.#ident.iter().map(::value::BlockEnum::encode).collect() },
            set_value: |any, value| { #this this.#ident = ::value::decode_variants(value)?; Ok(()) },
            get_value: |any| { #this_ref ::value::encode_variants(&this.#ident) },
        });
        (false, kind, quote!(Vec::new()))
    } else if options.block && options.many {
        let item = inside("Vec", ty).ok_or_else(|| Error::new_spanned(ty, "many needs a Vec"))?;
        let kind = quote!(::value::FieldKind::Blocks {
            schema: <#item as ::value::Block>::schema,
            push: |any, body, first| {
                #this
                if first { this.#ident.clear(); }
                this.#ident.push(::value::decode(body)?);
                Ok(())
            },
            get: |any| { #this_ref this.#ident.iter().map(::value::encode).collect() },
            set_value: |any, value| { #this this.#ident = ::value::decode_objects(value)?; Ok(()) },
            get_value: |any| { #this_ref ::value::Value::array(this.#ident.iter().map(::value::encode_object).collect()) },
        });
        (options.required, kind, given.unwrap_or(quote!(Vec::new())))
    } else if options.block {
        match inside("Option", ty) {
            Some(item) => {
                let kind = quote!(::value::FieldKind::Block {
                    schema: <#item as ::value::Block>::schema,
                    set: |any, body| { #this this.#ident = Some(::value::decode(body)?); Ok(()) },
                    get: |any| { #this_ref this.#ident.as_ref().map(::value::encode) },
                    set_value: |any, value| {
                        #this
                        this.#ident = match value {
                            ::value::Value::Null => None,
                            value => Some(::value::decode_object(value)?),
                        };
                        Ok(())
                    },
                    get_value: |any| { #this_ref this.#ident.as_ref().map_or(::value::Value::Null, ::value::encode_object) },
                });
                (false, kind, given.unwrap_or(quote!(None)))
            }
            None => {
                let kind = quote!(::value::FieldKind::Block {
                    schema: <#ty as ::value::Block>::schema,
                    set: |any, body| { #this this.#ident = ::value::decode(body)?; Ok(()) },
                    get: |any| { #this_ref Some(::value::encode(&this.#ident)) },
                    set_value: |any, value| { #this this.#ident = ::value::decode_object(value)?; Ok(()) },
                    get_value: |any| { #this_ref ::value::encode_object(&this.#ident) },
                });
                (
                    options.default.is_none(),
                    kind,
                    given.unwrap_or(quote!(<#ty as ::value::Block>::defaults())),
                )
            }
        }
    } else {
        let kind = quote!(::value::FieldKind::Attr {
            ty: <#ty as ::value::FromValue>::ty,
            set: |any, value| { #this this.#ident = ::value::FromValue::from_value(value)?; Ok(()) },
            get: |any| { #this_ref ::value::FromValue::to_value(&this.#ident) },
        });
        (
            options.default.is_none(),
            kind,
            given.unwrap_or(quote!(<#ty as ::value::FromValue>::zero())),
        )
    };
    let entry = quote!(::value::Field { name: #name, doc: #text, required: #required, kind: #kind });
    Ok((entry, quote!(#ident: #default)))
}

#[cfg(test)]
mod tests {
    use super::derive;
    use syn::parse_quote;

    fn error(field: syn::Field) -> String {
        let input = parse_quote!(struct S { #field });
        derive(input).expect_err("it has to be rejected").to_string()
    }

    #[test]
    fn options_without_effect_are_errors() {
        use syn::parse::Parser;
        let field = |text: &str| syn::Field::parse_named.parse_str(text).expect("a field");
        for (text, message) in [
            ("a: A", "say what this field is with #[arg]"),
            ("#[arg(optional)] a: A", "unknown option"),
            (
                "#[arg(enum_block, default = vec![])] a: Vec<A>",
                "enum_block and label take no default",
            ),
            (
                "#[arg(label, default = String::new())] a: String",
                "enum_block and label take no default",
            ),
            ("#[arg(many)] a: Vec<A>", "many is for blocks: #[arg(block, many)]"),
            (
                "#[arg(block, label)] a: A",
                "block, enum_block, label and flatten exclude each other",
            ),
            (
                "#[arg(block, many, required, default)] a: Vec<A>",
                "required and default exclude each other",
            ),
            ("#[arg(block, many)] a: A", "many needs a Vec"),
            ("#[arg(enum_block)] a: A", "enum_block needs a Vec"),
        ] {
            assert_eq!(error(field(text)), message, "{text}");
        }
        for text in ["#[arg(required)] a: A", "#[arg(block, required)] a: A"] {
            assert!(
                error(field(text)).starts_with("required is for #[arg(block, many, required)]"),
                "{text}"
            );
        }
    }

    #[test]
    fn these_are_accepted() {
        for options in [
            quote::quote!(#[arg]),
            quote::quote!(#[arg(default)]),
            quote::quote!(#[arg(block, many)]),
            quote::quote!(#[arg(block, many, required)]),
            quote::quote!(#[arg(block, many, default)]),
            quote::quote!(#[arg(enum_block, name = "a.b", default)]),
        ] {
            let input = parse_quote!(struct S { #options a: Vec<A> });
            assert!(derive(input).is_ok(), "{options}");
        }
    }
}
