/** The proxy does to bytes what tests of faults rely on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { type Proxy, startProxy } from './proxy.ts';
import { until } from './processes.ts';

/** Both ends of a connection through a proxy; what arrives at the far end is collected. */
async function connection(t: TestContext): Promise<{ proxy: Proxy; near: Socket; far: Socket; arrived: () => string }> {
  const server = createServer((socket) => void socket.on('error', () => {}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = await startProxy(t, `tcp://127.0.0.1:${(server.address() as { port: number }).port}`);
  const near = connect(Number(new URL(proxy.endpoint).port), '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  let text = '';
  far.setEncoding('latin1').on('data', (more: string) => (text += more));
  for (const socket of [near, far]) socket.on('error', () => {});
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { proxy, near, far, arrived: () => text };
}

describe('proxy', () => {
  test('passes bytes on in both directions, and counts them', async (t) => {
    const { proxy, near, far, arrived } = await connection(t);
    near.write('to the target');
    await until('bytes', async () => arrived() === 'to the target');
    far.write('back');
    assert.equal(String((await once(near, 'data'))[0]), 'back');
    assert.deepEqual([proxy.connections(), proxy.passedBytes('up'), proxy.passedBytes('down')], [1, 13, 4]);
  });

  test('holds bytes back while it is frozen, and loses none', async (t) => {
    const { proxy, near, far, arrived } = await connection(t);
    proxy.set({ frozen: true });
    near.write('held');
    far.write('back');
    proxy.set({ frozen: true, delayMs: 1 });
    assert.equal(arrived(), '');
    proxy.set({});
    await until('bytes', async () => arrived() === 'held');
    await until('bytes', async () => proxy.passedBytes('down') === 4);
  });

  test('swallows bytes without closing', async (t) => {
    const { proxy, near, far, arrived } = await connection(t);
    proxy.set({ swallowing: true });
    // More than the kernel would hold if nobody read it.
    await new Promise((resolve) => near.write(Buffer.alloc(64 * 2 ** 20), resolve));
    assert.equal(arrived(), '');
    assert.deepEqual([near.closed, far.closed], [false, false]);
  });

  test('passes a large chunk in small parts when it is slow, whole and in order, late too', async (t) => {
    const { proxy, near, arrived } = await connection(t);
    const text = Array.from({ length: 20_000 }, (_, index) => String(index)).join();
    proxy.set({ bytesPerSecond: 1_000_000, delayMs: 5 });
    near.write(text);
    await until('bytes', async () => arrived() === text);
  });

  test('changes bytes', async (t) => {
    const { proxy, near, arrived } = await connection(t);
    proxy.set({ change: (bytes, direction) => (direction === 'up' ? Buffer.concat([bytes, bytes]) : bytes) });
    near.write('twice');
    await until('bytes', async () => arrived() === 'twicetwice');
  });

  test('cuts connections, and refuses new ones until it is told otherwise', async (t) => {
    const { proxy, near, far } = await connection(t);
    proxy.cut({ refusing: true });
    await until('the cut', async () => near.closed && far.closed);
    const refused = connect(Number(new URL(proxy.endpoint).port), '127.0.0.1');
    refused.on('error', () => {});
    await until('the refusal', async () => refused.closed);
    assert.equal(proxy.connections(), 1);
    proxy.cut();
    const again = connect(Number(new URL(proxy.endpoint).port), '127.0.0.1');
    await until('a connection', async () => proxy.connections() === 2);
    again.destroy();
  });
});
