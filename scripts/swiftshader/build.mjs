/**
 * Takes SwiftShader out of an npm package, checks that Dawn runs on it, and only then replaces what was there.
 *
 * Responsible for: the pinned package, the order of the steps, and a sentence for each way it can fail.
 * Not responsible for: the store (`packages/worker/native/store.mjs`, shared with `npm run native`).
 *
 * @sparticuz/chromium is Chromium for serverless machines; it ships Chromium's own SwiftShader and Vulkan loader as one small archive. A
 * published npm version never changes, so it can be pinned by hash; it is packed rather than installed, since the browser in it is not
 * needed.
 */
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { Failure } from '../../packages/worker/native/failure.mjs';
import { run } from '../../packages/worker/native/process.mjs';
import {
  checkSpace,
  currentBuild,
  exclusively,
  newBuildDirectory,
  publish,
  storeDirectory,
  sweep,
} from '../../packages/worker/native/store.mjs';
import { swiftshaderVariables } from './environment.mjs';

const kind = 'swiftshader';
const pin = {
  name: '@sparticuz/chromium',
  version: '153.0.0',
  sha512: 'jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==',
};
const files = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'];
const diskBytes = 200e6;
const downloadMinutes = 15;
const stepMinutes = 2;
const repository = fileURLToPath(new URL('../..', import.meta.url));
const child = fileURLToPath(new URL('name-adapter.mjs', import.meta.url));

/** @param {{ force: boolean, say: (line: string) => void }} request */
export async function build({ force, say }) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Failure(
      `SwiftShader is fetched only for Linux on x64, and this is ${process.platform} on ${process.arch}; the tests of webgpu will be skipped.`,
    );
  }
  const key = JSON.stringify([pin, files]);
  await exclusively(async () => {
    await sweep(kind);
    const current = await currentBuild(kind);
    if (current?.key === key && !force) {
      say(`Nothing to do: ${join(storeDirectory, kind)} holds SwiftShader (${current.adapter}) of ${pin.name} ${pin.version}.`);
      return;
    }
    await checkSpace(diskBytes);
    const directory = await newBuildDirectory(kind);
    try {
      say(`Downloading ${pin.name} ${pin.version} with npm`);
      await unpack(directory);
      say('Asking Dawn for its adapter');
      const adapter = await checkAdapter(directory);
      await writeFile(join(directory, 'build.json'), `${JSON.stringify(await record(directory, key, adapter), null, 2)}\n`);
      await publish(kind, directory);
      say(`Done: ${join(storeDirectory, kind)} holds SwiftShader (${adapter}). npm test runs the tests of webgpu on it.`);
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  });
}

async function unpack(directory) {
  const downloads = join(directory, 'download');
  await mkdir(downloads);
  const packed = join(downloads, await download(downloads));
  const hash = createHash('sha512')
    .update(await readFile(packed))
    .digest('base64');
  if (hash !== pin.sha512) {
    throw new Failure(
      `The downloaded ${pin.name} ${pin.version} is not the file that was pinned (its SHA-512 differs); check npm's registry setting.`,
    );
  }
  await tar(['-xzf', packed, '-C', downloads, 'package/bin/swiftshader.tar.br']);
  const archive = join(downloads, 'swiftshader.tar');
  await writeFile(archive, await promisify(brotliDecompress)(await readFile(join(downloads, 'package/bin/swiftshader.tar.br'))));
  await tar(['--no-same-owner', '-xf', archive, '-C', directory, ...files]);
  for (const name of files) await chmod(join(directory, name), 0o644);
  await rm(downloads, { recursive: true });
}

/** @returns {Promise<string>} the file's name */
async function download(directory) {
  const args = ['pack', `${pin.name}@${pin.version}`, '--pack-destination', directory, '--json'];
  const outcome = await run('npm', args, { timeoutMs: downloadMinutes * 60_000, cwd: repository });
  if (outcome.ok) return `${pin.name.slice(1).replace('/', '-')}-${pin.version}.tgz`;
  if (outcome.missing) throw new Failure('There is no npm on the PATH, and it is needed to download SwiftShader; install Node with npm.');
  if (outcome.timedOut)
    throw new Failure(`Downloading ${pin.name} took longer than ${downloadMinutes} minutes and was stopped; run it again.`);
  const reason = /npm error (?!code|errno|syscall|type|A complete log)(.+)/.exec(outcome.errors)?.[1] ?? 'no reason given';
  throw new Failure(`npm could not download ${pin.name} ${pin.version} (${reason}); check the network and npm's registry setting.`);
}

async function tar(args) {
  const outcome = await run('tar', args, { timeoutMs: stepMinutes * 60_000 });
  if (outcome.ok) return;
  if (outcome.missing)
    throw new Failure('There is no tar on the PATH, and it is needed to unpack SwiftShader; install it (Debian: apt-get install tar).');
  throw new Failure(`tar could not unpack SwiftShader: ${outcome.errors.trim().split('\n').at(-1) || 'no reason given'}`);
}

/** In a process of its own, since a loader reads its environment only once. */
async function checkAdapter(directory) {
  const env = { ...process.env, NODE_OPTIONS: '', ...swiftshaderVariables(directory, process.env) };
  const outcome = await run(process.execPath, [child], { timeoutMs: stepMinutes * 60_000, cwd: repository, env });
  if (outcome.ok) return outcome.output.trim();
  const reason =
    outcome.errors
      .trim()
      .split('\n')
      .find((line) => /Error/.test(line)) ??
    outcome.signal ??
    'no reason given';
  throw new Failure(`Dawn (npm webgpu) does not run on the fetched SwiftShader, so it was not kept: ${reason}`);
}

async function record(directory, key, adapter) {
  const sizes = await Promise.all(files.map(async (path) => ({ path, bytes: (await stat(join(directory, path))).size })));
  return { key, kind, adapter, package: pin.name, version: pin.version, files: sizes };
}
