import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { durationMs, flagOf, LockstepError } from '@lockstep/shared';
import { parseCommandLine } from './command-line.ts';
import { checkBatch, type ConfigFile, leavesHost, resolveOptions } from './resolve-options.ts';
import { type Options, optionNames, optionTable } from './option-table.ts';

const parse = async (line: string, file?: ConfigFile): Promise<Options> =>
  resolveOptions(
    await parseCommandLine(line.split(' ').filter(Boolean), '0.0.0'),
    file === undefined ? undefined : { path: 'config.json', file },
  );

const refused = (line: string, code: string, pattern: RegExp, file?: ConfigFile): Promise<void> =>
  assert.rejects(parse(line, file), (error: unknown) => {
    assert.ok(error instanceof LockstepError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    assert.equal(error.message.includes('\n'), false, 'one sentence');
    return true;
  });

describe('coordinator options', () => {
  test('defaults are the documented ones', async () => {
    const options = await parse('');
    for (const name of optionNames) assert.equal(options[name], optionTable[name].default, name);
  });

  test('flags are understood', async () => {
    const options = await parse(
      '--workers 4 --spawn --shards 8 --seed 7 --learning-rate 0.001 --epochs 0.5 --bind ipc:///tmp/x.sock --backend wasm',
    );
    const { workers, spawn, shards, seed, learningRate, epochs, bind, backend } = options;
    assert.deepEqual(
      { workers, spawn, shards, seed, learningRate, epochs, bind, backend },
      { workers: 4, spawn: true, shards: 8, seed: 7, learningRate: 0.001, epochs: 0.5, bind: 'ipc:///tmp/x.sock', backend: 'wasm' },
    );
  });

  for (const [line, pattern] of [
    ['--wrokers 4', /wrokers/],
    ['--workers', /workers/],
    ['--workers many', /--workers takes a whole number from 1 to 1024, not 'NaN'/],
    ['--workers 0', /--workers takes/],
    ['--workers 1.5', /--workers takes/],
    ['--shards -1', /--shards takes/],
    ['--seed 1e300', /--seed takes/],
    ['--learning-rate 0', /--learning-rate takes a number/],
    ['--checkpoint-every 0s', /--checkpoint-every takes a number of steps up to 2147483648, or a time from 1s to 168h .*, not '0s'/],
    ['--checkpoint-every 169h', /--checkpoint-every takes/],
    ['--checkpoint-every 5min', /--checkpoint-every takes/],
    ['--checkpoint-every -5m', /checkpoint-every/],
    ['--checkpoint-every 1e3m', /--checkpoint-every takes/],
    ['--checkpoint-every 2.5', /--checkpoint-every takes/],
    ['--checkpoint-every 99999999999', /--checkpoint-every takes/],
    ['--metrics-port 70000', /--metrics-port takes/],
    ['--bind 5555', /--bind takes tcp:\/\/HOST:PORT/],
    ['--bind tcp://127.0.0.1:99999', /--bind takes/],
    ['--backend metal --spawn', /--backend takes one of auto, cuda, tensorflow, wasm, webgpu, not 'metal'/],
    ['--log-level loud', /--log-level takes one of/],
    ['--steps 3 --epochs 2', /--steps contradicts --epochs/],
    ['--workers 2 --min-workers 3', /--min-workers 3 is more than --workers 2/],
    ['--backend wasm', /add --spawn/],
    ['--execution xla --spawn --backend wasm', /--execution xla contradicts --backend wasm/],
    ['--execution xla --spawn --backend webgpu', /--execution xla contradicts --backend webgpu/],
    ['--resume --config x.json', /--resume contradicts --config/],
    ['--step 5', /--step says where a resumed run goes back to: add --resume/],
    ['--audit 1', /--audit needs a second worker/],
    ['--audit 2 --workers 2', /--audit/],
    ['--audit 0.5 --workers 2 --allow-mixed-numerics', /--audit contradicts --allow-mixed-numerics/],
    ['--workers 2 4', /Unknown argument: 4/],
  ] as const) {
    test(`refuses '${line}' by name`, () => refused(line, 'usage', pattern));
  }

  test('the interval of checkpoints is a number of steps or a time, and a config file holds what it takes', async () => {
    for (const [typed, value] of [
      ['200', 200],
      ['0', 0],
      ['5m', '5m'],
      ['1s', '1s'],
      ['1.5h', '1.5h'],
    ] as const) {
      assert.equal((await parse(`--checkpoint-every ${typed}`)).checkpointEvery, value);
      assert.equal((await parse('', { checkpointEvery: value })).checkpointEvery, value);
    }
    assert.deepEqual((['90s', '5m', '1.5h'] as const).map(durationMs), [90_000, 300_000, 5_400_000]);
    await refused('', 'config-invalid', /config\.json: 'checkpointEvery' takes a number of steps/, { checkpointEvery: '5 minutes' });
  });

  test('a config file sets options, and flags win over it', async () => {
    const options = await parse('--shards 2 --epochs 3', { shards: 8, seed: 9, steps: 100, about: { anything: 1 }, runDir: 'elsewhere' });
    assert.deepEqual([options.shards, options.seed, options.steps, options.epochs, options.runDir], [2, 9, undefined, 3, undefined]);
  });

  test('a config file is checked like flags, by key', async () => {
    await refused('', 'config-invalid', /config\.json: 'shrads' is not an option/, { shrads: 8 } as ConfigFile);
    await refused('', 'config-invalid', /config\.json: 'shards' takes a whole number/, { shards: 'eight' });
    await refused('', 'config-invalid', /config\.json: 'spawn' is on or off/, { spawn: 'yes' });
  });

  test('a resumed run may change totals, workers, addresses, log and intervals, and nothing else', async () => {
    const run: ConfigFile = { seed: 3, steps: 10 };
    const options = await parse(
      '--resume --steps 20 --workers 3 --metrics-port 0 --log-level warn --checkpoint-every 7 --audit 0.5 --seed 3',
      run,
    );
    assert.deepEqual([options.steps, options.workers, options.seed], [20, 3, 3]);
    for (const [line, flag] of [
      ['--seed 4', '--seed'],
      ['--shards 2', '--shards'],
      ['--batch-size 32', '--batch-size'],
      ['--learning-rate 1', '--learning-rate'],
      ['--execution eager', '--execution'],
      ['--on-nonfinite skip', '--on-nonfinite'],
      ['--allow-mixed-numerics', '--allow-mixed-numerics'],
    ] as const) {
      await refused(`--resume ${line}`, 'resume-invalid', new RegExp(`^${flag} cannot change`), run);
    }
  });

  test('a recipe and data may have moved when a run is resumed, and a run that was never begun has no options yet', async () => {
    const { recipe, data } = await parse('--resume --recipe ./r.mjs --data d', { recipe: '/old/r.mjs', data: '/old/d' });
    assert.deepEqual([recipe, data], ['./r.mjs', 'd']);
    assert.equal((await parse('--resume --seed 4 --shards 2')).seed, 4);
  });

  test('every option has a flag of its own and a help text', () => {
    assert.equal(flagOf('allowMixedNumerics'), '--allow-mixed-numerics');
    assert.equal(new Set(optionNames.map(flagOf)).size, optionNames.length);
    for (const name of optionNames) assert.ok(optionTable[name].describe.length > 3, name);
  });

  test('a shard needs a sample', () => {
    assert.throws(() => checkBatch(4, 8), /--shards 8 is more than --batch-size 4/);
    checkBatch(8, 8);
  });

  test('knows which addresses other hosts can reach', () => {
    for (const address of ['tcp://127.0.0.1:1', 'tcp://127.9.9.9:1', 'tcp://localhost:1', 'tcp://[::1]:1', 'ipc:///tmp/x'])
      assert.equal(leavesHost(address), false, address);
    for (const address of ['tcp://0.0.0.0:1', 'tcp://*:1', 'tcp://10.0.0.1:1', 'tcp://[::]:1', 'tcp://trainer:1'])
      assert.equal(leavesHost(address), true, address);
  });
});
