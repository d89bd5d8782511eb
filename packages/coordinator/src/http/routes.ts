/**
 * The one table of what the coordinator serves. A route answers without arguments: nothing in a request changes what is said.
 *
 * Responsible for: paths and contents. Not responsible for: methods, headers, limits (`server.ts`), or what is true (`status()`, the registry).
 */
import { createMetricsText, scrapesPerSecond } from '@lockstep/shared';
import type { Registry } from 'prom-client';
import type { Status } from './status.ts';

export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

export interface Route {
  /** One line for people who ask for a path that is not there. */
  readonly about: string;
  readonly answer: () => Answer | Promise<Answer>;
  /** An address that asks more often is refused. */
  readonly mostPerSecond?: number;
}

/** By path, without query. */
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
      mostPerSecond: scrapesPerSecond,
      answer: async () => ({ code: 200, type: registry.contentType, body: await render() }),
    },
    '/sd': { about: 'everybody who serves metrics, for http_sd_configs of Prometheus', answer: () => json(200, targets()) },
    '/healthz': { about: '200 while the process lives', answer: () => plain(200, 'live') },
    '/readyz': { about: '200 while the run advances or is done, otherwise 503 and why', answer: () => readiness(status()) },
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
