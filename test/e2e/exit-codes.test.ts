/** Exit codes that only a run under way, or a wait for one, can produce. With `bad-input.test.ts` and `faults.test.ts`, every code of the error table. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { errorTable } from '@lockstep/shared';
import { Packr } from 'msgpackr';
import { Router } from 'zeromq';
import type { faultCodes, lateCodes } from './exit-codes.ts';
import { type Program, start, startRun, startWorker, within } from './harness.ts';
import { quick, recipeFile, stepsDone } from './scenarios.ts';

interface Ending {
  readonly program: Program;
  readonly says: RegExp;
}

const cases: Readonly<
  Record<
    Exclude<(typeof lateCodes)[number], (typeof faultCodes)[number]> | 'recipe-invalid',
    Readonly<Record<string, (t: TestContext) => Promise<Ending>>>
  >
> = {
  'workers-missing': {
    'no worker joined': async (t) => ({
      program: await startRun(t, { args: [...quick, '--workers', '2', '--join-timeout', '0.5', '--steps', '3'] }),
      says: /^coordinator: Waiting for 2 of 2 workers \(ready: none\)\. Start one with: npx .*worker --connect tcp:\S+ .*took longer than --join-timeout/m,
    }),
  },
  'recipe-invalid': {
    'a network that only a worker can judge': async (t) => {
      const recipe = await frozenRecipe(t);
      const run = await startRun(t, { args: [...quick, '--recipe', recipe] });
      return { program: await startWorker(t, run, ['--recipe', recipe]), says: /^worker: .*generator.*ice/m };
    },
    'which ends the coordinator that spawned them, with their own code and sentence': async (t) => ({
      program: await startRun(t, {
        args: [...quick, '--workers', '2', '--spawn', '--backend', 'wasm', '--recipe', await frozenRecipe(t)],
      }),
      says: /^coordinator: Recipe 'tiny-gan', network 'generator'.*ice/m,
    }),
  },
  'coordinator-unreachable': {
    'no coordinator within --reconnect-timeout': async (t) => ({
      program: start(t, 'worker', ['--connect', 'ipc:///nowhere/lockstep.sock', '--backend', 'wasm', '--reconnect-timeout', '1']),
      says: /^worker: No coordinator answered at ipc:\/\/\/nowhere\/lockstep\.sock within 1 s \(--reconnect-timeout\)\. Start one, or check --connect\.$/m,
    }),
  },
  'version-mismatch': {
    'a coordinator of another protocol': async (t) => {
      const endpoint = await coordinatorOfVersion(t, 99);
      return {
        program: start(t, 'worker', ['--connect', endpoint, '--backend', 'wasm']),
        says: /^worker: The coordinator speaks protocol version 99, this worker \d+: install the same Lockstep version on both\.$/m,
      };
    },
  },
  'recipe-mismatch': {
    'no recipe for a run whose recipe is not built in': async (t) => {
      const run = await startRun(t, { args: quick });
      return {
        program: start(t, 'worker', ['--connect', await run.endpoint(), '--backend', 'wasm']),
        says: /^worker: The run uses the recipe 'tiny-gan', which is not built in: start the worker with --recipe FILE\.$/m,
      };
    },
  },
  'numerics-mismatch': {
    'a loss with randomness of its own': async (t) => {
      const loss = 'clip(tf, tf.neg(networks.discriminator(networks.generator(z))))';
      const recipe = await recipeFile(t, (tiny) => replaced(tiny, `loss: ${loss}`, `loss: tf.mul(tf.randomUniform([]), ${loss})`));
      const run = await startRun(t, { args: [...quick, '--recipe', recipe] });
      return {
        program: await startWorker(t, run, ['--recipe', recipe]),
        says: /^worker: Recipe 'tiny-gan', phase 'generator' gave two different results for the same inputs/m,
      };
    },
  },
  stopped: {
    'a coordinator that is preempted': async (t) => {
      const run = await startRun(t, { args: [...quick, '--workers', '1', '--spawn', '--backend', 'wasm', '--steps', '100000'] });
      await stepsDone(run, 3);
      run.child.kill('SIGUSR2');
      run.child.kill('SIGTERM');
      return { program: run, says: /Stopped after step \d+: stopped by SIG(USR2|TERM)\. Resume with: .*--resume/ };
    },
    'a worker that is preempted': async (t) => {
      const run = await startRun(t, { args: [...quick, '--steps', '100000'] });
      const worker = await startWorker(t, run);
      await stepsDone(run, 3);
      worker.child.kill('SIGUSR2');
      return { program: worker, says: /Worker ends: stopped by SIGUSR2/ };
    },
  },
  'compute-failed': {
    'a backend that breaks down after it was checked': async (t) => {
      // The check evaluates everything twice.
      const breakdown = "if ((calls += 1) > 2) throw new Error('the device is gone'); return networks.generator(z);";
      const change = (tiny: string): string => replaced(tiny, '=> networks.generator(z),\n', `=> { ${breakdown} },\n`);
      const recipe = await recipeFile(t, (tiny) => `let calls = 0;\n${change(tiny)}`);
      const run = await startRun(t, { args: [...quick, '--recipe', recipe, '--grid-every', '1'] });
      return {
        program: await startWorker(t, run, ['--recipe', recipe]),
        says: /^worker: The backend failed in generate: the device is gone/m,
      };
    },
  },
};

for (const [code, byName] of Object.entries(cases) as [keyof typeof cases, (typeof cases)[keyof typeof cases]][]) {
  describe(`${code} (exit code ${errorTable[code].exitCode})`, { concurrency: 2 }, () => {
    for (const [name, begin] of Object.entries(byName)) {
      test(name, async (t) => {
        const { program, says } = await begin(t);
        const { code: found } = await within(program, 'its end', program.exited);
        assert.equal(found, errorTable[code].exitCode, program.output());
        assert.match(program.output(), says);
        assert.doesNotMatch(program.output(), /^ {4}at /m, 'no stack');
      });
    }
  });
}

/** Only a worker, which builds the networks, can find layers that are not trained. */
function frozenRecipe(t: TestContext): Promise<string> {
  return recipeFile(t, (tiny) =>
    replaced(
      tiny,
      "tf.layers.dense({ name: 'generator_pixels'",
      "tf.layers.dense({ name: 'ice', units: 24, trainable: false }), tf.layers.dense({ name: 'generator_pixels'",
    ),
  );
}

/** Answers every message in another protocol version. */
async function coordinatorOfVersion(t: TestContext, version: number): Promise<string> {
  const router = new Router({ linger: 0 });
  t.after(() => router.close());
  await router.bind('tcp://127.0.0.1:*');
  void (async () => {
    for await (const [peer] of router) await router.send([peer!, new Packr({ useRecords: false }).pack([version, {}])]);
  })();
  return router.lastEndpoint!;
}

function replaced(text: string, from: string, to: string): string {
  assert.ok(text.includes(from), `no '${from}' in the tiny recipe`);
  return text.replace(from, to);
}
