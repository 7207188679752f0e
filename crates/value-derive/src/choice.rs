//! `#[derive(Choice)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result};

pub fn derive(input: DeriveInput) -> Result<TokenStream> {
    let owner = &input.ident;
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(owner, "Choice can be derived for an enum"));
    };
    let (mut names, mut idents) = (Vec::<LitStr>::new(), Vec::new());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(variant, "a choice has no fields"));
        }
        let attr = variant.attrs.iter().find(|attr| attr.path().is_ident("choice"));
        names.push(
            attr.ok_or_else(|| Error::new_spanned(variant, "name it with #[choice(\"name\")]"))?
                .parse_args()?,
        );
        idents.push(&variant.ident);
    }
    let first = idents
        .first()
        .ok_or_else(|| Error::new_spanned(owner, "a choice needs a variant"))?;
    Ok(quote! {
        #[automatically_derived]
        impl #owner {
            /// The name in the configuration.
            pub fn as_str(&self) -> &'static str {
                match self { #(#owner::#idents => #names),* }
            }
        }
        #[automatically_derived]
        impl ::value::FromValue for #owner {
            fn ty() -> ::value::Type {
                ::value::Type::Choice(&[#(#names),*])
            }
            fn zero() -> Self {
                #owner::#first
            }
            fn from_value(value: &::value::Value) -> ::std::result::Result<Self, ::value::ValueError> {
                let text = <String as ::value::FromValue>::from_value(value)?;
                match text.as_str() {
                    #(#names => Ok(#owner::#idents),)*
                    _ => Err(::value::ValueError::not_a_choice(&text, &[#(#names),*])),
                }
            }
            fn to_value(&self) -> ::value::Value {
                ::value::Value::string(self.as_str())
            }
        }
    })
}
