//! Values with a meaning.

/// Bits of the value that marks a series as gone: a NaN that no computation makes.
pub const STALE_NAN: u64 = 0x7ff0_0000_0000_0002;

/// Bits of every other NaN.
pub const NORMAL_NAN: u64 = 0x7ff8_0000_0000_0001;

/// Whether a value says that its series is gone.
#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN
}
