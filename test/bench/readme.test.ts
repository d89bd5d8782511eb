/** The README's figures are those that the benchmark wrote into docs/performance.md. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './processes.ts';

test("the README's images per second are in docs/performance.md", async () => {
  const [readme, performance] = await Promise.all(['README.md', 'docs/performance.md'].map((path) => readFile(join(root, path), 'utf8')));
  const section = /^## Speed$(.*?)^## /ms.exec(readme!)![1]!;
  const figures = section.match(/\b\d+,\d{3}\b/g)!;
  assert.equal(figures.length, 6);
  const training = /<!-- bench:training -->(.*?)<!-- \/bench:training -->/s.exec(performance!)![1]!;
  for (const figure of figures) assert.ok(training.includes(`| ${figure} (`), `${figure} is not a median of the training benchmark`);
});
