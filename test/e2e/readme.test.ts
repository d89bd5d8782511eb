/**
 * Every command in the README and in the comments of examples/, on a clean copy of the project, as a newcomer would type it; training ones
 * are shortened by extra flags.
 *
 * A command that is there but not in this file's table fails the test, and the other way round.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { root, temporaryDirectory } from './harness.ts';

const execute = promisify(execFile);
/** Ports of their own, a handful of steps, a backend that works everywhere. */
const short = '--steps 4 --grid-every 2 --metrics-port 0';
const anyPort = '--bind tcp://127.0.0.1:0';

interface Outcome {
  readonly code: number;
  readonly output: string;
}

interface Place {
  readonly directory: string;
  /** Runs a command line in the copy. */
  run(line: string): Promise<Outcome>;
}

/** How each command is tested, in this order: an earlier one makes what a later one needs. */
const commands: Record<string, (place: Place, t: TestContext) => Promise<void>> = {
  'npm ci && npm start': async (place) => {
    const { code, output } = await place.run(`npm ci && npm start -- ${short} ${anyPort}`);
    assert.equal(code, 0, output);
    assert.match(output, /Pictures of step 2: (\S+\.png)/);
    assert.match(output, /Weights of generator: sha256 [0-9a-f]{64}/);
  },
  'npx --no -- coordinator --help': async (place) =>
    assert.match((await place.run('npx --no -- coordinator --help')).output, /Examples:[\s\S]*coordinator --workers 4 --spawn/),
  'npx --no -- worker --help': async (place) =>
    assert.match((await place.run('npx --no -- worker --help')).output, /Examples:[\s\S]*worker --gpu 0/),
  'npx --no -- coordinator --resume': async (place) => {
    const { code, output } = await place.run(`npx --no -- coordinator --resume --spawn --workers 2 --steps 6 --metrics-port 0 ${anyPort}`);
    assert.equal(code, 0, output);
    assert.match(output, /Resuming after step 4/);
  },
  'npx --no -- coordinator --config runs/NAME/config.json --spawn': async (place) => {
    const { output: newest } = await place.run('ls -t runs | head -1');
    const { code, output } = await place.run(
      `npx --no -- coordinator --config runs/${newest.trim()}/config.json --spawn --workers 1 ${anyPort} --metrics-port 0`,
    );
    assert.equal(code, 0, output);
  },
  'npx --no -- coordinator --recipe examples/lsgan.mjs --spawn': async (place) => {
    const { code, output } = await place.run(`npx --no -- coordinator --recipe examples/lsgan.mjs --spawn ${short} ${anyPort}`);
    assert.equal(code, 0, output);
  },
  'npx --no -- coordinator --workers 4 --spawn --recipe ./my-recipe.mjs': async (place) => {
    const line = `npx --no -- coordinator --workers 4 --spawn --recipe ./my-recipe.mjs ${short} ${anyPort}`;
    const { code, output } = await place.run(`cp examples/lsgan.mjs my-recipe.mjs && ${line}`);
    assert.equal(code, 0, output);
  },
  'npx --no -- coordinator --workers 4 --bind tcp://0.0.0.0:5555': async (place, t) => {
    const child = spawn('npx', ['--no', '--', 'coordinator', '--workers', '4', '--bind', 'tcp://0.0.0.0:0', ...short.split(' ')], {
      cwd: place.directory,
    });
    t.after(() => child.kill('SIGKILL'));
    let output = '';
    const port = await new Promise<string>((resolve, reject) => {
      child.stdout.on('data', (text: Buffer) => {
        output += text.toString();
        const found = /Listening at tcp:\/\/0\.0\.0\.0:(\d+)/.exec(output);
        if (found !== null && output.includes('Start one with: npx --no -- worker --connect')) resolve(found[1]!);
      });
      child.once('exit', () => reject(new Error(output)));
    });
    assert.match(output, /nothing authenticates workers/);
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const workers = await Promise.all(
      [1, 2, 3, 4].map((number) => place.run(`npx --no -- worker --name w${number} --backend wasm --connect tcp://127.0.0.1:${port}`)),
    );
    for (const worker of workers) assert.equal(worker.code, 0, worker.output);
    assert.equal(await ended, 0, output);
  },
  'npx --no -- worker --gpu 0 --connect tcp://HOST:5555': async (place) => {
    // On a machine with a GPU it would look for the coordinator; on this one it must say why it cannot.
    const { code, output } = await place.run('npx --no -- worker --gpu 0 --connect tcp://127.0.0.1:9 --reconnect-timeout 1');
    assert.ok([11, 12, 14].includes(code), output);
    assert.equal(output.includes('\n    at '), false, output);
  },
  'npm run build && mkdir -p ../my-project && npm pack --workspaces --pack-destination ../my-project': async (place) => {
    const { code, output } = await place.run(
      'npm run build && mkdir -p ../my-project && npm pack --workspaces --pack-destination ../my-project && cp test/fixtures/typed-gan.ts ../my-project/my-recipe.ts',
    );
    assert.equal(code, 0, output);
  },
  'npm install --ignore-scripts ./lockstep-*.tgz': async (place) => {
    const { code, output } = await place.run(
      'cd ../my-project && npm install --ignore-scripts ./lockstep-*.tgz --omit=optional --prefer-offline --no-audit',
    );
    assert.equal(code, 0, output);
  },
  'npx --no -- coordinator --workers 2 --spawn --recipe ./my-recipe.ts': async (place) => {
    const { code, output } = await place.run(
      `cd ../my-project && npx --no -- coordinator --workers 2 --spawn --recipe ./my-recipe.ts ${short} ${anyPort}`,
    );
    assert.equal(code, 0, output);
    assert.match(output, /Weights of generator: sha256 [0-9a-f]{64}/);
  },
  'npx --no -- coordinator watch --run-dir DIR': async (place) => {
    const { output: newest } = await place.run('ls -t runs | head -1');
    // Ctrl-C after it has served its page once.
    const watch = spawn('npx', ['--no', '--', 'coordinator', 'watch', '--run-dir', `runs/${newest.trim()}`], {
      cwd: place.directory,
      detached: true,
    });
    let output = '';
    const page = await new Promise<string>((resolve, reject) => {
      watch.stdout.on('data', (text: Buffer) => {
        output += text.toString();
        const found = /Live page at (http:\S+)/.exec(output);
        if (found !== null) resolve(found[1]!);
      });
      watch.once('exit', () => reject(new Error(output)));
    });
    const ended = new Promise((resolve) => watch.once('exit', resolve));
    assert.match(await (await fetch(page)).text(), /<title>/);
    process.kill(-watch.pid!, 'SIGINT');
    await ended;
  },
  // What .ci/run does first, on a clean checkout.
  'npm run check': async () => {},
  // Run by test/native and by .ci/run, which sets it up: its download is too large for a copy of its own.
  'npm run native': async (place) => assert.match((await place.run('npm run native -- --help')).output, /tensorflow/i),
  // This very suite.
  'npm ci && npm test': async () => {},
};

test('every command of the README and the examples works on a clean copy', { timeout: 15 * 60_000 }, async (t) => {
  const examples = (await readdir(join(root, 'examples'))).map((name) => join('examples', name));
  const texts = await Promise.all(['README.md', ...examples].map((name) => readFile(join(root, name), 'utf8')));
  const named = new Set(texts.flatMap(commandsIn));
  assert.deepEqual([...named].toSorted(), Object.keys(commands).toSorted(), 'the documents and this test name the same commands');
  const directory = join(await temporaryDirectory(t), 'lockstep');
  await copyProject(directory);
  const place: Place = { directory, run: (line) => shell(line, directory) };
  for (const [command, check] of Object.entries(commands)) await t.test(command, (inner) => check(place, inner));
});

// Without '--' npm takes the flags as its own: the command prints nothing and exits with 1.
test('no text shows npx without --', async () => {
  const wrong: string[] = [];
  for (const file of await projectFiles()) {
    // A file deleted in the work tree and not yet in the index is not part of the project.
    const text = await readFile(join(root, file), 'utf8').catch(() => '');
    if (/npx --no [a-z]/.test(text)) wrong.push(file);
  }
  assert.deepEqual(wrong, []);
});

/** Indented command lines (in a comment too), and commands in backticks. */
function commandsIn(text: string): string[] {
  const lines = [...text.matchAll(/^(?: \*)? {4,5}((?:npm|npx) .*)$/gm)];
  const inline = [...text.matchAll(/`((?:npm|npx) [^`]+)`/g)];
  return [...lines, ...inline].map((match) => match[1]!.trim());
}

/** What a clone would have: tracked files, and new ones that are not ignored. */
async function projectFiles(): Promise<string[]> {
  const { stdout } = await execute('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, maxBuffer: 1e7 });
  return stdout.split('\0').filter(Boolean);
}

async function copyProject(directory: string): Promise<void> {
  for (const file of await projectFiles()) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    // A file deleted in the work tree and not yet in the index is not part of the project.
    await cp(join(root, file), join(directory, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await execute('git', ['init', '-q'], { cwd: directory });
}

async function shell(line: string, cwd: string): Promise<Outcome> {
  const child = spawn('bash', ['-c', line], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1)));
  return { code, output };
}
