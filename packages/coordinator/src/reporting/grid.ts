/**
 * Draws generated pictures as one PNG: a grid on a grey ground, each pixel enlarged so that a person can see it.
 *
 * Responsible for: mapping values to grey levels, layout and encoding. Not responsible for: making pictures, or writing files.
 * The bytes are a function of the pictures and options alone; zlib settings are fixed (another zlib build may compress differently,
 * the pixels stay the same).
 */
import { PNG } from 'pngjs';

export interface GridOptions {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** The first value is black, the second white, linear between; values outside are clamped and NaN is black. */
  readonly range: readonly [number, number];
  /** Pictures beside each other. */
  readonly columns: number;
}

const scale = 2;
const gutter = 2;
const groundLevel = 96;
const grayscale = 0;
const encoding = {
  colorType: grayscale,
  inputColorType: grayscale,
  inputHasAlpha: false,
  bitDepth: 8,
  filterType: 0,
  deflateLevel: 9,
  deflateStrategy: 0,
} as const;

/** `pictures` has shape [count, height, width], one channel. An incomplete last row is left grey. */
export function encodeGrid(pictures: Float32Array, options: GridOptions): Buffer {
  const { count, height, width, columns } = options;
  if (pictures.length !== count * height * width || count < 1 || columns < 1) {
    throw new Error(`${pictures.length} values are not ${count} pictures of ${height} x ${width}`);
  }
  const rows = Math.ceil(count / columns);
  const image = new PNG({
    width: columns * (width * scale + gutter) + gutter,
    height: rows * (height * scale + gutter) + gutter,
  });
  // pngjs allocates four bytes a pixel; grayscale input has one.
  image.data = Buffer.alloc(image.width * image.height, groundLevel);
  for (let picture = 0; picture < count; picture += 1) {
    const top = gutter + Math.floor(picture / columns) * (height * scale + gutter);
    const left = gutter + (picture % columns) * (width * scale + gutter);
    const first = picture * height * width;
    draw(pictures.subarray(first, first + height * width), options, image.data.subarray(top * image.width + left), image.width);
  }
  return PNG.sync.write(image, encoding);
}

/** Draws one picture at the start of `target`, whose rows are `stride` bytes apart. */
function draw(picture: Float32Array, { height, width, range }: GridOptions, target: Uint8Array, stride: number): void {
  const [black, white] = range;
  for (let y = 0; y < height * scale; y += 1) {
    for (let x = 0; x < width * scale; x += 1) {
      const value = picture[Math.floor(y / scale) * width + Math.floor(x / scale)]!;
      target[y * stride + x] = greyLevel((value - black) / (white - black));
    }
  }
}

function greyLevel(fraction: number): number {
  if (!(fraction > 0)) return 0;
  return fraction < 1 ? Math.round(fraction * 255) : 255;
}
