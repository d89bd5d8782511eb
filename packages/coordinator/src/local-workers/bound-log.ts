/** Keeps the log of a local worker bounded. The worker writes it by itself, at its end, whatever the length: so it can be cut meanwhile. */
import { type FileHandle, open } from 'node:fs/promises';

const maximumBytes = 8 * 1024 * 1024;
/** Of the end, which says most. */
const keptBytes = 64 * 1024;

/** A log that has become too long begins anew: with a sentence that says so, and the last lines. What is written meanwhile may be lost. */
export async function boundLog(path: string, limits = { maximumBytes, keptBytes }): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    if (size > limits.maximumBytes) await cut(file, size, limits.keptBytes);
  } finally {
    await file.close();
  }
}

async function cut(file: FileHandle, size: number, kept: number): Promise<void> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(kept), 0, kept, size - kept);
  const lines = buffer.subarray(buffer.indexOf(0x0a) + 1, bytesRead);
  const sentence = `(This log had ${size} bytes and was cut at ${new Date().toISOString()}. Its last lines follow.)\n`;
  await file.truncate();
  await file.write(Buffer.concat([Buffer.from(sentence), lines]), 0, undefined, 0);
}
