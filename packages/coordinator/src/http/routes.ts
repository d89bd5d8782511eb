/**
 * What a coordinator serves beside the live page (`live/page-routes.ts`). Nothing in a request but its path changes what is said.
 *
 * Responsible for: paths and contents. Not responsible for: methods, headers, limits (`server.ts`), or what is true (`status()`, the registry).
 */
import type { ServerResponse } from 'node:http';
import { createMetricsText, scrapesPerSecond } from '@lockstep/shared';
import type { Registry } from 'prom-client';
import type { Status } from './status.ts';

export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  /** Beside the usual ones, or in their place. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  /** One line for people who ask for a path that is not there. */
  readonly about: string;
  readonly answer?: (path: string) => Answer | Promise<Answer>;
  /** In place of `answer`: takes over an answer that goes on and on. False, and nothing done, where there are too many of them. */
  readonly stream?: (response: ServerResponse) => boolean;
  /** Machines ask for it, by whatever name they know this host. */
  readonly byAnyName?: boolean;
  /** An address that asks more often is refused. */
  readonly mostPerSecond?: number;
}

/** By path, without query. One that ends with a slash stands for every path below it, unless it is the whole path. */
export type Routes = Readonly<Record<string, Route>>;

export interface RouteSources {
  readonly registry: Registry;
  readonly status: () => Status;
  /** Who serves metrics, as Prometheus's http_sd wants it. */
  readonly targets: () => unknown;
  /** A monotonic clock. */
  readonly nowMs: () => number;
}

export function createRoutes({ registry, status, targets, nowMs }: RouteSources): Routes {
  const render = createMetricsText(registry, nowMs);
  return {
    '/metrics': {
      about: 'metrics in the Prometheus text format',
      byAnyName: true,
      mostPerSecond: scrapesPerSecond,
      answer: async () => ({ code: 200, type: registry.contentType, body: await render() }),
    },
    '/sd': {
      about: 'everybody who serves metrics, for http_sd_configs of Prometheus',
      answer: () => json(200, targets()),
      byAnyName: true,
    },
    '/healthz': { about: '200 while the process lives', answer: () => plain(200, 'live'), byAnyName: true },
    '/readyz': {
      about: '200 while the run advances or is done, otherwise 503 and why',
      answer: () => readiness(status()),
      byAnyName: true,
    },
    '/status': { about: 'the state of the run as JSON, and one sentence that says why', answer: () => json(200, status()) },
  };
}

/** One line (or a few) for people. */
export function plain(code: number, text: string): Answer {
  return { code, type: 'text/plain; charset=utf-8', body: `${text}\n` };
}

export function json(code: number, value: unknown): Answer {
  return { code, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value, null, 2)}\n` };
}

function readiness({ ready, state, reason }: Status): Answer {
  return plain(ready ? 200 : 503, `${state}: ${reason}`);
}
