/** A headless Chromium for tests of the live page. */
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const places = [process.env['LOCKSTEP_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = places.find((place) => place !== undefined && existsSync(place));

/** Why tests are skipped; false where there is a Chromium, or where one is demanded. */
export const noChromium: string | false =
  executablePath === undefined && process.env['LOCKSTEP_REQUIRE_CHROMIUM'] !== '1' && 'Chromium is not here (Debian: chromium)';

export async function startBrowser(): Promise<Browser> {
  // Without its sandbox, as root in containers; it opens nothing but the page under test.
  return chromium.launch({ ...(executablePath === undefined ? {} : { executablePath }), args: ['--no-sandbox'] });
}

export interface OpenPage {
  readonly page: Page;
  /** What the console and uncaught errors said, but for addresses of `gone`: a coordinator that is down cannot be reached. */
  readonly errors: string[];
}

export async function openPage(t: TestContext, browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') errors.push(`${message.text()} ${message.location().url}`);
  });
  await page.goto(url);
  return { page, errors };
}
