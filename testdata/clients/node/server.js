// The server under test, and receivers for what it delivers.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {createServer} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';

// The server, as `make build` leaves it.
const binary = fileURLToPath(new URL('../../../bin/hookwheel', import.meta.url));

// startServer starts a server on an empty data directory, on a free port, that
// delivers to this machine, and resolves when it answers. It ends with the
// test t.
export async function startServer(t) {
  const dir = await mkdtemp(join(tmpdir(), 'hookwheel-clients-'));
  const args = ['serve', '--dev', '--log-format', 'logfmt', '--listen', '127.0.0.1:0', '--data-dir', dir];
  const child = spawn(binary, args, {stdio: ['ignore', 'ignore', 'pipe']});
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(dir, {recursive: true});
  });
  const url = await new Promise((resolve, reject) => {
    const said = [];
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`the server ended instead of getting ready:\n${said.join('\n')}`)));
    createInterface({input: child.stderr}).on('line', (line) => {
      said.push(line);
      const found = /msg=ready url=(\S+)/.exec(line);
      if (found) resolve(new URL(found[1]));
    });
  });
  const key = (await readFile(join(dir, 'admin.key'), 'utf8')).trim();
  return new Server(url, key);
}

class Server {
  constructor(url, key) {
    this.url = url;
    this.key = key; // an admin key, which acts for the organization default
  }

  // call calls the native API, wants a 2xx, and resolves to the answer.
  async call(method, path, body) {
    const response = await fetch(new URL(path, this.url), {
      method,
      headers: {authorization: `Bearer ${this.key}`, 'content-type': 'application/json'},
      body: JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: got ${response.status} ${text}, want success`);
    return JSON.parse(text);
  }

  // post posts an event and resolves to its id.
  async post(event) {
    return (await this.call('POST', '/v1/events', event)).id;
  }
}

// startReceiver starts an endpoint that keeps what arrives and answers 200. It
// ends with the test t.
export async function startReceiver(t) {
  const receiver = new Receiver();
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    receiver.arrived({headers: request.headers, body: Buffer.concat(parts).toString()});
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  receiver.url = `http://127.0.0.1:${server.address().port}`;
  return receiver;
}

class Receiver {
  deliveries = [];
  waiting = [];

  arrived(delivery) {
    const waiter = this.waiting.shift();
    if (waiter) waiter(delivery);
    else this.deliveries.push(delivery);
  }

  // next resolves to the next delivery: {headers, body}, body being a string.
  async next() {
    if (this.deliveries.length > 0) return this.deliveries.shift();
    let timer;
    const delivery = new Promise((resolve) => this.waiting.push(resolve));
    const late = new Promise((_, reject) => {
      timer = setTimeout(reject, 10_000, new Error('nothing was received within 10 s'));
    });
    return Promise.race([delivery, late]).finally(() => clearTimeout(timer));
  }
}
