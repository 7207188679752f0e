//! What arguments are accepted.

use net::{Authorization, BasicAuth, Client, HttpClientConfig, OAuth2, ProxyConfig, TlsConfig};
use std::sync::Arc;
use value::{Block, Body, Item, Place, Secret, Value};

fn attr(name: &str, value: &str) -> Item {
    Item::Attr {
        name: name.to_owned(),
        value: Ok(Some(Value::string(value))),
        place: Place(0),
    }
}

fn block(name: &str, items: Vec<Item>) -> Item {
    Item::Block {
        name: name.to_owned(),
        body: Body {
            items,
            ..Body::default()
        },
        place: Place(0),
    }
}

/// The message of what is wrong with a block; empty if nothing is.
fn check(items: Vec<Item>) -> String {
    let body = Body {
        items,
        ..Body::default()
    };
    match value::decode::<HttpClientConfig>(&body) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_excludes_each_other_is_an_error() {
    let basic = || block("basic_auth", vec![attr("username", "u"), attr("password", "p")]);
    let oauth2 = || {
        let items = vec![
            attr("client_id", "c"),
            attr("client_secret", "s"),
            attr("token_url", "http://x/t"),
        ];
        block("oauth2", items)
    };
    let authorization = |kind: &str| block("authorization", vec![attr("type", kind), attr("credentials", "c")]);
    let tls = |items| block("tls_config", items);
    let cases: Vec<(Vec<Item>, &str)> = vec![
        (vec![basic()], ""),
        (vec![oauth2()], ""),
        (vec![authorization("Custom")], ""),
        (
            vec![attr("proxy_url", "http://p:3128"), attr("no_proxy", "localhost")],
            "",
        ),
        (
            vec![attr("bearer_token", "a"), attr("bearer_token_file", "b")],
            "at most one of bearer_token & bearer_token_file must be configured",
        ),
        (
            vec![basic(), attr("bearer_token", "a")],
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
        ),
        (
            vec![basic(), oauth2()],
            "at most one of basic_auth, oauth2 & authorization must be configured",
        ),
        (
            vec![authorization("Custom"), attr("bearer_token", "a")],
            "authorization is not compatible with bearer_token & bearer_token_file",
        ),
        (
            vec![authorization(" BASIC ")],
            "authorization type cannot be set to \"basic\", use \"basic_auth\" instead",
        ),
        (
            vec![block(
                "basic_auth",
                vec![attr("password", "p"), attr("password_file", "f")],
            )],
            "at most one of basic_auth password & password_file must be configured",
        ),
        (vec![block("oauth2", vec![])], "oauth2 client_id must be configured"),
        (
            vec![tls(vec![attr("ca_pem", "a"), attr("ca_file", "b")])],
            "at most one of ca_pem and ca_file must be configured",
        ),
        (
            vec![tls(vec![attr("cert_file", "a")])],
            "exactly one of key_pem or key_file must be configured when a client certificate is configured",
        ),
        (
            vec![tls(vec![attr("min_version", "TLS14")])],
            "unknown TLS version \"TLS14\"; use \"TLS12\" or \"TLS13\"",
        ),
        (
            vec![attr("no_proxy", "x")],
            "if no_proxy is configured, proxy_url must also be configured",
        ),
        (
            vec![attr("proxy_url", "ftp://secret@x")],
            "proxy_url has the scheme \"ftp\"; use \"http\", \"https\" or \"socks5\"",
        ),
    ];
    for (items, expected) in cases {
        assert_eq!(check(items), expected);
    }
}

#[test]
fn errors_of_files_name_the_argument_and_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    let make = |tls_config: TlsConfig| {
        let config = HttpClientConfig {
            tls_config: Some(tls_config),
            ..HttpClientConfig::default()
        };
        Client::new(&config, Arc::new(host::RealFs))
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let with_file = TlsConfig {
        ca_file: file.display().to_string(),
        ..TlsConfig::default()
    };
    assert!(make(with_file.clone()).starts_with(&format!("cannot read ca_file {:?}: ", file.display().to_string())));
    std::fs::write(&file, "no PEM at all").unwrap();
    assert_eq!(
        make(with_file),
        format!("ca_file {:?} holds no certificate", file.display().to_string())
    );
    let key = TlsConfig {
        cert_pem: testkit::tls_front::Authority::new("ca").identity.certificate,
        key_pem: Secret::new("not-a-key-but-secret"),
        ..TlsConfig::default()
    };
    let message = make(key);
    assert!(message.starts_with("key_pem holds no private key"), "{message}");
    assert!(!message.contains("not-a-key"), "{message}");
}

#[test]
fn debug_output_shows_no_secret() {
    let secret = || Secret::new("hunter2");
    let config = HttpClientConfig {
        basic_auth: Some(BasicAuth {
            username: "u".to_owned(),
            password: secret(),
            ..BasicAuth::default()
        }),
        authorization: Some(Authorization {
            credentials: secret(),
            ..Authorization::default()
        }),
        oauth2: Some(OAuth2 {
            client_secret: secret(),
            ..OAuth2::default()
        }),
        bearer_token: secret(),
        tls_config: Some(TlsConfig {
            key_pem: secret(),
            ..TlsConfig::default()
        }),
        proxy: ProxyConfig {
            proxy_connect_header: [("X".to_owned(), vec![secret()])].into(),
            ..ProxyConfig::default()
        },
        http_headers: [("Y".to_owned(), vec![secret()])].into(),
        ..HttpClientConfig::defaults()
    };
    let text = format!("{config:?}");
    assert!(text.contains("username") && !text.contains("hunter2"), "{text}");
}
