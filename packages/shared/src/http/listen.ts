/** Binding the metrics port, with errors for people. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { LockstepError } from '../errors.ts';

/** Listens; port 0 takes any free one. Rejects with a LockstepError (`address-in-use`, `address-invalid`) that says what to do. */
export function listenHttp(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(explain(error, host, port));
    server.once('error', failed);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', failed);
      // A string only for pipes, null only when not listening.
      resolve(server.address() as AddressInfo);
    });
  });
}

/** Where others reach a server: a wildcard address is where one listens, not where one connects. */
export function reachableAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return hostAndPort(['0.0.0.0', '::'].includes(host) ? hostname() : host, port);
}

/** `host:port` as URLs have it: IPv6 addresses in brackets. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): LockstepError {
  const place = `metrics cannot be served on ${hostAndPort(host, port)}`;
  const options = { cause: error };
  switch (error.code) {
    case 'EADDRINUSE':
      return new LockstepError(
        'address-in-use',
        `${place}: another process uses that port. Stop it, or choose another one with --metrics-port PORT (0 takes any free one).`,
        options,
      );
    case 'EACCES':
      return new LockstepError(
        'address-invalid',
        `${place}: this user may not use that port. Choose one of at least 1024 with --metrics-port PORT (0 takes any free one).`,
        options,
      );
    case 'EADDRNOTAVAIL':
      return new LockstepError(
        'address-invalid',
        `${place}: no network interface of this machine has that address. Give one that it has with --metrics-host (127.0.0.1 is always there).`,
        options,
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new LockstepError(
        'address-invalid',
        `${place}: the name ${host} cannot be resolved. Give an address or a name that this machine knows with --metrics-host.`,
        options,
      );
    default:
      return new LockstepError(
        'address-invalid',
        `${place}: ${error.message}. Choose another address with --metrics-host and --metrics-port.`,
        options,
      );
  }
}
