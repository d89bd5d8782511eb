/**
 * The runs whose weights and losses are recorded in test/fixtures/reference-runs.json still give those bits: all of them on this Node, and
 * one of them on other releases. `npm run nodes` installs those; without it they are skipped by name, or fail where
 * LOCKSTEP_REQUIRE_NODES=1 (CI).
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { bins, launch, root, type Summary, temporaryDirectory, within } from './harness.ts';

interface Figures {
  readonly weightsSha256: Summary['weightsSha256'];
  readonly lossesSha256: string;
}

const reference = JSON.parse(readFileSync(join(root, 'test/fixtures/reference-runs.json'), 'utf8')) as {
  readonly arguments: readonly string[];
  readonly runs: Readonly<Record<string, Figures>>;
};
const recipes: Readonly<Record<string, string>> = { gan: 'gan', 'gan-seed': 'gan-seed', lsgan: join(root, 'examples/lsgan.mjs') };
const free = ['--bind', 'tcp://127.0.0.1:0', '--metrics-port', '0'];

/** What the recipe's run gives on the release of Node at the path; its workers are started with the same. */
async function figuresOf(t: TestContext, node: string, recipe: string): Promise<Figures> {
  const directory = join(await temporaryDirectory(t), 'run');
  const flags = [...reference.arguments, '--workers', '2', '--spawn', '--recipe', recipe, '--run-dir', directory, ...free];
  const run = launch(t, [node, bins.coordinator, ...flags]);
  assert.deepEqual(await within(run, 'the end of the run', run.exited), { code: 0, signal: null }, run.output());
  // So the libraries with binaries of their own, ZeroMQ's and koffi's, have been loaded by all three processes.
  if (process.platform === 'linux') assert.equal(run.output().match(/ joined: .* through shared memory\./g)?.length, 2, run.output());
  const { weightsSha256 } = JSON.parse(readFileSync(join(directory, 'summary.json'), 'utf8')) as Summary;
  const losses = readFileSync(join(directory, 'losses.jsonl'));
  return { weightsSha256, lossesSha256: createHash('sha256').update(losses).digest('hex') };
}

describe('the reference runs', { concurrency: false }, () => {
  test('are those that this test knows', () => assert.deepEqual(Object.keys(recipes), Object.keys(reference.runs)));

  for (const [name, recipe] of Object.entries(recipes)) {
    test(`${name} on this Node (${process.version})`, async (t) => {
      assert.deepEqual(await figuresOf(t, process.execPath, recipe), reference.runs[name]);
    });
  }

  for (const release of [22, 24]) {
    const node = join(root, `test/nodes/node_modules/node-${release}/bin/node`);
    const isSkipped = !existsSync(node) && process.env['LOCKSTEP_REQUIRE_NODES'] !== '1';
    test(`gan on Node ${release}`, { skip: isSkipped && `no Node ${release}: run npm run nodes (Linux on x64)` }, async (t) => {
      assert.match(execFileSync(node, ['--version'], { encoding: 'utf8' }), new RegExp(`^v${release}\\.`));
      assert.deepEqual(await figuresOf(t, node, recipes['gan']!), reference.runs['gan']);
    });
  }
});
