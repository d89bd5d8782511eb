import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { createRoutes, plain, type Route, type RouteSources } from './routes.ts';
import { type HttpServer, type HttpServerOptions, startHttpServer } from './server.ts';
import type { Status } from './status.ts';

const status: Status = {
  state: 'training',
  reason: 'step 12 of 100 with 4 workers',
  ready: true,
  runId: 'run-1',
  recipe: 'gan',
  step: 12,
  steps: 100,
  workers: { wanted: 4, live: 4, states: { computing: 4 }, each: [] },
};

/** Nothing here waits for long: a connection that should have ended and has not is a failure. */
const patience = { timeout: 20_000 };
const bigLength = 32 * 1024 * 1024;
const big: Route = { about: 'more than the buffers of a socket hold', answer: () => plain(200, 'x'.repeat(bigLength)) };
const never: Route = { about: 'an answer that does not come', answer: () => new Promise<never>(() => {}) };

/** A server on a free loopback port that is closed after the test; `warnings` collects what it complains about. */
async function start(
  context: TestContext,
  { routes, ...options }: Partial<HttpServerOptions & RouteSources> = {},
): Promise<HttpServer & { warnings: string[] }> {
  const warnings: string[] = [];
  const warn = (sentence: string): void => void warnings.push(sentence);
  const own = createRoutes({
    registry: new Registry(),
    status: () => status,
    targets: () => [],
    nowMs: () => performance.now(),
    ...options,
  });
  const server = await startHttpServer({ host: '127.0.0.1', port: 0, warn, ...options, routes: { ...own, ...routes } });
  // Not awaited: a connection that keeps it from closing is destroyed by the hooks that follow.
  context.after(() => void server.close());
  return { ...server, warnings };
}

/** A connection that has sent `text` and listens for the end. Resets are an end like another. */
async function raw(context: TestContext, { port, host }: HttpServer, text = ''): Promise<{ socket: Socket; ended: Promise<string> }> {
  const socket = connect(port, host);
  context.after(() => socket.destroy());
  let received = '';
  socket.on('data', (chunk) => (received += chunk.toString())).on('error', () => {});
  const ended = new Promise<string>((resolve) => socket.on('close', () => resolve(received)));
  await once(socket, 'connect');
  socket.write(text);
  return { socket, ended };
}

test('every path is served by GET, with its length, unstored and unsniffed', patience, async (context) => {
  const { url, port } = await start(context);
  assert.equal(url, `http://127.0.0.1:${port}`);
  for (const path of ['/metrics', '/healthz', '/readyz', '/status', '/status?pretty=1']) {
    const response = await fetch(`${url}${path}`);
    const body = await response.text();
    assert.equal(response.status, 200, path);
    assert.equal(response.headers.get('content-length'), String(Buffer.byteLength(body)));
    assert.equal(response.headers.get('cache-control'), 'no-store');
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  }
});

test('HEAD has the headers of GET and no body', patience, async (context) => {
  const { url } = await start(context);
  const [head, get] = [await fetch(`${url}/status`, { method: 'HEAD' }), await fetch(`${url}/status`)];
  assert.equal(head.status, 200);
  assert.equal(await head.text(), '');
  assert.equal(head.headers.get('content-length'), String((await get.text()).length));
});

test('other methods are refused and their bodies are not read', patience, async (context) => {
  const server = await start(context);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const response = await fetch(`${server.url}/metrics`, { method });
    assert.equal(response.status, 405, method);
    assert.equal(response.headers.get('allow'), 'GET, HEAD');
    await response.text();
  }
  const { ended } = await raw(
    context,
    server,
    'POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nfirst bytes',
  );
  assert.match(await ended, /^HTTP\/1\.1 405 [^]*connection: close/i);
  const chunked = await raw(
    context,
    server,
    'GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  );
  assert.match(await chunked.ended, /^HTTP\/1\.1 200 [^]*connection: close[^]*live\n$/i);
});

test('an unknown path is answered with the known ones, further routes included', patience, async (context) => {
  const { url } = await start(context, { routes: { '/more': { about: 'one more', answer: () => plain(200, 'more') } } });
  for (const path of ['/', '/nothing', '/metrics/', '/__proto__', '/toString']) {
    const response = await fetch(`${url}${path}`);
    assert.equal(response.status, 404, path);
    const body = await response.text();
    for (const known of ['/metrics', '/healthz', '/readyz', '/status', '/sd', '/more'])
      assert.match(body, new RegExp(`^${known} +\\S`, 'm'));
  }
  assert.equal(await (await fetch(`${url}/more`)).text(), 'more\n');
});

test('a route that fails answers 500 without details, tells the log once, and harms nothing else', patience, async (context) => {
  const registry = new Registry();
  registry.metrics = () => Promise.reject(new Error('secret detail'));
  const broken = (): never => {
    throw new Error('secret detail');
  };
  const { url, warnings } = await start(context, { registry, status: broken });
  for (const path of ['/metrics', '/status', '/readyz', '/status']) {
    const response = await fetch(`${url}${path}`);
    assert.equal(response.status, 500, path);
    assert.doesNotMatch(await response.text(), /secret/);
  }
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.deepEqual(
    warnings,
    ['/metrics', '/status', '/readyz'].map((path) => `${path} cannot be served: secret detail`),
  );
});

test('a name that a web site may have pointed here is refused, but for what machines ask', patience, async (context) => {
  const server = await start(context);
  const ask = async (path: string): Promise<string> =>
    (await raw(context, server, `GET ${path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`)).ended;
  assert.match(await ask('/status'), /^HTTP\/1\.1 421 [^]*--metrics-host/);
  for (const path of ['/metrics', '/healthz', '/readyz']) assert.match(await ask(path), /^HTTP\/1\.1 200 /);
});

test('malformed requests are refused and harm nothing', patience, async (context) => {
  const server = await start(context);
  for (const text of [
    '\r\n\r\nnonsense\r\n\r\n',
    'GET /healthz HTTP/9.9\r\n\r\n',
    `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
    '\u0016\u0003\u0001',
  ]) {
    const { socket, ended } = await raw(context, server, text);
    socket.end();
    assert.match(await ended, /^HTTP\/1\.1 4\d\d |^$/);
  }
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
});

test('who asks for metrics more than twenty times in a second is refused, late, and on no other path', patience, async (context) => {
  const clock = { nowMs: 0 };
  const { url } = await start(context, { nowMs: () => clock.nowMs, limits: { refusalMs: 100 } });
  const codes = async (count: number): Promise<number[]> =>
    Promise.all(Array.from({ length: count }, async () => (await fetch(`${url}/metrics`)).status));
  assert.deepEqual(await codes(20), Array<number>(20).fill(200));
  const startMs = performance.now();
  const refused = await fetch(`${url}/metrics`);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.equal(refused.headers.get('connection'), 'close');
  assert.ok(performance.now() - startMs > 90, 'a client that does not wait by itself is made to');
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  clock.nowMs = 1000;
  assert.deepEqual(await codes(20), Array<number>(20).fill(200));
});

test('a client that is refused is not read until then: what it sends on costs nothing', patience, async (context) => {
  let asked = 0;
  const route: Route = { about: 'counts', mostPerSecond: 0, answer: () => plain(200, String((asked += 1))) };
  const server = await start(context, { routes: { '/limited': route }, limits: { refusalMs: 50 } });
  const { ended } = await raw(context, server, 'GET /limited HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3));
  assert.match(await ended, /^HTTP\/1\.1 429 [^]*connection: close/i);
  assert.equal(asked, 0);
});

test('a port in use is refused with the flag to change', patience, async (context) => {
  const { port } = await start(context);
  await assert.rejects(start(context, { port }), { code: 'address-in-use', message: /--metrics-port/ });
});

test('clients that are slow to ask are cut off', patience, async (context) => {
  const server = await start(context, { limits: { headersMs: 30, requestMs: 60, checkEveryMs: 10 } });
  const silent = await raw(context, server);
  const halfway = await raw(context, server, 'GET /metrics HTTP/1.1\r\nHost: ');
  assert.match(await silent.ended, /^$|408/);
  assert.match(await halfway.ended, /^HTTP\/1\.1 408 /);
});

test('clients that do not take their answer, or whose answer does not come, are cut off', patience, async (context) => {
  const server = await start(context, { routes: { '/big': big, '/never': never }, limits: { answerMs: 50 } });
  const stuck = await raw(context, server, 'GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(stuck.socket, 'data');
  stuck.socket.pause();
  const waiting = await raw(context, server, 'GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.equal(await waiting.ended, '');
  // The one that waited asked later, so by now the stuck one is cut as well: what it still reads is what was under way.
  stuck.socket.resume();
  assert.ok((await stuck.ended).length < bigLength);
});

test('connections beyond the limit are dropped', patience, async (context) => {
  const server = await start(context, { limits: { connections: 2 } });
  const held = [await raw(context, server), await raw(context, server)];
  const third = await raw(context, server, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.equal(await third.ended, '');
  for (const { socket } of held) socket.destroy();
});

test('closing cuts silent, idle and stuck clients, frees the port, and may be repeated', patience, async (context) => {
  const server = await start(context, { routes: { '/big': big, '/never': never } });
  const silent = await raw(context, server);
  const halfway = await raw(context, server, 'GET /metrics HTTP/1.1\r\nHost:');
  const waiting = await raw(context, server, 'GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const stuck = await raw(context, server, 'GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(stuck.socket, 'data');
  stuck.socket.pause();
  const idle = await raw(context, server, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(idle.socket, 'data');
  await Promise.all([server.close(), server.close()]);
  stuck.socket.resume();
  for (const { ended } of [silent, halfway, waiting, idle]) await ended;
  assert.ok((await stuck.ended).length < bigLength);
  const again = await start(context, { port: server.port });
  assert.equal(again.port, server.port);
  await again.close();
});
