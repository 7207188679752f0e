//! `#[derive(BlockEnum)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result};

pub fn derive(input: DeriveInput) -> Result<TokenStream> {
    let owner = &input.ident;
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(owner, "BlockEnum can be derived for an enum"));
    };
    let (mut table, mut decode, mut encode) = (Vec::new(), Vec::new(), Vec::new());
    let (mut decode_object, mut encode_object) = (Vec::new(), Vec::new());
    for variant in &data.variants {
        let attr = variant.attrs.iter().find(|attr| attr.path().is_ident("variant"));
        let name: LitStr = attr
            .ok_or_else(|| Error::new_spanned(variant, "name it with #[variant(\"name\")]"))?
            .parse_args()?;
        let Fields::Unnamed(fields) = &variant.fields else {
            return Err(Error::new_spanned(variant, "one field is needed"));
        };
        let ty = &fields
            .unnamed
            .first()
            .ok_or_else(|| Error::new_spanned(variant, "one field is needed"))?
            .ty;
        let ident = &variant.ident;
        table.push(quote!(::value::Variant { name: #name, schema: <#ty as ::value::Block>::schema }));
        decode.push(quote!(#name => Ok(#owner::#ident(::value::decode(body)?))));
        encode.push(quote!(#owner::#ident(inner) => (#name, ::value::encode(inner))));
        decode_object.push(quote!(#name => Ok(#owner::#ident(::value::decode_object(value)?))));
        encode_object.push(quote!(#owner::#ident(inner) => (#name, ::value::encode_object(inner))));
    }
    Ok(quote! {
        #[automatically_derived]
        impl ::value::BlockEnum for #owner {
            fn variants() -> &'static [::value::Variant] {
                static VARIANTS: &[::value::Variant] = &[#(#table),*];
                VARIANTS
            }

            fn decode(name: &str, body: &::value::Body) -> ::std::result::Result<Self, ::value::DecodeError> {
                match name {
                    #(#decode,)*
                    other => Err(::value::DecodeError::unknown_variant(other)),
                }
            }

            fn encode(&self) -> (&'static str, ::value::Body) {
                match self { #(#encode),* }
            }

            fn decode_object(name: &str, value: &::value::Value) -> ::std::result::Result<Self, ::value::ValueError> {
                match name {
                    #(#decode_object,)*
                    other => Err(::value::ValueError::no_field(other)),
                }
            }

            fn encode_object(&self) -> (&'static str, ::value::Value) {
                match self { #(#encode_object),* }
            }
        }
    })
}
