import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWorkerLabels, labelGraceMs, maximumLabels, overflow } from './worker-labels.ts';

const named = (name: string) => ({ name, host: 'host' });
const unnamed = (pid: number) => ({ name: `host-${pid}-0123ab`, host: 'host' });

test('a given name is the label, over all lives of the worker', () => {
  const labels = createWorkerLabels();
  assert.equal(labels.join(named('local-0')), 'local-0');
  labels.leave('local-0', 0);
  assert.equal(labels.join(named('local-0')), 'local-0');
  assert.deepEqual(labels.expire(10 * labelGraceMs), [], 'it is back');
  assert.equal(labels.of('local-0'), 'local-0');
});

test('a label ends a grace after its worker has left', () => {
  const labels = createWorkerLabels();
  labels.join(named('a'));
  labels.join(named('b'));
  labels.leave('a', 1000);
  assert.deepEqual(labels.expire(1000 + labelGraceMs - 1), []);
  assert.equal(labels.of('a'), 'a');
  assert.deepEqual(labels.expire(1000 + labelGraceMs), ['a']);
  assert.equal(labels.of('a'), overflow);
  assert.equal(labels.of('b'), 'b');
});

test('names of host and process share slots: a worker that is started again goes on in the slot of its last life', () => {
  const labels = createWorkerLabels();
  assert.deepEqual(
    [1, 2, 3].map((pid) => labels.join(unnamed(pid))),
    ['slot-0', 'slot-1', 'slot-2'],
  );
  labels.leave('host-2-0123ab', 0);
  assert.equal(labels.join(unnamed(4)), 'slot-1');
  assert.deepEqual(labels.expire(labelGraceMs), []);
  for (let pid = 1000; pid < 3000; pid += 1) {
    assert.equal(labels.join(unnamed(pid)), 'slot-3');
    labels.leave(`host-${pid}-0123ab`, 0);
  }
  assert.equal(labels.of('host-1-0123ab'), 'slot-0');
  assert.equal(labels.of('host-2-0123ab'), overflow, 'its slot is of another worker now');
});

test("a slot is not another worker's name", () => {
  const labels = createWorkerLabels();
  labels.join(named('slot-0'));
  labels.leave('slot-0', 0);
  assert.equal(labels.join(unnamed(1)), 'slot-1');
});

test('there are at most so many labels; who comes when there is no room is served by one', () => {
  const labels = createWorkerLabels();
  const given = Array.from({ length: 1000 }, (_, index) => labels.join(named(`w${index}`)));
  assert.equal(new Set(given).size, maximumLabels + 1);
  assert.equal(given.at(-1), overflow);
  labels.leave('w999', 0);
  labels.leave('w0', 0);
  assert.deepEqual(labels.expire(labelGraceMs), ['w0']);
  assert.equal(labels.join(named('late')), 'late');
});
