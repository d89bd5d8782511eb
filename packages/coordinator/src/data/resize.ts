/**
 * Scales a picture by averaging areas: each pixel of the result is the mean of what it covers, weighted by how much of it. The filter is
 * part of a run's numbers: float64 in a stated order, then rounded to the nearest byte (halves upwards).
 */
import type { Picture } from './pictures.ts';

/** Fills `out`, [height, width, channels]; grey is taken from red. */
export function resizeInto(picture: Picture, height: number, width: number, channels: number, out: Uint8Array): void {
  const rows = spans(picture.height, height);
  const columns = spans(picture.width, width);
  for (const [y, { first: top, weights: down }] of rows.entries()) {
    for (const [x, { first: left, weights: across }] of columns.entries()) {
      for (let channel = 0; channel < channels; channel += 1) {
        let sum = 0;
        for (let j = 0; j < down.length; j += 1) {
          let line = 0;
          for (let i = 0; i < across.length; i += 1)
            line += across[i]! * picture.rgba[((top + j) * picture.width + left + i) * 4 + channel]!;
          sum += down[j]! * line;
        }
        out[(y * width + x) * channels + channel] = Math.floor(sum + 0.5);
      }
    }
  }
}

interface Span {
  readonly first: number;
  /** Of the pixels from `first` on; their sum is 1. */
  readonly weights: readonly number[];
}

/** Which of `from` pixels each of `to` pixels covers. */
function spans(from: number, to: number): Span[] {
  return Array.from({ length: to }, (_, index) => {
    const [start, end] = [(index * from) / to, ((index + 1) * from) / to];
    const first = Math.floor(start);
    const last = Math.max(first + 1, Math.min(from, Math.ceil(end)));
    const weights = Array.from({ length: last - first }, (_each, offset) => {
      const pixel = first + offset;
      return Math.max(0, Math.min(end, pixel + 1) - Math.max(start, pixel)) / (end - start);
    });
    return { first, weights };
  });
}
