/** docs/faults.md says what the table of faults says, and every test that the table names exists. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../e2e/harness.ts';
import { documentFaults, outcomesIn } from '../faults/document.ts';
import { faults } from '../faults/table.ts';

const file = join(root, 'docs/faults.md');

test('the table has every fault once, each with a test or a reason', () => {
  assert.deepEqual(
    faults.map(({ id }) => id),
    Array.from({ length: 45 }, (_, index) => index + 1),
  );
  for (const { id, scenarios = {}, tests = [], untested } of faults)
    assert.ok(Object.keys(scenarios).length + tests.length > 0 || untested !== undefined, `fault ${id} has no test`);
});

test('every test that is named exists', () => {
  for (const { id, tests = [] } of faults) {
    for (const { file, name } of tests) {
      assert.ok(existsSync(join(root, file)), `fault ${id}: ${file}`);
      const source = readFileSync(join(root, file), 'utf8');
      assert.ok(source.includes(name), `fault ${id}: ${file} has no test '${name}'`);
    }
  }
});

test('docs/faults.md is what the table says (npm run test:faults -- --write rewrites it)', () => {
  const text = readFileSync(file, 'utf8');
  const outcomes = outcomesIn(text);
  assert.equal(text, documentFaults(faults, outcomes));
  for (const { id } of faults) assert.match(outcomes.get(id)!, /^(survived|skipped: .+|not tested|not run)$/, `fault ${id}`);
});
