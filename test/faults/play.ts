/** Plays a fault plan, and compares the run's end with that of a run that nothing disturbed: weights and losses. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { TestContext } from 'node:test';
import { eventually, startRun, temporaryDirectory } from '../e2e/harness.ts';
import { eventsNamed, hold, type Outcome, stepsDone } from '../e2e/scenarios.ts';
import { assertNothingLeft, tracesOf } from '../e2e/processes.ts';
import { type Cluster, shape, startCluster } from './cluster.ts';
import { deeds, mountSmallDisk, placeOf, programOf, ruleOf } from './deeds.ts';
import type { Entry, Evidence, Moment, Scenario } from './plan.ts';
import { recipeWithKnobs } from './recipe.ts';
import { needsFaketime } from './tools.ts';

export const steps = 120;

let reference: Promise<Outcome> | undefined;
/** Computed once per process. */
export function undisturbedFor(t: TestContext): Promise<Outcome> {
  reference ??= undisturbed(t, steps);
  return reference;
}

export async function undisturbed(t: TestContext, length: number): Promise<Outcome> {
  const recipe = await recipeWithKnobs(t);
  const alone = ['--workers', '1', '--spawn', '--backend', 'wasm', '--recipe', recipe, '--steps', String(length)];
  const run = await startRun(t, { args: [...shape, ...alone], patienceMs: 900_000 });
  const { weightsSha256 } = await run.completed();
  return { weightsSha256, losses: await run.losses() };
}

export async function play(t: TestContext, scenario: Scenario): Promise<void> {
  const { workers = ['a', 'b'], carrier = 'inline', args = [], environment = {}, messages = [], entries = [], shows = [] } = scenario;
  const { diskMegabytes, clock, late = [] } = scenario;
  if (clock !== undefined && needsFaketime !== undefined) return t.skip(needsFaketime);
  const place = diskMegabytes === undefined ? await temporaryDirectory(t) : await mountSmallDisk(t, diskMegabytes);
  if (place === undefined) return t.skip('needs to mount a tmpfs (root)');
  const expected = undisturbedFor(t);
  const cluster = await startCluster(t, { steps, workers, carrier, args: ['--checkpoint-every', '20', ...args], place, clock });
  const traces = await tracesOf(cluster.run, cluster.temporary);
  const rules = messages.map((each) => {
    const rule = ruleOf(each.message, each.do, each.nth, each.times);
    placeOf(cluster, each.of).frames.rules.push(rule);
    return rule;
  });
  // Before anybody starts: a message may pass at any time from then on.
  const moments = entries.map(({ at }) => (at !== undefined && 'message' in at ? passing(cluster, at) : undefined));
  for (const each of cluster.places) {
    Object.assign(each.environment, environment[each.name]);
    if (!late.includes(each.name)) each.start();
  }
  for (const [index, entry] of entries.entries()) {
    await (moments[index] ?? moment(cluster, entry.at));
    await deeds[entry.do](cluster, entry);
    if (entry.at !== undefined && 'phase' in entry.at && entry.do !== 'kill') deeds.continue(cluster, { to: entry.at.of });
  }
  const { weightsSha256 } = await cluster.run.completed();
  assert.deepEqual(weightsSha256, (await expected).weightsSha256);
  assert.deepEqual(await cluster.run.losses(), (await expected).losses);
  for (const [index, rule] of rules.entries()) assert.equal(rule.done, rule.times, `message fault ${index} happened`);
  for (const evidence of shows) assert.ok(await isShown(cluster, evidence), `no evidence of ${describe(evidence)}`);
  await assertNothingLeft(traces);
}

/** Resolves once the message has passed. */
function passing(cluster: Cluster, { message, nth, of }: Extract<Moment, { message: unknown }>): Promise<void> {
  return new Promise((resolve) => {
    const rule = ruleOf(message, 'drop', nth);
    placeOf(cluster, of).frames.rules.push({ ...rule, mangle: (frames, send) => (send(frames), resolve()) });
  });
}

async function moment(cluster: Cluster, at: Entry['at']): Promise<void> {
  const { run } = cluster;
  if (at === undefined) return;
  if ('step' in at) return stepsDone(run, at.step);
  if ('event' in at) {
    const { event, times = 1 } = at;
    await eventually(run, `${times} times ${event}`, async () => (await eventsNamed(run, event)).length >= times);
    return;
  }
  if ('says' in at) {
    const program = programOf(cluster, at.by);
    await eventually(program, String(at.says), () => at.says.test(program.output()));
  } else if ('phase' in at) await hold(run, { pid: programOf(cluster, at.of).child.pid!, name: at.of }, at.phase);
}

async function isShown(cluster: Cluster, evidence: Evidence): Promise<boolean> {
  if ('says' in evidence) return evidence.says.test(programOf(cluster, evidence.by).output());
  const events = await eventsNamed(cluster.run, evidence.event);
  return events.some((line) => Object.entries(evidence.with ?? {}).every(([field, value]) => isDeepStrictEqual(line[field], value)));
}

function describe(evidence: Evidence): string {
  return 'says' in evidence ? String(evidence.says) : JSON.stringify(evidence);
}
