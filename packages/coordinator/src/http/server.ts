/**
 * The coordinator's HTTP server: GET and HEAD of the routes, nothing else.
 *
 * Responsible for: methods, headers, limits, and going away at once. Not responsible for: contents (`routes.ts`, `live/page-routes.ts`).
 *
 * It shares the event loop with training, so every client is bounded: connections, time to ask, time to take the answer. Request bodies
 * are never read. Nothing a client does throws into training; what goes wrong here is told to `warn`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createRateLimit, hostAndPort, listenHttp, type RateLimit } from '@lockstep/shared';
import { isOwnHost } from './hosts.ts';
import { type Answer, plain, type Route, type Routes } from './routes.ts';

export interface HttpLimits {
  readonly connections: number;
  /** To send the headers of a request. */
  readonly headersMs: number;
  /** To send a whole request. */
  readonly requestMs: number;
  /** To take a whole answer. */
  readonly answerMs: number;
  /** Between two requests on one connection. */
  readonly idleMs: number;
  /** How long one that asks too often waits for its refusal. */
  readonly refusalMs: number;
  /** How often overdue connections are looked for. */
  readonly checkEveryMs: number;
}

const defaultLimits: HttpLimits = {
  connections: 64,
  headersMs: 5_000,
  requestMs: 10_000,
  answerMs: 30_000,
  idleMs: 20_000,
  refusalMs: 500,
  checkEveryMs: 2_000,
};

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly routes: Routes;
  /** Is told, in a sentence, what went wrong after the start. */
  readonly warn: (sentence: string) => void;
  readonly limits?: Partial<HttpLimits>;
  /** A monotonic clock; default `performance.now`. */
  readonly nowMs?: () => number;
}

export interface HttpServer {
  /** 'http://127.0.0.1:9464': what a person opens, without a path. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Frees the port and cuts every connection, whatever its client does. Safe to repeat. */
  close(): Promise<void>;
}

/** Starts serving. Rejects with a LockstepError when the address cannot be had. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const limits = { ...defaultLimits, ...options.limits };
  const { warn } = options;
  const routes = new Map(Object.entries(options.routes));
  const answer = answerer(routes, limits, options, warn);
  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: limits.checkEveryMs,
    },
    (request, response) => {
      void answer(request, response);
    },
  );
  server.maxConnections = limits.connections;
  const { address: host, port } = await listenHttp(server, options.host, options.port);
  server.on('error', (error) => warn(`the metrics server met an error and goes on: ${error.message}`));
  return { url: `http://${hostAndPort(host, port)}`, host, port, close: closer(server) };
}

function closer(server: Server): () => Promise<void> {
  let closed: Promise<void> | undefined;
  return () => {
    closed ??= new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    return closed;
  };
}

type Answerer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Of the paths that have one. */
function limitsOf(routes: ReadonlyMap<string, Route>, nowMs: () => number): ReadonlyMap<string, RateLimit> {
  return new Map(
    [...routes].flatMap(([path, { mostPerSecond }]) =>
      mostPerSecond === undefined ? [] : [[path, createRateLimit(mostPerSecond, nowMs)]],
    ),
  );
}

/** Answers one request after another. Never rejects; what fails in a route is told once per path, or a client could fill the log. */
function answerer(
  routes: ReadonlyMap<string, Route>,
  { answerMs, refusalMs }: HttpLimits,
  { host, nowMs = () => performance.now() }: HttpServerOptions,
  warn: (sentence: string) => void,
): Answerer {
  const rates = limitsOf(routes, nowMs);
  const warned = new Set<string>();
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const overdue = setTimeout(() => request.socket.destroy(), answerMs).unref();
    response.on('close', () => clearTimeout(overdue));
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    if (rates.get(path)?.(request.socket.remoteAddress ?? '') === false) {
      // What else this client sends is not read: it has to come back, and until then it costs nothing.
      request.socket.pause();
      await delay(refusalMs, undefined, { ref: false });
      if (!response.destroyed) send(request, response, plain(429, 'asked too often: at most twenty times a second'));
      return;
    }
    const [served, route] = routeOf(routes, path);
    const refusal = refusalOf(request, route, host);
    if (refusal !== undefined) return send(request, response, refusal);
    if (route?.stream !== undefined) {
      clearTimeout(overdue);
      return stream(request, response, route.stream);
    }
    let answer: Answer;
    try {
      answer = (await route?.answer?.(path)) ?? notServed(routes);
    } catch (error) {
      if (!warned.has(served)) warn(`${served} cannot be served: ${error instanceof Error ? error.message : String(error)}`);
      warned.add(served); // only a path with a route gets here, so the set is bounded
      answer = plain(500, 'this cannot be served; the log of the coordinator says why');
    }
    if (!response.destroyed) send(request, response, answer);
  };
}

function routeOf(routes: ReadonlyMap<string, Route>, path: string): readonly [string, Route | undefined] {
  const above = path.slice(0, path.indexOf('/', 1) + 1);
  return routes.has(path) ? [path, routes.get(path)] : [above, routes.get(above)];
}

function refusalOf({ method, headers }: IncomingMessage, route: Route | undefined, bound: string): Answer | undefined {
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD are served');
  if (route === undefined || route.byAnyName === true || isOwnHost(headers.host, bound)) return undefined;
  return plain(421, 'this is not served under that name; use an address (http://127.0.0.1), or start with --metrics-host NAME');
}

function notServed(routes: ReadonlyMap<string, Route>): Answer {
  const known = [...routes].map(([served, { about }]) => `${served.padEnd(10)} ${about}`);
  return plain(404, ['nothing is served under this path; these are:', ...known].join('\n'));
}

/** For a browser: this server's own files only, in no frame of another site. */
const commonHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

function send(request: IncomingMessage, response: ServerResponse, { code, type, body, headers }: Answer): void {
  response.writeHead(code, {
    ...commonHeaders,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...(code === 405 ? { allow: 'GET, HEAD' } : {}),
    ...(code === 429 ? { 'retry-after': '1' } : {}),
    ...headers,
    // A body is not read: the connection ends instead, or a client could send one for ever.
    ...(hasBody(request) || code === 429 ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function stream(request: IncomingMessage, response: ServerResponse, open: NonNullable<Route['stream']>): void {
  // Not written yet, so that there can still be another answer.
  for (const [name, value] of Object.entries({ ...commonHeaders, 'content-type': 'text/event-stream' })) response.setHeader(name, value);
  if (request.method === 'HEAD') return void response.end();
  if (!open(response)) send(request, response, plain(503, 'too many pages are open; close one'));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}
