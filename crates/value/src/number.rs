//! Numbers: three representations, one kind.

/// A number of the language.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// Signed.
    Int(i64),
    /// Unsigned; for literals beyond the signed range and unsigned host values.
    Uint(u64),
    /// Floating point.
    Float(f64),
}

impl Number {
    /// As a float; large integers lose precision.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Uint(n) => n as f64,
            Number::Float(n) => n,
        }
    }

    /// As a signed integer: unsigned ones wrap, floats are truncated toward zero (out of range gives the smallest integer, as
    /// on the machines that upstream runs on).
    pub fn as_i64(self) -> i64 {
        match self {
            Number::Int(n) => n,
            Number::Uint(n) => n as i64,
            Number::Float(n) if n >= 9_223_372_036_854_775_808.0 || n.is_nan() => i64::MIN,
            Number::Float(n) => n as i64,
        }
    }

    /// As an unsigned integer: negative ones wrap, floats are truncated (out of range gives 2^63, as on amd64).
    pub fn as_u64(self) -> u64 {
        match self {
            Number::Int(n) => n as u64,
            Number::Uint(n) => n,
            Number::Float(n) if n < 0.0 => (n as i64) as u64,
            Number::Float(n) if n >= 18_446_744_073_709_551_616.0 || n.is_nan() => 1 << 63,
            Number::Float(n) => n as u64,
        }
    }

    /// Whether both are of the same representation and the same value, unlike `==`. Zeros of different signs differ.
    pub fn same(self, other: Number) -> bool {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a == b,
            (Number::Uint(a), Number::Uint(b)) => a == b,
            (Number::Float(a), Number::Float(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        }
    }

    /// Decimal digits, floats in their shortest form and without an exponent.
    pub fn to_text(self) -> String {
        match self {
            Number::Int(n) => n.to_string(),
            Number::Uint(n) => n.to_string(),
            Number::Float(n) if n.is_nan() => "NaN".to_owned(),
            Number::Float(n) if n.is_infinite() => if n > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
            // Rust's `Display` for floats is the shortest form that reads back, never with an exponent.
            Number::Float(n) => n.to_string(),
        }
    }
}

/// Compared after promotion: float if either is, else signed if either is, else unsigned.
impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        match (self, other) {
            (Number::Float(_), _) | (_, Number::Float(_)) => self.as_f64() == other.as_f64(),
            (Number::Int(_), _) | (_, Number::Int(_)) => self.as_i64() == other.as_i64(),
            (Number::Uint(a), Number::Uint(b)) => a == b,
        }
    }
}
