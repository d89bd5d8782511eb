import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { documentMetrics } from './document.ts';

const file = new URL('../../../../docs/metrics.md', import.meta.url);

test('docs/metrics.md is what the table says (UPDATE_GOLDEN=1 rewrites it)', () => {
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, documentMetrics());
  assert.equal(readFileSync(file, 'utf8'), documentMetrics());
});
