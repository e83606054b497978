/** The agent of the test container: a script of its own, because the container has only Node.js. */
import * as v from 'valibot';

/** The output of the script, after {@link reportPrefix}. */
export const CheckReport = v.object({
  url: v.string(),
  durationMs: v.number(),
  /** The HTTP status of the server's response. */
  status: v.optional(v.number()),
  /** Whether the response is one of the API. */
  isFromApi: v.optional(v.boolean()),
  /** Why there is no response. */
  code: v.optional(v.string()),
  message: v.optional(v.string()),
});
export type CheckReport = v.InferOutput<typeof CheckReport>;

export const reportPrefix = 'plan42-check ';

/** Reads `{"url"}` from standard input, calls the server as an agent would, and prints a {@link CheckReport}. */
export const checkScript = `
let input = '';
process.stdin.setEncoding('utf8').on('data', (text) => { input += text; }).on('end', async () => {
  const base = (process.env.PLAN42_URL || JSON.parse(input).url).replace(/\\/$/, '');
  // The clock of the program does not exist in the container.
  const watch = globalThis.performance;
  const start = watch.now();
  const finish = (result) => {
    const durationMs = Math.round(watch.now() - start);
    process.stdout.write('${reportPrefix}' + JSON.stringify({ url: base, durationMs, ...result }) + '\\n', () => process.exit(0));
  };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(base + '/v1/current-user', { redirect: 'manual', signal: AbortSignal.timeout(5000) });
      const text = await response.text();
      let body;
      try { body = JSON.parse(text); } catch {}
      return finish({ status: response.status, isFromApi: typeof body === 'object' && body !== null && 'ResponseCode' in body });
    } catch (error) {
      let cause = error;
      while (cause.cause) cause = cause.cause;
      // The network of the container, or the server's address on it, may need a moment.
      const isTransient = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'].includes(cause.code);
      if (!isTransient || attempt === 4) return finish({ code: String(cause.code ?? cause.name), message: cause.message });
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
});
`;

/** In a packaged executable the name by which it is called selects the program; this one runs the script of its argument. */
export const interpreterName = 'plan42-run-script';
