/** The metrics of both programs: their document, the rules of names, and that no name is used twice. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { MetricDeclaration } from '@lockstep/shared';
import { documentMetrics, tables } from './metrics-document.ts';

const file = new URL('../../docs/metrics.md', import.meta.url);
const declarations: readonly MetricDeclaration[] = Object.values(tables).flatMap((table) => Object.values(table));

test('docs/metrics.md is what the tables say (UPDATE_GOLDEN=1 rewrites it)', () => {
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, documentMetrics());
  assert.equal(readFileSync(file, 'utf8'), documentMetrics());
});

test('the rules of names hold', () => {
  for (const { type, name, help, buckets } of declarations) {
    assert.match(name, /^lockstep_[a-z]+(_[a-z]+)*$/);
    assert.equal(name.endsWith('_total'), type === 'counter', `${name}: _total is for counters`);
    assert.equal(type === 'histogram', buckets !== undefined, `${name}: buckets are for histograms`);
    assert.doesNotMatch(name, /milliseconds|_ms\b|kilobytes|megabytes|percent/, `${name}: base units`);
    if (type === 'histogram') assert.match(name, /_seconds$/);
    assert.match(help, /^[A-Z].*\.$/, `${name}: help is a sentence`);
  }
  assert.equal(new Set(declarations.map(({ name }) => name)).size, declarations.length);
});

test('buckets ascend', () => {
  for (const { name, buckets = [] } of declarations) {
    assert.deepEqual(
      [...buckets],
      [...new Set(buckets)].sort((a, b) => a - b),
      name,
    );
  }
});
