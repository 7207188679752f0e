//! Values of literals.

use syntax::ast::{Literal, LiteralKind};
use syntax::literal::unquote;
use value::{Number, Value};

/// The value of a literal, or what is wrong with it.
pub(crate) fn literal(literal: &Literal) -> Result<Value, String> {
    match literal.kind {
        LiteralKind::Number => Ok(Value::Number(whole(&literal.text)?)),
        LiteralKind::Float => Ok(Value::Number(Number::Float(float(&literal.text)?))),
        LiteralKind::String => match unquote(literal.text.as_bytes()) {
            Ok(bytes) => Ok(Value::string(bytes)),
            Err(error) => Err(error.to_string()),
        },
        LiteralKind::Bool => Ok(Value::Bool(literal.text == "true")),
        LiteralKind::Null => Ok(Value::Null),
    }
}

/// The value of a literal, unless it is malformed.
pub fn literal_value(text: &Literal) -> Option<Value> {
    literal(text).ok()
}

/// A leading zero means octal. What does not fit signed is unsigned, what does not fit at all is a float: `08` is 8.0.
fn whole(text: &str) -> Result<Number, String> {
    let (digits, radix) = match text.strip_prefix('0') {
        Some(rest) if !rest.is_empty() => (rest, 8),
        _ => (text, 10),
    };
    if let Ok(n) = i64::from_str_radix(digits, radix) {
        return Ok(Number::Int(n));
    }
    match u64::from_str_radix(digits, radix) {
        Ok(n) => Ok(Number::Uint(n)),
        Err(_) => float(text).map(Number::Float),
    }
}

fn float(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(n) if n.is_finite() => Ok(n),
        _ => Err("is out of range, numbers go up to 1.8e308".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_representations() {
        let check = |text: &str, expect: &str| assert_eq!(format!("{:?}", whole(text)), expect, "{text}");
        check("0", "Ok(Int(0))");
        check("010", "Ok(Int(8))");
        check("00", "Ok(Int(0))");
        check("08", "Ok(Float(8.0))");
        check("9223372036854775807", "Ok(Int(9223372036854775807))");
        check("9223372036854775808", "Ok(Uint(9223372036854775808))");
        check("18446744073709551616", "Ok(Float(1.8446744073709552e19))");
        assert_eq!(float("1."), Ok(1.0));
        assert_eq!(float(".5"), Ok(0.5));
        assert_eq!(float("1.e3"), Ok(1000.0));
        assert!(float("1e999").is_err());
    }
}
