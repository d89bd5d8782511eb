/** The arrays in a NumPy archive (.npz: a zip of .npy files): those stored as they are are read by position, compressed ones unpacked. */
import { buffer } from 'node:stream/consumers';
import { LockstepError } from '@lockstep/shared';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { type DataFile, maximumResidentBytes, partOf, residentFile } from './data-file.ts';

/** More than any data set has fields. */
const maximumArrays = 64;
/** In a zip file. */
const stored = 0;

/** By name, without .npy, in the order of the archive. Throws `data-invalid`. */
export async function openArchive(archive: DataFile): Promise<[string, DataFile][]> {
  const arrays: [string, DataFile][] = [];
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(archive.path, { lazyEntries: true, autoClose: false });
    for await (const entry of zip.eachEntry()) {
      if (arrays.length === maximumArrays) throw new Error(`it has more than ${maximumArrays} arrays`);
      arrays.push([entry.fileName.replace(/\.npy$/, ''), await arrayIn(archive, zip, entry)]);
    }
    return arrays;
  } catch (cause) {
    throw new LockstepError(
      'data-invalid',
      `${archive.path} cannot be used: ${(cause as Error).message}. Save it again with numpy.savez.`,
      {
        cause,
      },
    );
  } finally {
    zip?.close();
  }
}

async function arrayIn(archive: DataFile, zip: ZipFile, entry: Entry): Promise<DataFile> {
  const path = `${archive.path}, ${entry.fileName}`;
  if (entry.compressionMethod === stored && !entry.isEncrypted()) {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    return partOf(archive, path, fileDataStart, entry.uncompressedSize);
  }
  if (entry.uncompressedSize > maximumResidentBytes)
    throw new Error(
      `${entry.fileName} is compressed, and with ${entry.uncompressedSize} bytes too large to unpack in memory (at most ${maximumResidentBytes}); numpy.savez stores arrays as they are`,
    );
  return residentFile(path, await buffer(await zip.openReadStreamPromise(entry)));
}
