use super::*;

fn rewritten(text: &str) -> Result<Rewritten, String> {
    let mut urls = 0;
    let mut endpoint = |_: String| {
        urls += 1;
        format!("http://127.0.0.1:{urls}/loki/api/v1/push")
    };
    let evaluate = |text: &str| {
        literal::unquote(text.as_bytes())
            .ok()
            .and_then(|text| String::from_utf8(text).ok())
    };
    let mut port = || Ok(4711);
    let mut how = Harmless {
        root: "/tmp/root",
        endpoint: &mut endpoint,
        evaluate: &evaluate,
        port: &mut port,
    };
    let file = ConfigFile {
        name: "dir/config.alloy".to_owned(),
        file: "config.alloy".to_owned(),
        text: text.as_bytes().to_vec(),
    };
    rewrite(&[file], &mut how)
}

const OWN_CONFIG: &str = r#"
// What stays: comments, stages, names.
local.file_match "logs" {
	path_targets = [
		{"__path__" = "/var/log/*.log", "job" = "system"},
		{__path__ = `/srv/app/*.log`, "__path_exclude__" = "/srv/app/debug*.log"},
	]
}
http {
	auth { }
}
loki.source.file "logs" {
	targets    = local.file_match.logs.targets
	forward_to = [loki.process.p.receiver]
}
loki.process "p" {
	stage.cri {}
	stage.json { expressions = {"level" = ""} }
	forward_to = [loki.write.w.receiver]
}
loki.source.api "push" {
	http {
		listen_port = 3500
	}
	forward_to = [loki.write.w.receiver]
}
loki.write "w" {
	endpoint {
		url        = "https://user:pw@loki.example.com/loki/api/v1/push"
		batch_wait = "2s"
		headers    = {"Authorization" = "secret"}
		basic_auth {
			username = "me"
			password = sys.env("PASSWORD")
		}
		tls_config {
			insecure_skip_verify = true
		}
		queue_config {
			min_shards = 2
		}
	}
	endpoint {
		url = sys.env("LOKI_URL")
		max_backoff_retries = 3
	}
	external_labels = {"host" = constants.hostname}
}
"#;

#[test]
fn nothing_leads_away_and_everything_else_stays() {
    let all = rewritten(OWN_CONFIG).unwrap();
    let text = &all.files[0].1;
    for gone in [
        "example.com",
        "secret",
        "basic_auth",
        "PASSWORD",
        "tls_config",
        "LOKI_URL",
        "auth {",
        "3500",
        "\"/var",
        "`/srv",
    ] {
        assert!(!text.contains(gone), "{gone} is still in\n{text}");
    }
    for stays in [
        "// What stays",
        "stage.json { expressions = {\"level\" = \"\"} }",
        "batch_wait = \"2s\"",
        "min_shards = 2",
        "\"job\" = \"system\"",
        "\"/tmp/root/var/log/*.log\"",
        "\"/tmp/root/srv/app/debug*.log\"",
        "constants.hostname",
        "listen_port = 4711",
        "listen_address = \"127.0.0.1\"",
        "url        = \"http://127.0.0.1:1/loki/api/v1/push\"",
        "url = \"http://127.0.0.1:2/loki/api/v1/push\"",
    ] {
        assert!(text.contains(stays), "{stays} is missing in\n{text}");
    }
    assert!(syntax::parse("again", text.as_bytes()).1.is_empty(), "{text}");
    assert_eq!(all.form, Some(Form::Cri));
    assert_eq!(all.patterns.len(), 2);
    assert_eq!(all.excluded.len(), 1);
    assert_eq!(all.notes.len(), 1, "{:?}", all.notes);
}

#[test]
fn what_could_reach_others_is_refused() {
    let files = "loki.source.file \"f\" {\n\ttargets = [{__path__ = \"/a\"}]\n\tforward_to = []\n}\n";
    for (text, message) in [
        ("prometheus.scrape \"s\" { }\n", "\"prometheus.scrape\" could reach"),
        ("remotecfg { }\n", "\"remotecfg\" could reach"),
        ("import.git \"x\" { }\n", "\"import.git\" could reach"),
        (
            "discovery.kubernetes \"x\" { }\n",
            "\"discovery.kubernetes\" could reach",
        ),
        (
            "loki.process \"p\" {\n\tstage.sampling { rate = 0.5 }\n}\n",
            "drops lines by chance",
        ),
        (
            "loki.source.file \"g\" {\n\ttargets = [{__path__ = sys.env(\"X\")}]\n}\n",
            "is not a path that is known",
        ),
        (
            "loki.source.file \"g\" {\n\ttargets = [{__path__ = \"/a/../b\"}]\n}\n",
            "leads upwards",
        ),
    ] {
        let error = rewritten(&format!("{files}{text}")).unwrap_err();
        assert!(error.contains(message), "{error}");
        assert!(error.starts_with("dir/config.alloy:"), "{error}");
    }
    assert!(
        rewritten("loki.echo \"e\" { }\n")
            .unwrap_err()
            .contains("reads no files")
    );
    assert!(rewritten("loki.echo {").unwrap_err().contains("does not parse"));
}

#[test]
fn the_built_in_configuration_is_one() {
    let text = built_in("/tmp/root", "http://127.0.0.1:1/loki/api/v1/push");
    assert!(syntax::parse("built-in", text.as_bytes()).1.is_empty());
}
