/**
 * docs/layers.md is what trying every layer of TF.js gave, on `wasm` and on native TensorFlow, against TF.js's plain `cpu` backend. Without
 * the native addon its column is not compared, or the test fails where LOCKSTEP_REQUIRE_NATIVE=1 (CI). UPDATE_GOLDEN=1 rewrites the document.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { layerCases } from './cases.ts';
import type { Tried, TriedAll } from './try.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const file = `${root}docs/layers.md`;
const hasNative = existsSync(`${process.env['LOCKSTEP_NATIVE_DIR'] || `${root}.native`}/tensorflow/build.json`);
/** Relative to the largest number. Sums are added in other orders, as in `test/conformance/`. */
const tolerance = 1e-4;

async function tryAll(backend: string): Promise<TriedAll> {
  const args = ['--conditions=source', '--import', 'tsx', 'test/layers/try.ts', backend];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, maxBuffer: 2 ** 26 });
  return JSON.parse(stdout.slice(stdout.indexOf('{"layers"'))) as TriedAll;
}

/** How far the numbers are apart; undefined if there is nothing to compare with. */
function distance(found: readonly number[], wanted: readonly number[] | undefined): number | undefined {
  if (wanted === undefined) return undefined;
  if (found.length !== wanted.length) return Infinity;
  const largest = Math.max(...wanted.map(Math.abs));
  return Math.max(...found.map((value, index) => Math.abs(value - wanted[index]!))) / largest;
}

/** A cell of the table. `others`: what further backends gave. */
function verdict(tried: Tried, others: readonly Tried[]): string {
  const { values, reason } = tried;
  if (values === undefined) return `refused: ${shortened(reason!)}`;
  if (!values.every(Number.isFinite)) return 'WRONG: not finite';
  const wanted = others.find((other) => other.values !== undefined)?.values;
  return (distance(values, wanted) ?? 0) <= tolerance ? 'works' : "WRONG: not what TF.js's cpu backend gives";
}

/** Without the place, which is the same everywhere, and without what TF.js adds in further lines. */
function shortened(reason: string): string {
  const sentence = reason
    .replace(/^Recipe 'one', (phase 'fit'|network 'net'|generate)( failed| cannot be built)?:?,? ?/, '')
    .split('\n')[0]!;
  return sentence
    .replaceAll('|', '\\|')
    .replaceAll(/\d{3,}/g, 'N')
    .replace(/\.$/, '')
    .slice(0, 300);
}

const introduction = `# Layers

<!-- Made by test/layers/layers.test.ts. Do not edit: run it with UPDATE_GOLDEN=1. -->

Every layer of TF.js, tried in a small network: a loss, its gradient and a picture on \`wasm\` and, compiled, on \`tensorflow\`, compared with
TF.js's plain \`cpu\` backend. [test/layers/cases.ts](../test/layers/cases.ts) has each use. What is refused is refused before training begins, with
the sentence below.

| layer | \`wasm\` | \`tensorflow\` |
|---|---|---|
`;

describe('layers', () => {
  let rows: { readonly name: string; readonly cells: readonly string[] }[] = [];
  let forgotten: readonly string[] = [];

  before(async () => {
    assert.ok(hasNative || process.env['LOCKSTEP_REQUIRE_NATIVE'] !== '1', 'there is no native addon: run npm run native');
    const names = hasNative ? ['cpu', 'wasm', 'tensorflow'] : ['cpu', 'wasm'];
    // One after the other: each takes a core.
    const tried: TriedAll[] = [];
    for (const name of names) tried.push(await tryAll(name));
    const [cpu, ...backends] = tried;
    ({ forgotten } = cpu!);
    rows = Object.keys(cpu!.layers).map((name) => {
      const found = backends.map(({ layers }) => layers[name]!);
      const reference = layerCases[name]!.cpuIsWrong ? [] : [cpu!.layers[name]!];
      return { name, cells: found.map((each) => verdict(each, [...reference, ...found.filter((other) => other !== each)])) };
    });
  });

  test('every layer of TF.js is tried', () => assert.deepEqual(forgotten, []));

  test('docs/layers.md is what came out (UPDATE_GOLDEN=1 rewrites it)', () => {
    const lines = rows.map(({ name, cells }) => `| \`${name.replace(',', '`,')}${name.includes(',') ? '' : '`'} | ${cells.join(' | ')} |`);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, `${introduction}${lines.join('\n')}\n`);
    const document = readFileSync(file, 'utf8');
    assert.ok(document.startsWith(introduction));
    const columns = hasNative ? undefined : -2;
    const written = document.slice(introduction.length).trimEnd().split('\n');
    const known = (line: string): string =>
      line
        .split(' | ')
        .slice(0, columns === undefined ? undefined : 2)
        .join(' | ')
        .replace(/ \|$/, '');
    assert.deepEqual(lines.map(known), written.map(known));
  });

  test('nothing gives wrong numbers', () => {
    const wrong = rows.filter(({ cells }) => cells.some((cell) => cell.startsWith('WRONG')));
    assert.deepEqual(wrong, []);
  });
});
