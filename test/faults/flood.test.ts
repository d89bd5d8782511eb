/** Strangers who connect, and say nothing or nonsense, while a run trains. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { startRun, within } from '../e2e/harness.ts';
import { quick, spawnTwo, steps, stepsDone, undisturbed } from '../e2e/scenarios.ts';

const strangers = 400;

test('hundreds of connections that say nothing, or nonsense: the run completes with the same bits', async (t) => {
  const run = await startRun(t, { args: [...quick, ...spawnTwo, '--carrier', 'inline', '--steps', String(steps)] });
  const { port } = new URL(await run.endpoint());
  const sockets: Socket[] = [];
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  let connected = 0;
  for (let index = 0; index < strangers; index += 1) {
    const socket = connect(Number(port), '127.0.0.1', () => {
      connected += 1;
      // A greeting of ZeroMQ that never ends, another program's, or nothing at all.
      if (index % 3 === 0) socket.write(Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f]));
      else if (index % 3 === 1) socket.write('GET / HTTP/1.1\r\n\r\n');
    });
    sockets.push(socket.on('error', () => {}));
  }
  await stepsDone(run, 5);
  assert.ok(connected > strangers / 2, `${connected} connections`);
  const { weightsSha256 } = await run.completed();
  assert.deepEqual(weightsSha256, (await undisturbed(t)).weightsSha256);
  assert.deepEqual((await within(run, 'its end', run.exited)).code, 0);
});
