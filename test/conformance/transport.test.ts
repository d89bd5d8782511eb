/** One suite over every transport: what the cores rely on, and nothing about ZeroMQ except for real processes and addresses. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test, type TestContext } from 'node:test';
import {
  type Clock,
  connect,
  createMemoryNetwork,
  framesOf,
  join as joinPieces,
  listen,
  LockstepError,
  type MemoryNetwork,
  pieceBytes,
  type ServerTransport,
} from '@lockstep/shared';
import { until } from '../e2e/processes.ts';
import { startProxy } from '../e2e/proxy.ts';

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

type Transport = Pick<MemoryNetwork, 'listen' | 'connect'>;
const zmq: Transport = { listen, connect };

async function server(
  t: TestContext,
  endpoint: string,
  { listen }: Transport = zmq,
): Promise<{ transport: ServerTransport; next: () => Promise<Happening> }> {
  const happened = inbox<Happening>();
  const transport = await listen(endpoint);
  transport.serve({
    message: (peer, pieces) => happened.put({ what: 'message', peer, frames: framesOf(pieces).map(joinPieces) }),
    down: (peer) => happened.put({ what: 'down', peer }),
  });
  t.after(() => transport.close(0));
  return { transport, next: happened.next };
}

async function client(t: TestContext, endpoint: string, identity: string, { connect }: Transport = zmq) {
  const happened = inbox<string | readonly Uint8Array[]>();
  const transport = connect(endpoint, identity, {
    up: () => happened.put('up'),
    down: () => happened.put('down'),
    message: (pieces) => happened.put(framesOf(pieces).map(joinPieces)),
  });
  t.after(() => transport.close(0));
  assert.equal(await happened.next(), 'up');
  return { transport, next: happened.next };
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const texts = (happening: Happening): string[] =>
  happening.what === 'message' ? happening.frames.map((frame) => Buffer.from(frame).toString()) : ['down'];

let named = 0;
const hasIPv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));
/** `fixed`: an address that is known before anybody listens. */
const transports: readonly { name: string; transport: Transport; address: () => string; fixed: () => Promise<string>; named: RegExp }[] = [
  {
    name: 'tcp',
    transport: zmq,
    address: () => 'tcp://127.0.0.1:0',
    fixed: () => freeTcpAddress(),
    named: /^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/,
  },
  ...(hasIPv6
    ? [
        {
          name: 'tcp over IPv6',
          transport: zmq,
          address: () => 'tcp://[::1]:0',
          fixed: () => freeTcpAddress('::1'),
          named: /^tcp:\/\/\[::1\]:[1-9]\d*$/,
        },
      ]
    : []),
  { name: 'ipc', transport: zmq, address: ipcAddress, fixed: async () => ipcAddress(), named: /^ipc:\/\// },
  { name: 'memory', transport: createMemoryNetwork(), address: memoryAddress, fixed: async () => memoryAddress(), named: /^memory:\/\// },
  {
    name: 'memory in small pieces',
    transport: createMemoryNetwork(1024),
    address: memoryAddress,
    fixed: async () => memoryAddress(),
    named: /^memory:\/\//,
  },
];

function ipcAddress(): string {
  return `ipc://${join(directory, `${(named += 1)}.sock`)}`;
}

function memoryAddress(): string {
  return `memory://${(named += 1)}`;
}

for (const { name, transport: over, address, fixed, named: pattern } of transports) {
  describe(`transport over ${name}`, () => {
    test('names the address that a client can connect to', async (t) => {
      const { transport } = await server(t, address(), over);
      assert.match(transport.endpoint, pattern);
    });

    test('carries frames both ways, whole and in order, including empty and large ones', async (t) => {
      const { transport, next } = await server(t, address(), over);
      const worker = await client(t, transport.endpoint, 'w1', over);
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

    test('carries frames of any length around that of a piece', async (t) => {
      const { transport, next } = await server(t, address(), over);
      const worker = await client(t, transport.endpoint, 'w1', over);
      const lengths = [0, 1, 2].flatMap((pieces) => [-1, 0, 1].map((more) => Math.max(0, pieces * pieceBytes + more)));
      const sent = lengths.map((length, index) => Buffer.alloc(length, index + 1));
      worker.transport.send(sent);
      const happening = await next();
      assert.ok(happening.what === 'message');
      assert.deepEqual(
        happening.frames.map((frame) => frame.length),
        lengths,
      );
      assert.ok(happening.frames.every((frame, index) => sent[index]!.equals(frame)));
    });

    test('gives the receiver memory of its own', async (t) => {
      const { transport, next } = await server(t, address(), over);
      const worker = await client(t, transport.endpoint, 'w1', over);
      const sent = bytes('x');
      worker.transport.send([sent]);
      const happening = await next();
      assert.ok(happening.what === 'message');
      happening.frames[0]!.fill(0);
      assert.equal(Buffer.from(sent).toString(), 'x');
    });

    test('reports that a peer has closed, after everything it sent', async (t) => {
      const { transport, next } = await server(t, address(), over);
      const worker = await client(t, transport.endpoint, 'w1', over);
      worker.transport.send([bytes('last')]);
      assert.deepEqual(texts(await next()), ['last']);
      await worker.transport.close(100);
      assert.deepEqual(await next(), { what: 'down', peer: 'w1' });
    });

    test('reports a peer that never existed, or is gone, as down instead of throwing', async (t) => {
      const { transport, next } = await server(t, address(), over);
      transport.send('nobody', [bytes('x')]);
      assert.deepEqual(await next(), { what: 'down', peer: 'nobody' });
    });

    test('the same identity can come back, and its messages arrive', async (t) => {
      const { transport, next } = await server(t, address(), over);
      const first = await client(t, transport.endpoint, 'w1', over);
      first.transport.send([bytes('one')]);
      assert.deepEqual(texts(await next()), ['one']);
      const second = await client(t, transport.endpoint, 'w1', over);
      second.transport.send([bytes('two')]);
      let happening = await next();
      while (happening.what === 'down') happening = await next();
      assert.deepEqual(texts(happening), ['two']);
    });

    test('a client waits for a server that starts later, and finds it again after a restart', async (t) => {
      const endpoint = await fixed();
      const happened = inbox<string>();
      const worker = over.connect(endpoint, 'w1', { up: () => happened.put('up'), down: () => happened.put('down'), message: () => {} });
      t.after(() => worker.close(0));
      const first = await over.listen(endpoint);
      assert.equal(await happened.next(), 'up');
      await first.close(0);
      assert.equal(await happened.next(), 'down');
      await server(t, endpoint, over);
      assert.equal(await happened.next(), 'up');
    });
  });
}

for (const address of transports.filter(({ name }) => name === 'tcp' || name === 'ipc').map(({ address }) => address)) {
  test(`a real process killed with -9 is reported over ${address().split(':')[0]}`, async (t) => {
    const { transport, next } = await server(t, address());
    const program = `import { Dealer } from 'zeromq'; const d = new Dealer({ routingId: 'victim' }); d.connect(process.argv[1]); await d.send('here'); setInterval(() => d, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, transport.endpoint], { stdio: 'inherit' });
    assert.deepEqual(texts(await next()), ['here']);
    child.kill('SIGKILL');
    assert.deepEqual(await next(), { what: 'down', peer: 'victim' });
  });
}

// The lock on endpoints refuses a second bind to an ipc path.
for (const { name, address, transport: over } of transports.filter(({ name }) => name !== 'ipc')) {
  test(`a ${name} address in use is refused with the flag to change`, async (t) => {
    const { transport } = await server(t, address(), over);
    await assert.rejects(
      over.listen(transport.endpoint),
      (error: unknown) => error instanceof LockstepError && error.code === 'address-in-use' && /--bind/.test(error.message),
    );
  });
}

test('frames in flight are lost when a connection of a memory network is cut, both sides learn of it, and the client reconnects', async (t) => {
  const network = createMemoryNetwork();
  const { transport, next } = await server(t, memoryAddress(), network);
  const worker = await client(t, transport.endpoint, 'w1', network);
  worker.transport.send([bytes('lost')]);
  transport.send('w1', [bytes('lost')]);
  network.cut('w1');
  // Both ends of a connection may notice.
  network.cut('w1');
  assert.deepEqual(await next(), { what: 'down', peer: 'w1' });
  assert.equal(await worker.next(), 'down');
  assert.equal(await worker.next(), 'up');
  worker.transport.send([bytes('here again')]);
  assert.deepEqual(texts(await next()), ['here again']);
});

test('a message is lost as a whole when a connection of a memory network is cut between two of its pieces', async (t) => {
  const network = createMemoryNetwork(2);
  const due: (() => void)[] = [];
  const happened: string[] = [];
  const endpoint = memoryAddress();
  const clock: Clock = {
    nowMs: () => 0,
    after(_, callback) {
      due.push(callback);
      return { cancel: () => {} };
    },
  };
  const transport = await network.listen(endpoint, clock);
  t.after(() => transport.close(0));
  transport.serve({ message: () => happened.push('message'), down: () => happened.push('down') });
  const worker = await client(t, endpoint, 'w1', network);
  worker.transport.send([bytes('in pieces')]);
  assert.equal(due.length, 5);
  for (const deliver of due.splice(0, 3)) deliver();
  network.cut('w1');
  for (const deliver of due) deliver();
  assert.deepEqual(happened, ['down']);
});

test('a message is lost as a whole when a connection breaks between two of its pieces, and the next connection carries the next', async (t) => {
  const { transport, next } = await server(t, 'tcp://127.0.0.1:0');
  const proxy = await startProxy(t, transport.endpoint);
  const worker = await client(t, proxy.endpoint, 'w1');
  // Slow enough to be in the middle of it.
  proxy.set({ bytesPerSecond: 4 * pieceBytes });
  worker.transport.send([bytes('lost'), new Uint8Array(16 * pieceBytes)]);
  await until('two pieces', async () => proxy.passedBytes('up') > 2 * pieceBytes);
  proxy.cut();
  assert.deepEqual(await next(), { what: 'down', peer: 'w1' });
  assert.equal(await worker.next(), 'down');
  proxy.set({});
  assert.equal(await worker.next(), 'up');
  worker.transport.send([bytes('here again')]);
  assert.deepEqual(texts(await next()), ['here again']);
});

test('an address of another host cannot be bound', async () => {
  await assert.rejects(listen('tcp://192.0.2.1:0'), (error: unknown) => error instanceof LockstepError && error.code === 'address-invalid');
});

async function freeTcpAddress(host = '127.0.0.1'): Promise<string> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, host, resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
