//! Requests of the signing test suite that Amazon publishes, and the signatures that it says they have: key `AKIDEXAMPLE`, region
//! `us-east-1`, service `service`, 30 August 2015. The suite's paths and queries are those that a program has before it encodes them.

use sigv4::{Credentials, Request, Scope, clean_path, sha256_hex, sign};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z.
const TIME: i64 = 1_440_938_160_000_000_000;
const LETTERS: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const STS_TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

struct Case<'a> {
    target: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
    token: &'a str,
}

const PLAIN: Case<'static> = Case {
    target: "/",
    headers: &[],
    body: "",
    token: "",
};

#[track_caller]
fn check(method: &str, case: &Case<'_>, signature: &str) {
    let (path, query) = case.target.split_once('?').unwrap_or((case.target, ""));
    let headers: Vec<(&str, &[u8])> = case
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let request = Request {
        method,
        host: "example.amazonaws.com",
        path,
        query,
        headers: &headers,
        body: case.body.as_bytes(),
    };
    let credentials = Credentials {
        access_key: "AKIDEXAMPLE".to_owned(),
        secret_key: SECRET.to_owned(),
        session_token: case.token.to_owned(),
    };
    let scope = Scope {
        region: "us-east-1",
        service: "service",
    };
    let signed = sign(&request, scope, &credentials, TIME);
    assert_eq!(signed.date, "20150830T123600Z");
    assert_eq!(signed.security_token.as_deref().unwrap_or_default(), case.token);
    let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=";
    assert!(signed.authorization.starts_with(start), "{}", signed.authorization);
    let (_, got) = signed.authorization.rsplit_once("Signature=").expect("a signature");
    assert_eq!(got, signature, "{method} {}", case.target);
}

#[test]
fn plain_requests() {
    check(
        "GET",
        &PLAIN,
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
    check(
        "POST",
        &PLAIN,
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    );
}

#[test]
fn headers() {
    let with = |headers: &[(&str, &str)], signature: &str| check("GET", &Case { headers, ..PLAIN }, signature);
    let name = "My-Header1";
    with(
        &[(name, "value2"), (name, "value2"), (name, "value1")],
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    );
    with(
        &[(name, "value4"), (name, "value1"), (name, "value3"), (name, "value2")],
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    );
    with(
        &[(name, "value1\n  value2\n     value3")],
        "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd",
    );
    with(
        &[("My-Header2", " \"a   b   c\""), (name, " value1")],
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
    let post = |headers: &[(&str, &str)], signature: &str| check("POST", &Case { headers, ..PLAIN }, signature);
    post(
        &[(name, "value1")],
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    );
    post(
        &[(name, "VALUE1")],
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    );
}

#[test]
fn paths_and_queries() {
    let target = |target: &str, signature: &str| check("GET", &Case { target, ..PLAIN }, signature);
    target(
        "/example/..",
        "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282",
    );
    target(
        "/example1/example2/../..",
        "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b",
    );
    target(
        "/./",
        "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145",
    );
    target(
        "/./example",
        "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff",
    );
    target("//", "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e");
    target(
        "//example//",
        "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5",
    );
    target(
        "/example space/",
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    );
    target("/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
    target(
        &format!("/{LETTERS}"),
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    );
    target(
        "/?Param1=value1",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    );
    target(
        "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
    );
    target(
        "/?Param2=value2&Param1=value1",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    );
    target(
        &format!("/?{LETTERS}={LETTERS}"),
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    );
    target(
        "/?ሴ=bar",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    );
    let target = "/?Param1=value1";
    check(
        "POST",
        &Case { target, ..PLAIN },
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    );
}

#[test]
fn cleaned_paths() {
    for (path, signature) in [
        (
            "/example/..",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "/./example",
            "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
        ),
        (
            "//example//",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
    ] {
        let target = &clean_path(path);
        check("GET", &Case { target, ..PLAIN }, signature);
    }
}

#[test]
fn tokens_of_sessions() {
    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    check(
        "GET",
        &Case { token, ..PLAIN },
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
    );
    let token = STS_TOKEN;
    check(
        "POST",
        &Case { token, ..PLAIN },
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    );
}

#[test]
fn bodies() {
    let body = "Param1=value1";
    let hash = sha256_hex(body.as_bytes());
    for (kind, signature) in [
        (
            "application/x-www-form-urlencoded",
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ),
        (
            "application/x-www-form-urlencoded; charset=utf-8",
            "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422",
        ),
    ] {
        let headers = [
            ("Content-Type", kind),
            ("Content-Length", "13"),
            ("X-Amz-Content-Sha256", hash.as_str()),
        ];
        let headers = &headers;
        check("POST", &Case { headers, body, ..PLAIN }, signature);
    }
}
