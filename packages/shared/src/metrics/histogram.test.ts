import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Histogram, Registry } from 'prom-client';
import { SeriesHistogram } from './histogram.ts';

test("a scrape has what prom-client's own histogram makes of the same values", async () => {
  const [own, theirs] = [new Registry(), new Registry()];
  const about = { name: 'lockstep_seconds', help: 'Some seconds.' };
  const buckets = [0.001, 0.25, 1, 10];
  const labelNames = ['phase', 'part'];
  const ours = new SeriesHistogram<'phase' | 'part'>({ ...about, buckets, labelNames, registry: own });
  const expected = new Histogram({ ...about, buckets, labelNames, registers: [theirs] });
  const first = { phase: 'generator', part: 'a "quoted" \\ part\nin two lines' };
  const second = { phase: 'generator', part: 'send' };
  for (const labels of [first, second]) expected.zero(labels);
  const series = [first, second].map((labels) => [labels, ours.series(labels)] as const);
  for (const value of [0, 0.001, 0.0010001, 0.3, 1, 9.9, 10, 11, 1e9])
    for (const [labels, each] of series.slice(value > 1 ? 1 : 0)) {
      expected.observe(labels, value);
      each.observe(value);
    }
  assert.equal(ours.series({ part: 'send', phase: 'generator' }), series[1]![1], 'in any order of labels');
  assert.equal(await own.metrics(), await theirs.metrics());
  ours.remove(first);
  expected.remove(first);
  assert.equal(await own.metrics(), await theirs.metrics());
  assert.throws(() => new SeriesHistogram({ ...about, buckets, labelNames, registry: own }), /already been registered/);
});
