/**
 * The order of things: check the machine, get TensorFlow, compile, train a step, and only then replace what was there.
 *
 * Responsible for: the order, and the key by which a second run knows that there is nothing to do.
 * Not responsible for: the single steps.
 */
import { createHash } from 'node:crypto';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { findAddon } from './addon.mjs';
import { checkAddon } from './check.mjs';
import { compile, compileFlags, findCompiler } from './compiler.mjs';
import { describeLibraries, findLibrary } from './library.mjs';
import { pins } from './pins.mjs';
import { checkPlatform } from './platform.mjs';
import { findPython } from './python.mjs';
import { checkSpace, currentBuild, exclusively, newBuildDirectory, publish, storeDirectory, sweep } from './store.mjs';
import { unpackWheel } from './wheel.mjs';

/** @param {{ kind: 'tensorflow' | 'cuda', libtensorflow?: string, force: boolean }} request */
export async function build(request, { say, signal }) {
  checkPlatform(request.kind);
  const plan = await makePlan(request);
  await exclusively(async () => {
    await sweep(request.kind);
    const current = await currentBuild(request.kind);
    if (current?.key === plan.key && !request.force) {
      say(
        `Nothing to do: ${join(storeDirectory, request.kind)} is TensorFlow ${current.tensorflow} for ${current.package} ${current.version}.`,
      );
      return;
    }
    const directory = await newBuildDirectory(request.kind);
    try {
      const record = await make(request, plan, directory, { say, signal });
      signal.throwIfAborted();
      await publish(request.kind, directory);
      report(request.kind, record, say);
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw signal.aborted ? signal.reason : error;
    }
  });
}

async function makePlan({ kind, libtensorflow }) {
  const addon = await findAddon(kind);
  const compiler = await findCompiler();
  const own = libtensorflow === undefined ? undefined : await findLibrary(libtensorflow);
  const from = own ? await describeLibraries(own.libraries) : pins[kind][process.arch].wheels;
  const parts = { addon: addon.hash, compiler: [compiler.command, ...compiler.arguments, compiler.version], compileFlags, from };
  return { addon, compiler, own, key: createHash('sha256').update(JSON.stringify(parts)).digest('hex') };
}

async function make({ kind }, { addon, compiler, own, key }, directory, { say, signal }) {
  const library = own ?? (await unpackWheels(kind, directory, { say, signal }));
  say(`Compiling the addon of ${addon.package} ${addon.version} with ${compiler.version}`);
  const output = join(directory, 'tfjs_binding.node');
  await compile(compiler, {
    sources: addon.sources,
    includes: [addon.nodeHeaders, library.include],
    libraries: library.libraries,
    // Beside the addon when unpacked here, so that the whole folder can be moved; where it lies when it is the user's.
    runPath: own ? own.directory : `$ORIGIN/${relative(directory, library.directory)}`,
    output,
  });
  signal.throwIfAborted();
  if (!own) await rm(library.include, { recursive: true });
  say('Training one step through it');
  const { tensorflow, gpu } = await checkAddon(addon.package, output);
  const files = await Promise.all(
    [output, ...library.libraries].map(async (path) => ({
      path: own && path !== output ? path : relative(directory, path),
      bytes: (await stat(path)).size,
    })),
  );
  const record = { key, kind, tensorflow, gpu, package: addon.package, version: addon.version, compiler: compiler.version, files };
  await writeFile(join(directory, 'build.json'), `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

async function unpackWheels(kind, directory, { say, signal }) {
  const { wheels, diskBytes } = pins[kind][process.arch];
  await checkSpace(diskBytes);
  const python = await findPython();
  for (const wheel of wheels) {
    signal.throwIfAborted();
    say(`Downloading ${wheel.name} ${wheel.version} with pip`);
    await unpackWheel(python, wheel, directory);
  }
  await mkdir(join(directory, 'tensorflow'), { recursive: true });
  return findLibrary(join(directory, 'tensorflow'));
}

function report(kind, record, say) {
  say(`Done: ${record.package} ${record.version} now runs on TensorFlow ${record.tensorflow} (${join(storeDirectory, kind)}).`);
  if (kind === 'cuda' && !record.gpu)
    say('No GPU was usable on this machine just now, so the step was trained on the CPU; --backend cuda will need one.');
  say(`Use it with --backend ${kind}, or --backend auto, which prefers it.`);
}
