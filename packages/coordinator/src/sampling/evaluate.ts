/** `coordinator evaluate`: scores of what a trained model draws, as evaluation.json and report.html. The same seed gives the same digits. */
import { join, resolve } from 'node:path';
import { checkGiven, defaultsOf, LockstepError, type OptionTable, parseCommandLine, text, version, whole } from '@lockstep/shared';
import { type Field, fieldBytes } from '../data/dataset.ts';
import { type DataRequest, openDataset } from '../data/open-dataset.ts';
import { makeDirectory, writeFileAtomically } from '../disk/files.ts';
import { encodeGrid } from '../reporting/grid.ts';
import { hashesOf, trainedNetworks } from '../run/results.ts';
import { flatSha256 } from '../run/summary.ts';
import { type Rows, rowsOf } from '../scores/distances.ts';
import { drawingTable, drawWith, type Pictures } from './drawing.ts';
import type { DrawPictures } from './draw-pictures.ts';
import { type Compared, type Evaluation, evaluate as score } from './evaluation.ts';
import { fieldOfPictures } from './layout.ts';
import { type ReportPicture, renderReport } from './report.ts';

/** Of training, no more are compared: MNIST's, and what fits into memory. */
const mostTraining = 60_000;

const evaluateTable = {
  ...drawingTable,
  count: { type: 'number', default: 10_000, describe: 'how many pictures are drawn and compared', check: whole(64, 50_000) },
  test: {
    type: 'number',
    default: 10_000,
    describe: 'how many pictures of the test split are compared, at most',
    check: whole(1, 1_000_000),
  },
  to: {
    type: 'string',
    default: undefined,
    defaultDescription: 'evaluation/ in the run directory',
    describe: 'the directory for the files',
    check: text,
  },
} as const satisfies OptionTable;

const usage = {
  name: 'coordinator evaluate',
  synopsis: 'coordinator evaluate [--run-dir DIR] [--step S]',
  purpose: 'Scores what a trained model draws: evaluation.json, and report.html with pictures and how each score was computed.',
  examples: [['coordinator evaluate --run-dir runs/mine', 'the scores of the newest checkpoint']],
  version,
} as const;

export async function evaluate(argv: readonly string[], drawPictures: DrawPictures): Promise<number> {
  const typed = await parseCommandLine(argv, evaluateTable, usage);
  const options = { ...defaultsOf(evaluateTable), ...checkGiven(evaluateTable, typed) };
  return drawWith(options, drawPictures, async (pictures) => {
    const { run, name, log } = pictures;
    const compared = await compare(pictures, options.test);
    const evaluation = await score(compared, log);
    const directory = resolve(options.to ?? join(run.path, 'evaluation', name));
    await makeDirectory(directory);
    const facts = await factsOf(pictures, options.seed);
    const json = { ...facts, ...evaluation };
    await writeFileAtomically(join(directory, 'evaluation.json'), `${JSON.stringify(json, undefined, 2)}\n`);
    const report = {
      title: `Evaluation of ${facts.runId}`,
      facts: shown(facts),
      scores: evaluation.scores,
      pictures: await picturesOf(pictures, compared, evaluation),
    };
    await writeFileAtomically(join(directory, 'report.html'), renderReport(report));
    for (const { name: what, value, standardError, unit } of evaluation.scores)
      log.info(`${what}: ${value.toPrecision(5)}${standardError === undefined ? '' : ` +- ${standardError.toPrecision(2)}`} ${unit}`);
    log.info(`Report: ${join(directory, 'report.html')}`);
  });
}

/** Pictures of the model, the training split and the test split, all in [0, 1]. */
async function compare({ run, layout, drawn }: Pictures, mostTest: number): Promise<Compared> {
  const { recipe, dataset } = run.prepared;
  const field = fieldOfPictures(recipe, dataset);
  const [low, high] = layout.range;
  const samples = rowsOf(
    drawn.pictures.map((value) => (value - low) / (high - low)),
    drawn.pictures.length / layout.count,
  );
  const { data: path, pictureSize } = run.options;
  const training = await pixelsOf({ path, split: 'train', pictureSize }, field, mostTraining);
  return { samples, training, test: await pixelsOf({ path, split: 'test', pictureSize }, field, mostTest), shape: layout.shape };
}

/** The first pictures of a dataset, at most so many, in [0, 1]. */
async function pixelsOf(request: DataRequest, field: Field, most: number): Promise<Rows> {
  const dataset = await openDataset(request);
  try {
    if (dataset.fields.every(({ name, shape }) => name !== field.name || shape.join() !== field.shape.join()))
      throw new LockstepError(
        'data-invalid',
        `${dataset.source}: the ${request.split} split has no field '${field.name}' of shape [${field.shape.join(', ')}], as the run has.`,
      );
    const ids = Uint32Array.from({ length: Math.min(most, dataset.count) }, (_, id) => id);
    const bytes = new Uint8Array(ids.length * fieldBytes(field));
    dataset.read(field.name, ids, bytes);
    return rowsOf(
      Float32Array.from(bytes, (value) => value / 255),
      fieldBytes(field),
    );
  } finally {
    dataset.close();
  }
}

async function factsOf({ run: { checkpoint, prepared }, drawn, layout }: Pictures, seed: number) {
  return {
    runId: checkpoint.runId,
    recipe: prepared.recipe.name,
    step: checkpoint.cursor.step,
    ...(await hashesOf(trainedNetworks(checkpoint))),
    dataset: prepared.dataset.source,
    datasetSha256: prepared.dataset.sha256,
    samples: layout.count,
    seed,
    backend: drawn.backend,
    samplesSha256: await flatSha256(drawn.pictures),
  };
}

function shown(facts: Awaited<ReturnType<typeof factsOf>>): (readonly [string, string])[] {
  return [
    ['Recipe', `${facts.recipe}, step ${facts.step}`],
    [
      'Weights, SHA-256',
      Object.entries(facts.weightsSha256)
        .map(([network, hash]) => `${network} ${hash}`)
        .join(', '),
    ],
    ['Data', `${facts.dataset}, SHA-256 ${facts.datasetSha256}`],
    ['Pictures', `${facts.samples}, seed ${facts.seed}, drawn by ${facts.backend}`],
  ];
}

/** Pictures beside each other in the report. */
const columns = 16;
const gridPictures = 128;

async function picturesOf(
  { layout, drawn }: Pictures,
  { samples, training }: Compared,
  { neighbours }: Evaluation,
): Promise<ReportPicture[]> {
  const { shape, range } = layout;
  const length = samples.width;
  const count = Math.min(gridPictures, layout.count);
  const grid = await encodeGrid(drawn.pictures.subarray(0, count * length), { count, shape, range, columns });
  // Pairs: a row of pictures, and below it the row of their neighbours.
  const perRow = Math.min(columns, neighbours.length);
  const pairs = neighbours.slice(0, perRow);
  const both = new Float32Array(2 * perRow * length);
  for (const [index, { sample, training: nearest }] of pairs.entries()) {
    both.set(samples.values.subarray(sample * length, (sample + 1) * length), index * length);
    both.set(training.values.subarray(nearest * length, (nearest + 1) * length), (perRow + index) * length);
  }
  const neighbourGrid = await encodeGrid(both, { count: 2 * perRow, shape, range: [0, 1], columns: perRow });
  return [
    { title: 'Pictures of the model', caption: `The first ${count}, not chosen.`, png: grid },
    {
      title: 'Nearest training pictures',
      caption:
        'Above: pictures of the model that lie nearest to a training picture. Below: that training picture. Equal pairs would mean that the model has memorised.',
      png: neighbourGrid,
    },
  ];
}
