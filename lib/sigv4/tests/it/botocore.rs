//! Amazon's own library for Python signs the same requests.

use sigv4::{Credentials, Request, Scope, sign};
use std::path::PathBuf;
use std::process::Command;

/// Signs the request that the arguments say: method, address, body, time, region, service, keys, headers. The order of parameters and the
/// encoding of the path are the library's business.
const SCRIPT: &str = r#"
import datetime, sys
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
method, url, body, time, region, service, key, secret, token = sys.argv[1:10]
now = datetime.datetime.strptime(time, "%Y%m%dT%H%M%SZ")
class Fixed(datetime.datetime):
    @classmethod
    def utcnow(cls): return now
    @classmethod
    def now(cls, tz=None): return now
botocore.auth.datetime = type("M", (), {"datetime": Fixed})
if hasattr(botocore.auth, "get_current_datetime"):
    botocore.auth.get_current_datetime = lambda *args, **kwargs: now
headers = dict(pair.split("=", 1) for pair in sys.argv[10:])
request = AWSRequest(method=method, url=url, data=body.encode(), headers=headers)
auth = botocore.auth.SigV4Auth(Credentials(key, secret, token or None), service, region)
auth.add_auth(request)
print(request.headers["Authorization"])
"#;

/// The interpreter that has the library, if there is one.
fn python() -> Option<PathBuf> {
    let home = std::env::var_os("HOME")?;
    let python = PathBuf::from(home).join(".cache/invar/peers/botocore/bin/python");
    python.exists().then_some(python)
}

#[test]
fn botocore_signs_the_same() {
    let Some(python) = python() else {
        eprintln!("skipped: botocore is not installed; .ci/run does it");
        return;
    };
    let credentials = |token: &str| Credentials {
        access_key: "AKIDEXAMPLE".to_owned(),
        secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        session_token: token.to_owned(),
    };
    let host = "aps-workspaces.eu-central-1.amazonaws.com";
    for (path, query, body, token) in [
        ("/workspaces/ws-1/api/v1/remote_write", "", "a body", ""),
        ("/workspaces/ws-1/api/v1/remote_write", "", "", "a/token+=="),
        ("/a%20b/%E1%88%B4/c:d", "z=1&a=x%20y&a=%2F&b=", "ünï", ""),
    ] {
        let headers = [
            ("content-type", "application/x-protobuf"),
            ("content-encoding", "snappy"),
            ("x-prometheus-remote-write-version", "0.1.0"),
            ("x-blanks", "  a   b "),
        ];
        let bytes: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let request = Request {
            method: "POST",
            host,
            path,
            query,
            headers: &bytes,
            body: body.as_bytes(),
        };
        let scope = Scope {
            region: "eu-central-1",
            service: "aps",
        };
        let own = sign(&request, scope, &credentials(token), 1_440_938_160_000_000_000);
        let question = if query.is_empty() { "" } else { "?" };
        let url = format!("https://{host}{path}{question}{query}");
        let output = Command::new(&python)
            .args(["-c", SCRIPT, "POST", &url, body, &own.date])
            .args([scope.region, scope.service, "AKIDEXAMPLE"])
            .args([&credentials(token).secret_key, token])
            .args(headers.iter().map(|(name, value)| format!("{name}={value}")))
            .output()
            .expect("the interpreter starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            own.authorization,
            "{url}"
        );
    }
}
