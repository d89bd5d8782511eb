/** A slow link is not a dead one, and neither is a worker that computes or is stopped for a moment. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, test, type TestContext } from 'node:test';
import { connect, listen, type ServerTransport } from '@lockstep/shared';
import { startRun, startWorker } from './harness.ts';
import { freeze, needsProc, thaw, until } from './processes.ts';
import { startProxy } from './proxy.ts';
import { eventsNamed, recipeFile } from './scenarios.ts';

/** What a server is told, in words. */
async function server(t: TestContext): Promise<{ transport: ServerTransport; heard: string[] }> {
  const heard: string[] = [];
  const transport = await listen('tcp://127.0.0.1:0');
  transport.serve({
    message: (peer, pieces) => heard.push(`${peer} sent ${pieces.reduce((sum, { length }) => sum + length, 0)}`),
    down: (peer) => heard.push(`${peer} is down`),
  });
  t.after(() => transport.close(0));
  return { transport, heard };
}

/** A process with a connection of its own, in which `program` runs once it is up; `transport` is the connection. */
function otherProcess(t: TestContext, endpoint: string, program: string): number {
  const whole = `
    import { connect } from '@lockstep/shared';
    const transport = connect(process.argv[1], 'other', { down() {}, message() {}, up() { ${program} } });
    setInterval(() => transport, 1000);`;
  const args = ['--conditions=source', '--import', 'tsx', '--input-type=module', '-e', whole, endpoint];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  return child.pid!;
}

// Longer than the time-out of heartbeats (`shared/src/transport/zmq.ts`).
const longMs = 8000;

describe('slow links', { concurrency: true, skip: needsProc }, () => {
  test('a message that takes longer to cross than any heartbeat may arrives, in both directions at once', async (t) => {
    const { transport, heard } = await server(t);
    const proxy = await startProxy(t, transport.endpoint);
    proxy.set({ bytesPerSecond: 1_000_000 });
    const told: string[] = [];
    const large = new Uint8Array(longMs * 1000).fill(7);
    const worker = connect(proxy.endpoint, 'w', {
      up: () => {
        told.push('up');
        worker.send([large]);
      },
      down: () => told.push('down'),
      message: (pieces) => told.push(String(Buffer.concat(pieces).equals(large))),
    });
    t.after(() => worker.close(0));
    await until('a connection', async () => told[0] === 'up' && proxy.passedBytes('up') > 10_000);
    transport.send('w', [large]);
    await until('both messages', async () => told.length >= 2 && heard.length >= 1);
    assert.deepEqual([told, heard], [['up', 'true'], [`w sent ${large.length}`]]);
  });

  test('a run whose tensors take longer to cross than any heartbeat may goes on, and ends with the same weights', async (t) => {
    const wide = await recipeFile(t, (tiny) => tiny.replaceAll('units: 24', 'units: 250'));
    const args = ['--recipe', wide, '--carrier', 'inline', '--workers', '1', '--shards', '2', '--batch-size', '16', '--grid-every', '0'];
    const [slow, fast] = await Promise.all([0, 1].map(() => startRun(t, { args: [...args, '--steps', '1'] })));
    const proxy = await startProxy(t, await slow!.endpoint());
    proxy.set({ bytesPerSecond: 150_000 });
    await startWorker(t, { ...slow!, endpoint: async () => proxy.endpoint }, ['--recipe', wide]);
    await startWorker(t, fast!, ['--recipe', wide]);
    assert.deepEqual((await slow!.completed()).weightsSha256, (await fast!.completed()).weightsSha256);
    assert.equal((await eventsNamed(slow!, 'worker-joined')).length, 1);
  });

  test('a silent cut is seen on both sides, and they find each other again once the link is back', async (t) => {
    const { transport, heard } = await server(t);
    const proxy = await startProxy(t, transport.endpoint);
    const told: string[] = [];
    const worker = connect(proxy.endpoint, 'w', {
      up: () => {
        told.push('up');
        worker.send([new Uint8Array(1)]);
      },
      down: () => told.push('down'),
      message: () => {},
    });
    t.after(() => worker.close(0));
    await until('a message', async () => heard.length === 1);
    proxy.set({ swallowing: true });
    await until('a loss on both sides', async () => told.includes('down') && heard.includes('w is down'));
    proxy.set({});
    await until('another message', async () => heard.at(-1) === 'w sent 1');
    assert.deepEqual(heard, ['w sent 1', 'w is down', 'w sent 1']);
  });

  test('a worker whose event loop is blocked for longer than any heartbeat may take stays connected', async (t) => {
    const { transport, heard } = await server(t);
    const block = `transport.send([Buffer.from('before')]); setTimeout(() => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${longMs});
      transport.send([Buffer.from('after it')]);
    }, 100)`;
    otherProcess(t, transport.endpoint, block);
    await until('two messages', async () => heard.length >= 2);
    assert.deepEqual(heard, ['other sent 6', 'other sent 8']);
  });

  test('a worker that is stopped for three seconds stays connected', async (t) => {
    const { transport, heard } = await server(t);
    const pid = otherProcess(t, transport.endpoint, `setInterval(() => transport.send([Buffer.from('alive')]), 100)`);
    await until('a message', async () => heard.length >= 1);
    await freeze(pid);
    await pause(3000);
    const before = heard.length;
    transport.send('other', [Buffer.from('for later')]);
    thaw(pid);
    await until('more messages', async () => heard.length >= before + 3);
    assert.deepEqual([...new Set(heard)], ['other sent 5']);
  });
});
