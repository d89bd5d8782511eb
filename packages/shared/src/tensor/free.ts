/**
 * Gives the memory of flats back now, rather than at some later garbage collection.
 *
 * Why: a flat is megabytes outside the JavaScript heap, and a backend makes a new one for every gradient it hands out. V8 answers
 * 64 MB of such memory by marking its whole heap ("external memory pressure"): twice a second, a fifth of a worker's processor time.
 * JavaScript has no `free` before `ArrayBuffer.prototype.transfer` (Node 21), but a buffer that is transferred in a message leaves its
 * sender, and a message to a closed port is dropped, buffer and all.
 *
 * Not responsible for: knowing when a flat is no longer needed, or memory that is reused (`flat-pool.ts`).
 */
const { port1, port2 } = new MessageChannel();
port2.close();

/** `flat` must not be used again: it has length 0 from then on. Left alone if it is a view of something larger. */
export function freeFlat(flat: Float32Array): void {
  if (flat.byteLength === flat.buffer.byteLength) port1.postMessage(undefined, [flat.buffer as ArrayBuffer]);
}
