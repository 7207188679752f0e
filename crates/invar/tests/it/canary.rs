//! Secrets are put everywhere a configuration can have one, and looked for everywhere the program can show something.

use crate::support::{Running, exchange_as, free_port};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Secrets that a configuration has: each is a text of its own.
struct Canaries(u32);

impl Canaries {
    fn next(&mut self) -> String {
        self.0 += 1;
        name(self.0)
    }
}

fn name(number: u32) -> String {
    format!("canary{number:02}qZ7bird")
}

/// What the HTTP server wants to hear.
const USER: &str = "keeper";

/// A configuration with secrets in every place; the first is the password of the HTTP server.
fn config(dir: &Path, secrets: &mut Canaries) -> String {
    let mut text = String::new();
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let mut next = || secrets.next();
    let _ = write!(
        text,
        "http {{ auth {{ basic {{ username = {USER:?}\n password = {:?} }} }} }}\n",
        next()
    );
    fs::write(dir.join("token"), next()).expect("the folder is writable");
    let _ = writeln!(
        text,
        "local.file \"token\" {{\n  filename = \"{}\"\n  is_secret = true\n}}",
        dir.join("token").display()
    );
    // Comments are shown with the sources.
    let _ = writeln!(text, "// the password of the old one was {}", next());
    let oauth = |secret: &str| {
        format!("oauth2 {{\n client_id = \"x\"\n client_secret = {secret:?}\n token_url = \"{nowhere}/token\"\n }}\n")
    };
    let mut auths = Vec::new();
    for _ in 0..4 {
        auths.push(format!(
            "basic_auth {{\n username = \"u\"\n password = {:?}\n }}\n",
            next()
        ));
        auths.push(format!("bearer_token = {:?}\n", next()));
        auths.push(format!(
            "authorization {{\n type = \"Key\"\n credentials = {:?}\n }}\n",
            next()
        ));
        auths.push(oauth(&next()));
    }
    auths.push("bearer_token = local.file.token.content\n".to_owned());
    let mut auths = auths.into_iter();
    for (number, auth) in auths.by_ref().take(4).enumerate() {
        let _ = writeln!(
            text,
            "loki.write \"w{number}\" {{\n endpoint {{\n url = \"{nowhere}/loki{number}\"\n {auth} }}\n}}"
        );
    }
    for (number, auth) in auths.by_ref().take(4).enumerate() {
        let _ = writeln!(
            text,
            "prometheus.remote_write \"r{number}\" {{\n endpoint {{\n url = \"{nowhere}/prom{number}\"\n {auth} }}\n}}"
        );
    }
    for (number, auth) in auths.by_ref().take(4).enumerate() {
        let _ = writeln!(
            text,
            "prometheus.scrape \"s{number}\" {{\n targets = [{{\"__address__\" = \"{}\"}}]\n scrape_interval = \"1s\"\n \
             scrape_timeout = \"1s\"\n forward_to = [prometheus.remote_write.r{number}.receiver]\n {auth} }}",
            nowhere.trim_start_matches("http://")
        );
    }
    for (number, auth) in auths.enumerate() {
        let _ = writeln!(
            text,
            "discovery.http \"d{number}\" {{\n url = \"{nowhere}/sd{number}\"\n refresh_interval = \"1s\"\n {auth} }}"
        );
    }
    let _ = writeln!(
        text,
        "prometheus.remote_write \"cloud\" {{\n endpoint {{\n url = \"{nowhere}/aws\"\n sigv4 {{\n region = \"eu-1\"\n access_key = \"AKIDEXAMPLE\"\n secret_key = {:?}\n }}\n }}\n \
         endpoint {{\n url = \"{nowhere}/azure\"\n azuread {{\n oauth {{\n client_id = \"00000000-0000-0000-0000-000000000000\"\n client_secret = {:?}\n tenant_id = \"00000000-0000-0000-0000-000000000000\"\n }}\n }}\n }}\n}}",
        next(),
        next()
    );
    let _ = writeln!(
        text,
        "otelcol.auth.basic \"a\" {{\n username = \"u\"\n password = {:?}\n}}\notelcol.auth.bearer \"a\" {{\n token = {:?}\n}}\n\
         otelcol.auth.headers \"a\" {{\n header {{\n key = \"x-key\"\n value = {:?}\n }}\n}}",
        next(),
        next(),
        next()
    );
    for auth in ["basic", "bearer", "headers"] {
        let _ = writeln!(
            text,
            "otelcol.exporter.otlphttp \"{auth}\" {{\n client {{\n endpoint = \"{nowhere}\"\n auth = otelcol.auth.{auth}.a.handler\n tls {{\n insecure_skip_verify = true\n }}\n }}\n}}"
        );
    }
    // Through a module, and through the language.
    let _ = writeln!(
        text,
        "declare \"inner\" {{\n argument \"password\" {{ }}\n loki.write \"w\" {{\n endpoint {{\n url = \"{nowhere}/inner\"\n basic_auth {{\n username = \"u\"\n \
         password = argument.password.value\n }}\n }}\n }}\n export \"receiver\" {{ value = loki.write.w.receiver }}\n}}\n\
         inner \"i\" {{\n password = convert.nonsensitive(local.file.token.content) + {:?}\n}}",
        next()
    );
    for number in 0..30 {
        let _ = writeln!(
            text,
            "discovery.http \"h{number}\" {{\n url = \"{nowhere}/headers{number}\"\n refresh_interval = \"1s\"\n http_headers = {{\"x-key\" = [{:?}]}}\n}}",
            next()
        );
    }
    let _ = writeln!(
        text,
        "loki.source.file \"f\" {{\n targets = [{{\"__path__\" = \"{}\"}}]\n forward_to = [loki.write.w0.receiver, inner.i.receiver]\n}}",
        dir.join("a.log").display()
    );
    text
}

/// Everything that the server shows: paths and what they answer.
fn pages(running: &Running, password: &str) -> Vec<(String, Vec<u8>)> {
    let get = |path: &str| exchange_as(running.port, path, USER, password).expect("the server answers");
    let list = get("/api/v0/web/components");
    assert_eq!(list.status, 200);
    let list: serde_json::Value = serde_json::from_slice(&list.body).expect("it is JSON");
    let ids = list.as_array().expect("a list").iter();
    let ids: Vec<String> = ids
        .map(|one| one["localID"].as_str().expect("an id").to_owned())
        .collect();
    assert!(ids.len() > 40, "{ids:?}");
    let mut paths: Vec<String> = [
        "/",
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/-/support?duration=2",
        "/api/v0/web/components",
        "/api/v0/web/modules/inner.i/components",
        "/api/v0/web/components/inner.i/loki.write.w",
        "/api/v0/web/peers",
        "/api/v0/invar/ledger",
        "/api/v0/invar/why",
        "/api/v0/invar/queues",
        "/api/v0/invar/top",
        "/api/v0/invar/remotecfg",
        "/debug/pprof/",
        "/debug/pprof/cmdline",
        "/debug/pprof/profile?seconds=1",
        "/graphql?query=%7Bcomponents%7Bid%20name%20arguments%20exports%20debugInfo%20health%7Bmessage%7D%7D%7D",
    ]
    .map(str::to_owned)
    .to_vec();
    for id in &ids {
        paths.push(format!("/api/v0/web/components/{id}"));
        paths.push(format!("/api/v0/invar/components/{id}"));
    }
    let mut pages = Vec::new();
    for path in paths {
        let answer = get(&path);
        assert!(
            answer.status == 200 || path == "/-/healthy",
            "{path}: {}",
            answer.status
        );
        pages.push((path, answer.body));
    }
    pages
}

/// The files of an archive that were stored or deflated.
fn unpacked(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).expect("it is a ZIP archive");
    (0..archive.len())
        .map(|at| {
            let mut file = archive.by_index(at).expect("the file is there");
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut file, &mut content).expect("the file is whole");
            (file.name().expect("names are texts").into_owned(), content)
        })
        .collect()
}

fn files(dir: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(dir).expect("the folder is readable") {
        let path = entry.expect("the folder is readable").path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push((
                path.display().to_string(),
                fs::read(&path).expect("the file is readable"),
            )),
        }
    }
}

#[test]
fn no_secret_shows_anywhere() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut secrets = Canaries(0);
    let text = config(dir.path(), &mut secrets);
    assert!(secrets.0 >= 50, "only {} secrets", secrets.0);
    let path = dir.path().join("config.alloy");
    fs::write(&path, &text).expect("the folder is writable");
    fs::write(dir.path().join("a.log"), "a line\nanother line\n").expect("the folder is writable");
    let flags = ["--stability.level=experimental", "--server.http.enable-graphql"];
    let running = Running::spawn(dir.path(), &path, &flags);
    running.wait_ready_as(USER, &name(1));
    // Long enough for everything to fail that cannot reach its server.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let mut shown = pages(&running, &name(1));
    let archive = shown
        .iter()
        .position(|(path, _)| path.starts_with("/-/support"))
        .expect("it was asked for");
    let bundle = unpacked(&shown[archive].1);
    for wanted in ["sources/config.alloy", "alloy-logs.txt", "alloy-components.json"] {
        assert!(
            bundle.iter().any(|(name, _)| name.ends_with(wanted)),
            "the bundle has {wanted}"
        );
    }
    shown.extend(bundle);

    // What is wrong with a configuration is told with the lines around it.
    let broken = text
        .replace("bearer_token = ", "bearer_tokens = ")
        .replace("client_secret", "client_secrets");
    fs::write(&path, broken).expect("the folder is writable");
    let answer = exchange_as(running.port, "/-/reload", USER, &name(1)).expect("the server answers");
    assert_eq!(answer.status, 400);
    assert!(String::from_utf8_lossy(&answer.body).contains("bearer_tokens"));
    shown.push(("/-/reload".to_owned(), answer.body));
    running.signal("HUP");
    std::thread::sleep(std::time::Duration::from_secs(1));
    let log = running.log();
    assert!(log.contains("failed to reload config"), "{log}");
    assert_eq!(running.stop(), 0);
    shown.push(("the log".to_owned(), log.into_bytes()));
    files(&dir.path().join("state"), &mut shown);

    let mut leaks = Vec::new();
    for (place, content) in &shown {
        let content = String::from_utf8_lossy(content);
        for number in 1..=secrets.0 {
            if content.contains(&name(number)) {
                leaks.push(format!("{} in {place}", name(number)));
            }
        }
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
}
