/** How often one address may ask in a second. Bounded: it remembers the present second, and so many addresses. */

const secondMs = 1000;
const mostAddresses = 1024;

/** True for a request that is allowed. */
export type RateLimit = (address: string) => boolean;

export function createRateLimit(mostPerSecond: number, nowMs: () => number): RateLimit {
  const counts = new Map<string, number>();
  let startMs = -Infinity;
  return (address) => {
    const now = nowMs();
    if (now - startMs >= secondMs) {
      startMs = now;
      counts.clear();
    }
    // Addresses for which there is no room share one limit.
    const key = counts.has(address) || counts.size < mostAddresses ? address : '';
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return count <= mostPerSecond;
  };
}
