import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LockstepError } from './errors.ts';
import { chooseGpu, DriverError, gpuEnvironment, visibleGpus } from './gpus.ts';

const answer = (...lines: string[]) => `printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')}`;
const list = answer(
  'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa0000-0000)',
  'GPU 1: NVIDIA L4 (UUID: GPU-aabb1111-0000)',
  'GPU 2: Tesla: (the odd one) (UUID: GPU-cccc2222-0000)',
);
/** The second is cut into instances. */
const mig = answer(
  'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa0000-0000)',
  'GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb1111-0000)',
  '  MIG 3g.40gb     Device  0: (UUID: MIG-1111aaaa-0000)',
  '  MIG 1g.10gb+me  Device  1: (UUID: MIG-2222bbbb-0000)',
);
/** As drivers before 470 name them. */
const olderMig = answer(
  'GPU 0: A100-SXM4-40GB (UUID: GPU-dddd3333-0000)',
  '  MIG 1g.5gb Device 0: (UUID: MIG-GPU-dddd3333-0000/1/0)',
  '  MIG 1g.5gb Device 1: (UUID: MIG-GPU-dddd3333-0000/13/0)',
);

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

async function uuids(visible?: string, script = list) {
  return (await visibleGpus(await machine(script, visible))).map(({ index, uuid }) => `${index} ${uuid.slice(4, 12)}`);
}

const unavailable = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof LockstepError);
  assert.equal(error.code, 'gpu-unavailable');
  assert.match(error.message, pattern);
  return true;
};
const faulty = (fault: DriverError['fault'], pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof DriverError);
  assert.equal(error.fault, fault);
  return unavailable(pattern)(error);
};

describe('visibleGpus', () => {
  it('asks nvidia-smi for a list, and takes all of it without CUDA_VISIBLE_DEVICES', async () => {
    const gpus = await visibleGpus(await machine(`[ "$*" = -L ] || exit 9; ${list}`));
    assert.deepEqual(gpus[0], { index: 0, uuid: 'GPU-aaaa0000-0000', name: 'NVIDIA H100 80GB HBM3' });
    assert.equal(gpus[2]?.name, 'Tesla: (the odd one)');
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

  const cut: Record<string, readonly string[]> = {
    'MIG-2222bbbb-0000,MIG-1111aaaa-0000': ['0 2222bbbb', '1 1111aaaa'],
    'MIG-2222': ['0 2222bbbb'],
    'MIG-2222bbbb-0000,MIG-2222': ['0 2222bbbb'],
    'MIG-': [],
    '1,0': ['0 1111aaaa', '1 2222bbbb', '2 aaaa0000'],
    'GPU-bbbb': ['0 1111aaaa', '1 2222bbbb'],
    'GPU-bbbb,MIG-1111,0': ['0 1111aaaa', '1 2222bbbb'],
    'MIG-3333,0': [],
  };
  for (const [visible, expected] of Object.entries(cut)) {
    it(`reads CUDA_VISIBLE_DEVICES='${visible}' where a GPU is cut into MIG instances`, async () =>
      assert.deepEqual(await uuids(visible, mig), expected));
  }

  it('lists MIG instances in place of their GPU, which cannot be used whole', async () => {
    const gpus = await visibleGpus(await machine(mig));
    assert.deepEqual(
      gpus.map(({ uuid }) => uuid),
      ['GPU-aaaa0000-0000', 'MIG-1111aaaa-0000', 'MIG-2222bbbb-0000'],
    );
    assert.deepEqual(gpus[2], { index: 2, uuid: 'MIG-2222bbbb-0000', name: 'NVIDIA H100 80GB HBM3 MIG 1g.10gb+me' });
  });

  it("understands an older driver's names of MIG instances", async () => {
    assert.equal((await visibleGpus(await machine(olderMig))).length, 2);
    const [only, ...others] = await visibleGpus(await machine(olderMig, 'MIG-GPU-dddd3333-0000/13/0'));
    assert.deepEqual([only?.uuid, others], ['MIG-GPU-dddd3333-0000/13/0', []]);
  });

  it('asks no driver where every GPU is hidden', async () => {
    for (const hidden of ['', ' ', '-1', '-1,0']) assert.deepEqual(await visibleGpus(await machine('exit 9', hidden)), []);
  });

  it('says that nvidia-smi is missing', () =>
    assert.rejects(visibleGpus({ PATH: path.join(folder, 'nothing') }), faulty('missing', /not on the PATH/)));

  it("repeats the driver's own words", async () => {
    const environment = await machine('echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; exit 9');
    await assert.rejects(visibleGpus(environment), faulty('broken', /couldn't communicate with the NVIDIA driver/));
  });

  it('refuses an answer of another form', async () => {
    await assert.rejects(visibleGpus(await machine('echo "Segmentation fault"')), faulty('broken', /answered 'Segmentation fault'/));
    await assert.rejects(
      visibleGpus(await machine("echo '  MIG 1g.5gb Device 0: (UUID: MIG-1)'")),
      faulty('broken', /answered '  MIG 1g.5gb/),
    );
  });

  it('ends a driver that does not answer', async () => {
    // Reads from a pipe that nobody writes to.
    await assert.rejects(visibleGpus(await machine('read forever'), 100), faulty('slow', /did not answer within 0.1 seconds/));
  });
});

describe('chooseGpu', () => {
  it('counts among the visible GPUs, not among all', async () => {
    const gpus = await visibleGpus(await machine(list, '2,0'));
    assert.equal(chooseGpu(gpus, '1').uuid, 'GPU-aaaa0000-0000');
    assert.equal(chooseGpu(gpus, '0').uuid, 'GPU-cccc2222-0000');
  });

  it('takes a UUID, or the beginning of one', async () => {
    const gpus = await visibleGpus(await machine(list));
    assert.equal(chooseGpu(gpus, 'GPU-cccc2222-0000').index, 2);
    assert.equal(chooseGpu(gpus, 'gpu-CCCC'.replace('gpu', 'GPU')).index, 2);
  });

  it('takes a MIG instance by its UUID, not the GPU it is cut from', async () => {
    const gpus = await visibleGpus(await machine(mig));
    const instance = chooseGpu(gpus, 'MIG-2222bbbb-0000');
    assert.equal(instance.index, 2);
    assert.equal(gpuEnvironment(instance).CUDA_VISIBLE_DEVICES, 'MIG-2222bbbb-0000');
    assert.deepEqual((await visibleGpus({ ...(await machine(mig)), ...gpuEnvironment(instance) })).length, 1);
    assert.throws(() => chooseGpu(gpus, 'GPU-bbbb1111-0000'), unavailable(/no visible GPU.*2 \(NVIDIA H100 80GB HBM3 MIG 1g/));
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
  it('makes exactly the chosen GPU visible, by its UUID', async () => {
    const chosen = chooseGpu(await visibleGpus(await machine(list, '2,1')), '1');
    const environment = gpuEnvironment(chosen);
    assert.deepEqual(environment, { CUDA_VISIBLE_DEVICES: 'GPU-aabb1111-0000', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
    assert.deepEqual(
      (await visibleGpus({ ...(await machine(list)), ...environment })).map(({ name }) => name),
      ['NVIDIA L4'],
    );
  });
});
