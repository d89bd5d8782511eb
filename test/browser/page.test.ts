/** The live page in a real browser, on a real run: draws, goes on, comes back, and can be used by everybody. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { runaway } from '../e2e/exit-codes.ts';
import { eventually, start, startRun, startWorker, temporaryDirectory, within } from '../e2e/harness.ts';
import { startProxy } from '../e2e/proxy.ts';
import { recipeFile, spawnTwo } from '../e2e/scenarios.ts';
import { pauseVariable, slowLoss } from '../e2e/slow-workers.ts';
import { noChromium, openPage, startBrowser } from './browser.ts';

const length = ['--shards', '2', '--batch-size', '16', '--grid-every', '2', '--checkpoint-every', '4'];
const endless = [...length, ...spawnTwo, '--steps', '100000'];
/** A wait of the browser. */
const patience = { timeout: 60_000 };

const stepOf = async (page: Page): Promise<number> =>
  Number((await page.locator('#figures dd').first().textContent())!.split(' ')[0]!.replaceAll(',', ''));
const shows = (page: Page, text: string): Promise<void> => page.locator('#state', { hasText: text }).waitFor(patience);
// Programs for the browser are text: its names are not known to these types.
const isDrawn = (page: Page): Promise<boolean> =>
  page.evaluate<boolean>(`(() => {
    const canvas = document.querySelector('.chart canvas');
    // Read from a copy: of a canvas that is read often, Chromium warns.
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    // Lines are blue or orange, in both themes; everything else on the canvas is grey.
    for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 200 && Math.abs(data[at + 2] - data[at]) > 80) return true;
    return false;
  })()`);
const hasPicture = (page: Page): Promise<boolean> => page.evaluate<boolean>(`document.querySelector('#pictures img')?.naturalWidth > 0`);
const isSideways = (page: Page): Promise<boolean> =>
  page.evaluate<boolean>('document.documentElement.scrollWidth > document.documentElement.clientWidth');
const focused = (page: Page): Promise<string> => page.evaluate<string>('document.activeElement?.id');

async function until(page: Page, what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patience.timeout;
  while (!(await isTrue())) {
    assert.ok(performance.now() < deadline, `waited in vain for ${what}; the page says: ${await page.locator('#state').textContent()}`);
    await page.waitForTimeout(50);
  }
}

async function violations(page: Page): Promise<string[]> {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(source);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
    const found = (await axe.run()).violations;
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
}

describe('live page', { skip: noChromium, concurrency: false, timeout: 300_000 }, () => {
  let browser: Browser;
  before(async () => void (browser = await startBrowser()));
  after(() => browser?.close());

  test('draws a run, goes on with it, and survives a restart of its coordinator', async (t) => {
    const directory = await temporaryDirectory(t).then((place) => `${place}/run`);
    const run = await startRun(t, { args: endless, directory });
    const url = await run.metricsUrl();
    assert.ok(run.output().includes(`Live page at ${url}/\n`), run.output());
    const { page, errors } = await openPage(t, browser, url);
    await shows(page, 'Training');
    await page.locator('.chart canvas').first().waitFor(patience);
    await until(page, 'a curve', () => isDrawn(page));
    const before = await stepOf(page);
    await until(page, 'later steps', async () => (await stepOf(page)) > before + 10);
    await until(page, 'pictures', () => hasPicture(page));
    for (const [id, pattern] of [
      ['phases', /discriminator.* ms/],
      ['workers', /local-0.* ms.* %.*/],
      ['events', /joined/],
    ] as const)
      await until(page, id, async () => pattern.test((await page.locator(`#${id}`).textContent()) ?? ''));
    assert.deepEqual(errors, []);

    run.child.kill('SIGKILL');
    await within(run, 'its death', run.exited);
    await shows(page, 'Connection lost, retrying');
    const resumed = start(t, 'coordinator', ['--resume', '--run-dir', directory, ...spawnTwo, '--metrics-port', new URL(url).port]);
    await shows(page, 'Training');
    await until(page, 'the history of both lives', async () =>
      /term 2[^]*term 1/.test((await page.locator('#events').textContent()) ?? ''),
    );
    const again = await stepOf(page);
    assert.ok(again >= 4, `begins again at step ${again}`);
    await until(page, 'later steps', async () => (await stepOf(page)) > again + 5);
    // Nobody answered meanwhile, which browsers tell the console.
    assert.deepEqual(
      errors.filter((error) => !/^Failed to load resource: net::ERR_|ERR_INCOMPLETE_CHUNKED_ENCODING/.test(error)),
      [],
    );

    resumed.child.kill('SIGTERM');
    await within(resumed, 'its end', resumed.exited);
    await shows(page, 'Stopped: stopped by SIGTERM');
  });

  test('says whom a run waits for, and why it failed', async (t) => {
    const recipe = join(await temporaryDirectory(t), 'runaway.mjs');
    await writeFile(recipe, runaway);
    const run = await startRun(t, { args: ['--recipe', recipe, '--steps', '100', '--shards', '1', '--workers', '1'] });
    const { page } = await openPage(t, browser, await run.metricsUrl());
    await shows(page, 'Waiting: Waiting for 1 of 1 workers');
    await startWorker(t, run, ['--recipe', recipe]);
    await shows(page, 'Failed: The loss of step');
    assert.match((await page.locator('#state').textContent())!, /--learning-rate/);
    await within(run, 'its end', run.exited);
    // What a page shows of a run that has ended stays, whether anybody answers or not.
    await page.waitForRequest('**/events', patience);
    assert.match((await page.locator('#state').textContent())!, /^Failed: /);
  });

  test('names who is late and why, and who is in quarantine for it', async (t) => {
    const recipe = await recipeFile(t, slowLoss);
    const shape = ['--shards', '4', '--batch-size', '16', '--grid-every', '0', '--steps', '100000'];
    const run = await startRun(t, { args: [...shape, '--workers', '4', '--carrier', 'inline', '--recipe', recipe] });
    const endpoint = await run.endpoint();
    const slow = await startProxy(t, endpoint);
    slow.set({ delayMs: 100 });
    const join = (name: string, to: string, environment = {}) =>
      start(t, 'worker', ['--connect', to, '--name', name, '--backend', 'wasm', '--recipe', recipe], environment);
    join('a', endpoint);
    join('b', endpoint);
    join('computes-long', endpoint, { [pauseVariable]: '200' });
    join('far-away', slow.endpoint);
    const { page } = await openPage(t, browser, await run.metricsUrl());
    const note = (name: string): Promise<string | null> =>
      page
        .locator('#workers tr', { has: page.getByText(name, { exact: true }) })
        .locator('td')
        .last()
        .textContent();
    for (const [name, said] of [
      ['computes-long', /^In quarantine\. \d+ ms late: it computes longer$/],
      ['far-away', /^In quarantine\. \d+ ms late: its messages take longer$/],
    ] as const)
      await until(page, name, async () => said.test((await note(name)) ?? ''));
    assert.deepEqual([await note('a'), await note('b')], ['', '']);
    assert.match((await page.locator('#events').textContent())!, /Worker computes-long is in quarantine: /);
    run.child.kill('SIGTERM');
    await within(run, 'its end', run.exited);
  });

  test('of finished runs is served by watch', async (t) => {
    const directory = `${await temporaryDirectory(t)}/run`;
    const run = await startRun(t, { args: [...length, ...spawnTwo, '--steps', '40'], directory });
    await run.completed();
    for (const [runs, count] of [
      [[directory], 1],
      [[directory, directory], 2],
    ] as const) {
      const watching = start(t, 'coordinator', ['watch', '--run-dir', ...runs]);
      const url = await eventually(watching, 'an address', () => /Live page at (\S+)/.exec(watching.output())?.[1]);
      await (count === 1 ? oneRun : severalRuns)(t, browser, url);
      watching.child.kill('SIGTERM');
      assert.equal((await within(watching, 'its end', watching.exited)).code, 0);
    }
  });
});

async function oneRun(t: TestContext, browser: Browser, url: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page, errors } = await openPage(t, browser, url, { colorScheme });
    await shows(page, 'Finished: All 40 steps are done.');
    await until(page, 'a curve', () => isDrawn(page));
    assert.deepEqual(await violations(page), [], colorScheme);
    assert.deepEqual(errors, []);
  }
  const phone = await openPage(t, browser, url, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await shows(phone.page, 'Finished');
  await until(phone.page, 'a curve', () => isDrawn(phone.page));
  assert.equal(await isSideways(phone.page), false);
  await scrubs(phone.page);
}

/** By keyboard alone: from the newest pictures to earlier ones and back. */
async function scrubs(page: Page): Promise<void> {
  const shown = async (): Promise<string> => (await page.locator('#pictures img').getAttribute('src'))!.split('?')[0]!;
  assert.equal(await shown(), '/grids/0/step-000040.png');
  for (let presses = 0; (await focused(page)) !== 'step'; presses += 1) {
    assert.ok(presses < 20, 'the scrubber can be reached with the Tab key');
    await page.keyboard.press('Tab');
  }
  for (const [key, step] of [
    ['ArrowLeft', 38],
    ['Home', 2],
    ['ArrowRight', 4],
    ['End', 40],
  ] as const) {
    await page.keyboard.press(key);
    assert.equal(await shown(), `/grids/0/step-0000${String(step).padStart(2, '0')}.png`, key);
    assert.equal(await page.locator('#step').getAttribute('aria-valuetext'), `step ${step}`);
  }
}

async function severalRuns(t: TestContext, browser: Browser, url: string): Promise<void> {
  const { page, errors } = await openPage(t, browser, url);
  await shows(page, '2 of 2 runs have ended.');
  await until(page, 'a curve', () => isDrawn(page));
  assert.equal(await page.locator('#runs tr').count(), 2);
  assert.equal(await page.locator('#pictures figure').count(), 2);
  assert.equal(await page.locator('.chart').first().locator('.swatch').count(), 4);
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(errors, []);
}
