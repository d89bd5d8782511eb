/** The dashboards, the rules and the configuration on the real thing: a Prometheus that finds and scrapes a run of four workers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startRun } from '../e2e/harness.ts';
import { eventsNamed, stepsDone } from '../e2e/scenarios.ts';
import { type Prometheus, type Series, skipWithoutPrometheus, startPrometheus } from './prometheus.ts';
import { dashboards, drawn, rules, selectors, substituted } from './sources.ts';

/** Seconds that are looked back. Scrapes come every second, so that the intervals for rates are as in Grafana: four scrapes. */
const lookBack = 120;
const variables = { job: '.+', run: '.+', worker: '.+', __rate_interval: '4s', __interval: '1s', __range: `${lookBack}s` };

/** Questions that may have no answer: most machines that run tests have no GPU. All others must have one. */
const unanswered = /: (GPU|Which GPUs)/;

interface Question {
  readonly where: string;
  readonly answer: (prometheus: Prometheus) => Promise<readonly unknown[]>;
}

const isThere = ({ points }: Series): boolean => points.some(([, value]) => !Number.isNaN(value));
const ranged =
  (expr: string): Question['answer'] =>
  async (prometheus) =>
    (await prometheus.range(substituted(expr, variables), lookBack)).filter(isThere);

/** Everything that a person who opens the dashboards asks, and what the rules read. An alert is empty while all is well: its parts are asked. */
const questions: readonly Question[] = [
  ...drawn.flatMap(({ where, targets = [] }) =>
    targets.map(({ refId, expr, instant }) => ({
      where: `${where} ${refId}`,
      answer: instant
        ? async (prometheus: Prometheus) => (await prometheus.instant(substituted(expr, variables))).filter(isThere)
        : ranged(expr),
    })),
  ),
  ...dashboards.flatMap(({ file, annotations }) =>
    (annotations.list ?? []).map(({ name, expr }) => ({ where: `${file}: ${name}`, answer: ranged(expr) })),
  ),
  ...dashboards.flatMap(({ file, templating }) =>
    (templating.list ?? []).flatMap(({ name, definition }) => {
      const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(substituted(definition ?? '', variables)) ?? [];
      if (selector === undefined) return [];
      return [
        {
          where: `${file}: variable ${name}`,
          answer: async (prometheus: Prometheus) => (await prometheus.ask(`label/${label}/values`, { 'match[]': selector })) as string[],
        },
      ];
    }),
  ),
  ...rules.flatMap(({ record, alert, expr }) =>
    record === undefined
      ? selectors(expr).map(({ metric, matchers }) => ({ where: `${alert}: ${metric}`, answer: ranged(`${metric}${matchers}`) }))
      : [{ where: record, answer: ranged(record) }],
  ),
];

test(
  'a real Prometheus answers every panel, annotation, variable and rule, and sees a worker die',
  { skip: skipWithoutPrometheus },
  async (t) => {
    const settings = ['--shards', '4', '--batch-size', '16', '--grid-every', '0', '--checkpoint-every', '20', '--steps', '1000000'];
    const run = await startRun(t, { args: [...settings, '--workers', '4', '--spawn', '--backend', 'wasm'] });
    const prometheus = await startPrometheus(t, `${await run.metricsUrl()}/sd`);
    await stepsDone(run, 20);
    await eventually(run, 'scrapes of four workers', async () => {
      const [workers] = await prometheus.instant('run:lockstep_workers:sum');
      return workers?.points[0]?.[1] === 4;
    });

    // Spawned workers are started again at once; each new life of this one is ended too, until the alert has seen it.
    const { worker } = (await eventsNamed(run, 'worker-joined'))[0]!;
    const killed = new Set<number>();
    await eventually(run, 'a pending alert', async () => {
      for (const joined of await eventsNamed(run, 'worker-joined')) {
        const pid = joined['pid'] as number;
        if (joined['worker'] !== worker || killed.has(pid)) continue;
        killed.add(pid);
        process.kill(pid, 'SIGKILL');
      }
      const { alerts } = (await prometheus.ask('alerts')) as { alerts: { labels: Record<string, string>; state: string }[] };
      return alerts.some(({ labels, state }) => labels['alertname'] === 'LockstepWorkerLost' && state === 'pending');
    });

    let open = questions;
    const places = (): string[] => open.map(({ where }) => where).filter((where) => !unanswered.test(where));
    await eventually(run, 'answers', async () => {
      const answers = await Promise.all(open.map((question) => question.answer(prometheus)));
      open = open.filter((_, index) => answers[index]!.length === 0);
      return places().length === 0;
    }).catch((error: unknown) => assert.deepEqual(places(), [], String(error)));
    const { groups } = (await prometheus.ask('rules')) as { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
    for (const { name, health, lastError } of groups.flatMap((group) => group.rules)) assert.equal(health, 'ok', `${name}: ${lastError}`);
  },
);
