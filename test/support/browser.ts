import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';

export interface PageOptions {
  /** The only origin that the page may send requests to. */
  origin: string;
  width?: number;
  /** Accepts every certificate. */
  anyCertificate?: boolean;
  colorScheme?: 'light' | 'dark';
}

/** A tab in a profile of its own. Disposal closes it, and throws on any error, dialog or foreign request in it. */
export interface WatchedPage extends AsyncDisposable {
  page: Page;
  /** Returns the current findings of axe-core, one line per rule. */
  accessibilityProblems(): Promise<string[]>;
}

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Debian's Chromium, if it is installed. */
export const chromiumPath = '/usr/bin/chromium';

/** Starts it without a window, in a new profile. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath, headless: true, args: flags });
}

export async function openPage(browser: Browser, options: PageOptions): Promise<WatchedPage> {
  const { origin, width = 1100, colorScheme = 'light', anyCertificate = false } = options;
  const context = await browser.newContext({
    colorScheme,
    viewport: { width, height: 800 },
    ignoreHTTPSErrors: anyCertificate,
  });
  const problems: string[] = [];
  await context.route('**/*', (route) => {
    if (new URL(route.request().url()).origin === origin) return route.continue();
    problems.push(`request to ${route.request().url()}`);
    return route.abort();
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on('pageerror', (error) => problems.push(`error: ${error.stack ?? error.message}`));
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    // Failed requests are expected: a server that is down, a log that does not exist yet.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) problems.push(message.text());
  });
  return {
    page,
    accessibilityProblems: () => checkAccessibility(page),
    [Symbol.asyncDispose]: async () => {
      await context.close();
      if (problems.length > 0) throw new Error(`in the page: ${problems.join('\n')}`);
    },
  };
}

interface AxeResult {
  violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
}

async function checkAccessibility(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResult>('axe.run()');
  return violations.map(({ id, nodes }) => {
    const [first] = nodes;
    return `${id}: ${first?.target.join(' ')}: ${first?.failureSummary}`;
  });
}
