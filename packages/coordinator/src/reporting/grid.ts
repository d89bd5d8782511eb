/**
 * Draws generated pictures as one PNG: a grid on a grey ground, each pixel enlarged so that a person can see it.
 *
 * Responsible for: mapping values to levels of grey or of three colours, layout and encoding. Not responsible for: making pictures, or
 * writing files.
 * The bytes are a function of the pictures and options alone; zlib settings are fixed (another zlib build may compress differently,
 * the pixels stay the same).
 */
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { elementCount } from '@lockstep/shared';
import { PNG } from 'pngjs';

/** Height and width of a picture; then 3 if its pixels are red, green and blue. */
export type PictureShape = readonly [number, number] | readonly [number, number, 3];

export interface GridOptions {
  readonly count: number;
  readonly shape: PictureShape;
  /** The first value is black (a colour's darkest), the second white, linear between; values outside are clamped and NaN is black. */
  readonly range: readonly [number, number];
  /** Pictures beside each other. */
  readonly columns: number;
}

const scale = 2;
const gutter = 2;
const groundLevel = 96;
/** PNG's numbers. */
const colorTypes = { 1: 0, 3: 2 } as const;
const encoding = {
  inputHasAlpha: false,
  bitDepth: 8,
  filterType: 0,
  deflateLevel: 9,
  deflateStrategy: 0,
} as const;
/** Drawn and compressed at once: some ten milliseconds of work. */
const smallBytes = 2 ** 19;

/**
 * A recipe for colours says so in its shape; a recipe for grey pictures may write their shape in any way, such as [784], and the data has
 * it. What is no picture in either is drawn as one row of greys.
 */
export function pictureShape(real: readonly number[], data: readonly number[]): PictureShape {
  return colours(real) ?? colours(data) ?? greys(data) ?? greys(real) ?? [1, elementCount(real)];
}

function colours(shape: readonly number[]): PictureShape | undefined {
  const [height, width, channels] = shape;
  return shape.length === 3 && channels === 3 ? [height!, width!, 3] : undefined;
}

function greys(shape: readonly number[]): PictureShape | undefined {
  const [height, width, channels = 1] = shape;
  return (shape.length === 2 || shape.length === 3) && channels === 1 ? [height!, width!] : undefined;
}

/**
 * `pictures` has shape [count, ...shape]. An incomplete last row is left grey. A large grid is drawn in pieces and compressed on another
 * thread, so that others get their turn meanwhile.
 */
export async function encodeGrid(pictures: Float32Array, options: GridOptions): Promise<Buffer> {
  const { count, shape, columns } = options;
  const [height, width, channels = 1] = shape;
  const values = height * width * channels;
  if (pictures.length !== count * values || count < 1 || columns < 1) {
    throw new Error(`${pictures.length} values are not ${count} pictures of ${shape.join(' x ')}`);
  }
  const rows = Math.ceil(count / columns);
  const colorType = colorTypes[channels];
  const settings = { ...encoding, colorType, inputColorType: colorType };
  const image = new PNG({
    ...settings,
    width: columns * (width * scale + gutter) + gutter,
    height: rows * (height * scale + gutter) + gutter,
  });
  // pngjs allocates four bytes per pixel; this input has one per channel.
  image.data = Buffer.alloc(image.width * image.height * channels, groundLevel);
  let drawnBytes = 0;
  for (let picture = 0; picture < count; picture += 1) {
    const top = gutter + Math.floor(picture / columns) * (height * scale + gutter);
    const left = gutter + (picture % columns) * (width * scale + gutter);
    const target = image.data.subarray((top * image.width + left) * channels);
    draw(pictures.subarray(picture * values, (picture + 1) * values), options, target, image.width);
    drawnBytes += values * scale * scale;
    if (drawnBytes <= smallBytes) continue;
    drawnBytes = 0;
    await setImmediate();
  }
  if (image.data.length <= smallBytes) return PNG.sync.write(image, settings);
  const parts: Buffer[] = [];
  image.on('data', (part: Buffer) => parts.push(part));
  await once(image.pack(), 'end');
  return Buffer.concat(parts);
}

/** Draws one picture at the start of `target`, whose rows are `stride` pixels apart. */
function draw(picture: Float32Array, { shape, range }: GridOptions, target: Uint8Array, stride: number): void {
  const [height, width, channels = 1] = shape;
  const [black, white] = range;
  for (let y = 0; y < height * scale; y += 1) {
    for (let x = 0; x < width * scale; x += 1) {
      for (let channel = 0; channel < channels; channel += 1) {
        const value = picture[(Math.floor(y / scale) * width + Math.floor(x / scale)) * channels + channel]!;
        target[(y * stride + x) * channels + channel] = level((value - black) / (white - black));
      }
    }
  }
}

function level(fraction: number): number {
  if (!(fraction > 0)) return 0;
  return fraction < 1 ? Math.round(fraction * 255) : 255;
}
