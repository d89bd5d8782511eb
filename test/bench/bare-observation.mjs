/** What `bare.mjs` puts in the place of the coordinator's observing: the same functions, which do nothing. */
import { metricTable } from '../../packages/coordinator/dist/metrics/table.js';

const nothing = () => {};
const instrument = { inc: nothing, set: nothing, observe: nothing };

export const createMetrics = () => ({
  registry: { metrics: nothing },
  instruments: Object.fromEntries(Object.keys(metricTable).map((name) => [name, instrument])),
  planned: nothing,
  runsOn: nothing,
  stage: nothing,
  roundCommitted: nothing,
  stepCommitted: nothing,
  workers: nothing,
  workerJoined: nothing,
  workerLeft: nothing,
  workerLabel: (name) => name,
  checkpointWritten: nothing,
});

export const createWorkerTimes = () => ({
  beginRound: nothing,
  assigned: nothing,
  answered: nothing,
  committed: nothing,
  left: nothing,
  standing: nothing,
});

export const createLiveFigures = () => ({ measured: nothing, committed: nothing, stepCompleted: nothing });
