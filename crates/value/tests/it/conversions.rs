//! Values to host types and back.

use crate::kit::{object, text};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;
use value::{ByteSize, Bytes, FromValue, Function, GoDuration, Number, OptionalSecret, Secret, Str, Value};

fn float(n: f64) -> Value {
    Value::Number(Number::Float(n))
}

fn uint(n: u64) -> Value {
    Value::Number(Number::Uint(n))
}

fn from<T: FromValue>(value: &Value) -> Result<T, String> {
    T::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn null_is_zero() {
    fn zero<T: FromValue + Debug + PartialEq>(expect: T) {
        assert_eq!(from(&Value::Null), Ok(expect));
    }
    zero(0u8);
    zero(0i64);
    zero(0.0f64);
    zero(0.0f32);
    zero(false);
    zero(String::new());
    zero(Str::from(""));
    zero(PathBuf::new());
    zero(GoDuration(0));
    zero(Duration::ZERO);
    zero(ByteSize(0));
    zero(Bytes(vec![]));
    zero(Vec::<String>::new());
    zero([0u8; 2]);
    zero(BTreeMap::<String, i64>::new());
    zero(None::<i64>);
    zero(Secret::default());
    zero(OptionalSecret::default());
    zero(Value::Null);
}

#[test]
fn numbers_of_texts() {
    let number = |from: &str| f64::from_value(&text(from)).map_err(|error| error.message);
    for (from, expect) in [
        ("5", 5.0),
        ("010", 10.0),
        ("-7", -7.0),
        ("1.5", 1.5),
        ("+1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("+1E+3", 1000.0),
        ("1e-999", 0.0),
        ("18446744073709551615", 18_446_744_073_709_551_615.0),
    ] {
        assert_eq!(number(from), Ok(expect), "{from}");
    }
    for from in [
        "",
        " 5",
        "5 ",
        "+5",
        "-1.5",
        "-",
        "0x10",
        "1e999",
        "+1e999",
        "e",
        ".",
        "1.5.2",
        "inf",
        "1_000",
        "18446744073709551616",
    ] {
        assert_eq!(number(from), Err("should be number, got string".to_owned()), "{from:?}");
    }
    assert_eq!(from::<u64>(&text("18446744073709551615")), Ok(u64::MAX));
    let optional = |is_secret| OptionalSecret::new(is_secret, "12").to_value();
    assert_eq!(from(&optional(false)), Ok(12));
    assert_eq!(
        from::<i64>(&optional(true)),
        Err(" should be number, got capsule".to_owned())
    );
}

#[test]
fn narrowing_is_that_of_go() {
    assert_eq!(from(&Value::int(300)), Ok(44u8));
    assert_eq!(from(&Value::int(-1)), Ok(u64::MAX));
    assert_eq!(from(&uint(u64::MAX)), Ok(-1i64));
    assert_eq!(from(&float(-1.9)), Ok(-1));
    assert_eq!(from(&float(1e30)), Ok(i64::MIN));
    assert_eq!(from(&float(-1e30)), Ok(i64::MIN));
    assert_eq!(from(&float(1e30)), Ok(1u64 << 63));
    assert_eq!(from(&float(-1e30)), Ok(1u64 << 63));
    assert_eq!(from(&float(f64::NAN)), Ok(1u64 << 63));
    assert_eq!(from(&float(1e19)), Ok(10_000_000_000_000_000_000u64));
    assert_eq!(from(&float(-1.0)), Ok(u64::MAX));
    assert_eq!(from(&float(1e300)), Ok(f32::INFINITY));
    assert_eq!(from(&float(0.1)), Ok(0.1f32));
}

#[test]
fn texts_of_numbers() {
    for (value, expect) in [
        (Value::int(-5), "-5"),
        (uint(u64::MAX), "18446744073709551615"),
        (float(1.0), "1"),
        (float(0.1), "0.1"),
        (float(1e21), "1000000000000000000000"),
        (float(1e-7), "0.0000001"),
        (float(f64::INFINITY), "+Inf"),
    ] {
        assert_eq!(from::<String>(&value).as_deref(), Ok(expect));
    }
}

#[test]
fn durations() {
    for (value, expect) in [
        (text("1h30m"), 5_400_000_000_000),
        (text("-1.5s"), -1_500_000_000),
        (text("0"), 0),
        (Value::int(0), 0),
        (float(0.0), 0),
        (OptionalSecret::new(false, "5s").to_value(), 5_000_000_000),
    ] {
        assert_eq!(from(&value), Ok(GoDuration(expect)), "{value:?}");
    }
    for (value, message) in [
        (text("abc"), r#" time: invalid duration "abc""#),
        (text(""), r#" time: invalid duration """#),
        (Value::int(5), r#" time: missing unit in duration "5""#),
        (float(1.5), r#" time: missing unit in duration "1.5""#),
        (Value::Bool(true), " should be string, got bool"),
        (
            Secret::new("5s").to_value(),
            " secrets may not be converted into strings",
        ),
    ] {
        assert_eq!(from::<GoDuration>(&value), Err(message.to_owned()));
        assert_eq!(from::<Duration>(&value), Err(message.to_owned()));
    }
    assert_eq!(from(&text("1.5s")), Ok(Duration::from_millis(1500)));
    assert_eq!(
        from::<Duration>(&text("-1s")),
        Err(" should not be negative".to_owned())
    );
    assert_eq!(Duration::from_secs(90).to_value(), text("1m30s"));
    assert_eq!(GoDuration::millis(-1500).to_value(), text("-1.5s"));
}

#[test]
fn byte_sizes() {
    assert_eq!(from(&text("10MiB")), Ok(ByteSize(10 << 20)));
    assert_eq!(from(&Value::int(0)), Ok(ByteSize(0)));
    assert_eq!(
        from::<ByteSize>(&Value::int(5)),
        Err(" units: unknown unit  in 5".to_owned())
    );
    assert_eq!(
        from::<ByteSize>(&text("-1KiB")),
        Err(" should not be negative".to_owned())
    );
    assert_eq!(from::<ByteSize>(&text("much")), Err(" units: invalid much".to_owned()));
    assert_eq!(ByteSize(1536).to_value(), text("1KiB512B"));
}

#[test]
fn bytes_are_a_list_that_converts_to_a_string() {
    let bytes = Value::Bytes(Str::from(b"a\xff"));
    assert_eq!(bytes.kind(), "array");
    assert_eq!(from(&bytes), Ok(Str::from(b"a\xff")));
    assert_eq!(from(&bytes), Ok(vec![97u8, 255]));
    assert_eq!(from(&bytes), Ok(Bytes(vec![97, 255])));
    assert_eq!(from(&bytes), Ok([97i64, 255]));
    assert_eq!(bytes, Value::array(vec![Value::int(97), Value::int(255)]));
    assert_eq!(from(&text("a")), Ok(Bytes(vec![97])));
    assert_eq!(from(&Value::array(vec![Value::int(97)])), Ok(Bytes(vec![97])));
    let plain = Value::array(vec![Value::int(97)]);
    assert_eq!(from::<String>(&plain), Err(" should be string, got array".to_owned()));
}

#[test]
fn lists_and_maps() {
    let list = |items: &[i64]| Value::array(items.iter().map(|n| Value::int(*n)).collect());
    assert_eq!(from(&list(&[1, 2])), Ok(["1".to_owned(), "2".to_owned()]));
    assert_eq!(
        from::<[i64; 2]>(&list(&[1])),
        Err(" array must have exactly 2 elements, got 1".to_owned())
    );
    assert_eq!(
        from::<[i64; 2]>(&list(&[1, 2, 3])),
        Err(" array must have exactly 2 elements, got 3".to_owned())
    );
    assert_eq!([1i64, 2].to_value(), list(&[1, 2]));
    assert_eq!(from(&Value::array(vec![Value::Null])), Ok(vec![String::new()]));
    assert_eq!(
        from::<Vec<i64>>(&Value::int(1)),
        Err(" should be array, got number".to_owned())
    );
    assert_eq!(
        from::<Vec<i64>>(&object([])),
        Err(" should be array, got object".to_owned())
    );
    let nested = Value::array(vec![object([("a", Value::array(vec![Value::Bool(true)]))])]);
    type Nested = Vec<BTreeMap<String, Vec<i64>>>;
    assert_eq!(
        from::<Nested>(&nested),
        Err("[0].a[0] should be number, got bool".to_owned())
    );
    assert_eq!(
        from::<BTreeMap<String, i64>>(&list(&[])),
        Err(" should be object, got array".to_owned())
    );
    let map = BTreeMap::from([("b".to_owned(), 2), ("a".to_owned(), 1)]);
    assert_eq!(from(&map.to_value()), Ok(map));
}

#[test]
fn bools_convert_to_nothing_else() {
    assert_eq!(from(&Value::Bool(true)), Ok(true));
    assert_eq!(
        from::<bool>(&text("true")),
        Err(" should be bool, got string".to_owned())
    );
    assert_eq!(
        from::<bool>(&Value::int(1)),
        Err(" should be bool, got number".to_owned())
    );
    assert_eq!(
        from::<String>(&Value::Bool(true)),
        Err(" should be string, got bool".to_owned())
    );
}

#[test]
fn equal_is_not_the_same() {
    let function = || Function::new("f", 0, false, |_| Ok(Value::Null));
    let once = Value::Function(function());
    let bytes = Value::Bytes(Str::from("a"));
    for (a, b, equal, same) in [
        (Value::Null, Value::Null, true, true),
        (Value::int(1), Value::int(1), true, true),
        (Value::int(1), uint(1), true, false),
        (Value::int(1), float(1.0), true, false),
        (Value::int(-1), uint(u64::MAX), true, false),
        (float(0.0), float(-0.0), true, false),
        (float(f64::NAN), float(f64::NAN), false, true),
        (text("1"), Value::int(1), false, false),
        (text("1"), text("1"), true, true),
        (
            Value::array(vec![Value::int(1)]),
            Value::array(vec![float(1.0)]),
            true,
            false,
        ),
        (Value::array(vec![]), Value::array(vec![Value::Null]), false, false),
        (bytes.clone(), Value::array(vec![Value::int(97)]), true, false),
        (bytes.clone(), bytes, true, true),
        (object([("a", Value::int(1))]), object([("a", float(1.0))]), true, false),
        (object([("a", Value::Null)]), object([("b", Value::Null)]), false, false),
        (
            object([("a", text("x")), ("b", text("y"))]),
            object([("b", text("y")), ("a", text("x"))]),
            true,
            true,
        ),
        (once.clone(), once.clone(), false, true),
        (once.clone(), Value::Function(function()), false, false),
        (object([("f", once.clone())]), object([("f", once)]), false, true),
        (Secret::new("s").to_value(), Secret::new("s").to_value(), true, true),
        (Secret::new("s").to_value(), Secret::new("t").to_value(), false, false),
    ] {
        assert_eq!((a == b, b == a), (equal, equal), "{a:?} == {b:?}");
        assert_eq!((a.same(&b), b.same(&a)), (same, same), "{a:?} same {b:?}");
    }
}
