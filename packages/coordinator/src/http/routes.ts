/**
 * The one table of what the coordinator serves. A route answers without arguments: nothing in a request changes what is said.
 *
 * Responsible for: paths and contents. Not responsible for: methods, headers, limits (`server.ts`), or what is true (`status()`, the registry).
 */
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
}

/** By path, without query. */
export type Routes = Readonly<Record<string, Route>>;

export interface RouteSources {
  readonly registry: Registry;
  readonly status: () => Status;
  /** A monotonic clock. */
  readonly nowMs: () => number;
}

/** Metrics are rendered at most ten times a second, however often they are asked for: a flood of scrapes must not slow training down. */
const renderEveryMs = 100;

export function createRoutes({ registry, status, nowMs }: RouteSources): Routes {
  const render = rendered(registry, nowMs);
  return {
    '/metrics': {
      about: 'metrics in the Prometheus text format',
      answer: async () => ({ code: 200, type: registry.contentType, body: await render() }),
    },
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

function rendered(registry: Registry, nowMs: () => number): () => Promise<string> {
  let text: Promise<string> | undefined;
  let renderedMs = 0;
  return () => {
    const now = nowMs();
    if (text === undefined || now - renderedMs >= renderEveryMs) {
      renderedMs = now;
      text = registry.metrics();
    }
    return text;
  };
}
