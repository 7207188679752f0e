//! Views: the fields of a message, read once when the view is made; messages in it are read when they are asked for.
//!
//! A view is made `From` the bytes of its message. It borrows from them, is `Copy` and can be sent to other threads.

pub mod common;
pub mod logs;
pub mod metrics;
pub mod traces;

/// Declares a view: `number kind name: type` for fields that are read with it (a kind is a method of
/// [`crate::write::Writer`], except `message` and `optional`), `number => name: type` for lists of messages.
macro_rules! view {
    (
        $(#[$doc:meta])*
        $view:ident { $($(#[$field_doc:meta])* $number:literal $kind:ident $name:ident: $type:ty,)* }
        lists { $($(#[$list_doc:meta])* $list_number:literal => $list:ident: $item:ty,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $view<'a> {
            bytes: &'a [u8],
            $($(#[$field_doc])* pub $name: $type,)*
        }

        impl<'a> From<&'a [u8]> for $view<'a> {
            #[allow(unused_mut, clippy::match_single_binding, clippy::needless_update, reason = "some have nothing but lists")]
            fn from(bytes: &'a [u8]) -> Self {
                let mut view = $view { bytes, ..$view::default() };
                for field in $crate::wire::Fields::new(bytes) {
                    match field {
                        $($crate::view::view!(@pattern $kind $number value) => {
                            view.$name = $crate::view::view!(@value $kind value);
                        })*
                        _ => {}
                    }
                }
                view
            }
        }

        impl<'a> $view<'a> {
            /// The message as it is on the wire.
            pub fn raw(&self) -> &'a [u8] {
                self.bytes
            }

            /// Appends the fields, but not the lists, nor a resource or scope: those are messages that are written around and beside it.
            #[allow(unused_variables, reason = "some have nothing but lists")]
            pub fn write(&self, out: &mut $crate::write::Writer) {
                $($crate::view::view!(@write $kind out, $number, self.$name);)*
            }

            $(
                $(#[$list_doc])*
                pub fn $list(&self) -> $item {
                    <$item>::new(self.bytes, $list_number)
                }
            )*
        }
    };
    (@pattern fixed64 $number:literal $value:ident) => { ($number, $crate::wire::Value::Fixed64($value)) };
    (@pattern double $number:literal $value:ident) => { ($number, $crate::wire::Value::Fixed64($value)) };
    (@pattern optional_double $number:literal $value:ident) => { ($number, $crate::wire::Value::Fixed64($value)) };
    (@pattern fixed32 $number:literal $value:ident) => { ($number, $crate::wire::Value::Fixed32($value)) };
    (@pattern uint32 $number:literal $value:ident) => { ($number, $crate::wire::Value::Varint($value)) };
    (@pattern enumeration $number:literal $value:ident) => { ($number, $crate::wire::Value::Varint($value)) };
    (@pattern sint32 $number:literal $value:ident) => { ($number, $crate::wire::Value::Varint($value)) };
    (@pattern boolean $number:literal $value:ident) => { ($number, $crate::wire::Value::Varint($value)) };
    (@pattern $kind:ident $number:literal $value:ident) => { ($number, $crate::wire::Value::Bytes($value)) };
    (@write message $out:ident, $number:literal, $value:expr) => { $out.bytes($number, $value.raw()) };
    (@write optional $out:ident, $number:literal, $value:expr) => {};
    (@write $kind:ident $out:ident, $number:literal, $value:expr) => { $out.$kind($number, $value) };
    (@value double $value:ident) => { f64::from_bits($value) };
    (@value optional_double $value:ident) => { Some(f64::from_bits($value)) };
    (@value uint32 $value:ident) => { $value as u32 };
    (@value enumeration $value:ident) => { $value as i32 };
    (@value sint32 $value:ident) => { protowire::unzigzag($value & 0xffff_ffff) as i32 };
    (@value boolean $value:ident) => { $value != 0 };
    (@value id $value:ident) => { $value.try_into().ok() };
    (@value message $value:ident) => { $value.into() };
    (@value optional $value:ident) => { Some($value.into()) };
    (@value any $value:ident) => { Some($value.into()) };
    (@value status $value:ident) => { Some($value.into()) };
    (@value buckets $value:ident) => { Some($value.into()) };
    (@value $kind:ident $value:ident) => { $value };
}

use view;
