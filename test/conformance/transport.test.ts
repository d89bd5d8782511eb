/** One suite over every transport address: what the cores rely on, and nothing about ZeroMQ. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test, type TestContext } from 'node:test';
import { connect, listen, LockstepError, type ServerTransport } from '@lockstep/shared';

const directory = await mkdtemp(join(tmpdir(), 'lockstep-transport-'));
after(() => rm(directory, { recursive: true, force: true }));

/** Collects what happens, and resolves waiting readers in order. */
function inbox<T>(): { put(item: T): void; next(): Promise<T> } {
  const items: T[] = [];
  const readers: ((item: T) => void)[] = [];
  return {
    put: (item) => (readers.shift() ?? ((value: T) => items.push(value)))(item),
    next: () => new Promise((resolve) => (items.length > 0 ? resolve(items.shift()!) : readers.push(resolve))),
  };
}

type Happening = { what: 'message'; peer: string; frames: readonly Uint8Array[] } | { what: 'down'; peer: string };

async function server(t: TestContext, endpoint: string): Promise<{ transport: ServerTransport; next: () => Promise<Happening> }> {
  const happened = inbox<Happening>();
  const transport = await listen(endpoint);
  transport.serve({
    message: (peer, frames) => happened.put({ what: 'message', peer, frames }),
    down: (peer) => happened.put({ what: 'down', peer }),
  });
  t.after(() => transport.close(0));
  return { transport, next: happened.next };
}

async function client(t: TestContext, endpoint: string, identity: string) {
  const happened = inbox<string | readonly Uint8Array[]>();
  const transport = connect(endpoint, identity, {
    up: () => happened.put('up'),
    down: () => happened.put('down'),
    message: (frames) => happened.put(frames),
  });
  t.after(() => transport.close(0));
  assert.equal(await happened.next(), 'up');
  return { transport, next: happened.next };
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const texts = (happening: Happening): string[] =>
  happening.what === 'message' ? happening.frames.map((frame) => Buffer.from(frame).toString()) : ['down'];

for (const [name, address] of [
  ['tcp', (): string => 'tcp://127.0.0.1:0'],
  ['ipc', (): string => `ipc://${join(directory, `${Math.trunc(performance.now() * 1e6)}.sock`)}`],
] as const) {
  describe(`transport over ${name}`, () => {
    test('names the address that a client can connect to', async (t) => {
      const { transport } = await server(t, address());
      assert.match(transport.endpoint, name === 'tcp' ? /^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/ : /^ipc:\/\//);
    });

    test('carries frames both ways, whole and in order, empty and large ones too', async (t) => {
      const { transport, next } = await server(t, address());
      const worker = await client(t, transport.endpoint, 'w1');
      const large = new Uint8Array(4_600_000).fill(7);
      for (const text of ['a', 'b', 'c']) worker.transport.send([bytes(text), new Uint8Array(0), large]);
      for (const text of ['a', 'b', 'c']) {
        const happening = await next();
        assert.ok(happening.what === 'message' && happening.peer === 'w1');
        assert.equal(Buffer.from(happening.frames[0]!).toString(), text);
        assert.equal(happening.frames[1]!.length, 0);
        assert.deepEqual(Buffer.from(happening.frames[2]!).equals(large), true);
      }
      transport.send('w1', [bytes('answer'), large]);
      const answer = (await worker.next()) as readonly Uint8Array[];
      assert.equal(answer[1]!.length, large.length);
    });

    test('says when a peer has closed, after everything it sent', async (t) => {
      const { transport, next } = await server(t, address());
      const worker = await client(t, transport.endpoint, 'w1');
      worker.transport.send([bytes('last')]);
      assert.deepEqual(texts(await next()), ['last']);
      await worker.transport.close(100);
      assert.deepEqual(await next(), { what: 'down', peer: 'w1' });
    });

    test('says when a peer process was killed with -9', async (t) => {
      const { transport, next } = await server(t, address());
      const program = `import { Dealer } from 'zeromq'; const d = new Dealer({ routingId: 'victim' }); d.connect(process.argv[1]); await d.send('here'); setInterval(() => d, 1000);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, transport.endpoint], { stdio: 'inherit' });
      assert.deepEqual(texts(await next()), ['here']);
      child.kill('SIGKILL');
      assert.deepEqual(await next(), { what: 'down', peer: 'victim' });
    });

    test('reports a peer that never was, or is gone, as down instead of throwing', async (t) => {
      const { transport, next } = await server(t, address());
      transport.send('nobody', [bytes('x')]);
      assert.deepEqual(await next(), { what: 'down', peer: 'nobody' });
    });

    test('the same identity can come back, and is heard', async (t) => {
      const { transport, next } = await server(t, address());
      const first = await client(t, transport.endpoint, 'w1');
      first.transport.send([bytes('one')]);
      assert.deepEqual(texts(await next()), ['one']);
      const second = await client(t, transport.endpoint, 'w1');
      second.transport.send([bytes('two')]);
      let happening = await next();
      while (happening.what === 'down') happening = await next();
      assert.deepEqual(texts(happening), ['two']);
    });

    test('a client waits for a server that starts later, and finds it again after a restart', async (t) => {
      const endpoint = name === 'tcp' ? await freeTcpAddress() : address();
      const happened = inbox<string>();
      const worker = connect(endpoint, 'w1', { up: () => happened.put('up'), down: () => happened.put('down'), message: () => {} });
      t.after(() => worker.close(0));
      const first = await listen(endpoint);
      assert.equal(await happened.next(), 'up');
      await first.close(0);
      assert.equal(await happened.next(), 'down');
      await server(t, endpoint);
      assert.equal(await happened.next(), 'up');
    });
  });
}

test('a tcp address in use is refused with the flag to change', async (t) => {
  const { transport } = await server(t, 'tcp://127.0.0.1:0');
  await assert.rejects(
    listen(transport.endpoint),
    (error: unknown) => error instanceof LockstepError && error.code === 'address-in-use' && /--bind/.test(error.message),
  );
});

test('an address of another host cannot be bound', async () => {
  await assert.rejects(listen('tcp://192.0.2.1:0'), (error: unknown) => error instanceof LockstepError && error.code === 'address-invalid');
});

async function freeTcpAddress(): Promise<string> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return `tcp://127.0.0.1:${port}`;
}
