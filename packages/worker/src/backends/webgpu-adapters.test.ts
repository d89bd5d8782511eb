import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LockstepError } from '@lockstep/shared';
import { adapterNames, type CreateGpu, type GpuAdapter, openAdapter } from './webgpu-adapters.ts';

interface Card {
  readonly name: string;
  readonly software?: true;
}

/** Dawn for Node, as its source works: the first adapter whose name contains the wanted text; if there is none, an error with all names. */
function dawn(...cards: Card[]): CreateGpu {
  return ([flag]) => ({
    async requestAdapter() {
      if (cards.length === 0) return null;
      const wanted = flag!.slice('adapter='.length);
      const card = cards.find(({ name }) => name.includes(wanted));
      const list = cards.map(({ name }) => `\n * backend: 'vulkan', name: '${name}'`).join('');
      if (card === undefined) throw new Error(`no suitable backends found\nAvailable adapters:${list}`);
      const info = { description: `driver of ${cards.indexOf(card)}`, isFallbackAdapter: card.software ?? false };
      return { info, limits: {}, requestDevice: () => assert.fail() } satisfies GpuAdapter;
    },
  });
}

const [intel, amd, amdXt]: Card[] = [{ name: "Intel's Arc" }, { name: 'Radeon 7900' }, { name: 'Radeon 7900 XT' }];
const swift: Card = { name: 'SwiftShader', software: true };
const rejected = (code: string, pattern: RegExp) => (error: unknown) =>
  error instanceof LockstepError && error.code === code && pattern.test(error.message);

describe('openAdapter', () => {
  it('takes the first that is a GPU, and says which', async () => {
    const { device, remark } = await openAdapter(dawn(swift, intel!, amd!), undefined, false);
    assert.deepEqual([device, remark], ["Intel's Arc, driver of 1 (adapter 1)", undefined]);
  });

  it('takes the one that is asked for', async () => {
    assert.match((await openAdapter(dawn(intel!, amd!), 1, false)).device, /^Radeon 7900, driver of 1 /);
  });

  it('refuses a number that no adapter has, and lists what there is', () =>
    assert.rejects(openAdapter(dawn(intel!, amd!), 2, false), rejected('gpu-unavailable', /0 \(Intel's Arc\), 1 \(Radeon 7900\)/)));

  it('says that it uses the first of two cards of the same name, and refuses the second', async () => {
    const twins = dawn(intel!, amd!, amd!);
    const { device, remark } = await openAdapter(twins, 1, false);
    assert.match(device, /adapter 1/);
    assert.match(remark!, /^Uses WebGPU adapter 1; 1 more is called 'Radeon 7900' and cannot be told apart/);
    await assert.rejects(openAdapter(twins, 2, false), rejected('gpu-unavailable', /adapters 1 and 2 cannot be told apart/));
  });

  it('refuses a card whose name is the beginning of an earlier one, which Dawn would give instead', async () => {
    await assert.rejects(openAdapter(dawn(amdXt!, amd!), 1, false), rejected('gpu-unavailable', /adapters 0 and 1 cannot be told apart/));
    assert.match((await openAdapter(dawn(amd!, amdXt!), 1, false)).device, /^Radeon 7900 XT, driver of 1/);
  });

  it('never takes the CPU for a GPU, unless that is allowed', async () => {
    for (const wanted of [undefined, 0])
      await assert.rejects(openAdapter(dawn(swift), wanted, false), rejected('gpu-unavailable', /SwiftShader\) computes on the CPU/));
    assert.match((await openAdapter(dawn(swift), undefined, true)).device, /adapter 0, software/);
    assert.match((await openAdapter(dawn(swift, amd!), undefined, true)).device, /^Radeon 7900/);
  });

  it('says what to install if there is no adapter', () =>
    assert.rejects(openAdapter(dawn(), undefined, true), rejected('backend-unavailable', /found no GPU. Install .*driver/)));
});

it('a list that cannot be read is an error with the answer from Dawn, not an empty list', () =>
  assert.rejects(
    adapterNames(() => ({ requestAdapter: () => Promise.reject(new Error('something else')) })),
    rejected('backend-unavailable', /does not list its adapters \(something else\)/),
  ));
