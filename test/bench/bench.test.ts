/** The benchmark program itself, on its shortest work: that it runs, says what it skipped, and writes what it promises. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { carrierFault, carriers } from './carriers.ts';

const program = fileURLToPath(new URL('main.ts', import.meta.url));

async function bench(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

test('measures, skips PyTorch by name where it is absent, and writes JSON and Markdown', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'lockstep-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const [json, markdown] = [join(directory, 'results.json'), join(directory, 'page.md')];
  await writeFile(markdown, 'before\n<!-- bench:synchronisation -->\n<!-- /bench:synchronisation -->\nafter\n');
  const flags = [
    '--quick',
    '--repeats',
    '1',
    '--workers',
    '2',
    '--python',
    join(directory, 'python'),
    '--json',
    json,
    '--markdown',
    markdown,
  ];
  const { code, output } = await bench(['synchronisation', ...flags]);
  assert.equal(code, 0, output);
  assert.match(output, /Skipped: Gloo all_reduce\. There is no such interpreter .*pip install torch==/);
  const { machine, reports } = JSON.parse(await readFile(json, 'utf8')) as {
    machine: { cores: number };
    reports: { results: { name: string; samples?: number[] }[] }[];
  };
  assert.ok(machine.cores > 0);
  const measured = reports[0]!.results.filter(({ samples }) => samples?.every((value) => value > 0));
  const usable = carriers.filter((carrier) => carrierFault(carrier) === undefined);
  assert.deepEqual(
    measured.map(({ name }) => name),
    usable.map(({ name }) => `Lockstep ${name}`),
  );
  const page = await readFile(markdown, 'utf8');
  assert.match(
    page,
    /^before\n<!-- bench:synchronisation -->\n[^]*\| Lockstep inline-tcp \|[^]*Node v[^]*<!-- \/bench:synchronisation -->\nafter\n$/,
  );
  assert.match(page, /Made by `npm run bench -- synchronisation --quick --repeats 1 --workers 2`/);
  assert.ok(!page.includes(directory), 'the page shows whose machine it was');
});

test('shows in which kernels a step on wasm spends its time', async () => {
  const { code, output } = await bench(['wasm', '--quick', '--repeats', '1']);
  assert.equal(code, 0, output);
  assert.match(output, /^Lockstep +[\d,]+ \([\d,]+-[\d,]+\) +[\d.]+$/m);
  assert.match(output, /^BatchMatMul +[\d.]+ +\d+ %$/m);
  assert.match(output, /^outside kernels +[\d.]+ +\d+ %$/m);
});

test('compares a coordinator that is observed with one that is bare', async () => {
  const { code, output } = await bench(['observation', '--repeats', '1', '--steps', '5', '--workers', '1', '--carriers', 'inline-tcp']);
  assert.equal(code, 0, output);
  assert.match(output, /^inline-tcp, 1 workers +[\d.]+ +[\d.]+ +-?[\d.]+ %$/m);
});

test('a mistake on the command line gives one sentence and exit code 2', async () => {
  for (const [args, sentence] of [
    [['speed'], /There is no benchmark 'speed'\. Benchmarks are training, /],
    [['--repeats', '0'], /--repeats takes whole numbers from 1 to 100, not '0'/],
    [['--backends', 'cuda'], /--backends takes wasm, tensorflow, tensorflow-eager/],
    [['--carriers', 'pigeon'], /--carriers takes shm, inline-ipc, inline-tcp/],
    [['--fast'], /--fast/],
  ] as const) {
    const { code, output } = await bench(args);
    assert.equal(code, 2, output);
    assert.match(output, sentence);
  }
});
