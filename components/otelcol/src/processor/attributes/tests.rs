use super::*;
use otlp_wire::json;
use signals::Client;
use value::Object;

fn action(kind: Kind, key: &str) -> ActionArgs {
    ActionArgs {
        key: key.to_owned(),
        action: kind,
        value: Value::Null,
        from_attribute: String::new(),
        from_context: String::new(),
        pattern: String::new(),
        converted_type: ConvertedType::None,
    }
}

fn matching(match_type: MatchType) -> MatchArgs {
    MatchArgs {
        match_type,
        services: Vec::new(),
        span_names: Vec::new(),
        span_kinds: Vec::new(),
        log_bodies: Vec::new(),
        log_severity_texts: Vec::new(),
        metric_names: Vec::new(),
        regexp: None,
        attributes: Vec::new(),
        resources: Vec::new(),
        libraries: Vec::new(),
        log_severity: None,
    }
}

fn arguments(actions: Vec<ActionArgs>) -> Arguments {
    Arguments {
        actions,
        include: None,
        exclude: None,
        debug_metrics: DebugMetricsArgs {
            disable_high_cardinality_metrics: true,
            level: String::new(),
        },
        output: OutputArgs::default(),
    }
}

/// The attributes of the log records of a request after the edits, as JSON.
fn edited(args: &Arguments, logs: &str) -> String {
    let text = format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"host","value":{{"stringValue":"h1"}}}}]}},"scopeLogs":[{{"scope":{{"name":"lib","version":"1"}},"logRecords":[{logs}]}}]}}]}}"#
    );
    let (request, records) = json::decode(Signal::Logs, text.as_bytes()).unwrap();
    let mut payload = Otlp {
        signal: Signal::Logs,
        payload: request.into(),
        records: records as u64,
        client: Some(Arc::new(Client {
            address: Some("10.0.0.1:99".parse().unwrap()),
            metadata: vec![
                ("tenant".to_owned(), "a".to_owned()),
                ("tenant".to_owned(), "b".to_owned()),
            ],
        })),
    };
    compile(args).unwrap().edit(&mut payload);
    let mut out = Vec::new();
    for resource in otlp_wire::logs::resources(&payload.payload.to_bytes()) {
        for scope in resource.scopes() {
            for record in scope.records() {
                let pairs = record.attributes().iter();
                let pairs = pairs.map(|pair| {
                    format!(
                        "{}={}",
                        String::from_utf8_lossy(pair.key),
                        crate::text::as_string(&pair.value())
                    )
                });
                out.push(pairs.collect::<Vec<_>>().join(" "));
            }
        }
    }
    out.join("\n")
}

const RECORD: &str = r#"{"severityNumber":9,"body":{"stringValue":"hello world"},"attributes":[{"key":"a","value":{"stringValue":"1"}},{"key":"n","value":{"intValue":"7"}},{"key":"url","value":{"stringValue":"http://x/y"}}]}"#;

#[test]
fn every_action_does_what_it_says() {
    let one = |change: fn(&mut ActionArgs), kind, key| {
        let mut action = action(kind, key);
        change(&mut action);
        edited(&arguments(vec![action]), RECORD)
    };
    let text = |text: &str| Value::string(text);
    let base = "a=1 n=7 url=http://x/y";
    let _ = text;
    assert_eq!(
        one(|a| a.value = Value::string("v"), Kind::Insert, "new"),
        format!("{base} new=v")
    );
    assert_eq!(one(|a| a.value = Value::string("v"), Kind::Insert, "a"), base);
    assert_eq!(one(|a| a.value = Value::string("v"), Kind::Update, "new"), base);
    assert_eq!(
        one(|a| a.value = Value::string("v"), Kind::Update, "a"),
        "a=v n=7 url=http://x/y"
    );
    assert_eq!(
        one(|a| a.value = Value::Bool(true), Kind::Upsert, "a"),
        "a=true n=7 url=http://x/y"
    );
    assert_eq!(
        one(|a| a.from_attribute = "n".to_owned(), Kind::Upsert, "m"),
        format!("{base} m=7")
    );
    assert_eq!(one(|a| a.from_attribute = "none".to_owned(), Kind::Upsert, "m"), base);
    assert_eq!(
        one(|a| a.from_context = "metadata.Tenant".to_owned(), Kind::Upsert, "m"),
        format!("{base} m=a;b")
    );
    assert_eq!(
        one(|a| a.from_context = "client.address".to_owned(), Kind::Upsert, "m"),
        format!("{base} m=10.0.0.1")
    );
    assert_eq!(one(|a| a.from_context = "auth.x".to_owned(), Kind::Upsert, "m"), base);
    assert_eq!(one(|_| {}, Kind::Delete, "n"), "a=1 url=http://x/y");
    assert_eq!(one(|a| a.pattern = "^(a|u)".to_owned(), Kind::Delete, ""), "n=7");
    assert_eq!(
        one(|_| {}, Kind::Hash, "a"),
        "a=6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b n=7 url=http://x/y"
    );
    assert_eq!(
        one(
            |a| a.pattern = "^(?P<scheme>.*)://(?P<host>[^/]*)".to_owned(),
            Kind::Extract,
            "url"
        ),
        format!("{base} scheme=http host=x")
    );
    assert_eq!(
        one(|a| a.converted_type = ConvertedType::Int, Kind::Convert, "url"),
        base
    );
    let object = Object::ordered();
    assert!(Owned::new(&Value::object(object)).is_some());
}

use action::Owned;

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |change: fn(&mut ActionArgs), kind, key| {
        let mut action = action(kind, key);
        change(&mut action);
        assert!(action.compile().is_err(), "{action:?}");
    };
    refused(|_| {}, Kind::Insert, "a");
    refused(|a| a.value = Value::Bool(true), Kind::Insert, "");
    refused(|a| a.value = Value::Bool(true), Kind::Delete, "a");
    refused(|_| {}, Kind::Delete, "");
    refused(|_| {}, Kind::Convert, "a");
    refused(|_| {}, Kind::Extract, "a");
    refused(|a| a.pattern = "(x)".to_owned(), Kind::Extract, "a");
    refused(|a| a.pattern = "(".to_owned(), Kind::Hash, "a");
}

#[test]
fn only_what_matches_is_edited() {
    let mut delete = action(Kind::Delete, "");
    delete.pattern = ".".to_owned();
    let records = format!(
        r#"{RECORD},{{"severityNumber":17,"body":{{"stringValue":"other"}},"attributes":[{{"key":"b","value":{{"intValue":"1"}}}}]}}"#
    );
    let with = |change: &dyn Fn(&mut MatchArgs), match_type, exclude: bool| {
        let mut block = matching(match_type);
        change(&mut block);
        let mut args = arguments(vec![action(Kind::Delete, "a"), action(Kind::Delete, "b")]);
        if exclude {
            args.exclude = Some(block);
        } else {
            args.include = Some(block);
        }
        edited(&args, &records)
    };
    let (first, second, both) = (
        "n=7 url=http://x/y\nb=1",
        "a=1 n=7 url=http://x/y\n",
        "n=7 url=http://x/y\n",
    );
    let body = |m: &mut MatchArgs| m.log_bodies = vec!["^hello".to_owned()];
    assert_eq!(with(&body, MatchType::Regexp, false), first);
    assert_eq!(with(&body, MatchType::Regexp, true), second);
    assert_eq!(with(&body, MatchType::Strict, false), "a=1 n=7 url=http://x/y\nb=1");
    let severe = |m: &mut MatchArgs| {
        m.log_severity = Some(LogSeverityArgs {
            min: "WARN".to_owned(),
            match_undefined: false,
        });
    };
    assert_eq!(with(&severe, MatchType::Strict, false), second);
    let attribute = |m: &mut MatchArgs| {
        m.attributes = vec![AttributeArgs {
            key: "n".to_owned(),
            value: Value::Number(value::Number::Int(7)),
        }];
    };
    assert_eq!(with(&attribute, MatchType::Strict, false), first);
    let library = |m: &mut MatchArgs| {
        m.libraries = vec![LibraryArgs {
            name: "lib".to_owned(),
            version: None,
        }]
    };
    assert_eq!(with(&library, MatchType::Strict, false), both);
    let resource = |m: &mut MatchArgs| {
        m.resources = vec![AttributeArgs {
            key: "host".to_owned(),
            value: Value::string("h[2-9]"),
        }];
    };
    assert_eq!(with(&resource, MatchType::Regexp, false), "a=1 n=7 url=http://x/y\nb=1");
}
