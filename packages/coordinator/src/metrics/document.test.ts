import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { documentMetrics } from './document.ts';
import { knownLabelValues } from './labels.ts';
import { type MetricDeclaration, metricTable } from './table.ts';

const file = new URL('../../../../docs/metrics.md', import.meta.url);

test('docs/metrics.md is what the table says (UPDATE_GOLDEN=1 rewrites it)', () => {
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, documentMetrics());
  assert.equal(readFileSync(file, 'utf8'), documentMetrics());
});

test('known label values belong to labels that exist', () => {
  const labelsByName = new Map(Object.values(metricTable).map(({ name, labels }: MetricDeclaration) => [name, labels]));
  for (const [name, values] of Object.entries(knownLabelValues)) {
    for (const label of Object.keys(values)) assert.ok(labelsByName.get(name)?.includes(label), `${name} has no label ${label}`);
  }
});
