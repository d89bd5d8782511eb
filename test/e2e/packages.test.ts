/**
 * The packages as a user has them: real tarballs, installed into an empty project.
 *
 * Without optional dependencies and install scripts, since nothing of what is tested here needs them; that keeps it to seconds.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { version } from '@lockstep/shared';
import { startRun, root, type Summary } from './harness.ts';

const names = ['shared', 'coordinator', 'worker'] as const;
const length = ['--steps', '4', '--grid-every', '0'];
const workers = ['--workers', '2', '--spawn', '--backend', 'wasm'];
const anyPorts = ['--bind', 'tcp://127.0.0.1:0', '--metrics-port', '0'];

interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs a program in the user's project, or elsewhere. */
function run(command: string, args: readonly string[], cwd = project): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd, timeout: 300_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr });
    });
  });
}

async function succeeded(command: string, args: readonly string[], cwd = project): Promise<string> {
  const { code, output } = await run(command, args, cwd);
  assert.equal(code, 0, `${command} ${args.join(' ')}\n${output}`);
  return output;
}

let place = '';
let project = '';
const tarball = (name: string): string => join(place, `lockstep-${name}-${version}.tgz`);
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

before(async () => {
  place = await realpath(await mkdtemp(join(tmpdir(), 'lockstep-packages-')));
  project = join(place, 'project');
  await mkdir(project);
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'my-project', private: true, type: 'module' }));
  await succeeded('npm', ['pack', '--workspaces', '--pack-destination', place], root);
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--omit=optional', '--ignore-scripts'];
  await succeeded('npm', ['install', ...flags, ...names.map(tarball)]);
  await cp(join(root, 'test/fixtures/typed-gan.ts'), join(project, 'my-recipe.ts'));
});
after(() => rm(place, { recursive: true, force: true }));

describe('an installed package', { timeout: 10 * 60_000 }, () => {
  for (const name of names) {
    test(`${name}: publint and attw find nothing wrong`, async () => {
      await succeeded(bin('publint'), ['--strict', tarball(name)], root);
      // ESM only, on purpose: `require` of a module with top-level await cannot work.
      await succeeded(bin('attw'), ['--profile', 'esm-only', '--no-emoji', tarball(name)], root);
    });

    test(`${name}: holds its licence, its README and what it needs to run, but no tests or leftovers`, async () => {
      const folder = join(project, 'node_modules/@lockstep', name);
      assert.equal(await readFile(join(folder, 'LICENSE'), 'utf8'), await readFile(join(root, 'LICENSE'), 'utf8'));
      const files = await readdir(folder, { recursive: true });
      assert.ok(files.includes('README.md'));
      assert.deepEqual(
        files.filter((file) => /\.test\.|testing|tsbuildinfo/.test(file)),
        [],
      );
      // A file in dist without a source was left by an earlier build: npm run clean.
      const modules = files.filter((file) => /^dist\/.*\.js$/.test(file));
      assert.ok(modules.length > 20, `only ${modules.length} modules`);
      assert.deepEqual(
        modules.filter((file) => !files.includes(file.replace(/^dist/, 'src').replace(/\.js$/, '.ts'))),
        [],
      );
    });
  }

  /** Of four steps, trained by the installed `coordinator`. */
  let weights: Summary['weightsSha256'];

  test('trains a recipe in TypeScript, with the weights of the same recipe in JavaScript from the clone', async (t) => {
    await succeeded('npx', [
      '--no',
      '--',
      'coordinator',
      ...workers,
      ...length,
      ...anyPorts,
      '--recipe',
      './my-recipe.ts',
      '--run-dir',
      'run',
    ]);
    const installed = JSON.parse(await readFile(join(project, 'run/summary.json'), 'utf8')) as Summary;
    const cloned = await startRun(t, { args: [...workers, ...length] });
    assert.deepEqual(installed.weightsSha256, (await cloned.completed()).weightsSha256);
    weights = installed.weightsSha256;
    assert.ok(existsSync(join(project, 'run/model/generator/model.json')));
  });

  test('classifies a folder of JPEGs with the example, decoded and read ahead by a thread', async () => {
    for (const name of ['cats/a.jpg', 'cats/b.jpg', 'dogs/a.jpg']) {
      await mkdir(join(project, 'pets', name, '..'), { recursive: true });
      await cp(join(root, 'test/fixtures/data', name.startsWith('cats') ? 'colour.jpg' : 'progressive.jpg'), join(project, 'pets', name));
    }
    await cp(join(root, 'examples/picture-classifier.mjs'), join(project, 'classifier.mjs'));
    const data = ['--data', './pets', '--picture-size', '32x32', '--batch-size', '4', '--run-dir', 'pets-run'];
    await succeeded('npx', ['--no', '--', 'coordinator', ...workers, ...length, ...anyPorts, '--recipe', './classifier.mjs', ...data]);
    assert.ok(existsSync(join(project, 'pets-run/model/classifier/model.json')));
  });

  test('trains from a program: the one in docs/own-project.md, with the same weights, and it prints nothing itself', async () => {
    await writeFile(join(project, 'program.mjs'), await documentedProgram());
    const lines = (await succeeded(process.execPath, ['program.mjs'])).trimEnd().split('\n');
    assert.deepEqual(
      lines.slice(0, 4).map((line) => line.slice(0, 3)),
      ['1 {', '2 {', '3 {', '4 {'],
    );
    const rest = lines.slice(4).join('\n');
    for (const hash of Object.values(weights)) assert.ok(rest.includes(hash), rest);
    assert.match(rest, /^\{[^{}]*\} \/.*\/runs\/my-recipe-[\d-]+$/);
  });

  test('a program stops its run by AbortSignal and resumes it, with the weights of a run that never stopped', async () => {
    await writeFile(join(project, 'stopping.mjs'), stoppingProgram);
    assert.deepEqual(JSON.parse(await succeeded(process.execPath, ['stopping.mjs'])), {
      refused: ['usage', 'usage', 'recipe-invalid'],
      early: ['before', 'no patience'],
      stopped: { byLoop: 'enough', byResult: 'enough', seen: [1, 2] },
      resumed: { seen: [3, 4], weightsSha256: weights },
      listeners: 0,
    });
  });

  test('a program may have two runs at once', async () => {
    await writeFile(join(project, 'two.mjs'), twoRunsProgram);
    assert.deepEqual(JSON.parse(await succeeded(process.execPath, ['two.mjs'])), [weights, weights]);
  });

  test('type-checks a recipe and a program: a misspelt network does not compile', async () => {
    const types = { types: ['node'], typeRoots: [join(root, 'node_modules/@types')] };
    const compilerOptions = { strict: true, module: 'nodenext', target: 'es2023', skipLibCheck: true, noEmit: true, ...types };
    await writeFile(join(project, 'program.ts'), await documentedProgram());
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['my-recipe.ts', 'program.ts'] }));
    await succeeded(bin('tsc'), ['-p', '.']);
    const text = await readFile(join(project, 'my-recipe.ts'), 'utf8');
    await writeFile(join(project, 'misspelt.ts'), text.replace("updates: 'generator'", "updates: 'generater'"));
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['misspelt.ts'] }));
    const { code, output } = await run(bin('tsc'), ['-p', '.']);
    assert.notEqual(code, 0);
    // One line, at the typo itself.
    assert.match(output, /^misspelt\.ts.*'"generater"' is not assignable to .* Did you mean '"generator"'\?\n$/);
  });

  test('has lockstep-native, which builds into the project', async () => {
    const help = await succeeded('npx', ['--no', '--', 'lockstep-native', '--help']);
    assert.ok(help.includes(join(project, '.native')), help);
    // Its sources and headers are optional dependencies, and were left out.
    const { code, output } = await run('npx', ['--no', '--', 'lockstep-native']);
    assert.equal(code, 1);
    assert.match(output, /^lockstep-native: @tensorflow\/tfjs-node is not installed; it is an optional dependency/m);
  });
});

async function documentedProgram(): Promise<string> {
  return /^```js\n([^`]*)```/m.exec(await readFile(join(root, 'docs/own-project.md'), 'utf8'))![1]!;
}

const stoppingProgram = `
  import { LockstepError, train } from '@lockstep/coordinator';
  const options = {
    recipe: './my-recipe.ts', workers: 2, spawn: true, backend: 'wasm', runDir: 'stopped', gridEvery: 0, bind: 'tcp://127.0.0.1:0', metricsPort: 0,
  };
  const failure = (training) => training.result.catch((error) => error instanceof LockstepError ? error.code : error);
  const refused = [];
  for (const bad of [{ workers: 0 }, { wrokers: 2 }, { recipe: './nowhere.ts' }]) refused.push(await failure(train({ ...options, ...bad })));

  const early = [await failure(train({ ...options, signal: AbortSignal.abort('before') }))];
  const idle = new AbortController();
  const log = (line) => line.includes('Start one with: npx --no -- worker') && idle.abort('no patience');
  early.push(await failure(train({ ...options, spawn: false, backend: undefined, runDir: 'idle', signal: idle.signal, log })));

  const stop = new AbortController();
  const first = train({ ...options, steps: 4, signal: stop.signal });
  const seen = [];
  let byLoop;
  try {
    for await (const { step } of first) if (seen.push(step) === 2) stop.abort('enough');
  } catch (reason) {
    byLoop = reason;
  }
  const stopped = { byLoop, byResult: await failure(first), seen };

  const second = train({ resume: true, runDir: 'stopped', spawn: true, bind: 'tcp://127.0.0.1:0', metricsPort: 0 });
  const more = [];
  for await (const { step } of second) more.push(step);
  const { weightsSha256 } = await second.result;
  const listeners = ['SIGINT', 'SIGTERM', 'SIGHUP'].reduce((sum, name) => sum + process.listenerCount(name), 0);
  console.log(JSON.stringify({ refused, early, stopped, resumed: { seen: more, weightsSha256 }, listeners }));
`;

const twoRunsProgram = `
  import { train } from '@lockstep/coordinator';
  const one = (runDir) => train({
    recipe: './my-recipe.ts', spawn: true, backend: 'wasm', steps: 4, gridEvery: 0, runDir, bind: 'tcp://127.0.0.1:0', metricsPort: 0,
  }).result;
  const results = await Promise.all([one('two-a'), one('two-b')]);
  console.log(JSON.stringify(results.map(({ weightsSha256 }) => weightsSha256)));
`;
