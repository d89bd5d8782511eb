/** The live page: listens to the stream, keeps what it says, and draws it. Comes back by itself when the stream breaks. */
import type { RunMessage } from '../live/messages.ts';
import { createCharts } from './charts.ts';
import { createPictures } from './pictures.ts';
import { type Run, takeMessage } from './runs.ts';
import { createStallWatch, drawSummary } from './summary.ts';

const retryMs = { first: 500, most: 5_000 };
const stallCheckMs = 1_000;

const runs: (Run | undefined)[] = [];
const charts = createCharts();
const pictures = createPictures();
const watchForStalls = createStallWatch();
let isConnected = false;
let waitMs = retryMs.first;
let isDrawing = false;

/** Once a frame, however many messages came. */
function draw(): void {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    const known = runs.filter((run) => run !== undefined);
    // Until every run has been told of, there is only the state to show.
    if (known.length < runs.length || known.length === 0) return;
    drawSummary(known, isConnected);
    pictures.draw(known);
    charts.draw(known);
  });
}

// Browsers differ in when they stop trying to reach a server that is down, so this never leaves it to them.
function connect(): void {
  const source = new EventSource('/events');
  source.addEventListener('message', ({ data }) => {
    isConnected = true;
    waitMs = retryMs.first;
    takeMessage(runs, JSON.parse(data as string) as RunMessage);
    draw();
  });
  source.addEventListener('error', () => {
    source.close();
    isConnected = false;
    draw();
    setTimeout(connect, waitMs);
    waitMs = Math.min(waitMs * 2, retryMs.most);
  });
}

setInterval(
  () =>
    watchForStalls(
      runs.filter((run) => run !== undefined),
      isConnected,
    ),
  stallCheckMs,
);
connect();
