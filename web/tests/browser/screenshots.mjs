// Takes the pictures of docs/images: `INVAR=… npm run screenshots`. The program runs on a small but whole configuration.
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch, open } from './browser.mjs';
import { Program, sink, writer } from './program.mjs';

const images = process.env.IMAGES ?? fileURLToPath(new URL('../../../docs/images', import.meta.url));

/** @param {string} url @param {Program} program */
const config = (url, { dir, port }) => `
livedebugging { enabled = true }

local.file "region" { filename = "${dir}/region" }

local.file_match "shop" { path_targets = [{"__path__" = "${dir}/*.log", "job" = "shop/api"}] }

loki.source.file "shop" {
	targets    = local.file_match.shop.targets
	forward_to = [loki.process.shop.receiver]
}

loki.process "shop" {
	stage.json { expressions = {level = "level", took = "duration_ms"} }
	stage.labels { values = {level = ""} }
	stage.static_labels { values = {region = local.file.region.content} }
	stage.drop {
		source              = "level"
		value               = "debug"
		drop_counter_reason = "debug_lines"
	}
	forward_to = [scrub.personal.receiver, loki.write.audit.receiver]
}

declare "scrub" {
	argument "to" { }

	loki.process "addresses" {
		stage.replace {
			expression = "(\\\\d+\\\\.\\\\d+\\\\.\\\\d+\\\\.\\\\d+)"
			replace    = "x.x.x.x"
		}
		forward_to = argument.to.value
	}

	export "receiver" { value = loki.process.addresses.receiver }
}

scrub "personal" { to = [loki.write.central.receiver] }
${writer(dir, 'central', url, 'external_labels = {cluster = "eu-1"}')}
loki.write "audit" { endpoint { url = "http://127.0.0.1:9/loki/api/v1/push" } }

prometheus.exporter.unix "host" { }

discovery.relabel "host" {
	targets = prometheus.exporter.unix.host.targets

	rule {
		target_label = "instance"
		replacement  = "shop-1"
	}
}

prometheus.scrape "host" {
	targets         = discovery.relabel.host.output
	scrape_interval = "2s"
	scrape_timeout  = "1s"
	forward_to      = [prometheus.relabel.keep.receiver]
}

prometheus.scrape "self" {
	targets         = [{"__address__" = "127.0.0.1:${port}"}]
	scrape_interval = "2s"
	scrape_timeout  = "1s"
	forward_to      = [prometheus.relabel.keep.receiver]
}

prometheus.relabel "keep" {
	rule {
		action        = "drop"
		source_labels = ["__name__"]
		regex         = "go_.*|node_network_.*"
	}
	forward_to = [prometheus.remote_write.mimir.receiver]
}

prometheus.remote_write "mimir" { endpoint { url = "${url}" } }

otelcol.receiver.otlp "in" {
	http { endpoint = "127.0.0.1:0" }
	output { traces = [otelcol.processor.batch.all.input] }
}

otelcol.processor.batch "all" {
	output { traces = [otelcol.exporter.otlphttp.tempo.input] }
}

otelcol.exporter.otlphttp "tempo" { client { endpoint = "http://127.0.0.1:9" } }
`;

const WORDS = ['paid', 'put into', 'opened', 'cache miss for', 'took from'];
let n = 0;
const line = () => {
  n += 1;
  const level = n % 5 === 3 ? 'debug' : n % 41 === 0 ? 'warn' : 'info';
  return `{"level":"${level}","message":"${WORDS[n % 5]} basket ${8000 + n}","peer":"10.0.${n % 200}.7","duration_ms":${(n * 7) % 90}}\n`;
};

const loki = await sink();
const program = await Program.start((p) => config(loki.url, p), { files: { token: 'shown to nobody', 'api.log': '', region: 'north' } });
// One that is not well: its file is gone.
await rm(join(program.dir, 'region'));
const writing = setInterval(() => appendFile(join(program.dir, 'api.log'), Array.from({ length: 12 }, line).join('')), 50);
const browser = await launch();
try {
  for (const scheme of /** @type {const} */ (['light', 'dark'])) {
    const { page, problems } = await open(browser, program.origin, { colorScheme: scheme, reducedMotion: 'no-preference' });
    const shoot = async (/** @type {string} */ name) => {
      await page.screenshot({ path: join(images, `ui-${name}${scheme === 'dark' ? '-dark' : ''}.png`) });
    };
    await page.goto(`${program.base}/`);
    await page.getByText('loki.process.addresses').waitFor();
    await page.locator('.row-unhealthy').waitFor();
    await shoot('list');
    await page.goto(`${program.base}/graph?open=scrub.personal`);
    await page.locator('.edge.is-flowing').nth(6).waitFor();
    await page.waitForTimeout(9000);
    await shoot('graph');
    await page.goto(`${program.base}/component/loki.process.shop`);
    await page.getByText('debug_lines:').waitFor();
    await shoot('component');
    await page.goto(`${program.base}/why`);
    await page.locator('.examples li').first().waitFor();
    await shoot('why');
    await page.goto(`${program.base}/queues`);
    await page.locator('.queues tbody tr').first().waitFor();
    await page.waitForTimeout(4000);
    await shoot('queues');
    await page.goto(`${program.base}/`);
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Live debugging' }).click();
    await page.getByLabel('before and after each stage').check();
    await page.getByRole('combobox', { name: 'Components or edges' }).fill('loki.process.shop');
    await page.keyboard.press('Tab');
    const stages = page.locator('.tap-rows tr.moment-stage', { hasText: 'stage.labels' });
    // Until a record is in view that is in the stages.
    do {
      await page.waitForTimeout(700);
      await page.getByRole('button', { name: /Pause|Go on/ }).click();
      await page.waitForTimeout(200);
    } while (!(await page.getByRole('button', { name: 'Go on' }).isVisible()) || (await stages.count()) === 0);
    await stages.last().locator('.line').click();
    await page.locator('.detail').waitFor();
    await shoot('live');
    console.log(scheme, problems);
  }
} finally {
  clearInterval(writing);
  await browser.close();
  await program.stop();
  loki.stop();
}
