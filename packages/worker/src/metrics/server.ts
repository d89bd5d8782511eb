/**
 * Serves a worker's metrics: GET /metrics, nothing else.
 *
 * It shares the event loop with computing, so every client is bounded: connections, time, and how often it may ask.
 */
import { createServer, type RequestListener } from 'node:http';
import { createMetricsText, createRateLimit, listenHttp, reachableAddress, scrapesPerSecond } from '@lockstep/shared';
import type { Registry } from 'prom-client';

export interface ServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly registry: Registry;
  readonly nowMs: () => number;
}

export interface MetricsServer {
  /** HOST:PORT, as others reach it. */
  readonly address: string;
  close(): void;
}

const limits = { headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 20_000, connectionsCheckingInterval: 2000 };
const mostConnections = 16;

/** Rejects with a LockstepError when the address cannot be had. */
export async function serveMetrics({ host, port, registry, nowMs }: ServerOptions): Promise<MetricsServer> {
  const server = createServer(limits, answerer(registry, nowMs));
  server.maxConnections = mostConnections;
  const { address, port: taken } = await listenHttp(server, host, port);
  // A worker that is done ends, whoever still listens.
  server.unref();
  return {
    address: reachableAddress({ host: address, port: taken }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answerer(registry: Registry, nowMs: () => number): RequestListener {
  const text = createMetricsText(registry, nowMs);
  const allows = createRateLimit(scrapesPerSecond, nowMs);
  return (request, response) => {
    const refuse = (code: number): void => void response.writeHead(code, { connection: 'close' }).end();
    if (request.method !== 'GET' || request.url !== '/metrics') return refuse(404);
    if (!allows(request.socket.remoteAddress ?? '')) return refuse(429);
    text().then(
      (body) => response.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' }).end(body),
      () => refuse(500),
    );
  };
}
