//! Derives for the crate `value`: each emits a table and closures of a line or two, and no logic.

mod block;
mod choice;
mod enums;
mod parse;

use proc_macro::TokenStream;

/// Makes a struct a block of the configuration; see `value::Block`.
///
/// Fields: `#[arg]` required attribute · `#[arg(default)]` optional, zero by default · `#[arg(default = EXPR)]` · `#[arg(block)]` one block:
/// `Option<T>` optional, `T` required, with `default` optional · `#[arg(block, many)]` for `Vec<T>`, none or more; with `required` at least one;
/// a `default = EXPR` counts if there is none · `#[arg(enum_block)]` for `Vec<E>` with `E: BlockEnum`, none or more · `#[arg(label)]` ·
/// `#[arg(flatten)]` · `name = "x.y"` with any of them. Struct: `#[block(validate = function)]`, a `fn(&Self) -> Result<(), String>`; it is called
/// for flattened structs too, before that of the struct around them.
#[proc_macro_derive(Block, attributes(arg, block))]
pub fn block(input: TokenStream) -> TokenStream {
    expand(input, block::derive)
}

/// Makes an enum of one-field variants the blocks of several names in one list; see `value::BlockEnum`. Variants:
/// `#[variant("json")]`.
#[proc_macro_derive(BlockEnum, attributes(variant))]
pub fn block_enum(input: TokenStream) -> TokenStream {
    expand(input, enums::derive)
}

/// Makes an enum without fields a choice of strings. Variants: `#[choice("name")]`.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn choice(input: TokenStream) -> TokenStream {
    expand(input, choice::derive)
}

fn expand(input: TokenStream, derive: fn(syn::DeriveInput) -> syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    match syn::parse(input).and_then(derive) {
        Ok(tokens) => tokens.into(),
        Err(error) => error.to_compile_error().into(),
    }
}
