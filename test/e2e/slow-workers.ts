/** What makes a worker late in tests: a loss that takes longer in one process, and a link that delays every byte. */
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** How long the loss of a worker pauses, each time it is computed, in the recipe that `slowLoss` makes. */
export const pauseVariable = 'TEST_LOSS_PAUSE_MS';

/** The tiny recipe with such a pause; its text is the same for all workers, and so is its hash. */
export const slowLoss = (tiny: string): string =>
  tiny.replace(
    'const clip = (tf, logits) => tf',
    `const pause = Number(process.env.${pauseVariable} ?? 0);
const clip = (tf, logits) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause) && tf`,
  );

/** A link to `port` on which every byte takes longer, whichever way it goes. Its own port. */
export async function slowLink(t: TestContext, port: number, oneWayMs: number): Promise<number> {
  const sockets = new Set<Socket>();
  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from);
    const later = (act: () => void): void => void setTimeout(() => to.destroyed || act(), oneWayMs);
    from.on('data', (bytes) => later(() => to.write(bytes)));
    from.on('close', () => later(() => to.destroy())).on('error', () => {});
  };
  const server = createServer((client) => {
    const target = connect(port, '127.0.0.1');
    pass(client, target);
    pass(target, client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as { port: number }).port;
}
