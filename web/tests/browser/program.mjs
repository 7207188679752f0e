// The real program, with a configuration of its own, on a free port of this machine.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BINARY = process.env.INVAR ?? 'invar';
/** Pages of this folder instead of those in the program, for tests while they are edited. */
const PAGES = process.env.UI_DIR ? [`--server.http.ui-dir=${process.env.UI_DIR}`] : [];

/** @returns {Promise<number>} */
const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => done(port));
    });
  });

/** @param {() => Promise<boolean>} is @param {string} what @param {number} [seconds] */
export async function until(is, what, seconds = 30) {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    if (await is().catch(() => false)) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

/** A program under test. */
export class Program {
  /** @type {import('node:child_process').ChildProcess|undefined} */
  child;
  said = '';
  dir = '';
  port = 0;
  prefix = '';

  /**
   * @param {string | ((program: Program) => string)} config
   * @param {{ prefix?: string, files?: Record<string, string>, args?: string[] }} [options]
   */
  static async start(config, { prefix = '', files = {}, args = [] } = {}) {
    const program = new Program();
    program.prefix = prefix;
    program.args = args;
    program.dir = await mkdtemp(join(tmpdir(), 'invar-ui-'));
    program.port = await freePort();
    for (const [name, content] of Object.entries(files)) await writeFile(join(program.dir, name), content);
    await program.configure(typeof config === 'string' ? config : config(program));
    await program.run();
    return program;
  }

  /** @type {string[]} */
  args = [];

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }
  get base() {
    return this.origin + this.prefix;
  }

  /** @param {string} text */
  configure(text) {
    return writeFile(join(this.dir, 'config.alloy'), text);
  }

  async run() {
    const paths = this.prefix ? [`--server.http.ui-path-prefix=${this.prefix}`] : [];
    this.child = spawn(BINARY, ['run', `--server.http.listen-addr=127.0.0.1:${this.port}`, `--storage.path=${join(this.dir, 'data')}`, ...paths, ...PAGES, ...this.args, join(this.dir, 'config.alloy')]);
    this.child.on('error', (error) => (this.said += `${error}\n`));
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', (text) => (this.said = (this.said + text).slice(-20_000)));
    await until(async () => (await fetch(`${this.origin}/-/ready`)).ok, `${BINARY} is ready`).catch((error) => {
      throw new Error(`${error.message}\n${this.said}`);
    });
  }

  async reload() {
    const answer = await fetch(`${this.origin}/-/reload`, { method: 'POST' });
    if (!answer.ok) throw new Error(await answer.text());
  }

  async kill() {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    const hard = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(hard);
  }

  async stop() {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** A Loki that takes everything. */
export async function sink() {
  const server = createServer((asked, to) => {
    asked.resume();
    asked.on('end', () => to.writeHead(204).end());
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}/loki/api/v1/push`, stop: () => (server.closeAllConnections(), server.close()) };
}

/** A secret in a file, and what sends with it. @param {string} dir @param {string} name @param {string} url @param {string} [more] */
export const writer = (dir, name, url, more = '') => `
local.file "token" {
	filename  = "${dir}/token"
	is_secret = true
}

loki.write "${name}" {
	endpoint {
		url          = "${url}"
		bearer_token = local.file.token.content
		batch_wait   = "100ms"
	}
	${more}
}
`;

/** Files to a stage that drops, and on to a sink; one module; one secret. @param {string} url @param {string} dir @param {string} [more] */
export const pipeline = (url, dir, more = '') => `
loki.source.file "app" {
	targets    = [{__path__ = "${dir}/app.log", job = "shop"}]
	forward_to = [loki.process.app.receiver]
	file_match { enabled = false }
}
loki.process "app" {
	stage.json { expressions = {level = "level"} }
	stage.labels { values = {level = ""} }
	stage.drop {
		source              = "level"
		value               = "debug"
		drop_counter_reason = "debug_lines"
	}
	forward_to = [tidy.one.receiver]
}
declare "tidy" {
	argument "to" { }
	loki.process "inner" {
		stage.static_labels { values = {tidy = "yes"} }
		forward_to = argument.to.value
	}
	export "receiver" { value = loki.process.inner.receiver }
}
tidy "one" { to = [loki.write.out.receiver] }
${writer(dir, 'out', url)}
${more}`;

/** Lines as the pipeline takes them: every fourth is dropped. @param {number} n @param {number} [from] */
export const lines = (n, from = 0) =>
  Array.from({ length: n }, (_, i) => `{"level":"${(from + i) % 4 === 3 ? 'debug' : 'info'}","message":"basket ${from + i}"}\n`).join('');
