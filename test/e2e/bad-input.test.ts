/**
 * Everything that is refused before anything starts, with real programs: the exit code, one sentence without a stack, and nothing created
 * or bound.
 *
 * One list for each code of the error table. Codes that only a running run produces are in `exit-codes.test.ts`; the types make sure that
 * every code is in one of the two. Each rule has its own cases beside the sources; here it is enough that each kind reaches the user.
 */
import assert from 'node:assert/strict';
import { chmod, copyFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type ErrorCode, errorTable, version } from '@lockstep/shared';
import type { lateCodes } from './exit-codes.ts';
import { refusal, root, start, temporaryDirectory, tinyRecipe, within } from './harness.ts';

interface Refusal {
  readonly program?: 'worker';
  readonly args: readonly string[];
  readonly says: RegExp;
  readonly environment?: NodeJS.ProcessEnv;
  /** Does not start with the tiny recipe, a run directory and addresses of its own. */
  readonly bare?: true;
}

/** `place` is an empty directory for this case. */
type Case = Refusal | ((t: TestContext, place: string) => Promise<Refusal>);

const worker = (args: string, says: RegExp): Refusal => ({ program: 'worker', args: args.split(' '), says });
const coordinator = (args: string, says: RegExp): Refusal => ({ args: args.split(' '), says });

const cases: Readonly<Record<Exclude<ErrorCode, (typeof lateCodes)[number]>, Readonly<Record<string, Case>>>> = {
  usage: {
    'an unknown flag': coordinator('--wrokers 4', /Unknown argument: wrokers\. See coordinator --help\./),
    'a word that is not a flag': coordinator('--spawn foo', /Unknown argument: foo\./),
    'a value that is not a number': coordinator('--workers many', /--workers takes a whole number from 1 to 1024, not 'NaN'/),
    'a number out of bounds': coordinator('--shards 0', /--shards takes a whole number from 1/),
    'steps and epochs': coordinator('--steps 5 --epochs 1', /--steps contradicts --epochs.*Drop one of them\./),
    'more workers needed than wanted': coordinator('--workers 2 --min-workers 3', /--min-workers 3 is more than --workers 2/),
    'a backend for workers it does not start': coordinator('--backend wasm', /--backend .*add --spawn/),
    'more shards than samples': coordinator('--shards 8 --batch-size 4', /--shards 8 is more than --batch-size 4/),
    'less than a step': coordinator('--epochs 0.00001', /--epochs 0\.00001 is less than one step/),
    'resume and config': withFile('run/config.json', '{}', (path) => ({
      args: ['--resume', '--config', path],
      says: /--resume contradicts --config/,
      bare: true,
    })),
    'a malformed address': {
      ...coordinator('--bind localhost:5555', /--bind takes tcp:\/\/HOST:PORT or ipc:\/\/PATH.*not 'localhost:5555'/),
      bare: true,
    },
    'an unknown command': coordinator(
      'foo --spawn',
      /There is no command 'foo'; the commands are train \(the default\), watch, chaos, sample, evaluate\. See coordinator --help\./,
    ),
    'watch: a place without a run': { ...coordinator('watch', /--run-dir \S+ holds no run: give the directory of one\./), bare: true },
    'watch: an unknown flag': { ...coordinator('watch --spawn', /Unknown argument: spawn\. See coordinator watch --help\./), bare: true },
    'sample: a place without a run': { ...coordinator('sample', /holds no run: give the directory of one with --run-dir/), bare: true },
    'evaluate: too few pictures': { ...coordinator('evaluate --count 3', /--count takes a whole number from 64/), bare: true },
    'worker: an unknown flag': worker('--gpus 0', /Unknown argument: gpus\. See worker --help\./),
    'worker: an unknown backend': worker('--backend magic', /--backend takes one of auto, cuda, tensorflow, wasm.*not 'magic'/),
    'worker: a UUID for WebGPU': worker('--gpu GPU-1f --backend webgpu', /--gpu GPU-1f: only NVIDIA's GPUs have UUIDs/),
    'worker: neither an index nor a UUID': worker(
      '--gpu MIG-1f/x',
      /--gpu takes the index of a visible GPU, or its UUID \(GPU-\.\.\., MIG-\.\.\.\), not 'MIG-1f\/x'/,
    ),
    'worker: a GPU on the CPU': worker('--gpu 0 --backend wasm', /--gpu 0 contradicts --backend wasm/),
    'worker: a bad name': worker('--name a/b', /--name takes .*not 'a\/b'/),
    'worker: a malformed address': worker('--connect http://x:1', /--connect takes tcp:/),
  },
  'config-invalid': {
    'a missing config file': coordinator('--config nowhere.json', /--config nowhere\.json cannot be read/),
    'one that is not JSON': withFile('c.json', '{', (path) => ({ args: ['--config', path], says: /c\.json is not JSON/ })),
    'an unknown option': withFile('c.json', '{"wrokers":4}', (path) => ({
      args: ['--config', path],
      says: /c\.json: 'wrokers' is not an option/,
    })),
    'a value out of bounds': withFile('c.json', '{"workers":0}', (path) => ({
      args: ['--config', path],
      says: /c\.json: 'workers' takes a whole number/,
    })),
  },
  'data-invalid': {
    'no such directory': coordinator('--data /nowhere', /\/nowhere: the data cannot be read: there is no such file.*--data/),
    'a directory without data': withFile('empty/notes.txt', '', (path) => ({
      args: ['--data', join(path, '..')],
      says: /empty: there is no data set in this directory\. --data takes a directory of IDX files \(train-images-idx3-ubyte\)/,
    })),
    'a file that is no data': withFile('data.csv', '1,2', (path) => ({
      args: ['--data', path],
      says: /data\.csv: this file is no data set\. --data/,
    })),
    'a malformed .npy': withFile('data.npy', 'not from NumPy', (path) => ({
      args: ['--data', path],
      says: /data\.npy cannot be used: it does not begin as a \.npy file does/,
    })),
    'a file that only ends like a picture': withFile('data/cats/a.jpg', '', (path) => ({
      args: ['--data', join(path, '../..')],
      says: /cats\/a\.jpg cannot be used: it is neither PNG nor JPEG\. Replace the picture/,
    })),
    'one unreadable picture': truncatedPicture,
    'labels that are out of range': data(
      { labels: Buffer.concat([idx([2]).subarray(0, 8), Buffer.of(3, 10)]) },
      /field 'label': sample 1 has the value 10, and the recipe 'tiny-classifier' has 10 classes, 0 to 9/,
      ['--recipe', join(root, 'test/fixtures/tiny-classifier.mjs')],
    ),
    'a field that is not there': withFile('data.npy', '', async (path) => {
      await copyFile(join(root, 'test/fixtures/data/version3.npy'), path);
      return { args: ['--data', path], says: /The recipe 'tiny-gan' wants samples of 784 pixels as real, but NumPy file .* has 2 there/ };
    }),
    'a file of labels that is malformed': data({ labels: Buffer.alloc(4) }, /train-labels-idx1-ubyte, offset 0: wrong magic number/),
    'a directory that has been moved': withFile('c.json', '{"data":"/nowhere"}', (path) => ({
      args: ['--config', path],
      says: /c\.json has --data \/nowhere, which no longer exists: give its new location with --data\./,
    })),
    'wrong magic': data(
      { images: idx([2, 28, 28], 0x0d03) },
      /train-images-idx3-ubyte, offset 0: wrong magic number, expected 0x00000803.* found 0x00000d03/,
    ),
    truncated: data({ images: idx([2, 28, 28]).subarray(0, 1000) }, /train-images-idx3-ubyte, offset 1000: the file is truncated/),
    'too long': data({ images: Buffer.concat([idx([2, 28, 28]), Buffer.alloc(3)]) }, /offset 1584: 3 bytes follow/),
    'damaged gzip': data({ images: gzipSync(idx([2, 28, 28])).subarray(0, 30) }, /train-images-idx3-ubyte.*gzip data is truncated/),
    'counts that disagree': data({ labels: idx([3]) }, /counts 2 images \(offset 4\), but .* counts 3 labels/),
    'images of another size than the recipe wants': data(
      { images: idx([2, 4, 4]) },
      /wants samples of 784 pixels as real, but IDX files in .* has 4 x 4/,
    ),
  },
  'recipe-invalid': {
    'an unknown name': { ...coordinator('--recipe gam', /gam/) },
    'a file that is not there': coordinator('--recipe ./nowhere.mjs', /\.\/nowhere\.mjs cannot be read: there is no such file/),
    'a file that is not a module': withFile('r.txt', 'x', (path) => ({
      args: ['--recipe', path],
      says: /r\.txt is not JavaScript or TypeScript/,
    })),
    'a syntax error': withFile('r.mjs', 'export default {', (path) => ({ args: ['--recipe', path], says: /r\.mjs cannot be parsed/ })),
    'an error while loading': withFile('r.mjs', 'null.x', (path) => ({
      args: ['--recipe', path],
      says: /r\.mjs failed while loading in line 1/,
    })),
    'no default export': withFile('r.mjs', 'export const a = 1;', (path) => ({
      args: ['--recipe', path],
      says: /r\.mjs has no default export/,
    })),
    'a file that has been moved': withFile('run/config.json', '{"recipe":"/nowhere/r.mjs"}', () => ({
      args: ['--resume'],
      says: /config\.json has --recipe \/nowhere\/r\.mjs, which no longer exists: give its new location with --recipe\./,
    })),
    'a missing field': withFile('r.mjs', 'export default { name: "x" };', (path) => ({
      args: ['--recipe', path],
      says: /r\.mjs: batchSize is missing/,
    })),
  },
  'address-in-use': {
    'the metrics port': async (t) => ({
      args: ['--metrics-port', String(await takenPort(t))],
      says: /metrics cannot be served on 127\.0\.0\.1:\d+: another process uses that port.*--metrics-port/,
    }),
    'the endpoint, by a program that is not Lockstep': async (t) => ({
      args: ['--bind', `tcp://127.0.0.1:${await takenPort(t)}`],
      says: /'tcp:\S+' is in use by another process\. Stop it, or choose another address with --bind\./,
    }),
  },
  'address-invalid': {
    'an address of another machine': coordinator('--bind tcp://203.0.113.1:5555', /Cannot bind 'tcp:\/\/203\.0\.113\.1:5555': .*--bind/),
    'a socket in a missing directory': coordinator(
      '--bind ipc:///nowhere/lockstep.sock',
      /Cannot bind 'ipc:\/\/\/nowhere\/lockstep\.sock'/,
    ),
    'metrics on an address of another machine': coordinator(
      '--metrics-host 203.0.113.1',
      /metrics cannot be served on 203\.0\.113\.1:0: no network interface.*--metrics-host/,
    ),
    'worker: a wildcard address': worker('--backend wasm --connect tcp://*:5555', /Cannot connect to 'tcp:\/\/\*:5555'.*--connect/),
  },
  'run-exists': {
    'a run directory that holds a run': withFile('run/config.json', '{}', () => ({
      args: [],
      says: /run holds a run already\. Add --resume to continue it, or choose another --run-dir\./,
    })),
  },
  'resume-invalid': {
    'a total that the run has passed': async (_, place) => {
      await cp(join(root, 'test/fixtures/run-of-format-1'), place, { recursive: true });
      return {
        args: ['--resume', '--recipe', join(place, 'recipe.mjs'), '--data', join(place, 'data'), '--steps', '156'],
        says: /step-000156-round-1 cannot be resumed: it is past step 156; give a larger total with --steps or --epochs\./,
      };
    },
    'a run without its config': withFile('run/losses.jsonl', '{"step":1}\n', () => ({
      args: ['--resume'],
      says: /run holds a part of a run, but no config\.json: restore that file, or choose another --run-dir\./,
    })),
    'another recipe': withFile('run/config.json', configOf({ recipe: 'gan', recipeHash: '0' }), () => ({
      args: ['--resume', '--recipe', tinyRecipe],
      says: /run cannot be resumed: the recipe 'tiny-gan' is not the one that the run began with\. Restore it, give its location with --recipe, or start a new run/,
    })),
    'other data': withFile('run/config.json', configOf({ recipe: tinyRecipe, datasetSha256: '0' }), () => ({
      args: ['--resume'],
      says: /run cannot be resumed: the data set is not the one that the run began with\. Restore it, give its location with --data, or start a new run/,
    })),
    'a changed flag': withFile('run/config.json', '{"seed":1}', () => ({
      args: ['--resume', '--seed', '2'],
      says: /--seed cannot change when a run is resumed: the run has '?1'?\./,
    })),
    'a damaged checkpoint': withFile('run/checkpoints/step-000005/checkpoint.json', '{}', async (_, place) => {
      await writeFile(join(place, 'run', 'config.json'), JSON.stringify({ recipe: tinyRecipe, steps: 9, about: { runId: 'x' } }));
      return { args: ['--resume'], says: /No checkpoint in \S+ can be used: .*step-000005/, bare: true };
    }),
  },
  disk: {
    'a file where the run directory should go': withFile('run', 'a file', () => ({
      args: [],
      says: /Cannot use \S+run\S*: there is a file where a directory is needed \(E\w+\)\. Move it away, or choose another --run-dir\./,
    })),
  },
  'backend-unavailable': {
    'worker: cuda without its addon': async (_, place) => ({
      program: 'worker',
      args: ['--backend', 'cuda', '--reconnect-timeout', '1'],
      environment: { PATH: await fakeNvidiaSmi(place), LOCKSTEP_NATIVE_DIR: place },
      says: /Backend cuda: @tensorflow\/tfjs-node-gpu .*or choose --backend wasm\./,
    }),
    'worker: tensorflow without its addon': async (_, place) => ({
      program: 'worker',
      args: ['--backend', 'tensorflow', '--reconnect-timeout', '1'],
      environment: { LOCKSTEP_NATIVE_DIR: place },
      says: /Backend tensorflow: @tensorflow\/tfjs-node .*or choose --backend wasm\./,
    }),
  },
  'gpu-unavailable': {
    'worker: a GPU on a machine without GPUs': async (_, place) => ({
      ...worker('--gpu 0', /No NVIDIA GPU can be used: nvidia-smi is not on the PATH\. .*--backend wasm/),
      environment: { PATH: place },
    }),
    'worker: a GPU that does not exist': async (_, place) => ({
      ...worker('--gpu 1', /--gpu: there is no visible GPU '1'\. Visible: 0 \(Fake GPU, GPU-0abc\)/),
      environment: { PATH: await fakeNvidiaSmi(place) },
    }),
    'more spawned workers than GPUs': async (_, place) => ({
      ...coordinator(
        '--workers 2 --spawn --backend cuda',
        /--workers 2 asks for more local workers than there are visible GPUs: 0 \(Fake GPU/,
      ),
      environment: { PATH: await fakeNvidiaSmi(place) },
    }),
    'spawned CUDA workers without a GPU': async (_, place) => ({
      ...coordinator('--spawn --backend cuda', /No NVIDIA GPU can be used/),
      environment: { PATH: place },
    }),
  },
};

for (const [code, byName] of Object.entries(cases) as [keyof typeof cases, Readonly<Record<string, Case>>][]) {
  describe(`${code} (exit code ${errorTable[code].exitCode})`, { concurrency: 2 }, () => {
    for (const [name, each] of Object.entries(byName)) {
      test(name, async (t) => {
        const place = await temporaryDirectory(t);
        const { program = 'coordinator', args, says, environment, bare } = typeof each === 'function' ? await each(t, place) : each;
        const before = await listing(place);
        const own = program === 'worker' || bare === true ? [] : defaults(args, place);
        const runDirectory = program === 'worker' ? [] : ['--run-dir', join(place, 'run')];
        // A command is the first word.
        const command = args[0]?.startsWith('-') === false ? 1 : 0;
        const line = [...args.slice(0, command), ...own, ...runDirectory, ...args.slice(command)];
        const started = start(t, program, line, { TMPDIR: place, ...environment });
        let complaint = '';
        started.child.stderr!.on('data', (text: string) => (complaint += text));
        const found = await within(started, 'a refusal', started.exited);
        // It waited for a coordinator, so the backend works.
        if (code === 'backend-unavailable' && found.code === errorTable['coordinator-unreachable'].exitCode)
          return t.skip(`${args[1]} works here`);
        assert.equal(found.code, errorTable[code].exitCode, started.output());
        assert.match(complaint, new RegExp(`^${program}: [^\\n]+\\.\\n$`), 'one sentence, and nothing else');
        assert.match(complaint, says);
        assert.deepEqual(await listing(place), before, 'nothing was made');
      });
    }
  });
}

describe('asked for help', { concurrency: 2 }, () => {
  for (const [program, example] of [
    ['coordinator', 'coordinator --workers 4 --spawn'],
    ['worker', 'worker --gpu 1 --connect tcp://trainer:5555'],
  ] as const) {
    test(`${program} --help shows examples, ${program} --version the version`, async (t) => {
      const help = await refusal(t, program, ['--help']);
      assert.equal(help.code, 0);
      assert.ok(help.output.includes('Examples:') && help.output.includes(example), help.output);
      assert.deepEqual(await refusal(t, program, ['--version']), { code: 0, output: `${version}\n` });
    });
  }
});

/** Flags that keep a coordinator to itself, unless the case has its own. */
function defaults(args: readonly string[], place: string): string[] {
  const flags = { '--recipe': tinyRecipe, '--bind': `ipc://${place}/lockstep.sock`, '--metrics-port': '0' };
  return Object.entries(flags).flatMap(([flag, value]) =>
    args.includes(flag) || (args.includes('--resume') && flag === '--recipe') ? [] : [flag, value],
  );
}

async function listing(place: string): Promise<string[]> {
  return (await readdir(place, { recursive: true })).toSorted();
}

/** A config.json of a run that began with other bytes. */
function configOf({ recipe, ...about }: { recipe: string; recipeHash?: string; datasetSha256?: string }): string {
  return JSON.stringify({ recipe, about: { runId: 'x', ...about } });
}

/** A case with a file of this content, its directories made. */
function withFile(name: string, content: string, then: (path: string, place: string) => Refusal | Promise<Refusal>): Case {
  return async (_, place) => {
    const path = join(place, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, content);
    return then(path, place);
  };
}

/** Zeros with an IDX header. */
function idx(shape: readonly number[], magic = 0x0800 | shape.length): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(magic, 0);
  shape.forEach((dimension, axis) => header.writeUInt32BE(dimension, 4 + 4 * axis));
  return Buffer.concat([header, Buffer.alloc(shape.reduce((product, dimension) => product * dimension, 1))]);
}

/** A case with a data set of two images, valid except for what it replaces. */
function data(replaced: { images?: Buffer; labels?: Buffer }, says: RegExp, recipe: readonly string[] = []): Case {
  const { images, labels } = { images: idx([2, 28, 28]), labels: idx([2]), ...replaced };
  return async (_, place) => {
    const directory = join(place, 'data');
    await mkdir(directory);
    await writeFile(join(directory, 'train-images-idx3-ubyte'), images);
    await writeFile(join(directory, 'train-labels-idx1-ubyte'), labels);
    return { args: [...recipe, '--data', directory], says };
  };
}

/** Two pictures in a class; the second is cut short after its header, so that only decoding it finds that. */
async function truncatedPicture(_: TestContext, place: string): Promise<Refusal> {
  const folder = join(place, 'pictures', 'cats');
  await mkdir(folder, { recursive: true });
  const whole = await readFile(join(root, 'test/fixtures/data/colour.jpg'));
  await writeFile(join(folder, 'a.jpg'), whole);
  await writeFile(join(folder, 'b.jpg'), whole.subarray(0, -20));
  const recipe = (await readFile(tinyRecipe, 'utf8')).replaceAll('784', '72');
  await writeFile(join(place, 'recipe.mjs'), recipe);
  return {
    args: ['--recipe', join(place, 'recipe.mjs'), '--data', join(folder, '..')],
    says: /cats\/b\.jpg cannot be used: Premature end of JPEG file\. Replace the picture, or take it out of the folder/,
  };
}

/** A port that somebody listens on. */
async function takenPort(t: TestContext): Promise<number> {
  const server = createServer();
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

/** A PATH on which nvidia-smi knows one GPU. */
async function fakeNvidiaSmi(place: string): Promise<string> {
  const directory = join(place, 'bin');
  await mkdir(directory);
  await writeFile(join(directory, 'nvidia-smi'), '#!/bin/sh\necho "GPU 0: Fake GPU (UUID: GPU-0abc)"\n');
  await chmod(join(directory, 'nvidia-smi'), 0o755);
  return directory;
}
