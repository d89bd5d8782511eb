/** From `--data PATH` to a dataset: what is there decides the format. */
import type { Dataset, Split } from './dataset.ts';
import { openIdx } from './idx-dataset.ts';

export interface DataRequest {
  /** `--data`; undefined for the embedded MNIST. */
  readonly path: string | undefined;
  readonly split: Split;
}

/** Throws `data-invalid`. */
export async function openDataset({ path, split }: DataRequest): Promise<Dataset> {
  return openIdx(split, path);
}
