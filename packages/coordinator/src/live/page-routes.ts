/** Paths of the live page: the page itself, its events, and pictures. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256 } from '@lockstep/shared';
import { type Answer, plain, type Routes } from '../http/routes.ts';
import type { LiveFeed } from './live-feed.ts';
import type { RunView } from './run-view.ts';

/** Where the build puts the page; the same for sources and for what is compiled from them. */
const built = fileURLToPath(new URL('../../dist/page/', import.meta.url));
const types = {
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;
const maximumGridBytes = 64 * 1024 * 1024;
/** Addresses carry a hash of the content, or the run's id. */
const keep = { 'cache-control': 'private, max-age=86400, immutable' };

export function pageRoutes(runs: readonly RunView[], feed: LiveFeed): Routes {
  return {
    '/': { about: 'the live page, for a browser', answer: page },
    '/page.js': { about: 'its program', answer: () => asset('page.js') },
    '/page.css': { about: 'its style', answer: () => asset('page.css') },
    '/icon.svg': { about: 'its icon', answer: () => asset('icon.svg') },
    '/events': { about: 'what it shows, as server-sent events', stream: feed.connect },
    '/grids/': { about: 'pictures: /grids/0/step-000250.png', answer: (path) => grid(runs, path) },
  };
}

async function page(): Promise<Answer> {
  const [html, js, css] = await Promise.all(['page.html', 'page.js', 'page.css'].map((name) => readFile(join(built, name), 'utf8')));
  const hash = (text: string) => sha256(new TextEncoder().encode(text)).slice(0, 16);
  const body = html!.replace('/page.js', `/page.js?${hash(js!)}`).replace('/page.css', `/page.css?${hash(css!)}`);
  return { code: 200, type: 'text/html; charset=utf-8', body };
}

async function asset(name: keyof typeof types): Promise<Answer> {
  return { code: 200, type: types[name], body: await readFile(join(built, name), 'utf8'), headers: keep };
}

/** Names are taken apart, never joined as they came. */
async function grid(runs: readonly RunView[], path: string): Promise<Answer> {
  const match = /^\/grids\/(\d{1,4})\/(step-\d{6,15}\.png)$/.exec(path);
  const run = match === null ? undefined : runs[Number(match[1])];
  if (run === undefined) return plain(404, 'there are no such pictures; an address of some is /grids/0/step-000250.png');
  const file = join(run.path, 'grids', match![2]!);
  try {
    const { size } = await stat(file);
    if (size > maximumGridBytes) return plain(404, 'this file is too big for a grid of pictures');
    return { code: 200, type: 'image/png', body: await readFile(file), headers: keep };
  } catch {
    return plain(404, 'there are no pictures of this step');
  }
}
