/** The stream and the paths of the page, over a real socket. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { startHttpServer } from '../http/server.ts';
import { createLiveFeed, type LiveFeed } from './live-feed.ts';
import type { RunMessage } from './messages.ts';
import { pageRoutes } from './page-routes.ts';
import { createRunView, type RunView } from './run-view.ts';
import { writtenRun } from './testing.ts';

const patience = { timeout: 30_000 };

async function serve(t: TestContext, runs: readonly RunView[], warnings: string[] = []) {
  const warn = (sentence: string): void => void warnings.push(sentence);
  const feed: LiveFeed = createLiveFeed(runs, warn);
  const server = await startHttpServer({ host: '127.0.0.1', port: 0, routes: pageRoutes(runs, feed), warn });
  t.after(() => server.close());
  return { feed, ...server };
}

/** What a page hears, message by message. */
async function listenTo(t: TestContext, url: string) {
  const abort = new AbortController();
  t.after(() => abort.abort());
  const response = await fetch(`${url}/events`, { signal: abort.signal });
  const messages = (async function* (): AsyncGenerator<RunMessage> {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const [message] = [text.slice(0, end), (text = text.slice(end + 2))];
        if (message.startsWith('data: ')) yield JSON.parse(message.slice('data: '.length)) as RunMessage;
      }
    }
  })();
  const next = async (isIt: (message: RunMessage) => boolean): Promise<RunMessage> => {
    for (;;) {
      const { value, done } = await messages.next();
      assert.ok(done !== true, 'the stream ended');
      if (isIt(value)) return value;
    }
  };
  return { response, messages, next, close: () => abort.abort() };
}

test('a page hears everything of every run, then what is new, then how it ended', patience, async (t) => {
  const [one, two] = [await writtenRun(t), await writtenRun(t)];
  await one.losses(1, 3);
  const { url, feed } = await serve(t, [createRunView(one.path), createRunView(two.path)]);
  const page = await listenTo(t, url);
  assert.match(page.response.headers.get('content-type')!, /^text\/event-stream/);
  const [first, second] = [(await page.messages.next()).value as RunMessage, (await page.messages.next()).value as RunMessage];
  assert.deepEqual([first.run, first.count, first.curves?.steps, second.run], [0, 2, [1, 2, 3], 1]);
  await two.losses(1, 1);
  const news = await page.next(({ run, head }) => run === 1 && head?.step === 1);
  assert.deepEqual(news.curves?.steps, [1]);
  await one.event('coordinator-ended', { outcome: 'completed', reason: 'All done.' });
  const ended = feed.end();
  assert.equal((await page.next(({ head }) => head?.state === 'finished')).head?.reason, 'All done.');
  await ended;
  for await (const { run } of page.messages) assert.notEqual(run, undefined);
});

test('pages beyond the bound are refused, and there is room again when one closes', patience, async (t) => {
  const run = await writtenRun(t);
  const { url } = await serve(t, [createRunView(run.path)]);
  const pages = [];
  for (let number = 0; number < 16; number += 1) pages.push(await listenTo(t, url));
  const refused = await fetch(`${url}/events`);
  assert.deepEqual([refused.status, await refused.text()], [503, 'too many pages are open; close one\n']);
  pages[0]!.close();
  for (let status = 503; status !== 200;) {
    const abort = new AbortController();
    ({ status } = await fetch(`${url}/events`, { signal: abort.signal }));
    abort.abort();
  }
});

test('a page that does not take what it is told is cut off', patience, async () => {
  const events = Array.from({ length: 50_000 }, (_, index) => ({ time: 't', event: 'e', text: `${index}`.repeat(20) }));
  const view: RunView = { path: '/', refresh: async () => {}, all: () => ({ events }) as never, news: () => ({ events }) };
  const unread = new PassThrough({ highWaterMark: 1 });
  assert.ok(createLiveFeed([view], assert.fail).connect(unread as never));
  await once(unread, 'close');
});

test('the end does not wait for such a page for ever', patience, async () => {
  const view: RunView = { path: '/', refresh: async () => {}, all: () => ({ events: [] }) as never, news: () => ({}) };
  const feed = createLiveFeed([view], assert.fail);
  const unread = new PassThrough({ highWaterMark: 1 });
  feed.connect(unread as never);
  await feed.end();
  unread.destroy();
  await once(unread, 'close');
});

test('a directory that cannot be read is told once, and heals', patience, async (t) => {
  const warnings: string[] = [];
  let fails = true;
  const run = await writtenRun(t);
  const view = createRunView(run.path);
  const refresh = (): Promise<void> => (fails ? Promise.reject(new Error('EIO')) : view.refresh());
  const { url } = await serve(t, [{ ...view, refresh }], warnings);
  const page = listenTo(t, url);
  while (warnings.length === 0) await new Promise((resolve) => setImmediate(resolve));
  fails = false;
  const again = await listenTo(t, url);
  await again.next(({ head }) => head !== undefined);
  void page.catch(() => {});
  assert.deepEqual(warnings, ['the live page cannot read the run: EIO']);
});

test('pictures are served by run and step, and nothing else is', patience, async (t) => {
  const run = await writtenRun(t);
  await run.grid(250, 'png bytes');
  const { url, port } = await serve(t, [createRunView(run.path)]);
  const found = await fetch(`${url}/grids/0/step-000250.png?gan-1`);
  assert.deepEqual([found.status, found.headers.get('content-type'), await found.text()], [200, 'image/png', 'png bytes']);
  const raw = async (path: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    let text = '';
    for await (const chunk of socket) text += chunk as string;
    return text;
  };
  for (const path of [
    '/grids/0/step-000251.png',
    '/grids/1/step-000250.png',
    '/grids/0/../config.json',
    '/grids/0/..%2fconfig.json',
    '/grids/0/step-000250.png/',
    '/grids/../config.json',
    '/grids/',
  ])
    assert.match(await raw(path), /^HTTP\/1\.1 404 /, path);
});

test('the page comes with its program and style, and a policy that lets in nothing else', patience, async (t) => {
  const run = await writtenRun(t);
  const { url } = await serve(t, [createRunView(run.path)]);
  const page = await fetch(`${url}/`);
  const html = await page.text();
  assert.equal(page.status, 200, html);
  const policy = page.headers.get('content-security-policy')!;
  for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"])
    assert.ok(policy.includes(part), part);
  assert.doesNotMatch(policy, /unsafe|https?:|data:/);
  assert.doesNotMatch(html, /<style|style=|<script(?! src)|https?:/);
  for (const name of ['page.js', 'page.css']) {
    const address = new RegExp(`/${name.replace('.', '\\.')}\\?[0-9a-f]{16}`).exec(html)![0];
    const asset = await fetch(`${url}${address}`);
    assert.equal(asset.status, 200);
    assert.match(asset.headers.get('cache-control')!, /immutable/);
    assert.ok((await asset.text()).length < 80_000);
  }
});
