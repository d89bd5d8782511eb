/**
 * A network as files that `tf.loadLayersModel` reads: `model.json` (TF.js's layers-model format) and `weights.bin`.
 *
 * Not responsible for: which networks, when, or the optimizer's state (a checkpoint has that).
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { elementCount } from '@lockstep/shared';
import type { Manifest } from '@lockstep/shared';
import { littleEndianBytes } from '../checkpoint/bytes.ts';
import { makeDirectory, writeDirectoryAtomically } from '../disk/files.ts';

/** Writes or replaces `directory` (`model/<network>`). `weights`: the network's flat. Throws `disk`; the old export is then as it was. */
export async function exportNetwork(directory: string, manifest: Manifest, weights: Float32Array): Promise<void> {
  await makeDirectory(dirname(directory));
  await writeDirectoryAtomically(directory, filesOf(manifest, weights));
}

/** Whether `directory` holds exactly that export. */
export async function isExported(directory: string, manifest: Manifest, weights: Float32Array): Promise<boolean> {
  for (const [name, content] of filesOf(manifest, weights)) {
    // If it cannot be read, it is written again, and an error is reported then.
    const found = await readFile(join(directory, name)).catch(() => undefined);
    if (found?.equals(content) !== true) return false;
  }
  return true;
}

function filesOf(manifest: Manifest, weights: Float32Array): Map<string, Uint8Array> {
  checkLayout(manifest, weights);
  const model = {
    format: 'layers-model',
    generatedBy: 'Lockstep',
    convertedBy: null,
    modelTopology: manifest.topology,
    weightsManifest: [
      { paths: ['weights.bin'], weights: manifest.parameters.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })) },
    ],
  };
  return new Map([
    ['weights.bin', littleEndianBytes(weights)],
    ['model.json', Buffer.from(`${JSON.stringify(model, undefined, 2)}\n`)],
  ]);
}

/** TF.js reads weights.bin in the order of the manifest, without gaps, so the flat must be laid out in the same way. */
function checkLayout(manifest: Manifest, weights: Float32Array): void {
  let offset = 0;
  for (const { name, shape, offset: found } of manifest.parameters) {
    if (found !== offset) throw new Error(`${name} is at offset ${found} of its flat, expected ${offset}`);
    offset += elementCount(shape);
  }
  if (offset !== manifest.length || offset !== weights.length) {
    throw new Error(`parameters have ${offset} elements, the manifest ${manifest.length}, the weights ${weights.length}`);
  }
}
