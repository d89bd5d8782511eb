import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LockstepError } from './errors.ts';
import { chooseGpu, gpuEnvironment, visibleGpus } from './gpus.ts';

const three = [
  '0, GPU-aaaa0000-0000, NVIDIA H100 80GB HBM3',
  '1, GPU-aabb1111-0000, NVIDIA L4',
  '2, GPU-cccc2222-0000, Tesla, the odd one',
];
const list = `printf '%s\\n' ${three.map((line) => `'${line}'`).join(' ')}`;

let folder: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lockstep-gpus-'));
});
after(() => rm(folder, { recursive: true }));

/** An environment whose PATH holds nothing but this nvidia-smi: builtins of sh only. */
async function machine(script: string, visible?: string) {
  const program = path.join(folder, 'nvidia-smi');
  await writeFile(program, `#!/bin/sh\n${script}\n`);
  await chmod(program, 0o755);
  return { PATH: folder, ...(visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible }) };
}

async function uuids(visible?: string) {
  return (await visibleGpus(await machine(list, visible))).map(({ index, uuid }) => `${index} ${uuid.slice(4, 12)}`);
}

const unavailable = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof LockstepError);
  assert.equal(error.code, 'gpu-unavailable');
  assert.match(error.message, pattern);
  return true;
};

describe('visibleGpus', () => {
  it('asks nvidia-smi for index, UUID and name, and lists all without CUDA_VISIBLE_DEVICES', async () => {
    const gpus = await visibleGpus(await machine(`[ "$1 $2" = '--query-gpu=index,uuid,name --format=csv,noheader' ] || exit 9; ${list}`));
    assert.deepEqual(gpus[0], { index: 0, uuid: 'GPU-aaaa0000-0000', name: 'NVIDIA H100 80GB HBM3' });
    assert.equal(gpus[2]?.name, 'Tesla, the odd one');
    assert.equal(gpus.length, 3);
  });

  const cases: Record<string, readonly string[]> = {
    '2,0': ['0 cccc2222', '1 aaaa0000'],
    ' 1 , 2 ': ['0 aabb1111', '1 cccc2222'],
    'GPU-cccc2222-0000,GPU-aabb': ['0 cccc2222', '1 aabb1111'],
    '1,7,0': ['0 aabb1111'],
    '1,GPU-aa,0': ['0 aabb1111'],
    '1,1,0': ['0 aabb1111'],
    '1,-1,0': ['0 aabb1111'],
    '1,,0': ['0 aabb1111'],
    '': [],
    '-1': [],
    NoDevFiles: [],
  };
  for (const [visible, expected] of Object.entries(cases)) {
    it(`reads CUDA_VISIBLE_DEVICES='${visible}' as CUDA does`, async () => assert.deepEqual(await uuids(visible), expected));
  }

  it('says that nvidia-smi is missing', () =>
    assert.rejects(visibleGpus({ PATH: path.join(folder, 'nothing') }), unavailable(/not on the PATH/)));

  it("repeats the driver's own words", async () => {
    const environment = await machine('echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; exit 9');
    await assert.rejects(visibleGpus(environment), unavailable(/couldn't communicate with the NVIDIA driver/));
  });

  it('refuses an answer of another form', async () => {
    await assert.rejects(visibleGpus(await machine('echo "Segmentation, fault"')), unavailable(/answered 'Segmentation, fault'/));
  });

  it('ends a driver that does not answer', async () => {
    // Reads from a pipe that nobody writes to.
    await assert.rejects(visibleGpus(await machine('read forever'), 100), unavailable(/did not answer within 0.1 seconds/));
  });
});

describe('chooseGpu', () => {
  it('counts among the visible ones, not among all', async () => {
    const gpus = await visibleGpus(await machine(list, '2,0'));
    assert.equal(chooseGpu(gpus, '1').uuid, 'GPU-aaaa0000-0000');
    assert.equal(chooseGpu(gpus, '0').uuid, 'GPU-cccc2222-0000');
  });

  it('takes a UUID, or the beginning of one', async () => {
    const gpus = await visibleGpus(await machine(list));
    assert.equal(chooseGpu(gpus, 'GPU-cccc2222-0000').index, 2);
    assert.equal(chooseGpu(gpus, 'gpu-CCCC'.replace('gpu', 'GPU')).index, 2);
  });

  it('names what is visible when there is no such GPU', async () => {
    const gpus = await visibleGpus(await machine(list, '0'));
    assert.throws(() => chooseGpu(gpus, '1'), unavailable(/no visible GPU '1'.*0 \(NVIDIA H100 80GB HBM3, GPU-aaaa0000-0000\)/));
    assert.throws(() => chooseGpu(gpus, 'GPU-cccc'), unavailable(/no visible GPU/));
    assert.throws(() => chooseGpu([], '0'), unavailable(/none .*CUDA_VISIBLE_DEVICES may hide them/));
    assert.throws(() => chooseGpu(gpus, 'H100'), unavailable(/no visible GPU/));
  });

  it('refuses an ambiguous beginning', async () => {
    const gpus = await visibleGpus(await machine(list));
    assert.throws(() => chooseGpu(gpus, 'GPU-aa'), unavailable(/beginning of several/));
  });
});

describe('gpuEnvironment', () => {
  it('makes exactly the chosen GPU visible, by UUID', async () => {
    const chosen = chooseGpu(await visibleGpus(await machine(list, '2,1')), '1');
    const environment = gpuEnvironment(chosen);
    assert.deepEqual(environment, { CUDA_VISIBLE_DEVICES: 'GPU-aabb1111-0000', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
    assert.deepEqual(
      (await visibleGpus({ ...(await machine(list)), ...environment })).map(({ name }) => name),
      ['NVIDIA L4'],
    );
  });
});
