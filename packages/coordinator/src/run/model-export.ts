/**
 * A network as files that `tf.loadLayersModel` reads: `model.json` (TF.js's layers-model format), `weights.bin`, and `state.bin` where there is state.
 *
 * Not responsible for: which networks, when, or the optimizer's state (a checkpoint has that).
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { elementCount } from '@lockstep/shared';
import type { Layout, Manifest } from '@lockstep/shared';
import { littleEndianBytes } from '../checkpoint/bytes.ts';
import { effectiveWeights } from '../training/spectral.ts';
import { makeDirectory, writeDirectoryAtomically } from '../disk/files.ts';

/**
 * Writes or replaces `directory` (`model/<network>`). `weights` and `state`: the network's flats. Throws `disk`; the old export is then as it
 * was.
 */
export async function exportNetwork(directory: string, manifest: Manifest, weights: Float32Array, state?: Float32Array): Promise<void> {
  await makeDirectory(dirname(directory));
  await writeDirectoryAtomically(directory, filesOf(manifest, weights, state));
}

/** Whether `directory` holds exactly that export. */
export async function isExported(directory: string, manifest: Manifest, weights: Float32Array, state?: Float32Array): Promise<boolean> {
  for (const [name, content] of filesOf(manifest, weights, state)) {
    // If it cannot be read, it is written again, and an error is reported then.
    const found = await readFile(join(directory, name)).catch(() => undefined);
    if (found?.equals(content) !== true) return false;
  }
  return true;
}

function filesOf(manifest: Manifest, weights: Float32Array, state: Float32Array | undefined): Map<string, Uint8Array> {
  const groups = [{ file: 'weights.bin', layout: manifest as Layout, flat: effectiveWeights(manifest, weights, state) }];
  const averages = averagesOf(manifest);
  if (averages.length > 0)
    groups.push({ file: 'state.bin', layout: averages, flat: (state ?? new Float32Array(0)).subarray(0, averages.length) });
  for (const { layout, flat } of groups) checkLayout(layout, flat);
  const model = {
    format: 'layers-model',
    generatedBy: 'Lockstep',
    convertedBy: null,
    modelTopology: manifest.topology,
    weightsManifest: groups.map(({ file, layout }) => ({
      paths: [file],
      weights: layout.parameters.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })),
    })),
  };
  return new Map([
    ...groups.map(({ file, flat }) => [file, littleEndianBytes(flat)] as const),
    ['model.json', Buffer.from(`${JSON.stringify(model, undefined, 2)}\n`)],
  ]);
}

/** The state that TF.js's layers have as well: without the vectors of spectral normalization, which come last. */
function averagesOf({ state }: Manifest): Layout {
  const parameters = (state?.parameters ?? []).filter(({ normalizes }) => normalizes === undefined);
  return { parameters, length: parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0) };
}

/** TF.js reads each file in the order of the manifest, without gaps, so the flat must be laid out in the same way. */
function checkLayout(manifest: Layout, weights: Float32Array): void {
  let offset = 0;
  for (const { name, shape, offset: found } of manifest.parameters) {
    if (found !== offset) throw new Error(`${name} is at offset ${found} of its flat, expected ${offset}`);
    offset += elementCount(shape);
  }
  if (offset !== manifest.length || offset !== weights.length) {
    throw new Error(`parameters have ${offset} elements, the manifest ${manifest.length}, the weights ${weights.length}`);
  }
}
