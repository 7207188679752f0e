//! Secrets are used and never shown.

use crate::kit::body;
use value::{
    Block, FromValue, OptionalSecret, Secret, Value, body_json, decode, encode, encode_object, to_json, to_text,
};

#[derive(Block, Clone, Debug, PartialEq)]
struct Login {
    #[arg]
    password: Secret,
    #[arg]
    maybe: OptionalSecret,
    #[arg]
    any: Value,
    #[arg]
    list: Vec<Secret>,
}

#[test]
fn no_form_shows_them() {
    let login = Login {
        password: Secret::new("hush"),
        maybe: OptionalSecret::new(true, "hush"),
        any: Secret::new("hush").to_value(),
        list: vec![Secret::new("hush")],
    };
    let (body, object) = (encode(&login), encode_object(&login));
    let error = String::from_value(&login.any).unwrap_err();
    for shown in [
        format!("{login:?}"),
        format!("{body:?}"),
        format!("{object:?}"),
        format!("{:?}", object.fields().unwrap()),
        to_text(&object),
        to_json(&object),
        body_json(&body),
        error.to_string(),
        format!("{error:?}"),
        format!("{:?}", f64::from_value(&login.any)),
        format!("{:?}", f64::from_value(&login.maybe.to_value())),
    ] {
        assert!(!shown.contains("hush"), "{shown}");
    }
    assert_eq!(to_text(&object).matches("(secret)").count(), 4);
    // They are still there.
    assert_eq!(decode::<Login>(&body), Ok(login.clone()));
    assert_eq!(login.password.expose_str(), "hush");
}

#[test]
fn what_converts_to_what() {
    let secret = Secret::new("s");
    let refused = "secrets may not be converted into strings";
    let (hidden, plain) = (OptionalSecret::new(true, "s"), OptionalSecret::new(false, "s"));
    for from in [
        Value::string("s"),
        secret.to_value(),
        hidden.to_value(),
        plain.to_value(),
    ] {
        assert_eq!(Secret::from_value(&from), Ok(secret.clone()));
    }
    assert_eq!(OptionalSecret::from_value(&secret.to_value()), Ok(hidden.clone()));
    assert_eq!(OptionalSecret::from_value(&hidden.to_value()), Ok(hidden.clone()));
    assert_eq!(OptionalSecret::from_value(&Value::string("s")), Ok(plain.clone()));
    assert_eq!(String::from_value(&plain.to_value()).as_deref(), Ok("s"));
    for from in [secret.to_value(), hidden.to_value()] {
        assert_eq!(String::from_value(&from).unwrap_err().message, refused);
    }
    let number = Value::int(1);
    assert_eq!(
        Secret::from_value(&number).unwrap_err().message,
        "should be capsule, got number"
    );
    assert_eq!(
        OptionalSecret::from_value(&number).unwrap_err().message,
        "should be capsule, got number"
    );
    assert_eq!(
        decode::<Login>(&body(vec![])).unwrap_err().to_string(),
        "missing required attribute \"password\""
    );
}
