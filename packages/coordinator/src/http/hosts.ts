/** Which names a browser may have reached this server by: else any web site could point a name of its own here, and read what is served. */
import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** Addresses are no names, and so are allowed. `bound`: what was asked to be listened at. */
export function isOwnHost(header: string | undefined, bound: string): boolean {
  const host = /^(\[[0-9a-f:.]+\]|[^:]*)(?::\d{1,5})?$/i.exec(header ?? '')?.[1]?.toLowerCase();
  if (host === undefined) return false;
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0) return true;
  const own = hostname().toLowerCase();
  return ['localhost', bound.toLowerCase(), own, own.split('.')[0]!].includes(host);
}
